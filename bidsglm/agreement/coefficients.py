"""Coefficients of agreement between two vectors, and overlap of two sets.

Lin (1989, Biometrics 45: 255-268), Bland & Altman (1986, Lancet 327: 307-310), Benjamini & Hochberg
(1995, Journal of the Royal Statistical Society B 57: 289-300), Bowring, Maumet & Nichols (2019, Human
Brain Mapping 40: 3362-3384). What is undefined is NaN, never an exception.
"""

from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats, Mask

MIN_VOXELS = 3
"""Through two points every line fits."""
LIMITS_OF_AGREEMENT = 1.96
"""Standard deviations about the mean that hold 95 % of normal differences."""
FALSE_DISCOVERY_RATE = 0.05


class FittedLine(NamedTuple):
    """y = intercept + slope x."""

    slope: float
    intercept: float


class Limits(NamedTuple):
    """Bland and Altman's mean difference and 95 % limits of agreement."""

    mean_difference: float
    lower: float
    upper: float


class MapOverlap(NamedTuple):
    """Two sets of suprathreshold voxels."""

    dice: float
    jaccard: float
    dark_first: float
    """Share of the first set outside the mask of the other"""
    dark_reference: float
    n_first: int
    n_reference: int


def ratio(numerator: float, denominator: float) -> float:
    """Quotient of two numbers, NaN by 0."""
    return float(numerator / denominator) if denominator else float("nan")


def _is_degenerate(x: Floats, y: Floats) -> bool:
    return len(x) < MIN_VOXELS or bool(np.ptp(x) == 0) or bool(np.ptp(y) == 0)


def pearson_r(x: Floats, y: Floats) -> float:
    """Pearson correlation of two vectors (n,), r = s_xy / sqrt(s_xx s_yy).

    >>> round(pearson_r(np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.0, 8.0])), 12)
    1.0
    """
    if _is_degenerate(x, y):
        return float("nan")
    # dividing by the norms one by one neither overflows nor underflows where their product would
    u, v = x - x.mean(), y - y.mean()
    return float(np.clip((u / np.linalg.norm(u)) @ (v / np.linalg.norm(v)), -1, 1))


def spearman_rho(x: Floats, y: Floats) -> float:
    """Spearman correlation of two vectors (n,): Pearson's of their ranks, ties at their mean rank.

    >>> round(spearman_rho(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0])), 12)
    1.0
    """
    return pearson_r(ranks(x), ranks(y))


def ranks(values: Floats) -> Floats:
    """Ranks of numbers (n,) from 1, ties at their mean rank.

    Equal to `scipy.stats.rankdata`.

    >>> ranks(np.array([3.0, 1.0, 3.0]))
    array([2.5, 1. , 2.5])
    """
    # scipy.stats.rankdata sorts stably, which takes six times as long; the order of ties does not matter
    order = np.argsort(values)
    ascending = values[order]
    starts = np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1])[: values.size])
    counts = np.diff(starts, append=values.size)
    found = np.empty(values.size)
    found[order] = np.repeat(starts + (counts + 1) / 2, counts)
    return found


def concordance(x: Floats, y: Floats) -> float:
    """Lin's concordance correlation of two vectors (n,).

    2 s_xy / (s_xx + s_yy + (mean x - mean y)²) with moments over n (Lin 1989).

    >>> round(concordance(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])), 6)
    0.571429
    """
    if _is_degenerate(x, y):
        return float("nan")
    # moments over n as in Lin 1989; the denominator adds the squared shift
    u, v = x - x.mean(), y - y.mean()
    return float(2 * np.mean(u * v) / (np.mean(u**2) + np.mean(v**2) + (x.mean() - y.mean()) ** 2))


def principal_axis(x: Floats, y: Floats) -> FittedLine:
    """Total least squares line of two vectors (n,): the first principal axis of their scatter.

    Both maps carry error, so distances are measured at right angles to the line: it lies at the
    angle atan2(2 s_xy, s_xx - s_yy) / 2. Undefined when the scatter has no direction.

    >>> principal_axis(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    FittedLine(slope=2.0, intercept=1.0)
    """
    if _is_degenerate(x, y):
        return FittedLine(float("nan"), float("nan"))
    u, v = x - x.mean(), y - y.mean()
    # tan 2θ = 2 s_xy / (s_xx - s_yy) is the angle of the axis of most variance
    twice, excess = 2 * (u @ v), u @ u - v @ v
    # a round cloud has no axis, an upright one no finite slope
    if twice == 0 and excess <= 0:
        return FittedLine(float("nan"), float("nan"))
    length = np.hypot(excess, twice)
    # the same tangent of the half angle, in the form that subtracts no near-equal numbers
    slope = twice / (length + excess) if excess >= 0 else (length - excess) / twice
    return FittedLine(float(slope), float(y.mean() - slope * x.mean()))


def limits_of_agreement(x: Floats, y: Floats) -> Limits:
    """Mean of y - x and its 95 % limits of agreement, mean ± 1.96 SD (Bland & Altman 1986).

    >>> [round(value, 6) for value in limits_of_agreement(np.zeros(3), np.array([1.0, 2.0, 3.0]))]
    [2.0, 0.04, 3.96]
    """
    if len(x) < MIN_VOXELS:
        return Limits(float("nan"), float("nan"), float("nan"))
    difference = y - x
    # Bland and Altman 1986: mean ± 1.96 s, s over n - 1
    mean, half = float(difference.mean()), LIMITS_OF_AGREEMENT * float(difference.std(ddof=1))
    return Limits(mean, mean - half, mean + half)


def false_discovery_threshold(p: Floats, rate: float = FALSE_DISCOVERY_RATE) -> float:
    """Largest p that Benjamini and Hochberg's (1995) procedure rejects; -1 when it rejects none.

    The last of the sorted p (n,) with p_(k) ≤ rate k / n.

    >>> false_discovery_threshold(np.array([0.9, 0.01, 0.02, 0.5]))
    0.02
    """
    known = p[np.isfinite(p)]
    # n / k is at least 1, so that no larger p can be among them
    small = np.sort(known[known <= rate])
    rejected = small[small * (known.size / np.arange(1, small.size + 1)) <= rate]
    return float(rejected.max(initial=-1.0))


def overlap(first: Mask, reference: Mask, first_mask: Mask, reference_mask: Mask) -> MapOverlap:
    """Overlap of two sets of voxels, each taken in its own mask; all arguments (n_voxels,).

    Dice (twice the common voxels over the sum of both sets) and Jaccard (the common over the united)
    count only voxels of both masks, as Bowring (2019) does; dark Dice is the share of a package's
    set outside the other's mask. With both sets empty there is nothing to overlap and Dice is NaN,
    neither 0 nor 1: look at the counts.

    >>> here, there = np.array([True, True, False]), np.array([False, True, True])
    >>> overlap(here, there, np.ones(3, bool), np.ones(3, bool)).dice
    0.5
    """
    a, b, both = first & first_mask, reference & reference_mask, first_mask & reference_mask
    n_first, n_reference = int(a.sum()), int(b.sum())
    # Bowring 2019: overlap inside both masks, what lies outside is counted apart
    common, n_a, n_b = int((a & b).sum()), int((a & both).sum()), int((b & both).sum())
    return MapOverlap(
        dice=ratio(2 * common, n_a + n_b),
        jaccard=ratio(common, n_a + n_b - common),
        dark_first=ratio(n_first - n_a, n_first),
        dark_reference=ratio(n_reference - n_b, n_reference),
        n_first=n_first,
        n_reference=n_reference,
    )
