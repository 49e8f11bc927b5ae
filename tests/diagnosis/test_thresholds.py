"""Each check speaks from its limit on and not before it, on columns whose shares are known exactly."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.fft import dct

from bidsglm.data import Condition, DesignMatrix, MaskLoss, Paradigm
from bidsglm.diagnosis import column_checks, event_checks, filter_checks, intensity_checks, rank_checks
from bidsglm.diagnosis.advice import Finding, RunReview, percent, place, times
from bidsglm.diagnosis.data_checks import data_findings
from bidsglm.diagnosis.data_review import DataReview
from bidsglm.diagnosis.filled_run import _consequence, _remedy, filled_run, sorted_contrasts
from bidsglm.diagnosis.filling import StandardErrors, coverage, filling_conditions, standard_errors
from bidsglm.diagnosis.filter_checks import recommended_cutoff
from bidsglm.diagnosis.findings import findings, is_reported
from bidsglm.diagnosis.intensity_checks import without_unit
from bidsglm.diagnosis.rank_checks import dependencies
from bidsglm.model import ContrastSpecification, Floats, ModelSpecification

from .designs import MODEL, blocks, contrast, events, paradigm, review
from .test_data_checks import SOUND
from .test_data_checks import review as of_data

N, TR = 60, 2.0
WAVES = dct(np.eye(N), norm="ortho")[:, 1:]
"""Orthonormal columns of mean 0: cosines of the filter and others"""
SLOW, FAST, OTHER, THIRD = WAVES[:, 0], WAVES[:, 20], WAVES[:, 25], WAVES[:, 31]
CONSTANT = np.ones(N)


def mixed(share: float, one: Floats, other: Floats) -> Floats:
    """A column of which a share of the variance is another's."""
    return math.sqrt(share) * one + math.sqrt(1 - share) * other


def made(
    conditions: dict[str, Floats], confounds: dict[str, Floats] | None = None, filtered: bool = True
) -> RunReview:
    """A run whose SPM design has some columns, and one slow cosine for a filter."""
    table = confounds or {}
    names = (*(f"trial_type.{name}" for name in conditions), *table, "constant")
    X = np.column_stack([*conditions.values(), *table.values(), CONSTANT])
    K = SLOW[:, None] if filtered else np.zeros((N, 0))
    confound_values = np.column_stack([*table.values()]) if table else np.zeros((N, 0))
    run = Paradigm(
        TR, N, None, tuple(events(name, [10.0]) for name in conditions), tuple(table), confound_values
    )
    return RunReview("run-1", run, {"spm": DesignMatrix(names, X, K)})


def of_check(check: object, run: RunReview) -> list[Finding]:
    return list(check(run))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("share", "severity"), [(0.49, None), (0.51, "warning"), (0.89, "warning"), (0.91, "serious")]
)
def test_a_condition_is_slow_from_half_of_its_variance_on(share: float, severity: str | None) -> None:
    found = of_check(filter_checks.slow_regressors, made({"go": mixed(share, SLOW, FAST)}))
    assert [finding.severity for finding in found] == ([severity] if severity else [])
    for finding in found:
        assert finding.size == pytest.approx(share)
        assert f"removes {share:.0%} of".replace("%", " %") in finding.text
        assert "in this run of 120 s" in finding.text
        assert f"other {1 - share:.0%}:".replace("%", " %") in finding.text
        assert f"is {(1 - share) ** -0.5:.2g} times what" in finding.text


@pytest.mark.parametrize(("share", "told"), [(0.49, False), (0.51, True), (0.74, True)])
def test_confounds_explain_a_condition_from_half_of_it_on(share: float, told: bool) -> None:
    run = made({"go": mixed(share, OTHER, FAST)}, {"csf": -OTHER, "wm": THIRD})
    found = of_check(column_checks.confounded_conditions, run)
    assert bool(found) is told
    for finding in found:
        r = f"{math.sqrt(share):.2f}"
        assert finding.size == pytest.approx(share)
        # two of 58 columns: scans less the constant and the filter's cosine
        assert f"(3 % would be expected from as many columns of noise); the strongest is csf (r = −{r})" in (
            finding.text
        )
        assert f"The 2 confounds explain {share:.0%} of".replace("%", " %") in finding.text
        assert f"standard error of go is {(1 - share) ** -0.5:.2g} times" in finding.text
        assert finding.remedy.startswith("Look whether csf is noise or the task itself")


def test_confounds_that_explain_all_of_a_condition_widen_its_error_without_end() -> None:
    run = made({"go": OTHER}, {"csf": 2 * OTHER})
    (finding,) = of_check(column_checks.confounded_conditions, run)
    assert "standard error of go is many times" in finding.text


@pytest.mark.parametrize(("n", "blamed"), [(10, False), (28, True)])
def test_confounds_are_blamed_for_their_number_where_chance_explains_half_of_what_they_do(
    n: int, blamed: bool
) -> None:
    table = {f"c{i}": WAVES[:, i + 1] for i in range(n)}
    go = mixed(0.7, WAVES[:, 1], WAVES[:, 50])
    (finding,) = of_check(column_checks.confounded_conditions, made({"go": go}, table))
    assert finding.remedy.startswith("Use fewer confounds") is blamed


@pytest.mark.parametrize(("share", "told"), [(0.79, False), (0.81, True), (0.98, True), (1.0, False)])
def test_conditions_overlap_from_four_fifths_on(share: float, told: bool) -> None:
    run = made({"go": FAST, "stop": mixed(share, FAST, OTHER), "third": THIRD})
    found = of_check(column_checks.overlapping_conditions, run)
    assert bool(found) is told
    for finding in found:
        assert finding.columns == ("trial_type.go", "trial_type.stop")
        assert finding.size == pytest.approx(share)
        assert f"explain {share:.0%} of".replace("%", " %") in finding.text
        assert f"(r = {math.sqrt(share):.2f}), after filtering" in finding.text
        assert f"is {(1 - share) ** -0.5:.2g} times what" in finding.text
        assert finding.remedy.startswith("Test go and stop together")


def test_a_modulator_that_overlaps_its_own_condition_is_to_be_centred() -> None:
    run = made({"go": FAST, "go_x_rt^1": mixed(0.9, FAST, OTHER)})
    (finding,) = of_check(column_checks.overlapping_conditions, run)
    assert finding.remedy.startswith("Centre the modulator's values")


def test_groups_that_overlap_are_told_apart_each_by_its_worst() -> None:
    a, b, c, d = (WAVES[:, i] for i in (10, 15, 22, 28))
    run = made({"p": a, "q": mixed(0.85, a, b), "r": c, "s": mixed(0.95, c, d)})
    found = of_check(column_checks.overlapping_conditions, run)
    assert [finding.columns for finding in found] == [
        ("trial_type.p", "trial_type.q"),
        ("trial_type.r", "trial_type.s"),
    ]
    assert [finding.size for finding in found] == pytest.approx([0.85, 0.95])


@pytest.mark.parametrize(
    ("name", "share", "told"),
    [("wave", 0.975, False), ("wave", 0.985, True), ("trans_x", 0.985, False), ("rmsd", 0.999, False)],
)
def test_confounds_repeat_the_filter_from_nearly_all_of_them_on(name: str, share: float, told: bool) -> None:
    run = made({"go": FAST}, {name: mixed(share, SLOW, OTHER), "second": THIRD})
    found = of_check(filter_checks.filtered_confounds, run)
    assert [finding.columns for finding in found] == [(name,)] * told
    assert [finding.size for finding in found] == pytest.approx([share] * told)


@pytest.mark.parametrize("name", ["trans_x", "rot_z_derivative1", "framewise_displacement", "csf"])
@pytest.mark.parametrize(("r", "told"), [(0.39, False), (0.41, True), (-0.41, True), (-0.59, True)])
def test_motion_follows_the_task_from_a_correlation_on(name: str, r: float, told: bool) -> None:
    motion = r * FAST + math.sqrt(1 - r**2) * OTHER
    found = list(column_checks.task_motion([made({"go": FAST}, {name: motion, "trans_y": THIRD})]))
    assert len(found) == (told and name != "csf")
    for finding in found:
        assert finding.columns == ("trial_type.go", name)
        assert finding.size == pytest.approx(abs(r))
        assert f"{name} correlates at r = {r:.2f}".replace("-", "−") + f" with go: {r**2:.0%} of".replace(
            "%", " %"
        ) in (finding.text)


@pytest.mark.parametrize(("columns", "told"), [(28, False), (29, True)])
def test_a_model_uses_up_the_scans_from_more_than_half_of_them_on(columns: int, told: bool) -> None:
    # with the constant and the filter's cosine 30 or 31 of 60
    table = {f"c{i}": WAVES[:, i + 1] for i in range(columns - 1)}
    found = of_check(rank_checks.used_up_scans, made({"go": WAVES[:, 55]}, table))
    assert bool(found) is told
    for finding in found:
        assert "31 independent columns, the drifts among them, for 60 scans leave 29 residual" in finding.text
        assert finding.size == pytest.approx(31 / 60)


@pytest.mark.parametrize(
    ("first", "cutoff"), [(1, math.inf), (2, 130.0), (3, 90.0), (4, 70.0), (6, 50.0), (12, 30.0)]
)
def test_a_recommended_cutoff_leaves_out_the_first_cosine_that_would_cost_too_much(
    first: int, cutoff: float
) -> None:
    # 2 n TR = 240 s: cosine k has a period of 240 / k, and a cut-off just above keeps it
    assert recommended_cutoff(3 + WAVES[:, first - 1], TR) == cutoff


@pytest.mark.parametrize(("share", "cutoff"), [(0.19, 50.0), (0.21, 90.0)])
def test_a_recommended_cutoff_may_take_a_fifth(share: float, cutoff: float) -> None:
    assert recommended_cutoff(mixed(share, WAVES[:, 2], WAVES[:, 5]), TR) == cutoff


def test_columns_that_depend_on_others_are_named_with_them() -> None:
    a, b, c = FAST, OTHER, THIRD
    X = np.column_stack([CONSTANT, a, b, 3 * a - b, c, 1e-3 * b, np.zeros(N), c + 1e-4 * SLOW])
    names = ["constant", "a", "b", "sum", "c", "small", "zero", "near"]
    assert list(dependencies(X, names)) == [("a", "b", "sum"), ("b", "small")]


@pytest.mark.parametrize(
    ("n", "seconds", "told"),
    [(4, 7.0, True), (4, 7.5, False), (5, 1.0, False), (1, 29.9, True), (1, 30.0, False), (0, 0.0, False)],
)
def test_events_are_few_and_short_or_not_told(n: int, seconds: float, told: bool) -> None:
    go = events("go", [10.0 * i for i in range(n)], seconds)
    found = list(event_checks.event_poor_conditions([RunReview("r", paradigm(go), {})], MODEL))
    assert len(found) == told
    for finding in found:
        assert f"in all runs: go: {n} ({n * seconds:.3g} s together)." in finding.text


def test_events_of_all_runs_count_together_and_those_outside_not_at_all() -> None:
    # of 240 s: one ends at 0, one lasts into the run, one begins at its end
    go = Condition("go", np.array([-8.0, -2.0, -3.0, 100.0, 240.0]), np.array([3.0, 2.0, 9.0, 1.0, 5.0]))
    runs = [RunReview(label, paradigm(go), {}) for label in ("a", "b")]
    assert event_checks.present(go, runs[0].paradigm).onsets.tolist() == [-2.0, -3.0, 100.0]
    assert not list(event_checks.event_poor_conditions(runs, MODEL))
    (finding,) = event_checks.event_poor_conditions(runs[:1], MODEL)
    assert "go: 3 (12 s together)" in finding.text
    assert finding.title == "go has few events"


@pytest.mark.parametrize(("share", "kept"), [(0.901, True), (0.899, False)])
def test_a_mask_may_lose_a_tenth(share: float, kept: bool) -> None:
    assert (data_findings(of_data(masks=(MaskLoss("a", share, True),)), MODEL) == []) is kept


@pytest.mark.parametrize(("bright", "told"), [(3.0, False), (3.1, True)])
def test_a_volume_is_bright_beyond_three_times_the_median(bright: float, told: bool) -> None:
    found = data_findings(of_data(replace(SOUND, bright=bright)), MODEL)
    assert [finding.code for finding in found] == ["bright-volume"] * told


@pytest.mark.parametrize(("ratio", "lost"), [(1.99, True), (2.0, False), (2.9, False), (math.nan, False)])
def test_a_mean_is_lost_below_two_deviations(ratio: float, lost: bool) -> None:
    run = replace(SOUND, mean_to_deviation=ratio)
    assert run.has_mean is not lost
    found = data_findings(of_data(run), MODEL)
    assert [finding.code for finding in found] == ["no-mean"] * lost
    for finding in found:
        assert finding.size == pytest.approx(2 - ratio)


@pytest.mark.parametrize(("n", "severity"), [(49, "note"), (50, "warning"), (74, "warning")])
def test_voxels_without_a_result_are_many_from_a_hundredth_on(n: int, severity: str) -> None:
    (empty,) = data_findings(of_data(replace(SOUND, n_constant=n), n_without_data=n), MODEL)
    (explained,) = data_findings(of_data(n_explained={"spm": n}), MODEL)
    assert (empty.severity, explained.severity) == (severity, severity)
    assert (empty.size, explained.size) == (n / 5000, n / 5000)


@pytest.mark.parametrize(("n", "severity"), [(4, "note"), (5, "serious"), (7, "serious")])
def test_low_means_take_the_unit_from_a_thousandth_on(n: int, severity: str) -> None:
    run = replace(SOUND, n_low=n)
    (finding,) = data_findings(of_data(run), MODEL)
    assert (finding.severity, finding.size) == (severity, n / 5000)
    units = {"nilearn": "arbitrary units (means below 1)"} if severity == "serious" else {}
    assert without_unit([SOUND, run], MODEL, ["spm", "nilearn"]) == units
    assert without_unit([replace(SOUND, n_voxels=0)], MODEL, ["nilearn"]) == {}


def test_a_unit_of_no_runs_has_no_voxels() -> None:
    assert DataReview((), 0, False, ("spm",)).n_voxels == 0
    assert of_data(SOUND, replace(SOUND, n_voxels=6000)).n_voxels == 6000
    assert intensity_checks.LOWEST_MEAN == 0.99


@pytest.mark.parametrize(
    ("n_runs", "backends", "words"),
    [
        (2, ("spm", "nilearn"), "run-1, SPM only"),
        (1, ("spm", "nilearn"), "SPM only"),
        (2, ("spm",), "run-1"),
        (1, ("spm",), ""),
    ],
)
def test_a_place_is_said_where_there_are_others(n_runs: int, backends: tuple[str, ...], words: str) -> None:
    finding = Finding("note", "c", "", "", "", (), ("spm",), ("run-1",))
    assert place(finding, n_runs, backends) == words
    assert place(replace(finding, runs=(), backends=()), n_runs, backends) == ""


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (0.989, "99 %"),
        (0.99, "99.00 %"),
        (0.9999, "99.99 %"),
        (0.99996, "100 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_of_nearly_all_have_two_digits_more(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.123, "0.12"), (9.96, "10"), (99.4, "99"), (100.0, "100"), (123.4, "123"), (1234.0, "1.23e+03")],
)
def test_factors_have_two_digits_and_three_from_a_hundred_on(factor: float, words: str) -> None:
    assert times(factor) == words


@pytest.mark.parametrize("severity", ["serious", "warning", "note"])
@pytest.mark.parametrize("code", ["no-mean", "filled-run"])
def test_findings_on_wrong_input_are_told_at_once_but_notes(severity: str, code: str) -> None:
    found = is_reported(Finding(severity, code, "", "", ""))  # type: ignore[arg-type]
    assert found is (code == "no-mean" and severity != "note")


# filled runs


def fills(first: float, second: float, repetition_time: float = 2.0, n_scans: int = 120) -> RunReview:
    """Blocks that leave a pause of some seconds in every forty."""
    run = paradigm(blocks("go", 20, duration=first), blocks("stop", 0, duration=second))
    return review(run, contrast("go", 1, on=("go",)))


def test_coverage_is_a_share_of_the_run_and_touching_events_count_whole() -> None:
    run = paradigm(events("a", [0.0, 20, 60], 20), events("b", [10.0, 100], 12), events("c", [200.0], 40))
    both = ["trial_type.a", "trial_type.b"]
    assert coverage(run, both) == pytest.approx((40 + 20 + 12) / 240)
    assert coverage(run, []) == 0
    assert coverage(run, ["trial_type.c"]) == pytest.approx(40 / 240)


def explaining(residual: float, *columns: Floats) -> tuple[tuple[str, ...], float]:
    """What conditions explain of a constant after 24 s, where the first leaves a residual share."""
    n = 112
    waves = dct(np.eye(100), norm="ortho")
    flat, wave = waves[:, 0], waves[:, 40]
    first = math.sqrt(1 - residual) * flat + math.sqrt(residual) * wave
    X = np.column_stack([np.concatenate([np.linspace(-9, 5, 12), part]) for part in (first, *columns)])
    names = [f"trial_type.c{i}" for i in range(X.shape[1])]
    run = Paradigm(
        2.0, n, None, tuple(events(name.partition(".")[2], [0.0]) for name in names), (), np.zeros((n, 0))
    )
    return filling_conditions(DesignMatrix((*names,), X, np.zeros((n, 0))), run)


def test_what_is_before_the_response_has_risen_does_not_count() -> None:
    assert explaining(0.0) == (("trial_type.c0",), pytest.approx(1.0))


@pytest.mark.parametrize(("residual", "filled"), [(0.048, True), (0.051, False)])
def test_a_run_is_filled_from_19_of_20_parts_of_the_constant_on(residual: float, filled: bool) -> None:
    found, share = explaining(residual)
    assert share == pytest.approx(1 - residual * 100 / 99)
    assert bool(found) is filled


@pytest.mark.parametrize(("extra", "needed"), [(0.008, 1), (0.013, 2)])
def test_a_condition_is_needed_that_adds_more_than_a_hundredth(extra: float, needed: int) -> None:
    waves = dct(np.eye(100), norm="ortho")
    # the first explains all but a part, of which the second is the direction
    residual = extra
    second = -math.sqrt(residual) * waves[:, 0] + math.sqrt(1 - residual) * waves[:, 40]
    found, _ = explaining(residual, second)
    assert len(found) == needed


def test_a_run_that_is_filled_from_its_middle_on_only_is_looked_at_whole() -> None:
    n = 20
    X = np.ones((n, 1))
    X[:11] = 0
    run = Paradigm(2.0, n, None, (events("a", [0.0]),), (), np.zeros((n, 0)))
    assert filling_conditions(DesignMatrix(("trial_type.a",), X, np.zeros((n, 0))), run)[0] == ()


@pytest.mark.parametrize(
    "known", ["Rest", "fix", "fixation", "baseline", "ITI", "blank", "null", "pause", "off", "resting"]
)
def test_baselines_are_known_by_name(known: str) -> None:
    run = review(paradigm(blocks(known, 0), blocks("go", 20)))
    assert standard_errors(run.designs["spm"], [f"trial_type.{known}", "trial_type.go"]).dropped == (
        f"trial_type.{known}"
    )
    for other in ("restless", "offer", "prefix"):
        run = review(paradigm(blocks(other, 0), blocks("go", 20)))
        names = [f"trial_type.{other}", "trial_type.go"]
        assert standard_errors(run.designs["spm"], names).dropped == "trial_type.go"


def test_three_conditions_are_compared_with_the_mean_of_the_others() -> None:
    run = review(paradigm(blocks("a", 0, 60), blocks("b", 20, 60), blocks("c", 40, 60)))
    names = [f"trial_type.{name}" for name in "abc"]
    design = run.designs["nilearn"]
    found = standard_errors(design, names)
    assert (found.single, found.dropped) == ("trial_type.a", "trial_type.c")
    assert found.difference == "a − the mean of the others"
    inverse = np.linalg.inv(design.matrix.T @ design.matrix)
    c = np.zeros(len(design.names))
    c[:3] = 1, -0.5, -0.5
    assert found.ratio == pytest.approx(math.sqrt(inverse[0, 0] / (c @ inverse @ c)))
    kept = [i for i, name in enumerate(design.names) if name != "trial_type.c"]
    smaller = np.linalg.inv(design.matrix[:, kept].T @ design.matrix[:, kept])
    assert found.after == pytest.approx(math.sqrt(smaller[0, 0] / inverse[0, 0]))


def test_contrasts_that_sum_to_nothing_are_not_concerned() -> None:
    names = ("trial_type.a", "trial_type.b", "x", "constant")

    def specified(name: str, *weights: float) -> ContrastSpecification:
        return ContrastSpecification(name, name, names[: len(weights)], np.array([weights]))

    contrasts = [
        specified("one", 1.0),
        specified("difference", 2.0, -2.0),
        specified("nearly", 1.0, -1 - 1e-7),
        specified("mean", 0.5, 0.5),
        specified("confound", 0.0, 0.0, 1.0),
        specified("off", 1.0, -0.999),
        ContrastSpecification("both", "both", names[:2], np.array([[1.0, -1.0], [0.0, 1.0]]), "F"),
        ContrastSpecification("absent", "absent", ("trial_type.z",), np.ones((1, 1))),
    ]
    hit, safe = sorted_contrasts(contrasts, names, names[:2])
    assert hit == ["one", "mean", "off", "both"]
    assert safe == ["difference", "nearly"]


@pytest.mark.parametrize("ratio", [2.0, math.inf])
@pytest.mark.parametrize("difference", ["", "a − b"])
def test_the_remedy_of_a_filled_run_says_by_how_much_only_where_that_is_a_number(
    ratio: float, difference: str
) -> None:
    found = StandardErrors("trial_type.a", difference, ratio, "trial_type.b" if difference else "", 0.25)
    text = _remedy(found)
    assert ("falls to 0.25 of what it is now" in text) is (bool(difference) and math.isfinite(ratio))
    assert text.startswith("Drop one" if difference else "Do not report the effect of a against baseline")
    design = DesignMatrix(("trial_type.a", "constant"), np.ones((4, 2)), np.zeros((4, 0)))
    said = _consequence(found, design)
    assert ("2 times" in said) is math.isfinite(ratio)
    assert ("no data can" in said) is math.isinf(ratio)
    assert "taken out with the mean" not in said
    with_levels = _consequence(found, replace(design, levels=np.zeros(2)))
    assert "taken back by the constant, or taken out with the mean where a package fits none" in with_levels


def test_a_run_that_costs_little_is_not_told() -> None:
    found = [list(filled_run(fills(20, 20 - pause))) for pause in (0, 10)]
    assert [bool(each) for each in found] == [True, False]


def test_nothing_is_said_of_no_runs_and_everything_of_one_once() -> None:
    assert findings([], ModelSpecification("m", ())) == ()
    codes = [finding.code for finding in findings([fills(20, 20), fills(20, 20)], MODEL)]
    assert codes == ["filled-run"]
