"""The packages that are compared: one module each, all with the functions of `contract.Backend`."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import cast

from bidsglm.backends.contract import Backend
from bidsglm.packages import PACKAGES


def backend(name: str) -> Backend:
    """Return the module of a package, which the table names.

    >>> backend("spm").NAME
    'spm'
    """
    return cast(Backend, import_module(PACKAGES[name].module))


class _Backends(Mapping[str, Backend]):
    """All modules by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> Backend:
        return backend(name)

    def __iter__(self) -> Iterator[str]:
        return iter(PACKAGES)

    def __len__(self) -> int:
        return len(PACKAGES)


BACKENDS = _Backends()
