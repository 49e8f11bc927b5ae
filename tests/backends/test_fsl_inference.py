"""Inference on FSL's maps: clusters that touch by corners, thresholds of z, corrections, groups."""

import numpy as np
import pytest
from scipy import stats

from bidsglm.backends.fsl_corrected import corrected
from bidsglm.backends.fsl_inference import infer, second_level, z_thresholds
from bidsglm.data import ContrastMaps, GroupDesign, Volume
from bidsglm.errors import DataError
from bidsglm.fsl.zscores import z_of_t
from bidsglm.model import ContrastSpecification
from bidsglm.packages import PACKAGES

SHAPE = (8, 8, 8)
VOLUME = Volume(SHAPE, np.diag([3.0, 3.0, 3.0, 1.0]), np.ones(SHAPE, dtype=bool))
MEAN = ContrastSpecification("mean", "mean", ("mean",), np.ones((1, 1)))
DOF = 60.0


def maps_of(z: np.ndarray) -> ContrastMaps:
    """Maps of a t contrast with some z."""
    p = stats.norm.sf(z.ravel())
    t = stats.t.isf(p, DOF)
    return ContrastMaps(MEAN, (0,), t, np.ones(t.size), t, z.ravel(), p, (DOF,))


def diagonal() -> np.ndarray:
    """Noise, and two voxels of each sign that touch by a corner only."""
    z = np.random.default_rng(0).uniform(-2, 2, SHAPE)
    z[2, 2, 2], z[3, 3, 3] = 8.0, 6.0
    z[5, 5, 5], z[6, 6, 6] = -7.0, -6.5
    return z


def test_voxels_that_share_a_corner_are_one_cluster_in_either_tail() -> None:
    found = infer([maps_of(diagonal())], np.ones(VOLUME.voxels.size, dtype=bool), VOLUME).contrasts[0]
    assert found.facts["Connectivity"] == 26
    assert PACKAGES["fsl"].corners_touch
    assert [(row["tail"], row["cluster_voxels"], row["cluster_mm3"]) for row in found.clusters] == [
        ("upper", 2, 54.0),
        ("lower", 2, 54.0),
    ]
    assert found.clusters[0]["z"] == 8.0
    assert found.clusters[1]["x_mm"] == 15.0
    assert infer([], VOLUME.voxels.ravel(), VOLUME).fwhm_mm is None


def test_thresholds_have_their_error() -> None:
    z = np.random.default_rng(1).standard_normal(4000)
    z[:40] += 5
    found, half = z_thresholds(z), z_thresholds(z, 0.5)
    assert stats.norm.sf(found.p001) == pytest.approx(0.001)
    assert stats.norm.sf(found.fwe05) * z.size == pytest.approx(0.05)
    q = stats.false_discovery_control(stats.norm.sf(z))
    assert found.fdr05 == z[q <= 0.05].min()
    assert all(b >= a for a, b in zip(found, half, strict=True))
    assert z_thresholds(np.zeros(5)).fdr05 == np.inf


def test_corrections_are_bonferroni_and_false_discovery_rate_and_none_of_clusters() -> None:
    mask = np.ones(VOLUME.voxels.size, dtype=bool)
    mask[:50] = False
    maps = maps_of(diagonal())
    found = infer([maps], mask, VOLUME).contrasts[0]
    made = {each.inference: each for each in corrected(maps, found, mask, VOLUME, two_sided=False)}
    assert set(made) == {"voxelFWE", "voxelFDR"}
    inside = maps.z[mask]
    bonferroni = np.minimum(stats.norm.sf(inside) * inside.size, 1)
    np.testing.assert_allclose(made["voxelFWE"].values["upper"][mask], bonferroni)
    assert (made["voxelFWE"].values["upper"][~mask] == 1).all()
    assert [int(made[kind].significant["lower"].sum()) for kind in made] == [2, 2]
    sided = {each.inference: each for each in corrected(maps, found, mask, VOLUME, two_sided=True)}
    np.testing.assert_allclose(sided["voxelFWE"].values["upper"][mask], np.minimum(2 * bonferroni, 1))


def test_group_is_tested_by_least_squares_with_fsls_z() -> None:
    rng = np.random.default_rng(2)
    images = rng.standard_normal((12, VOLUME.voxels.size)) + 0.7
    design = GroupDesign(("mean",), np.ones((12, 1)))
    level = second_level(images.astype(np.float32), design, [MEAN], VOLUME)
    t = stats.ttest_1samp(images.astype(np.float32), 0).statistic
    (maps,) = level.maps
    np.testing.assert_allclose(maps.stat, t, rtol=1e-5)
    np.testing.assert_allclose(maps.z, z_of_t(maps.stat, 11.0), rtol=1e-9)
    np.testing.assert_allclose(maps.p, stats.t.sf(maps.stat, 11), rtol=1e-9)
    groups = GroupDesign(("a", "b"), np.repeat(np.eye(2), 6, axis=0))
    difference = ContrastSpecification("d", "d", ("a", "b"), np.array([[1.0, -1.0]]))
    (maps,) = second_level(images, groups, [difference], VOLUME).maps
    np.testing.assert_allclose(maps.stat, stats.ttest_ind(images[:6], images[6:]).statistic, rtol=1e-5)
    with pytest.raises(DataError, match="too few"):
        second_level(images[:1], GroupDesign(("mean",), np.ones((1, 1))), [MEAN], VOLUME)
