"""Checks of the regressors of a run against each other and against confounds."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.design_space import basis
from bidsglm.diagnosis.advice import Finding, RunReview, listed, percent, times
from bidsglm.diagnosis.design_parts import MOTION, NOTHING_LEFT, ROUNDING, Parts, primary_columns

CONFOUNDED = 0.5
"""Share of a condition that confounds explain: its standard error grows by 1.4."""
OVERLAPPING = 0.8
"""Share of a condition that other conditions explain: a variance inflation of 5, the usual limit."""
TASK_MOTION = 0.4
"""Correlation; smooth series of 100 to 200 scans reach 0.3 by chance."""


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


def confounded_conditions(run: RunReview) -> Iterator[Finding]:
    """Find conditions that confounds explain."""
    for backend, columns in run.parts.items():
        confounds = np.flatnonzero(~columns.is_condition).tolist()
        # directions that constant and drifts leave: noise has all of its variance there
        free = len(columns.matrix) - 1 - columns.drifts.shape[1]
        # k random columns explain k / n of any other on average
        chance = basis(columns.directions[:, confounds]).shape[1] / max(free, 1)
        for name, places in primary_columns(columns, run.paradigm).items():
            suspects = _inflated(run, backend, places, CONFOUNDED)
            found = max((explained(columns, i, confounds) for i in suspects), default=None)
            if found is None or found.share < CONFOUNDED:
                continue
            who = listed([name])
            # a standard error is the root of the inflation 1 / (1 - R^2)
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
    # half of it would be there with noise in their place
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
        # without constant and drifts: two series that both drift do not move with each other
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
            # a sum of others altogether is a dependency, which `rank_checks` tells
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
    # go_x_level belongs to the modulator, though it begins with go
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


CHECKS = (confounded_conditions, overlapping_conditions)
"""Each is of one run by itself."""
