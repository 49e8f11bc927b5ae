"""Regions of interest: a map summarised by the regions of an atlas."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats, Mask

VALUE_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "contrast": "Label of the contrast, as in file names",
        "region": "Number of the region in the atlas",
        "label": "Name of the region in the labels file; its number where it has none",
        "backend": "spm or nilearn",
        "n_voxels": "Voxels of the region inside the backend's analysis mask; the values are over these",
        "effect": "Mean of the backend's effect map over these voxels; n/a for F contrasts",
        "t": (
            "Mean of the backend's t map over these voxels; not the t of the region's mean time series, "
            "which is usually larger. n/a for F contrasts"
        ),
        "effect_sd": "Standard deviation (n - 1) of the effect over these voxels",
        "F": "Mean of the backend's F map over these voxels; n/a for t contrasts",
        "n_atlas_voxels": "Voxels of the region on the grid of the maps, inside the mask or not",
        "fraction": "n_voxels / n_atlas_voxels",
        "contrast_name": "the contrast's name in the model",
    }
)
"""Description of each column of a participant's table of regions, in its order."""


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
        squares = np.bincount(here, (inside - mean[here]) ** 2, n_regions + 1)
        sd = np.sqrt(np.where(count > 1, squares / (count - 1), np.nan))
    return RegionMeans(np.bincount(places[mask], minlength=n_regions + 1)[1:], mean[1:], sd[1:])
