"""nilearn's thresholds and group maps are those of its own functions on images."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm import threshold_stats_img
from nilearn.glm.second_level import SecondLevelModel
from scipy import stats

from bidsglm.backends import nilearn_glm, nilearn_inference
from bidsglm.backends.nilearn_inference import infer, z_thresholds
from bidsglm.backends.z_inference import stat_thresholds
from bidsglm.data import ContrastMaps, GroupDesign, Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification
from tests.backends.second_levels import design_of, second_level

SHAPE = (8, 9, 7)
AFFINE = np.diag([3.0, 3.0, 2.0, 1.0])
RELATIVE = 1e-6
"""What the project promises against nilearn on images."""
N_SUBJECTS = 12


def z_map(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """z with an active corner, and its mask."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(SHAPE).astype(np.float32)
    z[1:4, 1:4, 1:4] += 5
    mask = np.ones(SHAPE, dtype=bool)
    mask[-1] = False
    z[~mask] = 0
    return z, mask


def test_thresholds_equal_those_of_threshold_stats_img():
    z, mask = z_map()
    mask_img = nib.Nifti1Image(mask.astype(np.uint8), AFFINE)
    found = z_thresholds(z[mask])
    for control, alpha, ours in (
        ("fpr", 0.001, found.p001),
        ("fdr", 0.05, found.fdr05),
        ("bonferroni", 0.05, found.fwe05),
    ):
        _, theirs = threshold_stats_img(
            nib.Nifti1Image(z, AFFINE), mask_img, alpha=alpha, height_control=control, two_sided=False
        )
        assert ours == pytest.approx(theirs, rel=1e-12)


def maps_of(
    z: np.ndarray, voxels: np.ndarray, test: str = "t", dof: tuple[float, ...] = (30.0,)
) -> ContrastMaps:
    p = stats.norm.sf(z[voxels].astype(float))
    stat = stats.t.isf(p, *dof) if test == "t" else stats.f.isf(p, *dof)
    spec = ContrastSpecification("go", "go", ("trial_type.go",), np.eye(1), test)
    return ContrastMaps(spec, (0,), None, None, stat, z[voxels].astype(float), p, dof)


@pytest.mark.parametrize(("test", "dof"), [("t", (30.0,)), ("F", (2.0, 30.0))])
def test_thresholds_of_the_statistic_keep_the_voxels_of_those_of_z(test, dof):
    z, mask = z_map()
    found = z_thresholds(z[mask])
    maps = maps_of(z, mask, test, dof)
    for of_z, of_stat in zip(found, stat_thresholds(found, dof), strict=True):
        np.testing.assert_array_equal(maps.stat > of_stat + RELATIVE, z[mask] > of_z + RELATIVE)


def test_table_carries_statistic_and_p_of_its_peaks():
    z, mask = z_map()
    voxels = np.ones(SHAPE, dtype=bool)
    voxels[0] = False
    maps = maps_of(z, voxels)
    found = infer([maps], mask[voxels], Volume(SHAPE, AFFINE, voxels)).contrasts[0]
    assert found.clusters
    for cells in found.clusters:
        voxel = np.linalg.inv(AFFINE) @ (cells["x_mm"], cells["y_mm"], cells["z_mm"], 1)
        at = tuple(np.rint(voxel[:3]).astype(int))
        assert cells["z"] == z[at]
        np.testing.assert_allclose(cells["stat"], stats.t.isf(stats.norm.sf(float(z[at])), 30), rtol=RELATIVE)
        assert cells["survives_fwe05"] == (abs(cells["stat"]) > found.thresholds.fwe05)
        assert cells["tail"] == ("upper" if cells["stat"] > 0 else "lower")
        assert cells["cluster_mm3"] == cells["cluster_voxels"] * 18


def subjects(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((N_SUBJECTS, *SHAPE)) + 0.3


@pytest.mark.parametrize(
    ("covariates", "weights"),
    [
        ({}, np.array([1.0])),
        ({"age": 30.0}, np.array([1.0, 0.0])),
        ({"age": 30.0, "score": 2.0}, np.array([0.0, 1.0, -0.5])),
        ({"age": 30.0, "score": 2.0}, np.eye(3)[1:]),
    ],
)
def test_second_level_equals_second_level_model(covariates, weights):
    rng = np.random.default_rng(2)
    values = {name: rng.normal(mean, 3, N_SUBJECTS) for name, mean in covariates.items()}
    images = subjects()
    mask = z_map()[1]
    design = design_of(N_SUBJECTS, values)
    flat = images.reshape(N_SUBJECTS, -1)
    (ours,) = second_level(nilearn_glm, flat, design, weights, mask.ravel()).maps
    model = SecondLevelModel(mask_img=nib.Nifti1Image(mask.astype(np.uint8), AFFINE))
    model.fit(
        [nib.Nifti1Image(image, AFFINE) for image in images],
        design_matrix=pd.DataFrame(design.matrix, columns=design.names),
    )
    kind = "t" if weights.ndim == 1 else "F"
    theirs = model.compute_contrast(weights, second_level_stat_type=kind, output_type="all")
    names = {"stat": "stat", "z": "z_score", "p": "p_value"}
    if kind == "t":
        names |= {"effect": "effect_size", "variance": "effect_variance"}
    for name, key in names.items():
        expected = theirs[key].get_fdata()[mask]
        given = getattr(ours, name).reshape(SHAPE)[mask]
        np.testing.assert_allclose(given, expected, rtol=RELATIVE, atol=RELATIVE * np.abs(expected).max())


def test_chunks_of_voxels_do_not_change_the_group_maps(monkeypatch):
    images = subjects().reshape(N_SUBJECTS, -1)
    (whole,) = second_level(nilearn_glm, images).maps
    monkeypatch.setattr("bidsglm.backends.nilearn_inference.CHUNK_VALUES", 50 * N_SUBJECTS)
    (parts,) = second_level(nilearn_glm, images).maps
    np.testing.assert_allclose(parts.stat, whole.stat, rtol=RELATIVE)


def test_too_few_subjects_and_no_common_voxel_are_errors():
    with pytest.raises(DataError, match="2 subjects are too few"):
        second_level(nilearn_glm, np.eye(2), design_of(2, {"age": np.array([1.0, 2.0])}))
    with pytest.raises(DataError, match="no voxel has data"):
        second_level(nilearn_glm, np.full((4, 3), np.nan))


def test_two_groups_equal_second_level_model():
    images = subjects()
    first = np.arange(N_SUBJECTS) < 5
    design = GroupDesign(("group.a", "group.b"), np.column_stack([first, ~first]).astype(float))
    (ours,) = second_level(nilearn_glm, images.reshape(N_SUBJECTS, -1), design, np.array([1.0, -1.0])).maps
    model = SecondLevelModel(mask_img=nib.Nifti1Image(np.ones(SHAPE, np.uint8), AFFINE))
    table = pd.DataFrame(design.matrix, columns=["a", "b"])
    model.fit([nib.Nifti1Image(image, AFFINE) for image in images], design_matrix=table)
    theirs = model.compute_contrast("a - b", output_type="all")
    for name, key in {"stat": "stat", "z": "z_score", "effect": "effect_size"}.items():
        expected = theirs[key].get_fdata().ravel()
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=RELATIVE, atol=RELATIVE)


def test_a_peak_at_the_false_discovery_threshold_survives_and_one_at_the_familywise_does_not(monkeypatch):
    z, mask = z_map()
    voxels = np.ones(SHAPE, dtype=bool)
    maps = maps_of(z, voxels)
    volume = Volume(SHAPE, AFFINE, voxels)

    def cells(name: str) -> list:
        rows = infer([maps], mask[voxels], volume).contrasts[0].clusters
        return [row[name] for row in rows if row["tail"] == "upper"]

    heights = cells("z")
    middle = sorted(heights)[len(heights) // 2]
    exact = z_thresholds(z[mask])._replace(fdr05=middle, fwe05=middle)
    monkeypatch.setattr(nilearn_inference, "z_thresholds", lambda z, share: exact)
    assert cells("survives_fdr05") == [height >= middle for height in heights]
    assert cells("survives_fwe05") == [height > middle for height in heights]
