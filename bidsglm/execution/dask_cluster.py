"""Participants over the workers of a running Dask scheduler."""

import logging
import os
import socket
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bidsglm.dataset.roots import derivative_roots
from bidsglm.errors import ClusterError, UsageError
from bidsglm.execution.child import Request
from bidsglm.execution.dask_security import security, warn_if_open
from bidsglm.execution.dask_worker import MEMORY, Admission, WorkerAnswer, admit, fit_on_worker, versions
from bidsglm.execution.memory import Demand, refused
from bidsglm.messages import LOG
from bidsglm.outputs.failures import Outcome, failed_outcome
from bidsglm.participant import record_death
from bidsglm.settings import Settings
from bidsglm.unit.memory import Need, size

PATIENCE = 10.0
"""s to wait for an answer of the scheduler"""
POLL = 1.0
"""s between two looks for workers that have come"""


def check_reachable(settings: Settings) -> None:
    """Fail in one line, and at once where nobody listens: Dask itself would go on trying.

    Raises
    ------
    UsageError
        When Dask is not installed, or the connection would not be safe; it says how to.
    NoInputError, DataError
        When the certificates cannot be used.
    ClusterError
        When nobody listens.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise UsageError(
            "--scheduler needs Dask, which is not installed here: pip install 'bidsglm[dask]'"
        ) from None
    security(settings)
    warn_if_open(settings)
    address = settings.scheduler or ""
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE).close()
    except OSError as error:
        raise ClusterError(
            f"{address}: no Dask scheduler can be reached there ({error.strerror or error}); "
            "start one or correct --scheduler"
        ) from error


@contextmanager
def _connected(settings: Settings) -> Iterator[Any]:
    """Client of the scheduler; what Dask has to say goes to the log file.

    Raises
    ------
    ClusterError
        When it is no Dask scheduler.
    """
    from distributed import Client

    address = settings.scheduler or ""
    dask = logging.getLogger("distributed")
    dask.handlers[:] = logging.getLogger("py.warnings").handlers
    dask.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of different versions; the workers' are compared below
        try:
            client = Client(address, timeout=PATIENCE, set_as_default=False, security=security(settings))
        except Exception as error:
            text = " ".join(str(error).split())
            raise ClusterError(f"{address}: does not answer as a Dask scheduler ({text})") from error
    try:
        yield client
    finally:
        client.close(timeout=PATIENCE)


class _Crew:
    """The workers of a scheduler: those that may be given participants, and those that may not."""

    def __init__(self, client: Any, settings: Settings) -> None:
        self.client, self.settings = client, settings
        self.memory: dict[str, int] = {}
        """Worker -> bytes; 0 for one that is not admitted"""
        self._says_waiting = True
        roots = derivative_roots(settings).values()
        inputs = (settings.bids_dir, *roots, *((settings.model,) if settings.model else ()))
        readable = tuple(path.absolute() for path in inputs)
        self.wanted = Admission(versions(), readable, settings.output_dir.absolute(), settings.mem)

    def welcome(self) -> bool:
        """Look for workers that have come or gone, and admit those that can do the work.

        Returns
        -------
        bool
            Whether there are new ones that can

        Raises
        ------
        ClusterError
            When there are workers, and none that can.
        """
        try:
            present = self.client.nthreads()
        except OSError:  # busy, or gone: then the tasks will say so
            return False
        self.memory = {worker: memory for worker, memory in self.memory.items() if worker in present}
        new = [worker for worker in present if worker not in self.memory]
        if new:
            self._admit(new)
        if not self.memory and self._says_waiting:
            LOG.warning("%s: has no worker; waiting for one", self.settings.scheduler)
            self._says_waiting = False
        return any(self.memory.get(worker) for worker in new)

    def _admit(self, new: Sequence[str]) -> None:
        answers = self.client.run(admit, self.wanted, workers=list(new), on_error="return")
        reasons = {}
        for worker in new:
            answer = answers.get(worker)
            self.memory[worker] = answer.memory if isinstance(answer, WorkerAnswer) else 0
            if not self.memory[worker]:
                reasons[worker] = _reason(answer)
        if reasons and not any(self.memory.values()):
            worker, reason = next(iter(reasons.items()))
            raise ClusterError(
                f"{self.settings.scheduler}: none of its {len(reasons)} workers can do the work; "
                f"{worker} {reason}"
            )
        for worker, reason in reasons.items():
            LOG.warning("worker %s is not used: it %s", worker, reason)

    @property
    def largest(self) -> int:
        """Bytes of the worker with the most memory; 0 while there is none."""
        return max(self.memory.values(), default=0)


def _reason(answer: object) -> str:
    """Why a worker's answer is none.

    >>> _reason(ModuleNotFoundError("No module named 'bidsglm'"))
    'has no bidsglm: install the same version on all workers'
    """
    if isinstance(answer, WorkerAnswer):
        return answer.reason
    if isinstance(answer, ImportError) and "bidsglm" in str(answer):
        return "has no bidsglm: install the same version on all workers"
    return f"cannot be asked ({' '.join(str(answer).split()) or type(answer).__name__})"


def on_dask(
    settings: Settings, labels: Sequence[str], log_dir: Path, demands: Mapping[str, Demand]
) -> Iterator[Outcome]:
    """Outcomes as they come, from the workers of the scheduler, whose logs go to the run's folder too.

    A participant whose worker is lost goes to another one, as often as the scheduler allows.

    Raises
    ------
    ClusterError
        When there is no scheduler, or no worker that can do the work.
    """
    with _connected(settings) as client:
        crew = _Crew(client, settings)
        crew.welcome()
        folder = Path(os.getcwd())
        needs = {label: demand.need.n_bytes for label, demand in demands.items()}

        def submit(label: str) -> Any:
            request = Request(settings, label, log_dir, folder, demands[label].units)
            key = f"bidsglm-{label}-{uuid.uuid4()}"
            return client.submit(
                fit_on_worker, request, key=key, resources={MEMORY: needs[label]}, pure=False
            )

        futures = {submit(label): label for label in labels}
        try:
            while futures:
                for label in _too_large(futures, needs, crew.largest):
                    yield refused(
                        settings, label, Need(needs[label]), f"the largest worker's {size(crew.largest)}"
                    )
                for future in _ended(futures):
                    yield _outcome(future, futures.pop(future), settings)
                if futures and crew.welcome():
                    _submit_again(futures, client, submit)
        finally:
            client.cancel(list(futures), force=True)


def _submit_again(futures: dict[Any, str], client: Any, submit: Callable[[str], Any]) -> None:
    """Submit waiting tasks again: Dask assigns them when a worker joins, which is before we admit it."""
    at_work = {key for keys in client.processing().values() for key in keys}
    for future in [f for f in futures if f.status == "pending" and f.key not in at_work]:
        future.cancel(force=True)
        label = futures.pop(future)
        futures[submit(label)] = label


def _ended(futures: Mapping[Any, str]) -> list[Any]:
    """Futures that have ended, if any do within a second."""
    from distributed import wait

    try:
        return list(wait(list(futures), timeout=POLL, return_when="FIRST_COMPLETED").done)
    except TimeoutError:
        return []
    except Exception:  # one was cancelled: which, their states say
        return [future for future in futures if future.done()]


def _too_large(futures: dict[Any, str], needs: Mapping[str, int], largest: int) -> list[str]:
    """Take away those who would wait for ever: no worker has the memory that they need."""
    large = [future for future, label in futures.items() if largest and needs[label] > largest]
    for future in large:
        future.cancel(force=True)
    return [futures.pop(future) for future in large]


def _outcome(future: Any, label: str, settings: Settings) -> Outcome:
    """Result of a task, or the failure of one that has none."""
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    if future.status == "error":
        message = f"sub-{label}: {_fault(future.exception(timeout=PATIENCE))}"
    else:
        message = f"sub-{label}: the scheduler lost it (stopped, or out of reach); run the same command again"
    record_death(settings, label, message)
    return failed_outcome(label, message, ClusterError.exit_code)


def _fault(error: BaseException) -> str:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return "every worker that fitted it died (out of memory? give the workers more)"
    return f"its task failed: {_reason(error)}"
