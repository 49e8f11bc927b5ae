import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.afni import estimation
from bidsglm.afni.contrasts import joint_test, noise_maps, row_test
from bidsglm.afni.estimation import by_pair, fits, joined
from bidsglm.afni.noise import noise_grid, white_noise
from tests.afni.test_correlation import dense, with_gaps
from tests.afni.test_reml import simulated

ROUNDING = 1e-9


@pytest.fixture(scope="module")
def fitted():
    times = with_gaps()
    Y, X = simulated(len(times), 60)
    Y += 100
    grid = noise_grid(X, times)
    return X, Y, times, grid, fits(Y, grid)


def generalised(X, y, R):
    """Betas, residual sum of squares and (X' R^-1 X)^-1 by whole matrices."""
    inverse = np.linalg.inv(R)
    covariance = np.linalg.inv(X.T @ inverse @ X)
    beta = covariance @ X.T @ inverse @ y
    return beta, (y - X @ beta) @ inverse @ (y - X @ beta), covariance


def test_fit_is_generalised_least_squares_at_the_voxel_s_pair(fitted):
    X, Y, times, grid, found = fitted
    for v in range(0, 60, 7):
        pair = grid[found.pairs[v]]
        beta, squares, covariance = generalised(X, Y[:, v], dense(pair.a, pair.b, times))
        assert_allclose(found.betas[:, v], beta, rtol=ROUNDING, atol=ROUNDING)
        assert_allclose(found.mean_square[v], squares / (len(X) - X.shape[1]), rtol=ROUNDING)
        assert_allclose(pair.covariance, covariance, rtol=1e-7, atol=1e-12)


def test_white_noise_alone_is_ordinary_least_squares(fitted):
    X, Y, times, _, _ = fitted
    found = fits(Y, white_noise(X, times))
    betas, squares, *_ = np.linalg.lstsq(X, Y, rcond=None)
    assert_allclose(found.betas, betas, atol=ROUNDING)
    assert_allclose(found.mean_square, squares / (len(X) - X.shape[1]), rtol=ROUNDING)
    assert not found.pairs.any()


def test_dof_are_rows_less_columns_whatever_was_censored(fitted):
    X, _, _, grid, _ = fitted
    assert {pair.dof for pair in grid} == {len(X) - X.shape[1]}


def test_chunks_give_what_the_whole_gives(fitted, monkeypatch):
    _, Y, _, grid, found = fitted
    monkeypatch.setattr(estimation, "CHUNK_VALUES", 7 * len(Y))
    for ours, whole in zip(fits(Y, grid), found, strict=True):
        assert_allclose(ours, whole, rtol=1e-12)
    halves = joined([fits(Y[:, :31], grid), fits(Y[:, 31:], grid)])
    assert_array_equal(halves.pairs, found.pairs)
    assert halves.betas.shape == found.betas.shape


def test_data_in_single_precision_are_fitted_in_double(fitted):
    _, Y, _, grid, _ = fitted
    single = Y.astype(np.float32)
    assert_array_equal(fits(single, grid).betas, fits(single.astype(np.float64), grid).betas)


def test_voxels_without_residual_are_told_and_spoil_no_other(fitted):
    X, Y, _, grid, found = fitted
    spoilt = Y.copy()
    spoilt[:, 0], spoilt[:, 1], spoilt[:, 2], spoilt[5, 3] = 0, 100, X @ np.arange(6.0), np.nan
    with np.errstate(all="raise", invalid="ignore"):
        again = fits(spoilt, grid)
    assert again.settled.tolist() == [False] * 4 + [True] * 56
    assert_array_equal(again.pairs[4:], found.pairs[4:])
    assert_allclose(again.betas[:, 4:], found.betas[:, 4:], rtol=1e-12)
    assert not again.pairs[:4].any()


def test_whitened_residuals_have_the_residual_variance(fitted):
    X, Y, _, grid, found = fitted
    residuals = Y - X @ found.betas
    whitened = np.empty_like(residuals)
    for pair, members in by_pair(found.pairs, grid):
        whitened[:, members] = pair.root.whitened(residuals[:, members])
    assert_allclose((whitened**2).sum(axis=0) / grid[0].dof, found.mean_square, rtol=ROUNDING)


def test_every_voxel_belongs_to_one_pair(fitted):
    *_, grid, found = fitted
    members = [voxels for _, voxels in by_pair(found.pairs, grid)]
    assert sorted(np.concatenate(members)) == list(range(60))


def test_maps_of_noise_are_those_of_the_pairs(fitted):
    *_, grid, found = fitted
    a, b, correlation = noise_maps(grid, found.pairs)
    assert [(grid[k].a, grid[k].b) for k in found.pairs] == list(zip(a, b, strict=True))
    assert_allclose(correlation, (a + b) * (1 + a * b) / (1 + 2 * a * b + b * b))


# tests of rows


def test_t_of_a_row_is_its_effect_over_its_standard_error(fitted):
    X, Y, times, grid, found = fitted
    weights = np.array([0.0, 0, 0, 1, -1, 0])
    test = row_test(weights, found, grid)
    for v in (0, 20, 40):
        pair = grid[found.pairs[v]]
        beta, squares, covariance = generalised(X, Y[:, v], dense(pair.a, pair.b, times))
        variance = squares / pair.dof * (weights @ covariance @ weights)
        assert_allclose(test.effect[v], weights @ beta, rtol=1e-7)
        assert_allclose(test.variance[v], variance, rtol=1e-7)
        assert_allclose(test.t[v], weights @ beta / np.sqrt(variance), rtol=1e-7)


def test_f_of_one_row_is_t_squared(fitted):
    *_, grid, found = fitted
    weights = np.array([0.0, 0, 0, 2, 1, 0])
    assert_allclose(
        joint_test(weights[None], found, grid), row_test(weights, found, grid).t ** 2, rtol=ROUNDING
    )


def test_f_is_the_extra_sum_of_squares_of_the_reduced_design(fitted):
    X, Y, times, grid, found = fitted
    F = joint_test(np.eye(6)[3:], found, grid)
    for v in (1, 30, 59):
        pair = grid[found.pairs[v]]
        R = dense(pair.a, pair.b, times)
        reduced = generalised(X[:, :3], Y[:, v], R)[1]
        extra = reduced - found.mean_square[v] * pair.dof
        assert_allclose(F[v], extra / 3 / found.mean_square[v], rtol=1e-6)


def test_f_is_of_the_space_of_its_rows(fitted):
    *_, grid, found = fitted
    rows, mixed = np.eye(6)[3:], np.array([[1.0, 1, 0], [0, 2, 0], [5, 0, -1]])
    assert_allclose(joint_test(mixed @ rows, found, grid), joint_test(rows, found, grid), rtol=ROUNDING)


def test_rows_that_depend_on_each_other_are_refused(fitted):
    *_, grid, found = fitted
    with pytest.raises(ValueError, match="depend on each other"):
        joint_test(np.array([[1.0, 0, 0, 0, 0, 0], [2.0, 0, 0, 0, 0, 0]]), found, grid)


@pytest.mark.parametrize(("left", "settled"), [(0.5e-18, False), (2e-18, True)])
def test_a_residual_above_rounding_settles_a_voxel(left, settled):
    # of a thousand rows only one is not explained
    X = np.zeros((6, 1))
    X[0] = 1
    y = np.zeros((6, 1))
    y[0], y[1] = 1, np.sqrt(left)
    assert fits(y, white_noise(X, np.arange(6))).settled.tolist() == [settled]


def test_some_voxels_of_a_fit_are_theirs(fitted):
    *_, found = fitted
    mask = np.arange(60) % 7 == 2
    some = found.within(mask)
    assert some.betas.shape == (6, mask.sum())
    for whole, part in zip(found, some, strict=True):
        assert_array_equal(part, whole[..., mask])


def test_columns_without_weight_stay_out_of_an_effect(fitted):
    *_, grid, found = fitted
    betas = found.betas.copy()
    betas[0] = np.nan
    weights = np.array([[0.0, 1, 0, -2, 0, 0]])
    test = row_test(weights[0], found._replace(betas=betas), grid)
    assert_allclose(test.effect, found.betas[1] - 2 * found.betas[3])
    assert np.isfinite(joint_test(weights, found._replace(betas=betas), grid)).all()
