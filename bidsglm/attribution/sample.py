"""What the table of steps needs of the sample: sums over its voxels, a piece at a time.

All combinations are fitted to a piece, one after the other, and only sums of their maps are kept: neither
runs nor contrasts nor voxels add up in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.designs import Designs
from bidsglm.attribution.differences import MapSums, merged, stacked, summed, threshold
from bidsglm.attribution.maps import CombinationMaps
from bidsglm.attribution.models import ContrastPair, Observations, Piece, StepSettings, unscaled
from bidsglm.attribution.runs import StatMaps
from bidsglm.attribution.shapley import effective_steps, every_combination
from bidsglm.attribution.step_rows import StepSums
from bidsglm.attribution.steps import Step
from bidsglm.attribution.turns import Each
from bidsglm.data import ContrastMaps
from bidsglm.model import Floats, Mask


class ExplainedKind(NamedTuple):
    """Maps of one kind: effects, or statistics."""

    is_effect: bool
    contrasts: tuple[int, ...]
    """Those that have such a map"""
    steps: tuple[str, ...]
    """That can change it"""
    combinations: tuple[StepSettings, ...]
    """In binary order of the steps"""


class Sampled(NamedTuple):
    """What the table needs of the sample, or of a piece of it."""

    sums: Mapping[bool, MapSums]
    """Whether of effects -> (n_combinations, n_contrasts of the kind)"""
    farthest: Floats
    """(2, 2, n_contrasts) largest distance from nilearn's and from SPM's own map, of statistics and effects;
    for nilearn's without the uncertain voxels"""
    n_uncertain: int
    """Voxels where rounding decides the bin of their coefficient, and another bin is another map"""


def kinds_of(designs: Designs, steps: Sequence[Step], evidence: Observations) -> tuple[ExplainedKind, ...]:
    """Kinds of maps of an analysis."""
    n_runs, scanwise = len(designs.models.runs), bool(evidence.pool.scans)
    found = []
    for is_effect in (True, False):
        # a t and an F are moved by the same steps
        active = effective_steps(steps, "effect" if is_effect else "t", n_runs, scanwise)
        tests = [pair.other.specification.test for pair in evidence.pairs]
        contrasts = tuple(i for i, test in enumerate(tests) if test == "t" or not is_effect)
        if contrasts:
            found.append(ExplainedKind(is_effect, contrasts, active, tuple(every_combination(active))))
    return tuple(found)


def sampled(designs: Designs, kinds: Sequence[ExplainedKind], evidence: Observations, each: Each) -> Sampled:
    """Fit all combinations to the sample, a piece at a time."""
    # before the threads that share it start
    designs.prepare({c for kind in kinds for c in kind.combinations} | {StepSettings()}, each)
    parts = each(partial(_piece_summed, designs, kinds, evidence.pairs), evidence.pieces)
    return Sampled(
        {kind.is_effect: merged([part.sums[kind.is_effect] for part in parts]) for kind in kinds},
        np.max([part.farthest for part in parts], axis=0),
        sum(part.n_uncertain for part in parts),
    )


def step_sums_of(found: Sampled, kinds: Sequence[ExplainedKind], contrast: int, name: str) -> StepSums:
    """Sums of the maps of one contrast."""
    (kind,) = (kind for kind in kinds if kind.is_effect == (name == "effect"))
    return StepSums(name, kind.steps, found.sums[kind.is_effect].of(kind.contrasts.index(contrast)))


def _piece_summed(
    designs: Designs, kinds: Sequence[ExplainedKind], pairs: Sequence[ContrastPair], make: Callable[[], Piece]
) -> Sampled:
    block, signals = make()
    columns, contrasts = block.columns, range(len(pairs))
    # nilearn rounds scaled signals to float32: closure is taken on the same rounded signals
    own = CombinationMaps(designs, unscaled(columns, signals), every_rule=False)
    uncertain, ends = own.uncertain_bins(), [own.maps(StepSettings(), i) for i in contrasts]
    nilearn = [
        farthest(maps, pair.reference, columns, ~uncertain) for maps, pair in zip(ends, pairs, strict=True)
    ]
    # rounded signals are as large as the block, and not wanted while all mixtures are fitted
    del own, ends, signals
    here = CombinationMaps(designs, block)
    sums = _summed_up(here, kinds, contrasts)
    # each end has its package's rounding, else float32 would look like an error of the method
    everywhere = np.ones_like(uncertain)
    spm = [farthest(here.spm_maps(i), pair.other, columns, everywhere) for i, pair in enumerate(pairs)]
    return Sampled(sums, np.array([nilearn, spm]).transpose(0, 2, 1), int(uncertain.sum()))


def _summed_up(
    here: CombinationMaps, kinds: Sequence[ExplainedKind], contrasts: Sequence[int]
) -> dict[bool, MapSums]:
    """Sums of all combinations, those that share a fit after each other."""
    places = {kind: {c: i for i, c in enumerate(kind.combinations)} for kind in kinds}
    order = sorted(
        {c for kind in kinds for c in kind.combinations},
        key=lambda combination: (here.key(combination), combination),
    )
    references: dict[ExplainedKind, _Maps] = {}
    found: dict[ExplainedKind, dict[int, MapSums]] = {kind: {} for kind in kinds}
    for _, sharing in groupby(order, here.key):
        here.forget_fits()
        for combination in sharing:
            maps = [here.maps(combination, i) for i in contrasts]
            for kind in kinds:
                if combination in places[kind]:
                    of_kind = _maps_of(maps, kind)
                    # the first in this order is the one with nilearn's setting in every step of the kind
                    reference = references.setdefault(kind, of_kind)
                    found[kind][places[kind][combination]] = _against(reference, of_kind)
    return {kind.is_effect: stacked([sums for _, sums in sorted(found[kind].items())]) for kind in kinds}


class _Maps(NamedTuple):
    values: Floats
    """(n_contrasts, n_voxels)"""
    limits: Floats | None
    """(n_contrasts,) thresholds of statistics"""


def _maps_of(maps: Sequence[StatMaps], kind: ExplainedKind) -> _Maps:
    chosen = [maps[i] for i in kind.contrasts]
    if kind.is_effect:
        return _Maps(np.stack([m.effect for m in chosen if m.effect is not None]), None)
    # p < 0.001 by the degrees of freedom of each combination, which noise and runs change
    return _Maps(np.stack([m.stat for m in chosen]), np.array([threshold(m.dof) for m in chosen]))


def _against(reference: _Maps, maps: _Maps) -> MapSums:
    limits = None if reference.limits is None or maps.limits is None else (reference.limits, maps.limits)
    return summed(reference.values, maps.values, limits)


def farthest(
    found: StatMaps, own: ContrastMaps, columns: NDArray[np.intp], voxels: Mask
) -> tuple[float, float]:
    """Largest distance of a statistic and of an effect from a package's own map.

    Parameters
    ----------
    found
        (n_voxels,)
    own
        Over all columns.
    columns
        (n_voxels,) places of the voxels in the package's maps
    voxels
        (n_voxels,) that count
    """
    # the largest and not the mean: one voxel that another rule was used in would not show in a mean
    both = (found.stat, own.stat), (found.effect, own.effect)
    stat, effect = (
        0.0 if a is None or b is None else float(np.abs(a - b[columns])[voxels].max(initial=0.0))
        for a, b in both
    )
    return stat, effect
