"""nilearn imported without scikit-learn's tests of estimators, which it never runs.

nilearn takes ``check_is_fitted`` from ``sklearn.utils.estimator_checks``, a module of tests that imports
pytest where that is installed, an eighth of nilearn's start. The function stands in
``sklearn.utils.validation``.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from bidsglm.process.imports import uncollected

CHECKS = "sklearn.utils.estimator_checks"
ASKED_FOR = "check_is_fitted"
WANTED = "nilearn.glm.first_level"
"""The package that is imported"""


class _Checks(ModuleType):
    """The one function of the module that is asked for; for any other name the module itself is loaded."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == ASKED_FOR:
            return getattr(import_module("sklearn.utils.validation"), name)
        _take_away(self)
        return getattr(import_module(CHECKS), name)


@contextmanager
def without_checks() -> Iterator[None]:
    """Within it, nilearn is imported without them, nor is garbage looked for; afterwards all is as before."""
    if CHECKS in sys.modules or WANTED in sys.modules:
        yield
        return
    instead = _Checks(CHECKS)
    sys.modules[CHECKS] = instead
    try:
        with uncollected(WANTED):
            yield
    finally:
        _take_away(instead)


def _take_away(instead: ModuleType) -> None:
    if sys.modules.get(CHECKS) is instead:
        del sys.modules[CHECKS]
