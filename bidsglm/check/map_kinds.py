"""What nilearn's maps hold where their names do not tell it: F in place of t, effects of several rows."""

from collections.abc import Mapping
from pathlib import Path

from bidsglm.check.data import load_image
from bidsglm.check.map_weights import Reproduction
from bidsglm.check.nilearn_folder import NilearnAnalysis, NilearnMap
from bidsglm.check.statistics import OPEN, StatisticKind, statistic_kind
from bidsglm.errors import BidsglmError
from bidsglm.sentences import joined

OF_ROWS = ("effect", "variance")
"""Maps of which nilearn writes a volume for each row of an F contrast"""
SHOWN = 3
"""Files that a note names"""


def told_apart(nilearn: NilearnAnalysis) -> NilearnAnalysis:
    """Leave effects of F contrasts aside, call F maps what they are, and note both.

    Raises
    ------
    BidsglmError
        A map is damaged.
    """
    aside = [m for m in nilearn.maps if m.kind in OF_ROWS and _has_rows(m, nilearn)]
    kept = [m for m in nilearn.maps if m not in aside]
    of_rows = {m.contrast for m in aside}
    notes = []
    maps = []
    for each in kept:
        found = StatisticKind(each.kind, "")
        if each.kind == "t" and each.contrast not in of_rows:
            found = statistic_kind(each, kept, nilearn)
        elif each.kind == "t":
            found = StatisticKind("F", "its effects have several volumes")
        maps.append(each._replace(kind=found.kind))
        if found.kind == "F" != each.kind:
            notes.append(f"{each.path.name} is a map of F: {found.reason}.")
    if aside:
        notes.append(
            f"{_named([m.path for m in aside])}: several volumes, as nilearn writes for an F contrast (one"
            " for each row of its weights), which SPM has no map of; left out."
        )
    unread = [path for path in nilearn.unread if _is_map(path)]
    if unread:
        notes.append(
            f"Not read, as the names do not tell what the maps hold: {_named(unread)}. Call them"
            " <contrast>_effect_size.nii.gz, <contrast>_stat.nii.gz or <contrast>_z_score.nii.gz."
        )
    return nilearn._replace(maps=tuple(maps), notes=(*nilearn.notes, *notes))


def _named(paths: list[Path]) -> str:
    return joined((path.name for path in paths), SHOWN)


def _has_rows(given: NilearnMap, nilearn: NilearnAnalysis) -> bool:
    """Whether a map has several volumes, and the contrast another map beside it."""
    if not any(m.contrast == given.contrast and m.kind not in OF_ROWS for m in nilearn.maps):
        return False
    shape = load_image(given.path).shape
    return len(shape) == 4 and shape[3] > 1


def _is_map(path: Path) -> bool:
    try:
        return len(load_image(path).shape) == 3
    except BidsglmError:
        return False


def decided(nilearn: NilearnAnalysis, made: Mapping[str, Reproduction]) -> NilearnAnalysis:
    """Give maps that may be of t or F the kind that was computed again; leave the others out, and say so."""
    maps, notes = [], []
    for each in nilearn.maps:
        found = made.get(each.contrast)
        if each.is_made and found is not None and found.test and not found.is_found:
            notes.append(
                f"The z of {each.contrast} is not that of a t contrast that was tried; it is left out."
            )
        elif each.kind != OPEN:
            maps.append(each)
        elif found is not None and found.is_found and found.test:
            maps.append(each._replace(kind=found.test))
            notes.append(
                f"{each.path.name} is a map of {found.test}: computed again from the scans, it comes out."
            )
        elif nilearn.of_contrast(each.contrast, "effect") is not None:
            maps.append(each._replace(kind="t"))
            notes.append(
                f"{each.path.name} is taken for a map of t, as its effect has one volume. F of one row would "
                "have no negative value either; the map of z beside it would tell."
            )
        else:
            notes.append(
                f"{each.path.name} is left out: it has no negative value, and nothing tells whether it is of "
                "t or F. Call it <contrast>_t or <contrast>_F, or put the maps of effect and z beside it."
            )
    return nilearn._replace(maps=tuple(maps), notes=(*nilearn.notes, *notes))
