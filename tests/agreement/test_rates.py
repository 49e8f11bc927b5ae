"""Intervals of clustered rates cover what they promise."""

import numpy as np
import pytest

from bidsglm.agreement.rates import clustered_rate, mean_interval

N_STUDIES = 400


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_interval_covers_the_true_rate_with_and_without_clusters(spread: float) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(N_STUDIES):
        rates = 0.05 * np.exp(spread * rng.standard_normal(20) - spread**2 / 2)
        found = clustered_rate(rng.binomial(500, np.minimum(rates, 1)), 500)
        covered += found.lower <= 0.05 <= found.upper
    assert covered / N_STUDIES > 0.92


def test_clusters_widen_the_interval() -> None:
    even, uneven = np.full(20, 25), np.array([0] * 10 + [50] * 10)
    narrow, wide = clustered_rate(even, 500), clustered_rate(uneven, 500)
    assert narrow.value == wide.value == 0.05
    assert wide.upper - wide.lower > 2 * (narrow.upper - narrow.lower)


def test_without_hits_or_misses_data_sets_are_the_trials() -> None:
    nothing, everything = clustered_rate(np.zeros(20, int), 500), clustered_rate(np.full(20, 500), 500)
    assert (nothing.value, nothing.lower) == (0, 0)
    assert (everything.value, everything.upper) == (1, 1)
    np.testing.assert_allclose(nothing.upper, 1 - 0.025 ** (1 / 20))
    np.testing.assert_allclose(everything.lower, 0.025 ** (1 / 20))


def test_one_data_set_has_no_interval_and_none_has_no_rate() -> None:
    one, none = clustered_rate(np.array([5]), 100), clustered_rate(np.array([], dtype=int), 100)
    assert one.value == 0.05
    assert np.isnan([one.lower, one.upper, *none]).all()
    assert np.isnan(mean_interval(np.array([1.0]))[1:]).all()
    assert np.isnan(mean_interval(np.array([]))).all()
