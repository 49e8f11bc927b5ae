"""What the simulations of a unit are made from: its designs, its noise, and signals of known size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends import backend
from bidsglm.calibration.responses import Designs, height, response
from bidsglm.data import DesignMatrix, TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, ContrastSpecification, Floats, ModelSpecification
from bidsglm.packages import PACKAGES, analyses
from bidsglm.pairs import base_of
from bidsglm.simulation.noise import RunNoise, run_noise, white
from bidsglm.spm.highpass import dct_basis
from bidsglm.unit.fit import contrast_runs

SAMPLE = 5_000
"""Voxels of each simulated data set, all of the mask where there are fewer."""
LEAST_DOF = 10
"""Residual degrees of freedom below which a noise model cannot be told from another."""
MOST_CONTRASTS = 6


class SimulatedRun(NamedTuple):
    """One run before noise and signal."""

    steady: NDArray[np.float32]
    """(n_scans, n_voxels) measured mean and what the confounds explain"""
    mean: Floats
    """(n_voxels,)"""
    noise: RunNoise
    global_means: Floats
    """(n_scans,) as measured"""
    responses: Floats
    """(n_contrasts, n_scans) for an effect of 1; zero in a run that the contrast does not use, and for F"""


@dataclass(frozen=True)
class Experiment:
    """All that a data set is simulated and analysed with."""

    model: ModelSpecification
    designs: Mapping[str, tuple[DesignMatrix, ...]]
    """Backend -> of all runs"""
    contrasts: tuple[ContrastSpecification, ...]
    usable: tuple[tuple[int, ...], ...]
    """Runs that each contrast averages"""
    runs: tuple[SimulatedRun, ...]
    expected: Mapping[str, Floats]
    """Backend -> (n_contrasts, n_voxels) effect that it should report of 1 %; NaN for F"""
    seed: int

    @cached_property
    def models(self) -> Mapping[str, ModelSpecification]:
        """Model of each analysis, by its name; what its fits share stays with it."""
        return {
            way.name: backend(package).with_noise_model(self.model, way.noise_model)
            for package, way in analyses(self.designs).values()
        }

    @property
    def n_voxels(self) -> int:
        """Voxels of a data set."""
        return int(self.runs[0].mean.size)


class Source(NamedTuple):
    """What an experiment is made from."""

    model: ModelSpecification
    designs: Mapping[str, tuple[DesignMatrix, ...]]
    contrasts: tuple[ContrastSpecification, ...]
    confounds: frozenset[str]
    """Names of the confound regressors"""
    series: tuple[TimeSeries, ...]
    """Series of all runs"""
    repetition_times: tuple[float, ...]
    """Repetition time of each run (s)"""


def sampled_voxels(source: Source, columns: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Columns to simulate: a random sample of those that can be scaled and vary in every run, in order.

    Raises
    ------
    DataError
        When there is none.
    """
    picked = np.random.default_rng(seed).permutation(columns)
    good: NDArray[np.intp] = np.empty(0, dtype=np.intp)
    for start in range(0, picked.size, SAMPLE):
        part = picked[start : start + SAMPLE]
        good = np.concatenate([good, part[_simulatable(source.series, part)]])[:SAMPLE]
        if good.size == SAMPLE:
            break
    if not good.size:
        raise DataError(
            "no voxel of the mask varies in every run around a mean above its standard deviation; see whether"
            " the images were demeaned"
        )
    return np.sort(good)


def _simulatable(series: Sequence[TimeSeries], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
    fine = np.ones(columns.size, dtype=bool)
    for run in series:
        values = run.values(columns)
        with np.errstate(invalid="ignore"):
            fine &= np.isfinite(values).all(axis=0) & (np.ptp(values, axis=0) > 0)
            # Per cent of a mean that was removed is nothing.
            fine &= values.mean(axis=0) > values.std(axis=0)
    return fine


def experiment(source: Source, columns: NDArray[np.intp], seed: int) -> Experiment:
    """Measure a unit's noise in some voxels, and prepare signals.

    Raises
    ------
    DataError
        When the design leaves too few degrees of freedom, or no contrast to calibrate.
    """
    sample = [
        TimeSeries(run.values(columns).astype(np.float32), 1.0, 0.0, run.global_means)
        for run in source.series
    ]
    estimates = _ordinary(source, sample)
    contrasts, usable = _calibrated(source, estimates)
    responses = _responses(source, contrasts, usable)
    runs = tuple(_simulated_run(source, r, run, responses[r]) for r, run in enumerate(sample))
    bare = Experiment(source.model, source.designs, contrasts, usable, runs, {}, seed)
    return replace(bare, expected=_expected(bare))


def _responses(
    source: Source, contrasts: Sequence[ContrastSpecification], usable: Sequence[tuple[int, ...]]
) -> list[Floats]:
    """Signals of each run, (n_contrasts, n_scans)."""
    shapes = _with_heights(source.designs)
    found = [np.zeros((len(contrasts), len(run.stored))) for run in source.series]
    for i, contrast in enumerate(contrasts):
        if contrast.test != "t":
            continue
        heights = {name: height(contrast, made, usable[i]) for name, made in shapes.items()}
        for run in usable[i]:
            found[run][i] = response(contrast, shapes, run, heights)
    return found


def _with_heights(designs: Designs) -> Designs:
    """Designs whose columns rise from a baseline; where none do, all, shifted so that they do."""
    found = {name: made for name, made in designs.items() if not PACKAGES[name].filters_columns}
    return found or {
        name: [replace(run, matrix=run.matrix - run.matrix.min(axis=0)) for run in made]
        for name, made in designs.items()
    }


def _least_squares(model: ModelSpecification, name: str) -> ModelSpecification:
    return backend(name).with_noise_model(model, PACKAGES[name].analyses[0].noise_model)


def _ordinary(source: Source, sample: Sequence[TimeSeries]) -> dict[str, Any]:
    """Least-squares estimate of each backend."""
    mask = np.ones(sample[0].n_voxels, dtype=bool)
    estimates = {}
    for name, designs in source.designs.items():
        model = _least_squares(source.model, name)
        estimates[name] = backend(name).estimate(designs, sample, mask, model, None, source.contrasts)
        if estimates[name].dof < LEAST_DOF:
            raise DataError(
                f"the {name} design leaves {estimates[name].dof:.0f} residual degrees of freedom and a "
                f"calibration needs at least {LEAST_DOF}; use fewer confounds or leave --calibrate out"
            )
    return estimates


def _expected(bare: Experiment) -> dict[str, Floats]:
    """What the least squares of each backend find of a signal of 1 %.

    Heights and units of columns differ from package to package, and those that a filter has passed have lost
    a part of theirs. Least squares are linear: the noise goes out with the fit of the data without signal.
    """
    rng = np.random.default_rng(bare.seed)
    plain = [_still(run, rng) for run in bare.runs]
    without = {name: _least_squares_effects(bare, name, plain) for name in bare.designs}
    expected = {name: np.full((len(bare.contrasts), bare.n_voxels), np.nan) for name in bare.designs}
    for i, contrast in enumerate(bare.contrasts):
        if contrast.test != "t":
            continue
        series = [
            replace(still, stored=still.stored + np.outer(run.responses[i], run.mean / 100))
            for still, run in zip(plain, bare.runs, strict=True)
        ]
        for name in bare.designs:
            expected[name][i] = _least_squares_effects(bare, name, series)[i] - without[name][i]
    return expected


def _still(run: SimulatedRun, rng: np.random.Generator) -> TimeSeries:
    """A run with noise that leaves the mean, by which packages scale, where it is."""
    noise = white(run.noise, rng)
    return TimeSeries(run.steady + (noise - noise.mean(axis=0)), 1.0, 0.0, run.global_means)


def _least_squares_effects(bare: Experiment, name: str, series: Sequence[TimeSeries]) -> Floats:
    """Effect maps of all contrasts, (n_contrasts, n_voxels), NaN for F."""
    package, model = backend(name), _least_squares(bare.model, name)
    mask = np.ones(bare.n_voxels, dtype=bool)
    found = package.estimate(bare.designs[name], series, mask, model, None, bare.contrasts)
    effects = np.full((len(bare.contrasts), bare.n_voxels), np.nan)
    for i, (contrast, runs) in enumerate(zip(bare.contrasts, bare.usable, strict=True)):
        effect = package.contrast(found, contrast, runs).effect
        if effect is not None:
            effects[i] = effect
    return effects


def _calibrated(
    source: Source, estimates: Mapping[str, Any]
) -> tuple[tuple[ContrastSpecification, ...], tuple[tuple[int, ...], ...]]:
    """The first contrasts that can be estimated, with their runs.

    The confounds' effects are in every data set, so that a contrast of them is never without signal.
    """
    ours = source.confounds | {CONSTANT}
    found = [(contrast, contrast_runs(estimates, contrast)) for contrast in source.contrasts]
    chosen = [(contrast, runs) for contrast, runs in found if runs and not ours & {*contrast.conditions}]
    if not chosen:
        raise DataError(
            f"model {source.model.name!r} has no estimable contrast of conditions to calibrate; define one"
        )
    contrasts, usable = zip(*chosen[:MOST_CONTRASTS], strict=True)
    return contrasts, usable


def _simulated_run(source: Source, index: int, run: TimeSeries, responses: Floats) -> SimulatedRun:
    """Fit a run by least squares and keep its mean, confounds and noise."""
    base = base_of(_with_heights(source.designs))
    design = source.designs[base][index]
    drifts = _drifts(source, index) if PACKAGES[base].filters_columns else design.high_pass_basis
    X = np.hstack([design.matrix, drifts, np.ones((len(run.stored), 1))])
    Y = run.stored.astype(np.float64)
    scale = np.linalg.norm(X, axis=0)
    scale[scale == 0] = 1
    betas = np.linalg.lstsq(X / scale, Y, rcond=None)[0]
    # polynomials begin with a constant of their own
    constant = np.ptp(X, axis=0) == 0
    kept = [i for i, name in enumerate(design.names) if name in source.confounds or constant[i]]
    kept.append(X.shape[1] - 1)
    steady = (X / scale)[:, kept] @ betas[kept]
    noise = run_noise(Y - (X / scale) @ betas, X, source.repetition_times[index])
    return SimulatedRun(steady.astype(np.float32), steady.mean(axis=0), noise, run.global_means, responses)


def _drifts(source: Source, index: int) -> Floats:
    """Cosines in place of a filter that passes through data and columns alike."""
    n_scans, cutoff = len(source.series[index].stored), source.model.high_pass
    return dct_basis(n_scans, source.repetition_times[index], cutoff)
