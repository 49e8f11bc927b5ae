"""What the simulations of a unit are made from: its designs, its noise, and signals of known size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends import BACKENDS, backend
from bidsglm.calibration.responses import height, response
from bidsglm.errors import DataError
from bidsglm.model import (
    CONSTANT,
    ContrastSpecification,
    DesignMatrix,
    Floats,
    ModelSpecification,
    TimeSeries,
)
from bidsglm.packages import base_of
from bidsglm.simulation.noise import RunNoise, run_noise
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
    """Measure a unit's noise and prepare signals.

    Parameters
    ----------
    source
        What was fitted.
    columns
        Voxels, see `sampled_voxels`.
    seed
        Of all simulations.

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
    used = [i for i, c in enumerate(contrasts) if c.test == "t"]
    heights = {
        i: {name: height(contrasts[i], made, usable[i]) for name, made in source.designs.items()}
        for i in used
    }
    runs = []
    for r, run in enumerate(sample):
        responses = np.zeros((len(contrasts), len(run.stored)))
        for i in used:
            if r in usable[i]:
                responses[i] = response(contrasts[i], source.designs, r, heights[i])
        runs.append(_simulated_run(source, r, run, responses))
    expected = {}
    for name in source.designs:
        of_runs = np.array(backend(name).one_percent(sample, [run.mean for run in runs], source.model))
        expected[name] = np.full((len(contrasts), columns.size), np.nan)
        for i in used:
            expected[name][i] = of_runs[list(usable[i])].mean(axis=0) / heights[i][name]
    return Experiment(source.model, source.designs, contrasts, usable, tuple(runs), expected, seed)


def _ordinary(source: Source, sample: Sequence[TimeSeries]) -> dict[str, Any]:
    """Least-squares estimate of each backend."""
    model = replace(
        source.model,
        nilearn=replace(source.model.nilearn, noise_model="ols"),
        spm=replace(source.model.spm, serial_correlation="none"),
    )
    mask = np.ones(sample[0].n_voxels, dtype=bool)
    estimates = {
        name: BACKENDS[name].estimate(designs, sample, mask, model)
        for name, designs in source.designs.items()
    }
    for name, estimate in estimates.items():
        if estimate.dof < LEAST_DOF:
            raise DataError(
                f"the {name} design leaves {estimate.dof:.0f} residual degrees of freedom and a calibration "
                f"needs at least {LEAST_DOF}; use fewer confounds or leave --calibrate out"
            )
    return estimates


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
    design = source.designs[base_of(source.designs)][index]
    ones = np.ones((len(run.stored), 1))
    X = np.hstack([design.matrix, design.high_pass_basis, ones])
    Y = run.stored.astype(np.float64)
    scale = np.linalg.norm(X, axis=0)
    scale[scale == 0] = 1
    betas = np.linalg.lstsq(X / scale, Y, rcond=None)[0]
    kept = [i for i, name in enumerate(design.names) if name in source.confounds or name == CONSTANT]
    kept.append(X.shape[1] - 1)
    steady = (X / scale)[:, kept] @ betas[kept]
    noise = run_noise(Y - (X / scale) @ betas, X, source.repetition_times[index])
    return SimulatedRun(steady.astype(np.float32), steady.mean(axis=0), noise, run.global_means, responses)
