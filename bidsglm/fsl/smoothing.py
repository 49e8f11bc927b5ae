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
TILE = (2, 2, 4)
"""Voxels smoothed at once: enough for BLAS, few enough that their neighbourhoods are nearly the same."""
LEAST_LOG = -70.0
"""Logarithm of the least weight."""
NOWHERE = 2 * LEVELS
"""Steps above the greatest intensity, for what lies beyond the edge of the grid."""


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
    # tau = s / 3, s^2 = sum over I > mode of (I - mode)^2 / N, N all voxels of the mask
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
    margins = _margins(mask.shape, near.reach)
    # flat intensities have no steps, and all weights of intensity are 1
    steps = intensity / tissue.step if tissue.step > 0 else np.zeros_like(intensity)
    steps = np.pad(steps, margins, constant_values=steps.max() + NOWHERE)
    tile_sums = _TileSums(near, steps, _weights(tissue))
    grid = np.zeros(mask.shape, dtype=np.intp)
    grid[mask] = np.arange(1, maps.shape[1] + 1)
    place = np.pad(grid, margins)
    # voxel 0 stands for all outside the mask; the last map sums the weights
    values = np.ones((maps.shape[1] + 1, len(maps) + 1), dtype=np.float32)
    values[0, :-1], values[1:, :-1] = 0, maps.T
    result = np.empty((len(values), len(maps)), dtype=np.float32)
    _, y, z = (slice(r, size - r) for r, size in zip(near.reach, place.shape, strict=True))
    for x, corners in groupby(_corners(mask), key=lambda corner: corner[0]):
        # neighbours are gathered once for a slab of tiles
        slab = values.take(place[x : x + near.box[0]], axis=0)
        targets = place[x + near.reach[0] : x + near.reach[0] + TILE[0], y, z]
        sums = np.ones((*targets.shape, values.shape[1]), dtype=np.float32)
        for corner in corners:
            tile_sums.add(slab, corner, sums)
        result[targets] = sums[..., :-1] / sums[..., -1:]
    return np.asarray(result[1:].T, dtype=np.float64, order="C")


class _TileSums:
    """Weighted sums of the neighbours of a tile, with room for them that is used again."""

    def __init__(self, near: Neighbourhood, steps: Floats, weights: Singles) -> None:
        self.near, self.steps, self.of_intensity = near, steps, weights
        n_tile, n_box = near.weights.shape
        # the product of both is the table of differences: around - tile
        self.tile, self.around = np.ones((n_tile, 2)), np.ones((2, n_box))
        self.differences = np.empty((n_tile, n_box))

    def add(self, slab: Singles, corner: tuple[int, int, int], sums: Singles) -> None:
        """Put the sums of a tile in their place.

        Parameters
        ----------
        slab
            (box, y, z, n_maps) values, with margins
        corner
            First voxel of the tile.
        sums
            (tile, y, z, n_maps) without margins
        """
        around = tuple(slice(c, c + b) for c, b in zip(corner, self.near.box, strict=True))
        tile = tuple(slice(c + r, c + r + t) for c, r, t in zip(corner, self.near.reach, TILE, strict=True))
        self.around[1] = self.steps[around].ravel()
        np.negative(self.steps[tile].ravel(), out=self.tile[:, 0])
        n_maps = slab.shape[-1]
        # SUSAN's sum (Smith & Brady 1997): brightness weights times distance weights times values
        found = self._weights() @ slab[:, *around[1:]].reshape(-1, n_maps)
        y, z = (slice(c, c + t) for c, t in zip(corner[1:], TILE[1:], strict=True))
        sums[:, y, z] = found.reshape(*TILE, n_maps)

    def _weights(self) -> Singles:
        """(n_tile, n_box)."""
        steps = np.matmul(self.tile, self.around, out=self.differences)
        # as SUSAN does: differences are cut to whole steps, and those below 0 count from the table's end
        return self.of_intensity[steps.astype(np.intp)] * self.near.weights


def _weights(tissue: Contrast) -> Singles:
    """Weights of differences of intensity in whole steps, those below 0 from the end on."""
    steps = np.arange(LEVELS + NOWHERE + 2, dtype=np.float64)
    logs = np.full(steps.size, LEAST_LOG)
    if tissue.tau > 0:
        # 1e-31 is no weight, and takes a tenth of the time of a number too small to be one
        logs[:NOWHERE] = np.maximum(-((tissue.step / tissue.tau * steps[:NOWHERE]) ** 2), LEAST_LOG)
    logs[0] = 0
    upwards = np.exp(logs.astype(np.float32))
    return np.concatenate([upwards, upwards[:0:-1]])


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
