import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.afni.correlation import (
    BLOCK_ROWS,
    banded_root,
    correlation_band,
    first_correlation,
    longest_lag,
)

ROUNDING = 1e-11
"""Of whitening at a = b = 0.8, whose R has a condition of some hundreds."""
PAIRS = [(0.0, 0.0), (0.0, 0.4), (0.3, 0.0), (0.5, -0.3), (0.8, 0.8), (0.8, -0.7)]


def dense(a, b, times):
    """R entry by entry."""
    R = np.eye(len(times))
    correlation = first_correlation(a, b)
    last = longest_lag(a, correlation) if correlation else 0
    for i in range(len(times)):
        for j in range(i):
            lag = times[i] - times[j]
            if lag <= last:
                R[i, j] = R[j, i] = correlation * a ** (lag - 1)
    return R


def with_gaps():
    """Two runs of which scans are missing."""
    first, second = np.delete(np.arange(60), [0, 7, 8, 9, 30]), np.delete(np.arange(45), [20, 44])
    return np.concatenate([first, 10_000 + second])


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_band_holds_true_lags_over_gaps_and_none_between_runs(a, b):
    times = with_gaps()
    R, band = dense(a, b, times), correlation_band(a, b, times)
    for j, row in enumerate(band):
        assert_allclose(row[: len(times) - j], np.diagonal(R, -j), atol=1e-15)
    assert not np.tril(R, -len(band)).any()


@pytest.mark.parametrize(("a", "b"), PAIRS)
@pytest.mark.parametrize("n_rows", [1, BLOCK_ROWS, BLOCK_ROWS + 1, 98])
def test_blocks_whiten_as_the_whole_inverse_does(a, b, n_rows):
    times = with_gaps()[:n_rows]
    R = dense(a, b, times)
    Y = np.random.default_rng(1).standard_normal((n_rows, 3))
    root, expected = banded_root(correlation_band(a, b, times)), np.linalg.solve(np.linalg.cholesky(R), Y)
    assert_allclose(root.whitened(Y), expected, atol=ROUNDING)
    assert_allclose(root.squares(Y), (expected**2).sum(axis=0), rtol=ROUNDING)
    assert_allclose(root.solved(Y), np.linalg.solve(R, Y), atol=ROUNDING)
    assert_allclose(root.log_determinant, np.linalg.slogdet(R)[1], atol=ROUNDING)


def test_correlation_is_that_of_a_simulated_process():
    a, b, n = 0.6, 0.3, 400_000
    noise = np.random.default_rng(2).standard_normal(n)
    series = np.zeros(n)
    for t in range(1, n):
        series[t] = a * series[t - 1] + noise[t] + b * noise[t - 1]
    lags = [np.corrcoef(series[k:], series[: n - k])[0, 1] for k in (1, 2, 3)]
    expected = first_correlation(a, b) * a ** np.arange(3)
    assert_allclose(lags, expected, atol=4 / np.sqrt(n) * 2)


@pytest.mark.parametrize(("a", "b"), [(0.8, 0.8), (0.5, 0.2), (0.1, 0.8)])
def test_what_is_cut_off_is_below_the_cut_off_and_what_stays_above(a, b):
    correlation = first_correlation(a, b)
    last = longest_lag(a, correlation)
    assert correlation * a**last < 1e-4 <= correlation * a ** (last - 2)


def test_band_of_a_steep_process_is_as_long_as_at_the_limit():
    assert longest_lag(0.95, 0.9) == longest_lag(0.9, 0.9) == 1 + np.ceil(np.log(1e-4 / 0.9) / np.log(0.9))


def test_a_correlation_that_is_none_is_refused():
    with pytest.raises(np.linalg.LinAlgError):
        banded_root(np.array([[1.0, 1.0, 1.0], [0.9, 0.9, 0.0]]))


def test_white_noise_is_left_as_it_is():
    Y = np.random.default_rng(3).standard_normal((40, 2))
    assert_array_equal(banded_root(correlation_band(0.0, 0.0, np.arange(40))).whitened(Y), Y)


def test_band_has_no_more_diagonals_than_its_lags_or_its_rows():
    for a, b, n in [(0.0, 0.0, 20), (0.0, 0.4, 20), (0.5, 0.2, 20), (0.8, 0.8, 5), (0.8, 0.8, 1)]:
        correlation = first_correlation(a, b)
        last = longest_lag(a, correlation) if correlation else 0
        assert correlation_band(a, b, np.arange(n)).shape == (min(last, n - 1) + 1, n)


@pytest.mark.parametrize("a", [0.1, 0.45, 0.8, 0.9, 0.99])
@pytest.mark.parametrize("correlation", [2e-4, 0.03, -0.4, 0.95])
def test_band_ends_at_the_first_lag_below_a_ten_thousandth(a, correlation):
    last = longest_lag(a, correlation)
    steep = min(a, 0.9)
    assert abs(correlation) * steep ** (last - 1) <= 1e-4 * (1 + 1e-12)
    assert last == 1 or abs(correlation) * steep ** (last - 2) > 1e-4 * (1 - 1e-12)
    assert longest_lag(-a, correlation) == last


def test_a_correlation_below_the_cut_off_keeps_one_lag():
    assert longest_lag(0.5, 5e-5) == 1
    assert longest_lag(0.0, 0.9) == 1
