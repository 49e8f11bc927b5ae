import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

from bidsglm.spm.second_level import (
    GroupEstimate,
    group_contrast,
    group_estimate,
    group_mask,
    standardised_residuals,
)
from bidsglm.spm.smoothness import residual_scans, smoothness
from tests.backends.second_levels import group_design
from tests.spm.extras import find_extra, find_extras, read_volume

FLOAT64_RTOL = 1e-12
"""Both sides in float64; sums in another order."""
IMAGE_RTOL = 5e-7
"""Of the map's range: rounding to float32, through two images for t."""
INPUT_OF = {
    "ttest_float": "con",
    "ttest_covariate": "con",
    "ttest_explicit_mask": "con",
    "ttest_int16_implicit": "int16",
    "ttest_int16_noimplicit": "int16",
    "ttest_smooth": "smooth",
}


def test_every_group_model_of_spm_is_tested():
    assert {Path(name).parent.name for name in find_extras("second_level/*/summary.json")} <= set(INPUT_OF)
    assert len(INPUT_OF) == 6


def read_images(kind: str) -> np.ndarray:
    paths = [find_extra(f"second_level/inputs/{kind}_sub-{i:02d}.nii.gz") for i in range(1, 13)]
    images = np.stack([nib.load(path).get_fdata().ravel() for path in paths])
    return images if kind == "int16" else images.astype(np.float32)


def fit(model: str, summary: dict) -> tuple[np.ndarray, GroupEstimate]:
    images = read_images(INPUT_OF[model])
    subjects = json.loads(find_extra("second_level/inputs/subjects.json").read_text())
    covariates = np.array(subjects["age"])[:, None] if "age" in summary["names"] else None
    explicit = None
    if model == "ttest_explicit_mask":
        explicit = read_volume(find_extra("second_level/inputs/explicit_mask.nii.gz")).ravel() > 0
    if model == "ttest_int16_implicit":
        # SPM masks zeros of integer images by default; the maps of this project are float
        explicit = (images != 0).all(axis=0)
    return images, group_estimate(images, group_design(len(images), covariates), explicit)


@pytest.fixture(params=INPUT_OF)
def model(request):
    name = request.param
    summary = json.loads(find_extra(f"second_level/{name}/summary.json").read_text())
    images, estimate = fit(name, summary)

    def reference(map_name: str) -> np.ndarray:
        return read_volume(find_extra(f"second_level/{name}/{map_name}.nii.gz"))

    return summary, images, estimate, reference


def assert_same_map(ours: np.ndarray, theirs: np.ndarray, rtol: float) -> None:
    tolerance = rtol * (np.nanmax(theirs) - np.nanmin(theirs))
    np.testing.assert_allclose(ours, theirs.ravel(), rtol=0, atol=tolerance)


def test_design_mask_and_estimates_equal_spm(model):
    summary, _, estimate, reference = model
    expected = np.reshape(summary["X"], estimate.design.shape)
    np.testing.assert_allclose(estimate.design, expected, rtol=0, atol=FLOAT64_RTOL)
    np.testing.assert_array_equal(estimate.mask, reference("mask").ravel() > 0)
    np.testing.assert_allclose(estimate.dof, summary["erdf"], rtol=FLOAT64_RTOL)
    np.testing.assert_allclose(estimate.residual_mean_square, reference("ResMS").ravel(), rtol=FLOAT64_RTOL)
    for i, beta in enumerate(estimate.betas, start=1):
        assert_same_map(beta, reference(f"beta_{i:04d}"), IMAGE_RTOL)


def test_contrasts_equal_spm(model):
    summary, _, estimate, reference = model
    for i, contrast in enumerate(summary["contrasts"], start=1):
        weights = np.array(contrast["c"], dtype=float, ndmin=1).T
        maps = group_contrast(estimate, weights)
        assert_same_map(maps.stat, reference(f"spm{contrast['STAT']}_{i:04d}"), IMAGE_RTOL)
        expected = contrast["df"] if contrast["STAT"] == "F" else contrast["df"][1:]
        np.testing.assert_allclose(maps.dof, expected, rtol=FLOAT64_RTOL)
        if contrast["STAT"] == "T":
            assert_same_map(maps.effect, reference(f"con_{i:04d}"), IMAGE_RTOL)


def test_smoothness_of_the_residuals_equals_spm(model):
    summary, images, estimate, reference = model
    volume = reference("RPV")
    mask = estimate.mask.reshape(volume.shape)
    residuals = standardised_residuals(images, estimate)
    estimated = smoothness(residuals, mask, len(images), estimate.design.shape[1])
    np.testing.assert_allclose(estimated.resels_per_voxel, volume[mask], rtol=1e-10)
    np.testing.assert_allclose(estimated.search.fwhm_voxels, summary["FWHM"], rtol=FLOAT64_RTOL)
    np.testing.assert_allclose(estimated.search.resels, summary["R"], rtol=FLOAT64_RTOL)
    assert estimated.search.n_voxels == summary["S"]


def test_chunks_do_not_change_the_result(monkeypatch):
    images = np.random.default_rng(0).standard_normal((8, 103)).astype(np.float32)
    whole = group_estimate(images, group_design(8))
    expected = [*standardised_residuals(images, whole)]
    monkeypatch.setattr("bidsglm.spm.second_level.CHUNK_VALUES", 80)
    parts = group_estimate(images, group_design(8))
    np.testing.assert_allclose(parts.betas, whole.betas, rtol=1e-6)
    np.testing.assert_allclose(parts.residual_mean_square, whole.residual_mean_square, rtol=FLOAT64_RTOL)
    np.testing.assert_allclose([*standardised_residuals(images, parts)], expected, atol=FLOAT64_RTOL)


def test_t_is_students_and_f_of_one_row_is_its_square():
    rng = np.random.default_rng(1)
    images = rng.standard_normal((10, 20))
    estimate = group_estimate(images, group_design(10, rng.standard_normal((10, 1))))
    t = group_contrast(estimate, np.array([0.0, 1.0])).stat
    f = group_contrast(estimate, np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(f.stat, t.astype(float) ** 2, rtol=1e-6)
    assert f.dof == (1.0, 8.0)
    alone = group_contrast(group_estimate(images, group_design(10)), np.array([1.0]))
    student = images.mean(axis=0) / (images.std(axis=0, ddof=1) / np.sqrt(10))
    np.testing.assert_allclose(alone.stat, student, rtol=1e-6)


def test_centring_keeps_the_mean_effect_free_of_the_covariate():
    images = np.random.default_rng(2).standard_normal((9, 5))
    with_age = group_estimate(images, group_design(9, np.linspace(20, 60, 9)[:, None]))
    np.testing.assert_allclose(with_age.betas[0], images.mean(axis=0), rtol=1e-6)


def test_zeros_are_data_and_equal_values_are_not():
    images = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 2.0], [1.0, 1.0, 2.0]])
    np.testing.assert_array_equal(group_mask(images), [True, True, False])
    np.testing.assert_array_equal(group_mask(images, np.array([False, True, True])), [False, True, False])


def test_outside_the_mask_effects_are_missing_and_statistics_zero():
    images = np.array([[1.0, np.nan], [2.0, 3.0], [3.0, 1.0]])
    maps = group_contrast(group_estimate(images, group_design(3)), np.array([1.0]))
    assert np.isnan(maps.effect[1])
    assert np.isnan(maps.variance[1])
    assert maps.stat[1] == 0


def test_too_few_subjects_are_an_error():
    with pytest.raises(ValueError, match="2 subjects are too few"):
        group_estimate(np.eye(2), group_design(2, np.array([[1.0], [2.0]])))


def test_no_common_voxel_is_an_error():
    with pytest.raises(ValueError, match="no voxel"):
        group_estimate(np.full((3, 4), np.nan), group_design(3))


def test_covariate_that_does_not_vary_cannot_be_tested():
    estimate = group_estimate(
        np.random.default_rng(3).standard_normal((5, 3)), group_design(5, np.ones((5, 1)))
    )
    assert estimate.dof == 4
    with pytest.raises(ValueError, match="cannot be estimated"):
        group_contrast(estimate, np.array([0.0, 1.0]))


def two_groups(n_first: int, n_second: int) -> np.ndarray:
    first = np.arange(n_first + n_second) < n_first
    return np.column_stack([first, ~first]).astype(float)


def test_two_groups_are_students_two_sample_test_of_equal_variances():
    images = np.random.default_rng(4).standard_normal((12, 30))
    estimate = group_estimate(images, two_groups(5, 7))
    difference = group_contrast(estimate, np.array([1.0, -1.0]))
    expected = stats.ttest_ind(images[:5], images[5:], equal_var=True).statistic
    np.testing.assert_allclose(difference.stat, expected, rtol=1e-5)
    assert difference.dof == (10.0,)
    np.testing.assert_allclose(estimate.betas[0], images[:5].mean(axis=0), rtol=1e-5)


def test_residual_images_are_all_up_to_64_and_then_spms_64():
    images = np.random.default_rng(5).standard_normal((70, 6))
    assert len([*standardised_residuals(images[:64], group_estimate(images[:64], group_design(64)))]) == 64
    estimate = group_estimate(images, group_design(70))
    found = [*standardised_residuals(images, estimate)]
    assert len(found) == 64
    residuals = (images - images.mean(axis=0)) / images.std(axis=0, ddof=1)
    np.testing.assert_allclose(found, residuals[residual_scans(70)], atol=1e-12)


def test_redundant_columns_change_no_estimate_but_the_betas():
    rng = np.random.default_rng(6)
    images, groups = rng.standard_normal((10, 8)), two_groups(4, 6)
    redundant = np.hstack([np.ones((10, 1)), groups])
    one, other = group_estimate(images, groups), group_estimate(images, redundant)
    assert other.dof == one.dof == 8
    np.testing.assert_allclose(other.residual_mean_square, one.residual_mean_square, rtol=1e-12)
    first = group_contrast(one, np.array([1.0, -1.0]))
    second = group_contrast(other, np.array([0.0, 1.0, -1.0]))
    np.testing.assert_allclose(second.stat, first.stat, rtol=1e-5)
