"""Gaussian smoothing of a volume (``spm_smooth``, ``spm_smoothkern``, ``spm_conv_vol``).

The kernel of one axis is a Gaussian of variance s convolved with the linear B-spline, the triangle of
half-width one voxel:

    k(x) = [(x+1) erf((x+1)/√(2s)) + (x-1) erf((x-1)/√(2s)) - 2x erf(x/√(2s))] / 2
           + √(s/2π) [exp(-(x+1)²/2s) + exp(-(x-1)²/2s) - 2 exp(-x²/2s)]

Along x and y the volume is continued by zeros, so values fall off toward its border; along z the weights
that fall inside the volume are brought to sum 1. A smoothed volume is three matrix products.

Source: SPM12 r7771.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats

FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
HALF_WIDTH_IN_SIGMA = 6
VARIANCE_FLOOR = float(np.finfo(np.float64).eps)
"""Keeps the kernel of no smoothing finite: it is then 1 at the centre."""

Box = tuple[slice, slice, slice]
Matrices = tuple[Floats, Floats, Floats]


def kernel(fwhm_voxels: float) -> Floats:
    """Weights of one axis, at voxels -r … r around the centre.

    Parameters
    ----------
    fwhm_voxels : full width at half maximum (voxels); 0 for no smoothing

    Returns
    -------
    (2r + 1,) weights of sum 1, r = 6 standard deviations rounded

    Raises
    ------
    ValueError
        If the width is negative or not finite.

    Examples
    --------
    >>> kernel(2).round(4)[4:]
    array([0.2417, 0.4221, 0.2417, 0.0447, 0.0026, 0.    , 0.    ])
    >>> kernel(0)
    array([1.])
    """
    if not 0 <= fwhm_voxels < np.inf:
        raise ValueError(f"the smoothing width must be a finite number from 0 on, not {fwhm_voxels}")
    sigma = fwhm_voxels / FWHM_PER_SIGMA
    # 0 would divide by 0; at this floor the kernel is 1 at the centre
    variance = sigma**2 + VARIANCE_FLOOR
    # spm_smoothkern's round: halves up, as the width is positive
    half_width = int(np.floor(HALF_WIDTH_IN_SIGMA * sigma + 0.5))
    x = np.arange(-half_width, half_width + 1, dtype=np.float64)
    # second difference of the integral of erf: the B-spline is a box convolved with a box
    shifts, signs = np.array([[1.0], [-1.0], [0.0]]), np.array([[1.0], [1.0], [-2.0]])
    shifted = x + shifts
    step = (signs * shifted * scipy.special.erf(shifted / np.sqrt(2 * variance))).sum(axis=0) / 2
    bell = (signs * np.exp(-(shifted**2) / (2 * variance))).sum(axis=0) * np.sqrt(variance / (2 * np.pi))
    # far out the two terms cancel, and rounding may leave less than 0
    weights = np.maximum(step + bell, 0)
    return np.asarray(weights / weights.sum())


def smoothing_matrix(n: int, fwhm_voxels: float, renormalise: bool = False) -> Floats:
    """Matrix that smooths a profile of n voxels; a row is the kernel around its voxel.

    Parameters
    ----------
    n : number of voxels along the axis
    fwhm_voxels : full width at half maximum (voxels)
    renormalise : bring every row to sum 1, as SPM does along z

    Returns
    -------
    (n, n) matrix

    Examples
    --------
    >>> smoothing_matrix(3, 1).sum(axis=1).round(4)
    array([0.8319, 0.9974, 0.8319])
    >>> smoothing_matrix(3, 1, renormalise=True).sum(axis=1)
    array([1., 1., 1.])
    """
    weights = kernel(fwhm_voxels)
    half_width = len(weights) // 2
    # where the kernel leaves the volume its weights are lost: zeros continue it
    distance = np.arange(n) - np.arange(n)[:, None] + half_width
    inside = (distance >= 0) & (distance < len(weights))
    matrix = np.where(inside, weights[np.where(inside, distance, 0)], 0.0)
    # spm_conv_vol renormalises along z only, where it keeps slices; x and y fall off to zeros
    return matrix / matrix.sum(axis=1, keepdims=True) if renormalise else matrix


def smoothing_matrices(
    shape: tuple[int, ...],
    fwhm_mm: float | tuple[float, float, float],
    voxel_sizes: tuple[float, ...] | Floats,
    box: Box | None = None,
) -> Matrices:
    """Build the matrices that smooth volumes of one grid, for `apply_separable`.

    Parameters
    ----------
    shape : (3,) voxels along x, y and z
    fwhm_mm : full width at half maximum, one or one for each axis
    voxel_sizes : (3,) mm, norms of the affine's columns
    box : part of the grid that is wanted; all of it without

    Returns
    -------
    three matrices (n_wanted, n) for x, y and z

    Examples
    --------
    >>> box = (slice(1, 3), slice(0, 4), slice(2, 5))
    >>> [m.shape for m in smoothing_matrices((4, 4, 5), 6, (3, 3, 3), box)]
    [(2, 4), (4, 4), (3, 5)]
    """
    widths = np.broadcast_to(fwhm_mm, (3,)) / np.asarray(voxel_sizes, dtype=np.float64)
    wanted = box or (slice(None),) * 3
    x, y, z = (
        np.ascontiguousarray(smoothing_matrix(n, float(f), axis == 2)[wanted[axis]])
        for axis, (n, f) in enumerate(zip(shape, widths, strict=True))
    )
    return x, y, z


def apply_separable(matrices: Matrices, volume: NDArray[np.floating]) -> Floats:
    """Smooth one volume along x, y and z.

    Parameters
    ----------
    matrices : those of `smoothing_matrices`
    volume : (x, y, z) finite values, fast in C and in Fortran order

    Returns
    -------
    (x, y, z) of the wanted part, in the precision of the matrices

    Examples
    --------
    >>> matrices = smoothing_matrices((9, 9, 9), 6, (3, 3, 3))
    >>> impulse = np.zeros((9, 9, 9)); impulse[4, 4, 4] = 1
    >>> float(apply_separable(matrices, impulse)[4, 4, 4].round(4))
    0.0752
    """
    # NIfTI data lie in Fortran order: the transposed problem reads them without a copy
    if volume.flags.f_contiguous and not volume.flags.c_contiguous:
        return apply_separable(matrices[::-1], volume.T).T
    x, y, z = matrices
    values = np.ascontiguousarray(volume, dtype=x.dtype)
    along_x = (x @ values.reshape(len(values), -1)).reshape(len(x), *values.shape[1:])
    along_y = np.matmul(y, along_x)
    return np.asarray(along_y @ z.T)


def finite(volume: NDArray[np.generic]) -> Floats:
    """Replace NaN and infinities by 0, as SPM does before smoothing: a NaN does not spread.

    Examples
    --------
    >>> finite(np.array([1.0, np.nan, -np.inf]))
    array([1., 0., 0.])
    """
    values = np.asarray(volume, dtype=np.float64)
    # spm_conv_vol counts what is not finite as 0; a NaN would spread over the width of the kernel
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
