"""FSL's filter, design, scaling and scores against their definitions, and at their limits."""

import numpy as np
import pytest
from scipy import stats

from bidsglm.fsl import (
    highpass,
    regressors,
    scaling,
    zscores,
)
from bidsglm.fsl import response as responses


@pytest.mark.parametrize(("n_scans", "cutoff", "fine"), [(3, 4.0, True), (2, 4.0, False), (9, 3.98, False)])
def test_a_line_needs_two_neighbours_to_each_side(n_scans: int, cutoff: float, fine: bool) -> None:
    # three standard deviations of cut-off / (2 TR) are two scans
    if fine:
        assert highpass.line_filter(n_scans, 3.0, cutoff).shape == (n_scans, n_scans)
    else:
        said = rf"a high-pass cut-off of {cutoff:g} s at a TR of 3 s leaves nothing of the data"
        with pytest.raises(ValueError, match=said):
            highpass.line_filter(n_scans, 3.0, cutoff)


def test_scans_beyond_three_standard_deviations_do_not_count() -> None:
    # standard deviation of 5 / 2 scans, cut to 7
    L = highpass.line_filter(40, 2.0, 10.0)
    assert [int(d) for d in np.flatnonzero(L[20]) - 20] == list(range(-7, 8))
    assert highpass.line_filter(40, 2.0, np.inf) is None
    with pytest.raises(ValueError, match="leaves nothing"):
        highpass.line_filter(40, 2.0, -np.inf)


@pytest.mark.parametrize(
    ("timing", "n_bins", "samples"),
    [
        (regressors.Timing(2.0, 3), 600 + 13 * 40, [620, 660, 700]),
        (regressors.Timing(0.72, 4), 600 + int(14 * 0.72 * 20), [607, 621, 636, 650]),
        (regressors.Timing(3.0, 2, 0.0), 600 + 12 * 60, [600, 660]),
        (regressors.Timing(1.0, 2, 1.0), 600 + 12 * 20, [620, 640]),
        (regressors.Timing(0.1, 3, 0.5), 600 + 13 * 2, [601, 603, 605]),
    ],
)
def test_scans_are_sampled_in_steps_of_a_twentieth_from_thirty_seconds_before(
    timing: regressors.Timing, n_bins: int, samples: list[int]
) -> None:
    assert timing.n_bins == n_bins
    assert timing.samples.tolist() == samples
    assert timing.times[0] == -30
    assert timing.times[600] == 0
    np.testing.assert_allclose(np.diff(timing.times), 0.05)


@pytest.mark.parametrize(
    ("onset", "duration", "bins"),
    [
        (0.0, 1.0, range(600, 620)),
        (0.01, 0.05, range(600, 601)),
        (0.04, 0.05, range(600, 601)),
        (0.0, 0.04, range(600, 601)),
        (-31.0, 2.0, range(20)),
        (-30.0, 0.05, range(1)),
        (27.0, 99.0, range(1140, 1160)),
    ],
)
def test_events_fill_the_bins_that_they_begin_and_end_in(onset: float, duration: float, bins: range) -> None:
    timing = regressors.Timing(2.0, 4)
    found = regressors.stimulus(np.array([onset]), np.array([duration]), np.array([2.5]), timing)
    assert np.flatnonzero(found).tolist() == list(bins)
    assert set(found[found > 0]) == {2.5}


@pytest.mark.parametrize("n_bins", [4, 9, 30])
def test_a_convolution_is_a_mean_weighed_by_the_taps_on_the_grid(n_bins: int) -> None:
    rng = np.random.default_rng(0)
    grid, kernel = rng.standard_normal(n_bins), np.array([0.0, 2.0, 5.0, 3.0, 1.0, -0.5, -0.25, -0.1, -0.1])
    expected = [0.0]
    for t in range(1, n_bins):
        taps = kernel[: t + 1]
        expected.append(np.dot(grid[t - len(taps) + 1 : t + 1][::-1], taps) / taps.sum())
    np.testing.assert_allclose(regressors.convolved(grid, kernel), expected, atol=1e-12)


def test_derivative_has_no_mean_and_nothing_of_its_column() -> None:
    for column in (np.array([1.0, 2.0, 4.0, 9.0, -3.0]), np.array([-2.0, 1.0, 0.5, 0.0, 0.5])):
        slope = np.array([column[1] - column[0], *((column[2:] - column[:-2]) / 2), column[-1] - column[-2]])
        slope -= slope.mean()
        rest = slope - column * (column @ slope) / (column @ column)
        found = regressors.with_derivative(column)
        np.testing.assert_allclose(found, np.column_stack([column, rest - rest.mean()]), atol=1e-12)
    assert not regressors.with_derivative(np.zeros(4)).any()


def test_confounds_lose_their_means_and_are_filtered_as_single_numbers() -> None:
    C = np.random.default_rng(0).standard_normal((30, 2)) + 1e6
    np.testing.assert_allclose(regressors.confounds(C, None), C - C.mean(axis=0), atol=1e-6)
    L = highpass.line_filter(30, 2.0, 20.0)
    left = C - C.mean(axis=0) - L @ (C - C.mean(axis=0))
    np.testing.assert_allclose(regressors.confounds(C, L), left - left.mean(axis=0), atol=1e-6)


def gamma(t: np.ndarray, mean: float, sd: float) -> np.ndarray:
    return stats.gamma.pdf(t, (mean / sd) ** 2, scale=sd**2 / mean)


@pytest.mark.parametrize(
    ("name", "n_taps", "shape"),
    [
        ("double-gamma", 720, lambda t: gamma(t, 6, 2.449) - gamma(t, 16, 4) / 6),
        ("gamma", 420, lambda t: gamma(t, 6, 3)),
        ("alternative double-gamma", 395, lambda t: gamma(t, 6.66, 2.581) - gamma(t, 6.77, 2.602) / 1.05),
    ],
)
def test_responses_are_gamma_densities_cut_five_deviations_after_their_mean(name, n_taps, shape) -> None:
    found = responses.response(name)
    assert found.size == n_taps
    np.testing.assert_allclose(found, shape(np.arange(n_taps) * 0.05), atol=1e-14)


def test_gaussian_is_bent_down_in_its_first_second() -> None:
    found = responses.response("gaussian")
    t = np.arange(380) * 0.05
    assert found.size == t.size
    plain = np.exp(-(((t - 5) / 2.8) ** 2) / 2)
    np.testing.assert_allclose(found[20:], plain[20:])
    np.testing.assert_allclose(found[:20], plain[:20] * np.exp(-((1 - t[:20] / 2) ** 6)))


def test_percentiles_are_of_all_single_numbers() -> None:
    tiny, huge = np.float32(1e-45), np.finfo(np.float32).max
    values = np.array([-huge, -3.5, -tiny, 0.0, tiny, 2.25, huge, np.inf, -np.inf, np.nan], dtype=np.float32)
    found = scaling.percentiles(lambda: [values[:4], values[4:]], [0, 1 / 7, 3 / 7, 5 / 7, 6 / 7, 1])
    assert found == [-float(huge), -3.5, 0, 2.25, float(huge), float(huge)]
    # printed with six decimals
    assert scaling.percentiles(lambda: [np.float32([0.1234567])], [0.5]) == [0.123457]
    assert scaling.percentiles(lambda: [np.float32([-1.0])], [0.4, 0.6], n_zeros=1) == [-1, 0]


@pytest.mark.parametrize("median", [0.0, -1.0, np.nan, np.inf])
def test_a_median_is_a_positive_number(median: float) -> None:
    with pytest.raises(ValueError, match=f"the brain's median of {median:g} is not a positive number"):
        scaling.scaled(np.ones((1, 1), dtype=np.float32), median)


def test_brain_is_scaled_to_ten_thousand_and_dilated_by_one_voxel() -> None:
    assert scaling.scaled(np.float32([[500.0, 250.0]]), 250.0).tolist() == [[20_000, 10_000]]
    one = np.zeros((7, 6, 5), dtype=bool)
    one[3, 2, 4] = True
    found = scaling.dilated(one)
    near = np.abs(np.indices(one.shape) - np.reshape([3, 2, 4], (3, 1, 1, 1))).max(axis=0) <= 1
    np.testing.assert_array_equal(found, near)
    assert (scaling.LOW, scaling.HIGH, scaling.MEDIAN) == (0.02, 0.98, 0.5)
    Y = np.float32([[0.5, 0.5, -1.0], [0.4, 0.6, 2.0]])
    assert scaling.brain(Y, 0.5).tolist() == [False, True, False]
    assert scaling.brain(Y, -2.0).tolist() == [True, True, False]


def test_series_takes_over_at_seven_and_a_half_from_fifteen_degrees_of_freedom() -> None:
    below, at, above = (np.array([t]) for t in (np.nextafter(7.5, 0), 7.5, np.nextafter(7.5, 8)))
    exact = stats.norm.isf(stats.t.sf(7.5, 15))
    assert zscores.z_of_t(below, 15)[0] == pytest.approx(exact, abs=1e-9)
    # the series is a little off, from the limit on
    assert abs(zscores.z_of_t(at, 15)[0] - exact) > 1e-5
    assert zscores.z_of_t(at, 15)[0] == pytest.approx(zscores.z_of_t(above, 15)[0], abs=1e-9)
    for dof in (14, 14.9):
        assert zscores.z_of_t(above, dof)[0] == pytest.approx(stats.norm.isf(stats.t.sf(7.5, dof)), abs=1e-9)


@pytest.mark.parametrize("dof", [15, 40, 300])
def test_series_is_the_one_of_the_report(dof: int) -> None:
    for t in (7.5, 12.0, 80.0):
        n = dof
        series = (3 * n**2 / ((n + 2) * (n + 4) * t**2) - n / (n + 2)) / t**2 + 1
        beta = np.exp(stats.t.logpdf(0, n)) * np.sqrt(n)
        # the density of t at 0 is 1 / (sqrt(n) B(1/2, n/2))
        log_p = np.log(series / (np.sqrt(n) * t)) - (n - 1) / 2 * np.log1p(t**2 / n) + np.log(beta)
        z = np.sqrt(-2 * log_p - np.log(2 * np.pi))
        for _ in range(3):
            inner = 2 * np.log(z) - 2 * np.log(1 - 1 / z**2 + 3 / z**4)
            z = np.sqrt(-2 * log_p - np.log(2 * np.pi) - inner)
        assert zscores.z_of_t(np.array([t]), dof)[0] == pytest.approx(z, rel=1e-12)


def test_a_column_has_no_derivative_unless_it_is_asked_for() -> None:
    x = np.cos(np.arange(30.0))
    L = highpass.line_filter(30, 2.0, 40.0)
    for line in (None, L):
        plain, both = regressors.columns(x, line), regressors.columns(x, line, True)
        assert plain.shape == (30, 1)
        np.testing.assert_array_equal(both[:, :1], plain)
        np.testing.assert_array_equal(both, regressors.with_derivative(plain[:, 0]))
    assert regressors.Timing(2.0, 9).moment == 0.5
