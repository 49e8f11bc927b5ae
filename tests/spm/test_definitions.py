"""What SPM's estimates are, against whole matrices: rounding, first hyperparameters, groups of images."""

import numpy as np
import pytest

from bidsglm.spm.components import Dense, Diagonal, Toeplitz
from bidsglm.spm.estimation import joint_model
from bidsglm.spm.highpass import dct_basis
from bidsglm.spm.second_level import (
    dependent,
    group_contrast,
    group_estimate,
    group_mask,
    is_estimable,
    standardised_residuals,
)


def test_rounding_is_a_share_of_the_squares_with_and_of_those_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    X, X0 = np.column_stack([rng.standard_normal((30, 2)), np.ones(30)]), dct_basis(30, 2.0, 25.0)
    (run,) = joint_model([X], [X0], [None]).runs
    Y = rng.standard_normal((30, 4)) * [1, 10, 1e-4, 3]
    mean = np.array([100.0, -5.0, 1e4, 0.0])
    Y -= Y.mean(axis=0)
    found = run.projection(Y, mean)
    np.testing.assert_allclose(found.rounding, 1e-12 * (Y**2).sum(axis=0) + 30 * (1e-12 * mean) ** 2)
    whole = Y + mean
    filtered = whole - X0 @ (X0.T @ whole)
    A = X - X0 @ (X0.T @ X)
    left = filtered - A @ (np.linalg.pinv(A) @ filtered)
    np.testing.assert_allclose(found.residual, (left**2).sum(axis=0), rtol=1e-8)
    np.testing.assert_allclose(run.residuals(whole), left, atol=1e-9)
    np.testing.assert_allclose(run.parameters(found), np.linalg.pinv(A) @ filtered, rtol=1e-7, atol=1e-9)


def test_first_hyperparameters_are_one_for_what_covers_new_images() -> None:
    assert Diagonal(np.array([[0.0, 0], [2, 0], [1, 0], [1, 3]])).start().tolist() == [0, 1, 0, 1]
    assert Dense(np.array([np.diag([0.0, 2]), np.diag([1.0, 1]), np.eye(2)])).start().tolist() == [1, 1, 0]
    assert Toeplitz(np.array([[0.0, 1], [0, 2], [3, 0], [1, 0]])).start().tolist() == [0, 0, 1, 0]
    parts = Toeplitz(np.eye(3)), Diagonal(np.eye(3)), Dense(np.stack([np.eye(2)] * 3))
    for each in parts:
        assert len(each) == 3
        some = each.chosen(np.array([2, 0]))
        np.testing.assert_array_equal(
            some.combined(np.array([2.0, 5.0])), each.combined(np.array([5.0, 0, 2]))
        )


def test_diagonals_of_groups_are_their_images() -> None:
    found = Diagonal.of_groups([1, 0, 1], 3)
    assert found.diagonals.tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(found.combined(np.array([2.0, 3.0, 9.0])), np.diag([3.0, 2.0, 3.0]))


def test_a_group_is_fitted_by_least_squares_where_all_have_data_that_differ() -> None:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((9, 6)) + 4
    images[3, 1], images[:, 2], images[:, 4] = np.nan, 7.0, 0.0
    images[0, 4] = 1.0
    explicit = np.arange(6) != 5
    assert group_mask(images).tolist() == [True, False, False, True, True, True]
    assert group_mask(images, explicit).tolist() == [True, False, False, True, True, False]
    X = np.column_stack([np.repeat([1.0, 0], [4, 5]), np.repeat([0.0, 1], [4, 5]), rng.standard_normal(9)])
    fit = group_estimate(images, X, explicit)
    assert fit.dof == 6
    betas, squares, *_ = np.linalg.lstsq(X, images[:, fit.mask], rcond=None)
    np.testing.assert_allclose(fit.betas[:, fit.mask], betas, rtol=1e-5)
    np.testing.assert_allclose(fit.residual_mean_square[fit.mask], squares / 6)
    assert np.isnan(fit.betas[:, ~fit.mask]).all()
    assert np.isnan(fit.residual_mean_square[~fit.mask]).all()
    residuals = np.array(list(standardised_residuals(images, fit)))
    assert residuals.shape == (9, 3)
    np.testing.assert_allclose((residuals**2).sum(axis=0), 6)
    weights = np.array([1.0, -1.0, 0.0])
    maps = group_contrast(fit, weights)
    variance = squares / 6 * (weights @ np.linalg.inv(X.T @ X) @ weights)
    np.testing.assert_allclose(maps.stat[fit.mask], weights @ betas / np.sqrt(variance), rtol=1e-5)
    np.testing.assert_allclose(maps.variance[fit.mask], variance)
    assert not maps.stat[~fit.mask].any()
    C = np.eye(3)[1:]
    F = group_contrast(fit, C)
    inner = np.linalg.inv(C @ np.linalg.inv(X.T @ X) @ C.T)
    extra = np.einsum("iv,ij,jv->v", C @ betas, inner, C @ betas)
    np.testing.assert_allclose(F.stat[fit.mask], extra / 2 / (squares / 6), rtol=1e-5)
    assert F.dof == (2, 6)
    assert F.effect is None


@pytest.mark.parametrize(("n_subjects", "fine"), [(3, True), (2, False)])
def test_a_group_has_more_subjects_than_independent_columns(n_subjects: int, fine: bool) -> None:
    images = np.arange(3.0 * n_subjects).reshape(n_subjects, 3) ** 2
    X = np.column_stack([np.ones(n_subjects), np.arange(n_subjects), 2 * np.arange(n_subjects)])
    if fine:
        assert group_estimate(images, X).dof == 1
    else:
        with pytest.raises(ValueError, match="2 subjects are too few for a model of 2 independent columns"):
            group_estimate(images, X)
    with pytest.raises(ValueError, match="no voxel has data in all subjects"):
        group_estimate(np.zeros((5, 3)), np.ones((5, 1)))


def test_a_contrast_tests_something_that_the_design_determines() -> None:
    X = np.array([[1.0, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1], [1, 0, 1]])
    for weights, fine in (([0, 1, -1], True), ([1, 0.5, 0.5], True), ([0, 1, 0], False), ([0, 0, 0], False)):
        assert is_estimable(X, np.array(weights, dtype=float)) == fine
    assert is_estimable(X, np.array([[0.0, 1, -1], [1, 1, 0]]))
    assert not is_estimable(X, np.array([[0.0, 1, -1], [1, 0, 0]]))
    assert dependent(X).tolist() == [0, 1, 2]
    assert dependent(X[:, 1:]).tolist() == []
    assert dependent(np.column_stack([X[:, 1:], np.zeros(5), np.arange(5.0)])).tolist() == [2]
