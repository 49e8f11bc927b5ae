"""The result of a check in sentences, and in the form of check.json."""

from typing import Any

from bidsglm.check.comparison import Checked
from bidsglm.check.map_weights import Reproduction
from bidsglm.check.runs import ComparedRun
from bidsglm.report.check import CheckedPair, SettingPair
from bidsglm.report.second_level_check import RefittedMap
from bidsglm.sentences import joined

PLURAL = ("onsets", "durations", "scans", "confounds", "modulators", "sessions", "basis", "serial")
"""How the names of settings begin that are plurals."""

DIGITS = 8
"""Decimals of numbers in check.json; what is not finite is null there"""


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
        if found.is_unexplained:
            best = max(abs(each.r) for each in found.reproductions.values())
            return (
                "The designs are the same, but nilearn's maps do not come out of these scans: no scaling, "
                f"smoothing or noise model that was tried gives them (r = {best:.4f} at best). "
                "Other scans, another width of smoothing, an AR model of higher order or a contrast that was "
                "not tried would do this; see your script."
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
        # Nobody knows without a design of nilearn, or where its maps are of something else.
        "same_model": None if found.same_model and _is_unknown(found) else found.same_model,
        "settings_that_differ": [setting_json(each) for each in found.settings],
        "columns": [_columns(number, run) for number, run in enumerate(found.runs, start=1)],
        "maps": [pair_json(each) for each in found.maps],
        "reproduced": {label: _reproduction(each) for label, each in found.reproductions.items()},
        "notes": list(found.notes),
        "answer": answer(found),
    }


def _is_unknown(found: Checked) -> bool:
    return not found.nilearn.designs or found.is_unexplained


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
                "r": round(match.r, DIGITS),
                "r_after_high_pass": round(match.r_filtered, DIGITS),
                "nilearn_per_spm_unit": round(match.ratio, DIGITS),
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
        "dice": round(pair.dice, DIGITS),
        "r": round(pair.r, DIGITS),
        "nilearn_per_spm_unit": round(pair.ratio, DIGITS),
    }


def refit_json(each: RefittedMap) -> dict[str, Any]:
    """The map that was computed again in the form of check.json."""
    return {
        "contrast": each.contrast,
        "what": each.what,
        "spm": str(each.path),
        "r": each.r,
        "largest_difference": each.difference,
        "is_reproduced": each.is_reproduced,
    }


def _reproduction(found: Reproduction) -> dict[str, Any]:
    return {
        "is_reproduced": found.is_found,
        "largest_difference": round(found.difference, DIGITS),
        "weights": dict(found.weights),
        **({"weights_by_run": [dict(each) for each in found.by_run]} if found.by_run else {}),
        "smoothing_fwhm": found.attempt.smoothed_by,
        "unsmoothed_scans": found.attempt.unsmoothed,
        "signal_scaling": found.attempt.scaling,
        "noise_model": found.attempt.noise,
    }
