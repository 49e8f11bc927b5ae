"""What FSL's FEAT does with a model, in words."""

import math
from collections.abc import Mapping, Sequence

import bidsglm
from bidsglm.backends import phrases
from bidsglm.backends.fsl_design import filter_words, has_derivative, high_pass, moment, response_name
from bidsglm.data import Paradigm
from bidsglm.model import ModelSpecification


def settings_in_words(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> Mapping[str, str]:
    """Every setting that moves numbers, in FSL's words.

    >>> settings_in_words(ModelSpecification("m", ()), ())["High-pass filter"]
    'local straight line, cut-off 128 s, of data and columns'
    """
    found = {
        phrases.RESPONSE: _response(model),
        phrases.FILTER: _filter(model),
        phrases.NOISE: _noise(model),
        phrases.SCALING: "median of the brain set to 10,000 in each run",
        phrases.SAMPLING: phrases.once(_sampling(paradigm) for paradigm in paradigms),
        phrases.MASK: "above a tenth of the robust range in every scan, within the mask files if any; dilated"
        " by one voxel",
        phrases.SMOOTHING: _smoothing(model),
        phrases.CONFOUNDS: phrases.confounds(
            paradigms, "mean-centred" if math.isinf(high_pass(model)) else "filtered and mean-centred"
        ),
    }
    if len(paradigms) > 1:
        found[phrases.RUNS] = "one model each, fixed effects weighted by the inverse variances"
    if order := phrases.modulators(model):
        found[phrases.MODULATORS] = f"{order}, as values of three-column events"
    return found


def methods_text(model: ModelSpecification, n_runs: int) -> str:
    """Paragraph for a paper."""
    noise = (
        "Errors were taken as independent"
        if not model.fsl.prewhitening
        else "Serial correlations were estimated and removed by FILM (Woolrich et al., 2001): the residuals'"
        " autocorrelations, smoothed within tissue and tapered, for each voxel"
    )
    runs = (
        " Each run had its own model; runs were combined by fixed effects, weighted by the inverse variances"
        " (F over runs is not FSL's: it weighs each run's effects by the inverse of their covariance)."
    )
    return (
        "The FSL 6.0.0-equivalent model (FEAT's GLM and FILM, without spatial smoothing of data;"
        " Jenkinson et al., 2012)"
        f" scaled each run by the median of its brain, set to 10,000. {noise}."
        f" High-pass filter: {_filter(model)}.{_own_response(model)}"
        " Analysed were the voxels above a tenth of the robust range in every scan, within the mask files"
        " where there are any, dilated by one voxel, whose mean exceeds a tenth of the median."
        f"{runs * (n_runs > 1)} Thresholds are Bonferroni's and those of the false discovery rate: FSL's own"
        " inference on clusters by random field theory was not made. The algorithm follows published"
        " equations, reimplemented in Python; FSL itself was not run."
    )


def effect_unit(model: ModelSpecification) -> str:
    """Unit of the effect maps.

    >>> effect_unit(ModelSpecification("m", ()))
    "0.01 % of the run's median"
    """
    return "0.01 % of the run's median"


def software() -> dict[str, str]:
    """What made the maps, as sidecars give it."""
    return {
        "Package": "bidsglm (FSL 6.0.0-equivalent: FEAT's GLM and FILM, without spatial smoothing of data)",
        "PackageVersion": bidsglm.__version__,
    }


def _response(model: ModelSpecification) -> str:
    return response_name(model) + " + temporal derivative" * has_derivative(model)


def _own_response(model: ModelSpecification) -> str:
    """The convolution, where it is not the model's."""
    if model.fsl.hrf is None and model.fsl.temporal_derivative is None:
        return ""
    derivative = " and its temporal derivative" * has_derivative(model)
    return f" Its events were convolved with FEAT's {response_name(model)} function{derivative}."


def _filter(model: ModelSpecification) -> str:
    if model.own_cosines:
        return phrases.OWN_COSINES
    return filter_words(model) or phrases.NOTHING


def _noise(model: ModelSpecification) -> str:
    if not model.fsl.prewhitening:
        return "independent"
    return "FILM: autocorrelations of each voxel, smoothed within tissue and tapered"


def _smoothing(model: ModelSpecification) -> str:
    found = phrases.smoothing(model)
    return found if found == phrases.NOTHING else f"{found}, Gaussian in place of FSL's SUSAN"


def _sampling(paradigm: Paradigm) -> str:
    # nilearn interpolates at the same place, which is another step
    return f"bin of 0.05 s, {moment(paradigm):.4g} of the TR ({phrases.start_time(paradigm)})"
