"""Why two packages' maps differ, in sentences."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bidsglm.attribution.differences import CORRELATION, DICE, RMSD, SLOPE
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.breakdowns import Breakdown, StepShare, found
from bidsglm.report.steps import STEP_TEXTS, title
from bidsglm.report.wording import MINUS, UNDEFINED, number, upper_first
from bidsglm.sentences import joined

METRIC_TITLES: Mapping[str, str] = {
    RMSD: "RMSD",
    SLOPE: "slope − 1",
    CORRELATION: "1 − r",
    DICE: "1 − Dice",
}
WORTH_NAMING = 0.1
"""Share of the whole difference from which a step beside the first is named."""
NEARLY_ALL = 0.8
"""Part of the regressors' share: from there the part is named in their place."""
LONG = 6
"""Decimals that no one reads."""
WHOLE = 100
"""Per cent."""
NO_WHOLES: Mapping[str, float] = MappingProxyType({})
RUN_TOGETHER = 3
"""Steps that a sentence names at most."""


def percent(share: float) -> str:
    """Write a share for people; tiny ones as below 1 %.

    >>> percent(0.814), percent(0.003), percent(-0.04)
    ('81 %', 'less than 1 %', '−4 %')
    """
    if 0 < abs(share) < 0.01:
        return "less than 1 %"
    return f"{100 * share:.0f} %".replace("-", "−")


def against(breakdown: Breakdown) -> str:
    """Say which step works against those that make more than the whole; empty where none makes so much.

    >>> shares = StepShare("filter", "a", "b", 0.1, -0.1), StepShare("noise", "c", "d", 0.5, 0.6)
    >>> against(Breakdown("t", "rmsd", 0.5, shares))
    ' Shares above 100 % mean that another step works against them: the high-pass filter, by −20 %.'
    """
    shares = {step.step: breakdown.share(step) for step in breakdown.coarse}
    if round(100 * max(shares.values(), default=0.0)) <= WHOLE:
        return ""
    least = min(shares, key=lambda name: shares[name])
    return (
        f" Shares above {WHOLE} % mean that another step works against them: the {title(least)}, by"
        f" {percent(shares[least])}."
    )


def sentence(breakdown: Breakdown, rmsd: float = math.nan) -> str:
    """Say which steps make a difference, the largest first.

    Parameters
    ----------
    breakdown
        Of one metric.
    rmsd
        The whole over all voxels, as the table of agreement has it; NaN for that of the sample.

    >>> shares = (StepShare("filter", "a", "b", 0.1, 0.1), StepShare("noise", "c", "d", 0.5, 0.4))
    >>> print(sentence(Breakdown("t", "rmsd", 0.5, shares)))
    Of the difference between the t maps (RMSD 0.500), 80 % comes from the noise model and 20 % from the \
    high-pass filter.
    """
    if breakdown.equal:
        return f"The {breakdown.map} maps of both packages are the same."
    size = rmsd if math.isfinite(rmsd) else breakdown.total
    whole = f"the {breakdown.map} maps ({METRIC_TITLES[breakdown.metric]} {number(size)})"
    named = _worth_naming(breakdown)
    parts = [
        f"{percent(breakdown.share(step))} from the {title(_sharper(breakdown, step).step)}" for step in named
    ]
    steps = joined(parts).replace(" from", " comes from", 1)
    return f"Of the difference between {whole}, {steps}.{against(breakdown)}"


def reasons(
    breakdown: Sequence[Breakdown], names: Sequence[str], rmsd: Mapping[str, float] = NO_WHOLES
) -> tuple[str, ...]:
    """Say which steps make the differences of some maps, each leading step's settings once.

    Parameters
    ----------
    breakdown
        Of a contrast.
    names
        Maps.
    rmsd
        Map -> root mean square difference over all voxels, where it is known

    >>> shares = (StepShare("noise", "each voxel", "one V", 0.5, 0.5),)
    >>> print(*reasons([Breakdown("t", "rmsd", 0.5, shares)], ["t"]))
    Of the difference between the t maps (RMSD 0.500), 100 % comes from the noise model. Noise model: in \
    nilearn, each voxel; in SPM, one V.
    """
    said: set[str] = set()
    texts = []
    for name in names:
        part = found(breakdown, name)
        if part is None:
            continue
        text = sentence(part, rmsd.get(name, math.nan))
        if not part.equal and (first := part.ranked[0]).step not in said:
            said.add(first.step)
            text += f" {settings(_sharpest(part, first), part.pair)}"
        texts.append(text)
    return tuple(texts)


def _sharper(breakdown: Breakdown, step: StepShare) -> StepShare:
    """The part of the regressors that makes nearly all of theirs, if one does, in place of their sum."""
    part = _sharpest(breakdown, step)
    return part if abs(part.shapley) >= NEARLY_ALL * abs(step.shapley) else step


def _worth_naming(breakdown: Breakdown) -> list[StepShare]:
    first, *others = breakdown.ranked[:RUN_TOGETHER]
    return [first, *(step for step in others if abs(breakdown.share(step)) >= WORTH_NAMING)]


def _sharpest(breakdown: Breakdown, step: StepShare) -> StepShare:
    """The part of the regressors that makes most of theirs, in place of their sum."""
    parts = [part for part in breakdown.steps if part.part_of == step.step]
    return max(parts, key=lambda part: abs(part.shapley)) if parts else step


def rounded(value: float, whole: float) -> str:
    """Write a part with as many decimals as give the whole three digits.

    >>> rounded(0.00012, 0.5), rounded(0.25, 0.5), rounded(-12.0, 250.0)
    ('0.000', '0.250', '−12')
    """
    if not math.isfinite(value):
        return UNDEFINED
    digits = max(0, 2 - math.floor(math.log10(abs(whole)))) if whole and math.isfinite(whole) else 3
    if digits > LONG:
        return number(value)
    return f"{value:.{digits}f}".replace("-", MINUS) if round(value, digits) else f"{0:.{digits}f}"


def settings(step: StepShare, pair: Pair = DEFAULT_PAIR) -> str:
    """Both packages' settings of a step as a sentence.

    >>> settings(StepShare("noise", "AR(1) of each voxel", "one V", 0.1, 0.1))
    'Noise model: in nilearn, AR(1) of each voxel; in SPM, one V.'
    """
    first, reference = pair.titles
    return f"{upper_first(title(step.step))}: in {reference}, {step.reference}; in {first}, {step.other}."


def closure_sentence(breakdown: Sequence[Breakdown]) -> str:
    """Say how exactly the two ends of the ladder meet the packages' own maps.

    >>> closure_sentence([Breakdown("t", "rmsd", 0.5, (), (2e-10, 3e-8))])
    'The two ends of the ladder reproduce the maps of both packages to 3e-08 of their range.'
    """
    values = [b.closure for b in breakdown if math.isfinite(b.closure)]
    if not values:
        return ""
    return (
        f"The two ends of the ladder reproduce the maps of both packages to {max(values):.0e} of their range."
    )


def explained_steps(breakdown: Sequence[Breakdown]) -> tuple[StepShare, ...]:
    """Steps of an analysis that both packages do in their own way, with their settings, for the glossary.

    >>> explained_steps([])
    ()
    """
    steps = {step.step: step for b in breakdown for step in b.steps if step.step in STEP_TEXTS}
    return tuple(steps[name] for name in STEP_TEXTS if name in steps)


def steps_in_words(steps: Sequence[StepShare]) -> str:
    """How many modelling steps lie between the packages' maps; parts of a step are no steps of their own.

    >>> whole = StepShare("noise", "AR(1)", "FAST", 0.0, 0.0)
    >>> part = StepShare("events", "TR/50", "TR/16", 0.0, 0.0, "regressors")
    >>> print(steps_in_words([whole, whole._replace(step="filter", other="AR(1)"), part]))
    2 modelling steps lie between them (the regressors have 1 part: events), 1 of which both packages \
take in the same way.
    """
    whole, parts = [s for s in steps if not s.part_of], [s.step for s in steps if s.part_of]
    text = f"{len(whole)} modelling step{'s lie' if len(whole) != 1 else ' lies'} between them"
    if parts:
        text += f" (the regressors have {len(parts)} part{'s' * (len(parts) != 1)}: {', '.join(parts)})"
    same = sum(step.same for step in whole)
    return f"{text}{f', {same} of which both packages take in the same way' if same else ''}."
