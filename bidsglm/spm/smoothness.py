"""Smoothness of the residual field and resels of a mask (``spm_est_smoothness``, ``spm_resels_vol``).

With D_a the forward difference of a standardised residual image along axis a, and the mean over images,

    Λ_ab = mean(D_a D_b) · n / (n - rank)         RPV = √(det Λ / (4 ln 2)³)   resels per voxel

A voxel counts where its whole 2 x 2 x 2 cell toward +x, +y, +z lies in the mask.

Source: SPM12 r7771; Worsley et al. (1996), Human Brain Mapping 4:58-73; Kiebel et al. (1999),
NeuroImage 10:756-766.
"""

from collections.abc import Iterable
from itertools import combinations, product
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats, Mask
from bidsglm.spm.random_field import FOUR_LN_2, SearchVolume

Kind = TypeVar("Kind", bound=np.generic)

MAX_RESIDUAL_IMAGES = 64
"""SPM's default (``stats.maxres``): more images hardly change the estimate."""
CACHED_CELLS = 2**13
"""Cells whose products stay in a processor's cache while an image is added"""


class Smoothness(NamedTuple):
    """What the residuals of a model say of its search volume."""

    search: SearchVolume
    resels_per_voxel: Floats
    """(n_voxels,) SPM's RPV; NaN where a voxel's cell leaves the mask"""


Places = NDArray[np.intp]


def residual_scans(n_scans: int) -> NDArray[np.intp]:
    """Return the scans whose residual images enter the smoothness: all up to 64, else 64 spread evenly.

    Examples
    --------
    >>> residual_scans(3)
    array([0, 1, 2])
    >>> residual_scans(128)[[0, 1, 2, -1]]
    array([  0,   2,   4, 127])
    """
    # spm_spm's round(linspace(...)), from 1 there and halves up
    positions = np.linspace(1, n_scans, min(n_scans, MAX_RESIDUAL_IMAGES))
    return np.asarray(np.floor(positions + 0.5) - 1, dtype=np.intp)


def cells(mask: Mask) -> tuple[Places, tuple[Places, ...]]:
    """Find the voxels that have forward neighbours, as columns of arrays under the mask.

    Parameters
    ----------
    mask : (x, y, z)

    Returns
    -------
    (n_cells,) of the voxels whose 2 x 2 x 2 cell lies in the mask, and one (n_cells,) of their neighbours for
    each axis longer than one voxel: the voxel itself at the grid's upper border

    Examples
    --------
    >>> cells(np.array([[[True, True]], [[True, True]]]))
    (array([0, 1, 2, 3]), (array([2, 3, 2, 3]), array([1, 1, 3, 3])))
    """
    column = np.full(mask.shape, -1, dtype=np.intp)
    column[mask] = np.arange(np.count_nonzero(mask))
    complete = np.ones(mask.shape, dtype=np.bool_)
    # all eight voxels of the cell must be there, not only the three whose differences are taken
    for step in product((False, True), repeat=3):
        complete &= _forward(mask, step)
    # a single slice has no difference across it: the field is of two dimensions
    axes = [axis for axis in range(3) if mask.shape[axis] > 1]
    steps = [tuple(other == axis for other in range(3)) for axis in axes]
    return column[complete], tuple(_forward(column, step)[complete] for step in steps)


def _forward(volume: NDArray[Kind], step: tuple[bool, ...]) -> NDArray[Kind]:
    """Return the volume one voxel further along some axes; the border is its own neighbour."""
    for axis, moves in enumerate(step):
        if moves:
            volume = np.take(volume, [*range(1, volume.shape[axis]), volume.shape[axis] - 1], axis=axis)
    return volume


def smoothness(residuals: Iterable[Floats], mask: Mask, n_scans: int, rank: int) -> Smoothness:
    """Estimate smoothness and resel counts from residual images, one at a time.

    Parameters
    ----------
    residuals : images (n_voxels,) of the scans that `residual_scans` names, divided by
        √(residual sum of squares / (n_scans - rank))
    mask : (x, y, z) with n_voxels voxels in C order
    n_scans : scans of the model (all runs together), not images
    rank : of the whitened and filtered design

    Raises
    ------
    ValueError
        If no voxel has all its neighbours in the mask, the residuals do not vary in space, or there are fewer
        residual degrees of freedom than dimensions.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((64, 1000))
    >>> smoothness(noise, np.ones((10, 10, 10), bool), 64, 0).search.resels[0]
    1.0
    """
    voxels, neighbours = cells(mask)
    if not (len(voxels) and neighbours):
        raise ValueError("no voxel has all its neighbours in the mask: the smoothness cannot be estimated")
    n_axes = len(neighbours)
    if n_scans - rank < n_axes:
        # the gradients of so few independent images span no volume: the determinant is 0 but for rounding
        raise ValueError(f"{n_scans - rank} residual degrees of freedom are too few for {n_axes} dimensions")
    products = np.zeros((n_axes, n_axes, len(voxels)))
    n_images = 0
    for n_images, image in enumerate(residuals, start=1):  # noqa: B007
        for start in range(0, len(voxels), CACHED_CELLS):
            part = slice(start, start + CACHED_CELLS)
            here = image[voxels[part]]
            _add_products(products[..., part], [image[places[part]] - here for places in neighbours])
    for a, b in combinations(range(n_axes), 2):
        products[a, b] = products[b, a]
    # residuals vary less than the errors, by the share of the degrees of freedom that the design took
    products /= max(n_images, 1)
    products *= n_scans / (n_scans - rank)
    determinant = np.linalg.det(products.transpose(2, 0, 1))
    # rounding can make the determinant of a nearly flat cell negative
    resels = np.sqrt(np.maximum(determinant, 0) / FOUR_LN_2**n_axes)
    resels_per_voxel = np.full(np.count_nonzero(mask), np.nan)
    resels_per_voxel[voxels] = resels
    fwhm = _fwhm(resels, products, mask.shape)
    return Smoothness(SearchVolume(len(resels_per_voxel), resel_counts(mask, fwhm), fwhm), resels_per_voxel)


def _add_products(products: Floats, differences: list[Floats]) -> None:
    """Add the products of an image's forward differences; Λ is symmetric, its lower triangle suffices."""
    for a, along_a in enumerate(differences):
        for b in range(a + 1):
            products[a, b] += along_a * differences[b]


def _fwhm(resels: Floats, covariance: Floats, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Full width at half maximum (voxels); 1 along an axis of one voxel, as SPM stores it.

    The geometric mean comes from the mean of RPV, the ratio of the axes from the mean of √Λ_aa.
    """
    # Λ_aa of each axis
    roughness = np.array([np.sqrt(covariance[a, a] / FOUR_LN_2).mean() for a in range(len(covariance))])
    n_axes = len(roughness)
    if not (resels.mean() > 0 and np.all(roughness > 0)):
        raise ValueError("the residuals do not vary in space: the smoothness cannot be estimated")
    # spm_est_smoothness: the size of a resel from the mean RPV, its proportions from the axes
    per_axis = resels.mean() ** (1 / n_axes) * roughness / np.prod(roughness) ** (1 / n_axes)
    widths = iter(1 / per_axis)
    x, y, z = (float(next(widths)) if n > 1 else 1.0 for n in shape)
    return x, y, z


def resel_counts(mask: Mask, fwhm_voxels: tuple[float, float, float]) -> tuple[float, float, float, float]:
    """Resels of dimension 0 to 3: points, edges, faces and cubes of the mask over the field's width.

    Parameters
    ----------
    mask : (x, y, z)
    fwhm_voxels : full width at half maximum along x, y and z

    Returns
    -------
    (R0, R1, R2, R3); R0 is the Euler characteristic and R1 may be negative in a mask with holes

    Examples
    --------
    >>> resel_counts(np.ones((3, 3, 3), bool), (1.0, 1.0, 1.0))
    (1.0, 6.0, 12.0, 8.0)
    """
    counts = {
        step: int(np.count_nonzero(_pairs(_pairs(_pairs(mask, 0, step[0]), 1, step[1]), 2, step[2])))
        for step in product((0, 1), repeat=3)
    }
    points, cubes = counts[0, 0, 0], counts[1, 1, 1]
    ex, ey, ez = counts[1, 0, 0], counts[0, 1, 0], counts[0, 0, 1]
    fxy, fxz, fyz = counts[1, 1, 0], counts[1, 0, 1], counts[0, 1, 1]
    rx, ry, rz = (1 / float(width) for width in fwhm_voxels)
    return (
        # the Euler characteristic of a union of cubes; each further dimension counts what is left over
        # of the lower ones (K. Worsley et al. 1996, spm_resels_vol)
        float(points - (ex + ey + ez) + (fxy + fxz + fyz) - cubes),
        (ex - fxy - fxz + cubes) * rx + (ey - fxy - fyz + cubes) * ry + (ez - fxz - fyz + cubes) * rz,
        (fxy - cubes) * rx * ry + (fxz - cubes) * rx * rz + (fyz - cubes) * ry * rz,
        cubes * rx * ry * rz,
    )


def _pairs(mask: Mask, axis: int, wanted: int) -> Mask:
    """Return where two neighbours along an axis are both in the mask, or the mask itself."""
    if not wanted:
        return mask
    moved = np.moveaxis(mask, axis, 0)
    return np.asarray(np.moveaxis(moved[1:] & moved[:-1], 0, axis))
