"""p values of peaks and clusters in a statistic field (``spm_ECdensity``, ``spm_P_RF``, ``spm_P``).

The expected Euler characteristic of the field above u, Ec = Σ_i R_i d_i(u) with R the resels of the search
volume and d the densities of the field, stands for the number of clusters above u; peaks and clusters are
counted as a Poisson process of that mean. For a single peak SPM takes the smaller of this probability and
Bonferroni's.

Source: SPM12 r7771; Worsley et al. (1996), Human Brain Mapping 4:58-73; Friston et al. (1994), Human Brain
Mapping 1:210-220.

Notes
-----
SPM computes upper tails as 1 - cdf, so its p values carry an absolute error of 1e-16; here small ones are
accurate. Where SPM's λ underflows to 0 and gives NaN, the probability here is 0.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from bidsglm.model import Floats

FOUR_LN_2 = 4 * float(np.log(2))
"""Squared width at half maximum of a Gaussian over its variance, halved: what turns roughness into resels."""
DENSITY_FLOOR = float(np.finfo(np.float64).eps)
"""SPM keeps every density above this in its probabilities."""

Statistic = Literal["t", "F"]


class Field(NamedTuple):
    """The kind of statistic in a map."""

    statistic: Statistic
    dof: tuple[float, ...]
    """(residual,) for t, (numerator, residual) for F"""


class SearchVolume(NamedTuple):
    """What random field theory knows of a mask."""

    n_voxels: int
    resels: tuple[float, ...]
    """R0 … R3"""
    fwhm_voxels: tuple[float, float, float]

    @property
    def resels_per_voxel(self) -> float:
        """Mean over the volume; an axis of one voxel has a width of 1 and does not count.

        >>> SearchVolume(8, (1.0, 1.5, 0.75, 0.125), (2.0, 2.0, 2.0)).resels_per_voxel
        0.125
        """
        return float(1 / np.prod(self.fwhm_voxels))


class Probability(NamedTuple):
    """Probability of clusters in a field."""

    corrected: Floats
    """At least c clusters of at least k resels in the search volume."""
    uncorrected: Floats
    """At least k resels in one cluster."""


def upper_tail(field: Field, height: ArrayLike) -> Floats:
    """Probability that one voxel exceeds a height, the density of dimension 0.

    Examples
    --------
    >>> upper_tail(Field("t", (20.0,)), [0.0, 2.0]).round(4)
    array([0.5   , 0.0296])
    """
    u = np.asarray(height, dtype=np.float64)
    if field.statistic == "t":
        return np.asarray(scipy.special.stdtr(field.dof[0], -u))
    return np.asarray(scipy.special.fdtrc(*field.dof, np.maximum(u, 0)))


def ec_densities(field: Field, height: ArrayLike) -> Floats:
    """Euler characteristic densities per resel, of dimension 0 to 3.

    Parameters
    ----------
    height : (...) thresholds

    Returns
    -------
    (4, ...)

    Examples
    --------
    >>> ec_densities(Field("t", (20.0,)), 3.1).round(5)
    array([0.00282, 0.00637, 0.01296, 0.02286])
    """
    u = np.asarray(height, dtype=np.float64)
    densities: Callable[..., tuple[Floats, ...]] = _t_densities if field.statistic == "t" else _f_densities
    return np.stack([upper_tail(field, u), *densities(u, *field.dof)])


def _t_densities(t: Floats, dof: float) -> tuple[Floats, ...]:
    """Dimension 1 to 3 for Student's t."""
    # K. Worsley et al. (1996), table II, Student's t; resels in place of roughness bring in 4 ln 2
    bell = (1 + t**2 / dof) ** ((1 - dof) / 2)
    # logarithms, as gamma functions overflow above 340 degrees of freedom
    ratio = np.exp(scipy.special.gammaln((dof + 1) / 2) - scipy.special.gammaln(dof / 2))
    return (
        FOUR_LN_2**0.5 / (2 * np.pi) * bell,
        FOUR_LN_2 / (2 * np.pi) ** 1.5 * bell * ratio * t / np.sqrt(dof / 2),
        FOUR_LN_2**1.5 / (2 * np.pi) ** 2 * bell * ((dof - 1) * t**2 / dof - 1),
    )


def _f_densities(f: Floats, k: float, v: float) -> tuple[Floats, ...]:
    """Dimension 1 to 3 for F with k and v degrees of freedom; 0 where k + v ≤ dimension defines none."""
    scale = FOUR_LN_2 / (2 * np.pi)
    # table II, F, in x = k f / v; just above 0, where the powers of small k have their pole
    x = k * np.maximum(f, np.finfo(np.float64).tiny) / v
    log_beta = scipy.special.gammaln(v / 2) + scipy.special.gammaln(k / 2)
    tail = (1 + x) ** (-(v + k - 2) / 2)
    first, second, third = (
        np.exp(scipy.special.gammaln((v + k - i) / 2) - log_beta) * x ** ((k - i) / 2)
        if v + k > i
        else np.zeros_like(x)
        for i in (1, 2, 3)
    )
    # the polynomial of dimension 3, which for small v rises again with height
    cubic = (v - 1) * (v - 2) * x**2 - (2 * v * k - v - k - 1) * x + (k - 1) * (k - 2)
    return (
        scale**0.5 * first * np.sqrt(2) * tail,
        scale * second * tail * ((v - 1) * x - (k - 1)),
        scale**1.5 * third / np.sqrt(2) * tail * cubic,
    )


def expectation(field: Field, resels: tuple[float, ...], height: ArrayLike) -> tuple[Floats, Floats]:
    """Return the expected number of clusters (or maxima) above a height, and of the resels of one of them.

    The size comes from the term of the highest dimension alone, as in SPM.

    Parameters
    ----------
    resels : R0 … R3 of the search volume; trailing zeros lower its dimension
    height : (...) thresholds

    Examples
    --------
    >>> clusters, resels = expectation(Field("t", (20.0,)), (1, 9.5, 40, 120), 3.1)
    >>> round(float(clusters), 6), round(float(resels), 6)
    (3.325531, 0.123445)
    """
    counts = _dimensioned(resels)
    # spm_P_RF floors every density, those that are negative low in the field among them
    densities = np.maximum(ec_densities(field, height)[: len(counts)], DENSITY_FLOOR)
    maxima = counts.reshape((-1,) + (1,) * np.ndim(height)) * densities
    # EN / EM_d: the expected volume above the height over the highest term of the expected number
    return np.asarray(maxima.sum(axis=0)), np.asarray(densities[0] * counts[-1] / maxima[-1])


def _dimensioned(resels: tuple[float, ...]) -> Floats:
    """R0 up to the last that is not zero."""
    counts = np.asarray(resels, dtype=np.float64)
    return counts[: max(1, int(np.max(np.flatnonzero(counts), initial=0)) + 1)]


def cluster_probability(
    field: Field, resels: tuple[float, ...], height: ArrayLike, size: ArrayLike = 0.0, n_clusters: int = 1
) -> Probability:
    """Probability of at least so many clusters of at least some size above a height.

    Parameters
    ----------
    resels : R0 … R3 of the search volume
    height : (...) threshold that forms the clusters
    size : (...) resels; 0 for peaks
    n_clusters : 1 for a peak or one cluster

    Examples
    --------
    >>> p = cluster_probability(Field("t", (20.0,)), (1, 9.5, 40, 120), 3.1, 1.0)
    >>> round(float(p.corrected), 6), round(float(p.uncorrected), 6)
    (0.025034, 0.007624)
    """
    clusters, cluster_resels = expectation(field, resels, height)
    dimension = len(_dimensioned(resels)) - 1
    k = np.asarray(size, dtype=np.float64)
    # K. Friston et al. (1994), equation for P(n > k): sizes to the power 2/d are exponential
    if dimension:
        beta = (scipy.special.gamma(dimension / 2 + 1) / cluster_resels) ** (2 / dimension)
        uncorrected = np.exp(-beta * k ** (2 / dimension))
    else:
        uncorrected = np.ones(np.broadcast_shapes(k.shape, clusters.shape))
    # clusters of at least k come as a Poisson process too, thinned by the probability of their size
    rate = np.maximum((clusters + DENSITY_FLOOR) * uncorrected, 0)
    return Probability(np.asarray(scipy.special.pdtrc(n_clusters - 1, rate)), np.asarray(uncorrected))


def peak_p(field: Field, search: SearchVolume, height: ArrayLike) -> Floats:
    """Family-wise p value of a peak: the smaller of random field theory's and Bonferroni's.

    Where the resels are unknown (NaN), it is Bonferroni's.

    Examples
    --------
    >>> search = SearchVolume(5000, (1, 9.5, 40, 120), (3.0, 3.0, 3.0))
    >>> peak_p(Field("t", (20.0,)), search, [4.2, 5.5]).round(5)
    array([0.4634 , 0.05506])
    """
    random_field = cluster_probability(field, search.resels, height).corrected
    # fmin passes over NaN: without an estimate of smoothness Bonferroni's is left
    return np.fmin(random_field, np.minimum(1, search.n_voxels * upper_tail(field, height)))
