"""A smoothed volume, and what SPM12 writes of it into a file of the input's type."""

import numpy as np

from bidsglm.spm.smoothing import apply_separable, finite, smoothing_matrices


def smooth(volume, fwhm_mm, voxel_sizes) -> np.ndarray:
    """Smooth header-scaled values (x, y, z), before any rounding to a file's data type."""
    return apply_separable(smoothing_matrices(np.shape(volume), fwhm_mm, voxel_sizes), finite(volume))


def stored_values(smoothed, dtype, slope: float, intercept: float) -> np.ndarray:
    """Values of a file of the input's type and scaling; integers are rounded and clipped to their range."""
    kind = np.dtype(dtype)
    raw = (smoothed - intercept) / slope
    if kind.kind == "f":
        return raw.astype(kind)
    limits = np.iinfo(kind)
    return np.clip(np.floor(raw + 0.5), limits.min, limits.max).astype(kind)


def implicitly_masked(smoothed, volume, dtype) -> np.ndarray:
    """Put back what SPM's implicit masking keeps: NaN in float files, zeros in integer ones."""
    if np.dtype(dtype).kind == "f":
        return np.where(np.isnan(np.asarray(volume, dtype=np.float64)), np.nan, smoothed)
    return np.where(volume == 0, 0.0, smoothed)
