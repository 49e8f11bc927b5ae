"""Lagged cross-products of data and designs, from which any voxelwise AR(1) fit follows.

With L the shift by one scan, the products of the data with a basis B of all designs' columns are B'Y,
(L + L')B'Y and the last scan; with themselves y'y and y'Ly. One pass over the data makes them, and
`bidsglm.attribution.autoregression` needs nothing else, whatever the design and the coefficient.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.design_space import Factors, factors
from bidsglm.model import Floats

DEAD = 1e-13
"""Columns that are smaller than the largest by this factor are numerically zero."""
ESTIMABLE = 1e-6
"""Share of a contrast that may lie outside the row space: looser than SPM's test of a fit in `design_space`,
as columns of mixed rules, and nilearn's of a singular design, are known to fewer digits."""

Values = NDArray[np.floating]


class Span(NamedTuple):
    """Orthonormal basis of a design and what contrasts become on it."""

    basis: Floats
    """(n_scans, rank)"""
    rows: Floats
    """(n_rows, rank): contrast weights times parameters = rows times coefficients"""


def _scaled(X: Floats) -> tuple[Factors, Floats]:
    """Space of the columns at unit length, so that scales do not matter, and (n_columns,) their lengths."""
    norms = np.linalg.norm(X, axis=0)
    # nilearn lifts the singular values of a singular design; what that makes of a dead column stays dead here
    alive = norms > DEAD * norms.max(initial=0.0)
    lengths = np.where(alive, norms, 1.0)
    return factors(X * alive / lengths), np.asarray(lengths)


def span(X: Floats, weights: Floats) -> Span:
    """Orthonormal basis of a design's columns.

    Parameters
    ----------
    X
        (n_scans, n_columns)
    weights
        (n_rows, n_columns) of estimable contrasts

    >>> q = span(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0]]))
    >>> np.abs(q.basis).tolist(), np.abs(q.rows).tolist()
    ([[1.0], [0.0]], [[0.5]])
    """
    space, lengths = _scaled(X)
    # c' beta = (c'/lengths V D^-1) U'y: the contrast on the orthonormal basis
    return Span(space.left, (weights / lengths) @ (space.right / space.singular))


def estimable(X: Floats, weights: Floats) -> bool:
    """Whether contrasts lie in the row space of a design, within rounding.

    Parameters
    ----------
    X
        (n_scans, n_columns)
    weights
        (n_rows, n_columns)

    >>> estimable(np.ones((3, 2)), np.array([[1.0, 1.0]])), estimable(np.ones((3, 2)), np.array([[1.0, 0.0]]))
    (True, False)
    """
    space, lengths = _scaled(X)
    rows = weights / lengths
    # weights are compared at the scale of unit columns, as large regressors have small weights
    missing = rows - (rows @ space.right) @ space.right.T
    return bool(np.abs(missing).max(initial=0.0) <= ESTIMABLE * np.abs(rows).max(initial=0.0))


class Products(NamedTuple):
    """Cross-products of some voxels of one run with a basis, and with themselves."""

    basis: Floats
    """(n_scans, d) orthonormal"""
    plain: Values
    """(n_voxels, d) Y'B"""
    lagged: Values
    """(n_voxels, d) Y'(L + L')B"""
    forward: Values
    """(n_voxels, m) Y'L'C"""
    last: Values
    """(n_voxels,) last scan"""
    power: Values
    """(n_voxels,) sum of y_t²"""
    lag_power: Values
    """(n_voxels,) sum of y_t y_(t+1)"""


def neighbours(B: Floats) -> Floats:
    """(L + L') B: each row is the sum of the rows before and after.

    >>> neighbours(np.array([[1.0], [2.0], [4.0]])).ravel().tolist()
    [2.0, 5.0, 2.0]
    """
    total = np.zeros_like(B)
    total[1:] += B[:-1]
    total[:-1] += B[1:]
    return total


def following(B: Floats) -> Floats:
    """L' B: each row is the row after, the last is zero.

    >>> following(np.array([[1.0], [2.0]])).ravel().tolist()
    [2.0, 0.0]
    """
    return np.vstack([B[1:], np.zeros_like(B[:1])])


def products(Y: Values, columns: Floats, cosines: Floats) -> Products:
    """One pass over the data.

    Parameters
    ----------
    Y
        (n_scans, n_voxels) without their means
    columns
        (n_scans, n_columns) of all designs that will be fitted
    cosines
        (n_scans, m) that will be projected off after whitening

    >>> products(np.array([[1.0], [-1.0], [0.0]]), np.eye(3), np.zeros((3, 0))).lag_power.tolist()
    [-1.0]
    """
    # regressors of all rules are much alike: their common space is far smaller than their number
    basis = span(columns, np.zeros((0, columns.shape[1]))).basis
    power = np.einsum("tv,tv->v", Y, Y)
    # y'Ly: with y'y and the last scan all that y'W'Wy needs at any coefficient
    lag_power = np.einsum("tv,tv->v", Y[1:], Y[:-1])
    transposed, kind = Y.T, Y.dtype
    return Products(
        basis,
        transposed @ basis.astype(kind),
        transposed @ neighbours(basis).astype(kind),
        # C'LY of C'WY = C'Y - rho C'LY: the shift acts on the data, as the cosines are not whitened
        transposed @ following(cosines).astype(kind),
        # the last row enters apart, as whitening with a first scan left alone is not quite Toeplitz
        Y[-1],
        power,
        lag_power,
    )
