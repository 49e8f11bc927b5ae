"""Each voxel's ARMA(1,1) by restricted maximum likelihood: the search of 3dREMLfit.

The criterion of `noise` is looked at in every second point of the grid first, then in all points around the
best, ``-2 ... 2`` steps in a and in b. A point replaces the best only if it is strictly better.
"""

from collections.abc import Sequence

import numpy as np

from bidsglm.afni.correlation import Whole
from bidsglm.afni.noise import NoisePair
from bidsglm.model import Floats

STRIDE = 2
"""Step of the first look; the second goes as far to every side of the best."""


def best_pairs(E: Floats, grid: Sequence[NoisePair]) -> Whole:
    """Find the pair of each voxel by the search in two looks.

    Parameters
    ----------
    E
        (n_rows, n_voxels) series, best without what least squares explains, which keeps the squares small
    grid
        White noise first.

    Returns
    -------
    (n_voxels,) indices into the grid

    Notes
    -----
    This is 3dREMLfit's search, which in some 2.5 to 5 % of voxels ends beside the minimum of the whole grid.

    >>> from bidsglm.afni.noise import noise_grid
    >>> noise = np.random.default_rng(4).standard_normal((200, 1))
    >>> for t in range(1, 200):
    ...     noise[t] += 0.6 * noise[t - 1]
    >>> grid = noise_grid(np.ones((200, 1)), np.arange(200))
    >>> [(round(grid[k].a, 1), round(grid[k].b, 1)) for k in best_pairs(noise - noise.mean(), grid)]
    [(0.6, -0.1)]
    """
    places = np.array([pair.place for pair in grid])
    coarse = (places % STRIDE == 0).all(axis=1)
    # first look: every second place in a and in b; white noise is what they have to beat
    best = np.zeros(E.shape[1], dtype=np.intp)
    least = grid[0].criterion(grid[0].residual_squares(E))
    for k in (np.flatnonzero(coarse[1:]) + 1).tolist():
        _improve(least, best, k, E, grid[k], np.arange(E.shape[1]))
    # second look: around each voxel's best, and only in the places that the first has passed over.
    # 3dREMLfit -Grid g starts with steps of 2^(g - 2), and halves them down to 1 within one former step
    centres = places[best]
    for k in np.flatnonzero(~coarse).tolist():
        near = np.flatnonzero((np.abs(centres - places[k]) <= STRIDE).all(axis=1))
        if near.size:
            _improve(least, best, k, np.take(E, near, axis=1), grid[k], near)
    return best


def _improve(least: Floats, best: Whole, k: int, E: Floats, pair: NoisePair, voxels: Whole) -> None:
    value = pair.criterion(pair.residual_squares(E))
    # strictly smaller: of equal pairs 3dREMLfit keeps the one it met first
    better = value < least[voxels]
    least[voxels[better]] = value[better]
    best[voxels[better]] = k
