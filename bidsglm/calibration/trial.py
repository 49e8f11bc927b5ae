"""One simulated data set, analysed in every way by the backends themselves."""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends import backend
from bidsglm.calibration.experiment import Experiment
from bidsglm.data import TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import Floats
from bidsglm.packages import NoiseAnalysis, analyses
from bidsglm.simulation.noise import NOISES
from bidsglm.simulation.outcomes import EFFECT_SIZES, SimulationOutcome, empty_outcome, record

ACTIVE_SHARE = 0.2
"""Part of the voxels of a data set with signal, all contrasts and effect sizes together."""


class TrialRequest(NamedTuple):
    """Which data set."""

    noise: str
    signal: bool
    number: int


class DataSet(NamedTuple):
    """A simulated data set."""

    series: tuple[TimeSeries, ...]
    """Series of all runs"""
    levels: tuple[tuple[NDArray[np.intp], ...], ...]
    """For each contrast the voxels of each level: all of them without signal, else those of each size"""


def data_set(experiment: Experiment, request: TrialRequest) -> DataSet:
    """Simulate a data set; the same request always gives the same one."""
    place = (list(NOISES).index(request.noise), int(request.signal), request.number)
    rng = np.random.default_rng(np.random.SeedSequence(experiment.seed, spawn_key=place))
    levels = _active(experiment, rng) if request.signal else _everywhere(experiment)
    series = []
    for run in experiment.runs:
        values = run.steady + NOISES[request.noise](run.noise, rng)
        if request.signal:
            for response, sizes in zip(run.responses, levels, strict=True):
                for size, voxels in zip(EFFECT_SIZES, sizes, strict=True):
                    values[:, voxels] += np.outer(response, size / 100 * run.mean[voxels])
        series.append(TimeSeries(values.astype(np.float32), 1.0, 0.0, run.global_means))
    return DataSet(tuple(series), levels)


def _everywhere(experiment: Experiment) -> tuple[tuple[NDArray[np.intp], ...], ...]:
    return ((np.arange(experiment.n_voxels),),) * len(experiment.contrasts)


def _active(experiment: Experiment, rng: np.random.Generator) -> tuple[tuple[NDArray[np.intp], ...], ...]:
    """Voxels of each t contrast and effect size, apart from one another; none for F contrasts."""
    tested = [contrast.test == "t" for contrast in experiment.contrasts]
    n_cells = max(1, sum(tested) * len(EFFECT_SIZES))
    each = max(1, int(ACTIVE_SHARE * experiment.n_voxels / n_cells))
    order = iter(np.array_split(rng.permutation(experiment.n_voxels)[: each * n_cells], n_cells))
    none = (np.empty(0, dtype=np.intp),) * len(EFFECT_SIZES)
    return tuple(tuple(next(order) for _ in EFFECT_SIZES) if is_t else none for is_t in tested)


def trial(experiment: Experiment, request: TrialRequest) -> SimulationOutcome:
    """Simulate a data set and analyse it in every way."""
    made = data_set(experiment, request)
    ways = analyses(experiment.designs)
    outcome = empty_outcome(len(ways), made.levels)
    with warnings.catch_warnings():
        # What the packages warn of, the fit of the participant has already said.
        warnings.simplefilter("ignore")
        for place, way in enumerate(ways.values()):
            try:
                _analyse(experiment, made, way, outcome, place)
            except DataError:
                outcome.stopped[place] = True
    return outcome


def _analyse(
    experiment: Experiment,
    made: DataSet,
    way: tuple[str, NoiseAnalysis],
    outcome: SimulationOutcome,
    place: int,
) -> None:
    """Count what an analysis, which has its place among all, finds in a data set."""
    name, analysis = way
    package, model = backend(name), experiment.models[analysis.name]
    mask = np.ones(experiment.n_voxels, dtype=bool)
    designs = experiment.designs[name]
    # without a volume: the sampled voxels are no neighbours
    estimate = package.estimate(designs, made.series, mask, model, None, experiment.contrasts)
    for j, (contrast, runs) in enumerate(zip(experiment.contrasts, experiment.usable, strict=True)):
        maps = package.contrast(estimate, contrast, runs)
        expected = experiment.expected[name][j]
        for level, voxels in enumerate(made.levels[j]):
            if not voxels.size:
                continue
            ratios: Floats | None = None
            if len(made.levels[j]) > 1 and maps.effect is not None:
                ratios = maps.effect[voxels] / (expected[voxels] * EFFECT_SIZES[level])
                # a voxel that the package left out has no effect, and counts as not found
                ratios = ratios[np.isfinite(ratios)]
            record(outcome, (place, j), level, maps.p[voxels], ratios)
