"""Intervals of clustered rates cover what they promise."""

import math

import numpy as np
import pytest
from scipy import stats

from bidsglm.agreement.rates import (
    IntervalEstimate,
    clustered_rate,
    enough,
    judgement,
    mean_interval,
    overall,
    pooled,
)

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


def test_mean_interval_is_students() -> None:
    values = np.array([0.9, 1.0, 1.1, 1.3])
    found = mean_interval(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(found, (values.mean(), expected.low, expected.high))


def test_clusters_that_agree_too_well_are_no_better_than_independent_trials() -> None:
    found = clustered_rate(np.full(20, 25), 500)
    exact = stats.binomtest(500, 10_000).proportion_ci(0.95, "exact")
    np.testing.assert_allclose(found, (0.05, exact.low, exact.high))


@pytest.mark.parametrize(
    ("value", "lower", "upper", "said"),
    [
        (0.05, 0.04, 0.06, "kept"),
        (0.075, 0.05, 0.15, "kept"),
        (0.0751, 0.05, 0.15, "unsure"),
        (0.05, 0.04, 0.1501, "unsure"),
        (0.1, 0.075, 0.2, "unsure"),
        (0.1, 0.0751, 0.2, "too many"),
        (0.02, 0.01, 0.033, "too few"),
        (0.02, 0.01, 0.034, "kept"),
        (0.05, math.nan, math.nan, "unsure"),
        (0.05, 0.04, math.inf, "unsure"),
    ],
)
def test_a_rate_is_judged_by_its_interval(value: float, lower: float, upper: float, said: str) -> None:
    assert judgement(IntervalEstimate(value, lower, upper), 0.05) == said


def test_several_thresholds_are_judged_by_the_worst_and_too_few_only_if_all_are() -> None:
    assert overall(["unsure", "too many", "kept"]) == "too many"
    assert overall(["kept", "unsure", "too few"]) == "unsure"
    assert overall(["too few", "kept"]) == "kept"
    assert overall(["too few"]) == "too few"
    assert overall([]) == "kept"


@pytest.mark.parametrize(("hits", "size"), [([], 100), ([0, 0], 0)])
def test_without_data_sets_or_without_trials_nothing_is_known(hits: list[int], size: int) -> None:
    found = clustered_rate(np.array(hits, dtype=int), size)
    assert all(math.isnan(value) for value in found)


def test_rates_are_pooled_with_the_participants_that_have_one() -> None:
    known = [IntervalEstimate(0.04, 0.03, 0.06), IntervalEstimate(0.08, 0.05, 0.12)]
    found = pooled([*known, IntervalEstimate(math.nan, math.nan, math.nan)])
    assert found.value == pytest.approx(0.06)
    assert found.lower == pytest.approx(0.06 - math.hypot(0.01, 0.03) / 2)
    assert found.upper == pytest.approx(0.06 + math.hypot(0.02, 0.04) / 2)
    assert all(math.isnan(value) for value in pooled([]))


def narrowed(rate: IntervalEstimate, share: float) -> IntervalEstimate:
    """Limits whose distance from the rate, as a ratio, falls with the root of the number."""
    return IntervalEstimate(
        rate.value,
        rate.value * (rate.lower / rate.value) ** share,
        rate.value * (rate.upper / rate.value) ** share,
    )


@pytest.mark.parametrize(
    ("rate", "n_datasets"),
    [((0.05, 0.01, 0.3), 5), ((0.1, 0.03, 0.3), 8), ((0.01, 0.001, 0.1), 4), ((0.05, 0.04, 0.06), 9)],
)
def test_enough_data_sets_are_the_fewest_that_settle_the_judgement(rate: tuple, n_datasets: int) -> None:
    found, own = enough({0.05: IntervalEstimate(*rate)}, n_datasets), IntervalEstimate(*rate)
    assert found is not None
    assert judgement(narrowed(own, math.sqrt(n_datasets / found)), 0.05) != "unsure"
    # numbers are tried in steps of a twentieth, at least one
    fewer = found - max(1, 0.06 * found)
    if fewer >= n_datasets:
        assert judgement(narrowed(own, math.sqrt(n_datasets / fewer)), 0.05) == "unsure"
    else:
        assert found in (n_datasets, n_datasets + 1)


def test_numbers_are_tried_in_steps_of_a_twentieth() -> None:
    # its limit passes three times p at 229, between two steps
    found = enough({0.001: IntervalEstimate(0.0012, 0.0003, 0.0048)}, 100)
    assert found == math.ceil(100 * 1.05**17)


def test_a_rate_of_none_settles_as_its_limit_falls_with_the_number() -> None:
    # 0.3 above must come below 3 x 0.05
    found = enough({0.05: IntervalEstimate(0.0, 0.0, 0.3)}, 10)
    assert found is not None
    assert 20 <= found <= 22


def test_nobody_is_sent_for_more_than_ten_thousand_data_sets() -> None:
    # the limit comes within the threefold with the 3rd power of ten
    far = IntervalEstimate(0.0749, 0.0749 / 3, 0.0749 * 3)
    assert enough({0.05: far}, 20) is not None
    farther = IntervalEstimate(0.076, 0.07, 0.084)
    # to lie beyond 0.075 the ratio must shrink from 1.086 to 1.0133: 38 times as many
    assert enough({0.05: farther}, 200) == pytest.approx(38.5 * 200, rel=0.06)
    assert enough({0.05: farther}, 300) is None
    assert enough({0.05: far}, 0) is None


@pytest.mark.parametrize(
    ("n_datasets", "found"), [(0, None), (1, 1), (9_999, 9_999), (10_000, 10_000), (10_001, None)]
)
def test_a_rate_that_is_judged_needs_no_more_data_sets_up_to_ten_thousand(
    n_datasets: int, found: int | None
) -> None:
    assert enough({0.05: IntervalEstimate(0.05, 0.04, 0.06)}, n_datasets) == found


def test_confidence_of_all_intervals_is_95_percent() -> None:
    hits = np.array([3, 5, 8, 4])
    rates = hits / 50
    trials = rates.mean() * (1 - rates.mean()) / (rates.var(ddof=1) / 4)
    # Korn and Graubard's correction of the degrees of freedom
    trials *= (stats.t.ppf(0.975, 199) / stats.t.ppf(0.975, 3)) ** 2
    count = trials * rates.mean()
    found = clustered_rate(hits, 50)
    assert trials < 200
    assert found.lower == pytest.approx(stats.beta.ppf(0.025, count, trials - count + 1))
    assert found.upper == pytest.approx(stats.beta.ppf(0.975, count + 1, trials - count))


def test_data_sets_of_one_trial_each_are_as_many_trials_less_one() -> None:
    found = clustered_rate(np.array([0, 1, 0, 0, 1, 0]), 1)
    # the variance between them is that of 6 / 5 of p (1 - p), as over n - 1
    np.testing.assert_allclose(
        found, (1 / 3, stats.beta.ppf(0.025, 5 / 3, 13 / 3), stats.beta.ppf(0.975, 8 / 3, 10 / 3))
    )
