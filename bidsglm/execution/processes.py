"""Participants over processes of this machine."""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import connection, resource_tracker
from pathlib import Path

from bidsglm.errors import EXIT_FAILED
from bidsglm.execution.memory import MemoryBound
from bidsglm.messages import start_log
from bidsglm.model import Settings
from bidsglm.participant import Outcome, record_death, run_participant
from bidsglm.signals import DOOMED, end_at_once, signals_held_back
from bidsglm.workplace import bound_threads


def start_worker(settings: Settings, log_dir: Path, doomed: frozenset[str]) -> None:
    """Set up a worker process: its end with its parent's, its log, and BLAS bounded before it is loaded.

    Parameters
    ----------
    settings
        Of the run.
    log_dir
        Of the run.
    doomed
        Temporary folders of the parent, which the worker removes where the parent cannot.
    """
    DOOMED.update(doomed)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    bound_threads(settings.omp_nthreads)
    start_log(settings.verbosity, log_dir)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        end_at_once(EXIT_FAILED)


def _start_tracker() -> None:
    """Start what cleans up after multiprocessing, before any worker: later it would let signals in.

    It does not complain of what killed workers leave: an interrupted run says one line.
    """
    earlier = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker"
    try:
        resource_tracker.ensure_running()
    finally:
        if earlier is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = earlier


@dataclass
class _Workers:
    """Pools of one process each.

    A process that the system kills (out of memory) breaks its pool; with one worker in each pool it takes
    only its own participant with it.
    """

    settings: Settings
    log_dir: Path
    idle: list[ProcessPoolExecutor] = field(default_factory=list)
    running: dict["Future[Outcome]", tuple[ProcessPoolExecutor, str]] = field(default_factory=dict)

    @property
    def at_work(self) -> list[str]:
        """Participants that are being fitted."""
        return [label for _, label in self.running.values()]

    def start(self, label: str) -> None:
        """Hand a participant to an idle worker."""
        pool = self.idle.pop()
        with signals_held_back():
            self.running[pool.submit(run_participant, self.settings, label)] = (pool, label)

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
        context = multiprocessing.get_context("spawn")
        arguments = (self.settings, self.log_dir, frozenset(DOOMED))
        return ProcessPoolExecutor(1, mp_context=context, initializer=start_worker, initargs=arguments)


def over_processes(
    settings: Settings, labels: Sequence[str], log_dir: Path, bound: MemoryBound
) -> Iterator[Outcome]:
    """Outcomes as they come, `n_procs` participants at the same time, each in a process of its own.

    Parameters
    ----------
    settings
        With the number of processes.
    labels
        Participants.
    log_dir
        Of this run.
    bound
        Who may start beside whom.
    """
    _start_tracker()
    waiting = list(labels)
    workers = _Workers(settings, log_dir)
    workers.idle.extend(workers.pool() for _ in range(min(settings.n_procs, len(labels))))
    try:
        while waiting or workers.running:
            while waiting and workers.idle and bound.may_start(waiting[0], workers.at_work):
                label = waiting.pop(0)
                refusal = bound.refusal(label)
                if refusal is not None:
                    yield refusal
                else:
                    workers.start(label)
            yield from workers.ended()
    finally:
        for pool in (*workers.idle, *(pool for pool, _ in workers.running.values())):
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: "Future[Outcome]", label: str) -> Outcome:
    """Result of a process, or what is to be said of one that died."""
    error = future.exception()
    if error is None:
        return future.result()
    cause = "its process was killed (out of memory? give it more, or fewer --n-procs)"
    text = cause if isinstance(error, BrokenProcessPool) else f"its process failed: {error}"
    return Outcome(label, "failed", EXIT_FAILED, f"sub-{label}: {text}")
