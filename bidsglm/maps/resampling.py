"""A map on the grid of another: eight nearest voxels weighted by distance, those outside it left out."""

import numpy as np
from scipy.ndimage import affine_transform

from bidsglm.dataset.masks import Grid
from bidsglm.maps.reading import MapImage, support
from bidsglm.model import Floats, Mask

HALF = 0.5
"""Part of a new voxel that must be inside the map."""


def resampled(image: MapImage, grid: Grid) -> MapImage:
    """Bring a map onto a grid by trilinear interpolation; 0 where less than half of a voxel is inside it.

    >>> values = np.zeros((3, 3, 3)); values[1:] = 4.0
    >>> image = MapImage("a", values, Grid((3, 3, 3), np.eye(4)), ())
    >>> half = np.eye(4); half[0, 3] = 0.75
    >>> resampled(image, Grid((2, 1, 1), half)).values.ravel().tolist()
    [4.0, 4.0]
    """
    inside = support(image.values)
    share = _interpolated(inside.astype(np.float64), image.grid, grid)
    total = _interpolated(np.where(inside, image.values, 0.0), image.grid, grid)
    kept = share >= HALF
    values = np.divide(total, share, out=np.zeros_like(total), where=kept)
    return image._replace(values=values, grid=grid)


def resampled_mask(mask: Mask, own: Grid, grid: Grid) -> Mask:
    """Bring a mask onto a grid: voxels at least half of which are inside it."""
    return np.asarray(_interpolated(mask.astype(np.float64), own, grid) >= HALF)


def _interpolated(values: Floats, own: Grid, grid: Grid) -> Floats:
    places = np.linalg.inv(own.affine) @ grid.affine
    found = affine_transform(values, places[:3, :3], places[:3, 3], grid.shape, order=1, mode="grid-constant")
    return np.asarray(found, dtype=np.float64)
