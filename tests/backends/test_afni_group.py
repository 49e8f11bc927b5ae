"""AFNI's group level: ordinary least squares as 3dttest++ makes them, and what survives correction."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bidsglm.backends import afni_glm
from bidsglm.backends.records import ALPHA
from bidsglm.data import GroupDesign, Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification

N_SUBJECTS, SHAPE = 14, (6, 7, 5)
VOLUME = Volume(SHAPE, np.diag([3.0, 3, 3, 1]), np.ones(SHAPE, dtype=bool))
MEAN = ContrastSpecification("mean", "mean", ("mean",), np.ones((1, 1)))
ONE = GroupDesign(("mean",), np.ones((N_SUBJECTS, 1)))
RESPONDING = 12
FLOAT = 1e-6
"""Of float32 maps"""


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Effects of a group: noise, some voxels that respond, one without data in a subject."""
    found = np.random.default_rng(4).standard_normal((N_SUBJECTS, VOLUME.voxels.sum()))
    found[:, :RESPONDING] += 4
    found[3, -1] = np.nan
    return found


def test_one_sample_is_the_t_test_of_each_voxel(images: np.ndarray) -> None:
    found = afni_glm.second_level(images, ONE, [MEAN], VOLUME)
    (maps,) = found.maps
    assert not found.mask[-1]
    assert found.mask.sum() == images.shape[1] - 1
    expected = stats.ttest_1samp(images[:, found.mask], 0)
    assert_allclose(maps.stat[found.mask], expected.statistic, rtol=FLOAT)
    assert_allclose(maps.effect[found.mask], images[:, found.mask].mean(axis=0), rtol=FLOAT, atol=FLOAT)
    assert maps.dof == (N_SUBJECTS - 1,)


def test_two_samples_have_one_variance(images: np.ndarray) -> None:
    groups = np.repeat([[1.0, 0.0], [0.0, 1.0]], N_SUBJECTS // 2, axis=0)
    contrast = ContrastSpecification("a - b", "aMinusB", ("a", "b"), np.array([[1.0, -1.0]]))
    found = afni_glm.second_level(images, GroupDesign(("a", "b"), groups), [contrast], VOLUME)
    (maps,), inside = found.maps, found.mask
    half = N_SUBJECTS // 2
    expected = stats.ttest_ind(images[:half, inside], images[half:, inside], equal_var=True)
    assert_allclose(maps.stat[inside], expected.statistic, rtol=1e-5)
    assert maps.dof == (N_SUBJECTS - 2,)


def test_too_few_subjects_are_refused(images: np.ndarray) -> None:
    with pytest.raises(DataError, match="group model cannot be fitted"):
        afni_glm.second_level(images[:1], GroupDesign(("mean",), np.ones((1, 1))), [MEAN], VOLUME)


@pytest.mark.parametrize("two_sided", [False, True])
def test_corrected_maps_are_bonferronis_and_benjaminis_and_none_of_clusters(
    images: np.ndarray, two_sided: bool
) -> None:
    design = ONE._replace(two_sided=two_sided)
    found = afni_glm.second_level(images, design, [MEAN], VOLUME)
    (maps,), mask = found.maps, found.mask
    each = {
        one.inference: one
        for one in afni_glm.corrected(maps, found.inference.contrasts[0], mask, VOLUME, two_sided)
    }
    assert list(each) == ["voxelFWE", "voxelFDR"]
    p, share = stats.norm.sf(maps.z[mask]), 0.5 if two_sided else 1.0
    assert_allclose(
        each["voxelFWE"].values["upper"][mask], np.minimum(p * p.size / share, 1), rtol=1e-4, atol=1e-9
    )
    fdr = np.minimum(stats.false_discovery_control(p) / share, 1)
    assert_allclose(each["voxelFDR"].values["upper"][mask], fdr, rtol=1e-4, atol=1e-9)
    for one in each.values():
        significant = one.significant["upper"]
        assert (significant[mask] == (one.values["upper"][mask] <= ALPHA)).all()
        assert significant[:RESPONDING].any()
        assert not significant[~mask].any()
        assert not one.significant["lower"].any()
    assert each["voxelFWE"].significant["upper"].sum() <= each["voxelFDR"].significant["upper"].sum()
