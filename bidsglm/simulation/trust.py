"""Whether an analysis keeps what its p values promise, from measured rates and how well they are known."""

import math
from collections.abc import Sequence
from typing import Literal

from bidsglm.agreement.rates import Estimate

Judgement = Literal["kept", "too many", "too few", "unsure"]

TOLERANCE = 1.5
"""Factor by which a rate may differ from its p and still count as kept."""
KNOWN = 3.0
"""Factor beyond which the interval of a rate must not reach to say so."""


def judgement(found: Estimate, nominal: float) -> Judgement:
    """Say whether a rate of false positives is what it should be.

    Parameters
    ----------
    found
        With its interval.
    nominal
        What it should be.

    Returns
    -------
    too many, too few: the whole interval lies beyond the tolerance; unsure: the interval, or its lack, leaves
    it open

    >>> [judgement(Estimate(*x), 0.05) for x in ((0.05, 0.04, 0.06), (0.1, 0.09, 0.11), (0.1, 0.02, 0.3))]
    ['kept', 'too many', 'unsure']
    >>> judgement(Estimate(0.0, 0.0, 0.001), 0.05)
    'too few'
    """
    if not (math.isfinite(found.lower) and math.isfinite(found.upper)):
        return "unsure"
    if found.lower > TOLERANCE * nominal:
        return "too many"
    if found.upper < nominal / TOLERANCE:
        return "too few"
    is_near = found.value <= TOLERANCE * nominal
    return "kept" if is_near and found.upper <= KNOWN * nominal else "unsure"


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
