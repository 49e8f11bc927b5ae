"""Parameters of nilearn's first level as a model of SPM."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from bidsglm.model import NO_FILTER, Hrf, ModelSpecification, SpmSettings
from bidsglm.statsmodel.responses import hrf_family

HIGH_PASS = 1 / 128
"""Hz; SPM's default cut-off is 128 s."""
SLICE_TIME_REF = 7 / 16
"""SPM's default bin, the eighth of sixteen."""
NOISE_MODELS: Mapping[str, Any] = {"ar1": "AR(1)", "fast": "FAST", "ols": "none", "none": "none"}
ON_ITS_GRID = "the images are analysed on their own grid"
FIXED: Mapping[str, tuple[Any, str]] = {
    "drift_order": (1, "SPM filters with cosines; there are no polynomials"),
    "target_affine": (None, ON_ITS_GRID),
    "target_shape": (None, ON_ITS_GRID),
    "standardize": (False, "SPM scales a run to a grand mean of 100"),
    "min_onset": (-24, "SPM has its own padding before the first scan"),
}
"""Parameters that SPM has no counterpart of: name -> the only value, and why."""
CALLER = 4
"""Frames from a warning here to the line that calls fit."""


def specification_of(given: Mapping[str, Any], name: str) -> ModelSpecification:
    """Make a model of the parameters.

    Parameters
    ----------
    given
        By the names of nilearn's ``FirstLevelModel``, and mask_threshold.
    name
        What to call the model in messages.

    Raises
    ------
    ValueError
        SPM has no such setting; names the parameter.

    >>> from bidsglm.estimators.spm import SPMFirstLevelModel
    >>> specification_of(SPMFirstLevelModel(t_r=2.0).get_params(), "m").spm.microtime_onset
    8
    """
    _check(given)
    bins = SpmSettings().microtime_resolution
    onset = min(int(np.floor(given["slice_time_ref"] * bins + 0.5)) + 1, bins)
    return ModelSpecification(
        name=name,
        x=(),
        hrf=_hrf(given["hrf_model"], given["fir_delays"]),
        high_pass=_cutoff(given["high_pass"], given["drift_model"]),
        smoothing_fwhm=float(given["smoothing_fwhm"] or 0),
        spm=SpmSettings(
            serial_correlation=NOISE_MODELS[given["noise_model"].lower()],
            mask_threshold=float(given["mask_threshold"]),
            microtime_onset=onset,
            global_normalization="Scaling" if given["signal_scaling"] == "Scaling" else "None",
        ),
    )


def _check(given: Mapping[str, Any]) -> None:
    if not _is_number(given["t_r"]) or not given["t_r"] > 0:
        raise ValueError(f"t_r: must be the repetition time in s, not {given['t_r']!r}")
    for name, (value, reason) in FIXED.items():
        if np.ndim(given[name]) or given[name] != value:
            raise ValueError(f"{name}: {reason}; leave it at {value!r}")
    if given["drift_model"] not in ("cosine", None):
        raise ValueError(f"drift_model: SPM filters with cosines, not {given['drift_model']!r}")
    noise = given["noise_model"]
    if not isinstance(noise, str) or noise.lower() not in NOISE_MODELS:
        raise ValueError(f"noise_model: one of {', '.join(NOISE_MODELS)}, not {noise!r}")
    if given["signal_scaling"] is False or given["signal_scaling"] not in (0, "None", "Scaling"):
        raise ValueError(
            "signal_scaling: SPM scales every run to a grand mean of 100 (0 or 'None'), or every scan "
            f"('Scaling'); it has no {given['signal_scaling']!r}"
        )
    if not _is_number(given["slice_time_ref"]) or not 0 <= given["slice_time_ref"] <= 1:
        raise ValueError(f"slice_time_ref: a share of the TR from 0 to 1, not {given['slice_time_ref']!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _hrf(name: Any, delays: Any) -> Hrf:
    found = hrf_family(name) if isinstance(name, str) else None
    if found is None or found.model not in ("spm", "fir"):
        raise ValueError(
            f"hrf_model: 'spm', 'spm + derivative', 'spm + derivative + dispersion' or 'fir', not {name!r}"
        )
    scans = tuple(delays or (0,)) if found.model == "fir" else None
    return Hrf(found.model, found.derivative, found.dispersion, fir_delays=scans)


def _cutoff(high_pass: Any, drift_model: Any) -> float:
    """Seconds; infinite for no filter."""
    if high_pass is None or (_is_number(high_pass) and high_pass == 0):
        return NO_FILTER
    if not _is_number(high_pass) or not high_pass > 0:
        raise ValueError(f"high_pass: a frequency in Hz, or None for no filter, not {high_pass!r}")
    if drift_model is None:
        # who writes both believes to filter: nilearn does not, SPM does
        warnings.warn(
            f"drift_model is None, with which nilearn ignores high_pass; SPM filters with {1 / high_pass:g} s"
            " all the same. Give high_pass=None for no filter.",
            UserWarning,
            stacklevel=CALLER,
        )
    return float(1 / high_pass)
