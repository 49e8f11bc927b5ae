"""What SPM12 does with a model, in words."""

import math
from collections.abc import Mapping, Sequence

import bidsglm
from bidsglm.backends import phrases
from bidsglm.data import Paradigm
from bidsglm.model import ModelSpecification
from bidsglm.spm.regressors import microtime_onset

_SHORT = {
    "AR(1)": "AR(1) + white, one covariance for all voxels of a run (pooled ReML)",
    "FAST": "FAST, one covariance for all voxels of a run (pooled ReML)",
    "none": "independent",
}
_LONG = {
    "AR(1)": "Serial correlations were modelled as AR(1) plus white noise with one covariance for all"
    " voxels of a run, estimated by restricted maximum likelihood (Friston et al., 2002) from the pooled"
    " voxels that pass an F test of all regressors (p < 0.001), and data and design were whitened with it",
    "FAST": "Serial correlations were modelled by SPM's FAST set of covariance components, one covariance"
    " for all voxels of a run, estimated by restricted maximum likelihood (Friston et al., 2002), and"
    " data and design were whitened with it",
    "none": "Errors were taken as independent",
}


def settings_in_words(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> Mapping[str, str]:
    """Every setting that moves numbers, in SPM's words.

    >>> settings_in_words(ModelSpecification("m", ()), ())["High-pass filter"]
    'cosine set projected out after whitening, cut-off 128 s'
    """
    found = {
        phrases.RESPONSE: phrases.response(model.hrf),
        phrases.FILTER: _filter(model),
        phrases.NOISE: _SHORT[model.spm.serial_correlation],
        phrases.SCALING: _scaling(model),
        phrases.SAMPLING: phrases.once(_sampling(model, paradigm) for paradigm in paradigms),
        phrases.MASK: _mask(model),
        phrases.SMOOTHING: phrases.smoothing(model),
        phrases.CONFOUNDS: phrases.confounds(paradigms, "mean-centred"),
    }
    if len(paradigms) > 1:
        found[phrases.RUNS] = "one model, a block of columns for each run"
    if order := phrases.modulators(model):
        found[phrases.MODULATORS] = order
    return found


def methods_text(model: ModelSpecification, n_runs: int) -> str:
    """Paragraph for a paper."""
    return (
        f"The SPM12-equivalent model scaled the data ({_scaling(model)})."
        f" {_LONG[model.spm.serial_correlation]}. High-pass filter: {_filter(model)}."
        f" {_masked(model)}"
        f"{' Runs were fitted in one model with separate columns for each run.' * (n_runs > 1)} Degrees of"
        " freedom were Satterthwaite's. The algorithm follows SPM12 (r7771; Penny et al., 2007),"
        " reimplemented in Python."
    )


def effect_unit(model: ModelSpecification) -> str:
    """Unit of the effect maps.

    >>> effect_unit(ModelSpecification("m", ()))
    '% of spm_global'
    """
    return "% of scan mean" if model.spm.global_normalization == "Scaling" else "% of spm_global"


def software() -> dict[str, str]:
    """What made the maps, as sidecars give it."""
    return {"Package": "bidsglm (equivalent to SPM12 r7771)", "PackageVersion": bidsglm.__version__}


def _filter(model: ModelSpecification) -> str:
    if model.own_cosines:
        return phrases.OWN_COSINES
    if math.isinf(model.high_pass):
        return phrases.NOTHING
    return f"cosine set projected out after whitening, cut-off {model.high_pass:g} s"


def _scaling(model: ModelSpecification) -> str:
    each = model.spm.global_normalization == "Scaling"
    what = "each scan's spm_global" if each else "the mean of spm_global over each run"
    return f"{what} set to 100"


def _sampling(model: ModelSpecification, paradigm: Paradigm) -> str:
    resolution, onset = model.spm.microtime_resolution, model.spm.microtime_onset
    if onset is not None:
        return f"microtime bin {onset} of {resolution} (model)"
    bin_ = microtime_onset(paradigm, model)
    return f"microtime bin {bin_} of {resolution} ({phrases.start_time(paradigm)})"


def _mask(model: ModelSpecification) -> str:
    if math.isinf(model.spm.mask_threshold):
        return "mask files if any, no threshold"
    return f"mask files if any, and above {model.spm.mask_threshold:g} of the global in every scan"


def _masked(model: ModelSpecification) -> str:
    """Which voxels are analysed, in a sentence."""
    text = "Analysed were the voxels of the mask files, where there are any"
    if math.isinf(model.spm.mask_threshold):
        return f"{text}."
    return f"{text}, above {model.spm.mask_threshold:g} of the image's global (spm_global) in every scan."
