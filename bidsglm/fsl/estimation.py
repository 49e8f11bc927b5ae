"""Least squares of whitened data, voxel by voxel: FILM's estimate (``film_gls``).

With ``X = U W``, U orthonormal, and the whitening T of a voxel, ``A = U' T T U`` and ``b = U' T T y``:
``beta = W^+ A^-1 b``, ``s^2 = (|T y|^2 - b' A^-1 b) / (n - rank)``, ``var(c beta) = s^2 c W^+ A^-1 W^+' c'``
(M. Woolrich et al., NeuroImage 14:1370-1386, 2001). It is the pseudo-inverse solution in T X, of minimum norm
where the design lacks rank.
"""

from typing import NamedTuple

import numpy as np

from bidsglm.fsl.columns import Design
from bidsglm.fsl.shared_gains import SharedGains, information, rows_of_triangle
from bidsglm.fsl.whitening import gains, whitened
from bidsglm.model import Floats, Mask

ROUNDING = 1e-12
"""Share of a series' squares that rounding leaves as a residual where the design explains all of it."""


def half_solved(A: Floats, sides: Floats) -> tuple[Floats, Floats]:
    """Cholesky factors of many matrices A = L L', and L^-1 times their right sides.

    Voxels come last, so that each step is one for all of them; a matrix that is not positive gives NaN.

    Parameters
    ----------
    A
        (n (n + 1) / 2, n_voxels) as of `information`
    sides
        (n_sides, n, n_voxels)

    Returns
    -------
    (n, n, n_voxels) with L[i, k] at [k, i], nothing that counts below; (n, n_sides, n_voxels)

    >>> L, halves = half_solved(np.array([[4.0], [2.0], [10.0]]), np.array([[[2.0], [7.0]]]))
    >>> L[0, :, 0].tolist(), float(L[1, 1, 0]), halves[:, 0, 0].tolist()
    ([2.0, 1.0], 3.0, [1.0, 2.0])
    """
    n_sides, n, n_voxels = sides.shape
    # the sides are further rows of the matrix
    L = np.empty((n, n + n_sides, n_voxels))
    for k, part in enumerate(rows_of_triangle(n)):
        L[k, k:n] = A[part]
    L[:, n:] = sides.swapaxes(0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        for k in range(n):
            column = L[k, k:]
            if k:
                column -= np.einsum("jiv,jv->iv", L[:k, k:], L[:k, k])
            # the root of a pivot below 0 is NaN, which stays in its voxel
            np.sqrt(column[0], out=column[0])
            column[1:] /= column[0]
    return L[:, :n], L[:, n:]


def _solved(L: Floats, half: Floats) -> Floats:
    """(n, n_voxels) L'^-1 times what `half_solved` left of a right side."""
    x = half.copy()
    for k in range(len(x) - 1, -1, -1):
        if k + 1 < len(x):
            x[k] -= np.einsum("iv,iv->v", L[k, k + 1 :], x[k + 1 :])
        x[k] /= L[k, k]
    return x


class Fit(NamedTuple):
    """Estimates of some voxels."""

    betas: Floats
    """(n_columns, n_voxels)"""
    effects: Floats
    """(n_rows, n_voxels) the wanted combinations of betas"""
    variance: Floats
    """(n_voxels,) of the whitened residuals"""
    covariance: Floats
    """(n_rows, n_rows, n_voxels) of these, for unit variance"""
    settled: Mask
    """(n_voxels,) whether the residual is more than rounding"""


def ordinary(Y: Floats, design: Design, rows: Floats) -> Fit:
    """Fit without whitening: ``film_gls --noest``.

    Parameters
    ----------
    Y
        (n_scans, n_voxels) without their means
    rows
        (n_rows, n_columns) the wanted combinations of betas

    >>> Y = np.array([[0.0], [-2.0], [2.0], [0.0]])
    >>> from bidsglm.fsl.columns import decomposed
    >>> fit = ordinary(Y, decomposed(np.array([[-1.0], [-1.0], [1.0], [1.0]])), np.eye(1))
    >>> fit.betas.round(9).tolist(), fit.covariance.round(9).tolist()
    ([[1.0]], [[[0.25]]])
    """
    b = design.left.T @ Y
    R = rows @ design.coefficients
    covariance = np.repeat((R @ R.T)[:, :, np.newaxis], Y.shape[1], axis=2)
    squares = np.einsum("ij,ij->j", Y, Y)
    # by Pythagoras, as U is orthonormal: |y|^2 - |U'y|^2
    residual = squares - np.einsum("ij,ij->j", b, b)
    variance, settled = _variance(residual, squares, design)
    return Fit(design.coefficients @ b, R @ b, variance, covariance, settled)


def generalised(Y: Floats, tapered: Floats, design: Design, shared: SharedGains, rows: Floats) -> Fit:
    """Fit with every voxel's own whitening.

    Parameters
    ----------
    Y
        (n_scans, n_voxels) without their means; some hundred voxels at a time are fastest
    tapered
        (n_lags, n_voxels) autocorrelations
    shared
        Of the same design.
    rows
        (n_rows, n_columns) the wanted combinations of betas

    >>> Y = np.array([[0.0], [-2.0], [2.0], [0.0]])
    >>> from bidsglm.fsl.columns import decomposed
    >>> from bidsglm.fsl.shared_gains import shared_gains
    >>> design = decomposed(np.array([[-1.0], [-1.0], [1.0], [1.0]]))
    >>> white = np.array([[0.5], [0.0]])
    >>> fit = generalised(Y, white, design, shared_gains(white, design), np.eye(1))
    >>> fit.betas.round(9).tolist()
    [[1.0]]
    """
    factors = gains(tapered, len(Y))
    A = information(factors, design, shared)
    white = whitened(Y, factors)
    R = rows @ design.coefficients
    # one factorisation of A serves the betas and the covariance
    sides = np.empty((1 + len(R), R.shape[1], Y.shape[1]))
    # T is symmetric: (T U)' T y = U' T (T y), which spares the whitened design
    sides[0] = shared.columns(white, factors)
    sides[1:] = R[..., np.newaxis]
    L, halves = half_solved(A, sides)
    solved = _solved(L, halves[:, 0])
    # R A^-1 R' = |L^-1 R'|^2, without an inverse for each voxel
    covariance = np.einsum("kav,kbv->abv", halves[:, 1:], halves[:, 1:])
    squares = np.einsum("ij,ij->j", white, white)
    # b' A^-1 b = |L^-1 b|^2 is what the whitened design explains
    residual = squares - np.einsum("ij,ij->j", halves[:, 0], halves[:, 0])
    variance, settled = _variance(residual, squares, design)
    return Fit(design.coefficients @ solved, R @ solved, variance, covariance, settled)


def _variance(residual: Floats, squares: Floats, design: Design) -> tuple[Floats, Mask]:
    # divided by what the columns leave; the degrees of freedom of t are one fewer. Of a difference of sums of
    # squares rounding leaves 1e-14, where of residuals it would leave the square of that
    variance = residual / (len(design.left) - design.left.shape[1])
    return variance, np.isfinite(residual) & (residual > ROUNDING * squares)
