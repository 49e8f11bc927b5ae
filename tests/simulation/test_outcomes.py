"""Rates of analysed simulations, from p values that are given."""

import numpy as np
import pytest

from bidsglm.agreement.rates import clustered_rate, mean_interval
from bidsglm.outputs.calibration_tables import CALIBRATION
from bidsglm.simulation.outcomes import (
    EFFECT_SIZES,
    FAMILYWISE,
    GRID,
    THRESHOLDS,
    SimulationOutcome,
    Simulations,
    area_under_curve,
    curve_rows,
    empty_outcome,
    metric_rows,
    record,
)

N_VOXELS = 200
CONTRASTS = ("a", "b")
ANALYSES = ("ols", "ar1")


def null(seed: int, stopped: bool = False) -> tuple[SimulationOutcome, np.ndarray]:
    """A data set without signal and the p values of (analysis, contrast); the second analysis may stop."""
    p = np.random.default_rng(seed).random((2, 2, N_VOXELS))
    outcome = empty_outcome(2, [[np.arange(N_VOXELS)]] * 2)
    for i in range(2 - stopped):
        for j in range(2):
            record(outcome, (i, j), 0, p[i, j], None)
    outcome.stopped[1] = stopped
    return outcome, p


def signal(seed: int) -> tuple[SimulationOutcome, np.ndarray, np.ndarray]:
    """A data set whose first contrast has an effect in ten voxels of each size; the second has none."""
    rng = np.random.default_rng(seed)
    p, ratios = rng.random((2, 6, 10)) ** 3, rng.normal(1, 0.2, (2, 6, 10))
    outcome = empty_outcome(2, [[np.arange(10)] * 6, [np.arange(0)] * 6])
    for i in range(2):
        for level in range(6):
            record(outcome, (i, 0), level, p[i, level], ratios[i, level])
    return outcome, p, ratios


def rows_of(simulations: Simulations, **wanted: object) -> list[dict]:
    rows = metric_rows([simulations], ANALYSES, CONTRASTS)
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_grid_has_the_thresholds_and_ends_at_one() -> None:
    assert set(THRESHOLDS) <= set(GRID.tolist())
    assert GRID[-1] == 1
    assert GRID[0] == 1e-5
    assert np.all(np.diff(GRID) > 0)


def test_counts_are_of_voxels_strictly_below_each_p_and_all_at_one() -> None:
    outcome = empty_outcome(1, [[np.arange(4)]])
    record(outcome, (0, 0), 0, np.array([0.05, 0.02, 1.0, 1.0]), None)
    counts = dict(zip(GRID.tolist(), outcome.below[0, 0, 0].tolist(), strict=True))
    assert (counts[0.01], counts[0.05], counts[0.1], counts[1.0]) == (0, 1, 2, 4)


@pytest.mark.parametrize(("p", "passed"), [(FAMILYWISE / 4, False), (0.99 * FAMILYWISE / 4, True)])
def test_familywise_threshold_is_bonferronis_over_the_voxels(p: float, passed: bool) -> None:
    outcome = empty_outcome(1, [[np.arange(4)]])
    record(outcome, (0, 0), 0, np.array([p, 0.5, 0.5, 0.5]), None)
    assert outcome.familywise[0, 0] == passed
    assert np.isnan(outcome.effects).all()


def test_false_positives_are_rates_over_data_sets_with_their_intervals() -> None:
    made = [null(seed) for seed in range(5)]
    simulations = Simulations("white", [outcome for outcome, _ in made], [])
    for threshold in THRESHOLDS:
        for i, analysis in enumerate(ANALYSES):
            (row,) = rows_of(simulations, analysis=analysis, contrast="b", p_threshold=threshold)
            expected = clustered_rate(np.array([(p[i, 1] < threshold).sum() for _, p in made]), N_VOXELS)
            assert (row["rate"], row["ci_lower"], row["ci_upper"]) == pytest.approx(tuple(expected))
            assert (row["effect_size"], row["n_datasets"], row["n_voxels"]) == (0, 5, N_VOXELS)
    assert row.keys() <= set(CALIBRATION.names)


def test_familywise_rate_stands_in_one_row_of_each_contrast() -> None:
    simulations = Simulations("white", [null(seed)[0] for seed in range(5)], [])
    for row in rows_of(simulations, analysis="ols"):
        assert np.isfinite(row["fwe_rate"]) == (row["p_threshold"] == FAMILYWISE)
    (row,) = rows_of(simulations, analysis="ols", contrast="a", p_threshold=FAMILYWISE)
    hits = np.array([outcome.familywise[0, 0] for outcome in simulations.null], dtype=int)
    assert row["fwe_rate"] == hits.mean()
    assert row["fwe_ci_upper"] == clustered_rate(hits, 1).upper


@pytest.mark.parametrize("n_passed", [0, 2, 5])
def test_familywise_rate_is_the_share_of_data_sets_in_which_any_voxel_passes(n_passed: int) -> None:
    outcomes = []
    for i in range(5):
        outcome = empty_outcome(1, [[np.arange(4)]])
        # two voxels of one data set are one familywise error
        smallest = 1e-6 if i < n_passed else 0.5
        record(outcome, (0, 0), 0, np.array([smallest, smallest, 0.5, 0.5]), None)
        outcomes.append(outcome)
    rows = metric_rows([Simulations("white", outcomes, [])], ["ols"], ["a"])
    (row,) = (row for row in rows if row["p_threshold"] == FAMILYWISE)
    assert row["fwe_rate"] == n_passed / 5
    assert row["fwe_ci_lower"] <= row["fwe_rate"] <= row["fwe_ci_upper"]


def test_data_sets_that_stop_an_analysis_count_for_the_others_alone() -> None:
    made = [null(seed, stopped=seed == 0) for seed in range(4)]
    simulations = Simulations("white", [outcome for outcome, _ in made], [])
    counts = {
        row["analysis"]: (row["n_datasets"], row["n_stopped"])
        for row in rows_of(simulations, contrast="a", p_threshold=0.05)
    }
    assert counts == {"ols": (4, 0), "ar1": (3, 1)}
    (row,) = rows_of(simulations, analysis="ar1", contrast="a", p_threshold=0.05)
    assert row["rate"] == pytest.approx(np.mean([p[1, 0] < 0.05 for _, p in made[1:]]))


def test_true_positives_bias_and_spread_are_those_of_the_effects() -> None:
    made = [signal(seed) for seed in range(4)]
    nulls = [null(seed) for seed in range(3)]
    simulations = Simulations("white", [n for n, _ in nulls], [s for s, _, _ in made])
    assert {row["contrast"] for row in rows_of(simulations) if row["effect_size"]} == {"a"}
    for level, size in enumerate(EFFECT_SIZES):
        (row,) = rows_of(simulations, analysis="ar1", effect_size=size, p_threshold=0.01)
        assert row["rate"] == pytest.approx(np.mean([p[1, level] < 0.01 for _, p, _ in made]))
        ratios = np.array([r[1, level] for _, _, r in made])
        bias = mean_interval(ratios.mean(axis=1) - 1)
        assert (row["bias"], row["bias_ci_lower"], row["bias_ci_upper"]) == pytest.approx(tuple(bias))
        assert row["spread"] == pytest.approx(size * ratios.std())
        false = [np.mean([p[1, 0] < g for _, p in nulls]) for g in GRID[:-1]] + [1.0]
        true = [np.mean([p[1, level] < g for _, p, _ in made]) for g in GRID[:-1]] + [1.0]
        assert row["auc"] == pytest.approx(area_under_curve(np.array(false), np.array(true)))
        assert row["auc"] > 0.6


def test_area_starts_at_the_origin_and_is_one_for_perfect_separation() -> None:
    assert area_under_curve(np.array([0.0, 1.0]), np.array([1.0, 1.0])) == 1
    assert area_under_curve(np.array([0.5, 1.0]), np.array([0.5, 1.0])) == 0.5


def test_curves_are_the_shares_below_each_p() -> None:
    (outcome, p), (with_signal, effects, _) = null(0), signal(1)
    rows = [*curve_rows([Simulations("white", [outcome], [with_signal])], ANALYSES, CONTRASTS)]
    assert len(rows) == 2 * (1 + 6 + 1) * GRID.size
    found = {tuple(row.values())[:5]: row["rate"] for row in rows}
    assert found["ols", "white", "b", 0.0, 0.05] == pytest.approx(np.mean(p[0, 1] < 0.05))
    assert found["ar1", "white", "a", EFFECT_SIZES[2], 0.1] == pytest.approx(np.mean(effects[1, 2] < 0.1))
    assert found["ar1", "white", "a", EFFECT_SIZES[2], 1.0] == 1


def test_an_analysis_that_never_was_made_has_no_rate() -> None:
    outcomes = [null(seed, stopped=True)[0] for seed in range(3)]
    (row,) = rows_of(Simulations("white", outcomes, []), analysis="ar1", contrast="a", p_threshold=0.05)
    assert (row["n_datasets"], row["n_stopped"]) == (0, 3)
    assert np.isnan([row["rate"], row["fwe_rate"]]).all()


def test_one_data_set_has_rates_without_intervals() -> None:
    simulations = Simulations("white", [null(0)[0]], [signal(1)[0]])
    for row in rows_of(simulations, analysis="ols", contrast="a", p_threshold=0.05):
        assert row["n_datasets"] == 1
        assert np.isfinite(row["rate"])
        assert np.isnan([row["ci_lower"], row["ci_upper"]]).all()
        assert row["n_voxels"] == (10 if row["effect_size"] else N_VOXELS)


def test_effects_that_are_all_missing_leave_the_level_without_one() -> None:
    outcome = empty_outcome(1, [[np.arange(3)]])
    record(outcome, (0, 0), 0, np.array([0.001, 0.2, 1.0]), np.array([]))
    assert np.isnan(outcome.effects[0, 0, 0])
    assert outcome.below[0, 0, 0, -1] == 3
    # with signal nothing is said of the familywise error
    assert not outcome.familywise[0, 0]


def test_an_outcome_has_a_place_for_every_analysis_contrast_and_level() -> None:
    levels = [[np.arange(2), np.arange(5)], [np.arange(0), np.arange(7)], [np.arange(1), np.arange(3)]]
    outcome = empty_outcome(4, levels)
    assert outcome.sizes.tolist() == [[2, 5], [0, 7], [1, 3]]
    assert outcome.below.shape == (4, 3, 2, GRID.size)
    assert outcome.familywise.shape == (4, 3)
    assert outcome.effects.shape == outcome.squares.shape == (4, 3, 2)
    assert outcome.stopped.shape == (4,)
    assert np.isnan(outcome.effects).all()
    assert np.isnan(outcome.squares).all()
    assert not outcome.below.any()
    assert not outcome.stopped.any()
    outcome.effects[:] = 0
    assert np.isnan(outcome.squares).all(), "two tables, not one"


def test_grid_has_five_points_to_a_decade_and_every_twentieth_above_a_tenth() -> None:
    decades = [p for p in GRID if p < 0.1 and p not in THRESHOLDS]
    wanted = [10 ** (-k / 5) for k in range(6, 26) if k not in (10, 15)]
    np.testing.assert_allclose(sorted(decades), sorted(wanted), rtol=1e-6)
    assert set(np.round(np.arange(0.1, 1.0, 0.05), 12)) <= set(GRID.tolist())
    assert np.diff(GRID[GRID >= 0.1]).max() < 0.051
    assert GRID.size == 26 + 1 + 17


def test_effects_that_are_simulated_are_between_a_tenth_and_one_per_cent_and_rise() -> None:
    assert (EFFECT_SIZES[0], EFFECT_SIZES[-1]) == (0.1, 1.0)
    assert np.all(np.diff(EFFECT_SIZES) > 0)
    assert {0.2, 0.3, 0.5, 0.7} < set(EFFECT_SIZES)


def test_thresholds_are_those_that_papers_use() -> None:
    assert THRESHOLDS == (0.05, 0.01, 0.001)
    assert FAMILYWISE == 0.05


def test_spread_of_equal_effects_is_none_and_not_below() -> None:
    outcome = empty_outcome(1, [[np.arange(3)] * 6])
    for level in range(6):
        record(outcome, (0, 0), level, np.full(3, 0.5), np.full(3, 1.1))
    found = metric_rows([Simulations("white", [null(0)[0]], [outcome] * 3)], ["ols"], ["a"])
    for row in found:
        if row["effect_size"]:
            assert row["spread"] == pytest.approx(0, abs=1e-7)
            assert row["bias"] == pytest.approx(0.1)


def test_a_curve_of_what_was_never_made_or_has_no_voxels_is_unknown() -> None:
    stopped = [null(seed, stopped=True)[0] for seed in range(2)]
    rows = [*curve_rows([Simulations("white", stopped, [])], ANALYSES, CONTRASTS)]
    assert {row["analysis"] for row in rows if np.isnan(row["rate"])} == {"ar1"}
    assert all(np.isnan(row["rate"]) for row in rows if row["analysis"] == "ar1")
    empty = empty_outcome(2, [[np.arange(0)], [np.arange(0)]])
    rows = [*curve_rows([Simulations("white", [empty], [])], ANALYSES, CONTRASTS)]
    assert all(np.isnan(row["rate"]) for row in rows)
    assert len(rows) == 2 * 2 * GRID.size


@pytest.mark.parametrize("stopped", [0, 1])
def test_effects_of_an_analysis_are_of_the_data_sets_that_it_was_made_of(stopped: int) -> None:
    made = [signal(seed) for seed in range(4)]
    # what stands in the place of an analysis that stopped has no say
    made[0][0].stopped[stopped] = True
    made[0][0].effects[stopped], made[0][0].squares[stopped] = 99.0, 99.0**2
    made[0][0].below[stopped] = 10
    simulations = Simulations("white", [null(seed)[0] for seed in range(3)], [each for each, _, _ in made])
    for i, analysis in enumerate(ANALYSES):
        used = made[1:] if i == stopped else made
        ratios = np.array([r[i, 2] for _, _, r in used])
        for row in rows_of(simulations, analysis=analysis, effect_size=EFFECT_SIZES[2], p_threshold=0.01):
            assert row["bias"] == pytest.approx(ratios.mean() - 1)
            assert row["spread"] == pytest.approx(EFFECT_SIZES[2] * ratios.std())
            assert row["rate"] == pytest.approx(np.mean([p[i, 2] < 0.01 for _, p, _ in used]))
            assert (row["n_datasets"], row["n_stopped"]) == (len(used), 4 - len(used))
    curves = [*curve_rows([simulations], ANALYSES, CONTRASTS)]
    (at,) = (
        row["rate"]
        for row in curves
        if (row["analysis"], row["contrast"], row["effect_size"], row["p"])
        == (ANALYSES[stopped], "a", EFFECT_SIZES[2], 0.05)
    )
    assert at == pytest.approx(np.mean([p[stopped, 2] < 0.05 for _, p, _ in made[1:]]))
