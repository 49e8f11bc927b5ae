"""Which step leads the difference of two packages' maps, over contrasts."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from bidsglm.attribution.steps import PARTS_OF_REGRESSORS, REGRESSORS
from bidsglm.report.attribution import NEARLY_ALL, WHOLE, percent
from bidsglm.report.breakdowns import Breakdown, found
from bidsglm.report.steps import title


class Leading(NamedTuple):
    """The step that makes most of the RMSD of a map."""

    step: str
    share: float
    """Median over the contrasts"""
    n_contrasts: int

    @property
    def qualified(self) -> str:
        """Share with its qualification.

        >>> Leading("noise", 0.93, 1).qualified, Leading("noise", 0.93, 12).qualified
        ('93 %', '93 % (median of 12 contrasts)')
        >>> Leading("noise", 1.2, 1).qualified
        '120 % (another step works against it)'
        """
        notes = [f"median of {self.n_contrasts} contrasts"] if self.n_contrasts > 1 else []
        if round(WHOLE * self.share) > WHOLE:
            notes.append("another step works against it")
        return f"{percent(self.share)} ({'; '.join(notes)})" if notes else percent(self.share)


def median_shares(breakdowns_: Sequence[Breakdown], parts: bool = False) -> dict[str, float]:
    """Step -> median over contrasts of its share of the whole, of those whose maps differ.

    Parameters
    ----------
    breakdowns_
        Of one map and metric.
    parts
        Take the parts of the regressors too, beside their sum.

    >>> from bidsglm.report.breakdowns import Breakdown, StepShare
    >>> shares = (StepShare("filter", "a", "b", 0.1, 0.1), StepShare("noise", "a", "b", 0.5, 0.4))
    >>> median_shares([Breakdown("t", "rmsd", 0.5, shares)])
    {'filter': 0.2, 'noise': 0.8}
    """
    chosen = [b for b in breakdowns_ if not b.equal]
    each = [{step.step: b.share(step) for step in (b.steps if parts else b.coarse)} for b in chosen]
    names = dict.fromkeys(name for shares in each for name in shares)
    return {name: median(shares.get(name, 0.0) for shares in each) for name in names}


def leading(breakdowns_: Sequence[Sequence[Breakdown]], map_name: str) -> Leading | None:
    """Step that makes most of the RMSD of a map over several contrasts, by its median share.

    Parameters
    ----------
    breakdowns_
        For each contrast its breakdowns.
    map_name
        effect, t or F

    >>> from bidsglm.report.breakdowns import Breakdown, StepShare
    >>> shares = (StepShare("filter", "a", "b", 0.1, 0.1), StepShare("noise", "a", "b", 0.5, 0.4))
    >>> leading([[Breakdown("t", "rmsd", 0.5, shares)]], "t")
    Leading(step='noise', share=0.8, n_contrasts=1)
    """
    chosen = [b for each in breakdowns_ if (b := found(each, map_name)) and not b.equal]
    shares = median_shares(chosen, parts=True)
    if not shares:
        return None
    parts = {
        name: shares.pop(name) for name in PARTS_OF_REGRESSORS if REGRESSORS in shares and name in shares
    }
    first = max(shares, key=lambda name: shares[name])
    part = max(parts, key=lambda name: parts[name], default=first)
    is_part = first == REGRESSORS and parts and parts[part] >= NEARLY_ALL * shares[first]
    return Leading(part if is_part else first, shares[first], len(chosen))


def verdict(breakdowns_: Sequence[Sequence[Breakdown]]) -> str:
    """Name the steps that make most of the t (or F) difference and of the effect difference, in sentences.

    >>> from bidsglm.report.breakdowns import Breakdown, StepShare
    >>> shares = (StepShare("filter", "a", "b", 0.1, 0.1), StepShare("noise", "a", "b", 0.5, 0.4))
    >>> verdict([[Breakdown("t", "rmsd", 0.5, shares)]])
    'Of the difference between the t maps, 80 % comes from the noise model.'
    """
    stat = "t" if leading(breakdowns_, "t") else "F"
    leads = [(name, first) for name in (stat, "effect") if (first := leading(breakdowns_, name))]
    return " ".join(
        f"Of the difference between the {name} maps, {first.qualified} comes from the {title(first.step)}."
        for name, first in leads
    )
