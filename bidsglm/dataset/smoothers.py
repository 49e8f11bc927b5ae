"""How each package smooths a volume, in memory.

SPM's kernel is applied by three matrix products, to the whole volume, whose global is needed. nilearn's is
scipy's filter itself: in float32 any other order of the sums moves t by some 1e-5.
"""

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.data import Volume
from bidsglm.dataset.nifti import Header
from bidsglm.dataset.nifti_writing import fortran_positions
from bidsglm.model import Floats
from bidsglm.spm.smoothing import FWHM_PER_SIGMA, Box, apply_separable, finite, smoothing_matrices

Volume32 = NDArray[np.float32]

TRUNCATE = 4.0
"""Standard deviations at which scipy, and so nilearn, cuts the Gaussian."""


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
    """nilearn's smoother for the columns of one grid: the filter that it calls, in its precision.

    Only the box around the mask is filtered, and what reaches into it.
    """

    def __init__(self, volume: Volume, fwhm: float) -> None:
        self.sigmas = tuple(fwhm / (FWHM_PER_SIGMA * size) for size in voxel_sizes(volume.affine).tolist())
        self.region = grown(bounding_box(volume.voxels), [reach(sigma) for sigma in self.sigmas])
        self.positions = fortran_positions(volume.voxels[self.region])

    def columns(self, stored: NDArray[np.generic], header: Header) -> NDArray[np.floating]:
        """Smooth one volume at the columns' voxels.

        Parameters
        ----------
        stored : (x, y, z)
        header : of its file

        Returns
        -------
        (n_voxels,) header-scaled, in `nilearn_precision`
        """
        part = stored[self.region]
        scaled = header.scaled(part) if header.is_scaled else part
        values: NDArray[np.floating] = scaled.astype(nilearn_precision(header), order="F")
        values[~np.isfinite(values)] = 0
        for axis, sigma in enumerate(self.sigmas):
            scipy.ndimage.gaussian_filter1d(values, sigma, axis=axis, output=values, truncate=TRUNCATE)
        return np.asarray(values.ravel(order="F")[self.positions])


def nilearn_precision(header: Header) -> np.dtype[np.floating]:
    """Precision in which nilearn smooths the values of a file.

    >>> from pathlib import Path
    >>> plain = Header(Path("a.nii"), (1, 1, 1), np.eye(4), np.dtype(np.int16), 352, 1.0, 0.0)
    >>> nilearn_precision(plain), nilearn_precision(plain._replace(slope=0.5))
    (dtype('float32'), dtype('float64'))
    """
    kind, size = header.dtype.kind, header.dtype.itemsize
    single = not header.is_scaled and size < 8
    return np.dtype(np.float32) if single and (kind in "iu" or size == 4) else np.dtype(np.float64)


def reach(sigma: float) -> int:
    """Voxels on each side that a Gaussian of this many voxels takes in, by scipy's rule.

    >>> reach(1.27)
    5
    """
    return int(TRUNCATE * sigma + 0.5)


def grown(box: Box, margins: Sequence[int]) -> Box:
    """A box with so many voxels more on each side, as far as there are any.

    >>> grown((slice(1, 3), slice(4, 5), slice(0, 2)), [2, 1, 0])
    (slice(0, 5, None), slice(3, 6, None), slice(0, 2, None))
    """
    x, y, z = (
        slice(max(part.start - margin, 0), part.stop + margin)
        for part, margin in zip(box, margins, strict=True)
    )
    return x, y, z


def voxel_sizes(affine: Floats) -> Floats:
    """Edges of a voxel, (3,) mm.

    >>> voxel_sizes(np.diag([-2.0, 2.0, 3.0, 1.0]))
    array([2., 2., 3.])
    """
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0))


def bounding_box(voxels: NDArray[np.bool_]) -> Box:
    """Smallest box around the voxels of a mask.

    >>> bounding_box(np.arange(8).reshape(2, 2, 2) >= 6)
    (slice(1, 2, None), slice(1, 2, None), slice(0, 2, None))
    """
    indices = (np.flatnonzero(voxels.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    x, y, z = (slice(int(i[0]), int(i[-1]) + 1) for i in indices)
    return x, y, z
