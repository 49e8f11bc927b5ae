"""What both programs did with a user's scans in every modelling step, for some voxels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bidsglm.attribution.covariances import PooledNoise
from bidsglm.attribution.crossing import SHAPES, Clock
from bidsglm.attribution.crossproducts import Values
from bidsglm.attribution.drawing_rules import Interpolated, NearestBin, NilearnEvents, SpmEvents
from bidsglm.attribution.response_rules import Drawing, NilearnResponse, SpmResponse
from bidsglm.attribution.sides import CommonRun, DriftColumns, PairModels, ProjectedOff, Side, SideRun
from bidsglm.attribution.voxelnoise import IndependentErrors, TruncatedAR1
from bidsglm.backends.nilearn_signals import in_percent, masked_signals
from bidsglm.check.comparison import Checked
from bidsglm.check.data import ScanPlace, read_series, smoothed_series
from bidsglm.check.explaining import Changed, changed_events
from bidsglm.check.map_weights import Reproduction
from bidsglm.check.models import hrf_of, sampled_at
from bidsglm.check.reproduction import before_smoothing
from bidsglm.check.runs import ComparedRun, frame_offset
from bidsglm.check.task_columns import nilearn_columns_of, spm_columns
from bidsglm.data import Condition, TimeSeries, Volume
from bidsglm.model import Hrf
from bidsglm.spm import scaling
from bidsglm.spm.regressors import Microtime
from bidsglm.unit.pair_sides import by_scan, covariances_of, of_voxel_means
from bidsglm.unit.pair_steps import reproduced


class OwnData(NamedTuple):
    """Some voxels' series of every run, as each program had them."""

    spm: tuple[TimeSeries, ...]
    nilearn: tuple[TimeSeries, ...]
    """The same objects where nilearn had SPM's scans as they are"""


def own_data(scans: Sequence[Sequence[ScanPlace]], volume: Volume, found: Reproduction) -> OwnData:
    """Read the voxels of a volume from SPM's scans, and as nilearn had them."""
    spm = tuple(read_series(run, volume) for run in scans)
    attempt = found.attempt
    if not (attempt.unsmoothed or attempt.smoothed_by):
        return OwnData(spm, spm)
    theirs = [before_smoothing(run) if attempt.unsmoothed else run for run in scans]
    if attempt.smoothed_by:
        return OwnData(spm, tuple(smoothed_series(run, volume, attempt.smoothed_by) for run in theirs))
    return OwnData(spm, tuple(read_series(run, volume) for run in theirs))


def own_models(found: Checked, data: OwnData, noise: Mapping[str, Any], way: Reproduction) -> PairModels:
    """Both programs' models, without contrasts: nilearn's is the reference.

    Returns
    -------
    With response, events and sampling in one where the rules taken apart do not give both programs' columns.
    """
    runs = tuple(
        CommonRun(run.session.conditions, (), np.empty((run.session.n_scans, 0)), found.spm.repetition_time)
        for run in found.runs
    )
    sides = _nilearn_side(found, data, way), _spm_side(found, data, noise)
    models = PairModels(sides, runs, (), data.spm[0].n_voxels)
    if all(side.drawing for side in sides) and reproduced(models):
        return models
    return replace(models, sides=(_whole(sides[0]), _whole(sides[1])))


def _whole(side: Side) -> Side:
    """A program whose regressors are one step, its events among them."""
    return replace(side, drawing=None, runs=tuple(replace(run, conditions=None) for run in side.runs))


def _every(series: TimeSeries) -> np.ndarray[Any, np.dtype[np.intp]]:
    return np.arange(series.n_voxels)


def _spm_side(found: Checked, data: OwnData, noise: Mapping[str, Any]) -> Side:
    spm = found.spm
    scanwise = spm.scaling == "Scaling"
    runs = []
    for run, series in zip(found.runs, data.spm, strict=True):
        Y = series.values(_every(series))
        factors = scaling.scale_factors(series.global_means, "Scaling" if scanwise else "None")
        own = spm_columns(spm, run)
        runs.append(
            SideRun(
                Y,
                np.ones(1) if scanwise else factors[:1],
                by_scan(factors) if scanwise else None,
                Y * factors[:, np.newaxis],
                own.task,
                ProjectedOff(run.session.filter_basis),
                conditions=run.session.conditions,
                confounds=own.confounds,
            )
        )
    hrf, times = hrf_of(spm), _clocks(found, sampled_at(spm))
    known = hrf.model == "spm" and all(c.onsets.size for run in runs for c in run.conditions or ())
    drawing = Drawing(SpmResponse(hrf), SpmEvents(times), NearestBin(times)) if known else None
    lengths = [(session.n_scans, spm.repetition_time) for session in spm.sessions]
    covariances = () if spm.noise == "none" else covariances_of(spm.noise, noise, lengths)  # type: ignore[arg-type]
    return Side("spm", tuple(runs), drawing, PooledNoise(spm.noise, covariances), "pooled")  # type: ignore[arg-type]


def _clocks(found: Checked, offset: float) -> tuple[Clock, ...]:
    spm = found.spm
    bins = spm.microtime_resolution, spm.microtime_onset
    return tuple(
        Clock(Microtime(spm.repetition_time, run.session.n_scans, *bins), offset) for run in found.runs
    )


def _nilearn_side(found: Checked, data: OwnData, way: Reproduction) -> Side:
    shared = data.nilearn is data.spm
    runs: list[SideRun] = []
    for run, series, theirs in zip(found.runs, data.nilearn, data.spm, strict=True):
        values = series.values(_every(series))
        signals = masked_signals(series, _every(series))
        mean = _scale(signals, way, len(runs))
        stored = in_percent(signals, mean)
        own = nilearn_columns_of(run)
        runs.append(
            SideRun(
                theirs.values(_every(theirs)) if shared else values,
                np.ones(1) if mean is None else 100 / np.atleast_1d(np.asarray(mean, dtype=np.float64)),
                None,
                stored.astype(np.float64, copy=False),
                own.task,
                DriftColumns(run.design.matrix[:, list(run.design.drifts)]),
                factors_of=of_voxel_means if _by_voxel(way) else None,
                conditions=nilearn_events(run),
                confounds=own.confounds,
            )
        )
    noise = IndependentErrors("nilearn") if way.attempt.noise == "ols" else TruncatedAR1()
    return Side("nilearn", tuple(runs), _nilearn_drawing(found), noise, "averaged")


def _by_voxel(way: Reproduction) -> bool:
    """Whether each voxel is divided by its own mean; 0 and False differ."""
    return way.attempt.scaling is not False and way.attempt.scaling == 0


def _scale(signals: Values, way: Reproduction, run: int) -> Values | float | None:
    """What nilearn divides a run by, in its own precision."""
    if _by_voxel(way):
        return np.asarray(np.maximum(signals.mean(axis=0), 1))
    if way.attempt.scaling != "grand mean":
        return None
    return 100 / (way.factors[run] if way.factors else way.factor)


def nilearn_events(run: ComparedRun) -> tuple[Condition, ...] | None:
    """Events as nilearn was given them; None where that is not known of all."""
    made = []
    for condition in run.session.conditions:
        found = run.explanations.get(condition.name)
        if found is None or found.changed is None or condition.modulators or condition.time_modulation:
            return None
        made.append(changed_events(condition, found.changed))
    return tuple(made)


def _nilearn_drawing(found: Checked) -> Drawing | None:
    """How nilearn made its columns, where one way gives those of all conditions and runs."""
    hrf, offset = nilearn_set(found), nilearn_offset(found)
    if hrf is None or offset is None or any(nilearn_events(run) is None for run in found.runs):
        return None
    times = _clocks(found, offset)
    moments = Interpolated(tuple(clock.frame_times for clock in times))
    return Drawing(NilearnResponse(hrf), NilearnEvents(times), moments)


def nilearn_set(found: Checked) -> Hrf | None:
    """Response functions of nilearn's columns; None where conditions or runs have several."""
    changes = [e.changed for run in found.runs for e in run.explanations.values()]
    sets = {_set_of(run, changes) for run in found.runs}
    hrf = sets.pop() if len(sets) == 1 and None not in changes else None
    return hrf if hrf is not None and hrf.model in SHAPES else None


def nilearn_offset(found: Checked) -> float | None:
    """Share of the TR at which nilearn sampled; None where runs have several."""
    offsets = {round(_offset(found, run), 9) for run in found.runs}
    return offsets.pop() if len(offsets) == 1 else None


def _set_of(run: ComparedRun, changes: Sequence[Changed | None]) -> Hrf | None:
    """Response functions of nilearn's columns; None where conditions have several."""
    names = run.columns.partners
    having = [
        tuple(f"{condition.name}*bf({k})" in names for k in (2, 3)) for condition in run.session.conditions
    ]
    kernels = {changed.kernel or "spm" for changed in changes if changed is not None}
    if len(set(having)) != 1 or len(kernels) != 1:
        return None
    derivative, dispersion = having[0]
    return Hrf(kernels.pop(), derivative=derivative, dispersion=dispersion)


def _offset(found: Checked, run: ComparedRun) -> float:
    known = frame_offset(run.design)
    told = next((e.changed.sampled_at for e in run.explanations.values() if e.changed is not None), None)
    return known if known is not None else told if told is not None else sampled_at(found.spm)
