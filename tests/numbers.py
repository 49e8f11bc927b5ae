"""Constants and defaults by their places, for tests that hold them to values written down."""

import inspect
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

from pydantic import BaseModel


def number_at(place: str) -> Any:
    """Value of ``module.CONSTANT``, ``module.Class.field``, ``module.function(argument)`` or a method's.

    >>> number_at("bidsglm.packages.Package.censors"), number_at("bidsglm.errors.EXIT_FAILED")
    (False, 1)
    >>> number_at("bidsglm.inputs.read_bytes(largest)")
    67108864
    """
    path, _, argument = place.rstrip(")").partition("(")
    module, *rest = _module_of(path.split("."))
    if argument:
        for name in rest:
            module = inspect.getattr_static(module, name)
        return inspect.signature(getattr(module, "__func__", module)).parameters[argument].default
    for name in rest[:-1]:
        module = getattr(module, name)
    return _default(module, rest[-1])


def _module_of(parts: list[str]) -> list[Any]:
    """The longest module that a path begins with, and what is left of the path."""
    for n in range(len(parts) - 1, 0, -1):
        try:
            return [import_module(".".join(parts[:n])), *parts[n:]]
        except ModuleNotFoundError:
            continue
    raise ValueError(".".join(parts))


def _default(owner: Any, name: str) -> Any:
    """Value of a constant, or what a field of a record is by itself."""
    if inspect.isclass(owner):
        if issubclass(owner, BaseModel):
            return owner.model_fields[name].default
        if is_dataclass(owner):
            return next(field.default for field in fields(owner) if field.name == name)
        return getattr(owner, "_field_defaults", {}).get(name, getattr(owner, name, None))
    return getattr(owner, name)
