"""One simulated data set, analysed in every way by the backends themselves."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends import BACKENDS
from bidsglm.calibration.experiment import Experiment
from bidsglm.errors import DataError
from bidsglm.model import Floats, ModelSpecification, TimeSeries
from bidsglm.simulation.noise import NOISES
from bidsglm.simulation.outcomes import EFFECT_SIZES, SimulationOutcome, empty_outcome, record

ACTIVE_SHARE = 0.2
"""Of the voxels of a data set with signal, all contrasts and effect sizes together."""


class Analysis(NamedTuple):
    """A way to analyse a data set."""

    name: str
    backend: str
    noise_model: str
    """As the backend's settings call it"""

    def model(self, model: ModelSpecification) -> ModelSpecification:
        """The model with this analysis' noise model in place of its own."""
        if self.backend == "nilearn":
            return replace(model, nilearn=replace(model.nilearn, noise_model=self.noise_model))
        settings: Any = {"serial_correlation": self.noise_model}
        return replace(model, spm=replace(model.spm, **settings))


OLS = Analysis("ols", "nilearn", "ols")
SPM_NONE = Analysis("spm-none", "spm", "none")
AUTOREGRESSIVE = (
    Analysis("nilearn-ar1", "nilearn", "ar1"),
    Analysis("spm-ar1", "spm", "AR(1)"),
    Analysis("spm-fast", "spm", "FAST"),
)


def analyses(backends: Sequence[str]) -> tuple[Analysis, ...]:
    """Analyses that some backends can make, ordinary least squares first.

    >>> [analysis.name for analysis in analyses(("spm", "nilearn"))]
    ['ols', 'nilearn-ar1', 'spm-ar1', 'spm-fast']
    >>> [analysis.name for analysis in analyses(("spm",))]
    ['spm-none', 'spm-ar1', 'spm-fast']
    """
    ordinary = OLS if "nilearn" in backends else SPM_NONE
    return (ordinary, *(analysis for analysis in AUTOREGRESSIVE if analysis.backend in backends))


class Request(NamedTuple):
    """Which data set."""

    noise: str
    signal: bool
    number: int


class DataSet(NamedTuple):
    """A simulated data set."""

    series: tuple[TimeSeries, ...]
    """Of all runs"""
    levels: tuple[tuple[NDArray[np.intp], ...], ...]
    """For each contrast the voxels of each level: all of them without signal, else those of each size"""


def data_set(experiment: Experiment, request: Request) -> DataSet:
    """Simulate a data set; the same request always gives the same one.

    Parameters
    ----------
    experiment
        What it is made from.
    request
        Which one.
    """
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


def trial(experiment: Experiment, request: Request) -> SimulationOutcome:
    """Simulate a data set and analyse it in every way.

    Parameters
    ----------
    experiment, request
        See `data_set`.
    """
    made = data_set(experiment, request)
    ways = analyses(tuple(experiment.designs))
    outcome = empty_outcome(len(ways), made.levels)
    with warnings.catch_warnings():
        # What the packages warn of, the fit of the participant has already said.
        warnings.simplefilter("ignore")
        for i, analysis in enumerate(ways):
            try:
                _analyse(experiment, made, (i, analysis), outcome)
            except DataError:
                outcome.stopped[i] = True
    return outcome


def _analyse(
    experiment: Experiment, made: DataSet, way: tuple[int, Analysis], outcome: SimulationOutcome
) -> None:
    i, analysis = way
    backend = BACKENDS[analysis.backend]
    model = analysis.model(experiment.model)
    mask = np.ones(experiment.n_voxels, dtype=bool)
    estimate = backend.estimate(experiment.designs[analysis.backend], made.series, mask, model)
    for j, (contrast, runs) in enumerate(zip(experiment.contrasts, experiment.usable, strict=True)):
        maps = backend.contrast(estimate, contrast, runs)
        expected = experiment.expected[analysis.backend][j]
        for level, voxels in enumerate(made.levels[j]):
            if not voxels.size:
                continue
            ratios: Floats | None = None
            if len(made.levels[j]) > 1 and maps.effect is not None:
                ratios = maps.effect[voxels] / (expected[voxels] * EFFECT_SIZES[level])
            record(outcome, (i, j), level, maps.p[voxels], ratios)
