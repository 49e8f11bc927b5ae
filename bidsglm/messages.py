"""What the user sees while it runs: log lines, a progress bar on a terminal, and the log file."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bidsglm.errors import one_line

LOG = logging.getLogger("bidsglm")

_shown: list[str] = []
"""Progress bars on the terminal, at most one."""


def log_level(verbosity: int) -> int:
    """Level of the messages on the terminal for so many -v less -q.

    >>> log_level(0) == logging.INFO, log_level(-1) == logging.WARNING
    (True, True)
    """
    return min(max(logging.INFO - 10 * verbosity, logging.DEBUG), logging.ERROR)


class _LogFile(logging.FileHandler):
    """A log file that keeps quiet when the disk is full: what fails for that says so on the terminal."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Drop the message."""


class _OneLine(logging.Formatter):
    """A message on one line that a terminal can show, whatever stands in the files that it tells of."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Format a record."""
        record.message = one_line(record.message)
        return super().formatMessage(record)


def _terminal_handler() -> logging.Handler:
    """Colours on a terminal, plain lines elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.logging import RichHandler

        rich = RichHandler(
            console=Console(stderr=True), show_path=False, log_time_format="[%X]", markup=False
        )
        rich.setFormatter(_OneLine("%(message)s"))
        return rich
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    return handler


def start_log(verbosity: int, log_dir: Path | None) -> None:
    """Send messages to the terminal, and all of them, tracebacks too, to a file in a folder."""
    for handler in LOG.handlers:
        handler.close()
    LOG.handlers.clear()
    LOG.propagate = False
    LOG.setLevel(logging.DEBUG)
    terminal = _terminal_handler()
    terminal.setLevel(log_level(verbosity))
    terminal.addFilter(lambda record: not getattr(record, "file_only", False))
    LOG.addHandler(terminal)
    _capture_warnings(logging.NullHandler())
    if log_dir is not None:
        file = _LogFile(
            log_dir / f"bidsglm-{os.uname().nodename}-{os.getpid()}.log",
            encoding="utf-8",
            errors="backslashreplace",
        )
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        LOG.addHandler(file)
        _capture_warnings(file)


def _capture_warnings(handler: logging.Handler) -> None:
    """Send Python's warnings, which are meant for programmers, to one place only."""
    logging.captureWarnings(True)
    python = logging.getLogger("py.warnings")
    python.handlers[:] = [handler]
    python.propagate = False


def log_traceback(what: str) -> None:
    """Put the exception being handled into the log file only."""
    if LOG.handlers:  # before there are any, logging would write to the terminal by itself
        LOG.error("%s", what, exc_info=True, extra={"file_only": True})


@contextmanager
def progress_bar(total: int, what: str = "participants") -> Iterator[Callable[[], None]]:
    """Give a function to call after each of them; it moves a bar where there is a terminal.

    Only the outermost bar of a process is shown.
    """
    if total < 2 or not sys.stderr.isatty() or _shown:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        _shown.append(what)
        try:
            yield lambda: progress.advance(task)
        finally:
            _shown.pop()
