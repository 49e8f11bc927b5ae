"""What AFNI does with a model, in words."""

from collections.abc import Mapping, Sequence

import bidsglm
from bidsglm.afni.conditions import ConditionResponse, condition_responses
from bidsglm.backends import phrases
from bidsglm.backends.afni_design import polynomial_degree
from bidsglm.data import Paradigm
from bidsglm.model import ModelSpecification

SHOWN = 6
"""Conditions whose response models are told one by one."""


def settings_in_words(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> Mapping[str, str]:
    """Every setting that moves numbers, in AFNI's words.

    >>> settings_in_words(ModelSpecification("m", ()), ())["High-pass filter"]
    'Legendre polynomials of each run, degree by -polort A; no cut-off'
    """
    found = {
        phrases.RESPONSE: _response(model, paradigms),
        phrases.FILTER: _filter(model, paradigms),
        phrases.NOISE: _noise(model),
        phrases.SCALING: _scaling(model),
        phrases.SAMPLING: phrases.once(_sampling(paradigm) for paradigm in paradigms),
        phrases.MASK: "mask files, else nilearn's EPI mask",
        phrases.SMOOTHING: phrases.smoothing(model),
        phrases.CONFOUNDS: phrases.confounds(paradigms, _confounds(model, len(paradigms))),
    }
    censored = [len(paradigm.censored) for paradigm in paradigms]
    if len(paradigms) > 1:
        found[phrases.RUNS] = "one model, conditions in columns through all runs"
    if any(censored):
        found[phrases.CENSORING] = f"{' + '.join(map(str, censored))} scans left out"
    if phrases.modulators(model):
        found[phrases.MODULATORS] = _modulators(model)
    return found


def methods_text(model: ModelSpecification, n_runs: int) -> str:
    """Paragraph for a paper."""
    noise = (
        "Errors were taken as independent (3dDeconvolve's ordinary least squares)"
        if model.afni.noise_model == "none"
        else "Serial correlations were modelled as ARMA(1,1) in each voxel, estimated by restricted maximum"
        " likelihood on 3dREMLfit's grid (Chen et al., 2012)"
    )
    runs = " All runs were one regression with conditions in columns through all of them." * (n_runs > 1)
    return (
        "The AFNI 26.2.03-equivalent model (3dDeconvolve, 3dREMLfit; Cox, 1996) was reimplemented in Python;"
        " AFNI itself was not run."
        f" Scaling: {_scaling(model)}. Baseline: {_filter(model, ())}. {noise}."
        f" Analysed were the voxels of the mask files, or of nilearn's EPI mask where there are none.{runs}"
        " Degrees of freedom were scans that are kept less columns. Clusters were not corrected for their"
        " extent, as AFNI's own simulation (3dClustSim) was not made."
    )


def effect_unit(model: ModelSpecification) -> str:
    """Unit of the effect maps.

    >>> effect_unit(ModelSpecification("m", ()))
    '% of voxel mean'
    """
    return "% of voxel mean" if model.afni.scale else "image units"


def software() -> dict[str, str]:
    """What made the maps, as sidecars give it."""
    return {
        "Package": "bidsglm (AFNI 26.2.03-equivalent: 3dDeconvolve, 3dREMLfit)",
        "PackageVersion": bidsglm.__version__,
    }


def _response(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> str:
    """Response models of the conditions, equal ones together."""
    if paradigms:
        return _by_notation(condition_responses(paradigms, model))
    asked = model.afni.response_model
    if asked is not None:
        each = {"": asked} if isinstance(asked, str) else asked
        return "; ".join(f"{notation}{name and f' for {name}'}" for name, notation in each.items())
    return "BLOCK, dmUBLOCK or GAM, by durations" if model.afni.by_duration else phrases.response(model.hrf)


def _by_notation(found: Mapping[str, ConditionResponse]) -> str:
    names: dict[str, list[str]] = {}
    for name, chosen in found.items():
        names.setdefault(chosen.notation + (" (a deviation)" * bool(chosen.deviates)), []).append(name)
    if len(names) < 2:
        return "".join(names) or phrases.NOTHING
    told = (
        f"{notation} ({', '.join(of[:SHOWN])}{' ...' * (len(of) > SHOWN)})" for notation, of in names.items()
    )
    return "; ".join(told)


def _filter(model: ModelSpecification, paradigms: Sequence[Paradigm]) -> str:
    own = f" beside {phrases.OWN_COSINES}" * model.own_cosines
    if not paradigms and model.afni.polort is None:
        return f"Legendre polynomials of each run, degree by -polort A; no cut-off{own}"
    rule = " by -polort A" * (model.afni.polort is None)
    degree = polynomial_degree(paradigms, model)
    return f"Legendre polynomials of each run, degree {degree}{rule}; no cut-off{own}"


def _noise(model: ModelSpecification) -> str:
    return "independent" if model.afni.noise_model == "none" else "ARMA(1,1) of each voxel, REML on a grid"


def _scaling(model: ModelSpecification) -> str:
    return "percent of each voxel's mean over the run, at most 200" if model.afni.scale else phrases.NOTHING


def _sampling(paradigm: Paradigm) -> str:
    if paradigm.start_time is None:
        return "the start of each scan (no StartTime)"
    return f"{phrases.start_time(paradigm)}, subtracted from onsets"


def _confounds(model: ModelSpecification, n_runs: int) -> str:
    shared = n_runs > 1 and not model.afni.motion_per_run
    return f"mean-centred in each run{', one set through all runs' * shared}"


def _modulators(model: ModelSpecification) -> str:
    centred = "less their mean over all runs (AM2)"
    as_given = "as they are (AM1)"
    if isinstance(model.orthogonalize, bool):
        return centred if model.orthogonalize else as_given
    return f"{centred}; {as_given} where they are not orthogonalised"
