"""Model.Software of each package, completed by the defaults that --settings calls for."""

import math
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from bidsglm.model import DEFAULT_MICROTIME_ONSET, AfniSettings, FslSettings, NilearnSettings, SpmSettings
from bidsglm.packages import title
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import AfniPart, FslPart, NilearnPart, SoftwarePart, SpmPart

Fitted = Collection[str]
"""Names of the packages that are fitted"""
BOTH = {"spm", "nilearn"}
"""Packages whose settings are set against each other"""

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


def packages(software: SoftwarePart, matched: bool, place: Place, fitted: Fitted) -> Packages:
    """Complete the settings of all packages.

    Matched, what is said for one package holds for the other too; else each keeps its own default. The notes
    speak of the packages that are fitted, and of no other.

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
    noise = (_matched_noise if matched else _native_noise)(spm, nilearn, fitted)
    sampling = (_matched_sampling if matched else _native_sampling)(spm, nilearn, fitted)
    threshold, threshold_note = _mask_threshold(spm, fitted)
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


def in_each(values: Mapping[str, str], fitted: Fitted) -> str:
    """What packages that are fitted take; empty where none of them is among them.

    >>> in_each({"spm": "AR(1)", "nilearn": "ar1"}, ("nilearn", "afni"))
    'ar1 in nilearn'
    """
    return ", ".join(f"{value} in {title(name)}" for name, value in values.items() if name in fitted)


def _after(name: str, key: str, fitted: Fitted) -> str:
    """Whose setting another one follows: a package's, or the key's where the package is not fitted."""
    return f"{title(name)}'s" if name in fitted else key


def _matched_noise(spm: SpmPart, nilearn: NilearnPart, fitted: Fitted) -> Noise:
    given, other = spm.SerialCorrelation, nilearn.NoiseModel
    if given is None and other is None:
        taken = in_each({"spm": "AR(1)", "nilearn": "ar1"}, fitted)
        return Noise("AR(1)", "ar1", (f"The model names no noise model: {taken}.",) if taken else ())
    if given is None:
        guess: SerialCorrelation = "none" if other == "ols" else "AR(1)"
        after = _after("nilearn", "NoiseModel", fitted)
        note = f"SerialCorrelation is not given: {guess}, after {after} {other}."
        noise = Noise(guess, str(other), (note,) * ("spm" in fitted))
    elif other is None:
        answer = SAME_NOISE.get(given, "ar1")
        after = _after("spm", "SerialCorrelation", fitted)
        note = f"NoiseModel is not given: {answer}, after {after} {given}."
        noise = Noise(given, answer, (note,) * ("nilearn" in fitted))
    else:
        noise = Noise(given, other)
    if SAME_NOISE.get(noise.spm) == noise.nilearn or not set(fitted) >= BOTH:
        return noise
    differ = f"The noise models differ: {noise.spm} in SPM, {noise.nilearn} in nilearn."
    return noise._replace(notes=(*noise.notes, differ))


def _native_noise(spm: SpmPart, nilearn: NilearnPart, fitted: Fitted) -> Noise:
    notes = []
    if spm.SerialCorrelation is None and "spm" in fitted:
        notes.append("SerialCorrelation is not given: SPM's default AR(1).")
    if nilearn.NoiseModel is None and "nilearn" in fitted:
        notes.append("NoiseModel is not given: nilearn's default ar1.")
    return Noise(spm.SerialCorrelation or "AR(1)", nilearn.NoiseModel or "ar1", tuple(notes))


def _matched_sampling(spm: SpmPart, nilearn: NilearnPart, fitted: Fitted) -> Sampling:
    onset, reference, bins = spm.MicrotimeOnset, nilearn.SliceTimeRef, spm.MicrotimeResolution
    if onset is None:
        return Sampling(None, None) if reference is None else _sampling_of_nilearn(reference, bins, fitted)
    same = (onset - 1) / bins
    if reference is None or abs(same - reference) <= REPEATED:
        return Sampling(onset, same if reference is None else reference)
    note = (
        f"The sampling times differ: {same:g} TR in SPM (bin {onset} of {bins}), {reference:g} TR in nilearn."
    )
    return Sampling(onset, reference, (note,) * (set(fitted) >= BOTH))


def _sampling_of_nilearn(reference: float, bins: int, fitted: Fitted) -> Sampling:
    onset = min(math.floor(reference * bins + 0.5) + 1, bins)
    whose = "nilearn's " * ("nilearn" in fitted)
    note = f"MicrotimeOnset is not given: bin {onset} of {bins}, after {whose}SliceTimeRef {reference:g}."
    return Sampling(onset, reference, (note,) * ("spm" in fitted))


def _native_sampling(spm: SpmPart, nilearn: NilearnPart, fitted: Fitted) -> Sampling:
    notes: list[str] = []
    onset, reference, bins = spm.MicrotimeOnset, nilearn.SliceTimeRef, spm.MicrotimeResolution
    if onset is None:
        onset = min(DEFAULT_MICROTIME_ONSET, bins)
        notes += [f"MicrotimeOnset is not given: SPM's default, bin {onset} of {bins}."] * ("spm" in fitted)
    if reference is None:
        reference = DEFAULT_SLICE_TIME_REF
        notes += [f"SliceTimeRef is not given: nilearn's default {reference:g}."] * ("nilearn" in fitted)
    return Sampling(onset, reference, tuple(notes))


def _mask_threshold(spm: SpmPart, fitted: Fitted) -> tuple[float, tuple[str, ...]]:
    if spm.InclusiveMaskingThreshold is not None:
        return spm.InclusiveMaskingThreshold, ()
    default = SpmSettings().mask_threshold
    note = f"InclusiveMaskingThreshold is not given: SPM's default {default:g}."
    return default, (note,) * ("spm" in fitted)


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
