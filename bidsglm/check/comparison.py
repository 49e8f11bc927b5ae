"""Two analyses of a user compared: settings, columns, maps, and how each was computed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.check.contrast_settings import (
    candidate_contrasts,
    candidate_f_contrasts,
    contrast_differences,
    named_like,
)
from bidsglm.check.data import ScanPlace, places, support, values_of
from bidsglm.check.data_settings import mixed_scans, other_scans
from bidsglm.check.map_kinds import decided
from bidsglm.check.map_pairs import map_pairs
from bidsglm.check.map_weights import MapSource, Reproduction, Target, first_found
from bidsglm.check.nilearn_folder import NilearnAnalysis, links_note
from bidsglm.check.own_files import maps_notes, own_file
from bidsglm.check.reproduction import order_of_scans, reproduced, reproduced_as, sampled
from bidsglm.check.runs import ComparedRun, compared_runs
from bidsglm.check.scans import Relocated, relocated
from bidsglm.check.settings import comparable, differences
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.check.stated_weights import weights_notes
from bidsglm.check.statistics import OPEN
from bidsglm.data import Volume
from bidsglm.dataset.masks import Grid, is_same_grid
from bidsglm.model import Floats
from bidsglm.report.check import CheckedPair, SettingPair

NO_TARGET = Target("", np.empty(0))


class Checked(NamedTuple):
    """All that the check found."""

    spm: SpmAnalysis
    nilearn: NilearnAnalysis
    same_model: bool
    settings: tuple[SettingPair, ...]
    runs: tuple[ComparedRun, ...]
    reproductions: Mapping[str, Reproduction]
    """By nilearn's name of the contrast"""
    maps: tuple[CheckedPair, ...]
    relocated: Relocated
    notes: tuple[str, ...]

    @property
    def way(self) -> Reproduction | None:
        """How nilearn's maps were computed; None where none came out."""
        return first_found(self.reproductions.values())

    @property
    def is_unexplained(self) -> bool:
        """Whether nilearn's maps were computed again from the scans, and nothing that was tried gave them."""
        return bool(self.reproductions) and self.way is None


def checked(spm: SpmAnalysis, nilearn: NilearnAnalysis, folder: Path | None) -> Checked:
    """Compare two analyses; without a folder of scans no map is computed again.

    Raises
    ------
    BidsglmError
        A map is damaged.
    """
    notes = [*maps_notes(spm), *links_note(nilearn.folder, nilearn.elsewhere), *nilearn.notes]
    found = relocated([s.path for s in spm.scans], folder) if folder else Relocated({}, (), ())
    notes += _scan_notes(found, folder)
    other = comparable(spm, nilearn) or _other_grid(spm, nilearn)
    if other is not None:
        return Checked(spm, nilearn, False, (other,), (), {}, (), found, tuple(notes))
    runs = compared_runs(spm, nilearn) if nilearn.designs else ()
    scans = [places(spm.scans[s.rows], dict(found.found)) for s in spm.sessions]
    source = _map_source(spm, nilearn, scans, runs) if all(scans) and runs else None
    made = (
        dict(zip(source[1], reproduced(source[0], list(source[1].values())), strict=True)) if source else {}
    )
    of_first = list(made.values())
    further = _statistics(nilearn, source, made)
    n_notes = len(nilearn.notes)
    nilearn = decided(nilearn, {**made, **further})
    notes += [*nilearn.notes[n_notes:], *weights_notes(nilearn, {**further, **made})]
    made |= {label: each for label, each in further.items() if label not in made}
    pairs = map_pairs(spm, nilearn, made, runs)
    related = next((abs(pair.r) for pair in pairs if pair.what == "effect"), None)
    strangers = _other_scans(spm, source, of_first, None if made else related)
    settings = (
        *differences(spm, nilearn, runs, first_found(of_first), _masks(spm, nilearn)),
        *contrast_differences(spm, made, runs),
        *((strangers,) if strangers is not None else ()),
    )
    same = not any(each.matters for each in settings)
    return Checked(spm, nilearn, same, settings, runs, made, pairs, found, tuple(notes))


def _statistics(
    nilearn: NilearnAnalysis,
    source: tuple[MapSource, Mapping[str, Target]] | None,
    found: Mapping[str, Reproduction],
) -> dict[str, Reproduction]:
    """How maps of F, of z and of t or F were computed, once it is known how the others were."""
    way = first_found(found.values())
    if source is None or way is None:
        return {}
    of_z = {m.contrast for m in nilearn.maps if m.is_made}
    own = {label: each.by_run or (each.weights,) * len(source[0].designs) for label, each in found.items()}
    more = tuple(weights for weights in own.values() if any(weights))
    of_rows = tuple((weights[0],) for weights in more if all(each == weights[0] for each in weights))
    tried = source[0]._replace(
        candidates=(*more, *source[0].candidates), f_candidates=(*source[0].f_candidates, *of_rows)
    )
    maps = [m for m in nilearn.maps if m.kind in ("F", OPEN) or (m.kind == "z" and m.contrast in of_z)]
    maps = [m for m in maps if source[1].get(m.contrast, NO_TARGET).kind != m.kind]
    volume = source[0].volume
    targets = []
    for each in maps:
        values, grid = values_of(each.path)
        if grid.shape == volume.shape:
            targets.append((each.contrast, Target(each.kind, values[volume.voxels])))
    if not targets:
        return {}
    made = reproduced_as(way.attempt, tried, [target for _, target in targets])
    return dict(zip([label for label, _ in targets], made, strict=False))


def _other_scans(
    spm: SpmAnalysis,
    source: tuple[MapSource, Mapping[str, Target]] | None,
    made: Sequence[Reproduction],
    related: float | None,
) -> SettingPair | None:
    """Say that nilearn's maps are not of SPM's scans, or of these in another order of the runs."""
    if source is None:
        return other_scans((), related)
    if any(each.is_found for each in made):
        return None
    order = order_of_scans(source[0], list(source[1].values()))
    if order is not None:
        return mixed_scans(spm, order)
    # of a statistic only some contrasts were tried
    is_effect = all(target.kind == "effect" for target in source[1].values())
    if any(target.kind in ("F", OPEN) for target in source[1].values()):
        return None
    named = is_effect or any(named_like(label, spm.contrasts) for label in source[1])
    return other_scans(made, None) if named else None


def _scan_notes(found: Relocated, folder: Path | None) -> list[str]:
    if folder is None:
        return ["No folder of scans was given (--scans FOLDER), so no map was computed again."]
    notes = []
    if found.missing:
        notes.append(
            f"Scans that were not found under {folder}: {len(found.missing)}, such as {found.missing[0]}"
        )
    if found.ambiguous:
        notes.append(
            f"Several files under {folder} may be {found.ambiguous[0]}; give a folder with one of them"
        )
    return notes


def _other_grid(spm: SpmAnalysis, nilearn: NilearnAnalysis) -> SettingPair | None:
    if not nilearn.maps or len(spm.shape) != 3:
        return None
    _, theirs = values_of(nilearn.maps[0].path)
    mask = own_file(spm.folder, "mask")
    # SPM.mat alone is read for the shape only: before estimation there is no map that could be compared
    placed = values_of(mask)[1] if mask is not None else Grid(theirs.shape, theirs.affine)
    ours = Grid((spm.shape[0], spm.shape[1], spm.shape[2]), placed.affine)
    if is_same_grid(theirs, ours):
        return None
    moved = ", in another place of space" if theirs.shape == ours.shape else ""
    return SettingPair(
        "scans",
        f"a grid of {' x '.join(map(str, ours.shape))}",
        f"a grid of {' x '.join(map(str, theirs.shape))}{moved}",
        "the maps are of other images, or nilearn resampled them (target_affine)",
        "give both the same files, and nilearn no target_affine",
    )


def _masks(spm: SpmAnalysis, nilearn: NilearnAnalysis) -> tuple[Floats, Floats] | None:
    """Masks of both on one grid; None where one of them left none."""
    ours = own_file(spm.folder, "mask")
    if ours is None:
        return None
    path = nilearn.mask or next((m.path for m in nilearn.maps if m.kind == "effect"), None)
    path = path or next((m.path for m in nilearn.maps), None)
    if path is None:
        return None
    (mine, grid), (other, theirs) = values_of(ours), values_of(path)
    if not is_same_grid(grid, theirs):
        return None
    return np.nan_to_num(mine), support(other).astype(np.float64)


def _map_source(
    spm: SpmAnalysis,
    nilearn: NilearnAnalysis,
    scans: Sequence[Sequence[ScanPlace]],
    runs: Sequence[ComparedRun],
) -> tuple[MapSource, dict[str, Target]] | None:
    """What nilearn's effect maps can be computed from, by contrast; without them, those of t or z."""
    given = [m for m in nilearn.maps if not m.is_made]
    by_kind = ([m for m in given if m.kind == kind] for kind in ("effect", "t", "z", OPEN, "F"))
    effects = next((found for found in by_kind if found), [])
    if not effects:
        return None
    loaded = [values_of(m.path) for m in effects]
    grid = loaded[0][1]
    chosen = sampled(np.logical_and.reduce([support(values) for values, _ in loaded]))
    if not chosen.any():
        return None
    volume = Volume(grid.shape, grid.affine, chosen)
    targets = {
        m.contrast: Target(m.kind, values[chosen]) for m, (values, _) in zip(effects, loaded, strict=True)
    }
    asked = nilearn.hints.get("smoothing_fwhm")
    widths = [float(asked)] if isinstance(asked, int | float) and asked > 0 else []
    widths += [spm.smoothed[0]] if spm.smoothed else []
    candidates = candidate_contrasts(spm, runs)
    of_runs = tuple(tuple(run) for run in scans)
    designs = tuple(run.design for run in runs)
    tested = candidate_f_contrasts(spm, runs)
    source = MapSource(designs, of_runs, volume, tuple(dict.fromkeys(widths)), candidates, tested)
    return source, targets
