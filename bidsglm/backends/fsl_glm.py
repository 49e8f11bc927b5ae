"""The first-level model of FSL's FEAT, composed of the functions in ``bidsglm.fsl``.

Each run is scaled, filtered and fitted by itself; runs are combined by fixed effects.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtr

from bidsglm.backends.fsl_corrected import corrected
from bidsglm.backends.fsl_design import check, designs, line_filter, with_noise_model
from bidsglm.backends.fsl_inference import CLUSTERS, infer, second_level
from bidsglm.backends.fsl_words import effect_unit, methods_text, settings_in_words, software
from bidsglm.backends.records import Inference
from bidsglm.errors import DataError
from bidsglm.fsl import contrasts as of_film
from bidsglm.fsl import fixed_effects, scaling
from bidsglm.fsl.film import Film, film
from bidsglm.fsl.highpass import filtered
from bidsglm.fsl.zscores import z_of_f, z_of_t
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
from bidsglm.spm.contrasts import placed
from bidsglm.spm.space import decomposition, estimable, independent_rows

__all__ = [
    "CLUSTERS",
    "NAME",
    "FslEstimate",
    "check",
    "check_designs",
    "contrast",
    "corrected",
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
    "usable_runs",
    "with_noise_model",
]

NAME = "fsl"
CHUNK_VALUES = 1_000_000
"""Values scaled and filtered at once, of which some copies are made, 8 MB each."""

Columns = NDArray[np.intp]


class FilmRun(NamedTuple):
    """What contrasts need of one run, for the voxels of the estimate's mask."""

    rows: Floats
    """(n_rows, n_regressors) combinations of parameters that were asked for"""
    effects: Floats
    """(n_rows, n_masked)"""
    covariance: Floats
    """(n_rows, n_rows, n_masked) for unit variance"""
    variance: Floats
    """(n_masked,) of the residuals"""
    dof: int


@dataclass(frozen=True)
class FslEstimate:
    """Fits of all runs."""

    mask: Mask
    """(n_voxels,)"""
    betas: tuple[NDArray[np.float32], ...]
    """For each run (n_regressors, n_voxels), NaN outside the mask."""
    residual_mean_square: Floats
    """(n_voxels,) of whitened residuals, averaged over runs by degrees of freedom, NaN outside the mask"""
    dof: float
    """Residual degrees of freedom of all runs."""
    noise: Mapping[str, object]
    """Facts for the report."""
    designs: tuple[DesignMatrix, ...]
    runs: tuple[FilmRun, ...]
    noise_maps: Mapping[str, Floats] = field(default_factory=dict)
    """None: FILM has a whole function of lags in each voxel"""


def check_designs(designs: Sequence[DesignMatrix], model: ModelSpecification) -> None:
    """Refuse designs that leave no residual degrees of freedom: scans less columns and one for the mean.

    Raises
    ------
    DataError
        Naming the run.
    """
    for number, design in enumerate(designs, start=1):
        n_scans, n_columns = design.matrix.shape
        where = f" of run {number}" if len(designs) > 1 else ""
        if n_scans - n_columns - 1 < 1:
            raise DataError(
                f"{n_columns} columns for the {n_scans} scans{where} leave FSL no residual degrees of"
                " freedom, which are scans less columns less one for the mean; use fewer confounds"
            )
        if not np.ptp(design.matrix, axis=0).any():
            raise DataError(
                f"FSL's design{where} has no column that varies; give X a condition with events in the run,"
                " or a longer HighPassFilterCutoffHz period"
            )


def mask_from(
    series: Sequence[TimeSeries],
    candidates: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
) -> Mask:
    """Voxels of FEAT's mask in every run: those above a tenth of the robust range, and their neighbours.

    Parameters
    ----------
    series
        Of each run, with its brain.
    candidates
        (n_voxels,) columns within the mask files and a voxel around, or within FEAT's own mask
    model
        Does not matter.
    volume
        Where the columns stand; None where they are no neighbours.

    Raises
    ------
    DataError
        No voxel is left.
    """
    mask = candidates.copy()
    for run in series:
        mask &= _run_mask(run, volume)
    if not mask.any():
        raise DataError(
            "no voxel exceeds a tenth of the robust range in every scan of every run, which FSL's mask is;"
            " check the brain mask and the images"
        )
    return mask


def _run_mask(run: TimeSeries, volume: Volume | None) -> Mask:
    """FEAT's mask of a run among the columns."""
    if run.brain is None:
        return np.ones(run.n_voxels, dtype=np.bool_)
    if volume is None:
        return run.brain
    grid = np.zeros(volume.shape, dtype=np.bool_)
    grid[volume.voxels] = run.brain
    return scaling.dilated(grid)[volume.voxels]


def _median(run: TimeSeries) -> float:
    """Value that a run's scaling sets to 10,000; of all columns where nobody looked at the brain."""
    if run.brain is not None:
        return run.median
    return scaling.percentiles(lambda: [run.values(slice(None)).astype(np.float32)], [scaling.MEDIAN])[0]


def estimate(
    designs: Sequence[DesignMatrix],
    series: Sequence[TimeSeries],
    mask: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
    contrasts: Sequence[ContrastSpecification] = (),
) -> FslEstimate:
    """Fit every run by FILM.

    Parameters
    ----------
    designs, series
        Of each run.
    mask
        (n_voxels,) that may have a result
    model
        With FSL's filter and noise model.
    volume
        Where the columns stand: FILM smooths autocorrelations among neighbours. None: they are none, and
        each voxel keeps its own.
    contrasts
        Those that may be asked for; none: any, at the cost of memory.

    Raises
    ------
    DataError
        A design leaves no degrees of freedom, or the data cannot be scaled.
    """
    check_designs(designs, model)
    wanted = mask & measured(series)
    if not wanted.any():
        raise DataError("no voxel of the mask varies over the scans of every run; look at the images")
    fitted = []
    for number, (design, run) in enumerate(zip(designs, series, strict=True), start=1):
        where = f"run {number}: " if len(designs) > 1 else ""
        columns = np.flatnonzero(wanted if volume is None else _run_mask(run, volume))
        rows = _rows(design, contrasts)
        try:
            found = _fit(design, run, columns, (model, volume), rows)
        except ValueError as error:
            raise DataError(f"{where}{error}; look at the images") from error
        fitted.append(_RunFilm(columns, rows, found))
    kept = wanted & np.logical_and.reduce([each.settled(mask.size) for each in fitted])
    if not kept.any():
        raise DataError(
            "the design explains every voxel up to rounding, or no voxel of FSL's mask is in every run: there"
            " is nothing to fit; look at the images"
        )
    runs = tuple(each.within(kept) for each in fitted)
    dof = float(sum(run.dof for run in runs))
    mean_square = np.full(mask.size, np.nan)
    mean_square[kept] = sum(run.variance * (run.dof / dof) for run in runs)
    facts = _noise_facts(fitted, kept, model)
    in_all = wanted & np.logical_and.reduce([each.everywhere(mask.size) for each in fitted])
    facts["n_voxels_without_residual"] = int(np.count_nonzero(in_all & ~kept))
    betas = tuple(each.betas(kept) for each in fitted)
    return FslEstimate(kept, betas, mean_square, _combined(runs), facts, tuple(designs), runs)


def _combined(runs: Sequence[FilmRun]) -> float:
    """Degrees of freedom over some runs."""
    if len(runs) == 1:
        return float(runs[0].dof)
    return fixed_effects.combined_dof(np.array([run.dof for run in runs]))


def _rows(design: DesignMatrix, contrasts: Sequence[ContrastSpecification]) -> Floats:
    """Combinations of parameters that contrasts are made of, each once; without contrasts each parameter."""
    n_columns = len(design.names)
    if not contrasts:
        return np.eye(n_columns)
    asked = [
        placed(contrast.weights, contrast.conditions, design.names)
        for contrast in contrasts
        if set(contrast.conditions) <= set(design.names)
    ]
    return np.unique(np.vstack([np.empty((0, n_columns)), *asked]), axis=0)


def _fit(
    design: DesignMatrix,
    run: TimeSeries,
    columns: Columns,
    how: tuple[ModelSpecification, Volume | None],
    rows: Floats,
) -> Film:
    """Fit some columns of a run; those of the grid where there is one."""
    model, volume = how
    chunks = _chunks(run, columns, line_filter(model, len(design.matrix), design.repetition_time))
    grid = None if volume is None else volume._replace(voxels=_on_grid(columns, volume))
    return film(chunks, design.matrix, rows, grid, prewhitening=model.fsl.prewhitening)


def _on_grid(columns: Columns, volume: Volume) -> Mask:
    inside = np.zeros(int(np.count_nonzero(volume.voxels)), dtype=np.bool_)
    inside[columns] = True
    grid = volume.voxels.copy()
    grid[volume.voxels] = inside
    return grid


def _chunks(
    run: TimeSeries, columns: Columns, L: Floats | None
) -> Callable[[], Iterator[NDArray[np.float32]]]:
    """Scaled and filtered data, part after part."""
    median = _median(run)
    size = max(1, CHUNK_VALUES // len(run.stored))

    def chunks() -> Iterator[NDArray[np.float32]]:
        for start in range(0, columns.size, size):
            values = run.values(columns[start : start + size]).astype(np.float32)
            yield filtered(scaling.scaled(values, median), L)

    return chunks


class _RunFilm(NamedTuple):
    """A run's fit, over the columns that it was made of."""

    columns: Columns
    rows: Floats
    film: Film

    @property
    def fitted(self) -> Columns:
        """Columns of the data that FILM fitted."""
        return self.columns[self.film.mask]

    def everywhere(self, n_voxels: int) -> Mask:
        """(n_voxels,) those that FILM fitted."""
        found = np.zeros(n_voxels, dtype=np.bool_)
        found[self.fitted] = True
        return found

    def settled(self, n_voxels: int) -> Mask:
        """(n_voxels,) those among them whose residual is more than rounding."""
        found = np.zeros(n_voxels, dtype=np.bool_)
        found[self.fitted] = self.film.fit.settled
        return found

    def betas(self, kept: Mask) -> NDArray[np.float32]:
        """(n_regressors, n_voxels), NaN outside a mask."""
        betas = np.full((len(self.film.fit.betas), kept.size), np.nan, dtype=np.float32)
        betas[:, kept] = self.film.fit.betas[:, kept[self.fitted]]
        return betas

    def within(self, kept: Mask) -> FilmRun:
        """What contrasts need, for some voxels."""
        inside, fit = kept[self.fitted], self.film.fit
        return FilmRun(
            self.rows,
            fit.effects[:, inside],
            fit.covariance[..., inside],
            fit.variance[inside],
            self.film.dof,
        )


def _noise_facts(fitted: Sequence[_RunFilm], kept: Mask, model: ModelSpecification) -> dict[str, object]:
    facts: dict[str, object] = {"model": "FILM" if model.fsl.prewhitening else "none"}
    quartiles, lags = [], []
    for each in fitted:
        tapered = each.film.autocorrelation
        if tapered is None:
            continue
        inside = tapered[:, kept[each.fitted]]
        # lag 0 is tapered too, and the model's correlation is the ratio
        quartiles.append(np.quantile(inside[1] / inside[0], [0.25, 0.5, 0.75]).tolist())
        lags.append(len(tapered))
    if quartiles:
        facts |= {"n_lags": lags, "autocorrelation_quartiles": quartiles}
    return facts


def usable_runs(estimate: FslEstimate, contrast: ContrastSpecification) -> tuple[int, ...]:
    """Find the runs that have all columns of a contrast and can estimate it, by SPM's test.

    Parameters
    ----------
    estimate
        Of all runs.
    contrast
        Over regressor names.
    """
    usable = []
    for i, run in enumerate(estimate.designs):
        if set(contrast.conditions) <= set(run.names) and np.any(contrast.weights):
            weights = placed(contrast.weights, contrast.conditions, run.names).T
            if estimable([weights], decomposition([run.matrix])):
                usable.append(i)
    return tuple(usable)


def contrast(estimate: FslEstimate, contrast: ContrastSpecification, runs: tuple[int, ...]) -> ContrastMaps:
    """Compute the maps of a contrast, fixed effects over some runs.

    FSL has no F over runs for several rows; here the runs' vectors of effects weigh by the inverse of their
    covariances, as its fixed effects do with one row.

    Parameters
    ----------
    estimate
        Of all runs.
    contrast
        Over regressor names; redundant rows of an F contrast are left out.
    runs
        Those to combine, at least one.

    Raises
    ------
    DataError
        FSL's design has no such column.
    """
    used = [estimate.runs[i] for i in runs]
    weights = [_placed(contrast, estimate.designs[i]) for i in runs]
    dof = _combined(used)
    if contrast.test == "F":
        rows = independent_rows(np.hstack(weights))
        F = _f([run for run in used], [each[rows] for each in weights])
        n_rows = float(len(rows))
        p, z = fdtrc(n_rows, dof, F), z_of_f(F, n_rows, dof)
        return _maps(estimate, contrast, runs, (None, None, F, z, p), (n_rows, dof))
    each = [of_film.t_maps(_over(run, w)[0], *_facts(run)) for run, w in zip(used, weights, strict=True)]
    found = each[0]
    if len(each) > 1:
        found = _fixed([maps.effect for maps in each], [maps.variance for maps in each])
    values = (found.effect, found.variance, found.t, z_of_t(found.t, dof), stdtr(dof, -found.t))
    return _maps(estimate, contrast, runs, values, (dof,))


def _placed(contrast: ContrastSpecification, design: DesignMatrix) -> Floats:
    missing = [name for name in contrast.conditions if name not in design.names]
    if missing:
        raise DataError(
            f"contrast {contrast.name!r}: FSL's design has no column {missing[0]}; change the contrast, or"
            " leave FSL out of --backends"
        )
    return placed(contrast.weights, contrast.conditions, design.names)


def _over(run: FilmRun, weights: Floats) -> Floats:
    """Weights over a run's rows, (n_contrast_rows, n_rows)."""
    found = np.zeros((len(weights), len(run.rows)))
    is_all = np.array_equal(run.rows, np.eye(run.rows.shape[1]))
    for row, own in zip(found, weights, strict=True):
        same = np.flatnonzero((run.rows == own).all(axis=1))
        if same.size:
            row[same[0]] = 1
        elif is_all:
            row[:] = own
        else:
            raise KeyError("a contrast that the fit was not told of")
    return found


def _facts(run: FilmRun) -> tuple[Floats, Floats, Floats]:
    return run.effects, run.covariance, run.variance


def _fixed(effects: Sequence[Floats], variances: Sequence[Floats]) -> of_film.TMaps:
    """Runs combined; no effect where a run has no variance."""
    stacked = np.stack(variances)
    known = (stacked > 0).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = fixed_effects.fixed_effects(np.stack(effects), stacked)
    effect, variance = (np.where(known, values, np.nan) for values in (found.effect, found.variance))
    return of_film.TMaps(effect, variance, np.where(known, found.t, 0.0))


def _f(runs: Sequence[FilmRun], weights: Sequence[Floats]) -> Floats:
    """F of some rows over runs."""
    if len(runs) == 1:
        return of_film.f_map(_over(runs[0], weights[0]), *_facts(runs[0]))
    n_rows = len(weights[0])
    information = np.zeros((runs[0].variance.size, n_rows, n_rows))
    weighed = np.zeros((runs[0].variance.size, n_rows))
    for run, own in zip(runs, weights, strict=True):
        over = _over(run, own)
        covariance = np.einsum("ai,ijv,bj->vab", over, run.covariance, over) * run.variance[:, None, None]
        precision = np.linalg.inv(covariance)
        information += precision
        weighed += np.einsum("vab,bv->va", precision, over @ run.effects)
    solved = np.linalg.solve(information, weighed[..., np.newaxis])[..., 0]
    return np.asarray(np.einsum("va,va->v", weighed, solved) / n_rows)


def _maps(
    estimate: FslEstimate,
    contrast: ContrastSpecification,
    runs: tuple[int, ...],
    values: tuple[Floats | None, Floats | None, Floats, Floats, Floats],
    dof: tuple[float, ...],
) -> ContrastMaps:
    """Spread effect, variance, statistic, z and p over all columns."""
    effect, variance, stat, z, p = values
    mask = estimate.mask
    return ContrastMaps(
        contrast,
        runs,
        None if effect is None else _spread(effect, mask, np.nan),
        None if variance is None else _spread(variance, mask, np.nan),
        _spread(stat, mask, 0.0),
        _spread(z, mask, 0.0),
        _spread(p, mask, 1.0),
        dof,
    )


def _spread(values: Floats, mask: Mask, outside: float) -> Floats:
    spread = np.full(mask.size, outside)
    spread[mask] = values
    return spread


def inference(
    estimate: FslEstimate,
    series: Sequence[TimeSeries],
    maps: Sequence[ContrastMaps],
    volume: Volume,
    model: ModelSpecification,
) -> Inference:
    """Return thresholds and cluster tables of the contrasts.

    Parameters
    ----------
    estimate
        Whose mask is searched.
    series
        Does not matter: the smoothness of the residuals is not estimated.
    maps
        Of its contrasts.
    volume
        The grid of the columns.
    model
        Whether thresholds are two-sided.
    """
    return infer(maps, estimate.mask, volume, model.two_sided)


def one_percent(
    series: Sequence[TimeSeries], means: Sequence[Floats], model: ModelSpecification
) -> list[Floats]:
    """Give 1 % of a voxel's mean in the unit of effects, (n_voxels,) of every run.

    Parameters
    ----------
    series
        Of all runs, for the medians of their brains.
    means
        (n_voxels,) of all runs
    model
        Does not matter to FSL.

    >>> run = TimeSeries(np.full((3, 1), 800.0), 1.0, 0.0, np.ones(3))
    >>> one_percent([run], [np.array([800.0])], ModelSpecification("m", ()))
    [array([100.])]
    """
    factors = [scaling.GRAND_MEAN / _median(run) for run in series]
    return [mean / 100 * factor for mean, factor in zip(means, factors, strict=True)]
