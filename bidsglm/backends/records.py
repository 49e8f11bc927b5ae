"""What inference and the second level give, the same from every backend."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats, Mask
from bidsglm.spm.thresholds import Thresholds

Cell = str | int | float | bool


class ClusterTable(NamedTuple):
    """The peaks of a thresholded map, one in a row, grouped by cluster."""

    columns: Mapping[str, str]
    """Name of each column -> what it holds"""
    rows: tuple[tuple[Cell, ...], ...]
    """In the order of the columns; empty where no voxel exceeds the threshold"""


class ContrastInference(NamedTuple):
    """What is significant in the map of one contrast."""

    thresholds: Thresholds
    """On the scale of the contrast's t or F"""
    table: ClusterTable
    """Of the voxels with p < 0.001, uncorrected"""
    facts: Mapping[str, object]
    """What the sidecar of the table says beside, by names in the manner of BIDS"""


class Inference(NamedTuple):
    """Inference on all contrasts of a fit."""

    fwhm_mm: tuple[float, float, float] | None
    """Smoothness of the residuals along the voxel axes; None where the package does not estimate it"""
    contrasts: tuple[ContrastInference, ...]


class GroupMaps(NamedTuple):
    """A contrast over a group; outside the mask NaN in effect and variance, 0 in stat and z, 1 in p."""

    names: tuple[str, ...]
    """Regressors: mean, then the covariates"""
    effect: Floats | None
    """(n_voxels,); None for F, as variance"""
    variance: Floats | None
    stat: Floats
    z: Floats
    p: Floats
    dof: tuple[float, ...]
    """(residual,) for t, (numerator, residual) for F"""
    mask: Mask


def voxel_volume(affine: Floats) -> float:
    """Size of a voxel in mm³, without the last digits that a determinant leaves.

    Parameters
    ----------
    affine : (4, 4) from voxels to mm

    Examples
    --------
    >>> voxel_volume(np.diag([-3.0, 3.0, 2.0, 1.0]))
    18.0
    """
    return round(float(abs(np.linalg.det(affine[:3, :3]))), 9)


def cluster_id(cluster: int, peak: int) -> str:
    """Name a peak: its cluster, and a letter from the second peak on.

    Parameters
    ----------
    cluster : from 1
    peak : from 0 within its cluster

    Examples
    --------
    >>> cluster_id(2, 0), cluster_id(2, 1)
    ('2', '2a')
    """
    return f"{cluster}{' abcdefghijklmnopqrstuvwxyz'[peak]}".rstrip()
