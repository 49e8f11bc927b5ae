"""A model file's content as checked objects of the schema, or the first fault in it with its place."""

import re
from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bidsglm.errors import DataError
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import ADDRESS_KEY, Document
from bidsglm.statsmodel.values import shown

WRONG_TYPES = {
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
}


def parsed_document(document: Mapping[str, object], origin: str) -> Document:
    """Content of a ``*_smdl.json`` file as checked objects.

    Raises
    ------
    DataError
        An unknown or missing key, or a value of a wrong type or outside what is allowed; names the place.

    Examples
    --------
    >>> parsed_document({"Name": "go", "Node": []}, "go_smdl.json")
    Traceback (most recent call last):
    ...
    bidsglm.errors.DataError: go_smdl.json: unknown key 'Node'; did you mean 'Nodes'?
    """
    try:
        return Document.model_validate({k: value for k, value in document.items() if k != ADDRESS_KEY})
    except ValidationError as error:
        first = error.errors()[0]
        raise _fault(first, Place(origin)) from None


def _fault(error: ErrorDetails, top: Place) -> DataError:
    """Error of this program for one of pydantic's."""
    path, kind = error["loc"], error["type"]
    if kind == "unknown_key":
        return top.at(*path).fault(error["msg"])
    if kind == "missing":
        return top.at(*path[:-1]).fault(f"{str(path[-1])!r} is missing")
    if kind == "value_error":
        return top.at(*path).fault(str(error["ctx"]["error"]))
    if kind in ("too_long", "string_too_long"):
        most = error["ctx"]["max_length"]
        return top.at(*path).fault(
            f"is longer than {most} characters"
            if isinstance(error["input"], str)
            else f"lists more than {most} entries"
        )
    what = WRONG_TYPES.get(kind) or re.sub(r"^\w+ should ", "must ", error["msg"])
    return top.at(*path).fault(f"{what}, not {shown(error['input'])}")
