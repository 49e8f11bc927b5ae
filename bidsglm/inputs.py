"""Files that others wrote, read as text or JSON: whole, of bounded size, or one line on why not."""

import json
import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.errors import BidsglmError, DataError, ReadWriteError

LARGEST_TEXT = 2**26
"""Bytes (64 MiB): ten times the widest confounds table of an hour."""
LARGEST_JSON = 2**24
"""Bytes (16 MiB): a model or a sidecar has some thousands."""
DEEPEST_JSON = 50
"""Objects within objects: BIDS needs about five, Python's stack holds about a thousand."""
WHOLE_DIGITS = 18
"""Digits of a number that surely fits 64 bits; longer ones are read as floating point."""
LARGEST_POINTER = 32 * 1024
"""Bytes; git-annex itself takes no longer file for a pointer."""
POINTERS = (b"/annex/objects/", b"version https://git-lfs")
"""How the small text begins that stands in place of content: unlocked annexed files, Git LFS."""
FOREIGN_KINDS: Sequence[tuple[Callable[[int], bool], str]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
"""What can stand under the name of a file; reading some of them never ends."""


QUOTES = "'\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb`"
"""What keyboards and word processors write in place of JSON's double quotes."""
LITERALS = {"None": "null", "True": "true", "False": "false", "nan": "null", "NULL": "null", "TRUE": "true"}
"""Python's and others' spellings of JSON's words."""


class Kind(NamedTuple):
    """What a file is to the user: the errors it makes, and what to do about them."""

    missing: type[BidsglmError] = ReadWriteError
    wrong: type[BidsglmError] = DataError
    absent: str = "there is no such file; copy it again"
    remedy: str = "correct it"
    broken: str = "line {line}: not valid JSON ({what}); {remedy}"
    no_object: str = "holds no JSON object; {remedy}"


INPUT = Kind()
"""A file of a data set that its index knows."""


def file_size(path: Path, kind: Kind = INPUT) -> int:
    """Size of a file in bytes.

    Raises
    ------
    BidsglmError
        There is no file (`kind.missing`), it is a pipe, device or folder (`kind.wrong`), or the disk does not
        answer (ReadWriteError).
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        if absent := absent_content(path):
            raise ReadWriteError(f"{path}: {absent}") from None
        raise kind.missing(f"{path}: {kind.absent}") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    for is_kind, words in FOREIGN_KINDS:
        if is_kind(found.st_mode):
            raise kind.wrong(f"{path}: is {words}, not a file; {kind.remedy}")
    if absent := absent_content(path):
        raise ReadWriteError(f"{path}: {absent}")
    return found.st_size


def absent_content(path: Path) -> str:
    """Why a file that is listed has no content and what to do, without its path; empty when it has some."""
    if path.is_symlink() and not path.exists():
        return f"its content is not here, the link leads nowhere ({os.readlink(path)}); {_remedy()}"
    try:
        if not path.is_file():  # a pipe would never be opened
            return ""
        with path.open("rb") as stream:
            start = stream.read(max(map(len, POINTERS)))
        small = path.stat().st_size <= LARGEST_POINTER
    except OSError:
        return ""
    if small and start.startswith(POINTERS):
        return f"its content is not here, only a pointer to it; {_remedy()}"
    return ""


def _remedy() -> str:
    return "fetch it (datalad get, git annex get) or remove it"


def unreadable(path: Path, error: Exception) -> ReadWriteError:
    """Error for a file whose disk failed, or who may not be read."""
    reason = getattr(error, "strerror", None) or str(error)
    return ReadWriteError(
        f"{path}: cannot be read ({reason}); check the disk and the rights, or copy it again"
    )


def read_bytes(path: Path, largest: int = LARGEST_TEXT, kind: Kind = INPUT) -> bytes:
    """Content of a file, of bounded size.

    Raises
    ------
    BidsglmError
        As `file_size`, or the file is larger.
    """
    size = file_size(path, kind)
    if size > largest:
        raise kind.wrong(f"{path}: has {size:,} bytes, more than {largest:,}; {kind.remedy}")
    try:
        with path.open("rb") as stream:
            return stream.read(largest + 1)
    except OSError as error:
        raise unreadable(path, error) from error


def read_text(path: Path, largest: int = LARGEST_TEXT, kind: Kind = INPUT) -> str:
    """Text of a file in UTF-8, with or without a byte order mark.

    Raises
    ------
    BidsglmError
        As `read_bytes`, or `kind.wrong` where it is no UTF-8, naming the line.
    """
    content = read_bytes(path, largest, kind)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise kind.wrong(
            f"{path}: line {line}: byte {error.start + 1} is not UTF-8 text; save it as UTF-8"
        ) from None


def read_json(path: Path, kind: Kind = INPUT, largest: int = LARGEST_JSON, **hooks: Any) -> dict[str, Any]:
    """Object in a JSON file; hooks as `json_object` takes them.

    Raises
    ------
    BidsglmError
        As `read_text`, or `kind.wrong` where it is broken, nested too deeply or no object.
    """
    return json_object(read_text(path, largest, kind), path, kind, **hooks)


def json_object(text: str, path: Path, kind: Kind = INPUT, **hooks: Any) -> dict[str, Any]:
    """Object that the text of a JSON file holds, by hooks for `json.loads`.

    Raises
    ------
    BidsglmError
        `kind.wrong`, as `read_json`, and where a hook raises a ValueError.

    Examples
    --------
    >>> json_object('{"RepetitionTime": 2}', Path("a.json"))
    {'RepetitionTime': 2}
    """
    try:
        content = json.loads(text, parse_int=_whole, **hooks)
        if depth_exceeds(content, DEEPEST_JSON):
            raise RecursionError
        if "\\ud" in text.lower():
            json.dumps(content, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        what = _slip(error.doc, error.pos) or error.msg
        said = kind.broken.format(line=error.lineno, column=error.colno, what=what, remedy=kind.remedy)
        raise kind.wrong(f"{path}: {said}") from None
    except RecursionError:
        raise kind.wrong(f"{path}: nested too deeply, over {DEEPEST_JSON} levels; {kind.remedy}") from None
    except UnicodeEncodeError:
        raise kind.wrong(f"{path}: holds half a character (a lone surrogate); {kind.remedy}") from None
    except ValueError as error:
        raise kind.wrong(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise kind.wrong(f"{path}: {kind.no_object.format(remedy=kind.remedy)}")
    return content


def _slip(text: str, at: int) -> str:
    """What people mostly do where JSON breaks off, in words; nothing where it is something else.

    >>> _slip('{"a": 1,}', 8), _slip('{"a": None}', 6)
    ('a comma with nothing behind it: take it out', 'JSON writes None as null')
    """
    if not text.strip():
        return "the file is empty"
    if "\0" in text:
        return "it is UTF-16 text: save it as UTF-8"
    before, after = text[:at].rstrip(), text[at:].lstrip()
    if after.startswith(("//", "/*", "#")):
        return "JSON has no comments: take it out, or write it as a Description"
    # newer versions of Python point at the comma itself
    if (before.endswith(",") and after[:1] in ("]", "}")) or re.match(r",\s*[]}]", after):
        return "a comma with nothing behind it: take it out"
    if after[:1] and after[0] in QUOTES:
        return f'names and text stand between double quotes ("), not {after[0]}'
    word = re.match(r"[A-Za-z]+", after)
    if word and word[0] in LITERALS:
        return f"JSON writes {word[0]} as {LITERALS[word[0]]}"
    return ""


def _whole(digits: str) -> int | float:
    """Whole number; one of hundreds of digits would stall or overflow whatever works with it."""
    return int(digits) if len(digits) <= WHOLE_DIGITS else float(digits)


def as_list(value: object) -> list[Any]:
    """A list as it is; any other value as the only item of one, as BIDS lets people write it.

    >>> as_list("01"), as_list(["01", "02"])
    (['01'], ['01', '02'])
    """
    return value if isinstance(value, list) else [value]


def depth_exceeds(content: object, most: int) -> bool:
    """Whether objects and lists stand in each other more often than so; no recursion.

    >>> depth_exceeds([[1]], 2), depth_exceeds([[[1]]], 2)
    (False, True)
    """
    level = [content]
    for _ in range(most + 1):
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
