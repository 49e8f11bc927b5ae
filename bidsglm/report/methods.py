"""The model in words: settings of both backends side by side, and citable paragraphs made from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bidsglm.model import DEFAULT_MICROTIME_ONSET, Hrf, ModelSpecification, Paradigm
from bidsglm.spm.regressors import microtime_onset

_COUNTED = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}
ESTIMATES = {
    "serial_correlation": "noise model",
    "model": "noise model",
    "rank": "rank of the design without the filter's cosines",
    "n_cosines": "cosines of the high-pass filter, each run",
    "n_drift_columns": "drift regressors, each run",
    "trace": "trace of RV, by which residual squares are divided",
    "hyperparameters": "hyperparameters of V (ReML), each run",
    "n_voxels_pooled": "voxels pooled to estimate V",
    "f_threshold": "F above which a voxel is pooled",
    "f_dof": "degrees of freedom of this F",
    "autocorrelation_quartiles": "quartiles of the voxels' autocorrelation, each run",
}
"""What a backend reports of a fit -> name of the row on the page."""


@dataclass(frozen=True)
class RunInput:
    """One run's files and facts, for the table of inputs."""

    label: str
    """For example `run-1`, or `bold` when the run has no label."""
    files: Mapping[str, str]
    """bold, events, confounds, mask -> path or BIDS URI"""
    n_scans: int
    repetition_time: float
    start_time: float | None = None
    """fMRIPrep's StartTime in seconds."""
    events: Mapping[str, int] = field(default_factory=dict)
    """Condition -> number of events."""
    confounds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: str = ""
    """Start of the names of its design tables, with their folder."""


class SettingRow(NamedTuple):
    """A setting as each backend uses it."""

    name: str
    spm: str
    nilearn: str


def setting_rows(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> tuple[SettingRow, ...]:
    """Every setting that moves numbers, in the words of each package.

    Parameters
    ----------
    model
        The model that was fitted.
    paradigms
        One for each run.

    Examples
    --------
    >>> setting_rows(ModelSpecification("m", ("trial_type.go",)), ())[1].nilearn
    'cosine regressors, cut-off 128 s'
    """
    smoothing = f"{model.smoothing_fwhm:g} mm FWHM" if model.smoothing_fwhm else "none"
    rows = [
        SettingRow("Response function", _response(model.hrf), _response(model.nilearn.hrf or model.hrf)),
        SettingRow("High-pass filter", _spm_filter(model), _nilearn_filter(model)),
        SettingRow("Noise model", _spm_noise(model), _nilearn_noise(model)),
        SettingRow("Intensity scaling", _spm_scaling(model).words, _nilearn_scaling(model).words),
        SettingRow("Response sampled at", *_sampling(model, paradigms)),
        SettingRow("Analysis mask", _spm_mask(model), "mask files, else its own EPI mask"),
        SettingRow("Smoothing", smoothing, smoothing),
        SettingRow("Confounds", *_confounds(paradigms)),
    ]
    if len(paradigms) > 1:
        rows.append(
            SettingRow("Runs", "one model, a block of columns for each run", "one model each, fixed effects")
        )
    if model.modulations or model.time_modulations:
        order = "orthogonalised" if model.orthogonalize else "not orthogonalised"
        rows.append(SettingRow("Modulators", order, f"{order}, as conditions with a modulation"))
    return tuple(rows)


def _response(hrf: Hrf) -> str:
    parts = {"derivative": hrf.derivative, "dispersion": hrf.dispersion}
    name = {"spm": "canonical (spm)", "glover": "glover", "fir": "FIR"}.get(hrf.model, hrf.model)
    name += "".join(f" + {part}" for part, asked in parts.items() if asked)
    if hrf.fir_delays:
        return f"{name}, delays {', '.join(map(str, hrf.fir_delays))} scans"
    return f"{name}, {hrf.length:g} s, order {hrf.order}" if hrf.length else name


OWN_COSINES = "fMRIPrep's cosine regressors, which the model has in X, and no other"


def _spm_filter(model: ModelSpecification) -> str:
    if model.own_cosines:
        return OWN_COSINES
    if math.isinf(model.high_pass):
        return "none"
    return f"cosine set projected out after whitening, cut-off {model.high_pass:g} s"


def _nilearn_filter(model: ModelSpecification) -> str:
    if model.own_cosines:
        return OWN_COSINES
    cutoff = model.nilearn.high_pass or model.high_pass
    if model.nilearn.drift_model is None or (math.isinf(cutoff) and model.nilearn.drift_model == "cosine"):
        return "none"
    if model.nilearn.drift_model == "polynomial":
        return "polynomial regressors"
    return f"cosine regressors, cut-off {cutoff:g} s"


def _spm_noise(model: ModelSpecification) -> str:
    return {
        "AR(1)": "AR(1) + white, one covariance for all voxels of a run (pooled ReML)",
        "FAST": "FAST, one covariance for all voxels of a run (pooled ReML)",
        "none": "independent",
    }[model.spm.serial_correlation]


def _nilearn_noise(model: ModelSpecification) -> str:
    noise = model.nilearn.noise_model
    return "independent (ols)" if noise == "ols" else f"AR({noise.removeprefix('ar')}) of each voxel"


class _Scaling(NamedTuple):
    words: str
    unit: str


def _spm_scaling(model: ModelSpecification) -> _Scaling:
    if model.spm.global_normalization == "Scaling":
        return _Scaling("each scan's global mean set to 100", "% of scan mean")
    return _Scaling("grand mean of each run set to 100", "% of grand mean")


def _nilearn_scaling(model: ModelSpecification) -> _Scaling:
    scaling = model.nilearn.signal_scaling
    if scaling is False:
        return _Scaling("none", "image units")
    if scaling == 0:
        return _Scaling("percent of each voxel's own mean", "% of voxel mean")
    if scaling == 1:
        return _Scaling("percent of each scan's mean", "% of scan mean")
    return _Scaling("percent of the grand mean", "% of grand mean")


def effect_units(model: ModelSpecification) -> dict[str, str]:
    """Return the unit of each backend's effect map.

    >>> effect_units(ModelSpecification("m", ()))
    {'spm': '% of grand mean', 'nilearn': '% of voxel mean'}
    """
    return {"spm": _spm_scaling(model).unit, "nilearn": _nilearn_scaling(model).unit}


def _same(texts: Sequence[str]) -> str:
    """Join the texts of all runs, equal ones once."""
    return "; ".join(dict.fromkeys(texts))


def _sampling(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> tuple[str, str]:
    spm, nilearn = [], []
    for paradigm in paradigms:
        resolution, onset = model.spm.microtime_resolution, model.spm.microtime_onset
        fraction = None if paradigm.start_time is None else paradigm.start_time / paradigm.repetition_time
        start = f"StartTime {paradigm.start_time:g} s" if paradigm.start_time is not None else "no StartTime"
        if onset is not None:
            spm.append(f"microtime bin {onset} of {resolution} (model)")
        else:
            spm.append(f"microtime bin {microtime_onset(paradigm, model)} of {resolution} ({start})")
        given = model.nilearn.slice_time_ref
        if given is None and model.spm.microtime_onset is not None:
            given = (model.spm.microtime_onset - 1) / resolution
        if given is not None:
            nilearn.append(f"{given:.4g} of the TR (model)")
        else:
            usual = (min(DEFAULT_MICROTIME_ONSET, resolution) - 1) / resolution
            nilearn.append(f"{usual if fraction is None else fraction:.4g} of the TR ({start})")
    return _same(spm), _same(nilearn)


def _spm_mask(model: ModelSpecification) -> str:
    if math.isinf(model.spm.mask_threshold):
        return "mask files if any, no threshold"
    return f"mask files if any, and above {model.spm.mask_threshold:g} of the global in every scan"


def _confounds(paradigms: Sequence[Paradigm]) -> tuple[str, str]:
    numbers = sorted({len(paradigm.confound_names) for paradigm in paradigms})
    if not any(numbers):
        return "none", "none"
    count = " or ".join(map(str, numbers))
    return f"{count}, mean-centred", f"{count}, as they are"


def paragraphs(
    model: ModelSpecification, paradigms: Sequence[Paradigm], backends: Sequence[str] = ("spm", "nilearn")
) -> tuple[str, ...]:
    """Citable description of what was done, in plain sentences from the actual settings.

    Parameters
    ----------
    model
        The model that was fitted.
    paradigms
        One for each run.
    backends
        Those that fitted it.

    Examples
    --------
    >>> print(paragraphs(ModelSpecification("m", ()), (), ("spm",))[-1][:53])
    The SPM12-equivalent model scaled the data (grand mea
    """
    texts = [_design_text(model, paradigms)]
    if "spm" in backends:
        texts.append(_spm_text(model, len(paradigms)))
    if "nilearn" in backends:
        texts.append(_nilearn_text(model, len(paradigms)))
    return (*texts, *((AGREEMENT_TEXT,) if len(backends) > 1 else ()))


AGREEMENT_TEXT = (
    "Agreement of the two packages' maps was measured over the voxels of both analysis masks by Pearson and"
    " Spearman correlation, the concordance correlation coefficient (Lin, 1989), the slope of the total least"
    " squares line of SPM on nilearn, the root mean square difference and the limits of agreement (Bland &"
    " Altman, 1986). Thresholded maps (p < 0.001 uncorrected, and a false discovery rate of 0.05; Benjamini &"
    " Hochberg, 1995) were compared by Dice and Jaccard overlap within both masks and by the share of"
    " suprathreshold voxels outside the other package's mask (Bowring et al., 2019). Differences are SPM"
    " minus nilearn."
)


def _design_text(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> str:
    n_runs = len(paradigms)
    runs = f"{_COUNTED.get(n_runs, n_runs)} run{'s' * (n_runs != 1)}" if n_runs else "runs"
    scans = ", ".join(dict.fromkeys(f"{p.n_scans} scans, TR {p.repetition_time:g} s" for p in paradigms))
    conditions = ", ".join(dict.fromkeys(c.name for p in paradigms for c in p.conditions))
    confounds = list(dict.fromkeys(name for p in paradigms for name in p.confound_names))
    smoothing = "were not smoothed further"
    if model.smoothing_fwhm:
        smoothing = f"were smoothed with a Gaussian kernel of {model.smoothing_fwhm:g} mm (FWHM)"
    return (
        "Data and design were taken from a BIDS data set (Gorgolewski et al., 2016) and from preprocessed"
        f" derivatives in the layout of fMRIPrep (Esteban et al., 2019): {runs}"
        f"{f' ({scans})' if scans else ''}. The preprocessed images {smoothing}. A general linear model"
        f" (Friston et al., 1994) had regressors for the conditions {conditions or 'none'}, convolved with"
        f" the response function {_response(model.hrf)}, and {len(confounds) or 'no'} confound regressors"
        f"{f' ({_shortened(confounds)})' if confounds else ''}."
    )


def _shortened(names: Sequence[str], longest: int = 12) -> str:
    shown = ", ".join(names[:longest])
    return f"{shown}, and {len(names) - longest} more" if len(names) > longest else shown


def _spm_text(model: ModelSpecification, n_runs: int) -> str:
    noise = {
        "AR(1)": "Serial correlations were modelled as AR(1) plus white noise with one covariance for all"
        " voxels of a run, estimated by restricted maximum likelihood from the voxels pooled that respond"
        " (Friston et al., 2002), and data and design were whitened with it",
        "FAST": "Serial correlations were modelled by SPM's FAST set of covariance components, one covariance"
        " for all voxels of a run, estimated by restricted maximum likelihood (Friston et al., 2002), and"
        " data and design were whitened with it",
        "none": "Errors were taken as independent",
    }[model.spm.serial_correlation]
    return (
        f"The SPM12-equivalent model scaled the data ({_spm_scaling(model).words}). {noise}. High-pass"
        f" filter: {_spm_filter(model)}. Analysis mask: {_spm_mask(model)}."
        f"{' Runs were fitted in one model with separate columns for each run.' * (n_runs > 1)} Degrees of"
        " freedom are Satterthwaite's. The algorithm follows SPM12 (r7771; Penny et al., 2007),"
        " reimplemented in Python."
    )


def _nilearn_text(model: ModelSpecification, n_runs: int) -> str:
    noise = model.nilearn.noise_model
    words = "Errors were taken as independent (ols)"
    if noise != "ols":
        words = f"Serial correlations were modelled as {_nilearn_noise(model)} ({noise})"
    scaling = _nilearn_scaling(model).words
    runs = (
        " Each run had its own model; runs were combined by fixed effects (F only approximately, as nilearn"
        " says)."
    )
    return (
        f"The nilearn model (Abraham et al., 2014) was fitted with nilearn itself. Scaling: {scaling}."
        f" {words}. High-pass filter: {_nilearn_filter(model)}."
        f"{runs * (n_runs > 1)}"
    )
