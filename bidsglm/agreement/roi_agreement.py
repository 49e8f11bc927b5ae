"""Whether the choice of package matters for a group's results in a region of interest.

A region has two effects from every participant, one of each package. They are compared as two raters of the
same participants (`reliability`), as two measurements of one quantity (Bland & Altman 1986), and by the
conclusion that a one-sample t test draws from each. Differences are SPM minus nilearn. What is undefined (one
participant, no variance) is NaN or None, never an exception or a warning.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import ttest_1samp

from bidsglm.agreement.coefficients import LIMITS_OF_AGREEMENT, pearson_r
from bidsglm.agreement.rates import UNKNOWN, IntervalEstimate
from bidsglm.agreement.reliability import (
    CONFIDENCE,
    ROUNDING,
    icc_agreement,
    icc_consistency,
    mean_squares,
)
from bidsglm.model import Floats
from bidsglm.spm.probability import t_tail

Cell = str | int | float | bool | None
Row = dict[str, Cell]

SIGNIFICANCE = 0.05
"""Two-sided and uncorrected: what a paper with one region of interest would report."""
MIN_RATED = 2
"""Participants that a variance takes."""


class OneSample(NamedTuple):
    """A mean tested against zero."""

    mean: float
    lower: float
    """Confidence limits"""
    upper: float
    t: float
    p: float
    """Two-sided"""
    z: float
    """Standard normal quantile with the same one-sided p as t"""


def one_sample(values: Floats) -> OneSample:
    """Mean of some values, its interval and t test; the latter are NaN where nothing but rounding varies.

    Parameters
    ----------
    values
        (n,) finite

    Examples
    --------
    >>> [round(x, 4) for x in one_sample(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.4841, 4.4841, 3.4641, 0.0742, 1.7855]
    """
    mean = float(values.mean()) if len(values) else math.nan
    # a variance of rounding alone would make any t
    if len(values) < MIN_RATED or np.ptp(values) <= ROUNDING * np.abs(values).max():
        return OneSample(mean, math.nan, math.nan, math.nan, math.nan, math.nan)
    test = ttest_1samp(values, 0.0)
    t, limits = float(test.statistic), test.confidence_interval(CONFIDENCE)
    # z from the logarithm of the tail: p itself underflows at some 38 standard deviations
    z = math.copysign(float(t_tail(np.array([abs(t)]), len(values) - 1).z[0]), t)
    return OneSample(mean, float(limits.low), float(limits.high), t, float(test.pvalue), z)


def conclusion(test: OneSample) -> str | None:
    """What a paper would say of a one-sample test; None where there is no test.

    >>> conclusion(one_sample(np.array([-1.0, -1.1, -0.9])))
    'negative'
    """
    if math.isnan(test.p):
        return None
    return ("positive" if test.t > 0 else "negative") if test.p < SIGNIFICANCE else "none"


def region_agreement(spm: Floats, nilearn: Floats) -> Row:
    """Columns n to nilearn_z of the group's table for one region.

    Parameters
    ----------
    spm, nilearn
        (n_participants,) effects of the region; participants who lack one of them do not count

    Examples
    --------
    >>> row = region_agreement(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    >>> row["n"], row["bias"], row["same_conclusion"], round(row["z_shift"], 12), round(row["pearson_r"], 12)
    (3, -2.0, True, 0.0, 1.0)
    """
    both = np.isfinite(spm) & np.isfinite(nilearn)
    y, x = spm[both].astype(np.float64), nilearn[both].astype(np.float64)
    # the paired t test is the one-sample test of the differences
    first, second, paired = one_sample(y), one_sample(x), one_sample(y - x)
    ends = conclusion(first), conclusion(second)
    absolute, consistency = _intraclass(y, x)
    sd = float((y - x).std(ddof=1)) if len(x) >= MIN_RATED else math.nan
    return {
        "n": len(x),
        "same_conclusion": None if None in ends else ends[0] == ends[1],
        "spm_conclusion": ends[0],
        "nilearn_conclusion": ends[1],
        # on the scale of z, which neither units nor degrees of freedom change
        "z_shift": first.z - second.z,
        "pearson_r": pearson_r(x, y),
        **_spread("icc_a1", absolute),
        **_spread("icc_c1", consistency),
        "bias": paired.mean,
        "bias_lower": paired.lower,
        "bias_upper": paired.upper,
        "bias_t": paired.t,
        "bias_p": paired.p,
        "difference_sd": sd,
        "loa_lower": paired.mean - LIMITS_OF_AGREEMENT * sd,
        "loa_upper": paired.mean + LIMITS_OF_AGREEMENT * sd,
        **{f"spm_{key}": value for key, value in first._asdict().items()},
        **{f"nilearn_{key}": value for key, value in second._asdict().items()},
    }


def region_test(values: Floats, backend: str) -> Row:
    """Columns of the group's table for one region that only one package has.

    Parameters
    ----------
    values
        (n_participants,) effects of the region; NaN does not count
    backend
        Whose they are.

    Examples
    --------
    >>> row = region_test(np.array([1.0, 2.0, 3.0, np.nan]), "spm")
    >>> row["n"], row["spm_mean"], row["spm_conclusion"], row["same_conclusion"]
    (3, 2.0, 'none', None)
    """
    known = values[np.isfinite(values)].astype(np.float64)
    test = one_sample(known)
    return {
        "n": len(known),
        "same_conclusion": None,
        f"{backend}_conclusion": conclusion(test),
        **{f"{backend}_{key}": value for key, value in test._asdict().items()},
    }


def _intraclass(spm: Floats, nilearn: Floats) -> tuple[IntervalEstimate, IntervalEstimate]:
    """ICC(A,1) and ICC(C,1) of two packages."""
    if len(spm) < MIN_RATED:
        return UNKNOWN, UNKNOWN
    squares = mean_squares(np.column_stack((spm, nilearn)))
    return icc_agreement(squares), icc_consistency(squares)


def _spread(name: str, estimate: IntervalEstimate) -> Row:
    return {name: estimate.value, f"{name}_lower": estimate.lower, f"{name}_upper": estimate.upper}


def by_importance(row: Mapping[str, Cell]) -> tuple[bool, float]:
    """Key that sorts regions by how much the package matters: other conclusions first, then by z_shift.

    >>> rows = [{"same_conclusion": True, "z_shift": -3.0}, {"same_conclusion": False, "z_shift": 0.2}]
    >>> [row["z_shift"] for row in sorted(rows, key=by_importance)]
    [0.2, -3.0]
    """
    shift = row["z_shift"]
    size = abs(shift) if isinstance(shift, int | float) and not math.isnan(shift) else -1.0
    return row["same_conclusion"] is not False, -size
