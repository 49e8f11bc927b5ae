"""The first-level model of SPM12, composed of the functions in ``bidsglm.spm``."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.records import Inference
from bidsglm.backends.spm12_corrected import corrected
from bidsglm.backends.spm12_design import check, column_names, design, designs, with_noise_model
from bidsglm.backends.spm12_estimate import SpmEstimate, check_designs, estimate
from bidsglm.backends.spm12_group import second_level
from bidsglm.backends.spm12_inference import CLUSTERS, infer, search_volume, significance
from bidsglm.backends.spm12_scans import ScaledPart, mask_from, one_percent, scaled_parts
from bidsglm.backends.spm12_words import effect_unit, methods_text, settings_in_words, software
from bidsglm.data import ContrastMaps, TimeSeries, Volume
from bidsglm.design_space import estimable
from bidsglm.model import ContrastSpecification, Floats, ModelSpecification
from bidsglm.process.cores import each
from bidsglm.spm import contrasts
from bidsglm.spm.smoothness import residual_scans

# The functions of contract.Backend, spelt out in each module: a type checker reads no list that is computed.
__all__ = [
    "CLUSTERS",
    "NAME",
    "SpmEstimate",
    "check",
    "check_designs",
    "column_names",
    "contrast",
    "corrected",
    "design",
    "designs",
    "effect_unit",
    "estimate",
    "inference",
    "mask_from",
    "methods_text",
    "one_percent",
    "second_level",
    "settings_in_words",
    "software",
    "standardised_residuals",
    "usable_runs",
    "with_noise_model",
]

NAME = "spm"


def inference(
    estimate: SpmEstimate,
    series: Sequence[TimeSeries],
    maps: Sequence[ContrastMaps],
    volume: Volume,
    model: ModelSpecification,
) -> Inference:
    """Return thresholds and results tables of the contrasts, and the smoothness they rest on."""
    n_scans = sum(len(run.X0) for run in estimate.model.runs)
    # without a name for the residuals, which are much, they are gone before the maps are searched
    search = search_volume(
        standardised_residuals(estimate, series, model, residual_scans(n_scans)),
        volume.filled(estimate.mask),
        n_scans,
        estimate.model.decomposition.rank,
    )
    return infer(maps, search, volume, model.two_sided)


def standardised_residuals(
    estimate: SpmEstimate, series: Sequence[TimeSeries], model: ModelSpecification, scans: NDArray[np.intp]
) -> Floats:
    """Residual images over their root mean square, from which SPM estimates smoothness.

    Parameters
    ----------
    estimate, series, model
        The fit and what it was made from.
    scans
        Indices over the scans of all runs, in order.

    Returns
    -------
    (n_images, n_voxels in the mask); 0 where a voxel has no residual variance
    """
    starts = np.cumsum([0, *(len(run.X0) for run in estimate.model.runs)])
    rows = [scans[(scans >= a) & (scans < b)] - a for a, b in pairwise(starts)]
    operators = [
        run.residuals(np.eye(len(run.X0)))[wanted]
        for run, wanted in zip(estimate.model.runs, rows, strict=True)
    ]
    n_free = starts[-1] - estimate.model.decomposition.rank
    deviation = np.sqrt(estimate.residual_mean_square[estimate.mask] * estimate.dispersion.trace / n_free)
    deviation[deviation == 0] = np.inf
    images = np.empty((len(scans), deviation.size))

    def fill_in(part: ScaledPart) -> None:
        residuals = np.vstack([R @ Y for R, Y in zip(operators, part.scans(), strict=True)])
        np.divide(residuals, deviation[part.place], out=images[:, part.place])

    each(fill_in, scaled_parts(series, model, estimate.mask))
    return images


def usable_runs(estimate: SpmEstimate, contrast: ContrastSpecification) -> tuple[int, ...]:
    """Find the runs that have all regressors of a contrast and in which SPM would accept it."""
    return tuple(
        run
        for run, names in enumerate(estimate.names)
        if set(contrast.conditions) <= set(names)
        and np.any(contrast.weights)
        and estimable(_placed(estimate, contrast, (run,)), estimate.model.decomposition)
    )


def _placed(
    estimate: SpmEstimate, contrast: ContrastSpecification, runs: tuple[int, ...]
) -> tuple[Floats, ...]:
    """Weights (n_regressors, n_rows) of every run, averaged over some of them."""
    weights = np.atleast_2d(contrast.weights)
    weights = weights[weights.any(axis=1)]
    return tuple(
        contrasts.placed(weights / len(runs), contrast.conditions, names).T.copy()
        if run in runs
        else np.zeros((len(names), len(weights)))
        for run, names in enumerate(estimate.names)
    )


def contrast(estimate: SpmEstimate, contrast: ContrastSpecification, runs: tuple[int, ...]) -> ContrastMaps:
    """Compute the maps of a contrast, the mean over some runs.

    Effect, t and F hold the float32 numbers of SPM's images.
    """
    decomposed = estimate.model.decomposition
    weights = contrasts.cleaned(_placed(estimate, contrast, runs), decomposed.tolerance)
    error, dispersion = estimate.residual_mean_square, estimate.dispersion
    if contrast.test == "F":
        test = contrasts.f_test(weights, decomposed, dispersion.design_covariances)
        dof: tuple[float, ...] = (test.dof, estimate.dof)
        F = contrasts.f_maps(test, estimate.betas, error).F
        return ContrastMaps(contrast, runs, None, None, *significance(F, estimate.mask, dof), dof)
    variance = contrasts.effect_covariance(weights, dispersion.parameter_covariances)[0, 0]
    maps = contrasts.t_maps(weights, estimate.betas, error, variance)
    dof = (estimate.dof,)
    t = significance(maps.t, estimate.mask, dof)
    return ContrastMaps(contrast, runs, maps.effect, maps.variance, *t, dof)
