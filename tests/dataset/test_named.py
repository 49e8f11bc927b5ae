"""Columns that are convolved and columns that are not, as a data set has them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bidsglm.data import Condition, Run, Unit
from bidsglm.dataset.tables import Paradigms, paradigms
from bidsglm.errors import DataError
from bidsglm.model import ModelSpecification, ParametricModulation

EVENTS = (
    "onset\tduration\ttrial_type\tcorrect\trt\tside\tstim\n"
    "0\t4\tgo\t1\t0.5\tleft\tface\n8\t2\tstop\t0\t0.7\tright\thouse\n12\t4\tgo\t1\t0.9\tleft\thouse\n"
)
FD = [np.nan, 0.2, 0.4, np.nan, 0.8, 0.1, 0.3, 0.5, 0.7, 0.9]
N, TR = len(FD), 2.0
ROUNDING = 1e-9
"""Sampling rates are kept as 1/TR."""


def run_of(folder: Path, number: int, events: str = EVENTS, cosines: bool = True) -> Run:
    table, confounds = folder / f"run-{number}_events.tsv", folder / f"run-{number}_confounds.tsv"
    table.write_text(events)
    header = "fd\ttrans_x" + "\tcosine00" * cosines
    rows = [f"{'n/a' if np.isnan(v) else v}\t{i}" + f"\t{np.cos(i)}" * cosines for i, v in enumerate(FD)]
    confounds.write_text("\n".join([header, *rows]) + "\n")
    return Run({"subject": "01"}, folder / "bold.nii.gz", table, confounds, None, N, TR, 0.5)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit("01", {}, "sub-01_task-t", "sub-01/func", (run_of(tmp_path, 1),), ("run-1",))


def found(unit: Unit, *x: str, **more: object) -> Paradigms:
    return paradigms(unit, ModelSpecification("m", x, **more))  # type: ignore[arg-type]


def columns(unit: Unit, *x: str, **more: object) -> tuple[list[str], list[str]]:
    paradigm = found(unit, *x, **more).paradigms[0]
    return [c.weight_names[0] for c in paradigm.conditions], list(paradigm.confound_names)


def column(unit: Unit, name: str, *x: str, **more: object) -> np.ndarray:
    paradigm = found(unit, *x, **more).paradigms[0]
    return paradigm.confounds[:, paradigm.confound_names.index(name)]


def one(unit: Unit, *x: str, **more: object) -> Condition:
    (condition,) = found(unit, *x, **more).paradigms[0].conditions
    return condition


def test_a_confound_that_is_convolved_is_a_continuous_condition_with_missing_values_zero(unit: Unit) -> None:
    fd = one(unit, "fd", convolved=("fd",))
    assert (fd.continuous, fd.weight_names) == (True, ("fd",))
    np.testing.assert_array_equal(fd.onsets, np.arange(N) * TR)
    np.testing.assert_array_equal(fd.heights, np.nan_to_num(FD))
    assert columns(unit, "fd", "trans_x", convolved=("fd",)) == (["fd"], ["trans_x"])


def test_a_glob_may_take_confounds_of_both_kinds(unit: Unit) -> None:
    assert columns(unit, "trial_type.*", "*_x", convolved=("trial_type.*", "trans_x")) == (
        ["trial_type.go", "trial_type.stop", "trans_x"],
        [],
    )


def test_a_convolved_variable_is_said_to_be_no_events(unit: Unit) -> None:
    assert any(
        "fd: values over time and not of events" in note
        for note in found(unit, "fd", convolved=("fd",)).notes
    )


def test_a_thresholded_confound_is_convolved_too(unit: Unit, tmp_path: Path) -> None:
    threshold = {
        "Name": "Threshold",
        "Input": ["trans_x"],
        "Threshold": 5,
        "Binarize": True,
        "Output": ["moved"],
    }
    moved = one(unit, "moved", convolved=("moved",), transformations=(threshold,))
    assert moved.continuous
    np.testing.assert_array_equal(moved.at(np.arange(N) * TR), [0] * 5 + [1] * 5)


@pytest.mark.parametrize("dense", [{}, {"Dense": True}])
def test_a_product_of_events_and_confound_is_taken_on_one_grid(unit: Unit, dense: dict[str, object]) -> None:
    product = {"Name": "Product", "Input": ["trial_type.go", "trans_x"], "Output": ["ppi"], **dense}
    paradigm = found(
        unit, "trial_type.go", "trans_x", "ppi", convolved=("*go", "ppi"), transformations=(product,)
    )
    go, ppi = paradigm.paradigms[0].conditions
    assert (go.continuous, ppi.continuous) == (False, True)
    # go lasts from 0 to 4 s and from 12 to 16 s; trans_x rises by one in each scan
    np.testing.assert_allclose(
        ppi.at(np.array([1.0, 3.0, 6.0, 13.0, 15.0, 18.0])), [0.5, 1.5, 0, 6.5, 7.5, 0]
    )
    # trans_x itself keeps its values
    np.testing.assert_allclose(paradigm.paradigms[0].confounds[:, 0], np.arange(N), atol=ROUNDING)


def test_events_that_are_only_convolved_stay_events_in_spite_of_todense(unit: Unit) -> None:
    for name in ("ToDense", "Resample"):
        dense = {"Name": name, "Input": ["trial_type.stop"]}
        paradigm = found(
            unit, "trial_type.*", convolved=("trial_type.*",), transformations=(dense,)
        ).paradigms[0]
        assert [(c.name, c.continuous) for c in paradigm.conditions] == [("go", False), ("stop", False)]


def test_dense_events_that_are_worked_on_are_continuous(unit: Unit) -> None:
    steps = (
        {"Name": "ToDense", "Input": ["trial_type.stop"]},
        {"Name": "Lag", "Input": ["trial_type.stop"], "Order": 1},
    )
    stop = (
        found(unit, "trial_type.*", convolved=("trial_type.*",), transformations=steps)
        .paradigms[0]
        .conditions[1]
    )
    assert (stop.name, stop.continuous) == ("stop", True)
    np.testing.assert_allclose(stop.at(np.array([7.0, 9.0, 11.0])), [0, 1, 0])


def test_events_without_duration_do_not_vanish_on_a_grid(unit: Unit, tmp_path: Path) -> None:
    impulses = replace(unit, runs=(run_of(tmp_path, 2, EVENTS.replace("\t2\tstop", "\t0\tstop")),))
    steps = ({"Name": "ToDense", "Input": ["trial_type.stop"]}, {"Name": "Lag", "Input": ["trial_type.stop"]})
    with pytest.raises(DataError, match="have no duration"):
        found(impulses, "trial_type.*", convolved=("trial_type.*",), transformations=steps)


def test_a_glob_whose_conditions_are_taken_away_is_an_error(unit: Unit) -> None:
    gone = {"Name": "Delete", "Input": ["correct", "rt"]}
    with pytest.raises(DataError, match=r"corr\* of X finds nothing after the Transformations"):
        found(unit, "trial_type.*", "corr*", transformations=(gone,))


def test_a_glob_that_never_found_anything_adds_nothing(unit: Unit) -> None:
    copy = {"Name": "Copy", "Input": ["rt"], "Output": ["slow"]}
    assert columns(unit, "trial_type.*", "nothing*", transformations=(copy,))[1] == []


def test_an_events_column_that_is_not_convolved_holds_over_its_events(unit: Unit) -> None:
    np.testing.assert_array_equal(
        column(unit, "rt", "trial_type.*", "rt", convolved=("trial_type.*",)),
        [0.5, 0.5, 0, 0, 0.7, 0, 0.9, 0.9, 0, 0],
    )
    assert any(
        "does not convolve rt" in n
        for n in found(unit, "trial_type.*", "rt", convolved=("trial_type.*",)).notes
    )


def test_the_rest_of_the_trial_types_is_not_convolved(unit: Unit) -> None:
    assert columns(unit, "trial_type.*", convolved=("trial_type.go",)) == (
        ["trial_type.go"],
        ["trial_type.stop"],
    )
    np.testing.assert_array_equal(
        column(unit, "trial_type.stop", "trial_type.*", convolved=("trial_type.go",)), np.eye(N)[4]
    )


def test_a_model_without_response_convolves_its_trial_types_only(unit: Unit) -> None:
    assert columns(unit, "trial_type.*", "correct") == (["trial_type.go", "trial_type.stop"], ["correct"])


def test_levels_of_any_column_need_no_factor(unit: Unit) -> None:
    assert columns(unit, "side.*", "stim.face", convolved=("side.*", "stim.*")) == (
        ["side.left", "side.right", "stim.face"],
        [],
    )


@pytest.mark.parametrize(
    ("cells", "levels"),
    [
        ("1 0 1", ["correct.0", "correct.1"]),
        ("1 n/a 1", ["correct.1.0"]),
        ("1.0 0 1", ["correct.0.0", "correct.1.0"]),
    ],
)
def test_whole_numbers_name_levels_as_pybids_does(
    unit: Unit, tmp_path: Path, cells: str, levels: list[str]
) -> None:
    rows = EVENTS.splitlines()
    changed = [row.split("\t") for row in rows[1:]]
    for row, cell in zip(changed, cells.split(), strict=True):
        row[3] = cell
    events = "\n".join([rows[0], *map("\t".join, changed)]) + "\n"
    numbers = replace(unit, runs=(run_of(tmp_path, 3, events),))
    factor = {"Name": "Factor", "Input": ["correct"]}
    assert columns(numbers, "correct.*", convolved=("correct.*",), transformations=(factor,))[0] == levels


def test_a_binarised_number_has_whole_levels(unit: Unit) -> None:
    steps = (
        {"Name": "Threshold", "Input": ["rt"], "Threshold": 0.6, "Binarize": True, "Output": ["slow"]},
        {"Name": "Factor", "Input": ["slow"]},
    )
    assert columns(unit, "slow.*", convolved=("slow.*",), transformations=steps)[0] == ["slow.0", "slow.1"]


@pytest.mark.parametrize(
    "instruction",
    [
        {"Name": "Copy", "Input": ["trial_type"], "Output": ["kind"]},
        {
            "Name": "Filter",
            "Input": ["rt"],
            "Query": "trial_type == 'go'",
            "By": ["trial_type"],
            "Output": ["go_rt"],
        },
        {"Name": "Factor", "Input": ["trial_type"]},
    ],
)
def test_what_works_on_trial_type_finds_it_after_its_levels_were_needed(
    unit: Unit, instruction: dict[str, object]
) -> None:
    first = {"Name": "Copy", "Input": ["trial_type.go"], "Output": ["again"]}
    x = ("trial_type.go", "again")
    assert columns(unit, *x, convolved=x, transformations=(first, instruction))[0] == list(x)


def test_modulation_of_a_continuous_variable_is_refused(unit: Unit) -> None:
    with pytest.raises(DataError, match="modulates fd, a variable over time"):
        found(unit, "fd", convolved=("fd",), modulations=(ParametricModulation("rt", ("fd",), "rt"),))


def test_missing_cosines_are_said_where_they_should_be_the_filter(unit: Unit, tmp_path: Path) -> None:
    bare = replace(unit, runs=(run_of(tmp_path, 4, cosines=False),))
    more = {"high_pass": float("inf"), "own_cosines": True}
    assert any(
        "no high-pass filter at all" in note for note in found(bare, "trial_type.*", "cosine*", **more).notes
    )
    assert not any("no high-pass" in note for note in found(unit, "trial_type.*", "cosine*", **more).notes)


def test_a_query_takes_the_event_itself_where_other_events_have_no_value(unit: Unit, tmp_path: Path) -> None:
    events = EVENTS.replace("\t0.5\t", "\tn/a\t")
    some = replace(unit, runs=(run_of(tmp_path, 5, events),))
    fast = {
        "Name": "Filter",
        "Input": ["trial_type.go"],
        "Query": "rt > 0.8",
        "By": ["rt"],
        "Output": ["late"],
    }
    late = one(some, "late", convolved=("late",), transformations=(fast,))
    np.testing.assert_array_equal(late.onsets, [12.0])
