"""Which step of a group analysis makes which part of the difference between two packages' group maps.

The steps on the way from nilearn's group map to SPM's, in the order of the ladder:

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

from bidsglm.attribution.differences import DICE, distances, threshold, unlikeness
from bidsglm.attribution.shapley import ladder, shapley_values
from bidsglm.attribution.steps import Step
from bidsglm.model import Floats, Images, Mask
from bidsglm.spm.second_level import group_contrast, group_estimate

Row = dict[str, str | float]


class GroupMap(NamedTuple):
    """A contrast's maps in some voxels."""

    effect: Floats | None
    """None for F"""
    stat: Floats
    dof: tuple[float, ...]


class GroupRefit(NamedTuple):
    """A package's maps of the participants, to be fitted in the other's way."""

    images: Images
    design: Floats
    groups: NDArray[np.intp]
    """Group of each image"""
    columns: NDArray[np.intp]
    """Voxels that are compared, among the images'"""

    def maps(self, weights: Sequence[Floats], mask: Mask | None, unequal: bool) -> list[GroupMap]:
        """Fit contrasts with one variance or one for each group, estimated in a mask.

        Raises
        ------
        ValueError
            When the groups' variances cannot be estimated.
        """
        fit = group_estimate(self.images, self.design, mask, self.groups if unequal else None)
        found = [group_contrast(fit, row) for row in weights]
        return [
            GroupMap(
                None if maps.effect is None else maps.effect[self.columns].astype(np.float64),
                maps.stat[self.columns].astype(np.float64),
                maps.dof,
            )
            for maps in found
        ]


class Ends(NamedTuple):
    """Both packages' own maps of a contrast."""

    nilearn: GroupMap
    spm: GroupMap


def active_steps(unequal: bool, masks_differ: bool) -> tuple[str, ...]:
    """Steps that can move a value.

    >>> active_steps(False, True), active_steps(True, False)
    (('effects',), ('effects', 'variance'))
    """
    return ("effects", *(("variance",) if unequal else ()), *(("mask",) if unequal and masks_differ else ()))


def corners(
    steps: Sequence[str], ends: Sequence[Ends], refit: Callable[[bool, bool, bool], list[GroupMap]]
) -> dict[tuple[int, ...], list[GroupMap]]:
    """Maps of every combination of the active steps: nilearn's setting 0, SPM's 1.

    Parameters
    ----------
    steps
        From `active_steps`.
    ends
        Own maps of each contrast.
    refit
        Fits all contrasts again, given whether effects, variance and mask are SPM's.

    Raises
    ------
    ValueError
        As `GroupRefit.maps`.
    """
    found: dict[tuple[int, ...], list[GroupMap]] = {}
    for taken in product((0, 1), repeat=len(steps)):
        on = dict(zip(steps, map(bool, taken), strict=True))
        effects, variance = on["effects"], on.get("variance", False)
        if all(taken):
            found[taken] = [end.spm for end in ends]
        elif not effects and not variance:
            found[taken] = [end.nilearn for end in ends]
        elif not variance and on.get("mask", False):
            # with one variance the mask moves nothing
            found[taken] = found[(*taken[:-1], 0)]
        else:
            found[taken] = refit(effects, variance, on.get("mask", True))
    return found


def group_rows(
    settings: Sequence[Step],
    steps: Sequence[str],
    maps: Mapping[tuple[int, ...], GroupMap],
    closures: tuple[float, float],
) -> list[Row]:
    """Rows of the table of one contrast: each step's part of each metric of each map.

    Parameters
    ----------
    settings
        All steps with what each package does in them.
    steps
        Those that are active.
    maps
        Of each combination, in binary order.
    closures
        Largest distance of nilearn's and SPM's own map from that of all their settings, over its range; NaN
        where nothing was fitted again.

    >>> far = {(0,): GroupMap(None, np.zeros(2), (9.0,)), (1,): GroupMap(None, np.ones(2), (9.0,))}
    >>> rows = group_rows([Step("effects", "a", "b", False)], ("effects",), far, (0.0, 0.0))
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
        values = np.stack(found)
        for metric, moved in _metrics(values, first.dof if kind == stat else ()).items():
            ends: Row = {"closure_nilearn": closures[0], "closure_spm": closures[1]}
            found_rows = _rows(settings, steps, moved.reshape((2,) * len(steps)))
            rows += [{"map": kind, "metric": metric, **row, **ends} for row in found_rows]
    return rows


def _metrics(maps: Floats, dof: tuple[float, ...]) -> dict[str, Floats]:
    """How far the maps of all combinations are from nilearn's."""
    found = distances(maps[0], maps)
    if dof:
        above = maps > threshold(dof)
        found[DICE] = unlikeness(above[0], above)
    for value in found.values():
        # nilearn's map is the reference itself: rounding must not show as a difference
        value[0] = 0.0
    return found


def _rows(settings: Sequence[Step], steps: Sequence[str], values: Floats) -> list[Row]:
    shares = dict(zip(steps, shapley_values(values, len(steps)).tolist(), strict=True))
    climbed = dict(zip(steps, ladder(values, len(steps)).tolist(), strict=True))
    height = 0.0
    rows: list[Row] = []
    for step in settings:
        # a step that changes nothing leaves the ladder where it was
        height = climbed.get(step.name, height)
        row: Row = {"step": step.name, "nilearn": step.reference, "spm": step.other, "ladder": height}
        share = shares.get(step.name, 0.0)
        rows.append(row | {"shapley": share, "total": float(values[(-1,) * len(steps)])})
    return rows


def closure_of(refitted: Sequence[GroupMap], own: Sequence[GroupMap]) -> float:
    """Largest distance of maps from their own, over the range of these."""
    worst = 0.0
    for ours, theirs in zip(refitted, own, strict=True):
        extent = float(np.ptp(theirs.stat)) or 1.0
        worst = max(worst, float(np.abs(ours.stat - theirs.stat).max(initial=0.0)) / extent)
    return worst
