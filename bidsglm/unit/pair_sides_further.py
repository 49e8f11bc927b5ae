"""What AFNI and FSL do with a unit in every modelling step, gathered from a fit for some voxels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bidsglm.afni.conditions import condition_responses
from bidsglm.afni.regressors import within_run
from bidsglm.afni.responses import Response
from bidsglm.afni.scaling import percent_of_mean
from bidsglm.attribution.crossing import Columns
from bidsglm.attribution.crossproducts import Values
from bidsglm.attribution.drawing_rules import (
    AfniEvents,
    FslEvents,
    Interpolated,
    LastBin,
    WeightedEvents,
)
from bidsglm.attribution.mixture import drifts_of, regressors_of
from bidsglm.attribution.response_rules import AfniResponse, Drawing, FslResponse, impulse
from bidsglm.attribution.sides import DriftColumns, LocalLine, Side, SideRun
from bidsglm.attribution.tissue import Tissue, weights
from bidsglm.attribution.voxelnoise import (
    ArmaGrid,
    IndependentErrors,
    SmoothedAutocorrelation,
    VoxelNoise,
)
from bidsglm.backends.fsl_data import median_of, run_mask
from bidsglm.backends.fsl_design import (
    has_derivative,
    line_filter,
    plain_columns,
    response_name,
    shift,
)
from bidsglm.data import Paradigm, TimeSeries, Volume
from bidsglm.fsl import highpass
from bidsglm.fsl import regressors as feat
from bidsglm.fsl.autocorrelation import MEAN_THRESHOLD
from bidsglm.fsl.scaling import GRAND_MEAN
from bidsglm.fsl.smoothing import reference_scan
from bidsglm.model import Floats, ModelSpecification
from bidsglm.spm.regressors import event_weights
from bidsglm.unit.fit import Fitted
from bidsglm.unit.pair_sides import SampleColumns

CHUNK = 20_000
"""Voxels looked at at once where all of a mask matter"""
EXTREMES = 5
"""Voxels at each end of the intensities, of which rounding could make any the last"""
CUT = 1e-4
"""Share of a value that rounding to float32 does not change, and AFNI's limits do"""


def afni_side(fitted: Fitted, voxels: SampleColumns) -> Side:
    """What AFNI does."""
    prepared, model = fitted.prepared, fitted.prepared.model
    paradigms = prepared.paradigms
    runs = []
    for paradigm, design, run in zip(
        paradigms, prepared.designs["afni"], fitted.data.series["afni"], strict=True
    ):
        Y = voxels.series(run)
        stored = percent_of_mean(Y) if model.afni.scale else Y.astype(np.float32)
        factors = _percent(Y) if model.afni.scale else np.ones(1)
        is_cut = bool(np.any(np.abs(stored - Y * factors) > CUT * np.abs(stored).max(initial=1.0)))
        runs.append(
            SideRun(
                Y,
                factors,
                _limited if is_cut else None,
                stored,
                regressors_of(paradigm, design),
                DriftColumns(drifts_of(paradigm, design)),
                design.censored,
                _percent if model.afni.scale else None,
            )
        )
    noise: VoxelNoise = IndependentErrors("afni") if model.afni.noise_model == "none" else ArmaGrid()
    drawing = _afni_drawing(fitted)
    return Side("afni", tuple(runs), drawing, noise, "joint", one_set=not model.afni.motion_per_run)


def _percent(Y: Values) -> Floats:
    """100 over the mean, 0 where that is not positive."""
    mean = np.asarray(Y.mean(axis=0), dtype=np.float64)
    factors: Floats = np.zeros_like(mean)
    np.divide(100.0, mean, out=factors, where=mean > 0)
    return factors


def _limited(Y: Values) -> Values:
    """Series of which no value is negative or exceeds twice the mean."""
    return np.clip(Y, 0, np.maximum(2 * Y.mean(axis=0), 0))


def _afni_drawing(fitted: Fitted) -> Drawing | None:
    paradigms, model = fitted.prepared.paradigms, fitted.prepared.model
    found = condition_responses(paradigms, model)
    responses = {name: each.response for name, each in found.items()}
    if any(impulse(each) is None for each in responses.values()):
        return None
    trains = {name: _counted(name, paradigms, each) for name, each in responses.items()}
    starts = [paradigm.start_time or 0.0 for paradigm in paradigms]
    ends = tuple(p.n_scans * p.repetition_time for p in paradigms)
    moments = tuple(
        np.asarray(start + np.arange(p.n_scans) * p.repetition_time)
        for start, p in zip(starts, paradigms, strict=True)
    )
    return Drawing(AfniResponse(responses), AfniEvents(trains, ends), Interpolated(moments))


def _counted(name: str, paradigms: Sequence[Paradigm], response: Response) -> list[WeightedEvents]:
    """Events of a condition in every run that AFNI counts, with its weights."""
    form = impulse(response)
    assert form is not None
    each = []
    for paradigm in paradigms:
        condition = next((c for c in paradigm.conditions if c.weight_names[0] == name), None)
        if condition is None:
            each.append(WeightedEvents(np.empty(0), np.empty(0), np.empty((0, 1))))
            continue
        onsets = condition.onsets - (paradigm.start_time or 0.0)
        inside = within_run(onsets, paradigm.n_scans, paradigm.repetition_time)
        lasting = condition.durations if form.duration is None else np.full(len(onsets), form.duration)
        values = condition.weights
        each.append(WeightedEvents(condition.onsets[inside], lasting[inside], values[inside]))
    centred = any(c.orthogonalize for p in paradigms for c in p.conditions if c.weight_names[0] == name)
    width = max(events.weights.shape[1] for events in each)
    together = np.vstack([events.weights for events in each if events.weights.shape[1] == width])
    means = together[:, 1:].mean(axis=0) if len(together) and centred else np.zeros(width - 1)
    return [_weighted(events, means) for events in each]


def _weighted(events: WeightedEvents, means: Floats) -> WeightedEvents:
    """Modulators less their mean over all runs, times the heights."""
    heights, modulators = events.weights[:, :1], events.weights[:, 1:]
    n = modulators.shape[1]
    return events._replace(weights=np.hstack([heights, heights * (modulators - means[:n])]))


def fsl_side(fitted: Fitted, voxels: SampleColumns) -> Side:
    """What FSL does."""
    prepared, model = fitted.prepared, fitted.prepared.model
    runs, tissues, timings = [], [], []
    shifts = tuple(shift(paradigm) for paradigm in prepared.paradigms)
    for paradigm, run in zip(prepared.paradigms, fitted.data.series["fsl"], strict=True):
        timing = feat.Timing(paradigm.repetition_time, paradigm.n_scans)
        line = line_filter(model, timing.n_scans, timing.repetition_time)
        Y, factor = voxels.series(run), _scale_factor(run)
        stored = Y.astype(np.float32) * factor
        runs.append(
            SideRun(
                Y,
                np.array([float(factor)]),
                None,
                stored,
                _feat_columns(paradigm, model, timing),
                LocalLine(line),
            )
        )
        timings.append(timing)
        if model.fsl.prewhitening:
            tissues.append(_tissue(run, line, fitted.data.volume, (voxels, stored)))
    noise: VoxelNoise = IndependentErrors("fsl")
    if model.fsl.prewhitening:
        n, volume = voxels.n_wanted, fitted.data.volume
        noise = SmoothedAutocorrelation(
            tuple(weights(tissue, voxels.columns[:n], voxels.columns, volume) for tissue in tissues)
        )
    drawing = _feat_drawing(prepared.paradigms, response_name(model), (tuple(timings), shifts))
    return Side("fsl", tuple(runs), drawing, noise, "weighted", derivative=has_derivative(model))


def _scale_factor(run: TimeSeries) -> np.float32:
    return np.float32(GRAND_MEAN / median_of(run))


def _feat_columns(paradigm: Paradigm, model: ModelSpecification, timing: feat.Timing) -> Columns:
    """Convolved columns before the filter."""
    names = [name for c in paradigm.conditions for name in c.weight_names]
    found = plain_columns(paradigm, model, timing)
    return Columns(tuple(names), np.column_stack([np.empty((timing.n_scans, 0)), *found]))


def _feat_drawing(
    paradigms: Sequence[Paradigm], name: str, when: tuple[tuple[feat.Timing, ...], tuple[float, ...]]
) -> Drawing | None:
    if any(c.continuous for p in paradigms for c in p.conditions):
        return None
    trains: dict[str, list[WeightedEvents]] = {}
    for name_of in dict.fromkeys(c.weight_names[0] for p in paradigms for c in p.conditions):
        trains[name_of] = []
        for paradigm in paradigms:
            here = [c for c in paradigm.conditions if c.weight_names[0] == name_of]
            trains[name_of] += [WeightedEvents(c.onsets, c.durations, event_weights(c)) for c in here] or [
                WeightedEvents(np.empty(0), np.empty(0), np.empty((0, 1)))
            ]
    return Drawing(FslResponse(name), FslEvents(*when, trains), LastBin(*when))


def _extremes(columns: NDArray[np.intp], values: Floats) -> NDArray[np.intp]:
    """Columns of the smallest and of the largest values."""
    order = columns[np.argsort(values)]
    return np.unique(np.concatenate([order[:EXTREMES], order[-EXTREMES:]]))


def _tissue(
    run: TimeSeries, line: Floats | None, volume: Volume, sample: tuple[SampleColumns, Values]
) -> Tissue:
    """The scan by which FILM tells tissues, over all columns, and the voxels that it fits."""
    n_scans, scan = len(run.stored), reference_scan(len(run.stored))
    taken = np.zeros((1, n_scans))
    taken[0, scan] = 1.0
    if line is not None:
        # y(t) less its line at t, less the mean of that, with the mean of y
        left = np.eye(n_scans) - line
        taken = left[[scan]] - left.mean(axis=0) + 1 / n_scans
    inside = np.flatnonzero(run_mask(run, volume))
    intensity, fitted = np.zeros(run.n_voxels), np.zeros(run.n_voxels, dtype=np.bool_)
    factor = _scale_factor(run)
    for start in range(0, inside.size, CHUNK):
        part = inside[start : start + CHUNK]
        Y = (run.values(part).astype(np.float32) * factor).astype(np.float64)
        intensity[part] = (taken @ Y)[0]
        fitted[part] = (Y.mean(axis=0) > MEAN_THRESHOLD) & (np.ptp(Y, axis=0) > 0)
    voxels, stored = sample
    # near the sample to the last digit, as the weights count whole steps of intensity
    within = np.isin(voxels.columns, inside)
    intensity[voxels.columns[within]] = highpass.filtered(stored[:, within], line)[scan]
    # the length of a step hangs on the brightest and the darkest voxel of all
    ends = _extremes(inside, intensity[inside])
    intensity[ends] = highpass.filtered(run.values(ends).astype(np.float32) * factor, line)[scan]
    return Tissue(np.where(np.isfinite(intensity), intensity, 0.0), fitted)
