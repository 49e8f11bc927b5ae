"""The first-level model of SPM12, composed of the functions in ``bidsglm.spm``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.freedom import Freedom, check_freedom, freedom
from bidsglm.backends.records import Inference
from bidsglm.backends.spm12_corrected import corrected
from bidsglm.backends.spm12_design import check, column_names, design, designs, with_noise_model
from bidsglm.backends.spm12_inference import CLUSTERS, infer, search_volume, second_level, significance
from bidsglm.backends.spm12_words import effect_unit, methods_text, settings_in_words, software
from bidsglm.errors import DataError
from bidsglm.model import (
    ContrastMaps,
    ContrastSpecification,
    DesignMatrix,
    Floats,
    Mask,
    ModelSpecification,
    TimeSeries,
    Volume,
    measured,
)
from bidsglm.spm import contrasts, covariance, estimation, reml, scaling, space
from bidsglm.spm.smoothness import residual_scans
from bidsglm.spm.structure import is_definite
from bidsglm.spm.whitening import Whitening, normalised, whitening

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
CHUNK_VALUES = 2_000_000
"""float64 values held at once: 16 MB, some 7,000 voxels of a run of 300 scans."""

Columns = slice | NDArray[np.intp]


@dataclass(frozen=True)
class SpmEstimate:
    """A fitted model: all runs of a unit together, as sessions of one SPM design."""

    mask: Mask
    """(n_voxels,)"""
    betas: tuple[NDArray[np.float32], ...]
    """(n_regressors, n_voxels) of every run, NaN outside the mask"""
    residual_mean_square: Floats
    """(n_voxels,) NaN outside the mask"""
    dof: float
    """Effective residual degrees of freedom."""
    noise: Mapping[str, object]
    """Facts about the noise model for the report."""
    names: tuple[tuple[str, ...], ...]
    """Regressors of every run."""
    model: estimation.JointModel
    """Whitened and filtered design."""
    dispersion: estimation.Dispersion
    noise_maps: Mapping[str, Floats] = field(default_factory=dict)
    """None: all voxels have one covariance"""


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


def mask_from(
    series: Sequence[TimeSeries],
    candidates: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
) -> Mask:
    """Voxels above SPM's threshold in every scan and not constant, within the candidates.

    Raises
    ------
    DataError
        No voxel is left.
    """
    factors = _scale_factors(series, model)
    limits = [
        scaling.thresholds(s.global_means, factor, model.spm.mask_threshold)
        for s, factor in zip(series, factors, strict=True)
    ]
    mask = np.zeros(candidates.size, dtype=bool)
    with_data = candidates & measured(series)
    if not with_data.any():
        raise DataError("no voxel of the mask varies over the scans of every run; look at the images")
    for columns, runs in _chunks(series, factors, with_data):
        mask[columns] = scaling.within_mask(runs, limits)
    if not mask.any():
        raise DataError(
            f"no voxel exceeds {model.spm.mask_threshold:g} of the global in every scan; "
            "check the brain mask and the images, or lower InclusiveMaskingThreshold (--mask-threshold)"
        )
    return mask


def _scale_factors(series: Sequence[TimeSeries], model: ModelSpecification) -> list[Floats]:
    factors = []
    for number, run in enumerate(series, start=1):
        try:
            factors.append(scaling.scale_factors(run.global_means, model.spm.global_normalization))
        except ValueError as error:
            where = f" of run {number}" if len(series) > 1 else ""
            raise DataError(
                f"the data{where} cannot be scaled to a mean of 100: {error}; look at the images"
            ) from error
    return factors


def _chunks(
    series: Sequence[TimeSeries], factors: Sequence[Floats], mask: Mask
) -> Iterator[tuple[Columns, list[Floats]]]:
    """Scaled data of all runs, some of the mask's voxels at a time."""
    inside = np.flatnonzero(mask)
    places = _places(series[0].rim, inside)
    step = max(1, CHUNK_VALUES // sum(len(s.stored) for s in series))
    for start in range(0, inside.size, step):
        part, own = inside[start : start + step], places[start : start + step]
        whole = bool(own[-1] - own[0] + 1 == own.size)
        columns: Columns = part
        if part[-1] - part[0] + 1 == part.size:
            columns = slice(int(part[0]), int(part[-1]) + 1)
        yield (
            columns,
            [_scaled(_stored(s, columns, whole), s, f) for s, f in zip(series, factors, strict=True)],
        )


def _places(rim: Mask | None, columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where columns would stand without those of other packages alone."""
    return columns if rim is None else (np.cumsum(~rim) - 1)[columns]


def _stored(series: TimeSeries, columns: Columns, whole: bool) -> NDArray[np.generic]:
    """Stored values of some columns, with the memory order that they have without other packages' columns.

    The order of a sum's terms, and so its last bit, goes by it: what is fitted beside SPM must not move its
    numbers.
    """
    if whole and not isinstance(columns, slice):
        return series.stored.take(columns, axis=1)
    return series.stored[:, columns]


def _scaled(stored: NDArray[np.generic], series: TimeSeries, factors: Floats) -> Floats:
    """Factors enter slope and intercept, as in SPM, so that the values are touched once."""
    values: Floats = np.multiply(stored, (series.slope * factors)[:, None], dtype=np.float64)
    if series.intercept:
        values += (series.intercept * factors)[:, None]
    return values


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
    chunks = _chunks(series, _scale_factors(series, model), mask)
    covariances, noise = _error_covariances(designs, series, mask, model)
    joint, dispersion = _joint_model(designs, covariances)
    betas = tuple(np.full((len(d.names), mask.size), np.nan, dtype=np.float32) for d in designs)
    mean_square = np.full(mask.size, np.nan)
    fitted = np.zeros_like(mask)
    for columns, runs in chunks:
        residual, rounding = np.zeros(runs[0].shape[1]), np.zeros(runs[0].shape[1])
        for run, Y, beta in zip(joint.runs, runs, betas, strict=True):
            mean = Y.mean(axis=0)
            Y -= mean
            projection = run.projection(Y, mean)
            beta[:, columns] = run.parameters(projection)
            residual += projection.residual
            rounding += projection.rounding
        mean_square[columns] = residual / dispersion.trace
        fitted[columns] = np.isfinite(residual) & (residual > rounding)
    if not fitted.any():
        raise DataError(
            "the design explains every voxel up to rounding: no noise is left; look at the images"
        )
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


def _error_covariances(
    designs: Sequence[DesignMatrix], series: Sequence[TimeSeries], mask: Mask, model: ModelSpecification
) -> tuple[Sequence[Floats | None], Mapping[str, object]]:
    """V of every run (None: independent errors), and how it was found."""
    kind = model.spm.serial_correlation
    if kind == "none":
        return [None] * len(designs), {}
    chunks = (runs for _, runs in _chunks(series, _scale_factors(series, model), mask))
    try:
        test = covariance.criterion(_joint(designs, [None] * len(designs)))
        pooled = covariance.pooled_covariance(test, chunks)
        fits = [_variance_components(*pair, kind) for pair in zip(pooled.covariances, designs, strict=True)]
    except ValueError as error:
        raise DataError(
            f"model {model.name}: {error}; check onsets, mask and images, or use SerialCorrelation none"
        ) from error
    return normalised([fit.covariance for fit in fits]), {
        "hyperparameters": [fit.hyperparameters.tolist() for fit in fits],
        "n_voxels_pooled": int(np.count_nonzero(pooled.selected)),
        "n_voxels_not_pooled": pooled.n_exact,
        "f_threshold": test.threshold,
        "f_dof": list(test.dof),
    }


def _variance_components(Cy: Floats, design: DesignMatrix, kind: Literal["AR(1)", "FAST"]) -> reml.Reml:
    """Fit the serial correlations of a run.

    Raises
    ------
    ValueError
        The data cannot tell the components.
    DataError
        FAST gives no covariance, as in runs of some 20 scans and fewer.
    """
    n_scans = len(design.matrix)
    components = covariance.components(kind, n_scans, design.repetition_time)
    try:
        found = reml.reml(Cy, np.hstack([design.matrix, design.high_pass_basis]), components)
    except np.linalg.LinAlgError:
        found = None
    except ValueError:
        if kind != "FAST" or not np.isfinite(Cy).all():
            raise
        found = None
    if found is not None and (kind != "FAST" or is_definite(found.covariance)):
        return found
    advice = "use SerialCorrelation AR(1)" if kind == "FAST" else "use SerialCorrelation none"
    raise DataError(
        f"the {len(components)} variance components of {kind} do not settle on a run of {n_scans} scans; SPM"
        f" itself goes on there and returns a covariance that is none (not positive definite): {advice}"
        " (--noise-model)"
    )


def _joint_model(
    designs: Sequence[DesignMatrix], covariances: Sequence[Floats | None]
) -> tuple[estimation.JointModel, estimation.Dispersion]:
    try:
        roots = whitening([V for V in covariances if V is not None])
    except ValueError as error:
        raise DataError(f"{error}; check the images, or use SerialCorrelation none") from error
    joint = _joint(designs, roots or [None] * len(designs))
    n_cosines = sum(d.high_pass_basis.shape[1] for d in designs)
    if sum(len(d.matrix) for d in designs) <= joint.decomposition.rank + n_cosines:
        raise DataError(
            "regressors and high-pass filter leave no residual degrees of freedom; "
            "use fewer confounds or a longer HighPassFilterCutoffHz period"
        )
    return joint, estimation.dispersion(joint, covariances)


def _joint(designs: Sequence[DesignMatrix], roots: Sequence[Whitening | None]) -> estimation.JointModel:
    return estimation.joint_model([d.matrix for d in designs], [d.high_pass_basis for d in designs], roots)


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


def inference(
    estimate: SpmEstimate,
    series: Sequence[TimeSeries],
    maps: Sequence[ContrastMaps],
    volume: Volume,
    model: ModelSpecification,
) -> Inference:
    """Return thresholds and results tables of the contrasts, and the smoothness they rest on.

    Parameters
    ----------
    estimate, series, model
        The fit and what it was made from.
    maps
        Of its contrasts.
    volume
        The grid of the columns.
    """
    n_scans = sum(len(run.X0) for run in estimate.model.runs)
    residuals = standardised_residuals(estimate, series, model, residual_scans(n_scans))
    mask = np.zeros(volume.shape, dtype=np.bool_)
    mask[volume.voxels] = estimate.mask
    search = search_volume(residuals, mask, n_scans, estimate.model.decomposition.rank)
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
    factors = _scale_factors(series, model)
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
    filled = 0
    for _, runs in _chunks(series, factors, estimate.mask):
        part = slice(filled, filled + runs[0].shape[1])
        residuals = np.vstack([R @ Y for R, Y in zip(operators, runs, strict=True)])
        np.divide(residuals, deviation[part], out=images[:, part])
        filled = part.stop
    return images


def one_percent(
    series: Sequence[TimeSeries], means: Sequence[Floats], model: ModelSpecification
) -> list[Floats]:
    """Give 1 % of a voxel's mean in the unit of effects, (n_voxels,) of every run.

    Parameters
    ----------
    series
        Of all runs, for their globals.
    means
        (n_voxels,) of all runs
    model
        With SPM's scaling.
    """
    factors = [float(each.mean()) for each in _scale_factors(series, model)]
    return [mean / 100 * factor for mean, factor in zip(means, factors, strict=True)]
