"""How far many maps are from one reference, in the metrics of the attribution.

Sums over voxels are all that the metrics need, so that maps can be summed up a block of voxels at a time and
need not be kept.
"""

from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats
from bidsglm.spm.probability import f_quantile

P_UNCORRECTED = 0.001

RMSD = "rmsd"
"""Root mean square difference, in the unit of the map."""
SLOPE = "slope-1"
"""Slope of the total least squares line against nilearn's map, minus 1."""
CORRELATION = "1-r"
"""1 minus Pearson's correlation."""
DICE = "1-dice"
"""1 minus the Dice overlap of the voxels of p < 0.001, each with its own degrees of freedom.

All four are 0 for equal maps."""


class MapSums(NamedTuple):
    """Sums over voxels of maps and their references, from which all metrics follow.

    The axes ``...`` are those of the maps, as combinations and contrasts.
    """

    n_voxels: int
    means: Floats
    """(2, ...) of reference and map"""
    products: Floats
    """(3, ...) about the means: reference squared, reference times map, map squared"""
    squares: Floats
    """(...) of map minus reference"""
    above: NDArray[np.intp] | None = None
    """(3, ...) voxels above the threshold: the reference's, the map's, common ones; or None"""

    def of(self, contrast: int) -> "MapSums":
        """Those of one place on the last axis."""
        above = None if self.above is None else self.above[..., contrast]
        means, products, squares = (a[..., contrast] for a in (self.means, self.products, self.squares))
        return MapSums(self.n_voxels, means, products, squares, above)


def summed(reference: Floats, maps: Floats, limits: tuple[Floats, Floats] | None = None) -> MapSums:
    """Sums of maps.

    Parameters
    ----------
    reference
        (n_voxels,) or as many as there are maps
    maps
        (..., n_voxels)
    limits
        Thresholds of reference and maps, each with their axes but the last

    >>> found = summed(np.array([0.0, 1.0, 2.0]), np.array([[0.0, 2.0, 4.0]]))
    >>> found.means.tolist(), found.products.tolist(), found.squares.tolist()
    ([[1.0], [2.0]], [[2.0], [4.0], [8.0]], [5.0])
    """
    # centred before they are multiplied: sums of squares of raw values lose digits
    centred = [values - values.mean(axis=-1, keepdims=True) for values in (reference, maps)]
    # s_xx, s_xy and s_yy, from which slope, r and their like follow
    products = [np.einsum("...v,...v->...", centred[i], centred[k]) for i, k in ((0, 0), (0, 1), (1, 1))]
    squares = np.sum((maps - reference) ** 2, axis=-1)
    above = None
    if limits is not None:
        one, other = (m > limit[..., None] for m, limit in zip((reference, maps), limits, strict=True))
        # Dice needs three counts alone, which add up over blocks of voxels
        above = _alike([sets.sum(axis=-1) for sets in (one, other, one & other)])
    means = _alike([reference.mean(axis=-1), maps.mean(axis=-1)])
    return MapSums(maps.shape[-1], means, _alike(products), squares, above)


def _alike(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Stack values of reference and maps; those of a single reference are repeated for every map."""
    return np.stack(np.broadcast_arrays(*values))


def stacked(sums: Sequence[MapSums]) -> MapSums:
    """Sums of the same voxels side by side, on a new first axis of the maps."""
    above = [each.above for each in sums if each.above is not None]
    return MapSums(
        sums[0].n_voxels,
        np.stack([each.means for each in sums], axis=1),
        np.stack([each.products for each in sums], axis=1),
        np.stack([each.squares for each in sums]),
        np.stack(above, axis=1) if above else None,
    )


def merged(parts: Sequence[MapSums]) -> MapSums:
    """Sums of the same maps over several blocks of voxels as one.

    >>> x, y = np.array([0.0, 1.0, 5.0]), np.array([[0.0, 2.0, 4.0]])
    >>> found = merged([summed(x[:2], y[:, :2]), summed(x[2:], y[:, 2:])])
    >>> found.products.round(9).tolist() == summed(x, y).products.round(9).tolist()
    True
    """
    return reduce(_both, parts)


def _both(one: MapSums, other: MapSums) -> MapSums:
    """Sums over two blocks; those about the means gain what is between them, without loss of digits."""
    n = one.n_voxels + other.n_voxels
    dx, dy = other.means - one.means
    # Chan, Golub & LeVeque (1983): what the distance of the parts' means adds to the products
    between = np.stack([dx * dx, dx * dy, dy * dy]) * (one.n_voxels * other.n_voxels / n)
    return MapSums(
        n,
        one.means + (other.means - one.means) * (other.n_voxels / n),
        one.products + other.products + between,
        one.squares + other.squares,
        None if one.above is None or other.above is None else one.above + other.above,
    )


def distances(sums: MapSums) -> dict[str, Floats]:
    """RMSD, slope - 1 and 1 - r of maps against their references, with thresholds 1 - Dice too.

    Parameters
    ----------
    sums
        Of the maps.

    Returns
    -------
    metric -> (...); NaN where the maps have no variance

    Notes
    -----
    The slope is that of the first principal axis, as in `bidsglm.agreement.maps.principal_axis`.

    >>> far = distances(summed(np.array([0.0, 1.0, 2.0]), np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 4.0]])))
    >>> far["slope-1"].round(9).tolist(), far["1-r"].round(9).tolist()
    ([0.0, 1.0], [0.0, 0.0])
    """
    sxx, sxy, syy = sums.products
    # first principal axis: tan 2θ = 2 s_xy / (s_xx - s_yy)
    excess, twice = sxx - syy, 2 * sxy
    length = np.hypot(excess, twice)
    with np.errstate(divide="ignore", invalid="ignore"):
        # the same tangent of the half angle, in the form that subtracts no near-equal numbers
        slope = np.where(excess >= 0, twice / (length + excess), (length - excess) / twice)
        r = sxy / np.sqrt(sxx * syy)
    # the squares are of the maps as they are: RMSD sees the shift that slope and correlation leave out
    found = {RMSD: np.sqrt(sums.squares / sums.n_voxels), SLOPE: slope - 1, CORRELATION: 1 - r}
    return found if sums.above is None else {**found, DICE: _unlikeness(sums.above)}


def _unlikeness(above: NDArray[np.intp]) -> Floats:
    """1 - Dice of sets of voxels by their sizes; two empty sets are alike.

    >>> _unlikeness(np.array([[1, 1, 0], [1, 2, 0], [1, 1, 0]])).round(3).tolist()
    [0.0, 0.333, 0.0]
    """
    total = above[0] + above[1]
    return np.where(total > 0, 1 - 2 * above[2] / np.maximum(total, 1), 0.0)


@lru_cache(maxsize=4096)
def threshold(dof: tuple[float, ...]) -> float:
    """Value of t (one degree of freedom given) or F (two) at p = 0.001.

    >>> round(threshold((100.0,)), 4), round(threshold((1.0, 100.0)), 4)
    (3.1737, 11.4954)
    """
    # the upper tail alone, as for the Dice of the table of agreement
    if len(dof) == 1:
        return float(scipy.special.stdtrit(dof[0], 1 - P_UNCORRECTED))
    return f_quantile(P_UNCORRECTED, *dof)
