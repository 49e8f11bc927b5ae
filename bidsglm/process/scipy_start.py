"""SciPy imported without taking its docstrings apart.

While it is imported SciPy parses the docstring of each function that it exports, to add which array libraries
the function was tried with: a sixth of what a run imports. Of a program nobody reads them.
"""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

PARSER = "FunctionDoc"


class _AsItIs:
    """A docstring to which nothing is added, with what SciPy asks of its parser."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._text = function.__doc__ or ""

    def __getitem__(self, section: str) -> list[str]:
        return []

    def __str__(self) -> str:
        return f"signature\n{self._text}"


def without_notes() -> None:
    """Let SciPy keep its docstrings in this process; where it has no such parser nothing is done."""
    with suppress(ImportError):
        module = import_module("scipy._lib._array_api")
        if hasattr(module, PARSER):
            setattr(module, PARSER, _AsItIs)
