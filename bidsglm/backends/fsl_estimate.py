"""The estimate of FEAT's first-level model: FILM's fit of every run, over the voxels that all runs share."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.fittable import varying
from bidsglm.backends.fsl_contrasts import FilmRun, FslEstimate, combinations, combined_dof
from bidsglm.backends.fsl_data import Columns, data_chunks, on_grid, run_mask
from bidsglm.backends.fsl_design import line_filter
from bidsglm.data import DesignMatrix, TimeSeries, Volume
from bidsglm.errors import DataError
from bidsglm.fsl.film import Film, Pairs, film
from bidsglm.model import ContrastSpecification, Floats, Mask, ModelSpecification


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


def estimate(
    designs: Sequence[DesignMatrix],
    series: Sequence[TimeSeries],
    mask: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
    contrasts: Sequence[ContrastSpecification] = (),
) -> FslEstimate:
    """Fit every run by FILM.

    Without a volume voxels have no neighbours, and each keeps its own autocorrelations. Without contrasts any
    may be asked for afterwards, at the cost of memory.

    Raises
    ------
    DataError
        A design leaves no degrees of freedom, or the data cannot be scaled.
    """
    check_designs(designs, model)
    wanted = varying(mask, series)
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
