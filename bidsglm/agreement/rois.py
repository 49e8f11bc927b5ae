"""Regions of interest: a map summarised by the regions of an atlas."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.agreement.coefficients import pearson_r, principal_axis
from bidsglm.agreement.maps import MapPair
from bidsglm.model import Floats, Mask


class RegionMeans(NamedTuple):
    """A map summarised by region; each (n_regions,)."""

    n_voxels: NDArray[np.intp]
    """Voxels of the region, inside the mask"""
    mean: Floats
    """NaN for a region without voxels"""
    sd: Floats
    """Over voxels; NaN with fewer than two"""


def region_means(values: Floats, places: NDArray[np.intp], mask: Mask, n_regions: int) -> RegionMeans:
    """Mean and standard deviation of a map over each region's voxels inside a mask.

    Voxels that are not finite count in n_voxels and are left out of the rest.

    Parameters
    ----------
    values
        (n_voxels,)
    places
        (n_voxels,) 0 outside all regions, else one more than the region's index among n_regions
    mask
        (n_voxels,)
    n_regions
        Number of regions.

    Examples
    --------
    >>> inside = np.ones(4, bool)
    >>> found = region_means(np.array([1.0, 3, 5, 7]), np.array([1, 1, 0, 3]), inside, 3)
    >>> found.n_voxels.tolist(), found.mean.tolist()
    ([2, 0, 1], [2.0, nan, 7.0])
    """
    usable = mask & np.isfinite(values)
    here, inside = places[usable], values[usable].astype(np.float64)
    count = np.bincount(here, minlength=n_regions + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(here, inside, n_regions + 1) / count
        # in two passes: E x^2 - (E x)^2 would lose the digits of a flat region
        squares = np.bincount(here, (inside - mean[here]) ** 2, n_regions + 1)
        sd = np.sqrt(np.where(count > 1, squares / (count - 1), np.nan))
    # those without a result count here: this number is how much of a region lies in the mask
    return RegionMeans(np.bincount(places[mask], minlength=n_regions + 1)[1:], mean[1:], sd[1:])


def region_agreement_of_maps(
    maps: MapPair, places: NDArray[np.intp], n_regions: int
) -> Iterator[dict[str, int | float]]:
    """How well two packages' maps of a participant agree inside each region.

    Parameters
    ----------
    maps
        Over the same voxels.
    places
        (n_voxels,) as in `region_means`
    n_regions
        Number of regions.

    Examples
    --------
    >>> inside = np.ones(4, bool)
    >>> x = np.array([1.0, 2, 4, 9])
    >>> (row,) = region_agreement_of_maps(MapPair(2 * x, x, inside, inside), np.array([1, 1, 1, 0]), 1)
    >>> row["n_both"], round(row["mean_difference"], 6), round(row["slope"], 6)
    (3, 2.333333, 2.0)
    """
    usable = maps.usable & (places > 0)
    # voxels of one region stand together, so that each is a slice
    order = np.argsort(places[usable], kind="stable")
    first, reference = (values[usable][order].astype(np.float64) for values in (maps.first, maps.reference))
    counts = np.bincount(places[usable], minlength=n_regions + 1)[1:]
    for stop, n in zip(np.cumsum(counts), counts, strict=True):
        y, x = first[stop - n : stop], reference[stop - n : stop]
        yield {
            "n_both": int(n),
            "mean_difference": float((y - x).mean()) if n else math.nan,
            "rmsd": float(np.sqrt(((y - x) ** 2).mean())) if n else math.nan,
            "pearson_r": pearson_r(x, y),
            "slope": principal_axis(x, y).slope,
        }
