"""General linear tests of 3dREMLfit and 3dDeconvolve: t of a row, F of several.

``t = c beta / (sigma sqrt(c (W'W)^-1 c'))`` with n - m degrees of freedom, and
``F = (C beta)' [C (W'W)^-1 C']^-1 C beta / (q sigma^2)`` with q rows and (q, n - m) degrees of freedom
(``3dREMLfit -help``). The correlation is each voxel's own in both, so that F of one row is t^2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.afni.correlation import Whole
from bidsglm.afni.estimation import VoxelFits, by_pair
from bidsglm.afni.noise import NoisePair
from bidsglm.design_space import rank
from bidsglm.model import Floats


class RowTest(NamedTuple):
    """A test of one row."""

    effect: Floats
    """(n_voxels,) c beta"""
    variance: Floats
    """(n_voxels,) sigma^2 c (W'W)^-1 c'"""
    t: Floats
    """(n_voxels,)"""


def row_test(weights: Floats, found: VoxelFits, grid: Sequence[NoisePair]) -> RowTest:
    """Effect, its variance and t.

    Parameters
    ----------
    weights
        (n_columns,) over all columns of the design
    found, grid
        The fit and the pairs it chose from.

    >>> from bidsglm.afni.estimation import fits
    >>> from bidsglm.afni.noise import noise_pair
    >>> white = noise_pair(np.ones((4, 1)), np.arange(4))
    >>> found = fits(np.array([[1.0], [2.0], [3.0], [6.0]]), [white])
    >>> [round(float(values[0]), 6) for values in row_test(np.array([2.0]), found, [white])]
    [6.0, 4.666667, 2.77746]
    """
    spread = np.empty(len(found.pairs))
    for pair, members in by_pair(found.pairs, grid):
        # c (W'W)^-1 c' = |c T^-1|^2 with W = Q T
        spread[members] = ((weights @ pair.inverse) ** 2).sum()
    effect = _combined(weights[None], found.betas)[0]
    variance = found.mean_square * spread
    # sigma is 0 where the design explains the series: such voxels are not settled, and have no result
    with np.errstate(divide="ignore", invalid="ignore"):
        return RowTest(effect, variance, effect / np.sqrt(variance))


def joint_test(weights: Floats, found: VoxelFits, grid: Sequence[NoisePair]) -> Floats:
    """F of all rows together.

    Parameters
    ----------
    weights
        (n_rows, n_columns) over all columns of the design
    found, grid
        The fit and the pairs it chose from.

    Returns
    -------
    (n_voxels,) with (n_rows, n - m) degrees of freedom

    Raises
    ------
    ValueError
        A row is a combination of the others, so that there is no F of so many rows.

    >>> from bidsglm.afni.estimation import fits
    >>> from bidsglm.afni.noise import noise_pair
    >>> white = noise_pair(np.ones((4, 1)), np.arange(4))
    >>> found = fits(np.array([[1.0], [2.0], [3.0], [6.0]]), [white])
    >>> joint_test(np.array([[2.0]]), found, [white]).round(6).tolist()
    [7.714286]
    """
    # C (W'W)^-1 C' of dependent rows has no inverse, and q would count a direction twice
    if rank(weights) < len(weights):
        raise ValueError("rows of an F test depend on each other; leave out those that add nothing")
    effects = _combined(weights, found.betas)
    squares = np.empty(len(found.pairs))
    for pair, members in by_pair(found.pairs, grid):
        # C (W'W)^-1 C' = (C T^-1)(C T^-1)'
        half = weights @ pair.inverse
        some = effects[:, members]
        squares[members] = (some * np.linalg.solve(half @ half.T, some)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(squares / len(weights) / found.mean_square)


def _combined(weights: Floats, betas: Floats) -> Floats:
    # columns of weight 0 stay out: NaN times 0 is NaN
    used = np.flatnonzero(weights.any(axis=0))
    return np.asarray(weights[:, used] @ betas[used])


def noise_maps(grid: Sequence[NoisePair], pairs: Whole) -> Floats:
    """a, b and lambda of each voxel, (3, n_voxels).

    >>> from bidsglm.afni.noise import noise_grid
    >>> noise_maps(noise_grid(np.ones((9, 1)), np.arange(9)), np.array([0])).tolist()
    [[0.0], [0.0], [0.0]]
    """
    table = np.array([(pair.a, pair.b, pair.correlation) for pair in grid])
    return np.asarray(table[pairs].T)
