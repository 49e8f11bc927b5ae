"""Contrasts of both programs run by run: SPM weighs each session as it likes, and nilearn each run."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.check.columns import DIGITS
from bidsglm.check.map_weights import Reproduction
from bidsglm.check.runs import ComparedRun
from bidsglm.check.spm_records import SpmAnalysis, SpmContrast
from bidsglm.model import CONSTANT, Floats


class RunWeights(NamedTuple):
    """Weights of both programs over nilearn's columns of every run, of which their effects are the sums."""

    spm: Floats
    """(n_runs, n_columns)"""
    nilearn: Floats
    names: tuple[str, ...]


def weights_of_runs(
    spm: SpmAnalysis, contrast: SpmContrast, found: Reproduction, runs: Sequence[ComparedRun]
) -> RunWeights:
    """Weights of a contrast of SPM's and of a map of nilearn's, run by run."""
    shared = {name: weight / len(runs) for name, weight in found.weights.items()}
    given = found.by_run or (shared,) * len(runs)
    called = [partners_of(run) for run in runs]
    names = dict.fromkeys(name for each in (*given, *(c.values() for c in called)) for name in each)
    theirs = np.array([[each.get(name, 0.0) for name in names] for each in given])
    ours = np.zeros_like(theirs)
    order = list(names)
    for number, (session, partners) in enumerate(zip(spm.sessions, called, strict=True)):
        for column in session.columns:
            partner = partners.get(spm.names[column].removeprefix(f"Sn({number + 1}) "))
            if partner is not None:
                ours[number, order.index(partner)] += contrast.weights[0, column]
    return RunWeights(ours, theirs, tuple(order))


def partners_of(run: ComparedRun) -> dict[str, str]:
    """Column of SPM's, without the constant -> nilearn's."""
    return {ours: theirs for ours, theirs in run.columns.partners.items() if ours != CONSTANT}


def same_direction(both: RunWeights) -> float | None:
    """How many times SPM's weights nilearn's are; None where they are no multiple of each other."""
    ours, theirs = both.spm.ravel(), both.nilearn.ravel()
    if not (ours.any() and theirs.any()):
        return None
    ratio = float(ours @ theirs / (ours @ ours))
    near = np.allclose(theirs, ratio * ours, rtol=DIGITS, atol=1e-4 * np.abs(theirs).max())
    return ratio if near else None


def runs_in_words(by_run: Sequence[Mapping[str, float]]) -> str:
    """Weights of every run, run by run."""
    names = dict.fromkeys(name for each in by_run for name in each)
    return "; ".join(f"{name}: {' and '.join(f'{each.get(name, 0):g}' for each in by_run)}" for name in names)


def sessions_apart(spm: SpmAnalysis, contrast: SpmContrast) -> str:
    """Say how a contrast weighs sessions where not alike; empty where all that have a column weigh it so."""
    by_column: dict[str, list[float]] = {}
    for number, session in enumerate(spm.sessions, start=1):
        for column in session.columns:
            name = spm.names[column].removeprefix(f"Sn({number}) ")
            by_column.setdefault(name, []).append(float(contrast.weights[0, column]))
    uneven = {name: w for name, w in by_column.items() if not np.allclose(w, w[0], rtol=DIGITS, atol=DIGITS)}
    return "; ".join(f"{name}: {' and '.join(f'{w:g}' for w in ws)}" for name, ws in uneven.items())


class SharedRow(NamedTuple):
    """Weights of all runs as one row, its largest 1 or -1, and what it is multiplied by in each of them."""

    row: Floats
    """(n_columns,)"""
    factors: tuple[float, ...]
    """One for every run, 0 for one without weights"""

    @property
    def used(self) -> tuple[int, ...]:
        """Runs with weights."""
        return tuple(run for run, factor in enumerate(self.factors) if factor)


def shared_row(by_run: Floats) -> SharedRow | None:
    """One row of weights (n_runs, n_columns) of which those of every run are multiples; else None.

    >>> found = shared_row(np.array([[0.5, -0.5], [-1.0, 1.0], [0.0, 0.0]]))
    >>> found.row.tolist(), found.factors, found.used
    ([1.0, -1.0], (0.5, -1.0, 0.0), (0, 1))
    >>> shared_row(np.eye(2)) is None
    True
    """
    used = np.flatnonzero(by_run.any(axis=1))
    if not used.size:
        return None
    first = by_run[used[0]]
    row = first / np.abs(first).max()
    factors = by_run @ row / (row @ row)
    if not np.allclose(by_run, np.outer(factors, row), rtol=DIGITS, atol=1e-4 * np.abs(by_run).max()):
        return None
    return SharedRow(row, tuple(float(f) if run in used else 0.0 for run, f in enumerate(factors)))
