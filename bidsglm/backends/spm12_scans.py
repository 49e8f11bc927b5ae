"""Scans as SPM12 reads them: scaled by their globals, within its threshold, some voxels at a time."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bidsglm.errors import DataError
from bidsglm.model import Floats, Mask, ModelSpecification, TimeSeries, Volume, measured
from bidsglm.spm import scaling

CHUNK_VALUES = 2_000_000
"""float64 values held at once: 16 MB, some 7,000 voxels of a run of 300 scans."""

Columns = slice | NDArray[np.intp]


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


def scaled_chunks(
    series: Sequence[TimeSeries], model: ModelSpecification, mask: Mask
) -> Iterator[tuple[Columns, list[Floats]]]:
    """Give the scaled data of all runs, some of the mask's voxels at a time, with the columns they are.

    Raises
    ------
    DataError
        A run has no global mean to be scaled by; before the first voxels are asked for.
    """
    return _chunks(series, _scale_factors(series, model), mask)


def _chunks(
    series: Sequence[TimeSeries], factors: Sequence[Floats], mask: Mask
) -> Iterator[tuple[Columns, list[Floats]]]:
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
