"""Python warnings of the libraries, as notes for the reader; threads side by side have their own."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TextIO

NUMPY_WARNING = " encountered in "

_caught: ContextVar[list[warnings.WarningMessage] | None] = ContextVar("caught", default=None)
"""Where the warnings of this thread's work are kept; Python itself knows one place for all threads."""


def _keep(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Keep a warning for the listener of this thread, in place of showing it."""
    caught = _caught.get()
    if caught is not None:
        caught.append(warnings.WarningMessage(message, category, filename, lineno))


@contextmanager
def _all_kept() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _keep
        yield


@contextmanager
def noted_warnings(notes: list[str]) -> Iterator[None]:
    """Turn Python warnings of the libraries into notes, each text once.

    Threads that are started inside such a block may have others, which keep their warnings apart.
    """
    caught: list[warnings.WarningMessage] = []
    outermost = _caught.get() is None
    token = _caught.set(caught)
    try:
        with _all_kept() if outermost else nullcontext():
            yield
    finally:
        _caught.reset(token)
    for warning in caught:
        if issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning | FutureWarning):
            continue
        text = " ".join(str(warning.message).split())
        if issubclass(warning.category, RuntimeWarning) and NUMPY_WARNING in text:
            # It tells a user nothing; the log file keeps it.
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        elif text not in notes:
            notes.append(text)
