"""Signals of voxels as nilearn's masker gives them to its model."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import TimeSeries
from bidsglm.model import Floats, Mask

Floating = TypeVar("Floating", bound=np.floating)
BLOCK = 5_000
"""Columns that are taken at a time, which bounds the memory."""


def masked_signals(series: TimeSeries, columns: NDArray[np.intp]) -> NDArray[np.floating]:
    """Signals of some columns in the precision that nilearn's masker gives them.

    Parameters
    ----------
    series : one run
    columns : (n_columns,) indices

    Returns
    -------
    (n_scans, n_columns) float32 where the file holds float32 or unscaled integers, else float64; 0 for
    what is not finite

    Examples
    --------
    >>> stored = np.array([[1, 2], [3, 4]], dtype=np.int16)
    >>> masked_signals(TimeSeries(stored, 1.0, 0.0, np.zeros(2)), np.array([1]))
    array([[2.],
           [4.]], dtype=float32)
    """
    dtype = series.stored.dtype
    if (series.slope, series.intercept) != (1.0, 0.0):
        values = series.stored_as(np.float64, columns)
        values *= series.slope
        values += series.intercept
    elif dtype.kind != "f":
        return series.stored_as(np.float32, columns)
    else:
        values = series.stored_as(dtype, columns)
    values[~np.isfinite(values)] = 0
    return values


def percent_of(
    values: NDArray[Floating], series: TimeSeries, mask: Mask, scaling: object
) -> NDArray[Floating] | float | None:
    """What nilearn divides signals by to make percent of them, in their precision; at least 1.

    Parameters
    ----------
    values : (n_scans, n_columns) signals
    series : the run that they are of
    mask : (n_voxels,) nilearn's, whose mean is the grand mean, voxels without data among them
    scaling : nilearn's ``signal_scaling``

    Returns
    -------
    (n_columns,) means of the voxels, the grand mean, or None where nothing is scaled
    """
    if scaling is False:
        return None
    if scaling == 0:
        return np.asarray(np.maximum(values.mean(axis=0), 1))
    return max(mean_signal(series, mask), 1.0)


def in_percent(values: NDArray[Floating], mean: NDArray[Floating] | float | None) -> NDArray[Floating]:
    """Signals as nilearn fits them, scaled in their own precision, in place; as `mean_scaling` rounds.

    >>> in_percent(np.array([[1.0, 8.0], [3.0, 8.0]]), np.array([2.0, 8.0]))
    array([[-50.,   0.],
           [ 50.,   0.]])
    """
    if mean is not None:
        values /= mean
        values -= 1
        values *= 100
    return values


def mean_signal(series: TimeSeries, mask: Mask) -> float:
    """Mean over the scans and voxels of a mask, in the precision of the signals.

    All of them are held at once: a sum of parts rounds otherwise than nilearn's, and the last bit of the mean
    moves every signal.

    Examples
    --------
    >>> series = TimeSeries(np.array([[1.0, 9.0], [3.0, 9.0]]), 1.0, 0.0, np.zeros(2))
    >>> mean_signal(series, np.array([True, False]))
    2.0
    """
    return float(masked_signals(series, np.flatnonzero(mask)).mean())


@dataclass(frozen=True)
class ScaledSignals:
    """Signals of a run as FirstLevelModel hands them to run_glm."""

    series: TimeSeries
    mask: Mask
    """(n_voxels,) nilearn's, whose mean is the grand mean"""
    scaling: object
    """nilearn's ``signal_scaling``"""

    @cached_property
    def _grand_mean(self) -> float:
        return max(mean_signal(self.series, self.mask), 1)

    def __call__(self, columns: NDArray[np.intp]) -> NDArray[np.floating]:
        """Return those of some columns, (n_scans, n_columns)."""
        values = masked_signals(self.series, columns)
        if self.scaling is False or self.scaling == 0:
            return in_percent(values, percent_of(values, self.series, self.mask, self.scaling))
        return in_percent(values, self._grand_mean)


def lag_one_autocorrelation(series: TimeSeries, X: Floats, columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """Autocorrelation of least-squares residuals, good enough to bring alike voxels together.

    Parameters
    ----------
    series : one run
    X : (n_scans, n_regressors)
    columns : (n_columns,) indices

    Returns
    -------
    (n_columns,), NaN for constant voxels

    Examples
    --------
    >>> series = TimeSeries(np.array([[1.0], [-1.0], [1.0], [-1.0]]), 1.0, 0.0, np.zeros(4))
    >>> lag_one_autocorrelation(series, np.ones((4, 1)), np.array([0])).round(3)
    array([-0.75], dtype=float32)
    """
    basis = np.linalg.qr(X)[0].astype(np.float32)
    result = np.empty(columns.size, dtype=np.float32)
    for start in range(0, columns.size, BLOCK):
        y = series.stored_as(np.float32, columns[start : start + BLOCK])
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            y -= basis @ (basis.T @ y)
            lagged, squares = np.einsum("ij,ij->j", y[1:], y[:-1]), np.einsum("ij,ij->j", y, y)
            result[start : start + BLOCK] = lagged / squares
    return result
