"""nilearn's fit of all runs of a unit, and what reports say of it."""

from collections.abc import Sequence

import numpy as np

from bidsglm.backends.fittable import check_freedom, check_noise, freedom, varying
from bidsglm.backends.nilearn_engine import SERVED, fit_run
from bidsglm.backends.nilearn_records import NilearnEstimate, RunFit
from bidsglm.backends.nilearn_signals import ScaledSignals
from bidsglm.backends.nilearn_words import computation_in_words
from bidsglm.data import DesignMatrix, TimeSeries, Volume
from bidsglm.model import ContrastSpecification, Mask, ModelSpecification


def estimate(
    designs: Sequence[DesignMatrix],
    series: Sequence[TimeSeries],
    mask: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
    contrasts: Sequence[ContrastSpecification] = (),
) -> NilearnEstimate:
    """Fit every run.

    Raises
    ------
    DataError
        A design leaves no residual degrees of freedom.
    """
    check_freedom([freedom(design) for design in designs], divides_by_columns="nilearn")
    with_data = varying(mask, series)
    columns, scaling = np.flatnonzero(with_data), model.nilearn.signal_scaling
    computed = [
        fit_run(d.matrix, ScaledSignals(s, mask, scaling), columns, model.nilearn)
        for d, s in zip(designs, series, strict=True)
    ]
    runs = [run for run, _ in computed]
    kept = np.logical_and.reduce([with_data, *(run.settled for run in runs)])
    check_noise(kept)
    for run in runs:
        run.betas[:, ~kept] = np.nan
    fits = tuple(run.within(kept) for run in runs)
    dof = float(sum(fit.dof for fit in fits))
    mean_square = np.full(mask.size, np.nan)
    mean_square[kept] = sum(fit.dispersion * (fit.dof / dof) for fit in fits)
    facts = _noise_facts(designs, fits, model)
    facts["n_voxels_without_residual"] = int(np.count_nonzero(with_data & ~kept))
    if model.nilearn.noise_model == SERVED:
        facts["computed"] = [computation_in_words(each) for _, each in computed]
        facts["computation"] = [each.facts for _, each in computed]
    return NilearnEstimate(
        kept, tuple(run.betas for run in runs), mean_square, dof, facts, tuple(designs), fits
    )


def _noise_facts(
    designs: Sequence[DesignMatrix], fits: Sequence[RunFit], model: ModelSpecification
) -> dict[str, object]:
    drifts = [sum(name.startswith("drift_") for name in d.names) for d in designs]
    facts: dict[str, object] = {"model": model.nilearn.noise_model, "n_drift_columns": drifts}
    if model.nilearn.noise_model != "ols":
        quartiles = [
            np.quantile(np.stack(fit.coefficients)[fit.labels], [0.25, 0.5, 0.75], axis=0) for fit in fits
        ]
        facts["autocorrelation_quartiles"] = [np.squeeze(q).tolist() for q in quartiles]
        facts["autoregression"] = [_coefficient_counts(fit) for fit in fits]
    return facts


def _coefficient_counts(fit: RunFit) -> dict[str, object]:
    """How many voxels have which coefficients."""
    counts = np.bincount(fit.labels, minlength=len(fit.coefficients))
    used = np.flatnonzero(counts)
    return {
        "coefficients": [fit.coefficients[label].tolist() for label in used],
        "voxels": counts[used].tolist(),
    }
