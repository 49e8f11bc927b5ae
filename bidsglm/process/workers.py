"""Worker processes that end with the one that started them, and that signals do not reach.

Whoever started them handles signals, and ends them; where that process is killed itself, they notice.
"""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import connection, resource_tracker
from typing import Any, ParamSpec, TypeVar

from bidsglm.errors import EXIT_FAILED
from bidsglm.process.signals import REMOVED_AT_END, end_at_once, signals_held_back
from bidsglm.process.workplace import environment

P = ParamSpec("P")
T = TypeVar("T")


def worker_pool(
    n_workers: int, initializer: Callable[..., None] | None = None, initargs: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """A pool of worker processes, each a fresh Python; give it work by `hand_over`.

    Parameters
    ----------
    n_workers
        At most so many processes.
    initializer, initargs
        Called in each process first.
    """
    _start_tracker()
    arguments = (frozenset(REMOVED_AT_END), initializer, initargs)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n_workers, mp_context=context, initializer=_set_up, initargs=arguments)


def hand_over(
    pool: ProcessPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> "Future[T]":
    """Let a pool do some work; a process that is started for it does not get signals."""
    with signals_held_back():
        return pool.submit(function, *args, **kwargs)


def _set_up(
    paths: frozenset[str], initializer: Callable[..., None] | None, initargs: tuple[Any, ...]
) -> None:
    """Let a worker end with its parent, whose temporary folders it removes where the parent cannot."""
    REMOVED_AT_END.update(paths)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


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
    with environment(PYTHONWARNINGS="ignore:resource_tracker"):
        resource_tracker.ensure_running()
