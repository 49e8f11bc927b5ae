"""What inference and the second level give, the same from every backend."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from bidsglm.data import ContrastMaps, GroupDesign
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.outputs.schema import Cell
from bidsglm.outputs.summary_form import VarianceForm
from bidsglm.spm.contrasts import placed
from bidsglm.spm.thresholds import Thresholds

ALPHA = 0.05
"""Error of a corrected test."""
FORMING_P = 0.001
"""Uncorrected p of the voxels that form clusters."""


class ContrastInference(NamedTuple):
    """What is significant in the map of one contrast."""

    thresholds: Thresholds
    """On the scale of the contrast's t or F"""
    clusters: tuple[Mapping[str, Cell], ...]
    """Peaks of the voxels with p < 0.001, uncorrected, grouped by cluster; columns of the package's schema"""
    facts: Mapping[str, object]
    """What the sidecar of the table says beside, by names in the manner of BIDS"""


class Inference(NamedTuple):
    """Inference on all contrasts of a fit."""

    fwhm_mm: tuple[float, float, float] | None
    """Smoothness of the residuals along the voxel axes; None where the package does not estimate it"""
    contrasts: tuple[ContrastInference, ...]


class TestedTail(NamedTuple):
    """One end of a statistic's distribution."""

    name: Literal["upper", "lower"]
    sign: int
    """1 or -1"""
    share: float
    """Part of the error that it may make"""


def tails(test: str, two_sided: bool) -> tuple[TestedTail, ...]:
    """Return the tails of a statistic; F has one.

    >>> [tail.name for tail in tails("t", False)], tails("F", True)[0].share
    (['upper', 'lower'], 1.0)
    """
    if test == "F":
        return (TestedTail("upper", 1, 1.0),)
    share = 0.5 if two_sided else 1.0
    return TestedTail("upper", 1, share), TestedTail("lower", -1, share)


class Corrected(NamedTuple):
    """What survives a correction in the map of a contrast."""

    inference: str
    """voxelFWE, voxelFDR, clusterExtent, permutationVoxel, permutationMass or permutationTFCE"""
    rule: str
    """How the package does it"""
    values: Mapping[str, Floats]
    """Tail -> (n_voxels,) corrected p, or what stands in its place"""
    significant: Mapping[str, Mask]
    """Tail -> (n_voxels,)"""

    @classmethod
    def of(cls, inference: str, rule: str, found: Mapping[TestedTail, tuple[Floats, Mask]]) -> "Corrected":
        """Make one of each tail's values and voxels."""
        return cls(
            inference,
            rule,
            {tail.name: values for tail, (values, _) in found.items()},
            {tail.name: voxels for tail, (_, voxels) in found.items()},
        )


EQUAL_VARIANCES: VarianceForm = {"VarianceModel": "equal"}
"""One variance for all participants"""


class SecondLevel(NamedTuple):
    """Contrasts over a group, and what is significant in them."""

    mask: Mask
    """(n_voxels,)"""
    maps: tuple[ContrastMaps, ...]
    """One for each contrast; of no runs"""
    inference: Inference
    variance: VarianceForm = EQUAL_VARIANCES
    """What the sidecars say of the errors' variances, by names in the manner of BIDS"""


def contrast_weights(contrast: ContrastSpecification, design: GroupDesign) -> Floats:
    """Weights over all columns of a group's design: (n_regressors,) for t, (n_rows, n_regressors) for F.

    Examples
    --------
    >>> design = GroupDesign(("mean", "age"), np.ones((3, 2)))
    >>> contrast_weights(ContrastSpecification("age", "age", ("age",), np.ones((1, 1))), design)
    array([0., 1.])
    """
    rows = placed(contrast.weights, contrast.conditions, design.names)
    return rows[0] if contrast.test == "t" else rows


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
