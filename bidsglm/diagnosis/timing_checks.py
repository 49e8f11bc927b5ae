"""Checks of when events happen: outside the run, in another unit of time, or longer than can be."""

from collections.abc import Iterator, Sequence

from bidsglm.data import Paradigm
from bidsglm.diagnosis.advice import Finding, RunReview, listed, percent, times
from bidsglm.fsl.regressors import LEAD
from bidsglm.model import ModelSpecification
from bidsglm.packages import in_order, titles
from bidsglm.spm.regressors import PAD_BINS

EARLIEST = 24.0
"""s before the run from which nilearn counts events; see also `bidsglm.attribution.crossing`."""
EMPTY_END = 0.25
"""Share of a run without events at its end from which one should look."""
EMPTY_SECONDS = 40.0
"""s; a response needs some 30 to die away."""
FILLS = 0.6
"""Share of a run that its events reach at least, where they are in the unit that was guessed."""
END_SLACK = 0.05
"""Share of a run by which events may outlast it."""
OVERFULL = 1.2
"""Share of a run that the events of one condition fill at most, if they do not overlap."""


def events_outside(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find events that begin behind the last scan or before what SPM's grid reaches."""
    late: dict[str, int] = {}
    early: dict[str, int] = {}
    labels = []
    pad = 0.0
    for run in runs:
        time = run.paradigm.repetition_time
        # SPM's grid has 32 bins before the run. Events are cut off there, and one without duration, whose
        # edges both fall into the first bin, cancels (spm_get_ons)
        pad = PAD_BINS * time / model.spm.microtime_resolution
        for condition in run.paradigm.of_events:
            name = condition.prefix + condition.name
            n_late = int((condition.onsets >= run.paradigm.n_scans * time).sum())
            n_early = int((condition.onsets < -pad).sum())
            late |= {name: late.get(name, 0) + n_late} if n_late else {}
            early |= {name: early.get(name, 0) + n_early} if n_early else {}
            labels += [run.label] * bool(n_late + n_early)
    seen = tuple(dict.fromkeys(labels))
    if late:
        latest = max(float(c.onsets.max(initial=0.0)) for run in runs for c in run.paradigm.of_events)
        yield _late(late, seen, unit_hint(latest, runs))
    if early:
        yield _early(early, pad, seen, in_order(runs[0].designs))


def unit_hint(last: float, runs: Sequence[RunReview]) -> str:
    """Say in which unit times would fit the runs; empty where seconds do, or nothing does.

    Parameters
    ----------
    last
        Latest time that is given.
    runs
        That it should fit.
    """
    paradigm = max((run.paradigm for run in runs), key=lambda p: p.n_scans * p.repetition_time)
    length, tr = paradigm.n_scans * paradigm.repetition_time, paradigm.repetition_time
    # only a unit in which the times would fill the run is worth naming
    if FILLS * length < last / 1000 <= length:
        return f" Divided by 1000 they would end at {last / 1000:.4g} s: they look like milliseconds."
    # with a TR near 1 s scans and seconds are one unit
    if FILLS * length < last * tr <= length * (1 + END_SLACK) and abs(tr - 1) > END_SLACK:
        return f" Multiplied by the TR of {tr:g} s they would end at {last * tr:.4g} s: they look like scans."
    return ""


def _last(paradigm: Paradigm) -> float:
    """End of the last event that begins within the run, s; 0 without any."""
    length = paradigm.n_scans * paradigm.repetition_time
    # an event behind the run is told by its onset, and would hide an early end
    ends = [float((c.onsets + c.durations)[c.onsets < length].max(initial=0.0)) for c in paradigm.of_events]
    return max(ends, default=0.0)


def early_end(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find runs that go on long after their last event, as where onsets are in scans."""
    found: list[tuple[float, float, float, RunReview]] = []
    for run in runs:
        length = run.paradigm.n_scans * run.paradigm.repetition_time
        last = _last(run.paradigm)
        # both a share and a time: short runs end with a fixation, long ones with a break
        if 0 < last < (1 - EMPTY_END) * length and length - last > EMPTY_SECONDS:
            found.append((last / length, last, length, run))
    if not found:
        return
    share, last, length, worst = min(found, key=lambda item: item[0])
    yield Finding(
        "warning",
        "events-end-early",
        "Events end long before the run does",
        f"The last event ends at {last:.4g} s, the run lasts {length:.4g} s: nothing happens in its last"
        f" {percent(1 - share)}.{unit_hint(last, [worst])}",
        "Check that onsets are in seconds, and that the events are complete and belong to this run.",
        runs=tuple(item[-1].label for item in found),
        size=1 - share,
    )


def implausible_durations(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find events that last longer than the run, or that one condition has no room for."""
    names: list[str] = []
    labels: list[str] = []
    longest, most, length = 0.0, 0.0, 0.0
    n_long = 0
    for run in runs:
        whole = run.paradigm.n_scans * run.paradigm.repetition_time
        for condition in run.paradigm.of_events:
            n = int((condition.durations > whole).sum())
            # events of one condition that do not overlap fill the run at most once
            filled = float(condition.durations.sum()) / whole
            if not n and not filled > OVERFULL:
                continue
            names.append(condition.prefix + condition.name)
            labels.append(run.label)
            n_long += n
            longest = max(longest, float(condition.durations.max()))
            most, length = max(most, filled), max(length, whole)
    if not names:
        return
    found = tuple(dict.fromkeys(names))
    what = (
        f"{n_long} {'event lasts' if n_long == 1 else 'events last'} longer than the run of {length:.4g} s,"
        f" up to {longest:.4g} s; every package takes {'it' if n_long == 1 else 'them'} to last to its end."
        if n_long
        else f"The events of one condition last {times(most)} times as long as the run of {length:.4g} s"
        f" together (up to {longest:.4g} s each): they overlap, and {_added(runs)}."
    )
    # over 100, as a slow event of some seconds is not told from one in milliseconds
    hint = " Are they milliseconds?" if longest / 1000 < length and longest > 100 else ""
    yield Finding(
        "warning",
        "implausible-durations",
        f"Events of {listed(found)} are implausibly long",
        what + hint,
        "Check that durations are in seconds, and that no code for a missing value stands among them.",
        found,
        runs=tuple(dict.fromkeys(labels)),
        size=longest,
    )


def _added(runs: Sequence[RunReview]) -> str:
    """What the packages make of events of one condition that overlap."""
    packages = runs[0].designs
    others = titles(name for name in in_order(packages) if name != "fsl")
    if "fsl" not in packages:
        return "their responses add up"
    holds = "in FSL the later of two holds"
    return f"their responses add up in {others}, while {holds}" if others else holds


def _counted(counts: dict[str, int]) -> str:
    return listed([f"{n} of {listed([name])}" for name, n in counts.items()])


def _late(counts: dict[str, int], runs: tuple[str, ...], hint: str) -> Finding:
    return Finding(
        "warning",
        "events-after-run",
        "Events begin after the last scan",
        f"Events that begin after the last scan: {_counted(counts)}. They have no part in any"
        f" regressor.{hint}",
        "Check that onsets are in seconds from the first scan of their own run (--drop-first tells of volumes"
        " removed at the start), and that the recording was not cut short.",
        tuple(counts),
        runs=runs,
    )


def _early(counts: dict[str, int], pad: float, runs: tuple[str, ...], packages: Sequence[str]) -> Finding:
    rules = {
        "spm": f"SPM's grid begins {pad:.3g} s before the run, and what is earlier is cut off",
        "nilearn": f"nilearn counts events from {EARLIEST:.0f} s before the run",
        "fsl": f"FSL draws nothing earlier than {LEAD:.0f} s before the run",
    }
    said = "; ".join(rules[name] for name in packages if name in rules)
    differ = " Their responses differ in the first scans." if len(packages) > 1 else ""
    return Finding(
        "warning",
        "events-before-run",
        "Events begin long before the first scan",
        f"Events that begin more than {pad:.3g} s before the first scan: {_counted(counts)}."
        f"{f' {said}.' if said else ''}{differ}",
        "Check that onsets count from the first scan; else leave such events out of events.tsv.",
        tuple(counts),
        runs=runs,
    )


CHECKS = (events_outside, early_end, implausible_durations)
"""Checks of all runs together."""
