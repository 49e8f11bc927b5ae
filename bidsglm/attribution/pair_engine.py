"""Which modelling step makes which part of the difference between the maps of any two packages.

`bidsglm.attribution.engine` does the same for SPM and nilearn from cross-products of all voxels; here each
mixture of settings is fitted anew, on a sample of voxels.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.crossproducts import estimable
from bidsglm.attribution.engine import Explanation
from bidsglm.attribution.mixture_designs import MixtureDesigns
from bidsglm.attribution.mixture_fits import MixtureFits
from bidsglm.attribution.models import ContrastPair, Masks
from bidsglm.attribution.run_designs import RunDesign
from bidsglm.attribution.runs import Plan, StatMaps
from bidsglm.attribution.sides import Mixture, PairModels
from bidsglm.attribution.step_rows import Row, StepSums, map_names, step_rows, step_sums, unmodelled_rows
from bidsglm.attribution.steps import COARSE_STEPS, Step, settings_of
from bidsglm.data import ContrastMaps
from bidsglm.model import Floats, Mask
from bidsglm.pairs import Pair

CLOSES: Mapping[str, float] = {"nilearn": 1e-6, "spm": 5e-6, "afni": 2e-6, "fsl": 5e-6}
"""Largest distance of the map with one package's settings in all steps from its own, over its range; maps are
float32 images in SPM, AFNI and FSL"""
KEEP_EFFECTS = frozenset({"averaged", "pooled"})
"""Ways to combine runs that give the same effects"""


class PairEvidence(NamedTuple):
    """Maps of both packages to be explained."""

    pair: Pair
    contrasts: tuple[ContrastPair, ...]
    """One for each plan of the models"""
    masks: Masks
    columns: NDArray[np.intp]
    """(n_voxels,) places of the models' voxels in the maps"""
    in_blocks: bool = False
    kinds: tuple[str, ...] = ("effect", "t", "F")
    """Maps that both packages have"""


def active_steps(models: PairModels, steps: Sequence[Step], kind: str = "") -> tuple[str, ...]:
    """Steps that can change a map, in their order.

    Parameters
    ----------
    models
        Of both packages.
    steps
        All steps of the analysis.
    kind
        effect, t or F; empty for any of them
    """
    idle = set()
    apart = len(models.runs) == 1 and not models.scanwise
    ways = {side.combination for side in models.sides}
    if apart and kind not in ("effect", ""):
        # a factor of a single run's data moves no t
        idle.add("scaling")
    # means of the runs' effects, by whichever residual variance their error is estimated
    if kind == "effect" and ways <= KEEP_EFFECTS and not any(side.run_factors for side in models.sides):
        idle.add("runs")
    return tuple(step.name for step in steps if not step.same and step.name not in idle)


def mixture_of(names: Sequence[str], taken: Sequence[int]) -> Mixture:
    """Mixture with some steps at given settings, all others at the other package's.

    >>> mixture_of(("noise", "filter"), (0, 1)).noise, mixture_of(("regressors",), (0,)).events
    (0, 0)
    """
    return Mixture(**settings_of(Mixture._fields, names, taken))


def mixtures_to_fit(models: PairModels, steps: Sequence[Step]) -> int:
    """Number of fits that the steps need; factors and the way to combine runs mostly need none."""
    fits = MixtureFits(models)
    names = active_steps(models, steps)
    return len({fits.key(mixture_of(names, taken)) for taken in product((0, 1), repeat=len(names))})


def estimable_everywhere(models: PairModels, names: Sequence[str]) -> tuple[bool, ...]:
    """Say of every contrast whether all mixtures of some steps have its columns and can estimate it.

    Parameters
    ----------
    models
        Of both packages, with their contrasts.
    names
        Steps that change the designs; all others are at one package's settings.
    """
    designs = MixtureDesigns(models)
    # a map that one mixture lacks would leave a Shapley value without one of its terms
    found = [True] * len(models.plans_of(0))
    for taken in product((0, 1), repeat=len(names)):
        mixture = mixture_of(names, taken)
        for run in range(len(models.runs)):
            design = designs.design(mixture, run)
            for i, plan in enumerate(models.plans_of(mixture.contrast)):
                found[i] = found[i] and (run not in plan.runs or _estimable(design, plan, run))
    return tuple(found)


def _estimable(design: RunDesign, plan: Plan, run: int) -> bool:
    known = set(plan.specification.conditions) <= set(design.names)
    return known and estimable(design.matrix, plan.placed(design.all_names, run))


def pair_explanation(
    models: PairModels, steps: Sequence[Step], evidence: PairEvidence, notes: Sequence[str] = ()
) -> Explanation:
    """Attribute the difference of two packages' maps to modelling steps.

    Parameters
    ----------
    models
        Both packages' models, with the sample's data.
    steps
        With regressors in place of its parts where they cannot be told apart.
    evidence
        Both packages' maps.
    notes
        What the reader should know besides.
    """
    fits = MixtureFits(models)
    every = _every_mixture(fits, active_steps(models, steps))
    ends = [fits.own_maps(side) for side in (0, 1)]
    # rounding decides the bin of such a coefficient, and another bin is another map
    uncertain = [fits.uncertain(side) for side in (0, 1)]
    rows: list[Row] = []
    closes = True
    for index, contrast in enumerate(evidence.contrasts):
        for kind in map_names(contrast.other):
            if kind not in evidence.kinds:
                continue
            closure = [
                _distance(end[index], target, kind, evidence.columns, ~unsure)
                for end, target, unsure in zip(ends, contrast, uncertain, strict=True)
            ]
            tolerances = [CLOSES[evidence.pair.reference], CLOSES[evidence.pair.first]]
            # a mixture at an end that misses its package's map would give shares of another difference
            closes &= all(value <= limit for value, limit in zip(closure, tolerances, strict=True))
            changes = _changes(models, steps, kind, {mixture: maps[index] for mixture, maps in every.items()})
            name = contrast.other.specification.name
            rows += step_rows(changes, steps, name, evidence.pair, (closure[0], closure[1]))
        if contrast.other.specification.test in evidence.kinds:
            rows += unmodelled_rows(contrast, evidence.pair, evidence.masks, evidence.columns)
    return Explanation(
        tuple(rows),
        tuple(steps),
        {},
        ("none", *COARSE_STEPS),
        closes,
        models.n_voxels,
        int(evidence.masks.both.sum()),
        int((uncertain[0] | uncertain[1]).sum()),
        (*notes, *(fits.errors.notes if fits.errors else ())),
        evidence.pair,
        evidence.in_blocks,
    )


def _every_mixture(fits: MixtureFits, names: Sequence[str]) -> dict[Mixture, tuple[StatMaps, ...]]:
    mixtures = {mixture_of(names, taken) for taken in product((0, 1), repeat=len(names))}
    # those that share a fit follow each other
    return {mixture: fits.maps(mixture) for mixture in sorted(mixtures, key=lambda c: str(fits.key(c)))}


def _changes(
    models: PairModels, steps: Sequence[Step], kind: str, found: Mapping[Mixture, StatMaps]
) -> StepSums:
    names = active_steps(models, steps, kind)
    maps = [found[mixture_of(names, taken)] for taken in product((0, 1), repeat=len(names))]
    values = [_map(each, kind) for each in maps]
    return step_sums(kind, names, np.stack(values), tuple(each.dof for each in maps))


def _map(maps: StatMaps | ContrastMaps, kind: str) -> Floats:
    found = maps.effect if kind == "effect" else maps.stat
    assert found is not None
    return np.asarray(found, dtype=np.float64)


def _distance(
    own: StatMaps, target: ContrastMaps, kind: str, columns: NDArray[np.intp], certain: Mask
) -> float:
    """Largest difference from a package's own map, over its range, where no rounding decides."""
    values = _map(target, kind)
    # over the whole map, of which the sample may hold no extreme
    extent = float(np.nanmax(values) - np.nanmin(values))
    # where the coefficient's bin hangs on rounding, a distance would not be one of the method
    worst = float(np.abs(_map(own, kind) - values[columns])[certain].max(initial=0.0))
    return worst / extent if extent else worst
