"""Which step of a group analysis makes which part of the difference between two packages' group maps.

The steps on the way from the reference's group map to the other's, in the order of the ladder:

- *effects*: whose effect maps of the participants are fitted. All differences of the first level are in it.
- *design*: the matrix over participants; both packages get the same one.
- *variance*: one variance of the errors, or SPM's for each group.
- *mask*: which voxels SPM estimates the groups' variances from; without these the mask moves no value.

Where errors have one variance in both, the effects make all of the difference and nothing is fitted again.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.runs import StatMaps
from bidsglm.attribution.step_rows import Row, metrics, rows_of_steps, step_sums
from bidsglm.attribution.steps import Step
from bidsglm.data import Images
from bidsglm.model import Floats, Mask
from bidsglm.pairs import Pair
from bidsglm.spm.second_level import group_contrast, group_estimate


class GroupRefit(NamedTuple):
    """A package's maps of the participants, to be fitted in the other's way."""

    images: Images
    design: Floats
    groups: NDArray[np.intp]
    """Group of each image"""
    columns: NDArray[np.intp]
    """Voxels that are compared, among the images'"""

    def maps(self, weights: Sequence[Floats], mask: Mask | None, unequal: bool) -> list[StatMaps]:
        """Fit contrasts with one variance or one for each group, estimated in a mask.

        Raises
        ------
        ValueError
            When the groups' variances cannot be estimated.
        """
        # all of the mask, since ReML pools it, then the columns that are compared
        fit = group_estimate(self.images, self.design, mask, self.groups if unequal else None)
        found = [group_contrast(fit, row) for row in weights]
        return [
            StatMaps(
                None if maps.effect is None else maps.effect[self.columns].astype(np.float64),
                maps.stat[self.columns].astype(np.float64),
                maps.dof,
            )
            for maps in found
        ]


class Ends(NamedTuple):
    """Both packages' own maps of a contrast."""

    reference: StatMaps
    first: StatMaps


def active_steps(variances_differ: bool, masks_differ: bool) -> tuple[str, ...]:
    """Steps that can move a value.

    >>> active_steps(False, True), active_steps(True, False)
    (('effects',), ('effects', 'variance'))
    """
    moved = ("variance", *(("mask",) if masks_differ else ())) if variances_differ else ()
    return ("effects", *moved)


def every_combination(
    steps: Sequence[str],
    ends: Sequence[Ends],
    unequal: tuple[bool, bool],
    refit: Callable[[bool, bool, bool], list[StatMaps]],
) -> dict[tuple[int, ...], list[StatMaps]]:
    """Maps of every combination of the active steps: the reference's setting 0, the other's 1.

    Parameters
    ----------
    steps
        From `active_steps`.
    ends
        Own maps of each contrast.
    unequal
        Whether errors have a variance for each group in the reference, and in the other.
    refit
        Fits all contrasts again, given whether effects are the other's, whether each group has a variance,
        and whether the mask is the other's.

    Raises
    ------
    ValueError
        As `GroupRefit.maps`.
    """
    found: dict[tuple[int, ...], list[StatMaps]] = {}
    # both ends are the packages' own maps; only what lies between them is fitted again
    for taken in product((0, 1), repeat=len(steps)):
        on = dict(zip(steps, map(bool, taken), strict=True))
        effects = on["effects"]
        # a step that moves nothing goes with the effects, so that both ends are the packages' own maps
        variance = on.get("variance", effects)
        mask = on.get("mask", effects)
        # with one variance the mask moves nothing
        one = not unequal[variance]
        if effects == variance and (one or mask == effects):
            found[taken] = [end.first if effects else end.reference for end in ends]
        elif one and "mask" in on and mask:
            found[taken] = found[(*taken[:-1], 0)]
        else:
            found[taken] = refit(effects, not one, mask if "mask" in on else True)
    return found


def group_rows(
    settings: Sequence[Step],
    steps: Sequence[str],
    pair: Pair,
    maps: Mapping[tuple[int, ...], StatMaps],
    closures: tuple[float, float],
) -> list[Row]:
    """Rows of the table of one contrast: each step's part of each metric of each map.

    Parameters
    ----------
    settings
        All steps with what each package does in them.
    steps
        Those that are active.
    pair
        Whose they are.
    maps
        Of each combination, in binary order.
    closures
        Largest distance of the reference's and the other's own map from that of all their settings, over its
        range; NaN where nothing was fitted again.

    >>> far = {(0,): StatMaps(None, np.zeros(2), (9.0,)), (1,): StatMaps(None, np.ones(2), (9.0,))}
    >>> pair, step = Pair("spm", "nilearn"), Step("effects", "a", "b")
    >>> rows = group_rows([step], ("effects",), pair, far, (0.0, 0.0))
    >>> [(row["map"], row["metric"], row["shapley"]) for row in rows][0]
    ('t', 'rmsd', 1.0)
    """
    rows: list[Row] = []
    first = next(iter(maps.values()))
    stat = "t" if len(first.dof) == 1 else "F"
    effects = [each.effect for each in maps.values() if each.effect is not None]
    kinds = {"effect": effects, stat: [each.stat for each in maps.values()]}
    for kind, found in kinds.items():
        if not found:
            continue
        # one map for each of the 2^k combinations of steps, in the order of their bits
        changes = step_sums(kind, tuple(steps), np.stack(found, dtype=np.float64), [first.dof] * len(found))
        for metric, moved in metrics(changes).items():
            shared: Row = {"map": kind, "metric": metric}
            rows += [shared | row for row in rows_of_steps(settings, pair, steps, moved, closures)]
    return rows


def closure_of(refitted: Sequence[StatMaps], own: Sequence[StatMaps]) -> float:
    """Largest distance of maps from their own, over the range of these."""
    worst = 0.0
    for ours, theirs in zip(refitted, own, strict=True):
        # a flat map has no range, and its distance stands as it is
        extent = float(np.ptp(theirs.stat)) or 1.0
        worst = max(worst, float(np.abs(ours.stat - theirs.stat).max(initial=0.0)) / extent)
    return worst
