"""Which models SPM12 has, and the design matrix that it makes of one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, Hrf, ModelSpecification
from bidsglm.spm import highpass, hrf
from bidsglm.spm.regressors import Microtime, condition_regressors, microtime_onset


def check(model: ModelSpecification) -> None:
    """Refuse what SPM12 has no setting for.

    Raises
    ------
    DataError
        Naming the setting and what to use instead.
    """
    problem = _basis_problem(model.hrf) or _setting_problem(model)
    if problem:
        raise DataError(f"model {model.name}: {problem}")


def _basis_problem(request: Hrf) -> str:
    if request.model == "glover":
        return "HRF glover is nilearn's and SPM has none; use spm, or --backends nilearn"
    if request.model == "spm":
        alone = request.dispersion and not request.derivative
        return "SPM has the dispersion derivative only with the time derivative; ask for both" * alone
    if request.model == "fir" and request.fir_delays is not None:
        whole = request.fir_delays == tuple(range(len(request.fir_delays))) and request.fir_delays
        return "" if whole else "SPM's FIR delays are 0, 1, 2 ... without gaps; change fir_delays"
    if not request.length or not request.order or request.length <= 0 or request.order < 1:
        return f"HRF {request.model} needs a positive Length (s) and Order in HRF.Parameters"
    return ""


def _setting_problem(model: ModelSpecification) -> str:
    settings = model.spm
    if not model.intercept:
        return "SPM's designs always have a constant; add 1 to X, or use --backends nilearn"
    if settings.microtime_resolution < 1:
        return f"MicrotimeResolution {settings.microtime_resolution} is not positive; SPM's default is 16"
    onset = settings.microtime_onset
    if onset is not None and not 1 <= onset <= settings.microtime_resolution:
        return f"MicrotimeOnset {onset} is not a bin of MicrotimeResolution {settings.microtime_resolution}"
    if not model.high_pass > 0:
        return f"a high-pass period of {model.high_pass:g} s is not positive; set HighPassFilterCutoffHz 0"
    if np.isnan(settings.mask_threshold) or settings.mask_threshold == np.inf:
        return 'InclusiveMaskingThreshold must be a number such as 0.8, or "-Inf"'
    return ""


def with_noise_model(model: ModelSpecification, noise_model: str) -> ModelSpecification:
    """Return the model with another noise model for SPM.

    >>> with_noise_model(ModelSpecification("m", ()), "FAST").spm.serial_correlation
    'FAST'
    """
    settings: dict[str, Any] = {"serial_correlation": noise_model}
    return replace(model, spm=replace(model.spm, **settings))


def design(paradigm: Paradigm, model: ModelSpecification) -> DesignMatrix:
    """Design matrix of one run as SPM builds it, before whitening and filtering.

    Raises
    ------
    DataError
        The basis set or the filter makes no sense at this repetition time.
    """
    timing = Microtime(
        paradigm.repetition_time,
        paradigm.n_scans,
        model.spm.microtime_resolution,
        microtime_onset(paradigm, model),
    )
    try:
        basis = hrf.basis_functions(_in_seconds(model.hrf, timing.repetition_time), timing.dt)
        X0 = highpass.dct_basis(timing.n_scans, timing.repetition_time, model.high_pass)
    except ValueError as error:
        raise DataError(f"model {model.name}: {error}; change HRF or HighPassFilterCutoffHz") from error
    blocks = [condition_regressors(c, basis, timing) for c in paradigm.conditions]
    centred = paradigm.confounds - paradigm.confounds.mean(axis=0)
    matrix = np.hstack([*blocks, centred, np.ones((timing.n_scans, 1))])
    return DesignMatrix(_names(paradigm, model), matrix, X0, timing.repetition_time)


def _names(paradigm: Paradigm, model: ModelSpecification) -> tuple[str, ...]:
    weights = [weight for condition in paradigm.conditions for weight in condition.weight_names]
    names = [weight + suffix for weight in weights for suffix in model.hrf.suffixes]
    return (*names, *paradigm.confound_names, CONSTANT)


def column_names(
    paradigms: Sequence[Paradigm], model: ModelSpecification
) -> tuple[tuple[str, ...], ...] | None:
    """Name the regressors of every run; None where another set than SPM's may not fit the scans.

    Examples
    --------
    >>> run = Paradigm(2.0, 10, None, (), ("trans_x",), np.empty((10, 1)))
    >>> column_names([run], ModelSpecification("m", ()))
    (('trans_x', 'constant'),)
    """
    if _basis_problem(model.hrf) or model.hrf.model != "spm":
        return None
    found = tuple(_names(paradigm, model) for paradigm in paradigms)
    for paradigm, names in zip(paradigms, found, strict=True):
        try:
            cosines = highpass.n_cosines(paradigm.n_scans, paradigm.repetition_time, model.high_pass)
        except ValueError:
            return None
        if paradigm.n_scans <= len(names) + cosines:
            return None
    return found


def designs(paradigms: Sequence[Paradigm], model: ModelSpecification) -> tuple[DesignMatrix, ...]:
    """Make the design matrix of every run; errors as `design`."""
    return tuple(design(paradigm, model) for paradigm in paradigms)


def _in_seconds(request: Hrf, repetition_time: float) -> Hrf:
    if request.fir_delays is None:
        return request
    n_bins = len(request.fir_delays)
    return replace(request, length=n_bins * repetition_time, order=n_bins)
