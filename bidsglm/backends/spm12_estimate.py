"""The estimate of SPM12's first-level model: parameters and residual variance of every voxel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bidsglm.backends.fittable import Freedom, check_freedom, check_noise, freedom
from bidsglm.backends.records import Estimate
from bidsglm.backends.spm12_noise import error_covariances, joint_model
from bidsglm.backends.spm12_scans import ScaledPart, scaled_parts
from bidsglm.data import DesignMatrix, TimeSeries, Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats, Mask, ModelSpecification
from bidsglm.process.cores import each
from bidsglm.spm import estimation


@dataclass(frozen=True)
class SpmEstimate(Estimate):
    """All runs of a unit as sessions of one SPM design, with effective degrees of freedom; no noise maps."""

    names: tuple[tuple[str, ...], ...]
    """Regressors of every run."""
    model: estimation.JointModel
    """Whitened and filtered design."""
    dispersion: estimation.Dispersion


def check_designs(designs: Sequence[DesignMatrix], model: ModelSpecification) -> None:
    """Refuse designs that leave no residual degrees of freedom.

    Without serial correlations one run may have none, since all runs share one residual variance.

    Raises
    ------
    DataError
        Naming the run.
    """
    used = [freedom(design) for design in designs]
    if model.spm.serial_correlation == "none":
        scans, columns, ranks = (sum(counts) for counts in zip(*used, strict=True))
        used = [Freedom(scans, columns, ranks)]
    check_freedom(used)


def estimate(
    designs: Sequence[DesignMatrix],
    series: Sequence[TimeSeries],
    mask: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
    contrasts: Sequence[ContrastSpecification] = (),
) -> SpmEstimate:
    """Fit all runs as one SPM model, voxel by voxel and without regard to the contrasts.

    Raises
    ------
    DataError
        The design leaves no residual degrees of freedom, or the serial correlation cannot be fitted.
    """
    if not mask.any():
        raise DataError("the analysis mask holds no voxel; check the brain mask and the images")
    check_designs(designs, model)
    return estimate_with(designs, series, mask, model, error_covariances(designs, series, mask, model))


def estimate_with(
    designs: Sequence[DesignMatrix],
    series: Sequence[TimeSeries],
    mask: Mask,
    model: ModelSpecification,
    errors: tuple[Sequence[Floats | None], Mapping[str, object]],
) -> SpmEstimate:
    """Fit all runs with given covariances of their errors, and the facts of these.

    Raises
    ------
    DataError
        A covariance cannot be whitened, or nothing is left for the noise.
    """
    covariances, noise = errors
    parts = scaled_parts(series, model, mask)
    joint, dispersion = joint_model(designs, covariances)
    betas = tuple(np.full((len(d.names), mask.size), np.nan, dtype=np.float32) for d in designs)
    mean_square = np.full(mask.size, np.nan)
    fitted = np.zeros_like(mask)

    def fit_part(part: ScaledPart) -> None:
        columns, residual, rounding = part.columns, np.zeros(1), np.zeros(1)
        for run, Y, beta in zip(joint.runs, part.scans(), betas, strict=True):
            mean = Y.mean(axis=0)
            Y -= mean
            projection = run.projection(Y, mean)
            beta[:, columns] = run.parameters(projection)
            residual = residual + projection.residual
            rounding = rounding + projection.rounding
        mean_square[columns] = residual / dispersion.trace
        fitted[columns] = np.isfinite(residual) & (residual > rounding)

    each(fit_part, parts)
    check_noise(fitted)
    # A t over a residual that is rounding is rounding.
    mean_square[~fitted] = np.nan
    for beta in betas:
        beta[:, ~fitted] = np.nan
    facts = {
        "serial_correlation": model.spm.serial_correlation,
        "trace": dispersion.trace,
        "rank": joint.decomposition.rank,
        "n_cosines": [d.high_pass_basis.shape[1] for d in designs],
        "n_voxels_without_residual": int(np.count_nonzero(mask & ~fitted)),
        **noise,
    }
    names = tuple(d.names for d in designs)
    return SpmEstimate(fitted, betas, mean_square, dispersion.dof, facts, names, joint, dispersion)
