"""Which modelling step makes most of a difference over participants, and in how many."""

import math
from statistics import median as middle
from typing import NamedTuple

from bidsglm.report.group_evidence import Lead


class StepShares(NamedTuple):
    """Which step leads the difference of a map, over participants."""

    contrast: str
    map: str
    n: int
    """Participants"""
    steps: tuple["StepCount", ...]


class StepCount(NamedTuple):
    """A step over participants."""

    step: str
    n_leading: int
    """Participants in whom it makes more than any other"""
    share: float
    """Median share of the RMSD"""
    lower: float
    """Lower quartile of the share"""
    upper: float
    """Upper quartile"""


def leads(shares: tuple[StepShares, ...], per_session: bool = False) -> tuple[Lead, ...]:
    """Leading step of the effect and of the statistic, over contrasts and participants.

    >>> steps = StepCount("noise", 3, 0.8, 0.4, 0.9), StepCount("filter", 1, 0.1, 0, 0.5)
    >>> leads((StepShares("go", "t", 4, steps),))
    (Lead(map='t', step='noise', share=0.8, n_leading=3, n=4, n_contrasts=1, per_session=False),)
    """
    found: list[Lead] = []
    for name in ("effect", "t", "F"):
        chosen = [s for s in shares if s.map == name]
        if not chosen or (name == "F" and any(lead.map == "t" for lead in found)):
            continue
        counts: dict[str, list[StepCount]] = {}
        for each in chosen:
            for count in each.steps:
                counts.setdefault(count.step, []).append(count)
        step = max(counts, key=lambda key: sum(c.n_leading for c in counts[key]))
        share = middle(c.share for c in counts[step])
        total = sum(s.n for s in chosen)
        n_leading = sum(c.n_leading for c in counts[step])
        # maps that are the same have no share to speak of
        if math.isnan(share):
            continue
        found.append(Lead(name, step, share, n_leading, total, len(chosen), per_session))
    return tuple(found)
