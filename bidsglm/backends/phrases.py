"""Words about a model that several packages' modules use."""

from collections.abc import Iterable, Sequence

from bidsglm.data import Paradigm
from bidsglm.model import Hrf, ModelSpecification

OWN_COSINES = "fMRIPrep's cosine regressors, which the model has in X, and no other"
NOTHING = "none"
RESPONSE, FILTER, NOISE = "Response function", "High-pass filter", "Noise model"
SCALING, SAMPLING, MASK = "Intensity scaling", "Response sampled at", "Analysis mask"
SMOOTHING, CONFOUNDS, RUNS, MODULATORS = "Smoothing", "Confounds", "Runs", "Modulators"
CENSORING = "Censoring"
SETTINGS = (
    *(RESPONSE, FILTER, NOISE, SCALING, SAMPLING, MASK, SMOOTHING),
    *(CONFOUNDS, CENSORING, RUNS, MODULATORS),
)
"""Settings that move numbers, in the order of the page; a package's words are by these names."""


def response(hrf: Hrf) -> str:
    """Name a set of response functions.

    >>> response(Hrf("spm", derivative=True)), response(Hrf("fir", length=6, order=3))
    ('canonical (spm) + derivative', 'FIR, 6 s, order 3')
    """
    parts = {"derivative": hrf.derivative, "dispersion": hrf.dispersion}
    name = {"spm": "canonical (spm)", "glover": "glover", "fir": "FIR"}.get(hrf.model, hrf.model)
    name += "".join(f" + {part}" for part, asked in parts.items() if asked)
    if hrf.fir_delays:
        return f"{name}, delays {', '.join(map(str, hrf.fir_delays))} scans"
    return f"{name}, {hrf.length:g} s, order {hrf.order}" if hrf.length else name


def response_function(hrf: Hrf) -> str:
    """Say in a sentence what events are convolved with.

    >>> response_function(Hrf("spm", derivative=True))
    "SPM's canonical response function and its time derivative"
    >>> response_function(Hrf("fir", length=6, order=3))
    'a set of response functions (FIR, 6 s, order 3)'
    """
    whose = {"spm": "SPM's canonical", "glover": "Glover's"}.get(hrf.model)
    if whose is None:
        return f"a set of response functions ({response(hrf)})"
    more = [name for name, asked in (("time", hrf.derivative), ("dispersion", hrf.dispersion)) if asked]
    if not more:
        return f"{whose} response function"
    return f"{whose} response function and its {' and '.join(more)} derivative{'s' * (len(more) > 1)}"


def smoothing(model: ModelSpecification) -> str:
    """Width of the kernel that the data are smoothed with.

    >>> smoothing(ModelSpecification("m", (), smoothing_fwhm=6))
    '6 mm FWHM'
    """
    return f"{model.smoothing_fwhm:g} mm FWHM" if model.smoothing_fwhm else NOTHING


def confounds(paradigms: Sequence[Paradigm], treatment: str) -> str:
    """How many confounds the runs have, and what is done with them."""
    numbers = sorted({len(paradigm.confound_names) for paradigm in paradigms})
    return f"{' or '.join(map(str, numbers))}, {treatment}" if any(numbers) else NOTHING


def modulators(model: ModelSpecification) -> str:
    """Whether parametric modulators are orthogonalised; empty where there are none."""
    if not (model.modulations or model.time_modulations):
        return ""
    return "orthogonalised" if model.orthogonalize else "not orthogonalised"


def start_time(paradigm: Paradigm) -> str:
    """Note on the moment that a scan stands for, by fMRIPrep."""
    return "no StartTime" if paradigm.start_time is None else f"StartTime {paradigm.start_time:g} s"


def once(texts: Iterable[str]) -> str:
    """Join the texts of all runs, equal ones once.

    >>> once(["a", "b", "a"])
    'a; b'
    """
    return "; ".join(dict.fromkeys(texts))
