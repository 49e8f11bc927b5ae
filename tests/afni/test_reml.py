import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.afni import correlation
from bidsglm.afni.baseline import legendre_columns
from bidsglm.afni.correlation import first_correlation
from bidsglm.afni.noise import dependent_columns, noise_grid, noise_pair, white_noise
from bidsglm.afni.reml import best_pairs
from tests.afni.reference import case
from tests.afni.test_correlation import dense, with_gaps

ROUNDING = 1e-10


def simulated(n_rows, n_voxels, seed=0):
    """Autoregressive noise of many strengths, and a design with drifts."""
    rng = np.random.default_rng(seed)
    noise, strengths = rng.standard_normal((n_rows, n_voxels)), rng.uniform(-0.3, 0.9, n_voxels)
    for t in range(1, n_rows):
        noise[t] += strengths * noise[t - 1]
    X = np.column_stack([legendre_columns(n_rows, 2), rng.standard_normal((n_rows, 3))])
    return noise + 0.5 * rng.standard_normal((n_rows, n_voxels)), X


def naive_criterion(a, b, X, y, times):
    R = dense(a, b, times)
    L = np.linalg.cholesky(R)
    W, z = np.linalg.solve(L, X), np.linalg.solve(L, y)
    r = z - W @ np.linalg.lstsq(W, z, rcond=None)[0]
    n, m = X.shape
    return (n - m) * np.log(r @ r) + np.linalg.slogdet(R)[1] + np.linalg.slogdet(W.T @ W)[1]


def naive_search(X, y, times):
    """The search in two looks, for one series, point by point."""

    def counted(i, j):
        return first_correlation(i / 10, (j - 8) / 10) >= 1e-4 or (i, j) == (0, 8)

    place, least = (0, 8), naive_criterion(0.0, 0.0, X, y, times)
    for step in (2, 1):
        i0, j0 = place
        rows = range(0, 17, 2) if step == 2 else range(max(j0 - 2, 0), min(j0 + 2, 16) + 1)
        columns = range(0, 9, 2) if step == 2 else range(max(i0 - 2, 0), min(i0 + 2, 8) + 1)
        for j in rows:
            for i in columns:
                value = naive_criterion(i / 10, (j - 8) / 10, X, y, times) if counted(i, j) else np.inf
                if value < least:
                    place, least = (i, j), value
    return place


def test_grid_has_the_pairs_that_count_white_noise_first():
    grid = noise_grid(np.ones((50, 1)), np.arange(50))
    assert len(grid) == 109
    assert (grid[0].a, grid[0].b) == (0.0, 0.0)
    assert all(pair.correlation >= 1e-4 for pair in grid[1:])
    assert [pair.place[::-1] for pair in grid[1:]] == sorted(pair.place[::-1] for pair in grid[1:])


@pytest.mark.parametrize("place", [(0, 8), (3, 9), (8, 16), (8, 1), (0, 12)])
def test_criterion_of_censored_runs_is_that_of_whole_matrices(place):
    times = with_gaps()
    Y, X = simulated(len(times), 4)
    pair = noise_pair(X, times, place)
    expected = [naive_criterion(pair.a, pair.b, X, y, times) for y in Y.T]
    assert_allclose(pair.criterion(pair.residual_squares(Y)), expected, rtol=ROUNDING)


def test_search_of_censored_runs_is_the_search_point_by_point():
    times = with_gaps()
    Y, X = simulated(len(times), 6)
    grid = noise_grid(X, times)
    assert [grid[k].place for k in best_pairs(Y, grid)] == [naive_search(X, y, times) for y in Y.T]


def test_gaps_matter():
    Y, X = simulated(98, 200)
    closed = noise_grid(X, np.arange(98))
    gaps = noise_grid(X, with_gaps())
    assert (best_pairs(Y, closed) != best_pairs(Y, gaps)).any()


def test_search_is_not_always_the_minimum_of_the_whole_grid():
    reference = case("01_block")
    Y = reference.data[:, ::4].astype(np.float64)
    values = np.array([pair.criterion(pair.residual_squares(Y)) for pair in reference.grid])
    beside = np.mean(values.argmin(axis=0) != reference.reml.pairs[::4])
    # a look at all points would not be 3dREMLfit's
    assert 0.005 < beside < 0.1


def test_scale_of_data_does_not_move_the_pair():
    Y, X = simulated(80, 50)
    grid = noise_grid(X, np.arange(80))
    assert_array_equal(best_pairs(Y, grid), best_pairs(1000 * Y, grid))


def test_of_equal_pairs_the_first_stays():
    Y, X = simulated(80, 50)
    grid = noise_grid(X, np.arange(80))
    twice = (*grid, *(pair._replace(a=-1.0) for pair in grid))
    assert_array_equal(best_pairs(Y, twice), best_pairs(Y, grid))


def test_pair_that_is_no_correlation_is_skipped(monkeypatch):
    monkeypatch.setattr(correlation, "CUTOFF", 0.3)
    assert 1 < len(noise_grid(np.ones((60, 1)), np.arange(60))) < 109


@pytest.mark.parametrize("make", [white_noise, noise_grid])
def test_dependent_columns_are_named(make):
    X = np.column_stack([np.ones(9), np.arange(9.0), np.zeros(9), np.arange(9) + 4.0])
    with pytest.raises(ValueError, match=r"columns 2, 3 \(from 0\)"):
        make(X, np.arange(9))


def test_design_without_degrees_of_freedom_is_refused():
    with pytest.raises(ValueError, match="no residual degrees of freedom"):
        white_noise(np.eye(3), np.arange(3))


def test_nearly_dependent_columns_count_as_independent():
    X = np.column_stack([np.ones(50), 1 + 1e-6 * np.arange(50.0), np.linspace(0, 1, 50) ** 2])
    assert dependent_columns(X) == []


@pytest.mark.parametrize("size", [1e-13, 1.0, 1e13])
def test_columns_of_any_size_depend_by_direction_alone(size):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    X[:, 2] = X[:, 0] - 2 * X[:, 1] + 1e-8 * rng.standard_normal(30)
    X[:, 1:] *= size
    assert dependent_columns(X) == []
    X[:, 2] = (X[:, 0] - 2 * X[:, 1] / size) * size
    assert dependent_columns(X) == [2]


@pytest.mark.parametrize(("share", "dependent"), [(0.9e-10, [1]), (1.1e-10, [])])
def test_a_column_depends_if_a_ten_billionth_of_it_is_left(share, dependent):
    X = np.zeros((4, 2))
    X[0] = 3.0
    X[1, 1] = 3.0 * share
    assert dependent_columns(X) == dependent


def test_rows_that_leave_no_freedom_are_refused_and_one_is_enough():
    X = np.random.default_rng(0).standard_normal((5, 5))
    with pytest.raises(ValueError, match="5 columns leave no residual degrees of freedom in 5 rows"):
        white_noise(X, np.arange(5))
    with pytest.raises(ValueError, match=r"columns 1, 3 \(from 0\) of the design depend"):
        white_noise(np.column_stack([X[:, 0], X[:, 0], X[:, 1], X[:, 1]]), np.arange(5))
    (pair,) = white_noise(X[:, :4], np.arange(5))
    assert pair.dof == 1
    assert (pair.a, pair.b, pair.place, pair.correlation) == (0, 0, (0, 8), 0)


def test_values_of_the_grid_are_tenths_up_to_eight():
    X = np.ones((60, 1))
    for i in range(9):
        for j in range(17):
            if i + j - 8 >= 0:
                pair = noise_pair(X, np.arange(60), (i, j))
                assert_allclose((pair.a, pair.b), (i / 10, (j - 8) / 10), atol=1e-15)


def test_a_series_that_is_explained_has_the_least_criterion():
    pair = noise_pair(np.ones((4, 1)), np.arange(4))
    assert pair.criterion(np.array([0.0]))[0] == -np.inf
    # 3 degrees of freedom; det (X'X) = 4
    assert_allclose(pair.criterion(np.array([2.0])), 3 * np.log(2) + np.log(4))
