"""--bids-filter-file: entities and labels for pybids, and no other argument of its `BIDSLayout.get`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bidsglm.dataset.index import LONG_NAMES
from bidsglm.dataset.listing import REGULAR, known_entities
from bidsglm.errors import DataError, NoInputError
from bidsglm.inputs import Kind, as_list, read_json
from bidsglm.statsmodel.nearest import hint

FILE = Kind(NoInputError, DataError, "there is no such filter file; check --bids-filter-file")
LONGEST_PATTERN = 200
"""Characters: labels are shorter."""
MOST_REPEATS = 2
"""Parts of a pattern without bounds: the time to match grows with a label's length to their power."""
MOST_LABELS = 10_000


def read_filters(path: Path, keys: Sequence[str]) -> dict[str, dict[str, object]]:
    """Read a filter file; its keys are those of what can be filtered: bold, mask ...

    Raises
    ------
    NoInputError, ReadWriteError
        When it is missing or cannot be read.
    DataError
        When it is not an object of filters under known keys, or a filter is no entity with labels.
    """
    content = read_json(path, FILE)
    for key, filters in content.items():
        if key not in keys:
            raise DataError(f"{path}: unknown key {key!r}; the keys are {', '.join(keys)}")
        if not isinstance(filters, dict):
            raise DataError(f'{path}: {key} must be an object such as {{"session": "1"}}')
        _check_filters(filters, f"{path}: {key}")
    return content


def _check_filters(filters: Mapping[str, object], place: str) -> None:
    known = sorted({*known_entities(), *LONG_NAMES.values(), REGULAR})
    search = filters.get(REGULAR, False)
    if not isinstance(search, bool):
        raise DataError(f"{place}.{REGULAR}: must be true or false")
    for entity, labels in filters.items():
        if entity not in known:
            raise DataError(f"{place}: {entity!r} is no BIDS entity{hint(entity, known)}")
        if entity == REGULAR:
            continue
        listed = as_list(labels)
        if not listed or len(listed) > MOST_LABELS or not all(map(_is_label, listed)):
            raise DataError(f"{place}.{entity}: must be a label, null, or a list of labels")
        for label in listed if search else ():
            if isinstance(label, str):
                check_pattern(label, f"{place}.{entity}")


def _is_label(value: object) -> bool:
    if isinstance(value, str):
        return value.isprintable()
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def check_pattern(pattern: str, place: str) -> None:
    """Refuse a regular expression that is broken, or that could take for ever on some label.

    Raises
    ------
    DataError
        Naming the place.

    Examples
    --------
    >>> check_pattern("^(01|02)$", "f.json: bold.session")
    >>> check_pattern("(a+)+$", "f.json: bold.session")
    Traceback (most recent call last):
    ...
    bidsglm.errors.DataError: f.json: bold.session: the pattern '(a+)+$' repeats a group; list the labels ...
    """
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise DataError(f"{place}: {pattern!r} is no regular expression ({error}); correct it") from None
    bare = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", pattern)
    faults = {
        f"is longer than {LONGEST_PATTERN} characters": len(pattern) > LONGEST_PATTERN,
        "repeats a group": re.search(r"\)[*+?{]", bare),
        "looks around or back": re.search(r"\(\?|\\[1-9]", pattern),
        f"repeats more than {MOST_REPEATS} times": len(re.findall(r"[*+{]", bare)) > MOST_REPEATS,
    }
    for fault, found in faults.items():
        if found:
            raise DataError(f"{place}: the pattern {pattern!r} {fault}; list the labels instead")
