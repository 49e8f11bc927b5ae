"""Spread over participants against naive versions."""

import numpy as np
import pytest
from scipy import stats

from bidsglm.agreement import spread
from bidsglm.agreement.spread import (
    _medians_of_drawn,
    clustered_median_interval,
    deviations,
    median_interval,
    outliers,
    outlying,
    summary,
)

WIDTH_SHARE = 0.05
"""Of the interval's width: what two bootstraps of 10,000 resamples differ by."""
APART = [0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.50]
"""As few values as the rule takes, the last far from the others."""


def test_summary_gives_median_and_range_over_participants():
    rows = [
        {"contrast": c, "map": "t", "slope": float(i), "dice_p001": float("nan")}
        for i in range(1, 6)
        for c in ("go", "stop")
    ]
    result = summary(rows)
    assert [(row["contrast"], row["metric"]) for row in result] == [("go", "slope"), ("stop", "slope")]
    expected = {"n": 5, "median": 3, "minimum": 1, "lower_quartile": 2, "upper_quartile": 4, "maximum": 5}
    assert {key: result[0][key] for key in expected} == expected


def test_summary_leaves_out_participants_where_a_metric_is_undefined():
    rows = [{"contrast": "go", "map": "t", "dice_p001": d} for d in (0.5, float("nan"), 0.7)]
    assert (summary(rows)[0]["n"], summary(rows)[0]["median"]) == (2, 0.6)


@pytest.mark.parametrize("n", [2, 5, 20, 21])
def test_interval_of_the_median_is_the_bootstraps(n: int):
    values = np.random.default_rng(n).normal(size=n)
    found = median_interval(values, seed=3)
    naive = stats.bootstrap(
        (values,), np.median, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    np.testing.assert_allclose(found, naive, atol=WIDTH_SHARE * (naive.high - naive.low))


def test_single_participant_has_a_median_without_an_interval():
    (row,) = summary([{"contrast": "go", "map": "t", "slope": 0.9}])
    assert (row["n"], row["median"]) == (1, 0.9)
    assert np.isnan([row["ci_lower"], row["ci_upper"]]).all()


def test_interval_depends_on_the_seed_only(monkeypatch: pytest.MonkeyPatch):
    values = np.random.default_rng(0).normal(size=30)
    assert median_interval(values, 1) == median_interval(values, 1)
    assert not np.array_equal(spread._middle_ranks(30, 1), spread._middle_ranks(30, 2))
    whole = median_interval(values, 1)
    spread._middle_ranks.cache_clear()
    monkeypatch.setattr(spread, "DRAWN_AT_ONCE", 30 * 7)
    assert median_interval(values, 1) == whole
    spread._middle_ranks.cache_clear()


def test_bootstrap_draws_participants_with_all_of_their_sessions():
    rng = np.random.default_rng(3)
    of_people = rng.normal(size=12)
    values = np.repeat(of_people, 4) + rng.normal(scale=1e-3, size=48)
    owners = [f"sub-{i // 4}" for i in range(48)]
    found = clustered_median_interval(values, owners, 1)
    naive = np.array([np.median(values.reshape(12, 4)[rng.integers(12, size=12)]) for _ in range(4000)])
    expected = np.quantile(naive, (0.025, 0.975))
    np.testing.assert_allclose(found, expected, atol=0.1 * np.ptp(expected))
    # drawn one by one, four sessions would pass for four participants
    assert np.ptp(median_interval(values, 1)) < 0.8 * np.ptp(found)
    rows = [
        {"participant_id": who, "session_id": f"ses-{i % 4}", "contrast": "go", "map": "t", "slope": value}
        for i, (who, value) in enumerate(zip(owners, values, strict=True))
    ]
    (row,) = summary(rows, 1)
    assert (row["ci_lower"], row["ci_upper"]) == tuple(found)


def test_participants_with_one_session_each_keep_their_interval():
    values = np.random.default_rng(4).normal(size=9)
    owners = [f"sub-{i}" for i in range(9)]
    assert clustered_median_interval(values, owners, 5) == median_interval(values, 5)
    assert np.isnan(clustered_median_interval(values, ["sub-1"] * 9)).all()


def test_who_lies_apart_is_flagged_by_the_stated_rule():
    values = np.array(APART)
    sigma = 1.4826 * np.median(np.abs(values - np.median(values)))
    np.testing.assert_array_equal(outlying(values), np.abs(values - np.median(values)) > 3.5 * sigma)
    assert outlying(values).tolist() == [False] * 7 + [True]


@pytest.mark.parametrize(
    "values",
    [
        APART[1:],
        [1.0] * 7 + [9.0],
        [*(1 - i * 1e-9 for i in range(7)), 1 - 1e-7],
        [float("nan"), *APART[1:]],
        [0.9985, 0.9987, 0.9986, 0.9966],
    ],
    ids=["seven", "no spread", "rounding", "seven known", "four that nearly agree"],
)
def test_nobody_is_flagged_where_the_spread_says_nothing(values: list[float]):
    assert not outlying(np.array(values)).any()


def test_missing_values_do_not_hide_who_lies_apart():
    values = np.array([np.nan, *APART])
    assert outlying(values).tolist() == [False] * 8 + [True]
    assert deviations(values)[0] == 0


def test_table_of_who_lies_apart_names_them_and_how_far():
    rows = [
        {"participant_id": f"sub-{i}", "session_id": "ses-1", "contrast": "go", "map": "t", "slope": s}
        for i, s in enumerate(APART)
    ]
    (found,) = outliers(rows)
    assert (found["participant_id"], found["session_id"], found["metric"]) == ("sub-7", "ses-1", "slope")
    assert found["value"] == 0.5
    assert float(found["deviation"]) < -3.5
    assert summary(rows)[0]["n_outlying"] == 1


def test_eight_values_are_enough_to_say_who_lies_apart_and_seven_are_not():
    values = np.array([0.9, 0.9, 0.91, 0.91, 0.92, 0.92, 5.0])
    assert not outlying(values).any()
    assert outlying(np.append(values, 0.91)).tolist() == [False] * 6 + [True, False]
    assert not outlying(np.append(values, np.nan)).any()


@pytest.mark.parametrize(("away", "apart"), [(3.45, False), (3.55, True), (-3.55, True)])
def test_who_is_more_than_three_and_a_half_deviations_away_lies_apart(away: float, apart: bool):
    near = np.array([-2.0, -1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0])
    # with one more value the median deviation stays 1
    values = np.append(near, away * 1.4826)
    assert np.median(np.abs(values - np.median(values))) == 1
    assert outlying(values)[-1] == apart


@pytest.mark.parametrize(("size", "apart"), [(1e-6, False), (3e-6, True)])
def test_a_spread_of_rounding_sets_nobody_apart(size: float, apart: bool):
    values = 1 + size * np.array([-1.0, -1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 40.0]) / 1.4826
    assert outlying(values)[-1] == apart


@pytest.mark.parametrize("times", [[1, 1, 1, 1], [0, 2, 0, 2], [4, 0, 0, 0], [1, 0, 2, 1], [0, 0, 1, 2]])
def test_median_of_drawn_values_is_that_of_the_values_written_out(times: list[int]):
    ranked = np.array([1.0, 2.0, 5.0, 11.0])
    found = _medians_of_drawn(ranked, np.array([times], dtype=np.uint16))
    assert found.tolist() == [np.median(np.repeat(ranked, times))]


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_rounding_is_a_share_of_the_largest_value(size: float):
    for step, apart in ((0.95e-6, False), (1.05e-6, True)):
        values = 1 + step * np.array([-1.0, -1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 40.0]) / 1.4826
        assert outlying(size * values)[-1] == apart


def test_who_is_just_three_and_a_half_deviations_away_does_not_lie_apart():
    near = np.array([-2.0, -1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0])
    values = np.append(near, 3.5 * 1.4826)
    assert deviations(values)[-1] == 3.5
    assert not outlying(values).any()
    rows = [{"contrast": "go", "map": "t", "slope": value} for value in values]
    assert outliers(rows) == ()
    rows[-1]["slope"] = np.nextafter(values[-1], 9)
    assert [row["value"] for row in outliers(rows)] == [rows[-1]["slope"]]


def test_ten_thousand_resamples_are_drawn_and_two_thousand_of_clusters():
    assert spread._middle_ranks(5, 0).shape == (10_000, 2)
    assert spread._times_drawn(5, 0).shape == (2_000, 5)
    assert set(spread._times_drawn(5, 0).sum(axis=1)) == {5}


def test_seed_is_zero_unless_it_is_said():
    values = np.random.default_rng(0).normal(size=100)
    owners = [f"sub-{i // 2}" for i in range(100)]
    assert median_interval(values) == median_interval(values, 0) != median_interval(values, 1)
    clustered = [clustered_median_interval(values, owners, *seed) for seed in ((), (0,), (1,))]
    assert clustered[0] == clustered[1] != clustered[2]
    rows = [{"contrast": "go", "map": "t", "slope": value} for value in values]
    assert summary(rows) == summary(rows, 0) != summary(rows, 1)


@pytest.mark.parametrize("n_apart", [2, 5])
def test_draws_of_clusters_in_portions_are_the_same(monkeypatch: pytest.MonkeyPatch, n_apart: int):
    values = np.random.default_rng(1).normal(size=14)
    owners = [f"sub-{i // n_apart}" for i in range(14)]
    whole = clustered_median_interval(values, owners, 2)
    for at_once in (1, 14 * 300):
        monkeypatch.setattr(spread, "DRAWN_AT_ONCE", at_once)
        assert clustered_median_interval(values, owners, 2) == whole


def test_rows_keep_the_participants_and_maps_apart():
    rows = [
        {"participant_id": f"sub-{i}", "contrast": c, "map": m, "slope": k + 0.1 * i}
        for i in range(3)
        for k, (c, m) in enumerate([("go", "t"), ("go", "z"), ("stop", "t")])
    ]
    found = summary(rows)
    assert [(row["contrast"], row["map"]) for row in found] == [("go", "t"), ("go", "z"), ("stop", "t")]
    assert [row["median"] for row in found] == pytest.approx([0.1, 1.1, 2.1])
    assert [row["n_outlying"] for row in found] == [0, 0, 0]
