"""Standard output and error that are closed, full or read by nobody any more."""

import errno
import os
import sys
from collections.abc import Callable

from bidsglm.errors import ReadWriteError, one_line


def open_missing_streams() -> None:
    """Give the process the standard streams that its caller closed (`2>&-`).

    Else the next file that is opened becomes standard error, and messages are written into it.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def with_streams(run: Callable[[], int]) -> int:
    """Run, then see that all that was printed has arrived; returns the exit code.

    A reader that has had enough (`| head -1`) is no failure; an output that is full is one.
    """
    open_missing_streams()
    try:
        code = _ended(run)
        sys.stdout.flush()
    except OSError as error:
        code = _unheard(error)
    try:
        sys.stderr.flush()
    except OSError:  # nobody is left to be told
        _silence("stderr")
    return code


def _ended(run: Callable[[], int]) -> int:
    """Run; the exit code, also where what runs ends the program itself, as --help does."""
    try:
        return run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)


def _unheard(error: OSError) -> int:
    """Exit code for an output that cannot be written; raises anything else again."""
    if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF):
        raise error
    _silence("stdout")
    if error.errno == errno.EPIPE:
        return 0
    say(f"bidsglm: standard output: cannot be written ({one_line(error.strerror or '')}); free space")
    return ReadWriteError.exit_code


def say(line: str) -> None:
    """Print a line to standard error, where that can be written to."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        _silence("stderr")


def _silence(name: str) -> None:
    """Send what is left of a stream nowhere, so that the interpreter's end does not fail on it."""
    descriptor = 1 if name == "stdout" else 2
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
