"""Writes summaries, and reads those of the form that we write and of the place where they stand."""

from collections.abc import Mapping
from pathlib import Path

from bidsglm.errors import ReadWriteError
from bidsglm.outputs.confinement import is_own_name
from bidsglm.outputs.group_form import GroupForm
from bidsglm.outputs.names import json_text, read_json, write_text
from bidsglm.outputs.summary_form import AnySummary, PartForm, SummaryForm
from bidsglm.outputs.typed import INFINITE, typed

SUMMARY = "_desc-bidsglm_summary.json"


def write_summary(path: Path, content: Mapping[str, object]) -> None:
    """Write the summary of a unit or of a group's maps; the readers below give back what it says."""
    write_text(path, json_text(content, INFINITE))


def read_group_summary(path: Path) -> GroupForm:
    """Read the summary of a group's maps.

    Raises
    ------
    ReadWriteError
        When it is not one.
    """
    try:
        content = typed(read_json(path), GroupForm)
        for name in content.get("files", []):
            if not is_own_name(name, "group"):
                raise ValueError(f"files has {name[:80]!r}")
    except ValueError as error:
        raise ReadWriteError(
            f"{path}: is not as bidsglm writes it ({error}); remove it and run the group level again"
        ) from error
    return content


def read_summary(path: Path) -> AnySummary:
    """Read a unit's summary.

    Raises
    ------
    ReadWriteError
        When it is none, or that of another place.
    """
    content = read_json(path)
    # A fit that failed leaves what an earlier one found, and its error beside it.
    whole = content.get("status") == "finished" or "estimates" in content
    try:
        found = typed(content, SummaryForm) if whole else typed(content, PartForm)
        if fault := misplaced(found, path):
            raise ValueError(fault)
    except ValueError as error:
        raise ReadWriteError(
            f"{path}: is not as bidsglm writes it ({error}); run the participant again (--overwrite)"
        ) from error
    return found


def misplaced(content: Mapping[str, object], path: Path) -> str:
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
