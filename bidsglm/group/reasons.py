"""Why the packages' group maps of a contrast differ: participants' maps, design, variances, mask."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.differences import threshold
from bidsglm.attribution.group import (
    Ends,
    GroupRefit,
    active_steps,
    closure_of,
    every_combination,
    group_rows,
)
from bidsglm.attribution.runs import StatMaps
from bidsglm.attribution.steps import Step
from bidsglm.backends.records import SecondLevel, contrast_weights
from bidsglm.data import ContrastMaps
from bidsglm.dataset.stacks import MapStack
from bidsglm.diagnosis.advice import Finding
from bidsglm.group.fitted import FittedGroup, group_label
from bidsglm.model import Mask
from bidsglm.outputs.schema import Row
from bidsglm.outputs.unit_tables import with_suffix
from bidsglm.packages import title
from bidsglm.pairs import Pair
from bidsglm.report.wording import voxels

STEPS = ("effects", "design", "variance", "mask")
SHARED = ("contrast", "group_contrast", "map", "metric", "step", "label")
"""Columns that all pairs share"""


class Reasons(NamedTuple):
    """Why the maps of a model's contrasts differ."""

    rows: tuple[Row, ...] = ()
    """Rows of the table, with the columns of every pair"""
    findings: Mapping[str, Finding] = {}
    """Label of a contrast -> what one variance makes of it"""
    note: str = ""
    """Why nothing is attributed"""

    @property
    def labels(self) -> frozenset[str]:
        """Labels of the contrasts whose difference is attributed."""
        return frozenset(str(row["label"]) for row in self.rows)


def reasons(fitted: FittedGroup, stacks: Mapping[str, MapStack]) -> Reasons:
    """Attribute the difference between each package's group maps and the reference's.

    Parameters
    ----------
    fitted
        Maps of the packages; of a single one there is nothing to attribute.
    stacks
        The participants' maps that they were fitted to.
    """
    rows: dict[tuple[str, ...], Row] = {}
    findings: dict[str, Finding] = {}
    for pair in fitted.pairs:
        found = _of_pair(fitted, stacks, pair)
        if found.note:
            return found
        for row in found.rows:
            key = tuple(str(row[name]) for name in ("label", "map", "metric", "step"))
            own = {name: row[name] for name in SHARED}
            rows.setdefault(key, own).update(
                with_suffix({k: v for k, v in row.items() if k not in SHARED}, pair)
            )
        findings = {**found.findings, **findings}
    return Reasons(tuple(rows.values()), findings)


def _of_pair(fitted: FittedGroup, stacks: Mapping[str, MapStack], pair: Pair) -> Reasons:
    """Divide the difference of two packages among the steps of a group analysis."""
    first, base = (fitted.levels[name] for name in pair)
    both = first.mask & base.mask
    if not both.any():
        return Reasons(note="the group maps are not attributed: no voxel is in both masks")
    ends = [Ends(_inside(b, both), _inside(a, both)) for a, b in zip(first.maps, base.maps, strict=True)]
    unequal = _is_unequal(base), _is_unequal(first)
    differ = unequal[0] != unequal[1]
    steps = active_steps(differ, bool(np.any(first.mask ^ base.mask)))
    refit = partial(_refit, fitted, stacks, pair, both)
    try:
        found = every_combination(steps, ends, unequal, refit)
        closures = float("nan"), float("nan")
        if differ:
            closures = (
                closure_of(refit(False, unequal[0], False), [end.reference for end in ends]),
                closure_of(refit(True, unequal[1], True), [end.first for end in ends]),
            )
    except ValueError as error:
        return Reasons(note=f"the group maps are not attributed: with the other package's settings, {error}")
    settings = _settings(fitted, pair)
    rows: list[Row] = []
    findings = {}
    for i, maps in enumerate(fitted.maps):
        label = group_label(fitted.label, maps)
        front = fitted.keys(maps)
        parts = {taken: each[i] for taken, each in found.items()}
        rows += [{**front, **row} for row in group_rows(settings, steps, pair, parts, closures)]
        if differ:
            # the maps of the package with unequal variances, with one variance
            own, one = (ends[i].first, (1, 0)) if unequal[1] else (ends[i].reference, (0, 1))
            one_variance = found[(*one, *(0,) * (len(steps) - 2))][i]
            whose = (pair.first, pair.reference) if unequal[1] else (pair.reference, pair.first)
            findings[label] = _finding(whose, fitted, maps, (own, one_variance))
    return Reasons(tuple(rows), findings)


def _is_unequal(level: SecondLevel) -> bool:
    return level.variance["VarianceModel"] == "unequal"


def _inside(maps: ContrastMaps, both: Mask) -> StatMaps:
    effect = None if maps.effect is None else maps.effect[both]
    return StatMaps(effect, maps.stat[both], maps.dof)


def _refit(
    fitted: FittedGroup,
    stacks: Mapping[str, MapStack],
    pair: Pair,
    both: Mask,
    *taken: bool,
) -> list[StatMaps]:
    """Maps of one package's participants, of one variance or several, in one package's mask.

    Parameters
    ----------
    taken
        Whether effects are the first package's, whether each group has a variance, and whether the mask is
        the first package's.
    """
    effects, unequal, mask = taken
    stack = stacks[pair.first if effects else pair.reference]
    place = stack.volume.voxels[fitted.volume.voxels]
    inside = fitted.levels[pair.first if mask else pair.reference].mask[place]
    columns: NDArray[np.intp] = np.flatnonzero(both[place])
    assert fitted.design.variance is not None, "a group's design says whose variances may differ"
    members = np.array(fitted.design.variance.members, dtype=np.intp)
    weights = [contrast_weights(maps.specification, fitted.design) for maps in fitted.maps]
    return GroupRefit(stack, fitted.design.matrix, members, columns).maps(weights, inside, unequal)


def _settings(fitted: FittedGroup, pair: Pair) -> list[Step]:
    """What each package does in each step."""
    n_columns = len(fitted.design.names)
    design = f"{n_columns} column{'s' * (n_columns != 1)}, the same"
    words = [
        (
            f"{title(name)}'s first level",
            design,
            "one for each group" if _is_unequal(fitted.levels[name]) else "one",
            f"{int(fitted.levels[name].mask.sum())} voxels",
        )
        for name in (pair.reference, pair.first)
    ]
    return [Step(step, *each) for step, *each in zip(STEPS, *words, strict=True)]


def _finding(
    names: tuple[str, str], fitted: FittedGroup, maps: ContrastMaps, ends: tuple[StatMaps, StatMaps]
) -> Finding:
    """What one variance for all groups, which is a package's, makes of another's own map."""
    whose, other = (title(name) for name in names)
    own, one_variance = ends
    moved = np.abs(own.stat - one_variance.stat)
    worst, usual = float(moved.max()), float(np.sqrt(np.mean(moved**2)))
    limit = threshold(own.dof)
    n_own, n_one = (int(np.count_nonzero(each.stat > limit)) for each in (own, one_variance))
    test = maps.specification.test
    variances = fitted.levels[names[0]].variance["GroupVariances"]
    parts = ", ".join(f"{name} {value:.3g}" for name, value in variances.items())
    name = maps.specification.name
    return Finding(
        "note",
        "group-variance",
        f"{other} has one variance for all groups",
        f"{whose} estimates the groups' variances, {parts} of their mean, and weighs participants by them; "
        f"{other} has one variance. On the same maps, one variance moves {test} of {name!r} by up to "
        f"{worst:.3g} (root mean square {usual:.3g}), and {voxels(n_one)} instead of {n_own:,} "
        f"pass{'es' * (n_one == 1)} p < 0.001.",
        f'For one variance in both packages, say "Variance": "equal" under Software.{whose} of the Dataset '
        "node. With groups of unequal size, the smaller one having the larger variance, one variance makes "
        f"differences look surer than they are; {whose}'s variances are the same in all voxels, and its "
        "degrees of freedom are not corrected for them.",
        columns=(name,),
        size=worst,
    )
