"""Whether the choice of package matters for a group's results in a region of interest.

A region has an effect of each package from every participant. Two packages are compared as two raters of the
same participants (`reliability`), as two measurements of one quantity (Bland & Altman 1986), and by the
conclusion that a one-sample t test draws from each. Differences are the first package minus the reference.
What is undefined (one participant, no variance) is NaN or None, never an exception or a warning.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy

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
from bidsglm.pairs import DEFAULT_PAIR, Pair
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
    test = scipy.stats.ttest_1samp(values, 0.0)
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


def region_agreement(effects: Mapping[str, Floats], pairs: Sequence[Pair] = (DEFAULT_PAIR,)) -> Row:
    """Columns of the group's table for one region, from n on.

    Parameters
    ----------
    effects
        Package -> (n_participants,) effects of the region; participants who lack one of them do not count
    pairs
        Packages that are compared.

    Examples
    --------
    >>> row = region_agreement({"spm": np.array([1.0, 2.0, 3.0]), "nilearn": np.array([2.0, 4.0, 6.0])})
    >>> row["n"], row["bias"], row["same_conclusion"], round(row["z_shift"], 12), round(row["pearson_r"], 12)
    (3, -2.0, True, 0.0, 1.0)
    >>> row = region_agreement({"spm": np.array([1.0, 2.0, 3.0, np.nan])}, ())
    >>> row["n"], row["spm_mean"], row["spm_conclusion"], "bias" in row
    (3, 2.0, 'none', False)
    """
    # the same participants for all packages: else their tests differ by who is in them
    there = np.logical_and.reduce([np.isfinite(values) for values in effects.values()])
    known = {name: values[there].astype(np.float64) for name, values in effects.items()}
    tests = {name: one_sample(values) for name, values in known.items()}
    row: Row = {"n": int(there.sum())}
    row |= {f"{name}_conclusion": conclusion(test) for name, test in tests.items()}
    for pair in pairs:
        own = _of_pair(known[pair.first], known[pair.reference], (tests[pair.first], tests[pair.reference]))
        row |= {f"{key}{pair.suffix}": value for key, value in own.items()}
    return row | {f"{name}_{key}": v for name, test in tests.items() for key, v in test._asdict().items()}


def _of_pair(y: Floats, x: Floats, tests: tuple[OneSample, OneSample]) -> Row:
    """Columns of two packages, the reference's effects being x."""
    # the paired t test is the one-sample test of the differences
    paired = one_sample(y - x)
    ends = conclusion(tests[0]), conclusion(tests[1])
    absolute, consistency = _intraclass(y, x)
    sd = float((y - x).std(ddof=1)) if len(x) >= MIN_RATED else math.nan
    return {
        "same_conclusion": None if None in ends else ends[0] == ends[1],
        # on the scale of z, which neither units nor degrees of freedom change
        "z_shift": tests[0].z - tests[1].z,
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
    }


def _intraclass(first: Floats, reference: Floats) -> tuple[IntervalEstimate, IntervalEstimate]:
    """ICC(A,1) and ICC(C,1) of two packages."""
    if len(first) < MIN_RATED:
        return UNKNOWN, UNKNOWN
    squares = mean_squares(np.column_stack((first, reference)))
    return icc_agreement(squares), icc_consistency(squares)


def _spread(name: str, estimate: IntervalEstimate) -> Row:
    return {name: estimate.value, f"{name}_lower": estimate.lower, f"{name}_upper": estimate.upper}


def by_importance(row: Mapping[str, Cell]) -> tuple[bool, float]:
    """Key that sorts regions by how much the package matters: other conclusions first, then by z_shift.

    >>> rows = [{"same_conclusion": True, "z_shift": -3.0}, {"same_conclusion": False, "z_shift": 0.2}]
    >>> [row["z_shift"] for row in sorted(rows, key=by_importance)]
    [0.2, -3.0]
    """
    shift = row.get("z_shift")
    # a shift that is not known goes behind all that are
    size = abs(shift) if isinstance(shift, int | float) and not math.isnan(shift) else -1.0
    return row.get("same_conclusion") is not False, -size
