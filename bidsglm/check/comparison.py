"""Two analyses of a user compared: settings, columns, maps, and how each was computed."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.contrast_settings import candidate_contrasts, contrast_differences, nearest_contrast
from bidsglm.check.data import ScanPlace, places, values_of
from bidsglm.check.data_settings import other_scans
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.own_files import maps_notes, own_file
from bidsglm.check.reproduction import MapSource, Reproduction, Target, reproduced, sampled
from bidsglm.check.runs import ComparedRun, compared_runs
from bidsglm.check.scans import Relocated, relocated
from bidsglm.check.setting_pair import SettingPair
from bidsglm.check.settings import comparable, differences
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.dataset.masks import Grid, is_same_grid
from bidsglm.diagnosis.advice import joined
from bidsglm.model import Floats, Mask, Volume

PLURAL = ("onsets", "durations", "scans", "confounds", "modulators", "sessions", "basis", "serial")
"""How the names of settings begin that are plurals."""


class CheckedPair(NamedTuple):
    """A map of each program that belong together."""

    what: str
    """effect or t"""
    contrast: str
    """SPM's name"""
    spm: Path
    nilearn: Path
    r: float
    """Within both masks"""
    ratio: float
    """nilearn's over SPM's, through 0"""
    n_spm: int
    n_nilearn: int
    n_both: int
    dice: float


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


def checked(spm: SpmAnalysis, nilearn: NilearnAnalysis, folder: Path | None) -> Checked:
    """Compare two analyses.

    Parameters
    ----------
    spm, nilearn
        What was read.
    folder
        Where the scans may be; None to go without them.

    Raises
    ------
    BidsglmError
        A map is damaged.
    """
    notes = list(maps_notes(spm))
    found = relocated([s.path for s in spm.scans], folder) if folder else Relocated({}, (), ())
    notes += _scan_notes(found, folder)
    other = comparable(spm, nilearn) or _other_grid(spm, nilearn)
    if other is not None:
        return Checked(spm, nilearn, False, (other,), (), {}, (), found, tuple(notes))
    runs = compared_runs(spm, nilearn) if nilearn.designs else ()
    scans = [places(spm.scans[s.rows], dict(found.found)) for s in spm.sessions]
    made = _reproductions(spm, nilearn, scans, runs) if all(scans) and runs else {}
    of_first = list(made.values())
    pairs = _map_pairs(spm, nilearn, made, runs)
    related = next((abs(pair.r) for pair in pairs if pair.what == "effect"), None)
    strangers = other_scans(of_first, None if made else related)
    settings = (
        *differences(spm, nilearn, runs, of_first, _masks(spm, nilearn)),
        *contrast_differences(spm, made, runs),
        *((strangers,) if strangers is not None else ()),
    )
    same = not any(each.matters for each in settings)
    return Checked(spm, nilearn, same, settings, runs, made, pairs, found, tuple(notes))


def _scan_notes(found: Relocated, folder: Path | None) -> list[str]:
    if folder is None:
        return ["The scans were not asked for (--scans FOLDER), so no map was computed again."]
    notes = []
    if found.missing:
        notes.append(
            f"{len(found.missing)} of the scans were not found under {folder}, such as {found.missing[0]}"
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


def support(values: Floats) -> Mask:
    """Voxels of a map: SPM writes NaN outside its mask, nilearn 0."""
    return np.asarray(np.isfinite(values) & (values != 0))


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


def _reproductions(
    spm: SpmAnalysis,
    nilearn: NilearnAnalysis,
    scans: Sequence[Sequence[ScanPlace]],
    runs: Sequence[ComparedRun],
) -> dict[str, Reproduction]:
    """How nilearn's effect maps were computed, by contrast; without them, those of t or z."""
    by_kind = ([m for m in nilearn.maps if m.kind == kind] for kind in ("effect", "t", "z"))
    effects = next((found for found in by_kind if found), [])
    if not effects:
        return {}
    loaded = [values_of(m.path) for m in effects]
    grid = loaded[0][1]
    chosen = sampled(np.logical_and.reduce([support(values) for values, _ in loaded]))
    if not chosen.any():
        return {}
    volume = Volume(grid.shape, grid.affine, chosen)
    targets = [Target(m.kind, values[chosen]) for m, (values, _) in zip(effects, loaded, strict=True)]
    given = nilearn.hints.get("smoothing_fwhm")
    widths = [float(given)] if isinstance(given, int | float) and given > 0 else []
    widths += [spm.smoothed[0]] if spm.smoothed else []
    candidates = candidate_contrasts(spm, nilearn, runs)
    of_runs = tuple(tuple(run) for run in scans)
    source = MapSource(
        tuple(run.design for run in runs), of_runs, volume, tuple(dict.fromkeys(widths)), candidates
    )
    found = reproduced(source, targets)
    return {m.contrast: each for m, each in zip(effects, found, strict=True)}


def _map_pairs(
    spm: SpmAnalysis,
    nilearn: NilearnAnalysis,
    made: Mapping[str, Reproduction],
    runs: Sequence[ComparedRun],
) -> tuple[CheckedPair, ...]:
    """Maps of the contrasts that belong together, most alike in direction."""
    pairs = []
    for label in nilearn.contrasts:
        contrast = nearest_contrast(spm, label, made.get(label), runs)
        if contrast is None:
            continue
        for what, name in (("effect", contrast.effect_map), ("t", contrast.stat_map)):
            theirs, ours = nilearn.of_contrast(label, what), own_file(spm.folder, name)
            if theirs is None or ours is None:
                continue
            pairs.append(map_pair(what, contrast.name, ours, theirs))
    return tuple(pairs)


def map_pair(what: str, contrast: str, ours: Path, theirs: Path) -> CheckedPair:
    """Compare a map of each program within both masks."""
    (a, grid), (b, other_grid) = values_of(ours), values_of(theirs)
    if not is_same_grid(grid, other_grid):
        return CheckedPair(what, contrast, ours, theirs, math.nan, math.nan, 0, 0, 0, math.nan)
    one, other = support(a), support(b)
    both = one & other
    x, y = a[both], b[both]
    ratio = float(x @ y / (x @ x)) if both.any() else float("nan")
    n_one, n_other, n_both = (int(np.count_nonzero(m)) for m in (one, other, both))
    dice = 2 * n_both / (n_one + n_other) if n_one + n_other else float("nan")
    return CheckedPair(what, contrast, ours, theirs, pearson_r(x, y), ratio, n_one, n_other, n_both, dice)


def answer(found: Checked) -> str:
    """The result in sentences."""
    if not found.runs and found.settings:
        pair = found.settings[0]
        return f"The analyses cannot be compared: {pair.setting} differ ({pair.spm}; {pair.nilearn})."
    differing = [each for each in found.settings if each.matters]
    if not differing:
        if found.settings:
            told = joined([each.setting for each in found.settings])
            return f"The same model. What differs ({told}) makes the same of the data in two ways."
        if not found.nilearn.designs:
            return (
                "There is no design matrix of nilearn, so whether the models are the same is not known; "
                "write it with model.design_matrices_[0].to_csv()."
            )
        if found.nilearn.maps and not any(each.is_found for each in found.reproductions.values()):
            return (
                "The designs are the same. Whether scaling, noise model, smoothing, scans and contrasts are, "
                "is not known: these show only where nilearn's maps can be made again from the scans "
                "(--scans)."
            )
        return (
            "The same model, as far as nilearn can: what remains is how each program makes regressors, "
            "filters and estimates serial correlations."
        )
    verb = "differs" if len(differing) == 1 and not differing[0].setting.startswith(PLURAL) else "differ"
    return f"Not the same model: {joined([each.setting for each in differing])} {verb}."


def as_json(found: Checked) -> dict[str, Any]:
    """The result in the form of check.json."""
    return {
        "spm": str(found.spm.path),
        "nilearn": str(found.nilearn.folder),
        "same_model": found.same_model,
        "settings_that_differ": [setting_json(each) for each in found.settings],
        "columns": [_columns(number, run) for number, run in enumerate(found.runs, start=1)],
        "maps": [pair_json(each) for each in found.maps],
        "reproduced": {label: _reproduction(each) for label, each in found.reproductions.items()},
        "notes": list(found.notes),
        "answer": answer(found),
    }


def setting_json(each: SettingPair) -> dict[str, Any]:
    """The difference in the form of check.json."""
    return {name: getattr(each, name) for name in ("setting", "spm", "nilearn", "consequence", "remedy")}


def _columns(number: int, run: ComparedRun) -> dict[str, Any]:
    columns = run.columns
    return {
        "session": number,
        "scans_spm": run.session.n_scans,
        "rows_nilearn": len(run.design.matrix),
        "corresponding": [
            {
                "spm": f"Sn({number}) {match.spm}",
                "nilearn": match.nilearn,
                "r": _or_none(match.r),
                "r_after_high_pass": _or_none(match.r_filtered),
                "nilearn_per_spm_unit": _or_none(match.ratio),
            }
            for match in columns.matches
        ],
        "only_in_spm": [f"Sn({number}) {name}" for name in columns.only_spm],
        "only_in_nilearn": list(columns.only_nilearn),
        "drift_functions": {
            "spm_filter": columns.n_cosines,
            "nilearn_columns": columns.n_drifts,
            "the_same": columns.filters_agree,
        },
    }


def pair_json(pair: CheckedPair) -> dict[str, Any]:
    """The pair in the form of check.json."""
    return {
        "what": pair.what,
        "contrast": pair.contrast,
        "spm": str(pair.spm),
        "nilearn": str(pair.nilearn),
        "voxels_spm": pair.n_spm,
        "voxels_nilearn": pair.n_nilearn,
        "voxels_both": pair.n_both,
        "dice": _or_none(pair.dice),
        "r": _or_none(pair.r),
        "nilearn_per_spm_unit": _or_none(pair.ratio),
    }


def _reproduction(found: Reproduction) -> dict[str, Any]:
    return {
        "is_reproduced": found.is_found,
        "largest_difference": _or_none(found.difference),
        "weights": dict(found.weights),
        "smoothing_fwhm": found.attempt.smoothed_by,
        "unsmoothed_scans": found.attempt.unsmoothed,
        "signal_scaling": found.attempt.scaling,
        "noise_model": found.attempt.noise,
    }


def _or_none(value: float) -> float | None:
    return round(float(value), 8) if np.isfinite(value) else None
