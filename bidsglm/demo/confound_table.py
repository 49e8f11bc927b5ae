"""The confounds of the demo's runs, named, ordered and left blank as fMRIPrep does."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bidsglm.demo import phantom
from bidsglm.model import DEFAULT_HIGH_PASS, MOTION_PARAMETERS, Floats, Mask

HEAD_RADIUS = 50.0
"""mm; turns rotations into displacements (Power et al. 2012, doi:10.1016/j.neuroimage.2011.10.018)."""
PURE = 0.9
"""Share of a tissue from which a voxel counts as that tissue."""

Descriptions = dict[str, dict[str, str]]


def confounds(
    series: NDArray[np.floating], motion: Floats, repetition_time: float
) -> tuple[pd.DataFrame, Descriptions]:
    """Table of one row per scan, and what its columns are.

    Parameters
    ----------
    series
        (n_scans, x, y, z) scans of the phantom.
    motion
        (n_scans, 6): translations in mm, rotations in rad.
    repetition_time
        Seconds.

    Returns
    -------
    tuple
        The table, in which differences to the scan before are missing in the first row, and the content of
        its sidecar.
    """
    signals = tissue_signals(series)
    table = {
        name: values for key, signal in signals.items() for name, values in _expanded(key, signal).items()
    }
    table["dvars"] = dvars(series[:, phantom.head().brain])
    table["framewise_displacement"] = framewise_displacement(motion)
    cosines = cosine_drifts(len(series), repetition_time)
    table |= {f"cosine{i:02d}": column for i, column in enumerate(cosines.T)}
    for name, parameter in zip(MOTION_PARAMETERS, motion.T, strict=True):
        table |= _expanded(name, parameter)
    return pd.DataFrame(table), {name: _description(name) for name in table}


def tissue_signals(series: NDArray[np.floating]) -> dict[str, Floats]:
    """Mean signal of CSF, white matter and brain, each (n_scans,)."""
    head = phantom.head()
    masks: dict[str, Mask] = {
        "csf": head.csf > PURE,
        "white_matter": head.white > PURE,
        "global_signal": head.brain,
    }
    return {name: series[:, mask].mean(axis=1, dtype=np.float64) for name, mask in masks.items()}


def framewise_displacement(motion: Floats) -> Floats:
    """Sum of the absolute changes of position since the scan before, mm; NaN in the first.

    >>> framewise_displacement(np.array([[0.0] * 6, [0.1, 0, 0, 0.01, 0, 0]])).round(3)
    array([nan, 0.6])
    """
    steps = np.abs(np.diff(motion, axis=0)) * ([1.0] * 3 + [HEAD_RADIUS] * 3)
    return np.concatenate([[np.nan], steps.sum(axis=1)])


def dvars(series: NDArray[np.floating]) -> Floats:
    """Root mean square over voxels of the change since the scan before; NaN in the first.

    >>> dvars(np.array([[1.0, 2.0], [4.0, 6.0]])).round(4)
    array([   nan, 3.5355])
    """
    change = np.diff(series, axis=0)
    return np.concatenate([[np.nan], np.sqrt((change**2).mean(axis=1, dtype=np.float64))])


def cosine_drifts(n_scans: int, repetition_time: float) -> Floats:
    """Discrete cosines of periods down to 128 s, (n_scans, n_cosines).

    >>> cosine_drifts(110, 2.0).shape
    (110, 3)
    """
    n_cosines = int(2 * n_scans * repetition_time / DEFAULT_HIGH_PASS)
    middle = np.arange(n_scans)[:, None] + 0.5
    return np.asarray(np.sqrt(2 / n_scans) * np.cos(np.pi / n_scans * middle * np.arange(1, n_cosines + 1)))


def _expanded(name: str, signal: Floats) -> dict[str, Floats]:
    """Signal, its change since the scan before (NaN in the first), and the squares of both."""
    change = np.concatenate([[np.nan], np.diff(signal)])
    return {
        name: signal,
        f"{name}_derivative1": change,
        f"{name}_power2": signal**2,
        f"{name}_derivative1_power2": change**2,
    }


def _description(name: str) -> dict[str, str]:
    """Meaning of a column, from the parts of its name."""
    meanings = {
        "csf": "Mean signal of the cerebrospinal fluid",
        "white_matter": "Mean signal of the white matter",
        "global_signal": "Mean signal of the brain",
        "dvars": "Root mean square over the brain of the change since the scan before",
        "framewise_displacement": "Sum of the absolute changes of head position since the scan before, mm",
        "cosine": "Discrete cosine, a slow drift",
        "trans": "Translation of the head, mm",
        "rot": "Rotation of the head, rad",
    }
    meaning = next(text for start, text in meanings.items() if name.startswith(start))
    change = ", change since the scan before" if "_derivative1" in name else ""
    return {"Description": meaning + change + (", squared" if name.endswith("_power2") else "")}
