from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bidsglm.data import Run
from bidsglm.dataset.events import read_events
from bidsglm.dataset.sampling import scan_times
from bidsglm.dataset.transformed import Transformed
from bidsglm.dataset.variables import transform
from bidsglm.errors import DataError

ROUNDING = 1e-12
"""Sums of a few numbers of order one."""
EVENTS = (
    "onset\tduration\ttrial_type\trt\tcorrect\tstim\n"
    "8.5\t2\tgo\t0.7\t1\thouse\n0.1\t1\tgo\t0.5\t1\tface\n4\t1\tstop\tn/a\t0\thouse\n12\t1\tstop\t0.9\t1\tface\n"
)
FACTOR = {"Name": "Factor", "Input": ["trial_type"]}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    events, confounds = tmp_path / "events.tsv", tmp_path / "confounds.tsv"
    events.write_text(EVENTS)
    confounds.write_text("trans_x\tfd\tcsf\n" + "".join(f"{i}\t{i / 10 or 'n/a'}\tn/a\n" for i in range(8)))
    return Run({"subject": "01", "run": "1"}, tmp_path / "bold.nii.gz", events, confounds, None, 8, 2.0, None)


def apply(run: Run, *instructions: dict[str, object], wanted: Sequence[str] = ()) -> Transformed:
    assert run.events is not None
    return transform(run, read_events(run.events), instructions, wanted)


def test_trial_types_are_conditions_of_height_one_by_onset(run: Run) -> None:
    go = apply(run, wanted=["trial_type.*"]).conditions["trial_type.go"]
    assert (go.name, go.weight_names, go.amplitudes) == ("go", ("trial_type.go",), None)
    np.testing.assert_array_equal(go.onsets, [0.1, 8.5])
    np.testing.assert_array_equal(go.durations, [1.0, 2.0])


def test_numbers_of_events_become_heights_without_the_missing_ones(run: Run) -> None:
    rt = apply(run, {"Name": "Demean", "Input": ["rt"], "Output": ["rt_demeaned"]}).conditions["rt_demeaned"]
    assert rt.weight_names == ("rt_demeaned",)
    assert rt.amplitudes is not None
    np.testing.assert_allclose(rt.amplitudes, [-0.2, 0.0, 0.2], atol=ROUNDING)


STOP_IF_CORRECT = {"Name": "Filter", "Input": ["trial_type.stop"], "Query": "correct == 1", "By": ["correct"]}
ANY = {"Name": "Or", "Input": ["trial_type.go", "trial_type.stop"], "Output": ["any"]}
GO_TO_RUN = {"Name": "Replace", "Input": ["trial_type"], "Replace": {"go": "run"}}


@pytest.mark.parametrize(
    ("instructions", "name", "onsets"),
    [
        ([{"Name": "Rename", "Input": ["trial_type.go"], "Output": ["g"]}], "g", [0.1, 8.5]),
        ([GO_TO_RUN, FACTOR], "trial_type.run", [0.1, 8.5]),
        ([ANY], "any", [0.1, 4, 8.5, 12]),
        ([{"Name": "Not", "Input": ["correct"], "Output": ["wrong"]}], "wrong", [4]),
        ([STOP_IF_CORRECT], "trial_type.stop", [12]),
        ([{"Name": "Factor", "Input": ["stim"]}], "stim.face", [0.1, 12]),
    ],
)
def test_events_are_transformed_as_pybids_does(
    run: Run, instructions: list[dict[str, object]], name: str, onsets: list[float]
) -> None:
    np.testing.assert_array_equal(apply(run, *instructions).conditions[name].onsets, onsets)


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (
            {"Name": "Threshold", "Threshold": 0.5, "Binarize": True, "Input": ["fd"]},
            [0, 0, 0, 0, 0, 1, 1, 1],
        ),
        ({"Name": "Scale", "Rescale": False, "Input": ["trans_x"]}, np.arange(8) - 3.5),
        ({"Name": "Lag", "Order": 1, "Input": ["trans_x"]}, [0, 0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_confounds_are_transformed_as_pybids_does(
    run: Run, instruction: dict[str, object], expected: list[float]
) -> None:
    found = apply(run, {**instruction, "Output": ["made"]}).series["made"]
    np.testing.assert_allclose(found.at(scan_times(run)), expected, atol=ROUNDING)


def test_columns_that_no_instruction_mentions_may_be_unusable(run: Run) -> None:
    assert "csf" not in apply(run, {"Name": "Demean", "Input": ["trans_x"]}).series
    with pytest.raises(DataError, match="csf is n/a"):
        apply(run, {"Name": "Demean", "Input": ["csf"]})


@pytest.mark.parametrize(
    ("instruction", "complaint"),
    [
        (
            {"Name": "Magic", "Input": ["rt"]},
            r"Magic of \[\"rt\"\] cannot be applied: No transformation 'Magic'",
        ),
        ({"Name": "Demean", "Input": ["nope"]}, "Demean .*No variable named 'nope'"),
    ],
)
def test_what_pybids_cannot_apply_is_named(run: Run, instruction: dict[str, object], complaint: str) -> None:
    with pytest.raises(DataError, match=rf"events\.tsv: the model's transformation {complaint}"):
        apply(run, instruction)


TWO = ["trial_type", "stim"]


@pytest.mark.parametrize(
    ("query", "by", "onsets"),
    [
        ("rt > 0.6", None, [8.5, 12]),
        ("rt >= 0.7", None, [8.5, 12]),
        ("rt < 0.7", None, [0.1]),
        ("rt <= 0.7", None, [0.1, 8.5]),
        ("rt == 0.5", None, [0.1]),
        ("0.5 != rt", None, [8.5, 12]),
        ("rt > 0.6 and stim == 'house'", "stim", [8.5]),
        ("rt > 0.8 or stim == 'house'", "stim", [8.5, 12]),
        ("correct == 1 and stim == 'house'", ["correct", "stim"], [8.5]),
        ("not stim in ['face']", "stim", [8.5]),
        ("stim not in ['face']", "stim", [8.5]),
    ],
)
def test_a_filter_keeps_the_events_of_its_query(
    run: Run, query: str, by: object, onsets: list[float]
) -> None:
    kept = {"Name": "Filter", "Input": ["rt"], "Query": query, **({"By": by} if by else {})}
    np.testing.assert_array_equal(apply(run, kept).conditions["rt"].onsets, onsets)


def test_each_input_of_a_filter_has_the_same_query_or_one_of_its_own(run: Run) -> None:
    both = {"Name": "Filter", "Input": ["rt", "correct"], "By": ["stim", "trial_type"]}
    found = apply(run, {**both, "Query": "stim == 'face' and trial_type == 'stop'"}).conditions
    assert {name: list(c.onsets) for name, c in found.items()} == {"rt": [12], "correct": [12]}
    found = apply(run, {**both, "Query": ["rt > 0.8", "stim == 'face'"]}).conditions
    assert {name: list(c.onsets) for name, c in found.items()} == {"rt": [12], "correct": [0.1, 12]}
    with pytest.raises(DataError, match="1 queries for 2 inputs: give one, or one each"):
        apply(run, {**both, "Query": ["rt > 0.8"]})


def test_a_query_that_compares_text_with_numbers_is_refused(run: Run) -> None:
    with pytest.raises(DataError, match="text and numbers have no order: < cannot compare them"):
        apply(run, {"Name": "Filter", "Input": ["rt"], "Query": "stim < 2", "By": "stim"})
    with pytest.raises(DataError, match="correct and trans_x do not have the same rows"):
        apply(run, {"Name": "Filter", "Input": ["correct"], "Query": "trans_x > 2", "By": "trans_x"})


def test_a_variable_is_split_by_the_levels_of_others(run: Run) -> None:
    found = apply(run, {"Name": "Split", "Input": ["rt"], "By": ["stim"]}).conditions
    np.testing.assert_array_equal(found["rt.stim[face]"].onsets, [0.1, 12])
    np.testing.assert_array_equal(found["rt.stim[face]"].heights, [0.5, 0.9])
    np.testing.assert_array_equal(found["rt.stim[house]"].onsets, [8.5])
    both = apply(run, {"Name": "Split", "Input": ["correct"], "By": TWO}).conditions
    assert {name: list(c.onsets) for name, c in both.items() if name.startswith("correct.")} == {
        "correct.trial_type[go].stim[face]": [0.1],
        "correct.trial_type[go].stim[house]": [8.5],
        "correct.trial_type[stop].stim[face]": [12],
    }
    with pytest.raises(DataError, match="No variable named 'side' found"):
        apply(run, {"Name": "Split", "Input": ["rt"], "By": ["side"]})


def test_levels_and_variables_are_made_up_to_a_number(tmp_path: Path, run: Run) -> None:
    levels = 50
    assert run.events is not None
    lines = [f"{i}\t1\t{i}\ta{i}\tb{i}\n" for i in range(levels)]
    run.events.write_text("onset\tduration\tload\tone\ttwo\n" + "".join(lines))
    split = {"Name": "Split", "Input": ["load"]}
    with pytest.raises(DataError, match="one and two have more than 2000 combinations of levels"):
        apply(run, {**split, "By": ["one", "two"]})
    made = apply(run, {"Name": "Factor", "Input": ["one"]}).conditions
    assert len([name for name in made if name.startswith("one.")]) == levels


@pytest.mark.parametrize(
    ("attribute", "delays", "is_time"),
    [
        ("duration", "0 3", True),
        ("duration", "-1 3", False),
        ("onset", "-1 3", True),
        ("onset", "3 1e31", False),
        ("duration", "3 1e31", False),
    ],
)
def test_onsets_and_durations_that_instructions_assign_must_be_times(
    run: Run, attribute: str, delays: str, is_time: bool
) -> None:
    assert run.events is not None
    first, second = delays.split()
    run.events.write_text(f"onset\tduration\tload\tdelay\n2\t1\t5\t{first}\n4\t1\t6\t{second}\n")
    assign = {"Name": "Assign", "Input": ["delay"], "Target": ["load"], "TargetAttr": attribute}
    if is_time:
        found = getattr(apply(run, assign).conditions["load"], f"{attribute}s")
        np.testing.assert_array_equal(found, sorted(map(float, (first, second))))
    else:
        with pytest.raises(
            DataError, match="load, which cannot be used: it has an onset or a duration that is"
        ):
            apply(run, assign)


def test_a_variable_that_is_not_there_cannot_be_sampled_anew(run: Run) -> None:
    with pytest.raises(DataError, match=r"ToDense of .* cannot be applied: no such variable"):
        apply(run, {"Name": "ToDense", "Input": ["nope"]})


def test_a_variable_is_split_by_its_entities(run: Run) -> None:
    found = apply(run, {"Name": "Split", "Input": ["rt"], "By": ["run", "stim"]}).conditions
    np.testing.assert_array_equal(found["rt.run[1].stim[face]"].onsets, [0.1, 12])
    with pytest.raises(DataError, match="there is no variable 'task' to split by"):
        apply(run, {"Name": "Split", "Input": ["rt"], "By": ["task"]})


def heights(found: Transformed, name: str) -> dict[float, float]:
    condition = found.conditions[name]
    return dict(zip(condition.onsets.tolist(), condition.heights.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "inputs", "arguments", "expected"),
    [
        # the stop at 4 s has no rt
        ("Product", ["trial_type.go", "rt"], {}, {0.1: 0.5, 8.5: 0.7}),
        ("Product", ["trial_type.stop", "rt"], {}, {12.0: 0.9}),
        ("Sum", ["rt", "correct"], {}, {0.1: 1.5, 8.5: 1.7, 12.0: 1.9}),
        ("And", ["trial_type.stop", "rt"], {}, {12.0: 1.0}),
        ("Or", ["trial_type.go", "rt"], {}, {0.1: 1.0, 8.5: 1.0, 12.0: 1.0}),
        ("Threshold", ["rt"], {"Threshold": 0.6, "Above": False, "Binarize": True}, {0.1: 1.0}),
        ("Replace", ["rt"], {"Replace": {"n/a": 2}}, {0.1: 0.5, 4.0: 2.0, 8.5: 0.7, 12.0: 0.9}),
        (
            "Scale",
            ["rt"],
            {"Rescale": False, "ReplaceNA": "before"},
            {0.1: -0.025, 4.0: -0.525, 8.5: 0.175, 12.0: 0.375},
        ),
        # 1 at 12 s and 0 elsewhere, less its slope of 2.5 over rt of 0.5, 0.7, 0.9
        ("Orthogonalize", ["stop"], {"Other": ["rt"]}, {0.1: -1.25, 8.5: -1.75, 12.0: -1.25}),
    ],
)
def test_a_missing_value_is_neither_one_nor_zero(
    run: Run, name: str, inputs: list[str], arguments: dict[str, object], expected: dict[float, float]
) -> None:
    stop = {"Name": "Copy", "Input": ["trial_type.stop"], "Output": ["stop"]}
    found = heights(apply(run, stop, {"Name": name, "Input": inputs, "Output": ["x"], **arguments}), "x")
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=ROUNDING)


def test_levels_of_a_column_with_missing_cells_keep_the_rows_of_the_others(run: Run) -> None:
    assert run.events is not None
    run.events.write_text(EVENTS.replace("0.5\t1\tface", "0.5\t1\tn/a"))
    both = {"Name": "And", "Input": ["trial_type.go", "stim.house"], "Output": ["x"]}
    assert heights(apply(run, both), "x") == {8.5: 1.0}
    assert "stim.nan" not in apply(run, {"Name": "Factor", "Input": ["stim"]}).conditions


def test_levels_of_a_binarized_column_are_whole_numbers_beside_missing_ones(run: Run) -> None:
    binarize = {"Name": "Threshold", "Input": ["rt"], "Threshold": 0.6, "Binarize": True, "Output": ["slow"]}
    found = apply(run, binarize, {"Name": "Factor", "Input": ["slow"]}).conditions
    assert found["slow.0"].onsets.tolist() == [0.1]
    assert found["slow.1"].onsets.tolist() == [8.5, 12.0]


def test_an_event_whose_duration_is_missing_is_left_out_and_counted(run: Run) -> None:
    assign = {"Name": "Assign", "Input": ["rt"], "Target": ["trial_type.stop"], "TargetAttr": "duration"}
    assign["Output"] = ["x"]
    found = apply(run, assign)
    assert found.conditions["x"].onsets.tolist() == [12.0]
    assert found.conditions["x"].durations.tolist() == [0.9]
    assert found.missing["x"] == 1
    assert "trial_type.stop" not in found.missing


def test_keys_of_replace_are_found_among_durations_and_told_of_among_numbers(run: Run) -> None:
    shorter = {"Name": "Replace", "Input": ["correct"], "Replace": {"2": 0.5}, "Attribute": "duration"}
    assert apply(run, shorter).conditions["correct"].durations.tolist() == [1.0, 0.5, 1.0]
    found = apply(run, {"Name": "Replace", "Input": ["correct"], "Replace": {"1": "yes"}})
    assert found.conditions["correct"].onsets.tolist() == [0.1, 8.5, 12.0]
    assert "finds nothing in correct" in found.notes[0]
    assert not apply(run, GO_TO_RUN).notes


def test_values_assigned_to_events_of_other_levels_are_told_of(run: Run) -> None:
    copy = {"Name": "Copy", "Input": ["trial_type.go"], "Output": ["go_rt"]}
    assign = {"Name": "Assign", "Input": ["correct"], "Target": ["go_rt"]}
    n_events = len(EVENTS.splitlines()) - 1
    (note,) = apply(run, copy, assign).notes
    assert f"to all {n_events} events of go_rt, {n_events - 2} of which were 0" in note
    assert not apply(run, copy, {**assign, "TargetAttr": "duration"}).notes


def test_the_mean_of_a_confound_is_that_of_the_values_it_has(run: Run) -> None:
    assert run.confounds is not None
    run.confounds.write_text("framewise_displacement\nn/a\n" + "".join(f"{i}\n" for i in range(7)))
    found = apply(run, {"Name": "Demean", "Input": ["framewise_displacement"]}).series[
        "framewise_displacement"
    ]
    np.testing.assert_allclose(found.at(scan_times(run)), [0, -3, -2, -1, 0, 1, 2, 3], atol=ROUNDING)


def test_a_reference_level_that_nobody_has_is_refused(run: Run) -> None:
    with pytest.raises(DataError, match="RefLevel 'boat' is no level of stim"):
        apply(run, {"Name": "Factor", "Input": ["stim"], "Constraint": "drop_one", "RefLevel": "boat"})


def test_brackets_in_the_name_of_a_variable_are_no_pattern(run: Run) -> None:
    split = {"Name": "Split", "Input": ["rt"], "By": ["stim"]}
    found = apply(run, split, {"Name": "Demean", "Input": ["rt.stim[face]"]})
    np.testing.assert_allclose(list(heights(found, "rt.stim[face]").values()), [-0.2, 0.2], atol=ROUNDING)
    assert not found.notes


def test_a_pattern_of_an_instruction_that_finds_nothing_is_told_of(run: Run) -> None:
    assert "Scale finds no variable like 'Rt*'" in apply(run, {"Name": "Scale", "Input": ["Rt*"]}).notes[0]


def test_levels_may_be_numbers_beside_text(run: Run) -> None:
    some = {"Name": "Replace", "Input": ["stim"], "Replace": {"face": 1}, "Output": ["code"]}
    found = apply(run, some, {"Name": "Factor", "Input": ["code"]})
    assert found.conditions["code.1"].onsets.tolist() == [0.1, 12.0]
    assert found.conditions["code.house"].onsets.tolist() == [4.0, 8.5]


def test_a_variable_with_missing_values_cannot_be_shifted(run: Run) -> None:
    with pytest.raises(DataError, match=r"Lag of .*missing values \(n/a\): leave them out by DropNA"):
        apply(run, {"Name": "Lag", "Input": ["rt"]})
    assert heights(apply(run, {"Name": "DropNA", "Input": ["rt"]}, {"Name": "Lag", "Input": ["rt"]}), "rt")


@pytest.mark.parametrize("name", ["trial_type.pause", "trial_type.stop"])
def test_levels_that_x_names_do_not_undo_what_instructions_made(run: Run, name: str) -> None:
    kept = {"Name": "Filter", "Input": ["trial_type.go"], "Query": "rt > 0.6", "By": ["rt"]}
    drop = {"Name": "Delete", "Input": ["trial_type.stop"]}
    found = apply(run, kept, drop, wanted=["trial_type.go", name]).conditions
    assert found["trial_type.go"].onsets.tolist() == [8.5]
    assert name not in found


def test_names_may_be_exchanged(run: Run) -> None:
    both = ["trial_type.go", "trial_type.stop"]
    found = apply(run, {"Name": "Rename", "Input": both, "Output": both[::-1]}).conditions
    assert found["trial_type.go"].onsets.tolist() == [4.0, 12.0]
    assert found["trial_type.stop"].onsets.tolist() == [0.1, 8.5]
