"""Model.Software of each package, completed by the defaults that --settings calls for."""

import math
from typing import Literal, NamedTuple

from bidsglm.model import DEFAULT_MICROTIME_ONSET, AfniSettings, FslSettings, NilearnSettings, SpmSettings
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import AfniPart, FslPart, NilearnPart, SoftwarePart, SpmPart

SerialCorrelation = Literal["AR(1)", "FAST", "none"]

SAME_NOISE: dict[SerialCorrelation, str] = {"AR(1)": "ar1", "none": "ols"}
"""Noise models that are the same in both packages."""

DEFAULT_SLICE_TIME_REF = 0.0
"""nilearn's: a scan stands for its start."""

REPEATED = 1e-6
"""Two ways to write the same slice-time reference differ by no more, in TR."""


class Packages(NamedTuple):
    """Settings of all packages."""

    spm: SpmSettings
    nilearn: NilearnSettings
    afni: AfniSettings
    fsl: FslSettings
    notes: tuple[str, ...]


class Noise(NamedTuple):
    """Noise models of both packages."""

    spm: SerialCorrelation
    nilearn: str
    notes: tuple[str, ...] = ()

    @property
    def independent(self) -> bool:
        """Whether both take the errors as independent."""
        return self.spm == "none" and self.nilearn == "ols"


class Sampling(NamedTuple):
    """Moment of a scan at which each package samples the regressors; None where the data decide."""

    onset: int | None
    slice_time_ref: float | None
    notes: tuple[str, ...] = ()


def packages(software: SoftwarePart, matched: bool, place: Place) -> Packages:
    """Complete the settings of all packages.

    Matched, what is said for one package holds for the other too; else each keeps its own default.

    Raises
    ------
    DataError
        A microtime onset beyond the resolution.
    """
    spm, nilearn = software.SPM, software.Nilearn
    if spm.MicrotimeOnset is not None and spm.MicrotimeOnset > spm.MicrotimeResolution:
        raise place.at("SPM", "MicrotimeOnset").fault(
            f"must not exceed MicrotimeResolution ({spm.MicrotimeResolution}), not {spm.MicrotimeOnset}"
        )
    noise = _matched_noise(spm, nilearn) if matched else _native_noise(spm, nilearn)
    sampling = _matched_sampling(spm, nilearn) if matched else _native_sampling(spm, nilearn)
    threshold, threshold_note = _mask_threshold(spm)
    return Packages(
        SpmSettings(
            serial_correlation=noise.spm,
            mask_threshold=threshold,
            microtime_resolution=spm.MicrotimeResolution,
            microtime_onset=sampling.onset,
            global_normalization=spm.GlobalNormalization,
        ),
        NilearnSettings(
            noise_model=noise.nilearn,
            signal_scaling=nilearn.SignalScaling,
            slice_time_ref=sampling.slice_time_ref,
            drift_model=nilearn.DriftModel,
            engine=nilearn.Engine,
        ),
        _afni(software.AFNI, independent=matched and noise.independent),
        _fsl(software.FSL, independent=matched and noise.independent),
        (*noise.notes, *sampling.notes, *threshold_note),
    )


def _matched_noise(spm: SpmPart, nilearn: NilearnPart) -> Noise:
    given, other = spm.SerialCorrelation, nilearn.NoiseModel
    if given is None and other is None:
        return Noise("AR(1)", "ar1", ("The model names no noise model: AR(1) in SPM, ar1 in nilearn.",))
    if given is None:
        guess: SerialCorrelation = "none" if other == "ols" else "AR(1)"
        noise = Noise(
            guess, str(other), (f"SerialCorrelation is not given: {guess}, after nilearn's {other}.",)
        )
    elif other is None:
        answer = SAME_NOISE.get(given, "ar1")
        noise = Noise(given, answer, (f"NoiseModel is not given: {answer}, after SPM's {given}.",))
    else:
        noise = Noise(given, other)
    if SAME_NOISE.get(noise.spm) == noise.nilearn:
        return noise
    differ = f"The noise models differ: {noise.spm} in SPM, {noise.nilearn} in nilearn."
    return noise._replace(notes=(*noise.notes, differ))


def _native_noise(spm: SpmPart, nilearn: NilearnPart) -> Noise:
    notes = []
    if spm.SerialCorrelation is None:
        notes.append("SerialCorrelation is not given: SPM's default AR(1).")
    if nilearn.NoiseModel is None:
        notes.append("NoiseModel is not given: nilearn's default ar1.")
    return Noise(spm.SerialCorrelation or "AR(1)", nilearn.NoiseModel or "ar1", tuple(notes))


def _matched_sampling(spm: SpmPart, nilearn: NilearnPart) -> Sampling:
    onset, reference, bins = spm.MicrotimeOnset, nilearn.SliceTimeRef, spm.MicrotimeResolution
    if onset is None:
        return Sampling(None, None) if reference is None else _sampling_of_nilearn(reference, bins)
    same = (onset - 1) / bins
    if reference is None or abs(same - reference) <= REPEATED:
        return Sampling(onset, same if reference is None else reference)
    note = (
        f"The sampling times differ: {same:g} TR in SPM (bin {onset} of {bins}), {reference:g} TR in nilearn."
    )
    return Sampling(onset, reference, (note,))


def _sampling_of_nilearn(reference: float, bins: int) -> Sampling:
    onset = min(math.floor(reference * bins + 0.5) + 1, bins)
    note = f"MicrotimeOnset is not given: bin {onset} of {bins}, after nilearn's SliceTimeRef {reference:g}."
    return Sampling(onset, reference, (note,))


def _native_sampling(spm: SpmPart, nilearn: NilearnPart) -> Sampling:
    notes = []
    onset, reference, bins = spm.MicrotimeOnset, nilearn.SliceTimeRef, spm.MicrotimeResolution
    if onset is None:
        onset = min(DEFAULT_MICROTIME_ONSET, bins)
        notes.append(f"MicrotimeOnset is not given: SPM's default, bin {onset} of {bins}.")
    if reference is None:
        reference = DEFAULT_SLICE_TIME_REF
        notes.append(f"SliceTimeRef is not given: nilearn's default {reference:g}.")
    return Sampling(onset, reference, tuple(notes))


def _mask_threshold(spm: SpmPart) -> tuple[float, tuple[str, ...]]:
    if spm.InclusiveMaskingThreshold is not None:
        return spm.InclusiveMaskingThreshold, ()
    default = SpmSettings().mask_threshold
    return default, (f"InclusiveMaskingThreshold is not given: SPM's default {default:g}.",)


def _afni(given: AfniPart, independent: bool) -> AfniSettings:
    polort = given.Polort if isinstance(given.Polort, int) else None
    return AfniSettings(
        response_model=given.ResponseModel,
        polort=polort,
        scale=given.Scale,
        motion_per_run=given.MotionPerRun,
        censor=tuple(given.Censor),
        noise_model=given.NoiseModel or ("none" if independent else "ARMA(1,1)"),
    )


def _fsl(given: FslPart, independent: bool) -> FslSettings:
    prewhitening = not independent if given.Prewhitening is None else given.Prewhitening
    return FslSettings(given.HRF, given.TemporalDerivative, prewhitening)
