"""The end that a signal asks for: one line, at once, whatever a library is doing.

An exception out of a signal handler is lost where a library calls back into Python from C, or from a
finaliser. So the handler ends the process itself. Nothing is lost by that: every file is written under a
temporary name first.
"""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
"""What people send, what batch systems send before they kill, what a lost terminal sends."""
BY_SIGNAL = 128
"""A shell's exit code for a process that a signal ended is this much more than the signal's number."""
SHOW_CURSOR = "\x1b[?25h"
"""A progress bar has hidden it."""

REMOVED_AT_END: set[str] = set()
"""Folders and files that go with the process."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let signals end the process, with its worker processes, while the block runs.

    Signals that the caller had switched off (`nohup`, a shell's `&`) stay so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [number for number in WORDS if signal.getsignal(number) is not signal.SIG_IGN]
    earlier = {number: signal.signal(number, _end) for number in handled}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> None:
    """Kill the workers, remove temporary folders, say so in one line, and end."""
    for handled in WORDS:
        signal.signal(handled, signal.SIG_IGN)
    _kill_workers()
    words = f"{WORDS[signal.Signals(number)]} ({signal.Signals(number).name})"
    line = f"bidsglm: {words}; finished participants are kept, run the same command to go on\n"
    try:
        os.write(2, ((SHOW_CURSOR if os.isatty(2) else "") + line).encode())
    finally:
        end_at_once(BY_SIGNAL + number)


def end_at_once(code: int) -> NoReturn:
    """End this process whatever it is doing, and remove its temporary folders and its claims."""
    for path in tuple(REMOVED_AT_END):
        try:
            os.unlink(path)
        except OSError:  # a folder, or gone
            shutil.rmtree(path, ignore_errors=True)
    os._exit(code)


def _kill_workers() -> None:
    """Kill the processes that this one started through multiprocessing, if it ever did."""
    if "multiprocessing" in sys.modules:
        import multiprocessing

        for worker in multiprocessing.active_children():
            if worker.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Start processes inside the block that signals do not reach: the process that started them ends them."""
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, WORDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)
