"""Smoothing of autocorrelations within tissue: the SUSAN step of FILM (``--sa --ms=5``).

``rho~(v) = sum w(u, v) rho(u) / sum w(u, v)`` with ``w = exp(-|u - v|^2 / 2 s^2) exp(-(I(u) - I(v))^2 /
tau^2)``, I a scan from the middle of the run (S. Smith and J. Brady, International Journal of Computer
Vision 23:45-78, 1997; M. Woolrich et al., NeuroImage 14:1370-1386, 2001).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.fsl.scaling import Singles
from bidsglm.model import Floats, Mask

SIGMA = 5.0
"""mm, the standard deviation of the spatial weights"""
REACH = 2
"""Standard deviations along each axis beyond which voxels do not count."""
LEVELS = 16384
"""Steps of the intensity range: differences are whole numbers of them."""
VOXELS_PER_BIN = 200
TILE = (2, 2, 2)
"""Voxels smoothed at once: enough for BLAS, few enough that their neighbourhoods are nearly the same."""
LEAST_LOG = -70.0
"""Logarithm of the least weight."""
NOWHERE = -1e12
"""Intensity, in steps, beyond the edge of the grid: without weight anywhere."""


class Contrast(NamedTuple):
    """Intensities of a scan, and how far apart tissues are."""

    mode: float
    """Most frequent intensity"""
    tau: float
    """Difference of intensities at which the weight is 1 / e"""
    step: float
    """Unit of differences"""


def reference_scan(n_scans: int) -> int:
    """Index of the scan whose intensities tell tissues.

    >>> reference_scan(120)
    59
    """
    return n_scans // 2 - 1


def contrast(intensity: Floats, mask: Mask) -> Contrast:
    """Mode and spread of the intensities above it.

    Parameters
    ----------
    intensity
        (x, y, z) with its mean, 0 outside the brain
    mask
        (x, y, z) the voxels that FILM fits

    Notes
    -----
    Fewer than 400 voxels make one bin, above whose edge nothing is: tau is 0, and only voxels of the very
    same intensity count as one tissue.

    >>> volume = np.zeros((2, 2, 200))
    >>> volume[0] = 8 + 2 * (np.arange(400).reshape(2, 200) % 4 == 0)
    >>> contrast(volume, volume > 0)
    Contrast(mode=np.float64(9.0), tau=np.float64(0.16666666666666666), step=np.float64(0.0006103515625))
    """
    inside = intensity[mask]
    low, high = inside.min(), inside.max()
    n_bins = max(1, inside.size // VOXELS_PER_BIN)
    counts = np.histogram(inside, n_bins)[0] if high > low else np.ones(1)
    # film_gls never takes the last bin, and gives a bin the value of its upper edge
    best = int(np.argmax(counts[:-1])) if counts.size > 1 else 0
    mode = low + (best + 1) * (high - low) / n_bins
    above = inside[inside > mode]
    tau = np.sqrt(((above - mode) ** 2).sum() / inside.size) / 3
    return Contrast(mode, tau, (intensity.max() - intensity.min()) / LEVELS)


@dataclass(frozen=True)
class Neighbourhood:
    """The tile of voxels and the box around it."""

    reach: tuple[int, int, int]
    """Voxels to each side"""
    zooms: tuple[float, float, float]
    """mm"""

    @cached_property
    def box(self) -> tuple[int, int, int]:
        """Size of the tile with its margins."""
        x, y, z = (size + 2 * margin for size, margin in zip(TILE, self.reach, strict=True))
        return x, y, z

    @cached_property
    def weights(self) -> Singles:
        """(n_tile, n_box) spatial weights, 0 beyond the reach."""
        targets = np.indices(TILE).reshape(3, -1, 1) + np.reshape(self.reach, (3, 1, 1))
        offsets = np.indices(self.box).reshape(3, 1, -1) - targets
        near = (np.abs(offsets) <= np.reshape(self.reach, (3, 1, 1))).all(axis=0)
        squares = ((offsets * np.reshape(self.zooms, (3, 1, 1))) ** 2).sum(axis=0)
        return np.where(near, np.exp(-squares / (2 * SIGMA**2)), 0.0).astype(np.float32)


def neighbourhood(zooms: tuple[float, float, float]) -> Neighbourhood:
    """Box that the weights reach, for a voxel size in mm.

    >>> neighbourhood((3.0, 3.0, 2.0)).reach
    (4, 4, 5)
    """
    x, y, z = (int(np.ceil(REACH * SIGMA / zoom)) for zoom in zooms)
    return Neighbourhood((x, y, z), zooms)


def smoothed(
    maps: Floats, intensity: Floats, mask: Mask, zooms: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Maps smoothed among voxels of like intensity; those outside the mask count as 0.

    Parameters
    ----------
    maps
        (n_maps, n_voxels in the mask)
    intensity, mask
        (x, y, z), as of `contrast`; the intensities of the whole grid
    zooms
        Voxel size in mm.

    Returns
    -------
    (n_maps, n_voxels in the mask) with the precision of float32, as of film_gls' images

    >>> flat = np.full((9, 9, 9), 1e4)
    >>> mask = np.ones((9, 9, 9), dtype=bool)
    >>> smoothed(np.ones((1, 729)), flat, mask, (3.0, 3.0, 3.0)).round(6).max()
    np.float64(1.0)
    """
    tissue = contrast(intensity, mask)
    near = neighbourhood(zooms)
    # flat intensities have no steps, and all weights of intensity are 1
    steps = intensity / tissue.step if tissue.step > 0 else np.zeros_like(intensity)
    spread = -((tissue.step / tissue.tau) ** 2) if tissue.tau > 0 else NOWHERE
    steps = np.pad(steps, _margins(mask.shape, near.reach), constant_values=NOWHERE)
    grid = np.zeros(mask.shape, dtype=np.intp)
    grid[mask] = np.arange(1, maps.shape[1] + 1)
    place = np.pad(grid, _margins(mask.shape, near.reach))
    # voxel 0 stands for all outside the mask
    values = np.vstack([np.zeros(len(maps)), maps.T]).astype(np.float32)
    result = np.zeros_like(values)
    for x, corners in groupby(_corners(mask), key=lambda corner: corner[0]):
        # neighbours are gathered once for a slab of tiles
        slab = values.take(place[x : x + near.box[0]], axis=0)
        for corner in corners:
            around = tuple(slice(c, c + b) for c, b in zip(corner, near.box, strict=True))
            tile = tuple(slice(c + r, c + r + t) for c, r, t in zip(corner, near.reach, TILE, strict=True))
            weights = _weights(steps[around], steps[tile], near.weights, spread)
            sums = weights @ slab[:, *around[1:]].reshape(-1, len(maps))
            result[place[tile].ravel()] = sums / weights.sum(axis=1, keepdims=True)
    return np.asarray(result[1:].T, dtype=np.float64, order="C")


def _weights(around: Floats, tile: Floats, spatial: Singles, spread: float) -> Singles:
    steps = np.subtract(around.reshape(1, -1), tile.reshape(-1, 1))
    # differences are cut to whole steps, as SUSAN looks weights up in a table
    np.trunc(steps, out=steps)
    np.square(steps, out=steps)
    steps *= spread
    weights = steps.astype(np.float32)
    # 1e-31 is no weight, and takes a tenth of the time of a number too small to be one
    np.maximum(weights, LEAST_LOG, out=weights)
    np.exp(weights, out=weights)
    weights *= spatial
    return weights


def _margins(shape: tuple[int, ...], reach: tuple[int, int, int]) -> list[tuple[int, int]]:
    # the last tile may stand over the edge
    return [(r, r + -size % tile) for size, tile, r in zip(shape, TILE, reach, strict=True)]


def _corners(mask: Mask) -> Iterator[tuple[int, int, int]]:
    """First voxels of the tiles that hold a voxel of the mask."""
    full = np.pad(mask, [(0, -size % tile) for size, tile in zip(mask.shape, TILE, strict=True)])
    (x, y, z), (a, b, c) = full.shape, TILE
    used = np.asarray(full.reshape(x // a, a, y // b, b, z // c, c).any(axis=(1, 3, 5)))
    for i, j, k in np.argwhere(used).tolist():
        yield i * a, j * b, k * c
