"""Whether the choice of package matters for a group's results in a region of interest.

A region has two effects from every participant, one of each package. They are compared as two raters of the
same participants (`reliability`), as two measurements of one quantity (Bland & Altman 1986), and by the
conclusion that a one-sample t test draws from each. Differences are SPM minus nilearn. What is undefined (one
participant, no variance) is NaN or None, never an exception or a warning.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
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

_TEST = {
    "mean": "Mean over participants of {title}'s effect",
    "lower": "Lower 95% confidence limit of the mean (t with n - 1 degrees of freedom)",
    "upper": "Upper 95% confidence limit of the mean",
    "t": "One-sample t of {title}'s effect, n - 1 degrees of freedom",
    "p": "Its two-sided p, not corrected for the number of regions",
    "z": "The t as a standard normal z: beyond 1.96 where p < 0.05",
}
AGREEMENT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "contrast": "Label of the contrast, as in file names",
        "region": "Number of the region in the atlas",
        "label": "Name of the region",
        "n": (
            "Participants with an effect of both packages in this region; a participant with several "
            "sessions counts once, with their mean"
        ),
        "same_conclusion": "Whether the one-sample tests of both packages come to the same conclusion",
        "spm_conclusion": "SPM: positive or negative where p < 0.05, else none",
        "nilearn_conclusion": "nilearn: positive or negative where p < 0.05, else none",
        "z_shift": (
            "How much the choice of package matters: SPM's one-sample t as a standard normal z, minus "
            "nilearn's. It does not depend on the units of the effects"
        ),
        "pearson_r": "Pearson correlation over participants; neither offset nor scale counts",
        "icc_a1": (
            "ICC(A,1), absolute agreement (McGraw & Wong 1996). Effects in different units (percent of the "
            "grand mean, percent of the voxel's mean) make it low by their scale alone"
        ),
        "icc_a1_lower": "Lower 95% confidence limit of ICC(A,1)",
        "icc_a1_upper": "Upper 95% confidence limit of ICC(A,1)",
        "icc_c1": (
            "ICC(C,1), consistency (McGraw & Wong 1996): the mean difference does not count, the scale "
            "still does"
        ),
        "icc_c1_lower": "Lower 95% confidence limit of ICC(C,1)",
        "icc_c1_upper": "Upper 95% confidence limit of ICC(C,1)",
        "bias": "Mean of SPM minus nilearn over participants (Bland & Altman 1986)",
        "bias_lower": "Lower 95% confidence limit of the bias (paired t)",
        "bias_upper": "Upper 95% confidence limit of the bias",
        "bias_t": "Paired t of SPM minus nilearn, n - 1 degrees of freedom",
        "bias_p": "Its two-sided p",
        "difference_sd": "Standard deviation (n - 1) over participants of SPM minus nilearn",
        "loa_lower": "Lower 95% limit of agreement: bias - 1.96 SD",
        "loa_upper": "Upper 95% limit of agreement: bias + 1.96 SD",
        **{f"spm_{key}": text.format(title="SPM") for key, text in _TEST.items()},
        **{f"nilearn_{key}": text.format(title="nilearn") for key, text in _TEST.items()},
        "contrast_name": "the contrast's name in the model",
    }
)
"""Description of each column of the group's table of regions, in its order."""


KEYS_OF_A_REGION = ("contrast", "region", "label", "contrast_name")
"""Columns that say which region it is."""


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
    first, second, paired = one_sample(y), one_sample(x), one_sample(y - x)
    ends = conclusion(first), conclusion(second)
    absolute, consistency = _intraclass(y, x)
    sd = float((y - x).std(ddof=1)) if len(x) >= MIN_RATED else math.nan
    return {
        "n": len(x),
        "same_conclusion": None if None in ends else ends[0] == ends[1],
        "spm_conclusion": ends[0],
        "nilearn_conclusion": ends[1],
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
        **{f"spm_{key}": getattr(first, key) for key in _TEST},
        **{f"nilearn_{key}": getattr(second, key) for key in _TEST},
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
    missing = dict.fromkeys(name for name in AGREEMENT_COLUMNS if name not in KEYS_OF_A_REGION)
    return {
        **missing,
        "n": len(known),
        f"{backend}_conclusion": conclusion(test),
        **{f"{backend}_{key}": getattr(test, key) for key in _TEST},
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
