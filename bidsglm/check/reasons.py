"""Which steps make the difference between a user's maps, in sentences."""

from collections.abc import Mapping, Sequence

from bidsglm.attribution.differences import CORRELATION, DICE, RMSD
from bidsglm.attribution.engine import Explanation
from bidsglm.attribution.steps import PARTS_OF_REGRESSORS, REGRESSORS
from bidsglm.report.attribution import percent, sentence, settings
from bidsglm.report.breakdowns import Breakdown, Reach, found
from bidsglm.report.check import SettingPair
from bidsglm.sentences import joined

OWN_SHOWN = (("effect", CORRELATION), ("t", RMSD), ("t", CORRELATION), ("t", DICE))
"""Panels of the figures: effects are in other units, so their size is left out"""
STEP_OF = {
    "onsets": "onsets",
    "durations": "durations",
    "basis functions": "response",
    "sampling": "sampling",
    "modulators": REGRESSORS,
    "confounds": "confounds",
    "high-pass": "filter",
    "scaling": "scaling",
    "serial correlations": "noise",
    "smoothing": "smoother",
    "contrast": "contrast",
}
"""How the name of a setting begins -> the step that it belongs to"""
OWN_WAYS = "how each program makes regressors, filters and estimates serial correlations"


def reach_of(explanation: Explanation) -> Reach:
    """How far an attribution can be trusted."""
    e = explanation
    return Reach(e.closes, e.n_sample, e.n_voxels, e.notes, e.in_blocks)


def own_reasons(breakdown: Sequence[Breakdown], differing: Sequence[SettingPair]) -> tuple[str, ...]:
    """Say where the differences of t and effect come from, and how much of it settings make."""
    texts = []
    t, effect = found(breakdown, "t"), found(breakdown, "effect", CORRELATION)
    if t is not None:
        texts.append(sentence(t))
        if not t.equal:
            texts.append(settings(t.ranked[0], t.pair))
            texts.append(settings_share(t, differing))
    if effect is not None:
        texts.append(f"{sentence(effect)} Effects are compared by their pattern, as their units differ.")
    return tuple(texts)


def ranked(differing: Sequence[SettingPair], breakdown: Sequence[Breakdown]) -> tuple[SettingPair, ...]:
    """Order settings by what they make of the difference in t, the largest first; the others behind.

    >>> from bidsglm.report.breakdowns import StepShare
    >>> steps = StepShare("sampling", "a", "b", 0.1, 0.1), StepShare("filter", "none", "128 s", 0.3, 0.4)
    >>> pairs = [SettingPair(name, "", "", "", "") for name in ("mask", "sampling", "high-pass")]
    >>> [each.setting for each in ranked(pairs, [Breakdown("t", "rmsd", 0.5, steps)])]
    ['high-pass', 'sampling', 'mask']
    """
    t = found(breakdown, "t")
    if t is None or t.equal:
        return tuple(differing)
    shares = {step.step: abs(t.share(step)) for step in t.steps}
    return tuple(sorted(differing, key=lambda each: -shares.get(_step_of(each, shares)[1], 0.0)))


def _step_of(setting: SettingPair, known: Mapping[str, float]) -> tuple[str, str]:
    """Short name of a setting, and the step that it belongs to; no step for what is none."""
    start = next((start for start in STEP_OF if setting.setting.startswith(start)), "")
    step = STEP_OF.get(start, "")
    # where the columns are one step, all that makes them is in it
    return start, step if step in known or not step else REGRESSORS


def settings_share(part: Breakdown, differing: Sequence[SettingPair]) -> str:
    """Say which part of a difference settings make, and which no setting removes.

    >>> from bidsglm.report.breakdowns import StepShare
    >>> steps = StepShare("filter", "none", "128 s", 0.3, 0.3), StepShare("noise", "each", "one", 0.5, 0.2)
    >>> pair = SettingPair("high-pass", "128 s", "none", "", "")
    >>> print(settings_share(Breakdown("t", "rmsd", 0.5, steps), [pair]))
    The setting that differs (high-pass) makes 60 % of the difference in t; the rest is how each program \
makes regressors, filters and estimates serial correlations, which no setting removes.
    """
    shares = {step.step: part.share(step) for step in part.steps}
    steps: dict[str, str] = {}
    for each in differing:
        start, step = _step_of(each, shares)
        if step:
            steps.setdefault(step, start)
    if REGRESSORS in steps:
        steps = {step: name for step, name in steps.items() if step not in PARTS_OF_REGRESSORS}
    moving = {step: name for step, name in steps.items() if shares[step]}
    if not moving:
        return f"No setting that differs moves {part.map}: its difference is {OWN_WAYS}."
    total = sum(shares[step] for step in moving)
    one = len(moving) == 1
    named = joined([f"{name}" for name in moving.values()])
    return (
        f"The setting{'s' * (not one)} that differ{'s' * one} ({named}) make{'s' * one} {percent(total)} of"
        f" the difference in {part.map}; the rest is {OWN_WAYS}, which no setting removes."
    )
