"""AFNI's one regression over all runs, put together from the designs of the runs.

Columns stand in the order of an ``.xmat.1D``: the baseline run by run, the columns through all runs, then
what else each run has for itself. Of columns that depend on those before them, as what censoring has emptied
does, the fit has none; their parameters are 0.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bidsglm.afni.correlation import Whole
from bidsglm.afni.noise import dependent_columns
from bidsglm.afni.timeline import Timeline
from bidsglm.data import DesignMatrix
from bidsglm.design_space import decomposition, estimable
from bidsglm.model import CONSTANT, ContrastSpecification, Floats
from bidsglm.spm.contrasts import placed

DRIFT = "drift_"
"""Polynomials of the baseline from degree 1 on; the constant is that of degree 0"""


class ColumnPlace(NamedTuple):
    """A column of the regression."""

    name: str
    run: int | None
    """From 0; None for a column through all runs"""

    def __str__(self) -> str:
        """Say which one it is."""
        return self.name if self.run is None else f"{self.name} of run {self.run + 1}"


class JointRuns:
    """The regression of some runs' designs.

    >>> X, none = np.array([[0.0, 1], [1, 1], [2, 1]]), np.empty((3, 0))
    >>> run = DesignMatrix(("go", "constant"), X, none, 2.0, joint=("go",), censored=(1,))
    >>> runs = JointRuns([run, run])
    >>> [str(column) for column in runs.columns]
    ['constant of run 1', 'constant of run 2', 'go']
    >>> runs.matrix.tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [0.0, 1.0, 2.0]]
    """

    def __init__(self, designs: Sequence[DesignMatrix]) -> None:
        self.designs = tuple(designs)
        self.columns = _columns(self.designs)
        self.whole = self._stacked()
        """(n_scans of all runs, n_columns)"""

    def _stacked(self) -> Floats:
        place = {column: i for i, column in enumerate(self.columns)}
        blocks = []
        for run, design in enumerate(self.designs):
            block = np.zeros((len(design.matrix), len(self.columns)))
            block[:, [place[column] for column in run_columns(design, run)]] = design.matrix
            blocks.append(block)
        return np.vstack(blocks)

    @cached_property
    def timeline(self) -> Timeline:
        """Scans of all runs, and which are kept."""
        n_scans = tuple(len(design.matrix) for design in self.designs)
        kept = tuple(~np.isin(np.arange(n), d.censored) for n, d in zip(n_scans, self.designs, strict=True))
        return Timeline(self.designs[0].repetition_time, n_scans, kept)

    @property
    def matrix(self) -> Floats:
        """(n_kept, n_columns) rows of the kept scans."""
        return self.whole[self.timeline.kept_rows]

    @cached_property
    def independent(self) -> Whole:
        """Columns that the fit has."""
        dependent = dependent_columns(self.matrix)
        return np.setdiff1d(np.arange(len(self.columns)), dependent)

    @property
    def left_out(self) -> tuple[ColumnPlace, ...]:
        """The other columns."""
        return tuple(c for i, c in enumerate(self.columns) if i not in set(self.independent.tolist()))

    def of_run(self, run: int) -> list[int]:
        """Columns of a run's design, in its order."""
        return [self.columns.index(column) for column in run_columns(self.designs[run], run)]

    def weights(self, contrast: ContrastSpecification, runs: Sequence[int]) -> Floats:
        """Weights of a contrast over all columns: as they are for columns through all runs, else the mean.

        Returns
        -------
        (n_rows, n_columns)
        """
        rows = np.zeros((len(contrast.weights), len(self.columns)))
        shared = {column.name: i for i, column in enumerate(self.columns) if column.run is None}
        own = [name not in shared for name in contrast.conditions]
        for name, weight in zip(contrast.conditions, contrast.weights.T, strict=True):
            if name in shared:
                rows[:, shared[name]] = weight
        for run in runs if any(own) else ():
            names = tuple(n for n, is_own in zip(contrast.conditions, own, strict=True) if is_own)
            mine = placed(contrast.weights[:, own] / len(runs), names, self.designs[run].names)
            rows[:, self.of_run(run)] += mine
        return rows

    def usable(self, contrast: ContrastSpecification) -> tuple[int, ...]:
        """Runs that a contrast averages; all of them where it is over columns through all runs."""
        shared = {column.name for column in self.columns if column.run is None}
        own = set(contrast.conditions) - shared
        every = range(len(self.designs))
        if not np.any(contrast.weights):
            return ()
        if not own:
            return tuple(every) if self._is_estimable(self.weights(contrast, every)) else ()
        having = [run for run in every if own <= set(self.designs[run].names)]
        return tuple(run for run in having if self._is_estimable(self.weights(contrast, (run,))))

    def _is_estimable(self, weights: Floats) -> bool:
        return estimable([weights.T], decomposition([self.matrix]))


def run_columns(design: DesignMatrix, run: int) -> list[ColumnPlace]:
    """Columns of a run's design, in its order."""
    return [ColumnPlace(name, None if name in design.joint else run) for name in design.names]


def _columns(designs: Sequence[DesignMatrix]) -> tuple[ColumnPlace, ...]:
    found = [column for run, design in enumerate(designs) for column in run_columns(design, run)]
    baseline = [c for c in found if c.name == CONSTANT or c.name.startswith(DRIFT)]
    # constant, then drifts, run by run
    baseline.sort(key=lambda c: (c.run, c.name != CONSTANT))
    shared = [c for c in found if c.run is None]
    return tuple(dict.fromkeys([*baseline, *shared, *found]))
