"""ARMA(1,1) correlation of 3dREMLfit: a banded matrix R and its Cholesky root.

Lag k has the correlation ``r_k = lambda a^(k - 1)``, k >= 1, with
``lambda = (b + a)(1 + a b) / (1 + 2 a b + b^2)``. Lags over ``K = 1 + ceil(ln(c / |lambda|) / ln|a|)`` are
cut off. ``R = L L'``, and ``L^-1`` whitens (``3dREMLfit -help``; G. Chen et al., NeuroImage 60:747, 2012).

Lags are differences of time, so that rows may be missing: what is censored leaves a gap. Of the inverse of L
only blocks along the diagonal are made: a block of whitened rows follows from its own rows and from the K
whitened ones before, ``z_B = D^-1 y_B - D^-1 C z_before``. All series go through at once as matrix products.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats

CUTOFF = 1e-4
"""Correlation at which 3dREMLfit lets the band end (0.01 before August 2019)."""
STEEPEST = 0.9
"""Largest |a| by which 3dREMLfit reckons the length of the band."""
BLOCK_ROWS = 32
"""Rows whitened at once: enough for BLAS, not many more than the 17 lags of an average band, beyond which
the dense inverse of a block costs more than it saves."""

Whole = NDArray[np.intp]


def first_correlation(a: float, b: float) -> float:
    """Correlation lambda of neighbours.

    Parameters
    ----------
    a
        How slowly the correlation fades from lag to lag.
    b
        Moving average; 0 makes the noise AR(1).

    >>> first_correlation(0.5, 0.0), first_correlation(0.3, -0.3)
    (0.5, 0.0)
    >>> round(first_correlation(0.8, -0.4), 4)
    0.5231
    """
    # first autocorrelation of x_t = a x_(t-1) + e_t + b e_(t-1); b = -a cancels, and the noise is white
    return (b + a) * (1 + a * b) / (1 + 2 * a * b + b * b)


def longest_lag(a: float, correlation: float) -> int:
    """Last lag K that the band keeps.

    Parameters
    ----------
    a
        As above.
    correlation
        lambda, not 0

    >>> longest_lag(0.5, 0.5), longest_lag(0.0, 0.3)
    (14, 1)
    """
    # a moving average alone ties neighbours only, and ln|a| has no value
    if a == 0:
        return 1
    # r_k = lambda a^(k - 1) falls below the cut-off at k = 1 + ln(c / |lambda|) / ln|a|, which has no bound
    # as |a| goes to 1
    fading = min(abs(a), STEEPEST)
    return 1 + max(int(np.ceil(np.log(CUTOFF / abs(correlation)) / np.log(fading))), 0)


def correlation_band(a: float, b: float, times: Whole) -> Floats:
    """R in LAPACK's storage: row j holds the j-th diagonal below the main one.

    Parameters
    ----------
    a, b
        As above.
    times
        (n_rows,) ascending time index of each row; runs lie far apart

    Returns
    -------
    (n_diagonals, n_rows)

    >>> correlation_band(0.0, 0.5, np.array([0, 1, 3])).tolist()
    [[1.0, 1.0, 1.0], [0.4, 0.0, 0.0]]
    """
    correlation = first_correlation(a, b)
    last = longest_lag(a, correlation) if correlation else 0
    # rows are at least one time index apart, so that no pair within K lags lies more than K rows apart
    band = np.zeros((min(last, len(times) - 1) + 1, len(times)))
    band[0] = 1
    for j in range(1, len(band)):
        lags = times[j:] - times[:-j]
        near = lags <= last
        # the distance in time and not in rows: scans that are censored keep those beside them apart
        band[j, :-j][near] = correlation * a ** (lags[near] - 1.0)
    return band


class RootBlock(NamedTuple):
    """Some rows of L^-1."""

    rows: slice
    inverse: Floats
    """(n_block, n_block) D^-1"""
    before: Floats
    """(n_block, n_before) D^-1 C"""


class BandedRoot(NamedTuple):
    """Cholesky root of R."""

    band: Floats
    """(n_diagonals, n_rows) L in LAPACK's storage"""
    blocks: tuple[RootBlock, ...]

    @property
    def log_determinant(self) -> float:
        """Logarithm of det R."""
        # det R = det(L)^2, and row 0 of LAPACK's storage is the diagonal of L
        return float(2 * np.log(self.band[0]).sum())

    def solved(self, Y: Floats) -> Floats:
        """R^-1 Y, (n_rows, n_columns)."""
        return np.asarray(scipy.linalg.cho_solve_banded((self.band, True), Y))

    def whitened(self, Y: Floats) -> Floats:
        """L^-1 Y, (n_rows, n_columns)."""
        # forward substitution in blocks, z_B = D^-1 y_B - D^-1 C z_before, of rows that are ready
        Z = np.empty_like(Y)
        for rows, inverse, before in self.blocks:
            np.matmul(inverse, Y[rows], out=Z[rows])
            Z[rows] -= before @ Z[rows.start - before.shape[1] : rows.start]
        return Z

    def squares(self, Y: Floats) -> Floats:
        """Column sums of squares of L^-1 Y, (n_columns,)."""
        total = np.zeros(Y.shape[1])
        # of the whitened rows only those that the next block needs are kept
        recent = np.empty((0, Y.shape[1]))
        longest = max(block.before.shape[1] for block in self.blocks)
        for rows, inverse, before in self.blocks:
            Z = inverse @ Y[rows]
            if before.shape[1]:
                Z -= before @ recent[len(recent) - before.shape[1] :]
            total += np.einsum("ij,ij->j", Z, Z)
            recent = Z if len(Z) >= longest else np.vstack([recent, Z])[-max(longest, 1) :]
        return total


def banded_root(band: Floats) -> BandedRoot:
    """Cholesky root of a banded correlation.

    Parameters
    ----------
    band
        (n_diagonals, n_rows) R in LAPACK's storage

    Raises
    ------
    numpy.linalg.LinAlgError
        R is not positive definite, as a cut band may be.

    >>> root = banded_root(np.array([[4.0, 5.0], [2.0, 0.0]]))
    >>> root.whitened(np.array([[2.0], [5.0]])).tolist(), root.squares(np.array([[2.0], [5.0]])).tolist()
    ([[1.0], [2.0]], [5.0])
    """
    # the root of a band has no diagonal more than the band, so L is as cheap as R
    lower = np.asarray(scipy.linalg.cholesky_banded(band, lower=True))
    starts = range(0, band.shape[1], BLOCK_ROWS)
    return BandedRoot(lower, tuple(_block(lower, start) for start in starts))


def _block(lower: Floats, start: int) -> RootBlock:
    n_lags, n_rows = len(lower) - 1, lower.shape[1]
    stop, first = min(start + BLOCK_ROWS, n_rows), max(start - n_lags, 0)
    # rows start ... stop of L, which reach n_lags columns back: C, then the triangle D
    L = np.zeros((stop - start, stop - first))
    for j in range(n_lags + 1):
        columns = np.arange(max(first, start - j), stop - j)
        L[columns + j - start, columns - first] = lower[j, columns]
    inverse = scipy.linalg.solve_triangular(L[:, start - first :], np.eye(stop - start), lower=True)
    return RootBlock(slice(start, stop), inverse, inverse @ L[:, : start - first])
