"""High-pass filter: FEAT's use of ``fslmaths -bptf``, a straight line fitted around every scan.

With ``w = exp(-d^2 / 2 s^2)`` over scans at a distance ``|d| <= floor(3 s)``, ``s = cut-off / (2 TR)``, the
line at scan t is ``l(t) = sum w (C - A d) y / (C N - A^2)`` with ``A = sum w d``, ``C = sum w d^2``, ``N =
sum w`` (FEAT user guide, "Temporal filtering"). What is left is ``y - l`` without its mean. The filter is a
fixed matrix for a number of scans, and passes through data and regressors alike: no degree of freedom goes
with it.
"""

import numpy as np

from bidsglm.fsl.scaling import Singles
from bidsglm.model import Floats

ROWS = 60
"""Scans whose lines are fitted at once."""
REACH = 3
"""Standard deviations of the weights beyond which scans do not count."""


def line_filter(n_scans: int, repetition_time: float, cutoff: float) -> Floats | None:
    """Matrix that takes data to the local line.

    Parameters
    ----------
    n_scans
        Number of scans of the run.
    repetition_time
        s
    cutoff
        s; infinite for no filter

    Returns
    -------
    (n_scans, n_scans), or None for no filter

    Raises
    ------
    ValueError
        The cut-off is so short that there is no line to fit.

    >>> L = line_filter(50, 2.0, 100.0)
    >>> slope = np.linspace(3, 9, 50)
    >>> bool(np.abs(L @ slope - slope).max() < 1e-12), line_filter(50, 2.0, np.inf) is None
    (True, True)
    """
    if np.isinf(cutoff) and cutoff > 0:
        return None
    # FEAT's rule. A wave of the cut-off's period passes nearly whole, one of twice that with half its power:
    # the same cut-off filters less here than SPM's cosines do
    sigma = cutoff / (2 * repetition_time)
    reach = np.floor(REACH * sigma)
    # two neighbours at the very ends, or the line goes through the scan itself and leaves nothing
    if not (reach >= 2 and n_scans > 2):
        raise ValueError(
            f"a high-pass cut-off of {cutoff:g} s at a TR of {repetition_time:g} s leaves nothing of the data"
        )
    scans = np.arange(n_scans)
    d = scans - scans[:, np.newaxis]
    w = np.exp(-(d**2) / (2 * sigma**2)) * (np.abs(d) <= reach)
    # at a run's ends the window has one side only: a line follows the drift there, and a mean would not
    A, C, N = (w * d).sum(axis=1), (w * d**2).sum(axis=1), w.sum(axis=1)
    # l(t) = (B C - A D) / (C N - A^2) with B = sum w y and D = sum w d y, as weights of y
    return np.asarray(w * (C[:, np.newaxis] - A[:, np.newaxis] * d) / (C * N - A**2)[:, np.newaxis])


def filtered(Y: Singles, L: Floats | None) -> Singles:
    """Data without the slow part, with their mean, in float32 as stored.

    Parameters
    ----------
    Y
        (n_scans, n_voxels)
    L
        (n_scans, n_scans) from `line_filter`

    >>> trend = np.linspace(9000, 11000, 50, dtype=np.float32)[:, np.newaxis]
    >>> np.unique(filtered(trend, line_filter(50, 2.0, 100.0))).tolist()
    [10000.0]
    """
    if L is None:
        return Y
    values = Y.astype(np.float64)
    # fslmaths writes the filtered, demeaned data, and FEAT adds the mean to them: two roundings
    left, mean = _without_line(values, L), values.mean(axis=0)
    return np.asarray(left.astype(np.float32) + mean.astype(np.float32))


def filtered_columns(X: Floats, L: Floats | None) -> Floats:
    """Columns without the slow part and without their mean, (n_scans, n_columns).

    >>> column = np.cos(np.arange(50.0))[:, np.newaxis]
    >>> bool(abs(filtered_columns(column, line_filter(50, 2.0, 100.0)).mean()) < 1e-9)
    True
    """
    # feat_model keeps its columns in float32
    values = X.astype(np.float32).astype(np.float64)
    left = values - values.mean(axis=0) if L is None else _without_line(values, L)
    rounded = left.astype(np.float32).astype(np.float64)
    return np.asarray(rounded - rounded.mean(axis=0))


def _without_line(Y: Floats, L: Floats) -> Floats:
    left = np.empty(Y.shape)
    for start in range(0, len(L), ROWS):
        rows = L[start : start + ROWS]
        # the weights of some neighbouring scans are 0 beyond a band
        used = np.flatnonzero(rows.any(axis=0))
        band = slice(used[0], used[-1] + 1)
        np.matmul(rows[:, band], Y[band], out=left[start : start + ROWS])
    # infinite values leave NaN
    with np.errstate(invalid="ignore"):
        np.subtract(Y, left, out=left)
        # fslmaths adds l(0) before it takes the mean out, which takes l(0) out again
        left -= left.mean(axis=0)
    return left
