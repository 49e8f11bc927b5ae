"""Contrasts of nilearn's fits, by its own fixed effects over runs."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from bidsglm.backends.nilearn_records import NilearnEstimate
from bidsglm.backends.records import spread
from bidsglm.data import ContrastMaps
from bidsglm.design_space import decomposition, estimable, independent_rows
from bidsglm.model import ContrastSpecification, Floats
from bidsglm.spm.contrasts import placed

LEAST_P = 1e-300
"""nilearn makes z of no smaller p"""
_FILTERS = threading.Lock()
"""Filters of warnings are those of the process, and contrasts are made side by side"""


def usable_runs(estimate: NilearnEstimate, contrast: ContrastSpecification) -> tuple[int, ...]:
    """Find the runs that have all columns of a contrast and can estimate it, by SPM's test."""
    whole = decomposition([run.matrix for run in estimate.designs])
    usable = []
    for i, run in enumerate(estimate.designs):
        if set(contrast.conditions) <= set(run.names):
            rows = [np.zeros((len(d.names), len(contrast.weights))) for d in estimate.designs]
            rows[i] = placed(contrast.weights, contrast.conditions, run.names).T
            if estimable(rows, whole):
                usable.append(i)
    return tuple(usable)


@contextmanager
def _without_remark() -> Iterator[None]:
    """Keep back what nilearn says of every F contrast over runs; the report's methods say it once."""
    with _FILTERS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Running approximate fixed effects on F statistics")
        yield


def contrast(
    estimate: NilearnEstimate, contrast: ContrastSpecification, runs: tuple[int, ...]
) -> ContrastMaps:
    """Compute the maps of a contrast, fixed effects over some runs: effects averaged, as nilearn does.

    Redundant rows of an F contrast are left out, as nilearn inverts the rows' covariance.
    """
    from nilearn.glm.contrasts import compute_fixed_effect_contrast

    weights = [placed(contrast.weights, contrast.conditions, estimate.designs[i].names) for i in runs]
    if contrast.test == "F":
        rows = independent_rows(np.hstack(weights))
        weights = [w[rows] for w in weights]
    inputs = [_contrast_inputs(estimate, i, w) for i, w in zip(runs, weights, strict=True)]
    labels, results, values = zip(*inputs, strict=True)
    is_t = contrast.test == "t"
    with nullcontext() if is_t else _without_remark():
        result: Any = compute_fixed_effect_contrast(labels, results, values, contrast.test)
    z = _z_of_tails(result) if is_t else result.z_score()
    n_rows = () if is_t else (float(len(weights[0])),)
    return ContrastMaps(
        contrast,
        runs,
        effect=spread(result.effect.ravel(), estimate.mask, np.nan) if is_t else None,
        variance=spread(result.variance, estimate.mask, np.nan) if is_t else None,
        stat=spread(result.stat(), estimate.mask, 0.0),
        z=spread(z, estimate.mask, 0.0),
        # z was made of it
        p=spread(result.p_value_, estimate.mask, 1.0),
        dof=(*n_rows, float(result.dof)),
    )


def _z_of_tails(result: Any) -> Floats:
    """Give a contrast of t its p; returns its z, both to the last bit nilearn's.

    nilearn finds p and 1 - p by themselves and z from both, in twice the time: z is that of the smaller one.
    """
    from nilearn.glm.contrasts import DEF_DOFMAX

    t = result.stat()
    tail = stdtr(min(result.dof, DEF_DOFMAX), -np.abs(t))
    result.p_value_ = np.where(t < 0, 1 - tail, tail)
    z = ndtri(np.maximum(tail, LEAST_P))
    # 0 has no sign there
    return np.asarray(np.where(t < 0, z, -z) + 0.0)


def _contrast_inputs(
    estimate: NilearnEstimate, run: int, weights: Floats
) -> tuple[NDArray[np.intp], dict[int, Any], Floats]:
    """Labels, results and weights as nilearn's contrasts want them, cut to the columns that count."""
    from nilearn.glm.model import LikelihoodModelResults

    fit, columns = estimate.fits[run], np.flatnonzero(weights.any(axis=0))
    betas = estimate.betas[run][np.ix_(columns, np.flatnonzero(estimate.mask))]
    n_scans = len(estimate.designs[run].matrix)
    results = {}
    for label, covariance in enumerate(fit.covariances):
        members = np.flatnonzero(fit.labels == label)
        results[label] = LikelihoodModelResults(
            betas[:, members],
            np.empty((n_scans, 0)),
            SimpleNamespace(df_model=n_scans - fit.dof),
            cov=covariance[np.ix_(columns, columns)],
            dispersion=fit.dispersion[members],
        )
    return fit.labels, results, weights[:, columns]
