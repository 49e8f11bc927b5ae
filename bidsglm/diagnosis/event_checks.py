"""Checks of the events of all runs of a unit: what each package makes of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.attribution.crossing import OVERSAMPLING
from bidsglm.data import Condition, Paradigm
from bidsglm.diagnosis.advice import Finding, RunReview, listed, times, verb
from bidsglm.diagnosis.design_parts import function_columns
from bidsglm.fsl.response import STEP
from bidsglm.model import ModelSpecification
from bidsglm.packages import in_order, title, titles
from bidsglm.sentences import joined

FEW_EVENTS = 5
FEW_SECONDS = 30.0
"""s of all events together; a few long blocks are no poor condition."""
DRAWN = ("spm", "nilearn", "fsl")
"""Packages that draw an event without duration as a short one"""
LONGER = 1.1
"""Ratio of SPM's regressor to nilearn's from which the effects differ visibly."""


class Heights(NamedTuple):
    """SPM's regressor of a condition over nilearn's, as a ratio of their sizes."""

    condition: str
    run: str
    ratio: float
    duration: float
    """Mean duration of its events, s"""


def present(condition: Condition, paradigm: Paradigm) -> Condition:
    """A condition's events that lie at least in part within the run."""
    end = paradigm.n_scans * paradigm.repetition_time
    # an event that began before the run and lasts into it has a response in it
    inside = (condition.onsets < end) & (condition.onsets + condition.durations >= 0)
    return Condition(condition.name, condition.onsets[inside], condition.durations[inside])


def event_poor_conditions(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find conditions whose effect rests on few and short events, all runs together."""
    counts: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for run in runs:
        for condition in run.paradigm.of_events:
            # what no scan sees cannot carry an effect
            events = present(condition, run.paradigm)
            name = condition.prefix + condition.name
            counts[name] = counts.get(name, 0) + len(events.onsets)
            seconds[name] = seconds.get(name, 0.0) + float(events.durations.sum())
    # a condition with no event at all is an empty column, which has a finding of its own
    poor = tuple(n for n in counts if 0 < counts[n] < FEW_EVENTS and seconds[n] < FEW_SECONDS)
    if not poor:
        return
    each = [f"{listed([n])}: {counts[n]} ({seconds[n]:.3g} s together)" for n in poor]
    yield Finding(
        "warning",
        "few-events",
        f"{listed(poor)} {verb(poor, 'has', 'have')} few events",
        f"Number of events in all runs: {listed(each)}. One odd scan or one movement during these events"
        " decides the effect, and packages, which treat the noise differently, agree less on it.",
        f"Do not interpret {verb(poor, 'this condition', 'these conditions')} in one participant; join"
        f" {verb(poor, 'it', 'them')} with like conditions, or keep {verb(poor, 'it', 'them')} in the model"
        " only to explain the events.",
        poor,
    )


def zero_lengths(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find conditions with events of zero duration: in all events, in some, or in some runs only."""
    kinds: dict[str, set[str]] = {}
    labels: dict[str, list[str]] = {}
    for run in runs:
        for condition in run.paradigm.of_events:
            if not len(condition.onsets):
                continue
            zero = condition.durations == 0
            kind = "all" if zero.all() else "some" if zero.any() else "none"
            name = condition.prefix + condition.name
            kinds.setdefault(name, set()).add(kind)
            labels.setdefault(name, []).extend([run.label] * (kind != "none"))
    # SPM takes durations of a condition as impulses only where all in the run are zero
    impulses = tuple(name for name, kind in kinds.items() if kind == {"all"})
    mixed = tuple(name for name, kind in kinds.items() if "some" in kind)
    unequal = tuple(name for name, kind in kinds.items() if "all" in kind and len(kind) > 1)
    # AFNI's responses to such events have findings of their own
    if drawn := [name for name in in_order(runs[0].designs) if name in DRAWN]:
        for names, words in ((impulses, _impulses), (mixed, _mixed), (unequal, _unequal)):
            if names:
                yield words(names, drawn, runs, model)


def _lengths(drawn: Sequence[str], time: float, model: ModelSpecification) -> str:
    """How long an event without duration is to packages, beside events that last.

    >>> _lengths(["spm", "nilearn"], 2.0, ModelSpecification("m", ()))
    '0.125 s in SPM and 0.04 s in nilearn'
    """
    lengths = {
        "spm": f"{time / model.spm.microtime_resolution:.3g}",
        "nilearn": f"{time / OVERSAMPLING:.3g}",
        # an onset late in a bin fills the next one too
        "fsl": f"{STEP:g} or {2 * STEP:g}",
    }
    return joined([f"{lengths[name]} s in {title(name)}" for name in drawn])


def _impulses(
    names: tuple[str, ...], drawn: Sequence[str], runs: Sequence[RunReview], model: ModelSpecification
) -> Finding:
    time = runs[0].paradigm.repetition_time
    bins = model.spm.microtime_resolution
    measured = _span([h.ratio for h in heights(runs) if h.condition in names])
    drawings = {
        "spm": f"an area of one second (height 1/dt for one microtime bin of dt = TR/{bins} ="
        f" {time / bins:.4g} s)",
        "nilearn": f"a height of 1 for TR/{OVERSAMPLING} = {time / OVERSAMPLING:.4g} s",
        "fsl": f"a height of 1 for {STEP:g} s, or {2 * STEP:g} s where it begins late in a bin",
    }
    first, *others = [(title(name), drawings[name]) for name in drawn]
    packages = ", ".join([f"{first[0]} gives each of them {first[1]}", *map(" ".join, others)])
    text = f"All events of {listed(names)} have zero duration. {packages}."
    if measured:
        # 1/dt against 1 for TR/50: with one response the ratio is known without the design
        factor = f"{measured} times"
        if _same_response(model):
            factor = f"{OVERSAMPLING}/TR = {times(OVERSAMPLING / time)} times ({measured} in this design)"
        text += (
            f" SPM's regressors are therefore {factor} as high as nilearn's, and nilearn's betas and"
            " effects as many times larger than SPM's. Only the scale differs: t, F and p do not change."
        )
    return Finding(
        "warning" if measured else "note",
        "zero-length-events",
        f"Events of {listed(names)} have no duration",
        text,
        "Compare t maps, or divide nilearn's effects by this factor; do not read effects of such events as"
        " per cent signal change. Durations in events.tsv (the real ones) bring the packages to one"
        " scale."
        if measured
        else "Do not read effects of such events as per cent signal change; with durations in events.tsv (the"
        " real ones) they are.",
        names,
    )


def _same_response(model: ModelSpecification) -> bool:
    return model.hrf.model == "spm" and model.nilearn.hrf in (None, model.hrf)


def _span(ratios: Sequence[float]) -> str:
    if not ratios:
        return ""
    low, high = times(min(ratios)), times(max(ratios))
    return low if low == high else f"{low} to {high}"


def _mixed(
    names: tuple[str, ...], drawn: Sequence[str], runs: Sequence[RunReview], model: ModelSpecification
) -> Finding:
    time = runs[0].paradigm.repetition_time
    found = [c for run in runs for c in run.paradigm.of_events if c.prefix + c.name in names]
    n_zero = sum(int((c.durations == 0).sum()) for c in found)
    n_all = sum(len(c.durations) for c in found)
    longest = max(float(c.durations.max(initial=0)) for c in found)
    unlike = f" in {'both' if len(drawn) == 2 else 'each'}, and not the same" if len(drawn) > 1 else ""
    return Finding(
        "warning",
        "mixed-durations",
        f"Only some events of {listed(names)} have a duration",
        f"{n_zero} of {n_all} events of {listed(names)} have zero duration, the others last up to"
        f" {longest:.3g} s. Beside them an event without duration counts as one of"
        f" {_lengths(drawn, time, model)}: next to nothing{unlike}.",
        "Give these events their real duration in events.tsv, or make two conditions of them.",
        names,
    )


def _unequal(
    names: tuple[str, ...], drawn: Sequence[str], runs: Sequence[RunReview], model: ModelSpecification
) -> Finding:
    others = titles(name for name in drawn if name != "spm")
    words = (
        f"There an event counts as one of {_lengths(drawn, runs[0].paradigm.repetition_time, model)}, so that"
        " the same response is another effect: the mean over runs mixes two scales."
    )
    if "spm" in drawn:
        disagree = ", and the packages disagree on effects and t" if others else ""
        unlike = f", {others} {'do' if len(drawn) > 2 else 'does'} not" if others else ""
        words = (
            "SPM scales the regressor differently in these runs (an area of one second where all are zero)"
            f"{unlike}: the mean over runs mixes two scales{disagree}."
        )
    return Finding(
        "serious",
        "unequal-scales",
        f"Effects of {listed(names)} have another scale in some runs",
        f"All events of {listed(names)} have zero duration in some runs, but not in others. {words}",
        "Give the events of all runs a duration, or set it to 0 in all of them.",
        names,
    )


def heights(runs: Sequence[RunReview]) -> list[Heights]:
    """Compare the sizes of both packages' regressors, constant and drifts removed; none with one backend."""
    found = []
    for run in runs:
        if not {"spm", "nilearn"} <= run.designs.keys():
            continue
        spm, nilearn = run.parts["spm"], run.parts["nilearn"]
        for condition in run.paradigm.of_events:
            name = condition.prefix + condition.name
            sizes = [
                # length of the column: its height, whatever its sign
                float(np.linalg.norm(columns.matrix[:, function_columns(columns.names, name)]))
                for columns in (spm, nilearn)
            ]
            # a column of zeros has no height, and the ratio would say nothing of the drawing
            if min(sizes) > 0:
                duration = float(condition.durations.mean())
                found.append(Heights(name, run.label, sizes[0] / sizes[1], duration))
    return found


def longer_events(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find events so short that SPM's one microtime bin more is visible in the effects."""
    # with other response functions the heights differ for other reasons too
    if not _same_response(model):
        return
    conditions = [(run.label, c) for run in runs for c in run.paradigm.of_events]
    # events of zero length have a height by another rule, and `zero_lengths` tells of it
    timed = {
        (label, c.prefix + c.name) for label, c in conditions if len(c.durations) and c.durations.min() > 0
    }
    found = [h for h in heights(runs) if (h.run, h.condition) in timed and h.ratio >= LONGER]
    if not found:
        return
    names = tuple(dict.fromkeys(h.condition for h in found))
    bins = model.spm.microtime_resolution
    dt = runs[0].paradigm.repetition_time / bins
    shortest = min(h.duration for h in found)
    ratios = [h.ratio for h in found]
    yield Finding(
        "note",
        "longer-events",
        f"SPM makes the events of {listed(names)} longer",
        f"SPM lets every event last one microtime bin more (TR/{bins} = {dt:.3g} s), which counts for"
        f" events of {shortest:.2g} s: SPM's regressors are {_span(ratios)} times as high as nilearn's, and"
        " its effects that much smaller. t, F and p hardly change.",
        "Compare t maps, or know this factor when you compare effects; a larger MicrotimeResolution makes it"
        " smaller.",
        names,
    )


CHECKS = (zero_lengths, longer_events, event_poor_conditions)
"""Each is of all runs together."""
