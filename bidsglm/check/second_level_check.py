"""A second level of SPM checked: what it is, and whether its maps come out of its images."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.second_level import SpmGroup
from bidsglm.check.second_level_images import GroupImages, group_images
from bidsglm.check.second_level_nilearn import GroupComparison, compared_group
from bidsglm.check.second_level_refit import RefittedGroup, refitted_group
from bidsglm.check.second_level_words import (
    design_name,
    variance_in_words,
)
from bidsglm.errors import BidsglmError
from bidsglm.model import Floats
from bidsglm.report.wording import digits
from bidsglm.sentences import joined

SAME_H = 1e-5
"""Share by which hyperparameters of the same data differ at most: SPM's files hold more digits."""


class CheckedGroup(NamedTuple):
    """All that the check found."""

    group: SpmGroup
    images: GroupImages
    refit: RefittedGroup | None
    notes: tuple[str, ...]
    comparison: GroupComparison | None
    """None where no analysis of nilearn was given"""


def checked_group(
    group: SpmGroup, folder: Path | None, nilearn: NilearnAnalysis | None = None
) -> CheckedGroup:
    """Check a second level; without a folder its images are looked for below that of SPM.mat.

    Raises
    ------
    BidsglmError
        A map of nilearn is damaged.
    """
    images = group_images(group, folder)
    notes = list(images.notes)
    refit = None
    if not group.is_estimated:
        notes.append("SPM.mat was not estimated yet: there are no maps")
    elif images.scans:
        try:
            refit = refitted_group(group, images.scans, images.masks)
        except BidsglmError as error:
            notes.append(f"SPM's maps could not be computed again: {error}")
        else:
            if refit is None:
                notes.append(f"{group.folder} holds no mask of SPM: its maps are not there")
    comparison = None if nilearn is None else compared_group(group, images.scans, nilearn)
    notes += [] if nilearn is None else nilearn.notes
    return CheckedGroup(group, images, refit, tuple(notes), comparison)


def group_answer(found: CheckedGroup) -> str:
    """The result in sentences."""
    beside = found.comparison
    if beside is None:
        return _own_answer(found)
    differing = [each.setting for each in beside.settings if each.matters]
    verdict = "nilearn's is the same model."
    if differing:
        verdict = f"Not the same model as nilearn's: {joined(differing)}."
    return f"{_own_answer(found)} {verdict}"


def _own_answer(found: CheckedGroup) -> str:
    group = found.group
    kind = design_name(group)
    article = "An" if kind[0] in "aeiou" and not kind.startswith("one") else "A"
    told = f"{article} {kind} of {len(group.matrix)} images, {variance_in_words(group)}."
    if found.refit is None:
        return f"{told} SPM's maps were not computed again."
    lost = [each for each in found.refit.maps if not each.is_reproduced]
    values = [each for each in found.refit.maps if each.what != "mask"]
    if not lost:
        worst = max((each.difference for each in values), default=0.0)
        return (
            f"{told} SPM's {len(found.refit.maps)} maps are reproduced: "
            f"r = {min((each.r for each in values), default=1.0):.6f}, largest difference {worst:.0e} of a "
            "map's range."
        )
    names = list(
        dict.fromkeys(f"{each.what}{f' of {each.contrast}' if each.contrast else ''}" for each in lost)
    )
    return f"{told} Not all of SPM's maps come out of these images: {joined(names[:6])}."


def group_findings(found: CheckedGroup) -> Iterator[str]:
    """What the computation shows beyond the maps."""
    if found.comparison is not None:
        yield from found.comparison.findings
    refit = found.refit
    if refit is None:
        return
    theirs, ours = found.group.errors.hyperparameters, refit.fit.hyperparameters
    if ours.size:
        told = (
            f"hyperparameters {joined([digits(float(h)) for h in ours])} from {refit.fit.n_pooled:,} voxels"
        )
        if theirs.size == ours.size:
            same = bool(np.allclose(ours, theirs, rtol=SAME_H, atol=SAME_H * float(np.abs(theirs).max())))
            told += ", as SPM has them" if same else f"; SPM has {_listed(theirs)}"
        yield f"ReML gives the {told}."
    if refit.adds_to_variance:
        yield (
            "ResMS comes out with a thousandth of its largest value added: SPM was started for PET or EEG, "
            "whose t values are smaller than those that it gives in its fMRI modality."
        )
    if any(not each.is_reproduced for each in refit.maps):
        yield (
            "The images that were found are not those that SPM had, or they or the maps were changed since; "
            "compare the dates of the files."
        )


def _listed(h: Floats) -> str:
    return joined([digits(float(value)) for value in h])
