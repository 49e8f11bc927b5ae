"""Onsets in other units, runs that go on after their events, durations that cannot be."""

import numpy as np
import pytest

from bidsglm.diagnosis.advice import Finding, RunReview
from bidsglm.diagnosis.findings import is_told
from bidsglm.diagnosis.timing_checks import CHECKS
from bidsglm.model import Condition, ModelSpecification, Paradigm

TR, N_SCANS = 1.6, 150
"""A run of 240 s."""
ONSETS = np.arange(5.0, 225, 15)


def found(
    onsets: np.ndarray, durations: float | np.ndarray = 6.0, repetition_time: float = TR
) -> list[Finding]:
    lasting = np.broadcast_to(np.asarray(durations, float), onsets.shape).copy()
    paradigm = Paradigm(
        repetition_time, N_SCANS, None, (Condition("go", onsets, lasting),), (), np.empty((N_SCANS, 0))
    )
    run = RunReview("run-1", paradigm, {})
    return [finding for check in CHECKS for finding in check([run], ModelSpecification("m", ()))]


def test_events_that_fill_the_run_say_nothing() -> None:
    assert found(ONSETS) == []


def test_milliseconds_are_recognised() -> None:
    (finding,) = found(ONSETS * 1000)
    assert finding.code == "events-after-run"
    assert "look like milliseconds" in finding.text
    assert is_told(finding)


def test_scans_are_recognised_by_the_empty_end_of_the_run() -> None:
    (finding,) = found(ONSETS / TR, 6.0 / TR)
    assert finding.code == "events-end-early"
    assert "look like scans" in finding.text
    assert is_told(finding)


def test_empty_end_without_a_unit_that_fits_is_said_without_a_guess() -> None:
    (finding,) = found(ONSETS[ONSETS < 90])
    assert "nothing happens in its last 64 %" in finding.text
    assert "look like" not in finding.text


@pytest.mark.parametrize("duration", [1e9, 241.0])
def test_events_longer_than_the_run_are_counted(duration: float) -> None:
    lasting = np.full(ONSETS.shape, 6.0)
    lasting[[0, 3]] = duration
    (finding,) = found(ONSETS, lasting)
    assert finding.code == "implausible-durations"
    assert f"2 events last longer than the run of 240 s, up to {duration:.4g} s" in finding.text
    assert is_told(finding)


def test_durations_that_one_condition_has_no_room_for_are_found() -> None:
    (finding,) = found(ONSETS, 200.0)
    assert "they overlap" in finding.text
