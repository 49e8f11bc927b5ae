"""Scans of the runs of one regression, and which of them are kept.

AFNI fits all runs as one time series. A kept scan carries its time index within its run plus an offset of the
run, so far that no correlation passes from run to run; censored scans leave their gap in time.
"""

from dataclasses import dataclass

import numpy as np

from bidsglm.afni.correlation import Whole
from bidsglm.model import Mask

RUN_GAP = 10_000
"""Time indices between runs; the longest band of the grid, at a = b = 0.8, has 42 lags."""


@dataclass(frozen=True)
class Timeline:
    """All runs, one behind the other.

    >>> runs = Timeline(2.0, (3, 2), (np.array([True, False, True]), np.array([True, True])))
    >>> runs.starts, runs.kept_rows.tolist(), runs.times.tolist()
    ((0, 3), [True, False, True, True, True], [0, 2, 10003, 10004])
    """

    repetition_time: float
    """s"""
    n_scans: tuple[int, ...]
    """Number of scans of every run, the censored scans counted"""
    kept: tuple[Mask, ...] | None = None
    """(n_scans,) of every run; None where nothing is censored"""

    def __post_init__(self) -> None:
        """Refuse runs that are none, and masks that do not fit them."""
        if not (np.isfinite(self.repetition_time) and self.repetition_time > 0):
            raise ValueError(f"a repetition time of {self.repetition_time:g} s is not positive")
        if not self.n_scans or min(self.n_scans) < 2:
            raise ValueError("a regression needs runs of two or more scans")
        if self.kept is not None and tuple(len(run) for run in self.kept) != self.n_scans:
            raise ValueError("censoring needs one value for each scan of every run")

    @property
    def n_rows(self) -> int:
        """Scans of all runs."""
        return sum(self.n_scans)

    @property
    def starts(self) -> tuple[int, ...]:
        """First scan of every run, counted through all runs."""
        return (0, *(int(end) for end in np.cumsum(self.n_scans)[:-1]))

    @property
    def slices(self) -> tuple[slice, ...]:
        """Scans of every run, counted through all runs."""
        return tuple(slice(s, s + n) for s, n in zip(self.starts, self.n_scans, strict=True))

    @property
    def kept_rows(self) -> Mask:
        """(n_rows,) of all runs."""
        if self.kept is None:
            return np.ones(self.n_rows, dtype=np.bool_)
        return np.concatenate(self.kept).astype(np.bool_)

    @property
    def times(self) -> Whole:
        """(n_kept,) time index of each kept scan."""
        within = [start + np.arange(n) for start, n in zip(self.starts, self.n_scans, strict=True)]
        # lags of time decide what correlates, and no band reaches over the gap: R is block diagonal in runs
        apart = [run * RUN_GAP + scans for run, scans in enumerate(within)]
        return np.concatenate(apart)[self.kept_rows]
