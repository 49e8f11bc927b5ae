"""Columns of one run in a mixture of settings, and of several runs as one regression."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.attribution.regression import RunPart
from bidsglm.attribution.runs import Plan
from bidsglm.model import Floats


class RunDesign(NamedTuple):
    """The columns of a run in a mixture."""

    names: tuple[str, ...]
    """Regressors, then confounds"""
    regressors: Floats
    confounds: Floats
    own: Floats
    """Drifts, censored scans and the constant: they belong to this run alone"""
    projected: Floats
    n_drifts: int = 0

    @property
    def without_drifts(self) -> Floats:
        """All other columns, (n_scans, n_columns)."""
        return np.hstack([self.regressors, self.confounds, self.own[:, self.n_drifts :]])

    @property
    def all_drifts(self) -> Floats:
        """Drifts, whether columns or projected off, (n_scans, m)."""
        return np.hstack([self.own[:, : self.n_drifts], self.projected])

    @property
    def matrix(self) -> Floats:
        """All columns, (n_scans, n_columns); a constant is last."""
        return np.hstack([self.regressors, self.confounds, self.own])

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of all columns, empty for those of this run alone."""
        return (*self.names, *[""] * self.own.shape[1])


class OwnedColumn(NamedTuple):
    """A column of a regression."""

    name: str
    """Empty for drifts, censored scans and constants"""
    run: int | None
    """None for all runs"""


def stacked(
    designs: Sequence[RunDesign], data: Sequence[Floats], one_set: bool
) -> tuple[tuple[RunPart, ...], tuple[OwnedColumn, ...]]:
    """All runs as one regression: conditions share columns, what else there is belongs to a run.

    Parameters
    ----------
    designs, data
        One for every run.
    one_set
        Confounds share columns too.

    >>> run = RunDesign(("go", "rot"), np.ones((2, 1)), np.ones((2, 1)), np.ones((2, 1)), np.zeros((2, 0)))
    >>> parts, names = stacked([run, run], [np.ones((2, 1))] * 2, False)
    >>> parts[1].X[0].tolist(), [column.name for column in names]
    ([1.0, 0.0, 0.0, 1.0, 1.0], ['go', 'rot', '', 'rot', ''])
    """
    # one beta of a condition over all runs, as in AFNI; confounds too where MotionPerRun is false
    shared = list(
        dict.fromkeys(
            name
            for design in designs
            for name in (design.names if one_set else design.names[: design.regressors.shape[1]])
        )
    )
    private = [design.own if one_set else np.hstack([design.confounds, design.own]) for design in designs]
    ends = np.cumsum([0, *(columns.shape[1] for columns in private)])
    parts = []
    for run, (design, Y) in enumerate(zip(designs, data, strict=True)):
        # what belongs to another run is 0 here, so that the parts' normal equations add up
        X = np.zeros((len(Y), len(shared) + ends[-1]))
        both = np.hstack([design.regressors, design.confounds])
        for name, column in zip(design.names, both.T, strict=True):
            if name in shared:
                X[:, shared.index(name)] = column
        X[:, len(shared) + ends[run] : len(shared) + ends[run + 1]] = private[run]
        parts.append(RunPart(X, design.projected, Y, run))
    names = [OwnedColumn(name, None) for name in shared]
    for run, design in enumerate(designs):
        confounds = () if one_set else design.names[design.regressors.shape[1] :]
        names += [OwnedColumn(name, run) for name in (*confounds, *[""] * design.own.shape[1])]
    return tuple(parts), tuple(names)


def spread(plan: Plan, columns: Sequence[OwnedColumn]) -> Floats:
    """Weights of a contrast over the columns of several runs' regression, (n_rows, n_columns).

    A column that every run has for itself gets its weight's mean over the runs of the contrast.
    """
    rows = np.zeros((len(plan.weights), len(columns)))
    for name, weight in zip(plan.specification.conditions, plan.weights.T, strict=True):
        places = [
            i for i, (of, run) in enumerate(columns) if of == name and (run is None or run in plan.runs)
        ]
        # the mean over runs: an effect keeps its unit whether runs share a column or not
        rows[:, places] += weight[:, np.newaxis] / max(len(places), 1)
    return rows
