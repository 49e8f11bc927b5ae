"""What nilearn's maps hold where their names do not tell it: F in place of t, effects of several rows."""

from pathlib import Path

import numpy as np

from bidsglm.check.data import load_image, support, values_of
from bidsglm.check.nilearn_folder import NilearnAnalysis, NilearnMap
from bidsglm.dataset.masks import is_same_grid
from bidsglm.errors import BidsglmError
from bidsglm.sentences import joined

FEWEST_VOXELS = 20
"""Voxels from which a map without a negative value is none of t."""
OF_ROWS = ("effect", "variance")
"""Maps of which nilearn writes a volume for each row of an F contrast"""
SHOWN = 3
"""Files that a note names"""


def told_apart(nilearn: NilearnAnalysis) -> NilearnAnalysis:
    """Leave effects of F contrasts aside, call F maps what they are, and note both.

    nilearn's `stat` is t or F, whatever the contrast was.

    Raises
    ------
    BidsglmError
        A map is damaged.
    """
    aside = [m for m in nilearn.maps if m.kind in OF_ROWS and _has_rows(m, nilearn)]
    kept = [m for m in nilearn.maps if m not in aside]
    of_rows = {m.contrast for m in aside}
    maps = tuple(m._replace(kind="F") if m.kind == "t" and _is_of_f(m, kept, of_rows) else m for m in kept)
    notes = []
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
    return nilearn._replace(maps=maps, notes=(*nilearn.notes, *notes))


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


def _is_of_f(given: NilearnMap, maps: list[NilearnMap], of_rows: set[str]) -> bool:
    """Whether a map called t is one of F: t has the sign of the effect, F has none."""
    if given.contrast in of_rows:
        return True
    values, grid = values_of(given.path)
    inside = support(values)
    if np.count_nonzero(inside) < FEWEST_VOXELS or (values[inside] < 0).any():
        return False
    effect = next((m for m in maps if m.kind == "effect" and m.contrast == given.contrast), None)
    if effect is None:
        return True
    effects, place = values_of(effect.path)
    return is_same_grid(grid, place) and bool((effects[inside] < 0).any())
