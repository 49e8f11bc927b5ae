"""Height thresholds of a statistic map (``spm_u``, ``spm_uc``, ``spm_uc_RF``, ``spm_uc_FDR``).

A voxel survives a threshold that it exceeds. The family-wise threshold is the lower of the height u at which
1 - exp(-Ec(u)) = p, Ec the expected number of maxima above u, and Bonferroni's.

Source: SPM12 r7771; Worsley et al. (1996), Human Brain Mapping 4:58-73; Genovese et al. (2002),
NeuroImage 15:870-878.

Notes
-----
SPM inverts distributions by bisection to about 1e-8; here they are accurate.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bidsglm.model import Floats
from bidsglm.spm.random_field import Field, SearchVolume, cluster_probability, upper_tail

SMALLEST_HEIGHT = 0.1
"""The Euler characteristic stands for a probability only far above the mean of the field."""
CLEAR = 2
"""Times a rate: p so much larger is larger whatever the rounding"""
FEWEST_DOF = 3
"""With so few residual degrees of freedom the density of dimension 3 does not fall with height."""
LARGEST_HEIGHT = 1e12
"""Beyond any threshold of use; Bonferroni's is lower."""


class Thresholds(NamedTuple):
    """Voxel-wise thresholds of a map, as reports and agreement use them."""

    p001: float
    """p < 0.001, uncorrected."""
    fwe05: float
    """p < 0.05 over the search volume."""
    fdr05: float
    """Voxel-wise false discovery rate 0.05; infinite where nothing survives."""


def uncorrected_threshold(field: Field, alpha: float) -> float:
    """Height that one voxel exceeds with a probability.

    Examples
    --------
    >>> round(uncorrected_threshold(Field("t", (10.0,)), 0.001), 6)
    4.1437
    """
    if field.statistic == "t":
        return float(scipy.stats.t.isf(alpha, *field.dof))
    return float(scipy.stats.f.isf(alpha, *field.dof))


def random_field_threshold(field: Field, resels: tuple[float, ...], alpha: float = 0.05) -> float:
    """Height that any peak of the search volume exceeds with a probability.

    Returns
    -------
    the largest such height; infinity where the theory finds none: in a mask that is mostly holes, or with
    at most three residual degrees of freedom

    Examples
    --------
    >>> round(random_field_threshold(Field("t", (20.0,)), (1, 9.5, 40, 120)), 6)
    5.663844
    """

    def excess(u: float) -> float:
        return float(cluster_probability(field, resels, u).corrected) - alpha

    if field.dof[-1] <= FEWEST_DOF:
        return float("inf")
    # SPM's start: as if the largest resel count were so many independent points
    high = max(SMALLEST_HEIGHT, uncorrected_threshold(field, alpha / max(1.0, *resels)))
    # widen to a bracket, since Newton's steps of spm_uc_RF can leave the range of validity
    while excess(high) >= 0 and high < LARGEST_HEIGHT:
        high *= 1.5
    low = high
    # from above, so that the largest root is taken: Ec is no probability low in the field
    while excess(low) < 0 and low > SMALLEST_HEIGHT:
        low *= 0.9
    if low == high or low <= SMALLEST_HEIGHT:
        return float("inf")
    return float(scipy.optimize.brentq(excess, low, high, xtol=1e-14, rtol=1e-14))


def bonferroni_threshold(field: Field, n_voxels: int, alpha: float = 0.05) -> float:
    """Height that any of so many independent voxels exceeds with at most a probability.

    Examples
    --------
    >>> round(bonferroni_threshold(Field("t", (20.0,)), 5000), 5)
    5.54284
    """
    return uncorrected_threshold(field, alpha / n_voxels)


def fwe_threshold(field: Field, search: SearchVolume, alpha: float = 0.05) -> float:
    """SPM's family-wise threshold: the lower of random field theory's and Bonferroni's.

    Examples
    --------
    >>> search = SearchVolume(5000, (1, 9.5, 40, 120), (3.0, 3.0, 3.0))
    >>> round(fwe_threshold(Field("t", (20.0,)), search), 5)
    5.54284
    """
    return min(
        random_field_threshold(field, search.resels, alpha),
        bonferroni_threshold(field, search.n_voxels, alpha),
    )


def fdr_threshold(field: Field, values: NDArray[np.floating], rate: float = 0.05) -> float:
    """Voxel-wise false discovery rate: the smallest value that is kept (Benjamini and Hochberg 1995).

    Parameters
    ----------
    values : map in any shape; NaN and 0 are outside the mask
    rate : share of false ones among the voxels at or above the threshold

    Returns
    -------
    threshold, infinity where no voxel survives

    Examples
    --------
    >>> fdr_threshold(Field("t", (1e7,)), np.array([0.0, 1.0, 4.0, 3.0, 0.5]))
    3.0
    """
    # SPM's statistic images are 0 outside the mask, so that a value of 0 is no voxel
    inside = np.asarray(values, dtype=np.float64)[np.isfinite(values) & (values != 0)]
    # no q is below its p: voxels whose p exceeds the rate are kept by none, and only count
    far = inside > uncorrected_threshold(field, min(CLEAR * rate, 1.0))
    p = np.ones(inside.size)
    p[far] = upper_tail(field, inside[far])
    kept = inside[false_discovery_rates(p) <= rate]
    return float(kept.min(initial=np.inf))


def false_discovery_rates(p: ArrayLike) -> Floats:
    """Benjamini and Hochberg's q of each p value: the smallest rate at which it is kept.

    Examples
    --------
    >>> false_discovery_rates([0.04, 0.01, 0.03])
    array([0.04, 0.03, 0.04])
    """
    # the p of topological inference are ratios of expected numbers, which may leave 0 to 1
    values = np.clip(np.asarray(p, dtype=np.float64), 0, 1)
    if np.isnan(values).any():
        # resels that could not be estimated leave no p of any cluster
        return np.full_like(values, np.nan)
    return np.asarray(scipy.stats.false_discovery_control(values))


def thresholds(
    field: Field, search: SearchVolume, values: NDArray[np.floating], share: float = 1.0
) -> Thresholds:
    """Return the thresholds of one map.

    Parameters
    ----------
    values : map in any shape; NaN and 0 are outside the mask
    share : of the error that the upper tail may make, a half where both tails are one test

    Examples
    --------
    >>> search = SearchVolume(4, (1, 0, 0, 0), (1.0, 1.0, 1.0))
    >>> thresholds(Field("t", (1e7,)), search, np.array([0.0, 1.0, 4.0, 3.0, 0.5]))._asdict()["fdr05"]
    3.0
    """
    return Thresholds(
        uncorrected_threshold(field, 0.001 * share),
        fwe_threshold(field, search, 0.05 * share),
        fdr_threshold(field, values, 0.05 * share),
    )
