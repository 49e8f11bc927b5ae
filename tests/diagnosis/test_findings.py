"""What is said of a design: each finding where it belongs, with its numbers; silence where all is well."""

import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bidsglm.backends import BACKENDS
from bidsglm.data import Condition, DesignMatrix, Modulator, Paradigm
from bidsglm.demo.data_set import Recording, write_demo
from bidsglm.diagnosis.advice import Finding, RunReview, merged
from bidsglm.diagnosis.event_checks import heights
from bidsglm.diagnosis.filled_run import filled_run
from bidsglm.diagnosis.filling import coverage, filling_conditions, standard_errors
from bidsglm.diagnosis.filter_checks import KEPT
from bidsglm.diagnosis.findings import findings, place
from bidsglm.fsl.regressors import Timing, stimulus
from bidsglm.model import NO_FILTER, ContrastSpecification, Hrf, ModelSpecification
from bidsglm.packages import PACKAGES, title
from bidsglm.settings import Settings
from bidsglm.spm.highpass import dct_basis
from bidsglm.unit.models import model_from_file
from bidsglm.unit.preparation import Prepared, prepare
from tests.spm12_reference import MissingCaseError, case

from .designs import (
    MODEL,
    N_SCANS,
    TIME,
    blocks,
    contrast,
    events,
    jittered,
    paradigm,
    review,
    without_drifts,
)

SHAPE = 0.01
"""The recommendation is made for one package's regressor and one filter's cosines."""
SHORT_EVENTS = 0.02
"""The two packages' sampling moves the ratio of their regressors of impulses by this much."""
MOVEMENT_REST = ("trial_type.movement", "trial_type.rest")


def codes(found: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in found]


def only(found: tuple[Finding, ...], code: str) -> Finding:
    (finding,) = [finding for finding in found if finding.code == code]
    return finding


def said(*runs: RunReview, model: ModelSpecification = MODEL) -> tuple[Finding, ...]:
    found = findings(runs, model)
    for finding in found:
        words = f"{finding.title} {finding.text} {finding.remedy}"
        assert finding.text.endswith(".")
        assert finding.remedy.endswith(".")
        assert not re.search(r"\bnan\b|\binf\b|trial_type\.|  ", words)
    return found


def normal() -> RunReview:
    motion = 0.01 * np.random.default_rng(4).normal(size=N_SCANS).cumsum()
    run = paradigm(jittered("a", 1, 2.0), jittered("b", 2, 2.0), confounds={"trans_x": motion})
    return review(run, contrast("a", 1, on=("a",)), contrast("a - b", 1, -1, on=("a", "b")))


def filled(*contrasts: ContrastSpecification, model: ModelSpecification = MODEL) -> RunReview:
    return review(paradigm(blocks("movement", 20), blocks("rest", 0)), *contrasts, model=model)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Prepared]:
    written = write_demo(tmp_path_factory.mktemp("demo"), 1, Recording(n_runs=1))
    models = {"good": written.model, "overparameterised": written.overparameterised_model}
    return {name: _prepared(written.bids_dir, model) for name, model in models.items()}


def _prepared(bids_dir: Path, path: Path) -> Prepared:
    from bidsglm.dataset.layout import find_units

    settings = Settings(bids_dir, bids_dir / "out", "participant", model=path)
    model = model_from_file(settings)
    (unit,) = find_units(settings, model.inputs, model.mask_entities, "01", model.by_session)
    return prepare(unit, model, settings.backends)


def of(prepared: Prepared) -> tuple[Finding, ...]:
    runs = [
        RunReview("run-1", run, {n: d[i] for n, d in prepared.designs.items()}, prepared.contrasts)
        for i, run in enumerate(prepared.paradigms)
    ]
    return said(*runs, model=prepared.model)


def reference(name: str, *contrasts: ContrastSpecification) -> tuple[Finding, ...]:
    found = case(name)
    try:
        runs = [
            review(run, *contrasts, model=found.model, label=f"run-{i + 1}")
            for i, run in enumerate(found.paradigms)
        ]
    except MissingCaseError as error:
        pytest.skip(str(error))
    return said(*runs, model=found.model)


def test_nothing_is_said_of_a_good_design():
    assert codes(said(normal())) == []


# conditions that fill the run


@pytest.mark.parametrize("backend", PACKAGES)
@pytest.mark.parametrize("high_pass", [128.0, NO_FILTER])
def test_a_filled_run_is_found_in_each_packages_own_design(backend, high_pass):
    model = replace(MODEL, high_pass=high_pass)
    run = paradigm(blocks("movement", 20), blocks("rest", 0))
    contrasts = contrast("movement", 1), contrast("movement - rest", 1, -1)
    (finding,) = filled_run(review(run, *contrasts, model=model, backends=(backend,)))
    assert (finding.columns, finding.backends) == (MOVEMENT_REST, (backend,))
    assert 3.7 < finding.size < 4.3
    assert "effect maps: movement. Contrasts not concerned: movement - rest." in finding.text
    assert ("taken out with the mean" in finding.text) is PACKAGES[backend].filters_columns
    (alone,) = filled_run(review(paradigm(blocks("task", 0, 20, 20)), model=model, backends=(backend,)))
    assert alone.title == "task fills the run"
    assert alone.size > 4
    assert not list(filled_run(review(paradigm(blocks("movement", 20)), model=model, backends=(backend,))))


def test_columns_that_fill_the_run_explain_as_much_in_fsl_as_where_there_is_a_constant():
    run = review(paradigm(jittered("a", 1, 2.0), jittered("b", 2, 2.0)), backends=("nilearn", "fsl"))
    theirs, fsls = (filling_conditions(design, run.paradigm)[1] for design in run.designs.values())
    assert_allclose(fsls, theirs, atol=0.002)


def test_overparameterised_demo_is_found_out(demo):
    (finding,) = of(demo["overparameterised"])
    assert (finding.severity, finding.code, finding.columns) == ("serious", "filled-run", MOVEMENT_REST)
    assert finding.backends == ("spm", "nilearn")
    assert "movement and rest together cover 100 % of the run" in finding.text
    assert "effect maps: movement and rest. Contrasts not concerned: movement - rest." in finding.text
    assert "without rest" in finding.remedy
    assert "one of the conditions that fill the run" in finding.remedy


def test_good_demo_is_not(demo):
    assert codes(of(demo["good"])) == []


def test_reference_case_with_movement_and_rest_is_found_out():
    alone, difference = contrast("movement", 1), contrast("movement - rest", 1, -1)
    finding = only(reference("02_block_movement_rest", alone, difference), "filled-run")
    assert finding.columns == MOVEMENT_REST
    assert finding.size > 3


@pytest.mark.parametrize(
    "name",
    ["01_block_tapping", "03_event_derivs_motion_2sess", "04_pmod_orth", "05_fir", "11_T32_T01_TR0.8_scans"],
)
def test_other_reference_cases_are_not(name):
    assert "filled-run" not in codes(reference(name))


@pytest.mark.parametrize(("gap", "duration"), [(12.0, 0.0), (12.0, 4.0), (9.0, 1.0)])
@pytest.mark.parametrize("seed", range(4))
def test_normal_event_related_designs_do_not_fill_the_run(gap, duration, seed):
    run = paradigm(jittered("a", seed, duration, 2 * gap), jittered("b", seed + 50, duration, 2 * gap))
    assert "filled-run" not in codes(said(review(run, contrast("a", 1, on=("a",)))))


def test_events_without_a_pause_fill_the_run_even_if_they_are_short():
    order = np.random.default_rng(0).permutation(58) % 2
    onsets = 4.0 * np.arange(58)
    run = paradigm(events("a", onsets[order == 0]), events("b", onsets[order == 1]))
    finding = only(said(review(run, contrast("a", 1, on=("a",)))), "filled-run")
    assert "follow each other so closely" in finding.text


def test_three_conditions_that_fill_the_run_are_all_named_but_not_a_fourth():
    run = paradigm(
        blocks("left", 0, 60), blocks("right", 20, 60), blocks("fixation", 40, 60), jittered("cue", 3)
    )
    finding = only(said(review(run)), "filled-run")
    assert finding.columns == ("trial_type.left", "trial_type.right", "trial_type.fixation")
    assert "without fixation" in finding.remedy


@pytest.mark.parametrize(
    ("names", "dropped"),
    [
        (("positive", "negative"), "negative"),
        (("decision", "interest"), "interest"),
        (("Fixation", "go"), "Fixation"),
        (("rest_open", "go"), "rest_open"),
    ],
)
def test_condition_to_drop_is_the_one_named_like_a_baseline_else_the_last(names, dropped):
    run = review(paradigm(blocks(names[0], 0), blocks(names[1], 20)))
    found = standard_errors(run.designs["spm"], [f"trial_type.{name}" for name in names])
    assert found.dropped == f"trial_type.{dropped}"


def test_baseline_is_known_by_a_name_without_prefix():
    run = review(paradigm(blocks("rest", 0), blocks("go", 20)))
    design = run.designs["spm"]
    plain = replace(design, names=tuple(name.removeprefix("trial_type.") for name in design.names))
    assert standard_errors(plain, ["rest", "go"]).dropped == "rest"


def test_one_condition_that_lasts_the_whole_run_is_named_alone():
    finding = only(said(review(paradigm(events("film", [0], 240), jittered("laugh", 1)))), "filled-run")
    assert finding.columns == ("trial_type.film",)
    assert "no rest left" in finding.text


def test_fir_blocks_without_a_pause_fill_the_run():
    model = replace(MODEL, hrf=Hrf("fir", length=20.0, order=10))
    run = paradigm(blocks("movement", 20, duration=0), blocks("rest", 0, duration=0))
    finding = only(said(review(run, model=model), model=model), "filled-run")
    assert "no data can determine" in finding.text


def test_only_differences_tested_is_but_a_note():
    assert only(said(filled(contrast("movement - rest", 1, -1))), "filled-run").severity == "note"
    assert only(said(filled(contrast("movement", 1))), "filled-run").severity == "serious"


def test_standard_errors_are_those_of_the_designs():
    design = filled().designs["spm"]
    found = standard_errors(design, MOVEMENT_REST)
    assert (found.single, found.dropped) == MOVEMENT_REST
    X = design.matrix - design.high_pass_basis @ (design.high_pass_basis.T @ design.matrix)

    def error(columns: list[int], *weights: float) -> float:
        inverse = np.linalg.inv(X[:, columns].T @ X[:, columns])
        return float(np.sqrt(np.array(weights) @ inverse @ np.array(weights)))

    alone = error([0, 1, 2], 1, 0, 0)
    assert_allclose(found.ratio, alone / error([0, 1, 2], 1, -1, 0), rtol=1e-9)
    assert_allclose(found.after, error([0, 2], 1, 0) / alone, rtol=1e-9)


def test_share_of_the_constant_is_corrected_for_the_number_of_columns():
    # of ones, k of ten unit columns explain k / 10: no more than any k directions would
    for k in (1, 4):
        names = tuple(f"trial_type.{i}" for i in range(k))
        run = Paradigm(24.0, 10, None, tuple(events(str(i), [0.0]) for i in range(k)), (), np.zeros((10, 0)))
        found = filling_conditions(DesignMatrix(names, np.eye(10)[:, :k], np.zeros((10, 0))), run)
        assert found[0] == ()
        assert_allclose(found[1], 1 - (9 - (k - 1)) / (9 - k), atol=1e-12)


def test_conditions_explain_the_constant_only_together():
    design = filled().designs["nilearn"]
    assert filling_conditions(design, filled().paradigm)[1] > 0.99
    single = review(paradigm(blocks("movement", 20)))
    assert filling_conditions(single.designs["nilearn"], single.paradigm)[0] == ()


def test_coverage_counts_overlaps_once_and_nothing_outside_the_run():
    run = paradigm(events("a", [-10, 0, 10], 20), events("b", [230], 100))
    assert_allclose(coverage(run, ["trial_type.a", "trial_type.b"]), (30 + 10) / 240)


# settings


def test_filter_that_nilearn_ignores_is_serious_and_names_the_filled_run():
    model = without_drifts()
    finding = only(said(filled(model=model), model=model), "option-without-effect")
    assert finding.severity == "serious"
    assert "DriftModel is null" in finding.text
    assert "movement and rest together fill the run" in finding.text
    plain = only(said(review(normal().paradigm, model=model), model=model), "option-without-effect")
    assert "fill the run" not in plain.text
    alone = review(normal().paradigm, model=model, backends=("nilearn",))
    assert only(said(alone, model=model), "option-without-effect").severity == "warning"


def test_no_filter_at_all_is_the_users_choice():
    model = replace(without_drifts(), high_pass=np.inf)
    assert codes(said(review(normal().paradigm, model=model), model=model)) == []


def test_polynomial_drifts_ignore_the_cut_off():
    model = replace(MODEL, nilearn=replace(MODEL.nilearn, drift_model="polynomial"))
    assert (
        "polynomial"
        in only(said(review(normal().paradigm, model=model), model=model), "option-without-effect").text
    )


def test_run_too_short_for_the_filter_is_noted():
    run = paradigm(events("a", np.arange(0, 50, 9.0), 2), n_scans=30)
    assert only(said(review(run)), "idle-filter").severity == "note"


def modulated(seed: int) -> RunReview:
    """Events with a modulator that does not vary, and one behind it that does."""
    onsets = np.arange(4, 220, 14.0)[:seed]
    speed = np.random.default_rng(seed).normal(size=onsets.size)
    modulators = (Modulator("level", np.full(onsets.size, 2.0)), Modulator("speed", speed))
    condition = Condition("go", onsets, np.full(onsets.size, 2.0), modulators)
    return review(paradigm(condition), contrast("level", 1, on=("go_x_level^1",)))


@pytest.mark.parametrize("n_events", range(6, 17))
def test_modulator_without_variance_is_found_whatever_rounding_makes_of_it(n_events):
    run = modulated(n_events)
    finding = only(said(run), "idle-modulator")
    assert (finding.severity, finding.columns) == ("serious", ("trial_type.go_x_level^1",))
    design = run.designs["spm"].matrix
    shifted = "holds what go_x_speed^1 should" in finding.text
    assert shifted == design[:, 1].any()
    assert not design[:, 2].any()


def test_last_modulator_without_variance_is_only_empty():
    onsets = np.arange(4, 220, 14.0)
    level = Modulator("level", np.full(onsets.size, 2.0))
    condition = Condition("go", onsets, np.full(onsets.size, 2.0), (level,))
    assert codes(said(review(paradigm(condition)))) == ["empty-regressor"]


# filter and confounds


def test_condition_slower_than_the_filter_is_found_with_a_filter_that_keeps_it():
    run = paradigm(events("drug", [120], 120), jittered("a", 1, 2.0))
    finding = only(said(review(run)), "slow-regressor")
    assert finding.columns == ("trial_type.drug",)
    assert finding.size > 0.8
    periods = paradigm(blocks("task", 0, 120, 60))
    slow = only(said(review(periods, model=replace(MODEL, high_pass=100.0))), "slow-regressor")
    cutoff = float(re.search(r"A cut-off of (\d+) s", slow.remedy)[1])
    model = replace(MODEL, high_pass=cutoff)
    removed = review(periods, model=model).diagnoses["spm"].regressors[0].removed_by_filter
    assert 1 - removed >= KEPT - SHAPE


@pytest.mark.parametrize(("cutoff", "severity"), [(200.0, "warning"), (60.0, "serious")])
def test_slow_condition_is_serious_where_the_filter_leaves_less_than_a_tenth(cutoff, severity):
    run = paradigm(events("drug", [120], 120), jittered("a", 1, 2.0))
    finding = only(said(review(run, model=replace(MODEL, high_pass=cutoff))), "slow-regressor")
    assert (finding.severity, finding.size > 0.9) == (severity, severity == "serious")


def test_confounds_that_explain_a_condition_are_named():
    design = review(paradigm(jittered("a", 1, 2.0))).designs["spm"]
    rng = np.random.default_rng(0)
    signal = design.matrix[:, 0] / design.matrix[:, 0].std() + 0.3 * rng.normal(size=N_SCANS)
    table = {"global_signal": signal, "csf": rng.normal(size=N_SCANS)}
    finding = only(said(review(paradigm(jittered("a", 1, 2.0), confounds=table))), "confounded-condition")
    assert "global_signal (r = 0.9" in finding.text
    assert "global_signal" in finding.remedy


def test_many_confounds_are_blamed_for_their_number():
    rng = np.random.default_rng(0)
    table = {f"comp{i}": column for i, column in enumerate(rng.normal(size=(70, N_SCANS)))}
    found = said(review(paradigm(jittered("a", 1, 2.0), confounds=table)))
    assert only(found, "confounded-condition").remedy.startswith("Use fewer confounds")
    assert "few-degrees-of-freedom" in codes(found)


def test_motion_that_follows_the_task_is_named_with_its_correlation():
    column = review(paradigm(blocks("a", 10))).designs["spm"].matrix[:, 0]
    rng = np.random.default_rng(0)
    table = {"rot_y": rng.normal(size=N_SCANS), "trans_z": column + 0.8 * rng.normal(size=N_SCANS)}
    run = review(paradigm(blocks("a", 10), confounds=table))
    finding = only(said(run), "task-motion")
    assert finding.columns == ("trial_type.a", "trans_z")
    r = float(re.search(r"r = (0\.\d+)", finding.text)[1])
    assert_allclose(r, max(abs(d.correlation[0, 2]) for d in run.diagnoses.values()), atol=0.005)


def test_confounds_that_repeat_the_filter_are_found():
    slow = dct_basis(N_SCANS, TIME, 128)[:, 1]
    wave = slow + 1e-3 * np.random.default_rng(0).normal(size=N_SCANS) / np.sqrt(N_SCANS)
    finding = only(said(review(paradigm(blocks("a", 10), confounds={"wave": wave}))), "filtered-confounds")
    assert finding.columns == ("wave",)
    exact = said(review(paradigm(blocks("a", 10), confounds={"wave": slow})))
    assert {"filtered-confounds", "dependent-columns"} <= set(codes(exact))


# events


def test_zero_length_events_come_with_the_factor_of_both_packages():
    run = review(paradigm(jittered("a", 1), jittered("b", 2, 3.0)))
    finding = only(said(run), "zero-length-events")
    assert finding.columns == ("trial_type.a",)
    assert "50/TR = 25 times" in finding.text
    ratios = {h.condition: h.ratio for h in heights([run])}
    assert_allclose(ratios["trial_type.a"], 25, rtol=SHORT_EVENTS)


def test_short_events_are_longer_in_spm():
    run = review(paradigm(jittered("a", 1, 0.5)))
    finding = only(said(run), "longer-events")
    assert_allclose(heights([run])[0].ratio, (0.5 + TIME / 16) / 0.5, rtol=0.05)
    assert "TR/16 = 0.125 s" in finding.text


def test_mixed_durations_are_told_apart_from_all_zero_ones():
    mixed = Condition("a", np.arange(5, 200, 13.0), np.tile([0.0, 2.0, 2.0], 5))
    finding = only(said(review(paradigm(mixed))), "mixed-durations")
    assert finding.text.startswith("5 of 15 events")


def test_scale_that_changes_between_runs_is_serious():
    runs = [
        review(paradigm(jittered("a", 1, duration)), label=f"run-{i}") for i, duration in enumerate((0, 2))
    ]
    found = said(*runs)
    assert only(found, "unequal-scales").severity == "serious"
    assert "zero-length-events" not in codes(found)


def test_few_events_are_counted_over_all_runs():
    few = [
        review(paradigm(jittered("a", 1, 2.0), events("b", [50, 90], 2)), label=f"run-{i}") for i in (1, 2, 3)
    ]
    finding = only(said(few[0]), "few-events")
    assert "b: 2 (4 s together)" in finding.text
    assert "few-events" not in codes(said(*few))


def test_few_long_blocks_are_not_poor():
    assert "few-events" not in codes(said(review(paradigm(events("a", [30, 150], 30)))))


def test_events_outside_the_run_are_counted():
    run = paradigm(events("a", [-30, -1, *range(20, 220, 15), 240, 300], 2))
    found = said(review(run))
    assert "2 of a" in only(found, "events-after-run").text
    assert "1 of a" in only(found, "events-before-run").text


# rank


def test_condition_that_is_a_sum_of_others_is_named_with_them():
    half = blocks("a", 0, 40, 10), blocks("b", 10, 40, 10)
    both = Condition(
        "both", *(np.concatenate(x) for x in zip(*((c.onsets, c.durations) for c in half), strict=True))
    )
    run = review(paradigm(*half, both), contrast("a", 1, on=("a",)))
    found = said(run)
    finding = only(found, "dependent-columns")
    assert (finding.severity, finding.columns) == (
        "serious",
        ("trial_type.a", "trial_type.b", "trial_type.both"),
    )
    assert "missing-contrast" in codes(found)


def test_duplicate_confound_is_but_a_note():
    walk = np.random.default_rng(0).normal(size=N_SCANS)
    run = review(paradigm(blocks("a", 10), confounds={"trans_x": walk, "copy": 3 * walk}))
    finding = only(said(run), "dependent-columns")
    assert (finding.severity, finding.columns) == ("note", ("trans_x", "copy"))


def test_cue_and_target_at_a_fixed_distance_overlap():
    onsets = np.arange(4, 220, 14.0)
    run = review(paradigm(events("cue", onsets, 1), events("target", onsets + 0.5, 1)))
    finding = only(said(run), "overlapping-conditions")
    assert finding.columns == ("trial_type.cue", "trial_type.target")


def test_conditions_that_overlap_in_a_chain_are_told_together():
    onsets = np.arange(4, 220, 14.0)
    chain = [events(name, onsets + 0.5 * i, 1) for i, name in enumerate(("cue", "wait", "go"))]
    finding = only(said(review(paradigm(*chain, jittered("other", 1, 2.0)))), "overlapping-conditions")
    assert finding.columns == ("trial_type.cue", "trial_type.wait", "trial_type.go")


def test_modulator_that_is_not_centred_is_told_to_be():
    onsets = np.arange(4, 220, 14.0)
    values = 10 + np.random.default_rng(0).normal(size=onsets.size)
    condition = Condition(
        "go", onsets, np.full(onsets.size, 2.0), (Modulator("rt", values),), orthogonalize=False
    )
    assert only(said(review(paradigm(condition))), "overlapping-conditions").remedy.startswith("Centre")
    assert codes(said(review(paradigm(replace(condition, orthogonalize=True))))) == []


def test_contrast_without_its_condition_in_a_run_says_which_run():
    difference = contrast("a - b", 1, -1, on=("a", "b"))
    runs = [
        review(paradigm(jittered("a", 1, 2.0), jittered("b", 2, 2.0)), difference, label="run-1"),
        review(paradigm(jittered("a", 1, 2.0)), difference, label="run-2"),
    ]
    finding = only(said(*runs), "missing-contrast")
    assert finding.runs == ("run-2",)
    assert "b has no events in the run" in finding.text
    assert place(finding, 2, ("spm", "nilearn")) == "run-2"


def test_constant_confound_is_noted_and_blamed_for_nothing_else():
    run = review(paradigm(blocks("a", 10), confounds={"still": np.full(N_SCANS, 0.1)}))
    assert codes(said(run)) == ["constant-confound"]


# merging


def test_same_finding_of_two_runs_stands_once_in_the_words_of_the_worse():
    runs = [filled(contrast("movement", 1)), replace(filled(contrast("movement", 1)), label="run-2")]
    finding = only(said(*runs), "filled-run")
    assert (finding.runs, finding.backends) == (("run-1", "run-2"), ("spm", "nilearn"))
    assert place(finding, 2, ("spm", "nilearn")) == ""


def test_severe_findings_come_first():
    found = merged([Finding(s, s, "t", "x", "r") for s in ("note", "serious", "warning")])
    assert codes(found) == ["serious", "warning", "note"]


def test_one_backend_is_enough():
    for backend in BACKENDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = review(paradigm(jittered("a", 1), jittered("b", 2, 0.5)), backends=(backend,))
        # AFNI's response to an impulse has a finding of its own
        finding = only(said(run), "low-response" if backend == "afni" else "zero-length-events")
        assert finding.severity == "note"


@pytest.mark.parametrize("backends", [("spm",), ("nilearn",), ("fsl",), ("afni", "fsl"), ("spm", "fsl")])
def test_findings_on_events_and_confounds_speak_of_packages_that_are_fitted(
    backends: tuple[str, ...],
) -> None:
    still = {"still": np.ones(N_SCANS)}
    impulses, lasting = jittered("a", 1), jittered("a", 1, 3.0)
    some = replace(lasting, durations=np.where(np.arange(len(lasting.onsets)) % 2, 3.0, 0.0))
    # AFNI refuses conditions of which some events last
    cases = [[impulses]] if "afni" in backends else [[impulses], [some], [impulses, lasting]]
    for runs in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reviews = [review(paradigm(run, confounds=still), backends=backends) for run in runs]
        found = findings(reviews, MODEL)
        assert "constant-confound" in codes(found)
        others = {title(name) for name in BACKENDS if name not in backends}
        for finding in found:
            words = set(re.findall(r"\w+", f"{finding.title} {finding.text} {finding.remedy}"))
            assert not words & others, finding


def test_what_is_said_of_fsls_impulses_is_what_its_grid_holds():
    timing = Timing(2.0, 40)
    onsets = np.arange(0.0, 20.0, 0.507)
    bins = {int((stimulus(np.array([onset]), np.zeros(1), np.ones(1), timing) > 0).sum()) for onset in onsets}
    assert bins == {1, 2}
    found = findings([review(paradigm(jittered("a", 1)), backends=("fsl",))], MODEL)
    expected = "FSL gives each of them a height of 1 for 0.05 s, or 0.1 s where it begins late in a bin."
    assert only(found, "zero-length-events").text.endswith(expected)
