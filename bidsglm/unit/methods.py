"""The model in words: settings of the backends side by side, and citable paragraphs made from them."""

from collections.abc import Sequence

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

    Parameters
    ----------
    model
        The model that was fitted.
    paradigms
        One for each run.
    backends
        Those that fitted it.
    voxel_sizes
        (3,) mm; empty where no image has been looked at.

    Examples
    --------
    >>> setting_rows(ModelSpecification("m", ("trial_type.go",)), ())[1].cell("nilearn")
    'cosine regressors, cut-off 128 s'
    """
    words = {name: dict(BACKENDS[name].settings_in_words(model, paradigms)) for name in backends}
    if voxel_sizes:
        for name, text in smoothing_in_words(model, voxel_sizes, backends).items():
            words[name][SMOOTHING] = text
    rows = ((key, {name: found[key] for name, found in words.items() if key in found}) for key in SETTINGS)
    return tuple(SettingRow(key, cells) for key, cells in rows if cells)


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

    Parameters
    ----------
    model, paradigms, backends, voxel_sizes
        As of `setting_rows`.
    reference
        Package that the others are compared with.

    Examples
    --------
    >>> print(paragraphs(ModelSpecification("m", ()), (), ("spm",))[1][:42])
    The SPM12-equivalent model scaled the data
    """
    own = [BACKENDS[name].methods_text(model, len(paradigms)) for name in backends]
    pairs = pairs_of(backends, reference)
    smoothing = _smoothing(model, backends, voxel_sizes)
    design = _design_text(model, paradigms, backends, smoothing) + _treatment(model, paradigms, backends)
    tested = thresholds_text(backends, model.two_sided)
    return (design, *own, tested, *((agreement_text(pairs),) if pairs else ()))


def _treatment(model: ModelSpecification, paradigms: Sequence[Paradigm], backends: Sequence[str]) -> str:
    """What each package does with confounds before the fit."""
    words = {name: BACKENDS[name].settings_in_words(model, paradigms)[CONFOUNDS] for name in backends}
    told = [
        f"{text.partition(', ')[2]} in {PACKAGES[name].title}" for name, text in words.items() if ", " in text
    ]
    return f" The confounds were taken {listed(told)}." if told else ""


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


def _design_text(
    model: ModelSpecification, paradigms: Sequence[Paradigm], backends: Sequence[str], smoothing: str
) -> str:
    n_runs = len(paradigms)
    runs = f"{_COUNTED.get(n_runs, n_runs)} run{'s' * (n_runs != 1)}" if n_runs else "runs"
    scans = ", ".join(dict.fromkeys(f"{p.n_scans} scans, TR {p.repetition_time:g} s" for p in paradigms))
    conditions = list(dict.fromkeys(c.name for p in paradigms for c in p.conditions))
    confounds = list(dict.fromkeys(name for p in paradigms for name in p.confound_names))
    convolved = _convolved(model, paradigms, backends)
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


def _convolved(model: ModelSpecification, paradigms: Sequence[Paradigm], backends: Sequence[str]) -> str:
    """What events are convolved with; AFNI and FSL have response functions of their own.

    >>> _convolved(ModelSpecification("m", ()), (), ("spm", "fsl"))
    "SPM's canonical response function (double-gamma in FSL)"
    """
    own = [
        f"{BACKENDS[name].settings_in_words(model, paradigms)[RESPONSE]} in {PACKAGES[name].title}"
        for name in backends
        if name not in DEFAULT_PACKAGES
    ]
    if own and len(own) == len(backends):
        return listed(own)
    return response_function(model.hrf) + f" ({listed(own)})" * bool(own)
