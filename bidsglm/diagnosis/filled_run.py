"""Filled runs: conditions that together fill a run, so that their betas trade off against the constant.

A run is filled by conditions whose events leave no rest: once the response has risen, their regressors add up
to a constant, ``sum_i x_i = a 1``. Then adding d to all their betas and taking ``a d`` from the constant's
hardly changes the fit; single effects are nearly undetermined, differences of these conditions are not. Where
a package takes the means of data and columns in place of a constant, columns add up to nothing, and d changes
as little.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.design_space import unexplained
from bidsglm.diagnosis.advice import Finding, RunReview, Severity, listed, percent, times, verb
from bidsglm.diagnosis.collinearity import effect_variances, placed
from bidsglm.model import CONSTANT, ContrastSpecification, Floats

RISE = 24.0
"""s; by then the response to a block has risen, and the regressors of a filled run add up to the constant."""
EXPLAINED = 0.95
"""Share of the constant that the conditions explain. In ten random orders of two conditions each: events
every 2 to 6 s without a pause 0.951 to 0.988, every 4 s give or take 2 s 0.91 to 0.94, every 8 s 0.84, with
a fifth to a third of the events left out 0.67 to 0.93; blocks without a pause 0.999, blocks with rest 0.5.
There is no gap at 0.95: what lies near it is dense, but not filled."""
EXPLAINED_BY_SETS = 0.99
"""The same for FIR and other sets, whose many functions explain much of a constant by their number: events
every 5 to 11 s with ten bins of 2 s 0.976, blocks that such bins follow without a pause 1."""
REDUNDANT = 0.01
"""A condition without which the others explain as much, but for this, is not needed to fill the run."""
COVERED = 0.95
"""Share of the run's time from which the events themselves fill it."""
TRADED = 1.5
"""Ratio of the standard errors of one condition and of a difference below which nothing need be said: in the
designs above 1.8 to 4 where the run is filled, and 0.7 to 2.1 where it is not."""
WORST = 1e6
"""Ratio that stands for an infinite one where findings are compared and stored."""
BASELINE = re.compile(
    r"(?<![a-z])(rest(ing)?|fix(ation)?|base(line)?|iti|isi|blank|null|pause|off)(?![a-z])", re.IGNORECASE
)
"""A condition that is usually left out, to be what the others are measured against."""


class StandardErrors(NamedTuple):
    """How the standard errors of a filled run compare."""

    single: str
    """The condition that is looked at."""
    difference: str
    """What it is compared with, in words; empty where it fills the run alone."""
    ratio: float
    """Standard error of the condition alone over the difference's, or over its own with a known constant"""
    dropped: str
    """The condition to leave out; empty where one fills the run alone."""
    after: float
    """Ratio of the standard error of the condition alone after to before leaving that one out"""


def function_columns(names: Sequence[str], weight_name: str) -> list[int]:
    """Places of a condition's or modulator's first function, or of all functions of a set such as FIR.

    >>> function_columns(("trial_type.go", "trial_type.go_derivative", "constant"), "trial_type.go")
    [0]
    >>> function_columns(("trial_type.go_delay_0", "trial_type.go_delay_1"), "trial_type.go")
    [0, 1]
    """
    if weight_name in names:
        return [list(names).index(weight_name)]
    member = re.compile(re.escape(weight_name) + r"_(delay|fourier|gamma)_\d+")
    return [i for i, name in enumerate(names) if member.fullmatch(name)]


def coverage(paradigm: Paradigm, conditions: Sequence[str]) -> float:
    """Share of the run's time in which an event of some conditions lasts.

    >>> from bidsglm.data import Condition
    >>> go = Condition("go", np.array([0.0, 10.0]), np.array([10.0, 5.0]))
    >>> coverage(Paradigm(2.0, 10, None, (go,), (), np.zeros((10, 0))), ["trial_type.go"])
    0.75
    """
    end = paradigm.n_scans * paradigm.repetition_time
    chosen = [c for c in paradigm.of_events if c.prefix + c.name in conditions]
    starts = np.concatenate([np.zeros(0), *(c.onsets for c in chosen)])
    stops = np.concatenate([np.zeros(0), *(c.onsets + c.durations for c in chosen)])
    covered, reached = 0.0, 0.0
    for start, stop in sorted(zip(starts.clip(0, end), stops.clip(0, end), strict=True)):
        # only what no earlier event has covered
        covered += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return float(covered / end)


def filling_conditions(design: DesignMatrix, paradigm: Paradigm) -> tuple[tuple[str, ...], float]:
    """The smallest set of conditions that explains the constant, and which share of it; none if none does.

    The first functions count, after the response has risen: adjusted R^2 of a line of ones, not centred.
    """
    # at the start the response still rises, and no sum of regressors is flat
    first = int(np.ceil(RISE / paradigm.repetition_time))
    X = _with_levels(design)[first if first < paradigm.n_scans / 2 else 0 :]
    groups = {
        name: X[:, columns]
        for condition in paradigm.conditions
        if (columns := function_columns(design.names, name := condition.weight_names[0]))
    }
    limit = EXPLAINED_BY_SETS if any(C.shape[1] > 1 for C in groups.values()) else EXPLAINED
    # backward elimination: many conditions explain a constant by their number, a few must suffice
    whole = share = _explained(groups)
    while share >= limit and len(groups) > 1:
        fewer = [{k: v for k, v in groups.items() if k != name} for name in groups]
        best = max(fewer, key=_explained)
        # the next to leave would be missed
        if _explained(best) < max(limit, whole - REDUNDANT):
            break
        groups, share = best, _explained(best)
    return (tuple(groups), share) if share >= limit else ((), share)


def _with_levels(design: DesignMatrix) -> Floats:
    """Columns before a filter went over them and their means were taken."""
    X = design.matrix if design.unfiltered is None else design.unfiltered
    return X if design.levels is None else X + design.levels


def _explained(groups: Mapping[str, Floats]) -> float:
    """Adjusted share of a line of ones that columns explain."""
    if not groups:
        return 0.0
    C = np.hstack(list(groups.values()))
    # about zero and not about the mean, of which a line of ones would have nothing left to explain
    ones = np.ones(len(C))
    residual = unexplained(ones, C)
    # adjusted for the columns, as any p of n explain p / n of a constant by chance
    free = max(len(C) - C.shape[1], 1)
    return float(1 - residual @ residual / free)


def standard_errors(design: DesignMatrix, conditions: Sequence[str]) -> StandardErrors:
    """Compare standard errors of a condition alone, of a difference, and with fewer conditions.

    Parameters
    ----------
    design
        Design of one run.
    conditions
        Those that fill the run.
    """
    baseline = [name for name in conditions if BASELINE.search(name.partition(".")[2] or name)]
    # rest is what others are measured against, so it is the one to leave out
    dropped = (baseline or list(conditions))[-1]
    single = next((name for name in conditions if name != dropped), dropped)
    one = _mean_weights(design, single)
    # with independent errors of variance 1: only ratios are reported
    alone = _error(design, one)
    if len(conditions) == 1:
        # a condition alone has no other to be compared with: the constant is what it trades with
        known = _without(design, *(i for i, name in enumerate(design.names) if name == CONSTANT))
        if design.levels is not None:
            known = replace(known, matrix=_with_levels(design))
        return StandardErrors(single, "", alone / _error(known, _mean_weights(known, single)), "", 1.0)
    others = [name for name in conditions if name != single]
    rest = np.mean([_mean_weights(design, name) for name in others], axis=0)
    smaller = _without(design, *_all_columns(design.names, dropped))
    return StandardErrors(
        single,
        f"{listed([single])} − {listed(others) if len(others) == 1 else 'the mean of the others'}",
        alone / _error(design, one - rest),
        dropped,
        _error(smaller, _mean_weights(smaller, single)) / alone,
    )


def _all_columns(names: Sequence[str], condition: str) -> list[int]:
    """A condition's functions and modulators."""
    return [i for i, name in enumerate(names) if name == condition or name.startswith(condition + "_")]


def _without(design: DesignMatrix, *columns: int) -> DesignMatrix:
    names = tuple(name for i, name in enumerate(design.names) if i not in columns)
    matrix = np.delete(design.matrix, columns, axis=1)
    return replace(design, names=names, matrix=matrix, unfiltered=None, levels=None)


def _mean_weights(design: DesignMatrix, condition: str) -> Floats:
    """Weights of the mean of a condition's functions, (n_regressors,)."""
    columns = function_columns(design.names, condition)
    weights = np.zeros(len(design.names))
    # functions of a set such as FIR answer for a condition by their mean
    weights[columns] = 1 / len(columns)
    return weights


def _error(design: DesignMatrix, weights: Floats) -> float:
    return float(np.sqrt(effect_variances(design, weights[None])[0]))


def sorted_contrasts(
    contrasts: Sequence[ContrastSpecification], names: Sequence[str], conditions: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Names of the contrasts that hang on a baseline, and of those that compare the conditions only.

    Parameters
    ----------
    contrasts
        All contrasts of the model.
    names
        Regressors of the run.
    conditions
        Those that fill it.
    """
    columns = [i for name in conditions for i in function_columns(names, name)]
    hit: list[str] = []
    safe: list[str] = []
    for contrast in contrasts:
        weights = placed(contrast, names)
        if weights is None or not weights[:, columns].any():
            continue
        # weights of sum 0 compare the conditions, and what is added to all of them cancels
        sums = np.abs(weights[:, columns].sum(axis=1))
        (hit if np.any(sums > 1e-6 * np.abs(weights).max()) else safe).append(contrast.name)
    return hit, safe


def filled_run(run: RunReview) -> Iterator[Finding]:
    """Find conditions that together fill the run."""
    for backend, design in run.designs.items():
        conditions, share = filling_conditions(design, run.paradigm)
        if not conditions:
            continue
        found = standard_errors(design, conditions)
        if not found.ratio >= TRADED:
            continue
        hit, safe = sorted_contrasts(run.contrasts, design.names, conditions)
        severity: Severity = "serious" if hit else "note"
        parts = (_cause(run.paradigm, conditions, share), _consequence(found, design), _concerned(hit, safe))
        finding = Finding(
            severity,
            "filled-run",
            f"{listed(conditions)} {verb(conditions, 'fills', 'together fill')} the run",
            " ".join(part for part in parts if part),
            _remedy(found),
            conditions,
            size=min(found.ratio, WORST),
        )
        yield run.seen(finding, backend)


def _cause(paradigm: Paradigm, conditions: Sequence[str], share: float) -> str:
    covered = coverage(paradigm, conditions)
    who = listed(conditions)
    if len(conditions) == 1:
        start = f"The events of {who} cover {percent(covered)} of the run."
        if covered < COVERED:
            start = f"The events of {who} follow each other so closely that its response never falls back."
        return (
            f"{start} Once the response has risen, its regressor is as flat as the constant"
            f" ({percent(share)} of which it explains): there is no rest left to compare it with."
        )
    start = f"The events of {who} together cover {percent(covered)} of the run."
    if covered < COVERED:
        start = f"The events of {who} follow each other so closely that the responses never fall back."
    return (
        f"{start} Once the response has risen, their regressors add up to the constant ({percent(share)} of"
        " which they explain): the design is over-parameterised, it has one regressor more than the data"
        " can tell apart."
    )


def _consequence(found: StandardErrors, design: DesignMatrix) -> str:
    taken = "taken back by the constant"
    if design.levels is not None:  # these words may stand for other packages' designs too
        taken += ", or taken out with the mean where a package fits none"
    if not found.difference:
        wide = f"its standard error is {times(found.ratio)} times what it would be with a known baseline"
        if math.isinf(found.ratio):
            wide = "no data can tell one from the other"
        return f"What is added to its beta is {taken}, and the fit hardly changes: {wide}."
    if math.isinf(found.ratio):
        return (
            f"What is added to all their betas is {taken}, and the fit stays the same:"
            f" no data can determine the effect of {listed([found.single])} alone, and each package's beta"
            " of it is arbitrary. Differences between these conditions are determined."
        )
    return (
        f"What is added to all their betas is {taken}, and the fit hardly changes. The"
        " beta of one condition alone is therefore nearly arbitrary, and small differences between two"
        f" packages, or between two filters, move it a lot: the standard error of {listed([found.single])}"
        f" alone is {times(found.ratio)} times that of {found.difference} (for independent noise)."
        " Differences between these conditions are well determined, and t maps of one condition suffer"
        " less, as t divides by that large standard error."
    )


def _concerned(hit: Sequence[str], safe: Sequence[str]) -> str:
    parts = []
    if hit:
        parts.append(f"Contrasts with such effect maps: {listed(hit)}.")
    if safe:
        parts.append(f"Contrasts not concerned: {listed(safe)}.")
    return " ".join(parts)


def _remedy(found: StandardErrors) -> str:
    if not found.difference:
        return (
            f"Do not report the effect of {listed([found.single])} against baseline; model what changes"
            " within it (its parts, or a parametric modulator), or record rest."
        )
    falls = (
        ""
        if math.isinf(found.ratio)
        else f" and its standard error falls to {times(found.after)} of what it is now"
    )
    return (
        f"Drop one of the conditions that fill the run from X: without {listed([found.dropped])}, the effect"
        f" of {listed([found.single])} is measured against it{falls}. Or keep them and test only their"
        f" differences, such as {found.difference}."
    )
