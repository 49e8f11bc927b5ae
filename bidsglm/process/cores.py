"""Cores that this process may keep busy: work goes to a thread while one is idle, else it is done in turn.

Threads serve, as numpy, zlib and ISA-L let go of Python's lock while they work. BLAS has one thread
throughout, since the last bits of its products go by their number: so no result depends on the cores.

Nothing waits for a core. Whoever has one goes on with the work itself, and lends its core while it waits for
threads that it has started.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Generic, TypeVar

from bidsglm.process.quota import cpu_quota
from bidsglm.settings import Settings

SWITCH, USUAL = 1e-4, sys.getswitchinterval()
"""Seconds after which a thread gets Python's lock from another, on several cores and on one.

What numpy does here without the lock takes a few milliseconds: a thread that then waited 5 ms for it, as is
usual, would idle as long as it works."""
NAME = "core"
"""What the names of its threads begin with"""

T = TypeVar("T")
R = TypeVar("R")


class _Cores:
    """Those that nobody uses."""

    idle = threading.Semaphore(0)


def use_cores(n_cores: int) -> None:
    """Allow this process to keep so many cores busy from now on; one before it is called."""
    _Cores.idle = threading.Semaphore(n_cores - 1)
    sys.setswitchinterval(SWITCH if n_cores > 1 else USUAL)


def available_cores() -> int:
    """Cores that this process may run on, and whose time its container may use up.

    >>> available_cores() >= 1
    True
    """
    try:
        n_cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        n_cores = os.cpu_count() or 1
    # more threads than the quota has time for would all stand still together
    return max(1, int(min(n_cores, cpu_quota())))


def cores_of_each(settings: Settings, n_participants: int) -> int:
    """Cores for each of the participants that are fitted at the same time, out of so many that there are.

    >>> from pathlib import Path
    >>> eight = Settings(Path(), Path(), "participant", n_procs=8)
    >>> cores_of_each(eight, 1), cores_of_each(eight, 3), cores_of_each(eight, 100)
    (8, 2, 1)
    """
    at_once = max(1, min(settings.n_processes, n_participants))
    if settings.n_procs is None and settings.omp_nthreads is not None:
        return settings.omp_nthreads
    left = (settings.n_procs or available_cores()) // at_once
    return max(1, min(left, settings.omp_nthreads or left))


def _start(work: Callable[[], None]) -> threading.Thread | None:
    """Let an idle core do some work, if there is one; what is set for the caller is set for it."""
    idle = _Cores.idle
    if not idle.acquire(blocking=False):
        return None

    def work_and_go() -> None:
        try:
            work()
        finally:
            idle.release()

    thread = threading.Thread(target=copy_context().run, args=(work_and_go,), name=NAME, daemon=True)
    thread.start()
    return thread


def _wait(thread: threading.Thread) -> None:
    """Wait for a thread to end; others may use the caller's core meanwhile."""
    if thread.is_alive():
        idle = _Cores.idle
        idle.release()
        try:
            thread.join()
        finally:
            idle.acquire()


class Attempt(Generic[R]):
    """A call that is made by whoever comes first, and what came of it."""

    def __init__(self, call: Callable[[], R]) -> None:
        self._call, self._found = call, list[R]()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> bool:
        """Let an idle core make the call; whether there is one."""
        self._thread = _start(self._make)
        return self._thread is not None

    def _make(self) -> None:
        try:
            self._found.append(self._call())
        except BaseException as error:  # whoever asks for the result gets it
            self._error = error

    def do(self) -> bool:
        """Make the call, here; whether it went well."""
        self._make()
        return self._error is None

    def wait(self) -> None:
        """Wait for the core that makes the call, if one does."""
        if self._thread is not None:
            _wait(self._thread)

    def result(self) -> R:
        """What the call returned, made now if it was not begun; what it raised is raised here."""
        self.wait()
        if not self._found and self._error is None:
            self._make()
        if self._error is not None:
            raise self._error
        return self._found[0]


def attempted(call: Callable[[], R]) -> Attempt[R]:
    """Make a call whose error is raised only when its result is asked for.

    >>> failed = attempted(lambda: 1 / 0)
    >>> attempted(lambda: 1 / 1).result()
    1.0
    """
    attempt = Attempt(call)
    attempt.do()
    return attempt


def each(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Apply a function to all items, several at a time where cores are idle.

    Parameters
    ----------
    function
        Does not depend on what it does with other items.
    items
        All are made before the first is worked on.

    Returns
    -------
    Results, in the order of the items. The first error in that order is raised; nothing goes on behind it.

    >>> each(abs, [-1, 2])
    [1, 2]
    """
    tasks = [Attempt(partial(function, item)) for item in items]
    waiting, helpers = deque(tasks), list[threading.Thread]()

    def take_part() -> None:
        while waiting:
            if len(waiting) > 1 and (helper := _start(take_part)):
                helpers.append(helper)
            try:
                task = waiting.popleft()
            except IndexError:  # a helper was faster
                return
            if not task.do():
                waiting.clear()

    take_part()
    while helpers:  # who may have called others
        _wait(helpers.pop())
    return [task.result() for task in tasks]


@contextmanager
def aside(call: Callable[[], R]) -> Iterator[Callable[[], R]]:
    """Make a call beside the block where a core is idle, else when its result is asked for.

    What is yielded gives the result, or raises what was raised. The call has ended when the block has.

    >>> with aside(lambda: 7) as seven:
    ...     seven()
    7
    """
    task = Attempt(call)
    task.begin()
    try:
        yield task.result
    finally:
        task.wait()


@contextmanager
def borrowed_core() -> Iterator[bool]:
    """Take an idle core for a library's own thread inside the block; whether there is one."""
    idle = _Cores.idle
    has_core = idle.acquire(blocking=False)
    try:
        yield has_core
    finally:
        if has_core:
            idle.release()


def begun(call: Callable[[], R]) -> Callable[[], R]:
    """Begin a call: in a thread where a core is idle, else it is made at once.

    What is returned waits for the result, or raises what was raised.

    >>> begun(lambda: 7)()
    7
    """
    task = Attempt(call)
    if not task.begin():
        task.do()
    return task.result


class Errands:
    """Calls of which nobody needs a result: each in a thread where a core is idle, else at once."""

    def __init__(self) -> None:
        self._sent: list[Attempt[None]] = []

    def do(self, call: Callable[[], None]) -> None:
        """Make a call; what it raises in a thread is raised by `wait`."""
        task = Attempt(call)
        if task.begin():
            self._sent.append(task)
        else:
            call()

    def end(self) -> None:
        """Wait for all."""
        for task in self._sent:
            task.wait()

    def wait(self) -> None:
        """Wait for all; the first error is raised."""
        self.end()
        sent, self._sent = self._sent, []
        for task in sent:
            task.result()


@contextmanager
def errands() -> Iterator[Errands]:
    """Errands that have ended when the block has, also where that fails."""
    made = Errands()
    try:
        yield made
        made.wait()
    finally:
        made.end()
