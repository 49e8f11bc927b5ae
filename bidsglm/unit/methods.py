"""The model in words: settings of the backends side by side, and citable paragraphs made from them."""

from collections.abc import Mapping, Sequence

from bidsglm.backends import BACKENDS
from bidsglm.backends.phrases import CONFOUNDS, RESPONSE, SETTINGS, SMOOTHING, response_function
from bidsglm.data import Paradigm
from bidsglm.model import ModelSpecification
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES, REFERENCE
from bidsglm.pairs import pairs_of
from bidsglm.report.methods import SettingRow, agreement_text, thresholds_text
from bidsglm.report.wording import listed
from bidsglm.sentences import listing
from bidsglm.unit.kernels import effective_widths, grid_in_words, smoothing_in_words

_COUNTED = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}
CONFOUNDS_SHOWN = 12


def setting_rows(
    model: ModelSpecification,
    paradigms: Sequence[Paradigm],
    backends: Sequence[str] = DEFAULT_PACKAGES,
    voxel_sizes: Sequence[float] = (),
) -> tuple[SettingRow, ...]:
    """Every setting that moves numbers, in the words of each package.

    The sizes of voxels are (3,) mm, none where no image has been looked at.

    >>> setting_rows(ModelSpecification("m", ("trial_type.go",)), ())[1].cell("nilearn")
    'cosine regressors, cut-off 128 s'
    """
    words = in_words(model, paradigms, backends)
    if voxel_sizes:
        for name, text in smoothing_in_words(model, voxel_sizes, backends).items():
            words[name][SMOOTHING] = text
    rows = ((key, {name: found[key] for name, found in words.items() if key in found}) for key in SETTINGS)
    return tuple(SettingRow(key, cells) for key, cells in rows if cells)


def in_words(
    model: ModelSpecification, paradigms: Sequence[Paradigm], backends: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Package -> its settings in words, by their names."""
    return {name: dict(BACKENDS[name].settings_in_words(model, paradigms)) for name in backends}


def effect_units(model: ModelSpecification, backends: Sequence[str] = DEFAULT_PACKAGES) -> dict[str, str]:
    """Return the unit of each backend's effect map.

    >>> effect_units(ModelSpecification("m", ()))
    {'spm': '% of spm_global', 'nilearn': '% of voxel mean'}
    """
    return {name: BACKENDS[name].effect_unit(model) for name in backends}


def paragraphs(
    model: ModelSpecification,
    paradigms: Sequence[Paradigm],
    backends: Sequence[str] = DEFAULT_PACKAGES,
    voxel_sizes: Sequence[float] = (),
    reference: str = REFERENCE,
) -> tuple[str, ...]:
    """Citable description of what was done, in plain sentences from the actual settings.

    >>> print(paragraphs(ModelSpecification("m", ()), (), ("spm",))[1][:42])
    The SPM12-equivalent model scaled the data
    """
    own = [BACKENDS[name].methods_text(model, len(paradigms)) for name in backends]
    pairs = pairs_of(backends, reference)
    smoothing = _smoothing(model, backends, voxel_sizes)
    words = in_words(model, paradigms, backends)
    convolved = _convolved(response_function(model.hrf), words)
    design = _design_text(paradigms, convolved, smoothing) + _treatment(words)
    tested = thresholds_text(backends, model.two_sided)
    return (design, *own, tested, *((agreement_text(pairs),) if pairs else ()))


def _treatment(words: Mapping[str, Mapping[str, str]]) -> str:
    """What each package does with confounds before the fit.

    >>> _treatment({"nilearn": {CONFOUNDS: "all, as they are"}, "fsl": {CONFOUNDS: "all, cut and put"}})
    ' The confounds were taken as they are in nilearn, and cut and put in FSL.'
    """
    said = {name: own[CONFOUNDS].partition(", ")[2] for name, own in words.items()}
    *others, last = [f"{text} in {PACKAGES[name].title}" for name, text in said.items() if text] or [""]
    if not others:
        return f" The confounds were taken {last}." * bool(last)
    comma = "," * (len(others) > 1 or " and " in last)
    return f" The confounds were taken {', '.join(others)}{comma} and {last}."


def _smoothing(model: ModelSpecification, backends: Sequence[str], voxel_sizes: Sequence[float]) -> str:
    """What was done to the images, with the width that a kernel has in effect on their voxels."""
    if not model.smoothing_fwhm:
        return "were not smoothed further"
    text = f"were smoothed with a Gaussian kernel of {model.smoothing_fwhm:g} mm (FWHM"
    widths = effective_widths(model.smoothing_fwhm, voxel_sizes, backends) if voxel_sizes else {}
    if not widths:
        return f"{text})"
    told = [f"{width:.1f} mm by {PACKAGES[name].title}'s kernel" for name, width in widths.items()]
    return f"{text}; in effect, on voxels of {grid_in_words(voxel_sizes)}, {' and '.join(told)})"


def _design_text(paradigms: Sequence[Paradigm], convolved: str, smoothing: str) -> str:
    n_runs = len(paradigms)
    runs = f"{_COUNTED.get(n_runs, n_runs)} run{'s' * (n_runs != 1)}" if n_runs else "runs"
    scans = ", ".join(dict.fromkeys(f"{p.n_scans} scans, TR {p.repetition_time:g} s" for p in paradigms))
    conditions = list(dict.fromkeys(c.name for p in paradigms for c in p.conditions))
    confounds = list(dict.fromkeys(name for p in paradigms for name in p.confound_names))
    return (
        "Data and design were taken from a BIDS data set (Gorgolewski et al., 2016) and from preprocessed"
        f" derivatives in the layout of fMRIPrep (Esteban et al., 2019): {runs}"
        f"{f' ({scans})' if scans else ''}. The preprocessed images {smoothing}. A general linear model"
        f" (Friston et al., 1994) had {_of_conditions(conditions, convolved)} and"
        f" {len(confounds) or 'no'} confound regressors"
        f"{f' ({listing(confounds, CONFOUNDS_SHOWN)})' if confounds else ''}."
    )


def _of_conditions(names: Sequence[str], convolved: str) -> str:
    """Say which conditions have regressors, and what they are convolved with.

    >>> _of_conditions(["go"], "a gamma function")
    'regressors for the condition go, convolved with a gamma function,'
    """
    if not names:
        return "no regressors of conditions"
    plural = "s" * (len(names) > 1)
    return f"regressors for the condition{plural} {', '.join(names)}, convolved with {convolved},"


def _convolved(response: str, words: Mapping[str, Mapping[str, str]]) -> str:
    """What events are convolved with; AFNI and FSL have response functions of their own.

    >>> _convolved("SPM's canonical response function", {"spm": {}, "fsl": {RESPONSE: "double-gamma"}})
    "SPM's canonical response function (double-gamma in FSL)"
    """
    others = [name for name in words if name not in DEFAULT_PACKAGES]
    own = [f"{words[name][RESPONSE]} in {PACKAGES[name].title}" for name in others]
    if own and len(own) == len(words):
        return listed(own)
    return response + f" ({listed(own)})" * bool(own)
