"""How each package smooths a volume, in memory.

Both kernels are separable, so a volume is smoothed by three matrix products. SPM's global needs the whole
smoothed volume; nilearn's is computed only in the box around the mask.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from bidsglm.dataset.nifti import Header, fortran_positions
from bidsglm.model import Floats, Volume
from bidsglm.spm.smoothing import FWHM_PER_SIGMA, Box, apply_separable, finite, smoothing_matrices

Volume32 = NDArray[np.float32]


class SpmSmoother:
    """SPM's smoother for the volumes of one grid."""

    def __init__(self, shape: tuple[int, int, int], affine: Floats, fwhm: float) -> None:
        self.matrices = smoothing_matrices(shape, fwhm, voxel_sizes(affine))

    def smoothed(self, stored: NDArray[np.generic], header: Header) -> Volume32:
        """Smooth one volume.

        Parameters
        ----------
        stored : (x, y, z)
        header : of its file

        Returns
        -------
        (x, y, z) header-scaled, rounded as in SPM's file
        """
        values = header.scaled(stored)
        if stored.dtype.kind == "f":
            values = finite(values)
        return apply_separable(self.matrices, values).astype(np.float32)


class NilearnSmoother:
    """nilearn's smoother for the columns of one grid."""

    def __init__(self, volume: Volume, fwhm: float) -> None:
        box = bounding_box(volume.voxels)
        x, y, z = (
            gaussian_matrix(n, fwhm / size / FWHM_PER_SIGMA)[part].astype(np.float32)
            for n, size, part in zip(volume.shape, voxel_sizes(volume.affine), box, strict=True)
        )
        self.matrices = x, y, z
        self.positions = fortran_positions(volume.voxels[box])

    def columns(self, stored: NDArray[np.generic], header: Header) -> Volume32:
        """Smooth one volume at the columns' voxels.

        Parameters
        ----------
        stored : (x, y, z)
        header : of its file

        Returns
        -------
        (n_voxels,) not yet header-scaled, which makes no difference: the kernel keeps constants
        """
        values = stored.astype(np.float32)
        if stored.dtype.kind == "f":
            # nilearn sets what is not finite to 0 after scaling.
            values[~np.isfinite(values)] = -header.intercept / header.slope
        smoothed = apply_separable(self.matrices, values)  # type: ignore[arg-type]
        return smoothed.ravel(order="F")[self.positions].astype(np.float32, copy=False)


def gaussian_matrix(n: int, sigma: float) -> Floats:
    """Matrix of nilearn's Gaussian filter: sampled, cut at 4 sigma, the profile mirrored at its ends.

    Parameters
    ----------
    n : number of voxels along the axis
    sigma : standard deviation (voxels)

    Returns
    -------
    (n, n) matrix, its rows of sum 1

    Examples
    --------
    >>> gaussian_matrix(3, 0.5).round(3)
    array([[0.893, 0.107, 0.   ],
           [0.107, 0.787, 0.107],
           [0.   , 0.107, 0.893]])
    """
    return np.asarray(gaussian_filter1d(np.eye(n), sigma, axis=0))


def voxel_sizes(affine: Floats) -> Floats:
    """Edges of a voxel, (3,) mm.

    Examples
    --------
    >>> voxel_sizes(np.diag([-2.0, 2.0, 3.0, 1.0]))
    array([2., 2., 3.])
    """
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0))


def bounding_box(voxels: NDArray[np.bool_]) -> Box:
    """Smallest box around the voxels of a mask.

    Examples
    --------
    >>> bounding_box(np.arange(8).reshape(2, 2, 2) >= 6)
    (slice(1, 2, None), slice(1, 2, None), slice(0, 2, None))
    """
    indices = (np.flatnonzero(voxels.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    x, y, z = (slice(int(i[0]), int(i[-1]) + 1) for i in indices)
    return x, y, z
