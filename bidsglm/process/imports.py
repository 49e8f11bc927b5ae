"""Imports of many modules, which stay, without the search for garbage among them."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected(module: str) -> Iterator[None]:
    """Within it a module is imported without a look for garbage, now or later, among what is there then.

    The search takes an eighth of what an import of some hundred modules does. Nothing is done where the
    module is there already: what a process has by then may become garbage.
    """
    if module in sys.modules:
        yield
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
