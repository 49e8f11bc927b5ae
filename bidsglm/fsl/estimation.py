"""Least squares of whitened data, voxel by voxel: FILM's estimate (``film_gls``).

With ``X = U W``, U orthonormal, and the whitening T of a voxel, ``A = U' T T U`` and ``b = U' T T y``:
``beta = W^+ A^-1 b``, ``s^2 = (|T y|^2 - b' A^-1 b) / (n - rank)``, ``var(c beta) = s^2 c W^+ A^-1 W^+' c'``
(M. Woolrich et al., NeuroImage 14:1370-1386, 2001). It is the pseudo-inverse solution in T X, of minimum norm
where the design lacks rank.

Every voxel whitens the design anew. The gains of a run's voxels lie close to a space of few dimensions, for
smoothing has made neighbours alike; A is a quadratic form in the coordinates there, one matrix product for
many voxels.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.fsl.whitening import gains, whitened, whitened_columns
from bidsglm.model import Floats, Mask

GREATEST_RANK = 64
"""Dimensions beyond which voxels are better whitened one by one."""
SAMPLE = 1_000
"""Voxels that the shared space is found from."""
SINGULAR = 1e-8
"""Share of the largest singular value below which a dimension is left out."""
COLLINEAR = 1e-6
"""Share of the largest singular value of columns of length 1 that their rounding to float32 leaves."""
ACCURACY = 1e-6
"""Distance of a voxel's gains from the shared space, over the largest, that float32 images do not show."""
ROUNDING = 1e-12
"""Share of a series' squares that rounding leaves as a residual where the design explains all of it."""


class Design(NamedTuple):
    """Columns without their means, as ``X = U W``."""

    left: Floats
    """(n_scans, rank) U, orthonormal"""
    coefficients: Floats
    """(n_columns, rank) W^+"""

    def residuals(self, Y: Floats) -> Floats:
        """(n_scans, n_voxels) of ordinary least squares."""
        return np.asarray(Y - self.left @ (self.left.T @ Y))


def decomposed(X: Floats) -> Design:
    """Decompose a design; its means go as those of the data do.

    Parameters
    ----------
    X
        (n_scans, n_columns)

    Raises
    ------
    ValueError
        No column varies.

    >>> decomposed(np.array([[1.0, 2.0], [0.0, 0.0], [2.0, 4.0]])).left.shape
    (3, 1)
    """
    # FEAT fits no constant: data and columns lose their means instead
    centred = X - X.mean(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    norms[norms <= ROUNDING * np.linalg.norm(X, axis=0)] = 0
    if not norms.any():
        raise ValueError("no column of the design varies")
    # rank is a matter of directions: squares of small movements are columns as good as any
    lengths = np.where(norms > 0, norms, np.inf)
    U, S, V = np.linalg.svd(centred / lengths, full_matrices=False)
    rank = int(np.count_nonzero(COLLINEAR * S[0] < S))
    U, S, V = U[:, :rank], S[:rank, np.newaxis], V[:rank]
    if rank == np.count_nonzero(norms):
        return Design(U, (V / S / lengths).T)
    return Design(U, np.linalg.pinv(S * V * norms))


class SharedGains(NamedTuple):
    """A space that the gains of nearly all voxels lie in."""

    basis: Floats
    """(n_frequencies, n_dimensions) orthonormal"""
    products: tuple[Floats, Floats]
    """(n_pairs, k), (k, rank (rank + 1) / 2) whose product is U' T_i T_j U of pairs, upper triangles"""
    columns: Callable[[Floats, Floats], Floats]
    """As of `whitened_columns`"""


def shared_gains(tapered: Floats, design: Design) -> SharedGains:
    """Space of the gains, found from some voxels, and what whitening does in it to the design.

    Parameters
    ----------
    tapered
        (n_lags, n_voxels) autocorrelations of all voxels

    >>> design = decomposed(np.eye(8)[:, :1])
    >>> shared_gains(np.tile([[0.8], [0.1]], (1, 5)), design).basis.shape
    (5, 1)
    """
    design_scans, rank = design.left.shape
    # the gains of a sample of voxels span those of all, nearly
    sample = gains(tapered[:, :: max(1, tapered.shape[1] // SAMPLE)], design_scans)
    sample = sample[:, np.isfinite(sample).all(axis=0)]
    # gains = basis @ coordinates, with as few vectors as their singular values ask for
    U, S, _ = np.linalg.svd(sample, full_matrices=False)
    basis = U[:, S.max(initial=0) * SINGULAR < S][:, :GREATEST_RANK]
    columns = [whitened(design.left, g[:, np.newaxis]) for g in basis.T]
    # X'W'W X is bilinear in the gains: c_i² X_i'X_i, and c_i c_j (X_i'X_j + X_j'X_i) for i < j
    upper = np.triu_indices(rank)
    products = []
    for i, left in enumerate(columns):
        for j, right in enumerate(columns[i:], start=i):
            product = left.T @ right
            products.append((product if i == j else product + product.T)[upper])
    condensed = _condensed(np.array(products), basis.T @ sample)
    return SharedGains(basis, condensed, whitened_columns(design.left))


def _condensed(products: Floats, coordinates: Floats) -> tuple[Floats, Floats]:
    """Two thin factors of the products, for pairs as large as those of the sample."""
    first, second = np.triu_indices(len(coordinates))
    size = np.sqrt((coordinates**2).mean(axis=1))
    scale = (size[first] * size[second])[:, np.newaxis]
    # weighed by how large the products are in the sample, else rare pairs would decide what is kept
    U, S, V = np.linalg.svd(scale * products, full_matrices=False)
    kept = S.max(initial=0) * SINGULAR < S
    return U[:, kept] * S[kept] / scale, V[kept]


def information(factors: Floats, design: Design, shared: SharedGains) -> Floats:
    """A = U' T T U of every voxel.

    Parameters
    ----------
    factors
        (n_frequencies, n_voxels) gains

    Returns
    -------
    (rank (rank + 1) / 2, n_voxels) its upper triangle, row after row

    >>> design = decomposed(np.eye(8)[:, :1])
    >>> tapered = np.tile([[0.8], [0.1]], (1, 5))
    >>> A = information(gains(tapered, 8), design, shared_gains(tapered, design))
    >>> W = whitened(design.left, gains(tapered[:, :1], 8))
    >>> bool(np.abs(A - W.T @ W).max() < 1e-9)
    True
    """
    # each voxel's products c_i c_j, upper triangle
    coordinates = shared.basis.T @ factors
    n = len(coordinates)
    pairs = np.empty((n * (n + 1) // 2, factors.shape[1]))
    for part, i in zip(_rows_of_triangle(n), range(n), strict=True):
        np.multiply(coordinates[i:], coordinates[i], out=pairs[part])
    left, right = shared.products
    A = np.asarray(right.T @ (left.T @ pairs))
    # where the basis does not hold the gain, the product is made in full
    for voxel in _far(factors, coordinates, shared.basis):
        columns_whitened = whitened(design.left, factors[:, [voxel]])
        A[:, voxel] = (columns_whitened.T @ columns_whitened)[np.triu_indices(design.left.shape[1])]
    return A


def _far(factors: Floats, coordinates: Floats, basis: Floats) -> NDArray[np.intp]:
    """Voxels whose gains lie beside the shared space."""
    bounds = ACCURACY * factors.max(axis=0)
    # by Pythagoras, as the basis is orthonormal: few are left to look at
    squares = np.einsum("ij,ij->j", factors, factors) - np.einsum("ij,ij->j", coordinates, coordinates)
    far = np.flatnonzero(squares > bounds**2)
    distances = np.abs(factors[:, far] - basis @ coordinates[:, far]).max(axis=0)
    return np.asarray(far[distances > bounds[far]])


@lru_cache(maxsize=4)
def _rows_of_triangle(n: int) -> tuple[slice, ...]:
    """Where the rows of an upper triangle stand one after the other.

    >>> _rows_of_triangle(3)
    (slice(0, 3, None), slice(3, 5, None), slice(5, 6, None))
    """
    ends = np.cumsum(np.arange(n, 0, -1)).tolist()
    return tuple(slice(end - n + i, end) for i, end in enumerate(ends))


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
    for k, part in enumerate(_rows_of_triangle(n)):
        L[k, k:n] = A[part]
    L[:, n:] = sides.swapaxes(0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        for k in range(n):
            column = L[k, k:]
            if k:
                column -= np.einsum("jiv,jv->iv", L[:k, k:], L[:k, k])
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
    covariance = np.einsum("kav,kbv->abv", halves[:, 1:], halves[:, 1:])
    squares = np.einsum("ij,ij->j", white, white)
    residual = squares - np.einsum("ij,ij->j", halves[:, 0], halves[:, 0])
    variance, settled = _variance(residual, squares, design)
    return Fit(design.coefficients @ solved, R @ solved, variance, covariance, settled)


def _variance(residual: Floats, squares: Floats, design: Design) -> tuple[Floats, Mask]:
    # divided by what the columns leave; the degrees of freedom of t are one fewer
    variance = residual / (len(design.left) - design.left.shape[1])
    return variance, np.isfinite(residual) & (residual > ROUNDING * squares)
