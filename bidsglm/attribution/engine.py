"""Which modelling step makes which part of the difference between two packages' maps.

With the steps S at SPM's setting and the others at nilearn's, ``v(S) = metric(map(S), map(nilearn))`` on the
voxels of both masks. The ladder takes the steps to SPM's settings one after the other; the Shapley value of a
step is its mean contribution over all orders, and these add up to the whole difference
(`bidsglm.attribution.shapley`). What a combination of settings means stands in `bidsglm.attribution.steps`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.crossing import OVERSAMPLING
from bidsglm.attribution.designs import Designs
from bidsglm.attribution.differences import SLOPE
from bidsglm.attribution.models import ContrastPair, Models, Observations
from bidsglm.attribution.sample import kinds_of, sampled, step_sums_of
from bidsglm.attribution.shapley import dominant_steps
from bidsglm.attribution.step_rows import Row, StepSums, map_names, metrics, step_rows, unmodelled_rows
from bidsglm.attribution.steps import COARSE_STEPS, Step
from bidsglm.attribution.turns import Each, in_turn
from bidsglm.model import Floats
from bidsglm.pairs import DEFAULT_PAIR, Pair

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
    models: Models,
    steps: Sequence[Step],
    evidence: Observations,
    notes: Sequence[str] = (),
    each: Each = in_turn,
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
    each
        Works on pieces of the data.
    """
    # docs/attribution.md, "What a mixture means": each combination of settings is one linear model
    designs = Designs(models, evidence.pool)
    table = _table(designs, steps, evidence, each)
    # the table is of the sample, the dominant steps of all voxels
    words = _words_on_events(table.factors, models.runs[0].repetition_time)
    return Explanation(
        tuple(table.rows),
        tuple(steps),
        dominant_steps(designs, steps, evidence, each),
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


def _table(designs: Designs, steps: Sequence[Step], evidence: Observations, each: Each) -> _Table:
    kinds = kinds_of(designs, steps, evidence)
    found = sampled(designs, kinds, evidence, each)
    table = _Table([], [], {}, found.n_uncertain)
    for index, pair in enumerate(evidence.pairs):
        for name in map_names(pair.other):
            changes = step_sums_of(found, kinds, index, name)
            closure = _closure(found.farthest[:, int(name == "effect"), index], name, pair)
            table.closures.append(closure)
            table.rows.extend(step_rows(changes, steps, pair.other.specification.name, DEFAULT_PAIR, closure))
            # t and F do not depend on the height of a regressor, so only effects show it
            if name == "effect":
                table.factors[pair.other.specification.name] = _factor_of_events(changes)
        table.rows.extend(unmodelled_rows(pair, DEFAULT_PAIR, evidence.masks, evidence.sample))
    return table


def _closure(farthest: Floats, kind: str, pair: ContrastPair) -> Closure:
    """Distance of the maps with one package's settings in all steps from its own, over the range of these."""
    distances = []
    for worst, maps in zip(farthest.tolist(), pair, strict=True):
        target = maps.effect if kind == "effect" else maps.stat
        assert target is not None
        # over the whole map, of which the sample may hold no extreme
        extent = float(np.nanmax(target) - np.nanmin(target))
        distances.append(worst / extent if extent else worst)
    return Closure(*distances)


def _factor_of_events(changes: StepSums) -> float:
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
