"""Scans as SPM12 reads them: scaled by their globals, within its threshold, some voxels at a time."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.fittable import varying
from bidsglm.data import TimeSeries, Volume
from bidsglm.errors import DataError
from bidsglm.model import Floats, Mask, ModelSpecification
from bidsglm.spm import scaling

CHUNK_VALUES = 250_000
"""float64 values held at once: 2 MB, which stay near the processor; some 800 voxels of a run of 300 scans"""
LEAST = 256
"""Voxels at a time, however long the runs: fewer make products slow."""
LARGEST = float(np.finfo(np.float64).max)

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
    with_data = varying(candidates, series)
    sure, doubtful = _at_a_glance(series, factors, limits)
    mask |= with_data & sure
    for part in _parts(series, factors, with_data & doubtful):
        mask[part.columns] = scaling.within_mask(part.scans(), limits)
    if not mask.any():
        raise DataError(
            f"no voxel exceeds {model.spm.mask_threshold:g} of the global in every scan; "
            "check the brain mask and the images, or lower InclusiveMaskingThreshold (--mask-threshold)"
        )
    return mask


def _at_a_glance(
    series: Sequence[TimeSeries], factors: Sequence[Floats], limits: Sequence[Floats]
) -> tuple[Mask, Mask]:
    """Tell voxels that the smallest and the largest value put into the mask, and those that need a look.

    Scaling by one positive number keeps the order of values, rounding included.
    """
    sure, doubtful = np.ones(series[0].n_voxels, dtype=bool), np.ones(series[0].n_voxels, dtype=bool)
    varies = np.zeros_like(sure)
    for run, factor, limit in zip(series, factors, limits, strict=True):
        if run.slope <= 0 or (factor != factor[0]).any():
            return np.zeros_like(sure), np.ones_like(sure)
        ends = np.stack([run.stored.min(axis=0), run.stored.max(axis=0)]) if run.ends is None else run.ends
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = _scaled(ends.astype(np.float64), run, factor[:2])
        # a NaN is in both; what is so large that a sum would overflow is looked at
        bounded = np.maximum(np.abs(low), np.abs(high)) < LARGEST / len(run.stored)
        sure &= (low > limit.max()) & bounded
        doubtful &= ~(high <= limit.min())
        varies |= high > low
    sure &= varies
    return sure, doubtful & ~sure


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


class ScaledPart(NamedTuple):
    """Some of the mask's voxels."""

    columns: Columns
    place: slice
    """Among the mask's voxels"""
    scans: Callable[[], list[Floats]]
    """Gives the scaled data of all runs"""


def scaled_parts(series: Sequence[TimeSeries], model: ModelSpecification, mask: Mask) -> Iterator[ScaledPart]:
    """Tell where the scaled data of all runs are, some of the mask's voxels at a time.

    Raises
    ------
    DataError
        A run has no global mean to be scaled by; before the first part is asked for.
    """
    return _parts(series, _scale_factors(series, model), mask)


def _parts(series: Sequence[TimeSeries], factors: Sequence[Floats], mask: Mask) -> Iterator[ScaledPart]:
    inside = np.flatnonzero(mask)
    step = max(LEAST, CHUNK_VALUES // sum(len(s.stored) for s in series))
    for start in range(0, inside.size, step):
        part = inside[start : start + step]
        columns: Columns = part
        if part[-1] - part[0] + 1 == part.size:
            columns = slice(int(part[0]), int(part[-1]) + 1)
        scans = partial(_scaled_runs, series, factors, part)
        yield ScaledPart(columns, slice(start, start + part.size), scans)


def _scaled_runs(
    series: Sequence[TimeSeries], factors: Sequence[Floats], columns: NDArray[np.intp]
) -> list[Floats]:
    return [_scaled(s.stored_as(np.float64, columns), s, f) for s, f in zip(series, factors, strict=True)]


def _scaled(values: Floats, series: TimeSeries, factors: Floats) -> Floats:
    """Scale in place; factors enter slope and intercept, as in SPM, so that values are touched once."""
    values *= (series.slope * factors)[:, None]
    if series.intercept:
        values += (series.intercept * factors)[:, None]
    return values


def one_percent(
    series: Sequence[TimeSeries], means: Sequence[Floats], model: ModelSpecification
) -> list[Floats]:
    """Give 1 % of a voxel's mean in the unit of effects, (n_voxels,) of every run."""
    factors = [float(each.mean()) for each in _scale_factors(series, model)]
    return [mean / 100 * factor for mean, factor in zip(means, factors, strict=True)]
