"""The first-level model of FSL's FEAT, composed of the functions in ``bidsglm.fsl``.

Each run is scaled, filtered and fitted by itself; runs are combined by fixed effects.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.fsl_contrasts import (
    FilmRun,
    FslEstimate,
    combinations,
    combined_dof,
    contrast,
    usable_runs,
)
from bidsglm.backends.fsl_corrected import corrected
from bidsglm.backends.fsl_data import Columns, data_chunks, median_of, on_grid, run_mask
from bidsglm.backends.fsl_design import check, column_names, designs, line_filter, with_noise_model
from bidsglm.backends.fsl_inference import CLUSTERS, infer, second_level
from bidsglm.backends.fsl_words import effect_unit, methods_text, settings_in_words, software
from bidsglm.backends.records import Inference
from bidsglm.errors import DataError
from bidsglm.fsl import scaling
from bidsglm.fsl.film import Film, Pairs, film
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

# The functions of contract.Backend, spelt out in each module: a type checker reads no list that is computed.
__all__ = [
    "CLUSTERS",
    "NAME",
    "FslEstimate",
    "check",
    "check_designs",
    "column_names",
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
        mask &= run_mask(run, volume)
    if not mask.any():
        raise DataError(
            "no voxel exceeds a tenth of the robust range in every scan of every run, which FSL's mask is;"
            " check the brain mask and the images"
        )
    return mask


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
        columns = np.flatnonzero(wanted if volume is None else run_mask(run, volume))
        asked = combinations(design, contrasts)
        try:
            found = _fit(design, run, columns, (model, volume), asked)
        except ValueError as error:
            raise DataError(f"{where}{error}; look at the images") from error
        fitted.append(_RunFilm(columns, asked, found))
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
    return FslEstimate(kept, betas, mean_square, combined_dof(runs), facts, tuple(designs), runs)


def _fit(
    design: DesignMatrix,
    run: TimeSeries,
    columns: Columns,
    how: tuple[ModelSpecification, Volume | None],
    asked: tuple[Floats, Pairs],
) -> Film:
    """Fit some columns of a run; those of the grid where there is one."""
    model, volume = how
    chunks = data_chunks(run, columns, line_filter(model, len(design.matrix), design.repetition_time))
    grid = None if volume is None else volume._replace(voxels=on_grid(columns, volume))
    rows, pairs = asked
    return film(chunks, design.matrix, rows, grid, prewhitening=model.fsl.prewhitening, pairs=pairs)


class _RunFilm(NamedTuple):
    """A run's fit, over the columns that it was made of."""

    columns: Columns
    asked: tuple[Floats, Pairs]
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
        inside, fit, (rows, pairs) = kept[self.fitted], self.film.fit, self.asked
        return FilmRun(
            rows,
            fit.effects[:, inside],
            pairs,
            fit.covariance[:, inside],
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
    factors = [scaling.GRAND_MEAN / median_of(run) for run in series]
    return [mean / 100 * factor for mean, factor in zip(means, factors, strict=True)]
