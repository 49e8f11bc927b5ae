"""The steps between two packages' results: both settings of each in words, and which are the same."""

from collections.abc import Mapping
from itertools import product

import numpy as np

from bidsglm.attribution.covariances import PooledNoise
from bidsglm.attribution.crossing import OVERSAMPLING
from bidsglm.attribution.mixture_designs import MixtureDesigns
from bidsglm.attribution.response_rules import drawn
from bidsglm.attribution.runs import Plan
from bidsglm.attribution.sides import (
    DriftColumns,
    LocalLine,
    Mixture,
    PairModels,
    ProjectedOff,
    RunFilter,
    Side,
)
from bidsglm.attribution.steps import CENSORING, PARTS_OF_REGRESSORS, REGRESSORS, STEPS, Step
from bidsglm.attribution.voxelnoise import IndependentErrors
from bidsglm.backends import phrases
from bidsglm.design_space import directions, rank
from bidsglm.model import Floats, ModelSpecification
from bidsglm.pairs import Pair
from bidsglm.unit.fit import Fitted
from bidsglm.unit.methods import in_words

REPRODUCED = 1e-4
"""Share of the largest value within which a package's own columns must be met by its rules taken apart"""
EQUAL = 1e-6
"""Share of the largest value within which two settings give the same numbers, but for float32"""
NOTHING = "none"
SHARED_INPUTS = ("onsets", "durations", "confounds")
"""Steps that differ only where the packages were not given the same"""
WORDS = {
    "smoother": phrases.SMOOTHING,
    "scaling": phrases.SCALING,
    "response": phrases.RESPONSE,
    REGRESSORS: phrases.RESPONSE,
    "sampling": phrases.SAMPLING,
    CENSORING: phrases.CENSORING,
    "filter": phrases.FILTER,
    "noise": phrases.NOISE,
    "runs": phrases.RUNS,
}
"""Step -> setting in whose words a package tells it"""


def reproduced(models: PairModels) -> bool:
    """Whether the rules of both packages, taken apart, give the columns that they have."""
    for number, side in enumerate(models.sides):
        if side.drawing is None:
            return False
        for run in range(len(models.runs)):
            own = side.runs[run].regressors.matrix
            try:
                found = drawn(models.conditions(number, number, run), side.drawing, run)
            except ValueError:
                return False
            if found.shape != own.shape or not _alike(found, own, REPRODUCED):
                return False
    return True


def _alike(one: Floats, other: Floats, share: float) -> bool:
    if one.shape != other.shape:
        return False
    extent = max(np.abs(one).max(initial=0.0), np.abs(other).max(initial=0.0))
    return bool(np.abs(one - other).max(initial=0.0) <= share * extent)


def pair_steps(fitted: Fitted, models: PairModels, pair: Pair) -> tuple[Step, ...]:
    """Steps of an analysis with both packages' settings."""
    prepared = fitted.prepared
    packages = pair.reference, pair.first
    both = in_words(prepared.model, prepared.paradigms, packages)
    apart = all(side.drawing is not None for side in models.sides)
    parts = PARTS_OF_REGRESSORS if apart else (REGRESSORS,)
    censored = any(run.censored for side in models.sides for run in side.runs)
    names = (*STEPS[:2], *parts, *((CENSORING,) if censored else ()), *STEPS[5:])
    found = []
    for name in names:
        reference, other = (_words(name, both[package], prepared.model, package) for package in packages)
        found.append(Step(name, reference, other, same_setting(name, models)))
    return tuple(found)


def _words(name: str, settings: Mapping[str, str], model: ModelSpecification, package: str) -> str:
    if name == "events":
        return {
            "spm": f"bins of TR/{model.spm.microtime_resolution}, one bin longer; all of zero length: height"
            " 1/bin",
            "nilearn": f"steps of TR/{OVERSAMPLING}, height 1",
            "afni": "at their own times, without a grid; an impulse has the response's own height",
            "fsl": "steps of 0.05 s, height 1; the later of two events holds",
        }[package]
    return settings.get(WORDS[name], NOTHING)


def same_setting(name: str, models: PairModels) -> bool:
    """Whether a step's two settings give the same numbers."""
    one, other = models.sides
    runs = list(zip(one.runs, other.runs, strict=True))
    if name == "smoother":
        return all(a.series is b.series or np.array_equal(a.series, b.series) for a, b in runs)
    if name == "scaling":
        return all(
            a.scaled is None and b.scaled is None and _same_factors(a.factors, b.factors) for a, b in runs
        )
    if name in PARTS_OF_REGRESSORS or name == REGRESSORS:
        return _same_regressors(name, models)
    if name == CENSORING:
        return all(a.censored == b.censored for a, b in runs)
    if name == "filter":
        return all(_same_filter(a.filter, b.filter) for a, b in runs)
    if name == "noise":
        return _same_noise(one, other, models)
    if name in SHARED_INPUTS:
        return name in MixtureDesigns(models).shared_inputs
    if name == "contrast":
        plans = zip(*(models.plans_of(side) for side in (0, 1)), strict=True)
        return all(same_weights(one, other) for one, other in plans)
    return len(models.runs) == 1 or one.combination == other.combination


def same_weights(one: Plan, other: Plan) -> bool:
    """Whether two contrasts weigh the same columns alike."""
    names = one.specification.conditions, other.specification.conditions
    factors = [plan.factors or (1.0,) * (max(plan.runs) + 1) for plan in (one, other)]
    return (
        names[0] == names[1]
        and one.runs == other.runs
        and one.weights.shape == other.weights.shape
        and np.allclose(one.weights, other.weights, rtol=1e-6, atol=0)
        and all(np.isclose(factors[0][run], factors[1][run], rtol=1e-6, atol=0) for run in one.runs)
    )


def _same_factors(one: Floats, other: Floats) -> bool:
    a, b = np.broadcast_arrays(one, other)
    return _alike(a, b, EQUAL)


def _same_regressors(name: str, models: PairModels) -> bool:
    designs = MixtureDesigns(models)
    moved = PARTS_OF_REGRESSORS if name == REGRESSORS else (name,)
    others = [part for part in PARTS_OF_REGRESSORS if part not in moved]
    if "response" in moved and models.sides[0].derivative != models.sides[1].derivative:
        return False
    for settings in product((0, 1), repeat=len(others)):
        rest = dict(zip(others, settings, strict=True))
        for run in range(len(models.runs)):
            a, b = (designs.unfiltered(Mixture(**rest, **dict.fromkeys(moved, side)), run) for side in (0, 1))
            if a.names != b.names or not _alike(a.matrix, b.matrix, EQUAL):
                return False
    return True


def _same_filter(one: RunFilter, other: RunFilter) -> bool:
    if _is_none(one) and _is_none(other):
        return True
    if isinstance(one, LocalLine) and isinstance(other, LocalLine):
        return one.line is not None and other.line is not None and _alike(one.line, other.line, EQUAL)
    if isinstance(one, DriftColumns) and isinstance(other, DriftColumns):
        return _alike(one.columns, other.columns, EQUAL)
    return False


def _is_none(rule: RunFilter) -> bool:
    if isinstance(rule, LocalLine):
        return rule.line is None
    return not (rule.cosines if isinstance(rule, ProjectedOff) else rule.columns).shape[1]


def _same_noise(one: Side, other: Side, models: PairModels) -> bool:
    """Independent errors are counted alike in all but FSL, whose designs have no constant, at full rank."""
    for side in (one, other):
        noise = side.noise
        independent = noise.kind == "none" if isinstance(noise, PooledNoise) else _counts_all(noise)
        if not independent:
            return False
    designs = MixtureDesigns(models)
    return all(
        rank(directions(design.matrix)) == design.matrix.shape[1]
        for run in range(len(models.runs))
        for design in (designs.design(Mixture(*(side,) * len(Mixture._fields)), run) for side in (0, 1))
    )


def _counts_all(noise: object) -> bool:
    return isinstance(noise, IndependentErrors) and noise.constant
