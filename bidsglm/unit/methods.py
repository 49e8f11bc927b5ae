"""The model in words: settings of the backends side by side, and citable paragraphs made from them."""

from collections.abc import Sequence

from bidsglm.backends import BACKENDS
from bidsglm.backends.phrases import SETTINGS, response
from bidsglm.model import ModelSpecification, Paradigm
from bidsglm.packages import DEFAULT_PACKAGES, pairs_of
from bidsglm.report.methods import SettingRow, agreement_text

_COUNTED = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}


def setting_rows(
    model: ModelSpecification, paradigms: Sequence[Paradigm], backends: Sequence[str] = DEFAULT_PACKAGES
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

    Examples
    --------
    >>> setting_rows(ModelSpecification("m", ("trial_type.go",)), ())[1].cell("nilearn")
    'cosine regressors, cut-off 128 s'
    """
    words = {name: BACKENDS[name].settings_in_words(model, paradigms) for name in backends}
    rows = ((key, {name: found[key] for name, found in words.items() if key in found}) for key in SETTINGS)
    return tuple(SettingRow(key, cells) for key, cells in rows if cells)


def effect_units(model: ModelSpecification, backends: Sequence[str] = DEFAULT_PACKAGES) -> dict[str, str]:
    """Return the unit of each backend's effect map.

    >>> effect_units(ModelSpecification("m", ()))
    {'spm': '% of grand mean', 'nilearn': '% of voxel mean'}
    """
    return {name: BACKENDS[name].effect_unit(model) for name in backends}


def paragraphs(
    model: ModelSpecification, paradigms: Sequence[Paradigm], backends: Sequence[str] = DEFAULT_PACKAGES
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
    own = [BACKENDS[name].methods_text(model, len(paradigms)) for name in backends]
    pairs = pairs_of(backends)
    return (_design_text(model, paradigms), *own, *((agreement_text(pairs),) if pairs else ()))


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
        f" the response function {response(model.hrf)}, and {len(confounds) or 'no'} confound regressors"
        f"{f' ({_shortened(confounds)})' if confounds else ''}."
    )


def _shortened(names: Sequence[str], longest: int = 12) -> str:
    shown = ", ".join(names[:longest])
    return f"{shown}, and {len(names) - longest} more" if len(names) > longest else shown
