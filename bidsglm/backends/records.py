"""What a fit, its inference and a second level give, the same from every backend."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import ContrastMaps, GroupDesign
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.outputs.columns import Cell
from bidsglm.outputs.group_form import VarianceForm
from bidsglm.spm.contrasts import placed
from bidsglm.spm.thresholds import Thresholds

ALPHA = 0.05
"""Error of a corrected test."""
FORMING_P = 0.001
"""Uncorrected p of the voxels that form clusters."""


@dataclass(frozen=True)
class Estimate:
    """A package's fit of all runs: what the rest of the program reads of it."""

    mask: Mask
    """(n_voxels,) those that have a result"""
    betas: tuple[NDArray[Any], ...]
    """(n_regressors, n_voxels) of every run, NaN outside the mask"""
    residual_mean_square: Floats
    """(n_voxels,) NaN outside the mask; where runs are fitted apart, their mean by degrees of freedom"""
    dof: float
    """Residual degrees of freedom of all runs"""
    noise: Mapping[str, object]
    """Facts about the noise model for the report"""
    noise_maps: Mapping[str, Floats] = field(default_factory=dict, kw_only=True)
    """Label in names of files -> (n_voxels,) a parameter of each voxel's noise, NaN outside the mask"""


def spread(values: Floats, mask: Mask, outside: float) -> Floats:
    """Values of the voxels of a mask over all voxels, (n_voxels,).

    >>> spread(np.array([2.0]), np.array([False, True]), 1.0).tolist()
    [1.0, 2.0]
    """
    whole = np.full(mask.size, outside)
    whole[mask] = values
    return whole


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


VOXEL_RULES: Mapping[str, str] = {
    "voxelFWE": "Bonferroni over the voxels",
    "voxelFDR": "Benjamini-Hochberg over the voxels",
}
"""Corrections of packages that know no random field, and how they do it"""


def corrections(
    test: str,
    two_sided: bool,
    rules: Mapping[str, str],
    of_tail: Callable[[TestedTail], Mapping[str, tuple[Floats, Mask]]],
) -> tuple[Corrected, ...]:
    """Correct the map of a contrast by several rules.

    Parameters
    ----------
    test
        t or F
    two_sided
        Whether each tail has half of the error.
    rules
        Name of each correction, and how the package does it.
    of_tail
        For a tail, by the names of the rules: values over all voxels, and which are significant.
    """
    found = {tail: of_tail(tail) for tail in tails(test, two_sided)}
    return tuple(
        Corrected.of(name, rule, {tail: each[name] for tail, each in found.items()})
        for name, rule in rules.items()
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
