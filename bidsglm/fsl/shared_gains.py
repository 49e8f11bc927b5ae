"""The normal equations of many voxels' whitened designs at once.

Every voxel whitens the design anew, with its own gains. Those of a run's voxels lie close to a space of few
dimensions, for smoothing has made neighbours alike; ``A = U' T T U`` is a quadratic form in the coordinates
there, one matrix product for many voxels. Voxels beside that space are made one by one.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.fsl.columns import Design
from bidsglm.fsl.whitening import gains, whitened, whitened_columns
from bidsglm.model import Floats

GREATEST_RANK = 64
"""Dimensions beyond which voxels are better whitened one by one."""


SAMPLE = 1_000
"""Voxels that the shared space is found from."""


SINGULAR = 1e-8
"""Share of the largest singular value below which a dimension is left out; `ACCURACY` finds the voxels that
would have needed it."""


ACCURACY = 1e-6
"""Distance of a voxel's gains from the shared space, over the largest, that float32 images do not show."""


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

    >>> from bidsglm.fsl.columns import decomposed
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

    >>> from bidsglm.fsl.columns import decomposed
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
    for part, i in zip(rows_of_triangle(n), range(n), strict=True):
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
def rows_of_triangle(n: int) -> tuple[slice, ...]:
    """Where the rows of an upper triangle stand one after the other.

    >>> rows_of_triangle(3)
    (slice(0, 3, None), slice(3, 5, None), slice(5, 6, None))
    """
    ends = np.cumsum(np.arange(n, 0, -1)).tolist()
    return tuple(slice(end - n + i, end) for i, end in enumerate(ends))
