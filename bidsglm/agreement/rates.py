"""Rates over simulated data sets and how well they are known.

Voxels of one data set share its design and perhaps its noise, so they are no independent trials. The
intervals are those of E. Korn and B. Graubard (Survey Methodology 24:193-201, 1998): Clopper and Pearson's
exact interval with the number of trials that independent ones would need for the variance between data sets.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats

LEVEL = 0.95
"""Confidence of all intervals."""
TOLERANCE = 1.5
"""Factor by which a rate may differ from its p and still count as kept."""
KNOWN = 3.0
"""Factor beyond which the interval of a rate must not reach for it to count as kept."""

MOST = 10_000
"""Data sets beyond which nobody simulates."""
GROWTH = 1.05
"""Between two numbers of data sets that are tried."""

Judgement = Literal["kept", "too many", "too few", "unsure"]


class IntervalEstimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    lower: float
    upper: float


UNKNOWN = IntervalEstimate(float("nan"), float("nan"), float("nan"))


def clustered_rate(hits: NDArray[np.integer], size: int) -> IntervalEstimate:
    """Share of hits among trials that come in data sets of the same size.

    Parameters
    ----------
    hits
        (n_datasets,)
    size
        Trials of each data set.

    Returns
    -------
    With limits that are NaN for a single data set; all NaN without one

    Notes
    -----
    Without any hit, or without any miss, nothing is known of the variance between data sets, and each
    counts as one trial.

    >>> [round(x, 3) for x in clustered_rate(np.array([5, 5, 5, 5]), 100)]
    [0.05, 0.021, 0.098]
    >>> [round(x, 3) for x in clustered_rate(np.array([0, 20, 0, 0]), 100)]
    [0.05, 0.0, 0.465]
    """
    n = len(hits)
    if not n or not size:
        return UNKNOWN
    rate = float(hits.sum() / (n * size))
    if n == 1:
        return IntervalEstimate(rate, float("nan"), float("nan"))
    # Korn and Graubard: n* = p (1 - p) / var(p), then the exact interval of n* trials
    trials = _effective_trials(hits / size, n * size)
    count = rate * trials
    tail = (1 - LEVEL) / 2
    # Clopper and Pearson by quantiles of the beta distribution, counts need not be whole
    # with no hit the lower quantile does not exist, with no miss the upper: the limits are 0 and 1
    lower = float(scipy.stats.beta.ppf(tail, count, trials - count + 1)) if count > 0 else 0.0
    upper = float(scipy.stats.beta.ppf(1 - tail, count + 1, trials - count)) if count < trials else 1.0
    return IntervalEstimate(rate, lower, upper)


def _effective_trials(rates: Floats, n_trials: int) -> float:
    """Independent trials that would know the mean rate as well, corrected for the few data sets."""
    n, rate = len(rates), float(rates.mean())
    if not 0 < rate < 1:
        return float(n)
    # of the mean over data sets
    variance = float(rates.var(ddof=1)) / n
    independent = rate * (1 - rate) / variance if variance > 0 else float(n_trials)
    tail = (1 + LEVEL) / 2
    # their degrees-of-freedom correction: the variance is known from n data sets only
    few = (
        (scipy.stats.t.ppf(tail, n_trials - 1) / scipy.stats.t.ppf(tail, n - 1)) ** 2 if n_trials > n else 1.0
    )
    # Data sets that happen to agree better than independent voxels would are no better than those.
    return float(min(independent * few, n_trials))


def mean_interval(values: Floats) -> IntervalEstimate:
    """Mean over data sets with the interval of Student's t.

    Parameters
    ----------
    values
        (n_datasets,)

    >>> [round(x, 3) for x in mean_interval(np.array([0.9, 1.0, 1.1]))]
    [1.0, 0.752, 1.248]
    """
    n = len(values)
    if not n:
        return UNKNOWN
    mean = float(values.mean())
    if n == 1:
        return IntervalEstimate(mean, float("nan"), float("nan"))
    # mean ± t s / √n
    half = float(scipy.stats.t.ppf((1 + LEVEL) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return IntervalEstimate(mean, mean - half, mean + half)


def judgement(found: IntervalEstimate, nominal: float) -> Judgement:
    """Say whether a rate of false positives is what it should be.

    Parameters
    ----------
    found
        With its interval.
    nominal
        What it should be.

    Returns
    -------
    too many, too few: the whole interval lies beyond `TOLERANCE`; kept: the rate lies within it, and the
    interval ends within `KNOWN`; unsure: all else, such as a rate without interval

    >>> rates = (0.05, 0.04, 0.06), (0.1, 0.09, 0.11), (0.1, 0.02, 0.3)
    >>> [judgement(IntervalEstimate(*rate), 0.05) for rate in rates]
    ['kept', 'too many', 'unsure']
    >>> judgement(IntervalEstimate(0.0, 0.0, 0.001), 0.05)
    'too few'
    """
    if not math.isfinite(found.lower):
        return "unsure"
    # the interval must lie beyond the tolerance: a rate that may be nominal is no fault
    if found.lower > TOLERANCE * nominal:
        return "too many"
    if found.upper < nominal / TOLERANCE:
        return "too few"
    is_near = found.value <= TOLERANCE * nominal
    return "kept" if is_near and found.upper <= KNOWN * nominal else "unsure"


def pooled(estimates: Sequence[IntervalEstimate]) -> IntervalEstimate:
    """Mean of rates of independent participants, with the interval that theirs give it.

    Notes
    -----
    The limits of a mean are recovered from those of its terms (G. Zou and A. Donner, Statistics in Medicine
    27:1693-1702, 2008): mean - sqrt(sum (rate - lower)²) / n below, and alike above.

    >>> [round(x, 3) for x in pooled([IntervalEstimate(0.05, 0.04, 0.08), IntervalEstimate(0.07, 0.06, 0.1)])]
    [0.06, 0.053, 0.081]
    >>> pooled([IntervalEstimate(0.05, 0.04, 0.08)])
    IntervalEstimate(value=0.05, lower=0.04, upper=0.08)
    """
    known = [each for each in estimates if math.isfinite(each.value)]
    if not known:
        return UNKNOWN
    n = len(known)
    # a plain mean: the participants are the sample, and one who was simulated longer counts no more
    mean = sum(each.value for each in known) / n
    # errors of independent rates add as squares; each side of the interval has its own
    below = math.sqrt(sum((each.value - each.lower) ** 2 for each in known)) / n
    above = math.sqrt(sum((each.upper - each.value) ** 2 for each in known)) / n
    return IntervalEstimate(mean, mean - below, mean + above)


def enough(rates: Mapping[float, IntervalEstimate], n_datasets: int) -> int | None:
    """Data sets with which rates that stay as they are would be judged; None where even many would not do.

    Their limits come nearer to them, as ratios, with the square root of the number of data sets.

    Parameters
    ----------
    rates
        Threshold -> rate. One that becomes too many decides over all, see `overall`.
    n_datasets
        That the rates are of.

    >>> enough({0.05: IntervalEstimate(0.05, 0.01, 0.25)}, 5)
    11
    >>> edge = IntervalEstimate(0.0751, 0.05, 0.1125)
    >>> enough({0.05: edge}, 20) is None
    True
    >>> enough({0.05: edge, 0.001: IntervalEstimate(0.003, 0.001, 0.009)}, 5)
    13
    """
    number: float = n_datasets
    while 0 < number <= MOST:
        # standard errors fall with the root of the number of independent data sets
        share = math.sqrt(n_datasets / number)
        found = overall([judgement(_narrowed(rate, share), nominal) for nominal, rate in rates.items()])
        if found != "unsure":
            return math.ceil(number)
        number = max(number * GROWTH, number + 1)
    return None


def _narrowed(found: IntervalEstimate, share: float) -> IntervalEstimate:
    """The same rate with limits whose ratios to it are raised to a power; of a rate of 0, a smaller limit."""
    if not found.value:
        # with no hit in n trials the limit goes as 1 / n and not as its root: (1 - p)^n = 0.025
        return IntervalEstimate(0.0, 0.0, found.upper * share**2)
    # rates err by factors: on a logarithmic scale the limits go with the standard error
    lower, upper = ((limit / found.value) ** share * found.value for limit in (found.lower, found.upper))
    return IntervalEstimate(found.value, lower, upper)


def overall(judgements: Sequence[Judgement]) -> Judgement:
    """Judgement over several thresholds: the worst of them.

    >>> overall(["kept", "too many"]), overall(["kept", "too few"]), overall(["too few", "too few"])
    ('too many', 'kept', 'too few')
    """
    if "too many" in judgements:
        return "too many"
    if "unsure" in judgements:
        return "unsure"
    return "too few" if judgements and all(each == "too few" for each in judgements) else "kept"
