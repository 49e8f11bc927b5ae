"""Columns of the design: FSL's ``feat_model``.

Events are drawn on a grid of 0.05 s from -30 s on, the grid loses its mean, is convolved with the response
and divided by the sum of the response's values used so far, and sampled in the middle of every TR. The
column is then high-pass filtered; its temporal derivative is the central difference of the filtered column,
made orthogonal to it (FEAT user guide, "Full model setup").
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.fsl.highpass import filtered_columns
from bidsglm.fsl.response import STEP
from bidsglm.model import Floats

LEAD = 30.0
"""s before the first scan from which events count"""
BINS_PER_SECOND = round(1 / STEP)
LEAD_BINS = round(LEAD * BINS_PER_SECOND)
TAIL_SCANS = 10
"""Scans that the grid goes on after the last."""
SHORTEST = 1.1
"""Bins that an event shorter than a bin is given: the tenth keeps rounding from taking its only one."""


class Timing(NamedTuple):
    """The scans of a run."""

    repetition_time: float
    """s"""
    n_scans: int
    moment: float = 0.5
    """Share of the TR after its start that a scan stands for; 1/2 in FEAT"""

    @property
    def n_bins(self) -> int:
        """Length of a stimulus function."""
        length = (self.n_scans + TAIL_SCANS) * self.repetition_time * BINS_PER_SECOND
        return LEAD_BINS + int(length)

    @property
    def times(self) -> Floats:
        """(n_bins,) s, the starts of the bins."""
        return np.asarray((np.arange(self.n_bins) - LEAD_BINS) * STEP, dtype=np.float64)

    @property
    def samples(self) -> NDArray[np.int64]:
        """(n_scans,) bins that scans are sampled from."""
        times = (np.arange(self.n_scans) + self.moment) * self.repetition_time
        # a time on the edge of two bins belongs to the later one, whatever the product rounds to
        return np.asarray(np.floor(times * BINS_PER_SECOND + 1e-6).astype(np.int64) + LEAD_BINS)


def stimulus(onsets: Floats, durations: Floats, heights: Floats, timing: Timing) -> Floats:
    """Draw events on the grid; where two overlap, the later one in the list holds.

    Parameters
    ----------
    onsets, durations, heights
        (n_events,) in s; time 0 is the start of the first scan.

    Returns
    -------
    (n_bins,) time 0 is bin 600

    >>> grid = stimulus(np.array([0.0, 1.0]), np.array([2.0, 0.0]), np.array([1.0, 3.0]), Timing(2.0, 4))
    >>> grid[600:641:20].tolist(), int((grid == 3).sum()), int((grid > 0).sum())
    ([1.0, 3.0, 0.0], 1, 40)
    """
    # float32 as in feat_model: which bin an onset of three decimals falls into depends on it
    starts = ((onsets + LEAD) * BINS_PER_SECOND).astype(np.float32)
    lengths = (durations * BINS_PER_SECOND).astype(np.float32)
    ends = starts + np.where(lengths < 1, np.float32(SHORTEST), lengths)
    # bins from the floor of the start to the floor of the end, as feat_model counts them
    edges = np.clip(np.floor(np.column_stack([starts, ends])), 0, timing.n_bins).astype(np.int64)
    grid = np.zeros(timing.n_bins)
    for (start, end), height in zip(edges, heights, strict=True):
        # a later event overwrites an earlier one in the same bin; heights are not added
        grid[start:end] = height
    return grid


def convolved(grid: Floats, kernel: Floats) -> Floats:
    """Response to a stimulus, each value over the sum of the kernel's values that it used.

    Parameters
    ----------
    grid
        (n_bins,)
    kernel
        (n_taps,)

    >>> convolved(np.ones(4), np.array([0.0, 2.0, 1.0])).round(9).tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    response = scipy.signal.fftconvolve(grid, kernel)[: grid.size]
    # feat_model divides by the taps that lie on the grid, so that its first seconds are no ramp
    used = np.full(grid.size, kernel.sum())
    n_taps = min(kernel.size, grid.size)
    used[:n_taps] = np.cumsum(kernel)[:n_taps]
    # a gamma density is 0 at t = 0, so that the first value has used nothing
    return np.asarray(response / np.where(used != 0, used, np.inf))


def regressor(grid: Floats, kernel: Floats | None, timing: Timing) -> Floats:
    """Unfiltered column of a stimulus.

    Parameters
    ----------
    grid
        (n_bins,)
    kernel
        None: the stimulus itself

    Returns
    -------
    (n_scans,)

    >>> timing = Timing(2.0, 4)
    >>> grid = stimulus(np.zeros(1), np.array([4.0]), np.ones(1), timing)
    >>> (regressor(grid, None, timing) + grid.mean()).round(6).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    # feat_model takes the mean out before it convolves; over the taps used, a constant stays a constant
    centred = _single(grid - grid.mean())
    course = centred if kernel is None else convolved(centred, _single(kernel))
    return np.asarray(course[timing.samples])


def _single(values: Floats) -> Floats:
    # feat_model keeps stimulus and kernel in float32
    return values.astype(np.float32).astype(np.float64)


def columns(x: Floats, L: Floats | None, derivative: bool = False) -> Floats:
    """Filter a column, and add its temporal derivative.

    Parameters
    ----------
    x
        (n_scans,) from `regressor`
    L
        (n_scans, n_scans) the high-pass filter; None for none

    Returns
    -------
    (n_scans, 1 or 2)

    >>> X = columns(np.sin(np.arange(20.0)), None, derivative=True)
    >>> X.shape, bool(abs(X[:, 0] @ X[:, 1]) < 1e-9), bool(np.abs(X.mean(axis=0)).max() < 1e-12)
    ((20, 2), True, True)
    """
    filtered = filtered_columns(x[:, np.newaxis], L)[:, 0]
    return with_derivative(filtered) if derivative else filtered[:, np.newaxis]


def with_derivative(filtered: Floats) -> Floats:
    """Add the temporal derivative of a filtered column, (n_scans, 2).

    >>> with_derivative(np.array([-1.0, 1.0, 1.0, -1.0])).round(9).tolist()
    [[-1.0, 2.0], [1.0, 1.0], [1.0, -1.0], [-1.0, -2.0]]
    """
    # feat_model makes it orthogonal, so that what both could explain counts for the response
    # (x[j + 1] - x[j - 1]) / 2 of the filtered column, one-sided at both ends: per scan, not per second
    slope = np.gradient(filtered)
    slope -= slope.mean()
    squares = filtered @ filtered
    if squares:
        slope -= filtered * (filtered @ slope / squares)
    return np.column_stack([filtered, slope - slope.mean()])


def confounds(C: Floats, L: Floats | None) -> Floats:
    """Columns of confounds, filtered and without their means, (n_scans, n_confounds).

    >>> confounds(np.array([[1.0], [3.0]]), None).tolist()
    [[-1.0], [1.0]]
    """
    return filtered_columns(C - C.mean(axis=0), L)
