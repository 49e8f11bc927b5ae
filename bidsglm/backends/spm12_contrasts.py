"""Contrasts of SPM12's first-level model: the runs that have them, and their maps."""

import numpy as np

from bidsglm.backends.spm12_estimate import SpmEstimate
from bidsglm.backends.spm12_inference import significance
from bidsglm.model import ContrastMaps, ContrastSpecification, Floats
from bidsglm.spm import contrasts, space


def usable_runs(estimate: SpmEstimate, contrast: ContrastSpecification) -> tuple[int, ...]:
    """Find the runs that have all regressors of a contrast and in which SPM would accept it."""
    return tuple(
        run
        for run, names in enumerate(estimate.names)
        if set(contrast.conditions) <= set(names)
        and np.any(contrast.weights)
        and space.estimable(_placed(estimate, contrast, (run,)), estimate.model.decomposition)
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
