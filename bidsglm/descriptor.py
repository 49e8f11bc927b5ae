"""The Boutiques descriptor of the command line, made from its parser; it stands in boutiques.json.

Boutiques' own check of BIDS Apps (`bosh validate --bids`) fixes the start of the command line, wants the
output folder both as a name and as a folder, and knows two of our levels.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bidsglm import errors
from bidsglm.option_values import Amount, Count, derivatives, seed
from bidsglm.options import build_parser

IMAGE = "bidsglm/bidsglm"
RELEASE = "0.1.0"
"""The release that this is or becomes: only releases have a published image for a descriptor to name."""
LEVELS = ("participant", "group")
FIRST = ("bids_dir", "output_dir", "analysis_level", "participant_label", "session_label")
"""The part of the command line that Boutiques fixes."""

SUGGESTED = {"cpu-cores": 2, "ram": 4, "walltime-estimate": 3600}
"""Cores, GiB and seconds for a participant with two runs of a usual length in 2 mm."""


def _key(name: str) -> str:
    return f"[{name.upper()}]"


def _name(action: argparse.Action) -> str:
    """What an option is called in an invocation: its first long spelling, with underscores.

    >>> _name(argparse.ArgumentParser().add_argument("-d", "--work-dir", "--scratch", dest="w"))
    'work_dir'
    """
    long = [option for option in action.option_strings if option.startswith("--")]
    return long[0].removeprefix("--").replace("-", "_") if long else action.dest


def _type(action: argparse.Action) -> dict[str, Any]:
    """Type of an input, and the bounds of a number.

    Boutiques mounts files into the container, and refuses one that is not there: a folder that is made
    when it is needed (DIR) stays text.

    >>> _type(argparse.ArgumentParser().add_argument("--n-procs", type=Count(9)))
    {'type': 'Number', 'integer': True, 'minimum': 1, 'maximum': 9}
    """
    if action.nargs == 0:
        return {"type": "Flag"}
    if isinstance(action.type, Count):
        return {"type": "Number", "integer": True, "minimum": 1, "maximum": action.type.highest}
    if action.type is seed:
        return {"type": "Number", "integer": True, "minimum": 0}
    if isinstance(action.type, Amount):
        return {"type": "Number", "minimum": 0, "maximum": action.type.highest}
    if action.type in (Path, derivatives) and action.metavar != "DIR":
        return {"type": "File"}
    return {"type": "Number"} if action.type in (int, float) else {"type": "String"}


def _input(action: argparse.Action) -> dict[str, Any]:
    """An option as an input."""
    name = _name(action)
    described: dict[str, Any] = {
        "id": name,
        "name": name.replace("_", " "),
        "description": (action.help or name.replace("_", " ")) % {"prog": "bidsglm"},
        "optional": True,
        "command-line-flag": next(o for o in action.option_strings if o.startswith("--")),
        "value-key": _key(name),
        **_type(action),
    }
    if action.choices:
        described["value-choices"] = list(action.choices)
    if action.nargs in ("+", "*"):
        described |= {"list": True, "min-list-entries": 1}
    elif isinstance(action.nargs, int) and action.nargs > 1:
        described |= {"list": True, "min-list-entries": action.nargs, "max-list-entries": action.nargs}
    return described


NAMED = _key("output_dir_name")
"""Where the name of a folder goes that need not exist."""


def _either_output_dir() -> dict[str, Any]:
    """Input that makes room for both forms of the output folder.

    Boutiques takes the key of an input without a value out of the command line, and with it the place of
    another input of the same key. So this one, always first and never without value, writes two places
    there: its two empty words with both keys between them.
    """
    return {
        "id": "output_dir_place",
        "name": "place of OUTPUT_DIR",
        "description": "Leave it as it is: it puts one of the two forms of OUTPUT_DIR into the command line",
        "type": "String",
        "list": True,
        "list-separator": NAMED + _key("output_dir"),
        "default-value": ["", ""],
        "value-key": _key("output_dir"),
        "optional": True,
    }


def _positionals() -> list[dict[str, Any]]:
    """The three positionals; the output folder in two forms, since Boutiques mounts only files that exist."""
    return [
        _either_output_dir(),
        {
            "id": "bids_dir",
            "name": "BIDS_DIR",
            "description": "Raw BIDS data set",
            "type": "File",
            "optional": False,
            "value-key": _key("bids_dir"),
        },
        {
            "id": "output_dir_name",
            "name": "new OUTPUT_DIR",
            "description": "Where the derivatives go, a folder that may not exist yet",
            "type": "String",
            "value-key": NAMED,
            "optional": True,
        },
        {
            "id": "output_dir",
            "name": "existing OUTPUT_DIR",
            "description": "Where the derivatives are; the group level needs those of the participants",
            "type": "File",
            "value-key": _key("output_dir"),
            "optional": True,
        },
        {
            "id": "analysis_level",
            "name": "level",
            "description": "One participant after the other, or all that are finished",
            "type": "String",
            "optional": False,
            "value-key": _key("analysis_level"),
            "value-choices": list(LEVELS),
        },
    ]


def _options() -> list[argparse.Action]:
    """The options that have a value (--help has none), those that Boutiques wants first in front."""
    actions = [a for a in build_parser()._actions if a.option_strings and a.default != argparse.SUPPRESS]
    return sorted(actions, key=lambda a: FIRST.index(_name(a)) if _name(a) in FIRST else len(FIRST))


def _foreseen(error: type[errors.BidsglmError]) -> Iterator[type[errors.BidsglmError]]:
    yield error
    for special in error.__subclasses__():
        yield from _foreseen(special)


def _error_codes() -> list[dict[str, Any]]:
    kinds = [kind for kind in _foreseen(errors.BidsglmError) if kind.__module__ == errors.__name__]
    # several errors may share a code: the general one stands first
    found = {kind.exit_code: (kind.__doc__ or "").splitlines()[0] for kind in reversed(kinds)}
    found[errors.EXIT_FAILED] = "A participant failed for an unforeseen reason, or several for different ones"
    return [{"code": code, "description": text} for code, text in sorted(found.items())]


def descriptor() -> dict[str, Any]:
    """The descriptor, schema 0.5.

    >>> descriptor()["command-line"][:71]
    'mkdir -p [OUTPUT_DIR]; bidsglm [BIDS_DIR] [OUTPUT_DIR] [ANALYSIS_LEVEL]'
    """
    parser = build_parser()
    options = _options()
    keys = [_key(name) for name in dict.fromkeys((*FIRST, *map(_name, options)))]
    return {
        "name": parser.prog,
        "description": parser.description,
        "tool-version": RELEASE,
        "schema-version": "0.5",
        "command-line": f"mkdir -p {_key('output_dir')}; {parser.prog} {' '.join(keys)}",
        "environment-variables": [
            {
                "name": "BIDSGLM_OUTPUT_DIR_NAME",
                "value": f"no use: {NAMED}",
                "description": "Not read; Boutiques wants each key once",
            }
        ],
        "container-image": {"type": "docker", "image": f"{IMAGE}:{RELEASE}"},
        "inputs": [*_positionals(), *map(_input, options)],
        "groups": [
            {
                "id": "output_folder",
                "name": "OUTPUT_DIR",
                "description": "A new folder by its name, or an existing one",
                "members": ["output_dir_name", "output_dir"],
                "mutually-exclusive": True,
                "one-is-required": True,
            }
        ],
        "output-files": [
            {
                "id": "results",
                "name": "results",
                "description": "BIDS derivative data set with a page for each participant",
                "path-template": _key("output_dir"),
                "optional": False,
            }
        ],
        "error-codes": _error_codes(),
        "suggested-resources": SUGGESTED,
        "tags": {"domain": ["neuroinformatics", "fMRI"], "standard": ["BIDS"]},
        "custom": {"BIDSAppSpecVersion": "1.0"},
    }


def descriptor_text() -> str:
    """The descriptor as it stands in boutiques.json."""
    return json.dumps(descriptor(), indent=2, ensure_ascii=False) + "\n"
