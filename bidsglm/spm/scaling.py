"""Globals, grand-mean scaling and masking thresholds: SPM12's ``spm_global`` and ``spm_fmri_spm_ui``.

The global of a volume is the mean of its voxels above an eighth of its mean. A run is scaled by
``100 / mean(global)``, or each volume by ``100 / global``, so that data are in per cent.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats

BRAIN_SHARE = 1 / 8
"""Share of a volume's mean above which a voxel counts as brain."""
GRAND_MEAN = 100.0


def global_mean(volume: NDArray[np.generic], slope: float = 1.0, intercept: float = 0.0) -> float:
    """Mean of the voxels that are greater than an eighth of the volume's mean.

    Parameters
    ----------
    volume
        The whole volume as stored, of any shape; voxels that are not finite are left out.
    slope, intercept
        The header's: values are slope stored + intercept.

    Returns
    -------
    NaN if no voxel is finite or none above the eighth

    >>> global_mean(np.array([0.0, 0.0, 8.0, 12.0]))
    10.0
    """
    # in the order of memory: the sum does not care, and a copy is spared
    values = volume.ravel(order="K").astype(np.float64)
    if (slope, intercept) != (1.0, 0.0):
        values *= slope
        values += intercept
    total = values.sum()
    # a finite sum has finite terms, so that most volumes are looked at once
    if not np.isfinite(total):
        values = values[np.isfinite(values)]
        total = values.sum()
    brain = values > total / max(values.size, 1) * BRAIN_SHARE
    n_brain = np.count_nonzero(brain)
    return float(values @ brain.astype(np.float64) / n_brain) if n_brain else float("nan")


def scale_factors(global_means: Floats, normalization: Literal["None", "Scaling"]) -> Floats:
    """Factors that bring a run's mean global, or every global, to 100.

    Parameters
    ----------
    global_means
        (n_scans,) of one run
    normalization
        None: one factor for the run; Scaling: one for each volume.

    Returns
    -------
    (n_scans,)

    Raises
    ------
    ValueError
        A global is not a positive number, so that nothing can be scaled by it.

    >>> scale_factors(np.array([50.0, 200.0]), "None").tolist()
    [0.8, 0.8]
    >>> scale_factors(np.array([50.0, 200.0]), "Scaling").tolist()
    [2.0, 0.5]
    """
    # without 'Scaling' one factor for the run: single scans keep their global changes
    level = global_means if normalization == "Scaling" else np.full_like(global_means, global_means.mean())
    if not np.all(level > 0):
        volume = int(np.argmin(global_means > 0)) + 1
        raise ValueError(f"the mean of the brain voxels of volume {volume} is not a positive number")
    return np.asarray(GRAND_MEAN / level)


def thresholds(global_means: Floats, factors: Floats, mask_threshold: float) -> Floats:
    """Scaled value that a voxel must exceed in each scan to stay in the mask.

    Parameters
    ----------
    global_means, factors
        (n_scans,) of one run
    mask_threshold
        Share of the global; -inf for no threshold.

    Returns
    -------
    (n_scans,)

    >>> thresholds(np.array([50.0, 200.0]), np.array([0.8, 0.8]), 0.5).tolist()
    [20.0, 80.0]
    """
    return np.asarray(global_means * factors * mask_threshold)


def within_mask(runs: list[Floats], limits: list[Floats]) -> NDArray[np.bool_]:
    """Voxels above the threshold in every scan, finite and not constant over all scans.

    Parameters
    ----------
    runs
        Scaled data (n_scans, n_voxels) of every run.
    limits
        Thresholds (n_scans,) of every run.

    Returns
    -------
    (n_voxels,)

    >>> Y = np.array([[2.0, 2.0, 0.0], [3.0, 2.0, 5.0]])
    >>> within_mask([Y], [np.array([1.0, 1.0])]).tolist()
    [True, False, False]
    """
    inside = np.ones(runs[0].shape[1], dtype=bool)
    for Y, limit in zip(runs, limits, strict=True):
        # NaN is greater than nothing, and so leaves the mask
        inside &= np.greater(Y, limit[:, None]).all(axis=0)
        # NaN exceeds nothing, an infinite value everything: it would cost the map its smoothness.
        with np.errstate(over="ignore", invalid="ignore"):
            inside &= np.isfinite(Y.sum(axis=0))
    return inside & _varies(runs, inside)


def _varies(runs: list[Floats], candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Two scans settle nearly all voxels; only the others are looked at in full."""
    first = runs[0][0]
    varies = np.asarray(runs[-1][-1] != first)
    doubtful = np.flatnonzero(candidates & ~varies)
    for Y in runs:
        varies[doubtful] |= (Y[:, doubtful] != first[doubtful]).any(axis=0)
    return varies
