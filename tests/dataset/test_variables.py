from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bidsglm.dataset.events import read_events
from bidsglm.dataset.sampling import scan_times
from bidsglm.dataset.variables import Transformed, transform
from bidsglm.errors import DataError
from bidsglm.model import Run

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
