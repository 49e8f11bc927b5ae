"""Parameters of nilearn's first level that mean the same for every package, and what to say of the others."""

import warnings
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from bidsglm.model import NO_FILTER, Hrf
from bidsglm.statsmodel.defaults import cutoff_seconds
from bidsglm.statsmodel.responses import hrf_family

ON_ITS_GRID = "the images are analysed on their own grid"
FIXED: Mapping[str, tuple[Any, str]] = {
    "target_affine": (None, ON_ITS_GRID),
    "target_shape": (None, ON_ITS_GRID),
    "standardize": (False, "the package scales the images in its own way"),
    "min_onset": (-24, "the package has its own padding before the first scan"),
}
"""Parameters that no package has a counterpart of: name -> the only value, and why."""
CALLER = 4
"""Frames from a warning here to the line that calls fit."""


def check_common(given: Mapping[str, Any], fixed: Mapping[str, tuple[Any, str]]) -> None:
    """Refuse what no package has, nor this one (`fixed`), and times that are none.

    Raises
    ------
    ValueError
        Naming the parameter.

    >>> check_common({"t_r": 0}, {})
    Traceback (most recent call last):
    ValueError: t_r: must be the repetition time in s, not 0
    """
    if not is_number(given["t_r"]) or not given["t_r"] > 0:
        raise ValueError(f"t_r: must be the repetition time in s, not {given['t_r']!r}")
    for name, (value, reason) in {**FIXED, **fixed}.items():
        if np.ndim(given[name]) or given[name] != value or isinstance(given[name], bool) != (value is False):
            raise ValueError(f"{name}: {reason}; leave it at {value!r}")
    if not is_number(given["slice_time_ref"]) or not 0 <= given["slice_time_ref"] <= 1:
        raise ValueError(f"slice_time_ref: a share of the TR from 0 to 1, not {given['slice_time_ref']!r}")
    width = given["smoothing_fwhm"]
    if width is not None and (not is_number(width) or not 0 <= width < np.inf):
        raise ValueError(f"smoothing_fwhm: one width in mm, or None for none, not {width!r}")


def is_number(value: Any) -> bool:
    """Whether something is a number, and no truth value.

    >>> is_number(0.5), is_number(True), is_number("1")
    (True, False, False)
    """
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def one_of(name: str, value: Any, known: Collection[str]) -> str:
    """A word of a parameter, in lower case.

    Raises
    ------
    ValueError
        It is none of those that the package knows.

    >>> one_of("noise_model", "AR1", ("ar1", "ols"))
    'ar1'
    """
    if not isinstance(value, str) or value.lower() not in known:
        raise ValueError(f"{name}: one of {', '.join(known)}, not {value!r}")
    return value.lower()


def cutoff(high_pass: Any) -> float:
    """High-pass cut-off in seconds; infinite for no filter.

    Raises
    ------
    ValueError
        It is no frequency.

    >>> cutoff(1 / 128), cutoff(None)
    (128.0, inf)
    """
    if high_pass is None:
        return NO_FILTER
    if not is_number(high_pass) or not 0 <= high_pass < np.inf:
        raise ValueError(f"high_pass: a frequency in Hz, or None for no filter, not {high_pass!r}")
    return cutoff_seconds(float(high_pass))


def listed_response(name: Any, delays: Any) -> Hrf | None:
    """Find the canonical or FIR response of a name; None where it is none of these.

    >>> listed_response("fir", (0, 1)).suffixes, listed_response("glover", None)
    (('_delay_0', '_delay_1'), None)
    """
    found = hrf_family(name) if isinstance(name, str) else None
    if found is None or found.model not in ("spm", "fir"):
        return None
    scans = tuple(delays or (0,)) if found.model == "fir" else None
    return Hrf(found.model, found.derivative, found.dispersion, fir_delays=scans)


def filter_words(title: str, high_pass: float | None) -> str:
    """Name a package's filter behind the words drift model.

    >>> filter_words("SPM", 1 / 128)
    "and SPM's high-pass filter (128 s)"
    """
    return f"and {title}'s high-pass filter ({f'{1 / high_pass:g} s' if high_pass else 'none'})"


def warn_of_both(given: Mapping[str, Any], what_happens: str) -> None:
    """Warn who gives a high_pass and no drift_model: nilearn filters nothing then, other packages do."""
    if given["drift_model"] is None and given["high_pass"]:
        warnings.warn(
            f"drift_model is None, with which nilearn ignores high_pass; {what_happens} all the same. Give"
            " high_pass=None for no filter.",
            UserWarning,
            stacklevel=CALLER,
        )
