"""What nilearn does with a model, in words."""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from bidsglm.backends import phrases
from bidsglm.backends.nilearn_design import slice_time_ref
from bidsglm.backends.nilearn_records import LIBRARY, Computation
from bidsglm.data import Paradigm
from bidsglm.model import ModelSpecification


def settings_in_words(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> Mapping[str, str]:
    """Every setting that moves numbers, in nilearn's words.

    Examples
    --------
    >>> settings_in_words(ModelSpecification("m", ()), ())["High-pass filter"]
    'cosine regressors, cut-off 128 s'
    """
    found = {
        phrases.RESPONSE: phrases.response(model.nilearn.hrf or model.hrf),
        phrases.FILTER: _filter(model),
        phrases.NOISE: _noise(model),
        phrases.SCALING: _scaling(model)[0],
        phrases.SAMPLING: phrases.once(_sampling(model, paradigm) for paradigm in paradigms),
        phrases.MASK: "mask files, else its own EPI mask",
        phrases.SMOOTHING: phrases.smoothing(model),
        phrases.CONFOUNDS: phrases.confounds(paradigms, "as they are"),
    }
    if len(paradigms) > 1:
        found[phrases.RUNS] = "one model each, fixed effects"
    if order := phrases.modulators(model):
        found[phrases.MODULATORS] = f"{order}, as conditions with a modulation"
    return found


def computation_in_words(how: Computation) -> str:
    """Say how a run was fitted, and what nilearn's own function gave beside.

    >>> print(computation_in_words(Computation("shared", 2000, 3.21e-13, 1)))
    by nilearn's models, each made once; of 2,000 voxels that run_glm fitted too the largest difference is \
3.2e-13; 1 voxel by run_glm alone, where rounding could count
    >>> print(computation_in_words(Computation("library", 2000, math.inf)))
    by run_glm: models made once gave another coefficient
    """
    if not how.n_checked:
        return "by run_glm"
    if how.engine == LIBRARY:
        differs = f"differ by {how.difference:.1e}" if math.isfinite(how.difference) else ""
        return f"by run_glm: models made once {differs or 'gave another coefficient'}"
    alone = f"{how.n_by_library:,} voxel{'s' * (how.n_by_library != 1)} by run_glm alone"
    return (
        f"by nilearn's models, each made once; of {how.n_checked:,} voxels that run_glm fitted too the"
        f" largest difference is {how.difference:.1e}"
        f"{f'; {alone}, where rounding could count' if how.n_by_library else ''}"
    )


def methods_text(model: ModelSpecification, n_runs: int) -> str:
    """Paragraph for a paper."""
    noise = model.nilearn.noise_model
    words = "Errors were taken as independent (ols)"
    if noise != "ols":
        words = f"Serial correlations were modelled as {_noise(model)} ({noise})"
    runs = (
        " Each run had its own model; runs were combined by fixed effects (F only approximately, as nilearn"
        " says)."
    )
    return (
        f"The nilearn model (Abraham et al., 2014) was fitted with nilearn itself{_engine(model)}."
        f" Scaling: {_scaling(model)[0]}. {words}. High-pass filter: {_filter(model)}.{_own_response(model)}"
        " Analysed were the voxels of the mask files, or of nilearn's EPI mask where there are none."
        f"{runs * (n_runs > 1)}"
    )


def _engine(model: ModelSpecification) -> str:
    """AR(1) fits that nilearn checks only."""
    if model.nilearn.noise_model != "ar1" or model.nilearn.engine == LIBRARY:
        return ""
    return (
        ", its AR(1) models made once for all voxels with the same coefficient and checked against run_glm"
        " in a sample of each run; where these differ, run_glm fits all voxels"
    )


def _own_response(model: ModelSpecification) -> str:
    """A response function that the model gives nilearn alone."""
    own = model.nilearn.hrf
    if own is None or own == model.hrf:
        return ""
    return f" Its events were convolved with {phrases.response_function(own)}."


def effect_unit(model: ModelSpecification) -> str:
    """Unit of the effect maps.

    >>> effect_unit(ModelSpecification("m", ()))
    '% of voxel mean'
    """
    return _scaling(model)[1]


def software() -> dict[str, str]:
    """What made the maps, as sidecars give it."""
    return {"Package": "nilearn", "PackageVersion": version("nilearn")}


def _filter(model: ModelSpecification) -> str:
    if model.own_cosines:
        return phrases.OWN_COSINES
    cutoff = model.nilearn.high_pass or model.high_pass
    if model.nilearn.drift_model is None or (math.isinf(cutoff) and model.nilearn.drift_model == "cosine"):
        return phrases.NOTHING
    if model.nilearn.drift_model == "polynomial":
        return "polynomial regressors"
    return f"cosine regressors, cut-off {cutoff:g} s"


def _noise(model: ModelSpecification) -> str:
    noise = model.nilearn.noise_model
    return "independent (ols)" if noise == "ols" else f"AR({noise.removeprefix('ar')}) of each voxel"


def _scaling(model: ModelSpecification) -> tuple[str, str]:
    """What is done, and the unit that effects have then."""
    scaling = model.nilearn.signal_scaling
    if scaling is False:
        return phrases.NOTHING, "image units"
    if scaling == 0:
        return "percent of each voxel's own mean", "% of voxel mean"
    if scaling == 1:
        return "percent of each scan's mean", "% of scan mean"
    return "percent of the grand mean", "% of grand mean"


def _sampling(model: ModelSpecification, paradigm: Paradigm) -> str:
    given = model.nilearn.slice_time_ref is not None or model.spm.microtime_onset is not None
    source = "model" if given else phrases.start_time(paradigm)
    return f"{slice_time_ref(paradigm, model):.4g} of the TR ({source})"
