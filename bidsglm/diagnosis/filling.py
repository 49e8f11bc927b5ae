"""Which conditions together fill a run, and what this does to their standard errors.

A run is filled by conditions whose events leave no rest: once the response has risen, their regressors add up
to a constant, ``sum_i x_i = a 1``. Then adding d to all their betas and taking ``a d`` from the constant's
hardly changes the fit; single effects are nearly undetermined, differences of these conditions are not. Where
a package takes the means of data and columns in place of a constant, columns add up to nothing, and d changes
as little.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.design_space import unexplained
from bidsglm.diagnosis.advice import listed
from bidsglm.diagnosis.collinearity import effect_variances
from bidsglm.diagnosis.design_parts import function_columns
from bidsglm.model import CONSTANT, Floats

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
    # a run shorter than twice the rise would be judged by its end alone: it is taken whole
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
        # weights that add up to 0 are free of what the constant takes from all alike
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
    # s sqrt(c (X'X)^-1 c') with s = 1
    return float(np.sqrt(effect_variances(design, weights[None])[0]))
