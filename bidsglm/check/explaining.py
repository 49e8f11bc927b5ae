"""What was asked of nilearn, found by making its columns again from SPM's events.

A correlation says that two columns differ, not why. So the columns that nilearn would have made of SPM's
settings are computed; where they are not those of the user, one setting after the other is changed, the
simplest first, until they are. A setting that is not needed is not claimed.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.backends.nilearn_design import condition_columns
from bidsglm.check.columns import is_among
from bidsglm.data import Condition, Paradigm
from bidsglm.model import Floats, Hrf, ModelSpecification, NilearnSettings

REPRODUCED = 1 - 1e-7
"""Correlation of a column that was made again, as a file of six digits holds it."""
DURATIONS = (
    0.0,
    0.1,
    0.25,
    0.5,
    1.0,
    1.5,
    2.0,
    2.5,
    3.0,
    4.0,
    5.0,
    6.0,
    8.0,
    10.0,
    12.0,
    15.0,
    16.0,
    20.0,
    30.0,
)
"""Seconds that people give every event."""
SHIFTS = 10
"""Scans by which onsets may be moved at most."""
NEAR_SHIFTS, USUAL_DURATIONS = 2, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0)
"""Scans by which onsets are moved, and seconds of events, where another setting is changed too"""
FRACTIONS = (0.0, 0.5, 7 / 16, 0.25, 0.75, 1.0)
"""Shares of the TR that users give as slice_time_ref."""
TENTH = 10


class Changed(NamedTuple):
    """Settings of nilearn's column of a condition; None for those that are SPM's."""

    sampled_at: float | None = None
    """Share of the TR"""
    kernel: Literal["glover"] | None = None
    """Response in place of SPM's"""
    duration: float | None = None
    """s, of every event"""
    duration_factor: float | None = None
    """All durations times this"""
    shift: float | None = None
    """s, of every onset"""
    onset_factor: float | None = None
    """All onsets times this"""

    @property
    def what(self) -> tuple[str, ...]:
        """Settings that were changed, in the words of the check."""
        words = {
            "sampling": self.sampled_at,
            "basis functions": self.kernel,
            "durations": self.duration if self.duration is not None else self.duration_factor,
            "onsets": self.shift if self.shift is not None else self.onset_factor,
        }
        return tuple(name for name, value in words.items() if value is not None)


class ColumnExplanation(NamedTuple):
    """How nilearn's column of a condition came about."""

    changed: Changed | None
    """None where nothing that was tried gives the column"""
    r: float
    """Correlation of the user's column and the one that was made again"""
    taken_from: str = ""
    """Whose events give the column, in words: another condition's, another session's, or weighted ones"""


class ExplainedColumn(NamedTuple):
    """A condition of SPM and the column that nilearn has for it."""

    condition: Condition
    values: Floats
    """(n_scans,)"""
    repetition_time: float
    sampled_at: float
    """SPM's, as a share of the TR"""
    frame_offset: float | None
    """nilearn's, where the design's file tells it"""


def made_again(column: ExplainedColumn, changed: Changed) -> Floats:
    """Make nilearn's column of a condition, (n_scans,)."""
    at = column.sampled_at if changed.sampled_at is None else changed.sampled_at
    made = changed_events(column.condition, changed)
    return nilearn_columns(
        [made], column.repetition_time, len(column.values), at, Hrf(changed.kernel or "spm")
    )[:, 0]


def changed_events(condition: Condition, changed: Changed) -> Condition:
    """Events of a condition as nilearn was given them, without modulators."""
    onsets, durations = condition.onsets, condition.durations
    if changed.onset_factor is not None:
        onsets = onsets * changed.onset_factor
    if changed.shift is not None:
        onsets = onsets + changed.shift
    if changed.duration_factor is not None:
        durations = durations * changed.duration_factor
    if changed.duration is not None:
        durations = np.full_like(durations, changed.duration)
    return replace(condition, onsets=onsets, durations=durations, modulators=(), time_modulation=0)


def nilearn_columns(
    conditions: Sequence[Condition], repetition_time: float, n_scans: int, sampled_at: float, hrf: Hrf
) -> Floats:
    """Make nilearn's columns of some conditions, (n_scans, n_columns) without drifts and constant."""
    model = ModelSpecification(
        "check",
        (),
        hrf=hrf,
        nilearn=NilearnSettings(slice_time_ref=sampled_at),
    )
    paradigm = Paradigm(repetition_time, n_scans, None, tuple(conditions), (), np.empty((n_scans, 0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says of durations is said of the user's, once
        return condition_columns(paradigm, model)


def explained(column: ExplainedColumn) -> ColumnExplanation:
    """Find the fewest changes of SPM's settings that give nilearn's column.

    Examples
    --------
    >>> go = Condition("go", np.array([4.0, 30.0, 61.0]), np.full(3, 5.0))
    >>> spm = ExplainedColumn(go, np.zeros(60), 2.0, 0.4375, 0.4375)
    >>> later = spm._replace(values=made_again(spm, Changed(shift=2.0)))
    >>> explained(later).changed
    Changed(sampled_at=None, kernel=None, duration=None, duration_factor=None, shift=2.0, onset_factor=None)
    """
    known = column.frame_offset
    start = Changed(sampled_at=_unless_same(known, column.sampled_at))
    single = _single(column, start)
    first = _tried(column, [start, *single])
    if first.changed is not None:
        return first
    odd = _refined(column, start)
    if odd is not None:
        return odd
    both = _tried(column, _pairs(single, start, column.repetition_time))
    return max(both, first, key=lambda each: each.r)


def of_others(column: ExplainedColumn, others: Mapping[str, Condition]) -> str:
    """Say whose events give nilearn's column as they are; empty where nobody's do.

    Conditions and sessions are easily exchanged, and no shift makes one's onsets of another's. A column
    `modulation` in nilearn's events makes them weighted, without a column of the condition itself.
    """
    start = Changed(sampled_at=_unless_same(column.frame_offset, column.sampled_at))
    for whose, condition in others.items():
        if condition.onsets.size and _gives(column, made_again(column._replace(condition=condition), start)):
            return f"those of {whose}"
    at = column.sampled_at if start.sampled_at is None else start.sampled_at
    for modulator in column.condition.modulators:
        weighted = replace(column.condition, modulators=(modulator,), time_modulation=0, orthogonalize=False)
        timing = column.repetition_time, len(column.values), at
        if _gives(column, nilearn_columns([weighted], *timing, Hrf("spm"))[:, 1]):
            return f"its own, weighted by {modulator.name}"
    return ""


def _gives(column: ExplainedColumn, made: Floats) -> bool:
    return bool(pearson_r(made, column.values) > REPRODUCED)


def _unless_same(known: float | None, own: float) -> float | None:
    return None if known is None or abs(known - own) < 1e-6 else known


def _tried(column: ExplainedColumn, changes: Iterable[Changed]) -> ColumnExplanation:
    """The first of some changes that gives the column, or the correlation of the best."""
    best = ColumnExplanation(None, -1.0)
    for changed in changes:
        r = pearson_r(made_again(column, changed), column.values)
        if r > REPRODUCED:
            return ColumnExplanation(changed, r)
        best = max(best, ColumnExplanation(None, r), key=lambda each: each.r)
    return best


def _single(column: ExplainedColumn, start: Changed) -> list[Changed]:
    """Changes of one setting to values that people use."""
    time = column.repetition_time
    single: list[Changed] = []
    if column.frame_offset is None:
        single += [start._replace(sampled_at=at) for at in FRACTIONS if abs(at - column.sampled_at) > 1e-6]
    single.append(start._replace(kernel="glover"))
    single += [start._replace(duration=d) for d in (*DURATIONS, time)]
    single += [start._replace(shift=k * time) for k in _signed(SHIFTS)]
    single += [start._replace(shift=k * time / 2) for k in (1, -1)]
    factors = (time, 1 / time) if time != 1 else ()
    single += [start._replace(onset_factor=f) for f in factors]
    if column.condition.durations.any():
        single += [start._replace(duration_factor=f) for f in factors]
    return single


def _pairs(single: Sequence[Changed], start: Changed, time: float) -> Iterator[Changed]:
    """Changes of two settings at once, to the values that are seen most: each costs a design."""
    usual = [
        each
        for each in single
        if abs(each.shift or 0.0) <= NEAR_SHIFTS * time
        and (each.duration is None or each.duration in USUAL_DURATIONS or each.duration == time)
    ]
    for one, other in combinations(usual, 2):
        both = _joined(one, other, start)
        if both is not None:
            yield both


def _signed(most: int) -> list[int]:
    return [sign * k for k in range(1, most + 1) for sign in (1, -1)]


def _joined(one: Changed, other: Changed, start: Changed) -> Changed | None:
    """Both changes, where they are of different settings."""
    changed = {
        name: value
        for each in (one, other)
        for name, value in each._asdict().items()
        if value is not None and value != getattr(start, name)
    }
    places = {name.split("_")[0] for name in changed}
    return start._replace(**changed) if len(places) == len(changed) == 2 else None


def _refined(column: ExplainedColumn, start: Changed) -> ColumnExplanation | None:
    """Find a duration or a shift that is none of the usual ones."""
    longest = float(max(np.max(np.diff(np.sort(column.condition.onsets)), initial=1.0), 1.0))
    for name, bounds in (("duration", (0.0, longest)), ("shift", (-longest, longest))):
        found = _best(column, start, name, bounds)
        value = round(found * 1000) / 1000
        changed = _with(start, name, value)
        r = pearson_r(made_again(column, changed), column.values)
        if r > REPRODUCED:
            return ColumnExplanation(changed, r)
    return None


def _with(start: Changed, name: str, value: float) -> Changed:
    found: Any = {name: value}
    return start._replace(**found)


def _best(column: ExplainedColumn, start: Changed, name: str, bounds: tuple[float, float]) -> float:
    def loss(value: float) -> float:
        r = pearson_r(made_again(column, _with(start, name, value)), column.values)
        return 1.0 if np.isnan(r) else 1 - r

    grid = np.linspace(*bounds, 4 * TENTH + 1)
    coarse = float(grid[int(np.argmin([loss(value) for value in grid]))])
    step = float(grid[1] - grid[0])
    near = minimize_scalar(
        loss,
        bounds=(max(coarse - step, bounds[0]), min(coarse + step, bounds[1])),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(near.x)


def modulator_is_there(
    condition: Condition, names: Sequence[str], columns: Floats, timing: tuple[float, float], hrf: Hrf
) -> Mapping[str, bool]:
    """Say of every modulator's columns, in SPM's order, whether they lie in a space of nilearn's columns.

    The timing is the repetition time in s, and the sampled share of it.
    """
    made = nilearn_columns([condition], timing[0], len(columns), timing[1], hrf)
    n_functions = made.shape[1] // len(condition.weight_names)
    tested = made[:, n_functions:]
    return {name: is_among(column, columns) for name, column in zip(names, tested.T, strict=False)}
