"""The modelling steps on the way from nilearn's result to SPM's.

A combination of settings has one of the two packages' in each step: nilearn's in all of them gives
nilearn's maps, SPM's in all of them SPM's. A step is named here; what its two settings are in an
analysis stands in its `Step`. What the settings mean among those of the other package:

- *smoother*: whose smoothed series are fitted.
- *scaling*: the factor of a voxel's series, 100 over the voxel's mean or over the run's global. Where a
  package scales every scan apart, the scaled series are fitted.
- *response*: whose functions the events are convolved with, sampled by its own rule at the step of the
  grid in use, and whose orthogonalisation follows.
- *events*: whose grid the events are drawn on, in whose height and length.
- *sampling*: SPM takes the grid's value nearest to the scan's time, nilearn interpolates at its own.
- *filter*: with nilearn's, its drift terms are columns of the design, whitened with it; with SPM's, the
  whitened data and design are projected on the complement of SPM's cosines.
- *noise*: with nilearn's, each voxel is whitened by its own truncated AR(1) coefficient, taken from the
  residuals on the regressors and drifts, and its residual sum of squares is divided by scans
  minus columns (minus projected cosines). With SPM's, all voxels are whitened by one V and the divisor is
  tr(RV). V belongs to smoother, regressors and drifts: it is SPM's own V plus the change that
  they make in a V estimated, as SPM does, from a smaller pool of voxels in SPM's scaling. Regressors that
  differ by less than a hundredth share a V.
- *runs*: with nilearn's, every run has its own residual mean square and the variances of the effects are
  added; with SPM's, one residual mean square is pooled over all runs.

The degrees of freedom of a combination go with noise and runs: scans minus rank, summed over runs, or SPM's
effective ones. They matter for p and z alone, as the mask does.

The packages' roundings are no step: nilearn's scaled signals and SPM's parameters are float32. They
change maps by some 1e-7 of their range; closures are taken on maps that are rounded likewise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bidsglm.attribution.crossing import OVERSAMPLING, Rules
from bidsglm.attribution.mixture import Mixtures, responses
from bidsglm.attribution.models import RunDesigns
from bidsglm.design_space import directions, rank
from bidsglm.model import NO_FILTER, Floats, ModelSpecification

STEPS = ("smoother", "scaling", "response", "events", "sampling", "filter", "noise", "runs")
"""In the order of the ladder."""
REGRESSORS = "regressors"
"""Response, events and sampling together."""
CENSORING = "censoring"
"""Only where a package leaves scans out; behind the regressors"""
PARTS_OF_REGRESSORS = ("response", "events", "sampling")
COARSE_STEPS = ("smoother", "scaling", REGRESSORS, "filter", "noise", "runs")
"""The steps of the dominant-step map; label i + 1 stands for step i, 0 for none."""
ROUNDING = 1e-12
"""Orthonormal cosines that differ by no more are the same ones."""


@dataclass(frozen=True)
class Step:
    """One modelling step and what each package does in it."""

    name: str
    reference: str
    """In a few words."""
    other: str
    same: bool = False
    """Both settings give the same numbers, so the step costs nothing."""


def settings_of(every: Sequence[str], names: Sequence[str], given: Sequence[int]) -> dict[str, int]:
    """Setting of every step: some have a given one, all others the other package's, which is 1.

    >>> settings_of(("events", "noise", "runs"), ("noise",), (0,))
    {'events': 1, 'noise': 0, 'runs': 1}
    """
    found = dict.fromkeys(every, 1)
    for name, setting in zip(names, given, strict=True):
        for part in PARTS_OF_REGRESSORS if name == REGRESSORS else (name,):
            found[part] = setting
    return found


def modelling_steps(
    model: ModelSpecification, mixtures: Mixtures, slice_time_ref: float, onset: int
) -> tuple[Step, ...]:
    """Steps of an analysis with both packages' settings.

    Parameters
    ----------
    model
        With both packages' settings.
    mixtures
        Designs of all runs.
    slice_time_ref
        nilearn's, as a fraction of the TR.
    onset
        SPM's bin, from 1.
    """
    own, other = responses(model)
    bins = model.spm.microtime_resolution
    pairs = {
        "smoother": _smoothers(model.smoothing_fwhm),
        "scaling": (_nilearn_scaling(model), _spm_scaling(model)),
        REGRESSORS: (f"nilearn's {own.notation}", f"SPM's {other.notation}"),
        "response": (f"nilearn's {own.notation}", f"SPM's {other.notation}"),
        "events": event_words(bins),
        "sampling": sampling_words(slice_time_ref, onset, bins),
        "filter": (_nilearn_filter(model, mixtures.runs[0]), _spm_filter(model, mixtures.runs[0])),
        "noise": (_nilearn_noise(model), _spm_noise(model)),
        "runs": ("one model each, variances added", "one model, one residual mean square"),
    }
    parts = PARTS_OF_REGRESSORS if mixtures.apart else (REGRESSORS,)
    names = (*STEPS[:2], *parts, *STEPS[5:])
    return tuple(Step(name, *pairs[name], _same(name, model, mixtures.runs)) for name in names)


def event_words(bins: int) -> tuple[str, str]:
    """How nilearn draws events, and SPM with so many bins in a TR."""
    return (
        f"steps of TR/{OVERSAMPLING}, height 1",
        f"bins of TR/{bins}, one bin longer; all of zero length: height 1/bin",
    )


def sampling_words(slice_time_ref: float, onset: int, bins: int) -> tuple[str, str]:
    """When nilearn samples regressors, and SPM at one of so many bins.

    >>> sampling_words(0.5, 8, 16)[1]
    "bin 8 of 16, 0.4375 TR after the scan's start"
    """
    return (
        f"interpolated {slice_time_ref:.4g} TR after the scan's start",
        f"bin {onset} of {bins}, {(onset - 1) / bins:.4g} TR after the scan's start",
    )


def _smoothers(fwhm: float) -> tuple[str, str]:
    if not fwhm:
        return "none", "none"
    width = f"Gaussian of {fwhm:g} mm"
    return (
        f"{width} at the voxels' centres, mirrored at the border",
        f"{width} averaged over the voxels, wider",
    )


def _nilearn_scaling(model: ModelSpecification) -> str:
    scaling = model.nilearn.signal_scaling
    if scaling is False:
        return "none"
    return "100 / mean of the voxel" if scaling == 0 else "100 / mean of all voxels"


def _spm_scaling(model: ModelSpecification) -> str:
    each = model.spm.global_normalization == "Scaling"
    return "100 / spm_global of each scan" if each else "100 / the run's mean of spm_global"


def _cutoff(seconds: float) -> str:
    return "no high-pass filter" if seconds == NO_FILTER else f"{seconds:g} s"


def _nilearn_filter(model: ModelSpecification, run: RunDesigns) -> str:
    n = run.drifts[0].shape[1]
    own = model.high_pass if model.nilearn.high_pass is None else model.nilearn.high_pass
    return f"{n} {model.nilearn.drift_model} drifts ({_cutoff(own)}) in the design" if n else "no drift terms"


def _spm_filter(model: ModelSpecification, run: RunDesigns) -> str:
    n = run.drifts[1].shape[1]
    return f"{n} cosines ({_cutoff(model.high_pass)}) projected off" if n else "no cosines"


def _nilearn_noise(model: ModelSpecification) -> str:
    if model.nilearn.noise_model == "ols":
        return "ordinary least squares"
    return "AR(1) of each voxel, its coefficient truncated to two decimals"


def _spm_noise(model: ModelSpecification) -> str:
    kind = model.spm.serial_correlation
    return "independent errors" if kind == "none" else f"{kind} of all voxels by pooled ReML"


def _same(name: str, model: ModelSpecification, runs: Sequence[RunDesigns]) -> bool:
    """Whether a step's two settings give the same numbers."""
    identity = model.nilearn.noise_model == "ols" and model.spm.serial_correlation == "none"
    if name == "smoother":
        return not model.smoothing_fwhm
    if name in PARTS_OF_REGRESSORS or name == REGRESSORS:
        return all(_same_regressors(name, run) for run in runs)
    if name == "filter":
        drifts = [run.drifts for run in runs]
        # whitened columns and projected ones are two models; without whitening the space alone counts
        return all(not a.size and not b.size for a, b in drifts) or (
            identity and all(_equal(a, b) for a, b in drifts)
        )
    if name == "noise":
        # the packages count lost degrees of freedom alike only in designs of full rank
        return identity and all(_full_rank(run) for run in runs)
    return name == "runs" and len(runs) == 1


def _same_regressors(name: str, run: RunDesigns) -> bool:
    changed = PARTS_OF_REGRESSORS if name == REGRESSORS else (name,)
    for rules, columns in run.regressors.items():
        # in every mixture with SPM's rule in its place: a step is idle only if it is so beside any other
        other = run.regressors[Rules(**(rules._asdict() | dict.fromkeys(changed, True)))]
        if columns.names != other.names or not np.array_equal(columns.matrix, other.matrix):
            return False
    return True


def _equal(first: Floats, second: Floats) -> bool:
    return first.shape == second.shape and bool(np.abs(first - second).max(initial=0.0) <= ROUNDING)


def _full_rank(run: RunDesigns) -> bool:
    wholes: list[Floats] = [
        np.hstack([run.columns(rules).matrix, drifts]) for rules in run.regressors for drifts in run.drifts
    ]
    # columns at unit length, so that a small one does not count as rounding
    return all(rank(directions(X)) == X.shape[1] for X in wholes)
