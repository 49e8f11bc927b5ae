"""Which analysis can be trusted: decided and said in one way, of one participant as of many."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bidsglm.agreement.rates import (
    KNOWN,
    TOLERANCE,
    IntervalEstimate,
    Judgement,
    enough,
    judgement,
    overall,
)
from bidsglm.packages import analysis, every_analysis
from bidsglm.report.wording import listed, upper_first

TITLES: Mapping[str, str] = {each.name: each.title for each in every_analysis()}
JUDGED = (0.05, 0.001)
"""Thresholds at which the rate of false positives decides."""
STRICT = 0.001
USUAL = 20
"""Data sets that are advised where one says nothing."""
RATE_RULE = (
    f"A rate is called too many when its whole interval lies above {TOLERANCE:g} times the threshold's p, and"
    f" too few when it lies below p divided by {TOLERANCE:g}. It counts as right when it is at most"
    f" {TOLERANCE:g} times p and its interval ends at {KNOWN:g} times p or below. All else is unsure."
)
"""How `judgement` decides, for the pages"""
CONTROLS: tuple[Judgement, ...] = ("kept", "too few")


class Decision(NamedTuple):
    """What the simulations decide of one analysis."""

    analysis: str
    judgement: Judgement
    needed: int | None
    """Data sets with which it would be decided; None where even very many would not do"""
    strict: IntervalEstimate
    """False positives at p < 0.001"""


def decision(analysis: str, rates: Mapping[float, IntervalEstimate], n_datasets: int) -> Decision:
    """Decide by the rates of false positives at the thresholds that are judged.

    Parameters
    ----------
    analysis
        Its name.
    rates
        Threshold -> rate with its interval
    n_datasets
        That the rates are of.

    >>> rates = {0.05: IntervalEstimate(0.06, 0.01, 0.2), 0.001: IntervalEstimate(0.001, 0.0008, 0.0012)}
    >>> decision("spm-ar1", rates, 5)[1:3]
    ('unsure', 9)
    """
    found = overall([judgement(rate, p) for p, rate in rates.items()])
    return Decision(analysis, found, enough(rates, n_datasets), rates[STRICT])


def headline(decisions: Sequence[Decision], n_datasets: int) -> tuple[str, ...]:
    """Say which analyses control false positives, which do not, and what is not decided.

    >>> one = Decision("spm-fast", "kept", 20, IntervalEstimate(0.001, 0.0008, 0.0012))
    >>> headline([one, one._replace(analysis="spm-ar1", judgement="unsure", needed=57)], 20)
    ('SPM FAST controls false positives.', 'Not decided with 20 data sets for SPM AR(1); about 60 would \
decide.')
    >>> headline([one._replace(judgement="too many")], 20)
    ('SPM FAST finds too many false positives.',)
    """
    if not any(math.isfinite(each.strict.lower) for each in decisions):
        return (f"A single simulated data set decides nothing: calibrate with {USUAL} or more.",)
    return tuple(_headline(decisions, n_datasets))


def _headline(decisions: Sequence[Decision], n_datasets: int) -> Iterator[str]:
    controlled = [each.analysis for each in decisions if each.judgement in CONTROLS]
    inflated = [each.analysis for each in decisions if each.judgement == "too many"]
    if controlled:
        yield f"{names(controlled)} {verb(controlled, 'controls', 'control')} false positives."
    if inflated:
        whats = "" if controlled else " false positives"
        yield f"{names(inflated, qualified=True)} {verb(inflated, 'finds', 'find')} too many{whats}."
    undecided = [each for each in decisions if each.judgement == "unsure"]
    if undecided:
        everyone = len(undecided) == len(decisions) > 1
        whom = "any of the analyses" if everyone else _plain(undecided)
        yield f"Not decided with {n_datasets} data sets for {whom}; {_would(undecided)}."


def _would(undecided: Sequence[Decision]) -> str:
    """How many data sets would decide, the most that any analysis needs."""
    known = [each.needed for each in undecided if each.needed is not None]
    edge = [each for each in undecided if each.needed is None]
    if not known:
        return "even many more would not decide, as the rate lies at the edge of what is tolerated"
    most = max(known)
    step = 10 ** max(1, math.floor(math.log10(most)) - 1) if most >= USUAL else 1
    but = f", but not {_plain(edge)}, at the edge of what is tolerated" if edge else ""
    return f"about {math.ceil(most / step) * step:,} would decide{but}"


def _plain(decisions: Sequence[Decision]) -> str:
    return listed([TITLES[each.analysis] for each in decisions])


def multiples(decisions: Sequence[Decision]) -> tuple[str, ...]:
    """How many times as many false positives an analysis has as p < 0.001 allows, with the interval.

    Only of those that find too many, and whose interval holds no other analysis's rate.

    >>> far = Decision("ols", "too many", 20, IntervalEstimate(0.008, 0.006, 0.01))
    >>> near = Decision("spm-ar1", "kept", 20, IntervalEstimate(0.001, 0.0008, 0.0012))
    >>> multiples([far, near])
    ('At p < 0.001, least squares has 8.0 times as many as allowed (6.0 to 10 times).',)
    >>> multiples([far, near._replace(strict=IntervalEstimate(0.007, 0.001, 0.02))])
    ()
    """
    return tuple(
        f"At p < {STRICT:g}, {TITLES[each.analysis]} has {_times(each.strict.value)} times as many as allowed"
        f" ({_times(each.strict.lower)} to {_times(each.strict.upper)} times)."
        for each in decisions
        if each.judgement == "too many"
        and not any(
            each.strict.lower <= other.strict.value <= each.strict.upper
            for other in decisions
            if other is not each
        )
    )


def _times(rate: float) -> str:
    times = rate / STRICT
    return f"{times:.0f}" if times >= 9.95 else f"{times:.1f}"


def deviations(analyses: Sequence[str]) -> Mapping[str, str]:
    """Say how analyses differ from their packages' own, by title; those that do not are left out.

    >>> deviations(["ols"])
    {}
    """
    return {each.title: each.deviation for each in map(analysis, analyses) if each.deviation}


def names(analyses: Sequence[str], qualified: bool = False) -> str:
    """Analyses in words; where qualified, with what sets one apart from its package's own.

    >>> names(["ols", "spm-ar1"]), names(["fsl-film"], qualified=True)
    ('Least squares and SPM AR(1)', 'FSL FILM (without its smoothing among neighbours)')
    """
    found = map(analysis, analyses)
    text = listed([a.title + f" ({a.qualifier})" * bool(qualified and a.qualifier) for a in found])
    return text if text.startswith("nilearn") else upper_first(text)


def verb(analyses: Sequence[str], one: str, many: str) -> str:
    """Form of a verb.

    >>> verb(["ols"], "finds", "find")
    'finds'
    """
    return one if len(analyses) == 1 else many
