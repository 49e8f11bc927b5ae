"""Objects of JSON held to the types of a record, and the types that records are made of."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config

Label = Annotated[str, Field(pattern=r"^[0-9A-Za-z+]+$", max_length=255)]
"""As BIDS has them in file names."""
GroupLabel = Annotated[
    str, Field(pattern=r"^([a-z]+-)?[0-9A-Za-z+]+(_[a-z]+-[0-9A-Za-z+]+)*$", max_length=255)
]
"""A label, and entities of the group level behind it or in its place"""
Text = Annotated[str, Field(max_length=100_000)]
INFINITE = {math.inf: "inf", -math.inf: "-inf"}
"""As summaries spell what JSON has no number for"""


def _as_number(value: object) -> object:
    return next((number for number, text in INFINITE.items() if value == text), value)


Number = Annotated[float | None, BeforeValidator(_as_number)]
"""null where there is none"""
Real = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else _as_number(value))]
"""NaN for null"""
OPEN = with_config(ConfigDict(extra="allow", strict=True))
"""An object of which more may be there"""
CLOSED = with_config(ConfigDict(extra="forbid", strict=True))
"""An object of these keys alone"""
Record = TypeVar("Record")
ADAPTERS: dict[object, TypeAdapter[Any]] = {}
"""What validates each record, made once: making it takes longer than reading a summary"""


def _adapter(record: type[Record]) -> TypeAdapter[Record]:
    if record not in ADAPTERS:
        ADAPTERS[record] = TypeAdapter(record)
    return ADAPTERS[record]


def _in_order(found: object, given: object) -> object:
    """What was validated, in the order of the file: pydantic puts the keys that a record names first.

    >>> _in_order({"b": {"d": 1, "c": 2}, "a": 0}, {"a": 0, "b": {"c": 2, "d": 1}})
    {'a': 0, 'b': {'c': 2, 'd': 1}}
    """
    if isinstance(found, dict) and isinstance(given, Mapping):
        return {
            key: _in_order(found[key], value) if isinstance(value, dict | list) else found[key]
            for key, value in given.items()
        }
    if isinstance(found, list) and isinstance(given, list):
        return [
            _in_order(one, other) if isinstance(other, dict | list) else one
            for one, other in zip(found, given, strict=True)
        ]
    return found


def typed(content: Mapping[str, Any], record: type[Record]) -> Record:
    """An object of JSON with the types of a record.

    Raises
    ------
    ValueError
        Saying what is missing or of another kind.

    >>> from bidsglm.outputs.summary_form import ContrastForm
    >>> contrast = {"label": "go", "name": "go", "test": "t", "thresholds": {"spm": {"fwe05": "inf"}}}
    >>> typed(contrast, ContrastForm)["thresholds"]
    {'spm': {'fwe05': inf}}
    """
    try:
        return cast(Record, _in_order(_adapter(record).validate_python(content), content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        if first["type"] == "missing":
            raise ValueError(f"has no {place!r}") from error
        raise ValueError(f"{place} is {str(first['input'])[:40]!r}") from error
