"""Which modelling step makes which part of the difference between two packages' maps.

With the steps S at SPM's setting and the others at nilearn's, ``v(S) = metric(map(S), map(nilearn))`` on the
voxels of both masks. The ladder takes the steps to SPM's settings one after the other; the Shapley value of a
step is its mean contribution over all orders, and these add up to the whole difference
(`bidsglm.attribution.shapley`). What a combination of settings means stands in `bidsglm.attribution.steps`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.crossing import OVERSAMPLING
from bidsglm.attribution.designs import Designs
from bidsglm.attribution.differences import SLOPE
from bidsglm.attribution.maps import CombinationMaps
from bidsglm.attribution.models import (
    ContrastPair,
    Models,
    Observations,
    Piece,
    StepSettings,
    unscaled,
)
from bidsglm.attribution.runs import StatMaps, end_to_end
from bidsglm.attribution.shapley import (
    combination_of,
    dominant_steps,
    effective_steps,
)
from bidsglm.attribution.step_rows import Row, StepMaps, map_names, metrics, step_rows, unmodelled_rows
from bidsglm.attribution.steps import COARSE_STEPS, Step
from bidsglm.model import Mask
from bidsglm.packages import DEFAULT_PAIR, Pair

CLOSURE_NILEARN = 1e-6
CLOSURE_SPM = 5e-7
"""Largest difference of the map with one package's settings in all steps from its own, over its range."""
RESIZED = 2.0
"""Factor of the effects that only the height of events of zero length can make."""


class Closure(NamedTuple):
    """How closely all steps at one package's setting meet that package's own map."""

    nilearn: float
    spm: float

    @property
    def closes(self) -> bool:
        """Whether both are within their tolerances."""
        return self.nilearn <= CLOSURE_NILEARN and self.spm <= CLOSURE_SPM


@dataclass(frozen=True)
class Explanation:
    """Why two packages' maps differ."""

    rows: tuple[Row, ...]
    """Rows of the table, one for each contrast, map, metric and step."""
    steps: tuple[Step, ...]
    dominant: Mapping[str, NDArray[np.int8]]
    """Contrast label -> (n_voxels,) over the columns of the maps: index into `labels`"""
    labels: tuple[str, ...]
    """Names of the values of the dominant-step maps; the first stands for none."""
    closes: bool
    """With one package's settings in all steps its own maps come out, within the tolerances."""
    n_sample: int
    """Voxels that the table is computed on."""
    n_voxels: int
    """Voxels of both masks."""
    n_uncertain: int
    """Voxels of the sample whose AR(1) bin depends on rounding; left out of closure_nilearn."""
    notes: tuple[str, ...] = ()
    pair: Pair = DEFAULT_PAIR
    in_blocks: bool = False
    """Whether the sample is of compact blocks of voxels; else of voxels at random"""


def explanation(
    models: Models, steps: Sequence[Step], evidence: Observations, notes: Sequence[str] = ()
) -> Explanation:
    """Attribute the difference of two packages' maps to modelling steps.

    Parameters
    ----------
    models
        Both packages' models.
    steps
        Those of `STEPS`, or with regressors in place of its parts where they cannot be told apart.
    evidence
        Data and maps.
    notes
        What the reader should know besides.
    """
    # docs/attribution.md, "What a mixture means": each combination of settings is one linear model
    designs = Designs(models, evidence.pool)
    table = _table(designs, steps, evidence)
    # the table is of the sample, the dominant steps of all voxels
    words = _words_on_events(table.factors, models.runs[0].repetition_time)
    return Explanation(
        tuple(table.rows),
        tuple(steps),
        dominant_steps(designs, steps, evidence),
        ("none", *COARSE_STEPS),
        all(closure.closes for closure in table.closures),
        evidence.sample.size,
        int(evidence.masks.both.sum()),
        table.n_uncertain,
        (*notes, *words, *designs.notes),
    )


class _Table(NamedTuple):
    rows: list[Row]
    closures: list[Closure]
    factors: dict[str, float]
    """Contrast -> ratio of nilearn's effects to SPM's by the drawing of events"""
    n_uncertain: int


def _table(designs: Designs, steps: Sequence[Step], evidence: Observations) -> _Table:
    sampled = _sampled(designs, steps, evidence)
    columns, certain = evidence.sample, ~sampled.uncertain
    table = _Table([], [], {}, int(sampled.uncertain.sum()))
    for index, pair in enumerate(evidence.pairs):
        for name in map_names(pair.other):
            changes = _step_maps(sampled.combinations, steps, index, name)
            closure = _closure(sampled.ends[index], name, pair, columns, certain)
            table.closures.append(closure)
            table.rows.extend(step_rows(changes, steps, pair.other.specification.name, DEFAULT_PAIR, closure))
            # t and F do not depend on the height of a regressor, so only effects show it
            if name == "effect":
                table.factors[pair.other.specification.name] = _factor_of_events(changes)
        table.rows.extend(unmodelled_rows(pair, DEFAULT_PAIR, evidence.masks, columns))
    return table


class _Sampled(NamedTuple):
    """What the table needs of the sample, or of a piece of it."""

    combinations: CombinationMaps
    ends: list[tuple[StatMaps, StatMaps]]
    """nilearn's and SPM's own settings in each contrast, each with its package's rounding"""
    uncertain: Mask
    """(n_voxels,) rounding decides the bin of their coefficient, and another bin is another map"""


def _sampled(designs: Designs, steps: Sequence[Step], evidence: Observations) -> _Sampled:
    """Fit all combinations to the sample, a piece at a time."""
    wanted = _combinations(designs.models, steps, evidence)
    # a loop would hold a piece while the next is made
    parts = list(map(partial(_piece_fitted, designs, wanted), evidence.pieces))
    by_contrast = zip(*(part.ends for part in parts), strict=True)
    return _Sampled(
        CombinationMaps.joined([part.combinations for part in parts]),
        [
            (end_to_end([own for own, _ in ends]), end_to_end([spm for _, spm in ends]))
            for ends in by_contrast
        ],
        np.concatenate([part.uncertain for part in parts]),
    )


def _piece_fitted(designs: Designs, wanted: Sequence[StepSettings], piece: Piece) -> _Sampled:
    here = CombinationMaps(designs, piece.block)
    # nilearn rounds scaled signals to float32: closure is taken on the same rounded signals
    own = CombinationMaps(designs, unscaled(piece.block.columns, piece.signals), every_rule=False)
    # each end has its package's rounding, else float32 would look like an error of the method
    contrasts = range(len(designs.models.plans))
    ends = [(own.maps(StepSettings(), contrast), here.spm_maps(contrast)) for contrast in contrasts]
    return _Sampled(here.fitted(wanted), ends, own.uncertain_bins())


def _combinations(models: Models, steps: Sequence[Step], evidence: Observations) -> list[StepSettings]:
    """All combinations that some map needs, those that share a covariance after each other."""
    scanwise = bool(evidence.pool.scans)
    kinds = {name for pair in evidence.pairs for name in map_names(pair.other)}
    active = [effective_steps(steps, kind, len(models.runs), scanwise) for kind in sorted(kinds)]
    return sorted(
        {combination_of(names, taken) for names in active for taken in product((0, 1), repeat=len(names))}
    )


def _step_maps(combinations: CombinationMaps, steps: Sequence[Step], contrast: int, kind: str) -> StepMaps:
    models = combinations.designs.models
    active = effective_steps(steps, kind, len(models.runs), bool(combinations.block.scans))
    # v(S) for every set S of steps: a step that cannot move this map would only double the work
    found = [
        combinations.maps(combination_of(active, taken), contrast)
        for taken in product((0, 1), repeat=len(active))
    ]
    # in the order of `product`, which reshapes to one axis of length 2 for each step
    maps = [m.effect if kind == "effect" else m.stat for m in found]
    return StepMaps(kind, active, np.stack([m for m in maps if m is not None]), tuple(m.dof for m in found))


def _closure(
    pure: tuple[StatMaps, StatMaps], kind: str, pair: ContrastPair, columns: NDArray[np.intp], certain: Mask
) -> Closure:
    """Distance of the maps with one package's settings in all steps from its own."""
    distances = []
    for own, maps, voxels in zip(pure, pair, (certain, np.ones_like(certain)), strict=True):
        found, target = (m.effect if kind == "effect" else m.stat for m in (own, maps))
        assert found is not None
        assert target is not None
        # over the whole map, of which the sample may hold no extreme
        extent = float(np.nanmax(target) - np.nanmin(target))
        worst = float(np.abs(found - target[columns])[voxels].max(initial=0.0))
        distances.append(worst / extent if extent else worst)
    return Closure(*distances)


def _factor_of_events(changes: StepMaps) -> float:
    """How much larger nilearn's effects are than SPM's by the drawing of events alone."""
    if "events" not in changes.steps:
        return 1.0
    # the slope minus 1 after this step alone: SPM's effects over nilearn's, the other steps equal
    alone = tuple(int(name == "events") for name in changes.steps)
    return 1 / (1 + float(metrics(changes)[SLOPE][alone]))


def _words_on_events(factors: Mapping[str, float], repetition_time: float) -> list[str]:
    """What the drawing of events does to effects, where it changes their size."""
    resized = {name: factor for name, factor in factors.items() if factor > RESIZED}
    if not resized:
        return []
    names = ", ".join(f"{name} ({factor:.3g})" for name, factor in resized.items())
    return [
        "By the drawing of events alone, nilearn's effects are larger than SPM's by the factor in brackets: "
        f"{names}. SPM draws events of zero length one over the bin high, so that each has an area of one "
        f"second; nilearn draws them 1 high and one step of TR/{OVERSAMPLING} long. The ratio is "
        f"{OVERSAMPLING}/TR = {OVERSAMPLING / repetition_time:.3g} but for rounding to the grids."
    ]
