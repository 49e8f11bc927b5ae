"""SciPy imported without taking its docstrings apart.

While it is imported SciPy parses the docstring of each function that it exports, to add which array libraries
the function was tried with and which parameters a decorator gave it, and fills in those of its distributions:
a quarter of what its import takes. Of a program nobody reads them.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any


class _AsItIs:
    """A docstring to which nothing is added, with what SciPy asks of its parser."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._text = function.__doc__ or ""

    def __getitem__(self, section: str) -> list[str]:
        return []

    def __setitem__(self, section: str, lines: list[str]) -> None:
        pass

    def __str__(self) -> str:
        return f"signature\n{self._text}"


def _unfilled(docstring: str, docdict: Mapping[str, str] | None = None) -> str:
    return docstring


INSTEAD = {("scipy._lib._docscrape", "FunctionDoc"): _AsItIs, ("scipy._lib.doccer", "docformat"): _unfilled}
"""Module and name of what works on docstrings -> what leaves them as they are"""


def without_notes() -> None:
    """Let SciPy keep its docstrings in this process; what it does not have by these names is left out.

    Parts of SciPy that were imported before have their own by then.
    """
    for (module, name), instead in INSTEAD.items():
        with suppress(ImportError):
            found = import_module(module)
            if hasattr(found, name):
                setattr(found, name, instead)
