"""What SPM and nilearn do with a unit in every modelling step, gathered from a fit for some voxels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.covariances import PooledNoise
from bidsglm.attribution.crossing import SHAPES, Clock
from bidsglm.attribution.crossproducts import Values
from bidsglm.attribution.drawing_rules import Interpolated, NearestBin, NilearnEvents, SpmEvents
from bidsglm.attribution.mixture import drifts_of, regressors_of, responses
from bidsglm.attribution.response_rules import Drawing, NilearnResponse, SpmResponse
from bidsglm.attribution.sides import DriftColumns, ProjectedOff, Side, SideRun
from bidsglm.attribution.voxelnoise import IndependentErrors, TruncatedAR1
from bidsglm.backends.nilearn_design import slice_time_ref
from bidsglm.backends.nilearn_signals import in_percent, masked_signals, percent_of
from bidsglm.data import TimeSeries
from bidsglm.model import Floats, ModelSpecification
from bidsglm.spm import covariance, scaling
from bidsglm.spm.components import Toeplitz
from bidsglm.spm.regressors import Microtime, microtime_onset
from bidsglm.spm.whitening import normalised
from bidsglm.unit.fit import Fitted

Whole = NDArray[np.intp]


class SampleColumns(NamedTuple):
    """Voxels of a sample among the columns of the data."""

    columns: Whole
    """The wanted ones, then those around them"""
    n_wanted: int

    def series(self, run: TimeSeries) -> Floats:
        """Header-scaled values, (n_scans, n_voxels)."""
        return run.values(self.columns)


def clocks(fitted: Fitted) -> tuple[Clock, ...]:
    """When the scans of each run are, in SPM's and nilearn's terms."""
    model = fitted.prepared.model
    return tuple(
        Clock(
            Microtime(
                p.repetition_time, p.n_scans, model.spm.microtime_resolution, microtime_onset(p, model)
            ),
            slice_time_ref(p, model),
        )
        for p in fitted.prepared.paradigms
    )


def spm_side(fitted: Fitted, voxels: SampleColumns) -> Side:
    """What SPM does."""
    prepared, model = fitted.prepared, fitted.prepared.model
    runs = []
    for paradigm, design, run in zip(
        prepared.paradigms, prepared.designs["spm"], fitted.data.series["spm"], strict=True
    ):
        Y = voxels.series(run)
        factors = scaling.scale_factors(run.global_means, model.spm.global_normalization)
        each = model.spm.global_normalization == "Scaling"
        runs.append(
            SideRun(
                Y,
                np.ones(1) if each else factors[:1],
                by_scan(factors) if each else None,
                Y * factors[:, np.newaxis],
                regressors_of(paradigm, design),
                ProjectedOff(design.high_pass_basis),
            )
        )
    times = clocks(fitted)
    known = model.hrf.model == "spm"
    drawing = Drawing(SpmResponse(model.hrf), SpmEvents(times), NearestBin(times)) if known else None
    kind = model.spm.serial_correlation
    noise = PooledNoise(kind, () if kind == "none" else error_covariances(fitted))
    return Side("spm", tuple(runs), drawing, noise, "pooled")


def by_scan(factors: Floats) -> Callable[[Values], Values]:
    """Scaling of every scan by a factor of its own."""
    return lambda Y: Y * factors[:, np.newaxis]


def error_covariances(fitted: Fitted) -> tuple[Floats, ...]:
    """V of every run from the hyperparameters that the SPM backend reports."""
    kind = fitted.prepared.model.spm.serial_correlation
    assert kind != "none"
    times = [(p.n_scans, p.repetition_time) for p in fitted.prepared.paradigms]
    return covariances_of(kind, fitted.fits["spm"].noise, times)


def covariances_of(
    kind: Literal["AR(1)", "FAST"], noise: Mapping[str, Any], runs: Sequence[tuple[int, float]]
) -> tuple[Floats, ...]:
    """V of every run (scans, repetition time), from what the SPM backend reports of its noise model."""
    rows = [covariance.components(kind, n_scans, time) for n_scans, time in runs]
    found = [Toeplitz(r).combined(np.asarray(h)) for h, r in zip(noise["hyperparameters"], rows, strict=True)]
    return normalised(found)


def nilearn_side(fitted: Fitted, voxels: SampleColumns) -> Side:
    """What nilearn does."""
    prepared, model = fitted.prepared, fitted.prepared.model
    runs = []
    for paradigm, design, run in zip(
        prepared.paradigms, prepared.designs["nilearn"], fitted.data.series["nilearn"], strict=True
    ):
        signals = masked_signals(run, voxels.columns)
        mean = percent_of(signals, run, fitted.data.candidates["nilearn"], model.nilearn.signal_scaling)
        runs.append(
            SideRun(
                voxels.series(run),
                percent_factors(mean),
                None,
                in_percent(signals, mean).astype(np.float64, copy=False),
                regressors_of(paradigm, design),
                DriftColumns(drifts_of(paradigm, design)),
                factors_of=of_voxel_means if _by_voxel(model) else None,
            )
        )
    times = clocks(fitted)
    own, _ = responses(model)
    moments = Interpolated(tuple(clock.frame_times for clock in times))
    drawing = Drawing(NilearnResponse(own), NilearnEvents(times), moments) if own.model in SHAPES else None
    ols = model.nilearn.noise_model == "ols"
    noise = IndependentErrors("nilearn") if ols else TruncatedAR1()
    return Side("nilearn", tuple(runs), drawing, noise, "averaged")


def _by_voxel(model: ModelSpecification) -> bool:
    """Whether each voxel is divided by its own mean; 0 and False differ."""
    return model.nilearn.signal_scaling is not False and model.nilearn.signal_scaling == 0


def of_voxel_means(Y: Values) -> Floats:
    """Factors that express each voxel in percent of its own mean."""
    return np.asarray(100 / np.maximum(Y.mean(axis=0), 1))


def percent_factors(mean: Values | float | None) -> Floats:
    """Factors that make percent of what nilearn divides by; 1 where it does not."""
    return np.ones(1) if mean is None else 100 / np.atleast_1d(np.asarray(mean, dtype=np.float64))
