"""config.json, as brainlife writes it, into words of the command line."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bidsglm.errors import DataError, NoInputError, UsageError
from bidsglm.inputs import Kind, read_json
from bidsglm.options import build_parser

OUTPUT = "output"
"""Folder of the results below the current one; brainlife takes it as the app's output."""

BIDS, FMRIPREP = "bids", "fmriprep"
"""Keys of the two input folders."""

CONFIG = Kind(
    NoInputError,
    DataError,
    "cannot be read (there is no such file); brainlife writes it",
    f'it must be an object like {{"{BIDS}": "bids", "{FMRIPREP}": "fmriprep"}}',
)

ONLY_PRINT = ("--help", "--version", "--bids-exec-spec")
"""Options with which the program prints something and ends: no task for brainlife."""


def read_config(path: Path) -> tuple[str, tuple[str, ...]]:
    """Read a configuration.

    Raises
    ------
    NoInputError, DataError, UsageError
        When it is missing, no JSON object, or asks for what there is not.
    """
    return config(read_json(path, CONFIG), str(path))


def config(content: Mapping[str, Any], origin: str) -> tuple[str, tuple[str, ...]]:
    """The configuration as a command line: BIDS_DIR, and the options.

    Parameters
    ----------
    content
        `bids` and `fmriprep` are folders; any other key is a long option with underscores. Keys with an
        underscore in front are brainlife's own; what is empty, null or false was left open in its form.
    origin
        Named in errors.

    Raises
    ------
    UsageError
        For a key that is no option, or without `bids`.

    Examples
    --------
    >>> config({"bids": "in", "fmriprep": "prep", "smoothing_fwhm": 6, "_tid": 3, "hrf": ""}, "config.json")
    ('in', ('--derivatives', 'prep', '--smoothing-fwhm', '6'))
    """
    if not content.get(BIDS):
        raise UsageError(f"{origin}: lacks {BIDS}, the folder of the raw data set; add it")
    for key, value in content.items():
        if not key.startswith("_") and not _is_plain(value):
            raise UsageError(f"{origin}: {key} must be text, a number, true, false or a list of these")
    known = _options()
    options: list[str] = []
    for key, value in content.items():
        name = "derivatives" if key == FMRIPREP else key
        if key == BIDS or key.startswith("_"):
            continue
        if name not in known:
            raise UsageError(
                f"{origin}: unknown key {key!r}; the keys are {BIDS}, {FMRIPREP} and long options"
            )
        options += _words(known[name], name, value)
    return str(content[BIDS]), tuple(options)


def _is_plain(value: object) -> bool:
    """Whether a value can be words of a command line.

    >>> _is_plain(["a", 2]), _is_plain({"a": 2}), _is_plain("a" + chr(0))
    (True, False, False)
    """
    listed = value if isinstance(value, list) else [value]
    return all(
        item is None or (isinstance(item, str | int | float) and chr(0) not in str(item)) for item in listed
    )


def _options() -> dict[str, argparse.Action]:
    return {
        option.removeprefix("--").replace("-", "_"): action
        for action in build_parser()._actions
        for option in action.option_strings
        if option.startswith("--") and option not in ONLY_PRINT
    }


def _words(action: argparse.Action, name: str, value: Any) -> list[str]:
    """An option and its values; nothing where it was left open.

    >>> _words(argparse.ArgumentParser().add_argument("--space", nargs="+"), "space", "T1w MNI")
    ['--space', 'T1w', 'MNI']
    """
    if value in (None, "", False, []):
        return []
    flag = f"--{name.replace('_', '-')}"
    if action.nargs == 0:
        return [flag]
    if action.nargs in ("+", "*"):
        values = value.split() if isinstance(value, str) else value if isinstance(value, list) else [value]
        return [flag, *map(str, values)]
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]
