"""All simulated data sets of an experiment, over processes."""

from collections.abc import Callable, Iterator, Sequence

from bidsglm.calibration.experiment import Experiment
from bidsglm.calibration.trial import TrialRequest, trial
from bidsglm.process.workers import hand_over, worker_pool
from bidsglm.simulation.noise import NOISES
from bidsglm.simulation.outcomes import SimulationOutcome, Simulations

BATCH = 4
"""Data sets that a process is handed at once, with one copy of the experiment."""


def requests(n_datasets: int, noises: Sequence[str]) -> list[TrialRequest]:
    """Data sets of some noise models, without signal and with it.

    >>> requests(1, ["white"])
    [TrialRequest(noise='white', signal=False, number=0), TrialRequest(noise='white', signal=True, number=0)]
    """
    return [
        TrialRequest(noise, signal, i)
        for noise in noises
        for signal in (False, True)
        for i in range(n_datasets)
    ]


def simulations(
    experiment: Experiment,
    n_datasets: int,
    noises: Sequence[str] = tuple(NOISES),
    n_procs: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> list[Simulations]:
    """Simulate and analyse data sets; the same whatever the number of processes.

    A function may be called after each of them.
    """
    wanted = requests(n_datasets, noises)
    made: list[SimulationOutcome] = []
    for outcome in _outcomes(experiment, wanted, n_procs):
        made.append(outcome)
        advance()
    parts = [made[start : start + n_datasets] for start in range(0, len(made), n_datasets)]
    return [Simulations(*each) for each in zip(noises, parts[::2], parts[1::2], strict=True)]


def _outcomes(
    experiment: Experiment, wanted: Sequence[TrialRequest], n_procs: int
) -> Iterator[SimulationOutcome]:
    """Outcomes in the order of the requests."""
    if n_procs == 1:
        yield from (trial(experiment, request) for request in wanted)
        return
    batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
    with worker_pool(n_procs) as pool:
        futures = [hand_over(pool, _batch, experiment, batch) for batch in batches]
        try:
            for future in futures:
                yield from future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _batch(experiment: Experiment, batch: Sequence[TrialRequest]) -> list[SimulationOutcome]:
    return [trial(experiment, request) for request in batch]
