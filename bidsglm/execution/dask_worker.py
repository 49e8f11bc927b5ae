"""What runs on the workers of a Dask cluster."""

import os
import pickle
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import bidsglm
from bidsglm.execution.child import Request
from bidsglm.outputs.failures import Outcome, failed_outcome
from bidsglm.packages import LIBRARIES
from bidsglm.participant import record_death
from bidsglm.process.workplace import THREAD_VARIABLES

MEMORY = "bidsglm-memory"
"""Resource of a worker, in bytes: Dask gives it no more participants at once than this holds."""
PACKAGES = (*LIBRARIES, "distributed")
"""Those that move numbers, and the one that both ends speak with."""
POLL = 0.5
"""s between two looks whether the task is still wanted"""


class Admission(NamedTuple):
    """What a worker must have to be given participants."""

    versions: Mapping[str, str]
    readable: tuple[Path, ...]
    writable: Path
    mem: int | None
    """Most memory that participants may take on it at once (bytes); None for what the worker has"""


class WorkerAnswer(NamedTuple):
    """A worker's answer."""

    memory: int
    """Bytes for participants; 0 when it is not admitted"""
    reason: str
    """Why it is not admitted"""


def versions() -> dict[str, str]:
    """Versions that must be the same wherever participants are fitted.

    >>> versions()["bidsglm"] == bidsglm.__version__
    True
    """
    found = {"bidsglm": bidsglm.__version__, "Python": ".".join(platform.python_version_tuple()[:2])}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def reason_against(wanted: Admission) -> str:
    """Why this process cannot fit participants as the client would; empty when it can."""
    here = versions()
    other = [
        f"{name} {here.get(name)}, not {v}" for name, v in wanted.versions.items() if here.get(name) != v
    ]
    if other:
        return f"has {'; '.join(other)}: install the same versions on all workers"
    unseen = [path for path in wanted.readable if not path.exists()]
    if unseen:
        return f"does not see {unseen[0]}: the data must be on a file system that all workers share"
    if not os.access(wanted.writable, os.W_OK):
        return f"cannot write to {wanted.writable}: the output folder must be shared by all workers"
    return ""


async def admit(wanted: Admission, dask_worker: Any = None) -> WorkerAnswer:
    """Check a worker, which Dask puts in, and tell its scheduler how much memory it has for participants."""
    from distributed.system import MEMORY_LIMIT

    reason = reason_against(wanted)
    if reason:
        return WorkerAnswer(0, reason)
    memory = int(dask_worker.memory_manager.memory_limit or MEMORY_LIMIT)
    memory = min(memory, wanted.mem or memory)
    await dask_worker.set_resources(**{MEMORY: memory})
    return WorkerAnswer(memory, "")


def fit_on_worker(request: Request) -> Outcome:
    """Do a participant in a process of its own, as long as the client wants it."""
    return in_own_process(request, _still_wanted())


def _still_wanted() -> Callable[[], bool]:
    """Whether the task that this thread runs has not been cancelled, and its worker is not closing."""
    from distributed.core import Status
    from distributed.utils import thread_state  # type: ignore[attr-defined]
    from distributed.worker import get_worker

    worker, key = get_worker(), thread_state.key
    at_work = (Status.running, Status.paused, Status.closing_gracefully)

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        return worker.status in at_work and task is not None and task.state != "cancelled"

    return wanted


def in_own_process(request: Request, wanted: Callable[[], bool] = lambda: True) -> Outcome:
    """Do a participant in a process of its own, which is killed once it is no longer wanted."""
    threads = dict.fromkeys(THREAD_VARIABLES, "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "bidsglm.execution.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=request.folder if request.folder.is_dir() else None,
        env={**os.environ, **threads},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pickle.dump(request, process.stdin)
        process.stdin.flush()
        while not _has_ended(process):
            if not wanted():
                return failed_outcome(request.label, f"sub-{request.label}: no longer wanted")
        answer = process.stdout.read()
    except BrokenPipeError:
        answer = b""
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    if answer:
        outcome: Outcome = pickle.loads(answer)
        return outcome
    message = f"sub-{request.label}: its process was killed (out of memory? give the workers more)"
    record_death(request.settings, request.label, message)
    return failed_outcome(request.label, message)


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(POLL)
    except subprocess.TimeoutExpired:
        return False
    return True
