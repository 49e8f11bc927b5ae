import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bidsglm.data import Run, Unit
from bidsglm.dataset.layout import find_units
from bidsglm.dataset.tables import paradigms
from bidsglm.errors import DataError
from bidsglm.model import Hrf, ModelSpecification, ParametricModulation, TimeModulation
from bidsglm.statsmodel.specification import read_model
from tests.dataset import bids_tree as tree

HEADER = "onset\tduration\ttrial_type\trt\tcorrect\n"
FIRST = HEADER + "4\t1\tstop\tn/a\t0\n0\t1\tgo\t0.5\t1\n8\t2\tgo\t0.7\t0\n"
SECOND = HEADER + "2\t1\tgo\t0.6\t1\n6\t1\tgaze\t0.9\t1\n"


def new_run(folder: Path, number: int, events: str, columns: str = "trans_x\ttrans_y") -> Run:
    n_scans = 4
    stem = folder / f"run-{number}"
    stem.with_name(f"{stem.name}_events.tsv").write_text(events)
    n_columns = len(columns.split("\t"))
    rows = ["\t".join(str(i + 10 * j) for j in range(n_columns)) for i in range(n_scans)]
    stem.with_name(f"{stem.name}_confounds.tsv").write_text("\n".join([columns, *rows]) + "\n")
    files = [folder / f"{stem.name}_{name}" for name in ("bold.nii.gz", "events.tsv", "confounds.tsv")]
    return Run({"subject": "01"}, *files, None, n_scans, 2.0, 0.5)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    runs = (new_run(tmp_path, 1, FIRST), new_run(tmp_path, 2, SECOND))
    return Unit("01", {}, "sub-01_task-t", "sub-01/func", runs, ("run-1", "run-2"))


def model(*x: str, **more: object) -> ModelSpecification:
    return ModelSpecification("m", x, **more)  # type: ignore[arg-type]


def names(unit: Unit, specification: ModelSpecification) -> list[tuple[str, ...]]:
    return [
        tuple(name for c in p.conditions for name in c.weight_names) + p.confound_names
        for p in paradigms(unit, specification).paradigms
    ]


def test_conditions_come_in_the_order_of_x_and_only_where_they_have_events(unit: Unit) -> None:
    first, second = names(unit, model("trans_x", "trial_type.stop", "trial_type.*", "trans_*"))
    assert first == ("trial_type.stop", "trial_type.go", "trans_x", "trans_y")
    assert second == ("trial_type.gaze", "trial_type.go", "trans_x", "trans_y")


def test_paradigm_holds_events_by_onset_and_the_timing_of_its_run(unit: Unit) -> None:
    paradigm = paradigms(unit, model("trial_type.go", "trans_y")).paradigms[0]
    (go,) = paradigm.conditions
    assert (paradigm.n_scans, paradigm.repetition_time, paradigm.start_time) == (4, 2.0, 0.5)
    np.testing.assert_array_equal(go.onsets, [0.0, 8.0])
    np.testing.assert_array_equal(go.durations, [1.0, 2.0])
    np.testing.assert_array_equal(paradigm.confounds[:, 0], [10.0, 11.0, 12.0, 13.0])


def test_modulations_reach_their_conditions_in_file_order(unit: Unit) -> None:
    specification = model(
        "trial_type.go",
        "trial_type.stop",
        modulations=(
            ParametricModulation("acc", ("go", "stop"), "correct"),
            ParametricModulation("rt", ("go",), "rt", 2),
        ),
        time_modulations=(TimeModulation(("go",), 1),),
        orthogonalize={"go": False},
    )
    go, stop = paradigms(unit, specification).paradigms[0].conditions
    assert go.weight_names[1:] == tuple(
        f"trial_type.go_x_{part}" for part in ("time^1", "acc^1", "rt^1", "rt^2")
    )
    np.testing.assert_array_equal(go.modulators[1].values, [0.5, 0.7])
    assert (go.orthogonalize, stop.orthogonalize) == (False, True)
    assert stop.weight_names == ("trial_type.stop", "trial_type.stop_x_acc^1")


@pytest.mark.parametrize(
    ("specification", "complaint"),
    [
        (
            model("trial_type.gone"),
            r"events\.tsv: no events of trial_type\.gone.*did you mean 'trial_type\.go'",
        ),
        (model("trial_type.x*"), r"no events of trial_type\.x\*"),
        (model("go"), r"confounds\.tsv: no confound go; did you mean 'trial_type\.go'"),
        (model("trial_type.go", "trans_z"), r"confounds\.tsv: no confound trans_z; did you mean 'trans_"),
        (
            model("trial_type.stop", modulations=(ParametricModulation("rt", ("stop",), "rt"),)),
            r"run-1_events\.tsv: line 2: rt is n/a",
        ),
        (
            model("trial_type.go", modulations=(ParametricModulation("rt", ("go",), "rtt"),)),
            r"events\.tsv: no column rtt to modulate go by; did you mean 'rt'",
        ),
        (
            model("trial_type.go", time_modulations=(TimeModulation(("stop",), 1),)),
            "modulates stop, which is not one of its conditions",
        ),
    ],
)
def test_what_x_names_in_vain_is_an_error_with_the_nearest(
    unit: Unit, specification: ModelSpecification, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        paradigms(unit, specification)


def test_automatic_model_notes_a_condition_that_a_participant_lacks(unit: Unit) -> None:
    found = paradigms(unit, model("trial_type.go", "trial_type.gone", automatic=True))
    assert [len(p.conditions) for p in found.paradigms] == [1, 1]
    assert found.notes[0] == "sub-01_task-t: no events of trial_type.gone in any run; left out"


def test_literal_confound_must_be_in_every_run_but_a_glob_takes_what_there_is(
    unit: Unit, tmp_path: Path
) -> None:
    third = new_run(tmp_path, 3, FIRST, columns="rot_x\trot_y")
    longer = replace(unit, runs=(unit.runs[0], third))
    assert [p.confound_names for p in paradigms(longer, model("trial_type.go", "trans_*")).paradigms] == [
        ("trans_x", "trans_y"),
        (),
    ]
    with pytest.raises(DataError, match=r"run-3_confounds\.tsv: no confound trans_x"):
        paradigms(longer, model("trial_type.go", "trans_x"))


@pytest.mark.parametrize(
    ("other", "told"), [("Go", True), ("go ", False), ("GO_", True), ("goal", False), ("stop2", False)]
)
def test_trial_types_that_look_like_one_are_told_of(
    unit: Unit, tmp_path: Path, other: str, told: bool
) -> None:
    third = new_run(tmp_path, 3, FIRST.replace("\tgo\t0.7", f"\t{other}\t0.7"))
    found = paradigms(replace(unit, runs=(third,), run_prefixes=("run-3",)), model("trial_type.*"))
    notes = [note for note in found.notes if "look like one and are fitted as two" in note]
    assert len(notes) == int(told)
    assert all(repr(name) in note for note in notes for name in ("go", other))


def test_metadata_notes_of_runs_are_passed_on(unit: Unit) -> None:
    noted = replace(unit, runs=(replace(unit.runs[0], notes=("odd",)), unit.runs[1]))
    assert "odd" in paradigms(noted, model("trial_type.go")).notes


def test_transformed_variables_can_stand_in_x(unit: Unit) -> None:
    product = {"Name": "Product", "Input": ["trial_type.go", "correct"], "Output": ["go_correct"]}
    lag = {"Name": "Lag", "Input": ["trans_x"], "Output": ["trans_x_lag"], "Order": 1}
    found = paradigms(
        unit,
        model(
            "trial_type.go", "go_correct", "trans_x_lag", transformations=(product, lag), convolved=("*go*",)
        ),
    ).paradigms[0]
    assert [c.weight_names for c in found.conditions] == [("trial_type.go",), ("go_correct",)]
    np.testing.assert_array_equal(found.conditions[1].onsets, [0.0])
    np.testing.assert_array_equal(found.confounds[:, 0], [0.0, 0.0, 1.0, 2.0])


def test_transformed_numbers_are_the_heights_of_events(unit: Unit) -> None:
    demean = {"Name": "Demean", "Input": ["rt"], "Output": ["rt_demeaned"]}
    found = paradigms(
        unit, model("trial_type.go", "rt_demeaned", transformations=(demean,), convolved=("*",))
    )
    heights = found.paradigms[0].conditions[1].heights
    assert np.ptp(heights) > 0
    np.testing.assert_allclose(heights.mean(), 0, atol=1e-12)


@pytest.mark.parametrize("case", ["04_pmod_orth", "14_hpf40_3sess"])
def test_reference_case_as_bids_gives_what_spm_was_given(shared_dir: Path, tmp_path: Path, case: str) -> None:
    source = shared_dir / "spm12-reference" / case
    command = [sys.executable, "-B", source.parent / "to_bids.py", source, tmp_path / "case"]
    subprocess.run(command, check=True, capture_output=True)
    given = json.loads((source / "spec.json").read_text())
    settings = tree.settings(tmp_path / "case/bids")
    specification = read_model(tmp_path / "case/model_smdl.json", settings)
    (found,) = find_units(settings, specification.inputs, specification.mask_entities, "01", True)
    seconds = given["TR"] if given["units"] == "scans" else 1.0
    for paradigm, session in zip(paradigms(found, specification).paradigms, given["sessions"], strict=True):
        assert (paradigm.n_scans, paradigm.repetition_time) == (session["nscan"], given["TR"])
        assert paradigm.confound_names == tuple(session["confound_names"])
        for condition, wanted in zip(paradigm.conditions, session["conditions"], strict=True):
            order = np.argsort(wanted["onset"], kind="stable")
            onsets = np.asarray(wanted["onset"], dtype=float) * seconds
            np.testing.assert_array_equal(condition.onsets, onsets[order])
            for modulator, values in zip(condition.modulators, wanted["pmod"], strict=True):
                np.testing.assert_array_equal(
                    modulator.values, np.asarray(values["param"], dtype=float)[order]
                )


def test_a_trial_type_that_r_writes_for_missing_is_no_condition_and_told_of(unit: Unit) -> None:
    path = unit.runs[0].events
    assert path is not None
    path.write_text(FIRST.replace("stop", "NA"))
    found = paradigms(unit, model("trial_type.*", "trans_x"))
    assert [c.name for c in found.paradigms[0].conditions] == ["go"]
    assert any("1 event with the trial_type NA" in note for note in found.notes)


def test_events_that_a_condition_lacks_are_told_of(unit: Unit) -> None:
    go = {"Name": "Product", "Input": ["trial_type.stop", "rt"], "Output": ["stop_rt"]}
    found = paradigms(unit, model("rt", "trans_x", transformations=(go,), convolved=("rt",)))
    assert any("rt lacks 1 event whose value or duration is n/a" in note for note in found.notes)


def test_a_condition_called_as_another_ones_derivative_is_refused(unit: Unit) -> None:
    path = unit.runs[0].events
    assert path is not None
    path.write_text(FIRST.replace("stop", "go_derivative"))
    assert names(unit, model("trial_type.*"))[0] == ("trial_type.go", "trial_type.go_derivative")
    with pytest.raises(DataError, match=r"run-1_events\.tsv: two regressors .* 'trial_type.go_derivative'"):
        paradigms(unit, model("trial_type.*", hrf=Hrf("spm", derivative=True)))


def test_an_event_without_duration_matters_only_where_it_is_used(unit: Unit) -> None:
    path = unit.runs[0].events
    assert path is not None
    path.write_text(FIRST.replace("4\t1\tstop", "4\tn/a\tstop"))
    either = {"Name": "Or", "Input": ["trial_type.go", "trial_type.stop"], "Output": ["any"]}
    assert names(unit, model("trial_type.go", transformations=(either,)))[0] == ("trial_type.go",)
    for x in ("trial_type.stop", "any"):
        with pytest.raises(DataError, match=rf"run-1_events\.tsv: line 2: duration is n/a; .* {x} event"):
            paradigms(unit, model(x, transformations=(either,), convolved=(x,)))
    given = {"Name": "Replace", "Input": ["trial_type.stop"], "Replace": {"n/a": 3}, "Attribute": "duration"}
    (stop,) = paradigms(unit, model("trial_type.stop", transformations=(given,))).paradigms[0].conditions
    assert stop.durations.tolist() == [3.0]


def test_an_event_without_duration_has_no_course_over_time(unit: Unit) -> None:
    path = unit.runs[0].events
    assert path is not None
    path.write_text(FIRST.replace("4\t1\tstop", "4\tn/a\tstop"))
    product = {"Name": "Product", "Input": ["trial_type.stop", "trans_x"], "Output": ["x"]}
    with pytest.raises(DataError, match=r"an event of 'trial_type.stop' has no onset or no duration \(n/a\)"):
        paradigms(unit, model("x", transformations=(product,)))


def test_an_unknown_duration_is_a_missing_height_and_an_unknown_duration_of_others(unit: Unit) -> None:
    path = unit.runs[0].events
    assert path is not None
    path.write_text(FIRST.replace("4\t1\tstop", "4\tn/a\tstop"))
    height = {"Name": "Assign", "Input": ["correct"], "InputAttr": "duration", "Target": ["trial_type.stop"]}
    height["Output"] = ["length"]
    made = model("length", transformations=(height,), convolved=("length",))
    (length,) = paradigms(unit, made).paradigms[0].conditions
    assert length.heights.tolist() == [1.0, 2.0]
    late = model("length", transformations=({**height, "TargetAttr": "onset"},), convolved=("length",))
    with pytest.raises(DataError, match="an onset or a duration is n/a; give that of the length event"):
        paradigms(unit, late)


@pytest.mark.parametrize("name", ["trial_type", "side", "copy"])
def test_text_in_x_is_refused_with_how_to_name_its_levels(unit: Unit, name: str) -> None:
    for run in unit.runs:
        assert run.events is not None
        text = run.events.read_text().replace("correct", "side").replace("\t0\n", "\tleft\n")
        run.events.write_text(text.replace("\t1\n", "\tright\n"))
    copy = {"Name": "Copy", "Input": ["side"], "Output": ["copy"]}
    with pytest.raises(DataError, match=rf"{name} of X holds text: name its levels there \({name}.<level>"):
        paradigms(unit, model("trial_type.go", name, transformations=(copy,)))


@pytest.mark.parametrize(("x", "convolved"), [("*", "trial_type.*"), ("tri?l", "tri?l"), ("side*", "side*")])
def test_a_pattern_that_leaves_nothing_to_convolve_is_refused(unit: Unit, x: str, convolved: str) -> None:
    with pytest.raises(
        DataError, match=r"X finds no events for .*, which the model convolves; write it in X as"
    ):
        paradigms(unit, model(x, convolved=(convolved,)))


def test_a_pattern_that_finds_no_events_beside_others_is_told_of(unit: Unit) -> None:
    specification = model("trial_type.go", "side*", convolved=("trial_type.go", "side*"))
    assert any("X finds no events for side*" in note for note in paradigms(unit, specification).notes)
