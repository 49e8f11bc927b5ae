"""Onsets in other units, runs that go on after their events, durations that cannot be."""

from collections.abc import Sequence

import numpy as np
import pytest

from bidsglm.data import Condition, DesignMatrix, Paradigm
from bidsglm.diagnosis.advice import Finding, RunReview
from bidsglm.diagnosis.findings import is_reported
from bidsglm.diagnosis.timing_checks import CHECKS, unit_hint
from bidsglm.model import ModelSpecification, SpmSettings

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
    assert is_reported(finding)


def test_scans_are_recognised_by_the_empty_end_of_the_run() -> None:
    (finding,) = found(ONSETS / TR, 6.0 / TR)
    assert finding.code == "events-end-early"
    assert "look like scans" in finding.text
    assert is_reported(finding)


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
    assert is_reported(finding)


def test_durations_that_one_condition_has_no_room_for_are_found() -> None:
    (finding,) = found(ONSETS, 200.0)
    assert "they overlap" in finding.text


def reviewed(
    *conditions: Condition,
    label: str = "run-1",
    n_scans: int = N_SCANS,
    packages: Sequence[str] = ("spm", "nilearn"),
) -> RunReview:
    designs = dict.fromkeys(packages, DesignMatrix((), np.empty((n_scans, 0)), np.empty((n_scans, 0))))
    return RunReview(label, Paradigm(TR, n_scans, None, conditions, (), np.empty((n_scans, 0))), designs)


def of_runs(*runs: RunReview, bins: int = 16) -> list[Finding]:
    model = ModelSpecification("m", (), spm=SpmSettings(microtime_resolution=bins))
    return [finding for check in CHECKS for finding in check(runs, model)]


def condition(
    name: str, onsets: list[float], duration: float = 6.0, prefix: str = "trial_type."
) -> Condition:
    return Condition(name, np.array(onsets), np.full(len(onsets), duration), prefix=prefix)


def test_events_outside_are_counted_by_condition_over_the_runs_that_have_them() -> None:
    fine = condition("go", [5.0, 100, 239.9])
    late = condition("go", [5.0, 240, 900]), condition("stop", [100.0, 230, 241])
    (finding,) = of_runs(reviewed(fine), reviewed(*late, label="run-2"), reviewed(*late, label="run-3"))
    assert finding.code == "events-after-run"
    assert "Events that begin after the last scan: 4 of go and 2 of stop. They" in finding.text
    assert finding.columns == ("trial_type.go", "trial_type.stop")
    assert finding.runs == ("run-2", "run-3")


@pytest.mark.parametrize(("bins", "pad"), [(16, 3.2), (64, 0.8)])
def test_events_before_what_spms_grid_reaches_are_counted(bins: int, pad: float) -> None:
    def run(*early: float) -> RunReview:
        return reviewed(condition("go", [*early, 100, 230], prefix=""))

    assert of_runs(run(-pad), bins=bins) == []
    (finding,) = of_runs(run(-pad - 0.1, -pad - 20), bins=bins)
    assert finding.code == "events-before-run"
    assert finding.text.startswith(f"Events that begin more than {pad:g} s before the first scan: 2 of go.")
    assert f"begins {pad:g} s before the run" in finding.text
    assert "from 24 s before" in finding.text
    assert (finding.columns, finding.runs) == (("go",), ("run-1",))


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        (("fsl",), " FSL draws nothing earlier than 30 s before the run."),
        (("afni",), ""),
        (
            ("nilearn", "afni"),
            " nilearn counts events from 24 s before the run. Their responses differ in the first scans.",
        ),
    ],
)
def test_early_events_are_explained_by_the_packages_that_are_fitted(
    packages: tuple[str, ...], expected: str
) -> None:
    go = condition("go", [-30.0, 100, 230], prefix="")
    (finding,) = of_runs(reviewed(go, packages=packages))
    assert finding.text == f"Events that begin more than 3.2 s before the first scan: 1 of go.{expected}"


def test_a_run_without_events_has_no_end_of_them() -> None:
    assert of_runs(reviewed(condition("go", []))) == []
    assert of_runs(reviewed()) == []


@pytest.mark.parametrize(
    ("last", "n_scans", "told"),
    [(179.0, 150, True), (181.0, 150, False), (50.0, 60, True), (56.0, 60, False), (80.0, 60, False)],
)
def test_an_end_is_empty_by_its_share_and_by_its_seconds(last: float, n_scans: int, told: bool) -> None:
    # 240 s: more than a quarter is 60 s; 96 s: more than 40 s
    found = of_runs(reviewed(condition("go", [2.0, last - 6]), n_scans=n_scans))
    assert [finding.code for finding in found] == ["events-end-early"] * told
    for finding in found:
        length = TR * n_scans
        assert finding.size == pytest.approx(1 - last / length)
        assert f"The last event ends at {last:g} s, the run lasts {length:g} s" in finding.text


def test_the_emptiest_of_several_runs_is_described_and_all_are_named() -> None:
    runs = [reviewed(condition("go", [2.0, end - 6]), label=f"end-{end}") for end in (120, 60, 230)]
    (finding,) = of_runs(*runs)
    assert "ends at 60 s" in finding.text
    assert finding.runs == ("end-120", "end-60")


@pytest.mark.parametrize(
    ("last", "hint"),
    [
        (240e3, "Divided by 1000 they would end at 240 s: they look like milliseconds."),
        (241e3, ""),
        (144e3, ""),
        (145e3, "Divided by 1000 they would end at 145 s"),
        (150.0, "Multiplied by the TR of 1.6 s they would end at 240 s: they look like scans."),
        (157.5, "Multiplied by the TR of 1.6 s they would end at 252 s"),
        (158.0, ""),
        (90.0, ""),
        (91.0, "Multiplied by the TR of 1.6 s they would end at 145.6 s"),
    ],
)
def test_a_unit_is_guessed_where_times_would_fill_the_longest_run(last: float, hint: str) -> None:
    runs = [reviewed(n_scans=100), reviewed()]
    assert unit_hint(last, runs).strip().startswith(hint)
    assert bool(unit_hint(last, runs)) == bool(hint)


def test_scans_of_a_second_are_seconds() -> None:
    run = RunReview("r", Paradigm(1.04, 100, None, (), (), np.empty((100, 0))), {})
    assert unit_hint(99.0, [run]) == ""


@pytest.mark.parametrize(
    ("durations", "text"),
    [
        ([6.0, 240], ""),
        (
            [6.0, 241],
            "1 event lasts longer than the run of 240 s, up to 241 s; every package takes it to last",
        ),
        ([300.0, 241], "2 events last longer than the run of 240 s, up to 300 s; every package takes them"),
        ([100.0, 100, 88], ""),
        ([100.0, 100, 90], "last 1.2 times as long as the run of 240 s together (up to 100 s each)"),
    ],
)
def test_events_without_room_are_told_with_their_lengths(durations: list[float], text: str) -> None:
    long = Condition("go", np.arange(len(durations)) * 60.0 + 100, np.array(durations))
    found = of_runs(reviewed(condition("stop", [5.0, 230]), long))
    assert [finding.code for finding in found] == ["implausible-durations"] * bool(text)
    for finding in found:
        assert text in finding.text
        assert finding.size == max(durations)
        assert finding.columns == ("trial_type.go",)
        assert finding.title == "Events of go are implausibly long"


@pytest.mark.parametrize(("duration", "asked"), [(5000.0, True), (239e3, True), (240e3, False)])
def test_durations_that_could_be_milliseconds_are_asked_about(duration: float, asked: bool) -> None:
    (finding,) = of_runs(reviewed(condition("go", [100.0, 230], duration)))
    assert ("Are they milliseconds?" in finding.text) is asked


def test_short_durations_that_overlap_are_no_milliseconds() -> None:
    many = [float(i) for i in range(100, 230)]
    for duration, asked in ((100.0, False), (101.0, True)):
        (finding,) = of_runs(reviewed(condition("go", many, duration)))
        assert ("Are they milliseconds?" in finding.text) is asked
