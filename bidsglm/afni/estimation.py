"""Least squares with each voxel's own correlation: the fits of 3dREMLfit and 3dDeconvolve.

``beta = (W'W)^-1 W'z`` and ``sigma^2 = |z - W beta|^2 / (n - m)`` with ``z = L^-1 y`` and ``W = L^-1 X``;
L = I gives 3dDeconvolve's ordinary least squares. n counts the scans that are kept, m all columns, and the
estimation of (a, b) costs no degree of freedom (``3dREMLfit -help``).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.afni.correlation import Whole
from bidsglm.afni.noise import NoisePair
from bidsglm.afni.reml import best_pairs
from bidsglm.data import column_parts
from bidsglm.model import Floats, Mask

CHUNK_VALUES = 500_000
"""Values whitened at once: 4 MB, which the processor's own memory holds."""
ROUNDING = 1e-18
"""Share of a series' squares that rounding leaves as a residual where the design explains all of it."""


class VoxelFits(NamedTuple):
    """Fitted voxels."""

    pairs: Whole
    """(n_voxels,) indices into the grid"""
    betas: Floats
    """(n_columns, n_voxels)"""
    mean_square: Floats
    """(n_voxels,) sigma^2"""
    criterion: Floats
    """(n_voxels,) L(a, b), which 3dREMLfit writes as -LogLik"""
    settled: Mask
    """(n_voxels,) whether the residual is more than rounding; else the other numbers mean nothing"""

    def within(self, mask: Mask) -> "VoxelFits":
        """Some of the voxels, (n_voxels,)."""
        return VoxelFits(
            self.pairs[mask],
            self.betas[:, mask],
            self.mean_square[mask],
            self.criterion[mask],
            self.settled[mask],
        )


def fits(Y: NDArray[np.floating], grid: Sequence[NoisePair]) -> VoxelFits:
    """Fit series, some at a time.

    Parameters
    ----------
    Y
        (n_rows, n_voxels)
    grid
        Pairs to choose from, white noise first; white noise alone for ordinary least squares

    >>> from bidsglm.afni.noise import noise_pair
    >>> white = noise_pair(np.ones((4, 1)), np.arange(4))
    >>> found = fits(np.array([[1.0], [2.0], [3.0], [6.0]]), [white])
    >>> found.betas.round(9).tolist(), found.mean_square.round(9).tolist(), found.settled.tolist()
    ([[3.0]], [4.666666667], [True])
    """
    n_voxels = Y.shape[1]
    n_columns = grid[0].projector.shape[1]
    found = VoxelFits(
        np.zeros(n_voxels, dtype=np.intp),
        np.empty((n_columns, n_voxels)),
        np.empty(n_voxels),
        np.empty(n_voxels),
        np.empty(n_voxels, dtype=np.bool_),
    )
    for part in column_parts(Y.shape, CHUNK_VALUES):
        # in C order a scan's voxels lie side by side, as the blocks of rows take them
        for whole, values in zip(found, _fit(Y[:, part].astype(np.float64, order="C"), grid), strict=True):
            whole[..., part] = values
    return found


def _fit(Y: Floats, grid: Sequence[NoisePair]) -> VoxelFits:
    white = grid[0]
    squares = np.einsum("ij,ij->j", Y, Y)
    # P of white noise is an orthonormal basis of the design
    coefficients = white.projector.T @ Y
    betas = white.inverse @ coefficients
    # what ordinary least squares explains leaves no trace in a generalised residual
    E = Y - white.projector @ coefficients
    left = np.einsum("ij,ij->j", E, E)
    # where the design explains all, rounding would choose an (a, b) and make a t of any size. Of residuals it
    # leaves 1e-28 of the squares; one digit of float32 in one scan of a thousand is 4e-18 of them
    settled = np.isfinite(squares) & (left > ROUNDING * squares)
    E[:, ~settled] = 0
    pairs = best_pairs(E, grid)
    pairs[~settled] = 0
    mean_square, criterion = np.empty(len(pairs)), np.empty(len(pairs))
    for pair, members in by_pair(pairs, grid):
        series = np.take(E, members, axis=1)
        residual = pair.residual_squares(series)
        # the estimate is linear, and of a series X b it is b whatever the correlation: the two parts add up
        betas[:, members] += pair.parameters(series)
        # n - m, kept rows less columns: nothing is taken off for the estimation of (a, b)
        mean_square[members] = residual / pair.dof
        criterion[members] = pair.criterion(residual)
    return VoxelFits(pairs, betas, mean_square, criterion, settled)


def by_pair(pairs: Whole, grid: Sequence[NoisePair]) -> Iterator[tuple[NoisePair, Whole]]:
    """Voxels of each pair that has any.

    >>> from bidsglm.afni.noise import noise_grid
    >>> grid = noise_grid(np.ones((9, 1)), np.arange(9))
    >>> [(round(pair.b, 1), voxels.tolist()) for pair, voxels in by_pair(np.array([1, 0, 1]), grid)]
    [(0.0, [1]), (-0.7, [0, 2])]
    """
    order = np.argsort(pairs, kind="stable")
    used, starts = np.unique(pairs[order], return_index=True)
    for k, members in zip(used, np.split(order, starts[1:]), strict=True):
        yield grid[k], members


def joined(parts: Sequence[VoxelFits]) -> VoxelFits:
    """Fits of several chunks of voxels as one.

    >>> one = VoxelFits(np.array([0]), np.ones((2, 1)), np.ones(1), np.ones(1), np.array([True]))
    >>> joined([one, one]).betas.shape
    (2, 2)
    """
    return VoxelFits(*(np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)))
