"""Facts on a unit's data for the diagnosis: counts within the mask, from what reading them left behind."""

from collections.abc import Mapping

import numpy as np

from bidsglm.backends.nilearn_signals import mean_signal
from bidsglm.data import TimeSeries
from bidsglm.dataset.images import Data
from bidsglm.dataset.voxels import VoxelFacts
from bidsglm.diagnosis.data_review import DataReview, RunData
from bidsglm.diagnosis.intensity_checks import LOWEST_MEAN
from bidsglm.model import Mask, ModelSpecification
from bidsglm.pairs import base_of

SAMPLE = 2_000
"""Voxels that are enough for a median."""


def data_review(
    data: Data,
    model: ModelSpecification,
    labels: tuple[str, ...],
    noise: Mapping[str, Mapping[str, object]] | None = None,
) -> DataReview:
    """Count what there is to say of a unit's data, by the facts of each backend's fit once there are any."""
    name = base_of(data.series)
    mask = data.candidates[name]
    without = np.zeros(mask.size, dtype=np.bool_)
    for run in data.series[name]:
        without |= run.without_data if run.without_data is not None else False
    runs = tuple(
        _run_data(label, facts, series, mask, model)
        for label, facts, series in zip(labels, data.facts, data.series[name], strict=True)
    )
    noise = noise or {}
    return DataReview(
        runs=runs,
        n_without_data=int(np.count_nonzero(without & mask)),
        smoothed=model.smoothing_fwhm > 0,
        backends=tuple(data.series),
        n_explained={b: _count(facts, "n_voxels_without_residual") for b, facts in noise.items()},
        n_not_pooled=max((_count(facts, "n_voxels_not_pooled") for facts in noise.values()), default=0),
        masks=data.masks,
    )


def _count(facts: Mapping[str, object], name: str) -> int:
    found = facts.get(name, 0)
    return found if isinstance(found, int) else 0


def _run_data(
    label: str, facts: VoxelFacts, series: TimeSeries, mask: Mask, model: ModelSpecification
) -> RunData:
    constant = mask & facts.constant
    still = facts.constant if series.without_data is None else series.without_data
    usable = np.flatnonzero(mask & ~still & ~facts.not_finite)
    sample = usable[np.linspace(0, usable.size - 1, min(usable.size, SAMPLE)).astype(np.intp)]
    values = series.values(sample)
    means, deviations = values.mean(axis=0), values.std(axis=0)
    ratios = np.abs(means) / np.where(deviations > 0, deviations, np.inf)
    low = int(np.count_nonzero(facts.mean[usable] < LOWEST_MEAN))
    if model.nilearn.signal_scaling not in (0, False):
        # One number divides all voxels.
        low = int(usable.size) if mean_signal(series, mask) < LOWEST_MEAN else 0
    brightest, bright = _brightest(series)
    return RunData(
        label=label,
        n_voxels=int(np.count_nonzero(mask)),
        n_constant=int(np.count_nonzero(constant)),
        n_zero=int(np.count_nonzero(constant & (facts.mean == 0))),
        n_not_finite=int(np.count_nonzero(mask & facts.not_finite)),
        n_low=low,
        median_mean=float(np.median(means)) if means.size else float("nan"),
        mean_to_deviation=float(np.median(ratios)) if ratios.size else float("nan"),
        brightest=brightest,
        bright=bright,
    )


def _brightest(series: TimeSeries) -> tuple[int, float]:
    """The volume with the largest global, from 1, and that global over the median's."""
    levels = series.global_means
    middle = float(np.nanmedian(levels)) if np.isfinite(levels).any() else 0.0
    if not middle > 0:
        return 0, 1.0
    place = int(np.nanargmax(levels))
    return place + 1, float(levels[place] / middle)
