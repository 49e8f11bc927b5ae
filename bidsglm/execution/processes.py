"""Participants over processes of this machine."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from bidsglm.execution.memory import MemoryBound
from bidsglm.messages import start_log
from bidsglm.outputs.failures import Outcome, failed_outcome
from bidsglm.participant import record_death, run_participant
from bidsglm.process.cores import cores_of_each, use_cores
from bidsglm.process.workers import hand_over, worker_pool
from bidsglm.process.workplace import bound_threads
from bidsglm.settings import Settings
from bidsglm.unit.models import Units


def start_worker(settings: Settings, log_dir: Path, n_cores: int) -> None:
    """Set up a worker process: its log, and BLAS bounded before it is loaded."""
    bound_threads(1)
    use_cores(n_cores)
    start_log(settings.verbosity, log_dir)


@dataclass
class _Workers:
    """Pools of one process each.

    A process that the system kills (out of memory) breaks its pool; with one worker in each pool it takes
    only its own participant with it.
    """

    settings: Settings
    log_dir: Path
    n_cores: int
    """Cores of each process"""
    idle: list[ProcessPoolExecutor] = field(default_factory=list)
    running: dict["Future[Outcome]", tuple[ProcessPoolExecutor, str]] = field(default_factory=dict)

    @property
    def at_work(self) -> list[str]:
        """Participants that are being fitted."""
        return [label for _, label in self.running.values()]

    def start(self, label: str, units: Units | None) -> None:
        """Hand a participant to an idle worker."""
        pool = self.idle.pop()
        self.running[hand_over(pool, run_participant, self.settings, label, units)] = (pool, label)

    def ended(self) -> Iterator[Outcome]:
        """Wait for the next worker to end its participant; outcomes of all that did."""
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            pool, label = self.running.pop(future)
            outcome = _outcome(future, label)
            if future.exception() is not None:
                pool.shutdown(wait=False)
                pool = self.pool()
                record_death(self.settings, label, outcome.message)
            self.idle.append(pool)
            yield outcome

    def pool(self) -> ProcessPoolExecutor:
        """A new pool of one process."""
        return worker_pool(1, start_worker, (self.settings, self.log_dir, self.n_cores))


def over_processes(
    settings: Settings, labels: Sequence[str], log_dir: Path, bound: MemoryBound
) -> Iterator[Outcome]:
    """Outcomes as they come, `--n-procs` participants at the same time, each in a process of its own."""
    waiting = list(labels)
    workers = _Workers(settings, log_dir, cores_of_each(settings, len(labels)))
    workers.idle.extend(workers.pool() for _ in range(min(settings.n_processes, len(labels))))
    try:
        while waiting or workers.running:
            while waiting and workers.idle and bound.may_start(waiting[0], workers.at_work):
                label = waiting.pop(0)
                refusal = bound.refusal(label)
                if refusal is not None:
                    yield refusal
                else:
                    workers.start(label, bound.units(label))
            yield from workers.ended()
    finally:
        for pool in (*workers.idle, *(pool for pool, _ in workers.running.values())):
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: "Future[Outcome]", label: str) -> Outcome:
    """Result of a process, or the failure of one that died."""
    error = future.exception()
    if error is None:
        return future.result()
    cause = "its process was killed (out of memory? give it more, or fewer --n-procs)"
    text = cause if isinstance(error, BrokenProcessPool) else f"its process failed: {error}"
    return failed_outcome(label, f"sub-{label}: {text}")
