"""Checks of the regressors of a run against each other, confounds and the high-pass filter."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy

from bidsglm.data import Paradigm
from bidsglm.design_space import basis
from bidsglm.diagnosis.advice import Finding, RunReview, Severity, listed, percent, times, verb
from bidsglm.diagnosis.afni_checks import have_cutoff, lower_degree
from bidsglm.diagnosis.design_parts import NOTHING_LEFT, ROUNDING, Parts
from bidsglm.diagnosis.filled_run import function_columns
from bidsglm.model import Floats

MUCH_REMOVED = 0.5
"""Share of a regressor's variance: its standard error grows by 1.4."""
NEARLY_ALL = 0.9
"""Share from which what the filter leaves is no longer the condition: its standard error is three times."""
KEPT = 0.8
"""Share of a regressor's variance that a recommended filter leaves; the ramp at a run's start alone costs a
tenth in short runs."""
CONFOUNDED = 0.5
"""Share of a condition that confounds explain: its standard error grows by 1.4."""
OVERLAPPING = 0.8
"""Share of a condition that other conditions explain: a variance inflation of 5, the usual limit."""
TASK_MOTION = 0.4
"""Correlation; smooth series of 100 to 200 scans reach 0.3 by chance."""
ONLY_DRIFT = 0.98
"""Share of a confound that the filter removes."""
MOTION = re.compile(r"(trans|rot)_[xyz].*|framewise_displacement|rmsd")
"""fMRIPrep's motion parameters, their expansions and sums."""


class Explained(NamedTuple):
    """How far a column is a sum of others, after the constant and the drifts are removed."""

    share: float
    """Share of its variance"""
    strongest: str
    """The other column that it correlates most with; empty if there is none"""
    r: float
    """Correlation with that one"""


def explained(columns: Parts, target: int, others: Sequence[int]) -> Explained:
    """Share of a column's variance that others explain; none of an empty column.

    Parameters
    ----------
    columns
        Columns of a design.
    target, others
        Places in its names.
    """
    y, X = columns.directions[:, target], columns.directions[:, list(others)]
    if not y.any() or not X.any():
        return Explained(0.0, "", 0.0)
    r = X.T @ y
    strongest = int(np.abs(r).argmax())
    # directions have length 1: the squares of a projection are the share R^2 of the variance
    share = float(((basis(X).T @ y) ** 2).sum())
    return Explained(share, columns.names[others[strongest]], float(r[strongest]))


def _inflated(run: RunReview, backend: str, places: Sequence[int], share: float) -> list[int]:
    """Places of columns of which others can explain such a share: the inflation says so at no cost."""
    regressors = run.diagnoses[backend].regressors
    # VIF = 1 / (1 - R^2) over all columns, which bounds R^2 of some of them from above
    return [i for i in places if regressors[i].vif_with_constant_and_drifts >= 1 / (1 - share) - ROUNDING]


def primary_columns(columns: Parts, paradigm: Paradigm) -> dict[str, list[int]]:
    """Conditions and modulators with the places of their first functions, or of all those of a set."""
    names = [name for condition in paradigm.conditions for name in condition.weight_names]
    found = {name: function_columns(columns.names, name) for name in names}
    return {name: places for name, places in found.items() if places}


def slow_regressors(run: RunReview) -> Iterator[Finding]:
    """Find conditions slower than the high-pass filter."""
    for backend, columns in run.parts.items():
        removed = [r.removed_by_filter for r in run.diagnoses[backend].regressors]
        for name, places in primary_columns(columns, run.paradigm).items():
            # one finding for a condition, on the function that loses most
            worst = max(places, key=lambda i: np.nan_to_num(removed[i]))
            if not removed[worst] > MUCH_REMOVED:
                continue
            cutoff = recommended_cutoff(columns.unfiltered[:, worst], run.paradigm.repetition_time)
            length = run.paradigm.n_scans * run.paradigm.repetition_time
            who, lost = listed([name]), removed[worst]
            severity: Severity = "serious" if lost > NEARLY_ALL else "warning"
            finding = Finding(
                severity,
                "slow-regressor",
                f"{who} is slower than the high-pass filter",
                f"The filter removes {percent(lost)} of the variance of the regressor {who}, which changes"
                f" too slowly in this run of {length:.0f} s. Its effect rests on the other"
                f" {percent(1 - lost)}: the standard error is {times((1 - lost) ** -0.5)} times what it"
                " would be without a filter, and how each package filters matters more than usual.",
                f"{_slower_filter(cutoff, run.parts.keys())} Better in the next study: change conditions more"
                " often.",
                (name,),
                size=lost,
            )
            yield run.seen(finding, backend)


def recommended_cutoff(regressor: Floats, repetition_time: float) -> float:
    """The shortest cut-off that keeps most of a regressor's variance, s; infinite for no filter.

    >>> block = np.tile(np.repeat([0.0, 1.0], 20), 3)
    >>> recommended_cutoff(block, 2.0)
    100.0
    """
    # the filter's cosines are the DCT's: each coefficient's square is what one of them takes
    power = scipy.fft.dct(regressor, norm="ortho")[1:] ** 2
    lost = np.cumsum(power) / max(power.sum(), np.finfo(float).tiny)
    first = int(np.argmax(lost > 1 - KEPT)) + 1
    if first == 1:
        return float("inf")
    # a filter has the cosines 1 ... trunc(2 n TR / cut-off)
    shortest = 2 * len(regressor) * repetition_time / first
    return float(10 * np.floor(shortest / 10 + 1))


def _slower_filter(cutoff: float, packages: Collection[str]) -> str:
    parts = [degree] if (degree := lower_degree(packages)) else []
    if not have_cutoff(packages):
        return " ".join(parts)
    key = (
        f"A cut-off of {cutoff:.0f} s (HighPassFilterCutoffHz {1 / cutoff:.4f}) would keep {percent(KEPT)}"
        " of it."
    )
    if not np.isfinite(cutoff):
        key = "No filter keeps it in a run as short as this: set HighPassFilterCutoffHz to 0 and say so."
    return " ".join([key, *parts])


def confounded_conditions(run: RunReview) -> Iterator[Finding]:
    """Find conditions that confounds explain."""
    for backend, columns in run.parts.items():
        confounds = np.flatnonzero(~columns.is_condition).tolist()
        free = len(columns.matrix) - 1 - columns.drifts.shape[1]
        # k random columns explain k / n of any other on average
        chance = basis(columns.directions[:, confounds]).shape[1] / max(free, 1)
        for name, places in primary_columns(columns, run.paradigm).items():
            suspects = _inflated(run, backend, places, CONFOUNDED)
            found = max((explained(columns, i, confounds) for i in suspects), default=None)
            if found is None or found.share < CONFOUNDED:
                continue
            who = listed([name])
            wider = "many" if found.share > 1 - NOTHING_LEFT else times((1 - found.share) ** -0.5)
            finding = Finding(
                "warning",
                "confounded-condition",
                f"Confounds explain {who}",
                f"The {len(confounds)} confounds explain {percent(found.share)} of the regressor {who}"
                f" ({percent(min(chance, 1))} would be expected from as many columns of noise); the"
                f" strongest is {found.strongest} (r = {_signed(found.r)}). What task and confounds share"
                f" counts for neither: the standard error of {who} is {wider} times what it would be"
                " without them, and its effect depends on which confounds are in the model.",
                _fewer_confounds(found.share, chance, found.strongest),
                (name,),
                size=found.share,
            )
            yield run.seen(finding, backend)


def _fewer_confounds(share: float, chance: float, strongest: str) -> str:
    if chance > share / 2:
        return "Use fewer confounds: so many explain any regressor by their number alone."
    return (
        f"Look whether {strongest} is noise or the task itself; leave out confounds that carry the task,"
        " such as the global signal, and report results with and without them."
    )


def _signed(r: float) -> str:
    return f"{r:.2f}".replace("-", "\N{MINUS SIGN}")


def task_motion(runs: Sequence[RunReview]) -> Iterator[Finding]:
    """Find motion that follows the task, in the worst run."""
    found = [
        (abs(r), r, name, columns.names[j], run.label)
        for run in runs
        for columns in run.parts.values()
        for name, places in primary_columns(columns, run.paradigm).items()
        for j in range(len(columns.names))
        if MOTION.fullmatch(columns.names[j])
        for r in (columns.directions[:, places].T @ columns.directions[:, j]).tolist()
        if abs(r) >= TASK_MOTION
    ]
    if not found:
        return
    # one finding for all: six parameters that follow the task are one movement
    _, r, name, motion, label = max(found)
    who = listed([name])
    where = f" in {label}" if len(runs) > 1 else ""
    yield Finding(
        "warning",
        "task-motion",
        "The head moves with the task",
        f"{motion} correlates at r = {_signed(r)} with {who}{where}: {percent(r**2)} of its"
        " variance follows the task. Signal changes from motion then look like activation (often at the edges"
        " of the brain), and motion regressors take a part of the activation with them.",
        "Look at the maps with and without the motion parameters, and at the edges of the brain; compare"
        " groups only after a look at how much each of them moved with the task.",
        (name, motion),
        runs=tuple(dict.fromkeys(item[-1] for item in found)),
        size=abs(r),
    )


def overlapping_conditions(run: RunReview) -> Iterator[Finding]:
    """Find conditions and modulators that other conditions explain; sets such as FIR are left out."""
    for backend, columns in run.parts.items():
        # functions of one set, as FIR bins, overlap by what they are
        single = {n: p[0] for n, p in primary_columns(columns, run.paradigm).items() if len(p) == 1}
        owners = [_owner(column, single) for column in columns.names[: columns.is_condition.sum()]]
        overlaps: list[Overlap] = []
        for name, place in single.items():
            if not _inflated(run, backend, [place], OVERLAPPING):
                continue
            found = explained(columns, place, [i for i, owner in enumerate(owners) if owner != name])
            if OVERLAPPING <= found.share < 1 - NOTHING_LEFT:
                overlaps.append(Overlap(found, name, _owner(found.strongest, single)))
        # what hangs together is told once, by its worst member
        for members in _joined([{o.name, o.partner} for o in overlaps]):
            worst = max(o for o in overlaps if o.name in members)
            names = tuple(name for name in single if name in members)
            yield run.seen(_overlap(names, worst), backend)


class Overlap(NamedTuple):
    """A condition that others explain."""

    found: Explained
    name: str
    partner: str
    """The condition that it overlaps with most"""


def _owner(column: str, names: Iterable[str]) -> str:
    """The condition or modulator that a column is a function of: the longest name that it starts with."""
    return max((name for name in names if column.startswith(name)), key=len, default=column)


def _joined(sets: Iterable[set[str]]) -> list[set[str]]:
    """Sets that share members as one.

    >>> [sorted(members) for members in _joined([{"a", "b"}, {"c", "d"}, {"b", "e"}])]
    [['c', 'd'], ['a', 'b', 'e']]
    """
    groups: list[set[str]] = []
    for members in sets:
        touching = [group for group in groups if group & members]
        groups = [group for group in groups if not group & members] + [members.union(*touching)]
    return groups


def _overlap(names: tuple[str, ...], worst: Overlap) -> Finding:
    found, who, other = worst.found, listed([worst.name]), listed([worst.partner])
    remedy = (
        f"Test {listed(names)} together, as a sum or an F contrast, or make one condition of them; in the"
        " next study vary the time between them, or leave one out in some trials."
    )
    if len({name.partition("_x_")[0] for name in names}) == 1:
        remedy = (
            "Centre the modulator's values, or leave Orthogonalize on, so that it only says what is added."
        )
    return Finding(
        "warning",
        "overlapping-conditions",
        f"{listed(names)} can hardly be told apart",
        f"The other conditions explain {percent(found.share)} of the regressor {who}, above all {other} (r ="
        f" {_signed(found.r)}), after filtering. The standard error of its effect is"
        f" {times((1 - found.share) ** -0.5)} times what it would be without them, and what they share may go"
        " to either, in each package another way.",
        remedy,
        names,
        size=found.share,
    )


def filtered_confounds(run: RunReview) -> Iterator[Finding]:
    """Find confounds of which the high-pass filter leaves nothing: the data are filtered twice."""
    for backend, found in run.diagnoses.items():
        # motion may be slow by itself; cosines and the like stand in the model to filter
        twice = tuple(
            r.name
            for r in found.regressors
            if r.kind == "confound" and not MOTION.fullmatch(r.name) and r.removed_by_filter >= ONLY_DRIFT
        )
        if not twice:
            continue
        most = max(r.removed_by_filter for r in found.regressors if r.name in twice)
        finding = Finding(
            "warning",
            "filtered-confounds",
            f"{listed(twice)} {verb(twice, 'repeats', 'repeat')} the high-pass filter",
            f"{verb(twice, 'This confound is', 'These confounds are')} nothing but slow drift, up to"
            f" {percent(most)} of which the filter removes already. What is left of"
            f" {verb(twice, 'it', 'them')} is rounding or the little that two kinds of cosines differ by;"
            " the data are filtered twice, and degrees of freedom are lost for nothing.",
            f"Take {listed(twice)} out of the model"
            f"{', or set HighPassFilterCutoffHz to 0' if have_cutoff(run.parts) else ''}.",
            twice,
            size=most,
        )
        yield run.seen(finding, backend)


CHECKS = (slow_regressors, confounded_conditions, overlapping_conditions, filtered_confounds)
"""Each is of one run by itself."""
