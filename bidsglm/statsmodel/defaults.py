"""What a model leaves unsaid: HRF and high-pass filter of each package, with a note of each default."""

import math
from collections.abc import Mapping
from dataclasses import replace

from bidsglm.model import DEFAULT_HIGH_PASS, NO_FILTER, FslSettings, Hrf, ModelSpecification, NilearnSettings
from bidsglm.packages import DEFAULT_PACKAGES, title
from bidsglm.sentences import joined
from bidsglm.statsmodel.globs import matches
from bidsglm.statsmodel.responses import is_condition
from bidsglm.statsmodel.software import Fitted

NILEARN_HRF = Hrf("glover")
NILEARN_HIGH_PASS = 100.0
"""Seconds: nilearn's default high_pass is 0.01 Hz."""
FSL_HIGH_PASS = 100.0
"""Seconds: FEAT's default."""

COSINE = "cosine"
"""How fMRIPrep's high-pass regressors begin."""
A_COSINE = "cosine00"
ROUNDING = 1e-14
"""Relative error of a double's inverse of an inverse, with room to spare."""


def with_hrf(
    model: ModelSpecification, hrf: Hrf | None, matched: bool, fitted: Fitted = DEFAULT_PACKAGES
) -> ModelSpecification:
    """Complete a model by its HRF: SPM's canonical one where it says nothing and settings are matched.

    >>> with_hrf(ModelSpecification("m", ("trial_type.go",)), None, matched=False).nilearn.hrf.model
    'glover'
    """
    if hrf is not None:
        return replace(model, hrf=hrf)
    if not any(is_condition(name) for name in model.x):
        return model
    if not matched:
        note = (
            f"The model names no HRF: {_own_defaults({'spm': 'spm', 'nilearn': NILEARN_HRF.model}, fitted)}."
        )
        return replace(
            model,
            nilearn=replace(model.nilearn, hrf=NILEARN_HRF),
            afni=replace(model.afni, by_duration=True),
            fsl=_with_derivative(model.fsl),
            notes=(*model.notes, note),
        )
    return replace(model, notes=(*model.notes, "The model names no HRF: SPM's canonical one (spm)."))


def _own_defaults(values: Mapping[str, str], fitted: Fitted) -> str:
    """What packages that are fitted take of themselves.

    >>> _own_defaults({"spm": "spm", "nilearn": "glover"}, ("nilearn", "afni"))
    "each package's own default, glover in nilearn"
    """
    known = joined([f"{value} in {title(name)}" for name, value in values.items() if name in fitted])
    return ", ".join(["each package's own default", *([known] if known else [])])


def _with_derivative(fsl: FslSettings) -> FslSettings:
    """FEAT's own choice, the temporal derivative, where the model says nothing of it."""
    return replace(fsl, temporal_derivative=True) if fsl.temporal_derivative is None else fsl


def without_polynomials(model: ModelSpecification) -> ModelSpecification:
    """Leave AFNI the constant alone where the model asks for no high-pass filter.

    >>> without_polynomials(ModelSpecification("m", (), high_pass=NO_FILTER)).afni.polort
    0
    """
    unfiltered = model.high_pass == NO_FILTER
    return replace(model, afni=replace(model.afni, polort=0)) if unfiltered else model


def with_high_pass(
    model: ModelSpecification, hertz: float | None, matched: bool, fitted: Fitted = DEFAULT_PACKAGES
) -> ModelSpecification:
    """Complete a model by its high-pass filter: of 128 s where it says nothing and settings are matched.

    >>> with_high_pass(ModelSpecification("m", ()), None, matched=False).nilearn.high_pass
    100.0
    """
    if hertz is not None:
        complete = replace(model, high_pass=cutoff_seconds(hertz))
    elif matches(A_COSINE, model.x) or any(name.startswith(COSINE) for name in model.x):
        note = (
            "X has fMRIPrep's cosines and no HighPassFilterCutoffHz: they are the high-pass filter, no other."
        )
        complete = replace(model, high_pass=NO_FILTER, own_cosines=True, notes=(*model.notes, note))
    elif matched:
        note = f"HighPassFilterCutoffHz is not given: 1/{DEFAULT_HIGH_PASS:.0f} Hz."
        complete = replace(model, high_pass=DEFAULT_HIGH_PASS, notes=(*model.notes, note))
    else:
        own = {"spm": DEFAULT_HIGH_PASS, "nilearn": NILEARN_HIGH_PASS, "fsl": FSL_HIGH_PASS}
        seconds = _own_defaults({name: f"{value:.0f} s" for name, value in own.items()}, fitted)
        note = f"HighPassFilterCutoffHz is not given: {seconds}."
        complete = replace(
            model,
            high_pass=DEFAULT_HIGH_PASS,
            nilearn=replace(model.nilearn, high_pass=NILEARN_HIGH_PASS),
            fsl=replace(model.fsl, high_pass=FSL_HIGH_PASS),
            notes=(*model.notes, note),
        )
    if complete.high_pass == NO_FILTER or "nilearn" not in fitted:
        return complete
    return replace(complete, notes=(*complete.notes, *_drift_notes(complete.nilearn)))


def cutoff_seconds(hertz: float) -> float:
    """High-pass cut-off in seconds, infinite for 0 Hz.

    The number of cosines jumps at whole multiples of the cut-off, so the inverse's last bit must not decide.

    >>> cutoff_seconds(1 / 49), 1 / (1 / 49)
    (49.0, 49.00000000000001)
    """
    if hertz == 0:
        return NO_FILTER
    seconds = 1 / hertz
    whole = round(seconds, 6)
    return whole if math.isclose(whole, seconds, rel_tol=ROUNDING) else seconds


def _drift_notes(nilearn: NilearnSettings) -> list[str]:
    if nilearn.drift_model is None:
        return ["nilearn's DriftModel is null: its high-pass cut-off has no effect, nilearn filters nothing."]
    if nilearn.drift_model == "polynomial":
        return ["nilearn's DriftModel is polynomial: the high-pass cut-off has no effect in nilearn."]
    return []
