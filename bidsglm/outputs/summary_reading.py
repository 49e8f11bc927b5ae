"""Reads summaries from disk: only those of the form that we write, and of the place where they stand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bidsglm.errors import ReadWriteError
from bidsglm.outputs.confinement import is_own_name
from bidsglm.outputs.names import read_json
from bidsglm.outputs.summary_form import GroupForm, PartForm, summary_fault

SUMMARY = "_desc-bidsglm_summary.json"


def read_group_summary(path: Path) -> dict[str, Any]:
    """Read the summary of a group's maps.

    Raises
    ------
    ReadWriteError
        When it is not one.
    """
    content = read_json(path)
    fault = _fault(content, GroupForm)
    strange = [] if fault else [n for n in content.get("files", []) if not is_own_name(n, "group")]
    if fault or strange:
        raise ReadWriteError(
            f"{path}: is not as bidsglm writes it ({fault or repr(strange[0])[:80]}); remove it and run "
            "the group level again"
        )
    return content


def read_summary(path: Path) -> dict[str, Any]:
    """Read a unit's summary.

    Raises
    ------
    ReadWriteError
        When it is none, or that of another place.
    """
    content = read_json(path)
    finished = content.get("status") == "finished"
    fault = (summary_fault(content) if finished else _fault(content, PartForm)) or misplaced(content, path)
    if fault:
        raise ReadWriteError(
            f"{path}: is not as bidsglm writes it ({fault}); run the participant again (--overwrite)"
        )
    return content


def _fault(content: Mapping[str, Any], form: type[BaseModel]) -> str:
    """What is not of its kind; empty where all is well."""
    try:
        form.model_validate(content)
    except ValidationError as error:
        return ".".join(map(str, error.errors(include_url=False)[0]["loc"])) + " is of another kind"
    return ""


def misplaced(content: Mapping[str, Any], path: Path) -> str:
    """Name what a summary says of its own place and is not so; empty when all is.

    >>> here = Path("out/sub-01/ses-a/func/sub-01_ses-a_task-x_desc-bidsglm_summary.json")
    >>> misplaced({"participant": "01", "folder": "sub-01/ses-a/func", "prefix": here.name[:19]}, here)
    ''
    >>> misplaced({"participant": "02"}, here)
    "'participant' is '02' instead of '01'"
    """
    parts = path.absolute().parent.parts
    depth = next((n for n in (1, 2, 3) if parts[-n:] and parts[-n].startswith("sub-")), 1)
    folder = parts[-depth:]
    place = {
        "participant": folder[0].removeprefix("sub-"),
        "prefix": path.name.removesuffix(SUMMARY),
        "folder": "/".join(folder),
    }
    for key, there in place.items():
        if key in content and content[key] != there:
            return f"{key!r} is {str(content[key])[:60]!r} instead of {there!r}"
    return ""
