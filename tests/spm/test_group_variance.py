"""Second levels of SPM12 with a variance for each group, and with one, against what SPM12 itself wrote."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pytest

from bidsglm.spm.group_variance import (
    NoSignificantVoxelError,
    can_differ,
    group_variances,
    pooled_images,
)
from bidsglm.spm.second_level import GroupEstimate, group_contrast, group_estimate, standardised_residuals
from tests.spm.extras import find_extra, find_extras

FOLDER = "second_level_unequal"
CASES = (
    *("one_A", "one_AminusB", "onecov_A", "two_equal_A", "two_unequal_A"),
    *("twocov_equal_A", "twocov_unequal_A"),
)
UNEQUAL = ("two_unequal_A", "twocov_unequal_A")
IMAGE_RTOL = 5e-7
"""Of the map's range."""
H_RTOL = 1e-6


class Case(NamedTuple):
    """A second level of SPM12."""

    name: str
    about: dict[str, Any]
    summary: dict[str, Any]
    images: np.ndarray

    def map(self, name: str) -> np.ndarray:
        """Values of one of SPM's images."""
        return values(find_extra(f"{FOLDER}/{self.name}/{name}.nii.gz"))

    @property
    def design(self) -> np.ndarray:
        """As SPM has it."""
        return np.array(self.summary["X"], dtype=float).reshape(len(self.images), -1)

    @property
    def groups(self) -> np.ndarray | None:
        """Group of each image, where their variances may differ."""
        n, first = len(self.images), self.about["n_group1"]
        return (np.arange(n) >= first).astype(np.intp) if self.about["unequal"] else None

    def fitted(self) -> GroupEstimate:
        """Our fit."""
        return group_estimate(self.images, self.design, None, self.groups)


def values(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj).ravel()


def read_case(name: str) -> Case:
    about, summary = (
        json.loads(find_extra(f"{FOLDER}/{name}/{part}.json").read_text()) for part in ("case", "summary")
    )
    paths = [
        find_extra(f"{FOLDER}/inputs/{who}_contrast-{about['contrast']}_effect.nii.gz")
        for who in about["order"]
    ]
    return Case(name, about, summary, np.stack([values(path) for path in paths]))


def assert_same_map(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(
        ours, theirs, rtol=0, atol=IMAGE_RTOL * (np.nanmax(theirs) - np.nanmin(theirs))
    )


def test_every_case_at_hand_is_tested():
    assert {Path(name).parent.name for name in find_extras(f"{FOLDER}/*/case.json")} <= set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_effect_variance_and_t_are_spms(name):
    case = read_case(name)
    fit = case.fitted()
    np.testing.assert_array_equal(fit.mask, case.map("mask") > 0)
    np.testing.assert_allclose(fit.dof, case.summary["erdf"], rtol=1e-8)
    assert_same_map(fit.residual_mean_square, case.map("ResMS"))
    Bcov = np.array(case.summary["Bcov"], dtype=float, ndmin=2)
    for i, beta in enumerate(fit.betas, start=1):
        assert_same_map(beta, case.map(f"beta_{i:04d}"))
    for i, contrast in enumerate(case.about["cons"], start=1):
        weights = np.array(contrast["w"], dtype=float)
        maps = group_contrast(fit, weights)
        assert_same_map(maps.effect, case.map(f"con_{i:04d}"))
        assert_same_map(maps.stat, case.map(f"spmT_{i:04d}"))
        assert_same_map(maps.variance, case.map("ResMS") * (weights @ Bcov @ weights))


@pytest.mark.parametrize("name", UNEQUAL)
def test_pooled_covariance_hyperparameters_and_weights_are_spms(name):
    case = read_case(name)
    fit = case.fitted()
    pooled, n_pooled = pooled_images([case.images[:, fit.mask]], case.design)
    Cy = np.loadtxt(find_extra(f"{FOLDER}/{name}/Cy.tsv"))
    np.testing.assert_allclose(pooled, Cy, rtol=0, atol=1e-12 * np.abs(Cy).max())
    found = group_variances((Cy, n_pooled), case.design, case.groups)
    for each in (found, fit.variances):
        np.testing.assert_allclose(each.hyperparameters, case.summary["h"], rtol=H_RTOL)
        np.testing.assert_allclose(each.variances[case.groups], case.summary["V_diag"], rtol=H_RTOL)
        np.testing.assert_allclose(each.weights, case.summary["W_diag"], rtol=H_RTOL)


def two_groups(n: int = 12, spread: float = 3.0, mean: float = 5.0, n_voxels: int = 400) -> np.ndarray:
    rng = np.random.default_rng(7)
    scale = np.repeat([[1.0], [spread]], n // 2, axis=0)
    return rng.normal(mean, scale, (n, n_voxels))


GROUPS = np.repeat([0, 1], 6)


def test_degrees_of_freedom_and_group_means_are_those_of_equal_variances():
    images, design = two_groups(), np.eye(2)[GROUPS]
    equal, unequal = (group_estimate(images, design, None, groups) for groups in (None, GROUPS))
    assert equal.dof == unequal.dof == 10
    np.testing.assert_allclose(unequal.betas, equal.betas, rtol=1e-6)
    difference = np.array([1.0, -1.0])
    assert not np.allclose(group_contrast(unequal, difference).stat, group_contrast(equal, difference).stat)


def test_f_of_one_row_is_the_square_of_t():
    fit = group_estimate(two_groups(mean=2.0), np.eye(2)[GROUPS], None, GROUPS)
    t = group_contrast(fit, np.array([1.0, -1.0])).stat.astype(float)
    np.testing.assert_allclose(group_contrast(fit, np.array([[1.0, -1.0]])).stat, t**2, rtol=1e-5)


def test_f_of_three_groups_is_weighted_least_squares():
    groups = np.repeat([0, 1, 2], 5)
    scale = np.array([1.0, 2.0, 4.0])[groups][:, None]
    images = np.random.default_rng(3).normal(4, scale, (15, 300))
    fit = group_estimate(images, np.eye(3)[groups], None, groups)
    w = fit.variances.weights[:, None]
    rest = [
        w * images - X @ np.linalg.lstsq(X, w * images, rcond=None)[0] for X in (w * np.eye(3)[groups], w)
    ]
    full, null = ((r**2).sum(axis=0) for r in rest)
    found = group_contrast(fit, np.array([[1.0, -1, 0], [0, 1, -1]]))
    np.testing.assert_allclose(found.stat, (null - full) / 2 / (full / 12), rtol=1e-4)
    assert found.dof == (2.0, 12.0)


def test_residual_images_are_weighted():
    images = two_groups()
    fit = group_estimate(images, np.eye(2)[GROUPS], None, GROUPS)
    residuals = np.stack([*standardised_residuals(images, fit)])
    np.testing.assert_allclose((residuals**2).sum(axis=0), fit.dof)
    # the second group's spread is three times as large, and its residuals are not
    assert 0.7 < residuals[6:].std() / residuals[:6].std() < 1.4


def test_chunks_do_not_change_the_variances(monkeypatch):
    images = two_groups()
    whole = group_estimate(images, np.eye(2)[GROUPS], None, GROUPS)
    monkeypatch.setattr("bidsglm.spm.second_level.CHUNK_VALUES", 120)
    parts = group_estimate(images, np.eye(2)[GROUPS], None, GROUPS)
    np.testing.assert_allclose(parts.variances.variances, whole.variances.variances, rtol=1e-12)
    assert parts.variances.n_pooled == whole.variances.n_pooled


def test_voxels_outside_the_mask_are_not_pooled():
    images = two_groups()
    inside = np.arange(400) < 200
    part = group_estimate(images, np.eye(2)[GROUPS], inside, GROUPS)
    alone = group_estimate(images[:, :200], np.eye(2)[GROUPS], None, GROUPS)
    assert part.variances.n_pooled == alone.variances.n_pooled
    np.testing.assert_allclose(part.variances.variances, alone.variances.variances, rtol=1e-12)


def test_voxel_that_the_design_explains_fully_is_not_pooled():
    images = two_groups()
    images[:, 0] = 7.0 + GROUPS
    with_it, without = (
        group_estimate(some, np.eye(2)[GROUPS], None, GROUPS) for some in (images, images[:, 1:])
    )
    assert with_it.variances.n_pooled == without.variances.n_pooled
    np.testing.assert_allclose(with_it.variances.variances, without.variances.variances)


def test_group_of_one_image_has_equal_variances_as_in_spm():
    assert not can_differ([0, 0, 0, 1])
    groups = np.array([0] * 11 + [1])
    fit = group_estimate(two_groups(), np.eye(2)[groups], None, groups)
    assert fit.variances is None


def test_no_voxel_that_passes_is_an_error_of_its_own():
    with pytest.raises(NoSignificantVoxelError, match="no voxel passes"):
        group_estimate(two_groups(mean=0.0, n_voxels=9), np.eye(2)[GROUPS], None, GROUPS)
