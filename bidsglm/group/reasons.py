"""Why the packages' group maps of a contrast differ: participants' maps, design, variances, mask."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.differences import threshold
from bidsglm.attribution.group import (
    Ends,
    GroupMap,
    GroupRefit,
    active_steps,
    closure_of,
    corners,
    group_rows,
)
from bidsglm.attribution.steps import Step
from bidsglm.backends.records import contrast_weights
from bidsglm.dataset.stacks import MapStack
from bidsglm.diagnosis.advice import Finding
from bidsglm.group.map_files import FittedGroup, group_label
from bidsglm.group.map_summary import Why
from bidsglm.model import ContrastMaps, Mask
from bidsglm.packages import DEFAULT_PACKAGES

SPM, NILEARN = DEFAULT_PACKAGES


class Reasons(NamedTuple):
    """Why the maps of a model's contrasts differ."""

    rows: tuple[Mapping[str, Any], ...] = ()
    """Rows of the table"""
    findings: Mapping[str, Finding] = {}
    """Label of a contrast -> what nilearn's one variance makes of it"""
    note: str = ""
    """Why nothing is attributed"""

    @property
    def why(self) -> Why:
        """What the summary says of it."""
        return Why(frozenset(str(row["label"]) for row in self.rows), self.findings)


def reasons(fitted: FittedGroup, stacks: Mapping[str, MapStack]) -> Reasons:
    """Attribute the difference between SPM's and nilearn's group maps to the steps of a group analysis.

    Parameters
    ----------
    fitted
        Maps of both packages; without both there is nothing to attribute.
    stacks
        The participants' maps that they were fitted to.
    """
    if set(fitted.levels) != set(DEFAULT_PACKAGES):
        return Reasons()
    spm, nilearn = fitted.levels[SPM], fitted.levels[NILEARN]
    both = spm.mask & nilearn.mask
    if not both.any():
        return Reasons(note="the group maps are not attributed: no voxel is in both masks")
    ends = [Ends(_inside(b, both), _inside(a, both)) for a, b in zip(spm.maps, nilearn.maps, strict=True)]
    unequal = spm.variance["VarianceModel"] == "unequal"
    steps = active_steps(unequal, bool(np.any(spm.mask ^ nilearn.mask)))
    refit = partial(_refit, fitted, stacks, both)
    try:
        found = corners(steps, ends, refit)
        own = [end.nilearn for end in ends]
        one_variance = found.get((1, 0, *(0,) * (len(steps) - 2)), [])
        closures = float("nan"), float("nan")
        if unequal:
            theirs = [end.spm for end in ends]
            closures = (
                closure_of(refit(False, False, True), own),
                closure_of(refit(True, True, True), theirs),
            )
    except ValueError as error:
        return Reasons(note=f"the group maps are not attributed: with the other package's settings, {error}")
    settings = _settings(fitted, unequal)
    rows: list[Mapping[str, Any]] = []
    findings = {}
    for i, maps in enumerate(fitted.maps):
        front = {
            "contrast": fitted.first_level or None,
            "group_contrast": maps.specification.name,
        }
        label = group_label(fitted.label, maps)
        parts = {taken: each[i] for taken, each in found.items()}
        rows += [{**front, **row, "label": label} for row in group_rows(settings, steps, parts, closures)]
        if unequal:
            findings[label] = _finding(spm.variance, maps, ends[i].spm, one_variance[i])
    return Reasons(tuple(rows), findings)


def _inside(maps: ContrastMaps, both: Mask) -> GroupMap:
    effect = None if maps.effect is None else maps.effect[both]
    return GroupMap(effect, maps.stat[both], maps.dof)


def _refit(
    fitted: FittedGroup, stacks: Mapping[str, MapStack], both: Mask, effects: bool, variance: bool, mask: bool
) -> list[GroupMap]:
    """Maps with SPM's participants, variances and mask, or nilearn's."""
    stack = stacks[SPM if effects else NILEARN]
    place = stack.volume.voxels[fitted.volume.voxels]
    inside = fitted.levels[SPM if mask else NILEARN].mask[place]
    columns: NDArray[np.intp] = np.flatnonzero(both[place])
    assert fitted.design.variance is not None, "a group's design says whose variances may differ"
    members = np.array(fitted.design.variance.members, dtype=np.intp)
    weights = [contrast_weights(maps.specification, fitted.design) for maps in fitted.maps]
    return GroupRefit(stack, fitted.design.matrix, members, columns).maps(weights, inside, variance)


def _settings(fitted: FittedGroup, unequal: bool) -> list[Step]:
    """What each package does in each step."""
    n_columns = len(fitted.design.names)
    design = f"{n_columns} column{'s' * (n_columns != 1)}, the same"
    own, other = (f"{int(fitted.levels[name].mask.sum())} voxels" for name in (NILEARN, SPM))
    variance = "one for each group" if unequal else "one"
    return [
        Step("effects", "nilearn's first level", "SPM's first level", False),
        Step("design", design, design, True),
        Step("variance", "one", variance, not unequal),
        Step("mask", own, other, not unequal),
    ]


def _finding(
    variance: Mapping[str, Any], maps: ContrastMaps, own: GroupMap, one_variance: GroupMap
) -> Finding:
    """What one variance for all groups, which is nilearn's, makes of SPM's own map."""
    moved = np.abs(own.stat - one_variance.stat)
    worst, usual = float(moved.max()), float(np.sqrt(np.mean(moved**2)))
    limit = threshold(own.dof)
    n_own, n_one = (int(np.count_nonzero(each.stat > limit)) for each in (own, one_variance))
    test = maps.specification.test
    parts = ", ".join(f"{name} {value:.3g}" for name, value in variance["GroupVariances"].items())
    name = maps.specification.name
    return Finding(
        "note",
        "group-variance",
        "nilearn has one variance for all groups",
        f"SPM estimates the groups' variances, {parts} of their mean, and weighs participants by them; "
        f"nilearn has one variance. On the same maps, one variance moves {test} of {name!r} by up to "
        f"{worst:.3g} (root mean square {usual:.3g}), and {_voxels(n_one)} instead of {n_own:,} "
        f"pass{'es' * (n_one == 1)} p < 0.001.",
        'For one variance in both packages, say "Variance": "equal" under Software.SPM of the Dataset node. '
        "With groups of unequal size, the smaller one having the larger variance, one variance makes "
        "differences look surer than they are; SPM's variances are the same in all voxels, and its degrees "
        "of freedom are not corrected for them.",
        columns=(name,),
        size=worst,
    )


def _voxels(n: int) -> str:
    """Count voxels in words.

    >>> _voxels(1), _voxels(1200)
    ('1 voxel', '1,200 voxels')
    """
    return f"{n:,} voxel{'s' * (n != 1)}"


def notes_of(found: Reasons, name: str) -> Sequence[str]:
    """What the reader should know of a model's attribution.

    >>> notes_of(Reasons(note="the group maps are not attributed"), "go")
    ['go: the group maps are not attributed.']
    """
    return [f"{name}: {found.note}."] if found.note else []
