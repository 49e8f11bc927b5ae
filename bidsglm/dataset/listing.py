"""A participant's files with their entities, by pybids' patterns and by its rules for filters.

pybids' own layout keeps the files in a database: half a second to load it, and a fifth of a second for every
participant and data set, besides a look at every entry of the root. A participant has some hundred files,
which its patterns take apart in a few milliseconds.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bidsglm.errors import DataError

CONFIGURATIONS = ("bids", "derivatives")
COHORT: dict[str, object] = {
    "name": "nipreps",
    "entities": [{"name": "cohort", "pattern": r"[_/\\]+cohort-([0-9]+)"}],
}
"""fMRIPrep writes space-MNIInfant_cohort-1, an entity that pybids does not know."""
INHERITABLE = re.compile(r".+\.(?:json|tsv|nii|nii\.gz)", re.IGNORECASE)
"""Files that stand above the folders of the data and count for them."""
NEEDED = re.compile(
    r".+_(?:bold|mask|probseg|events|timeseries|regressors)(?P<ending>\.(?:json|tsv|nii|nii\.gz))",
    re.IGNORECASE,
)
"""Files of a run that nobody would find under another name."""
DATA_FOLDERS = ("func", "anat")
SETTLED = 2.0
"""s after which a folder's time tells of every later change: file systems' clocks are no coarser."""
REGULAR = "regex_search"
"""pybids' switch in a filter: labels are regular expressions."""
ANY = "*"


@dataclass(frozen=True)
class Listing:
    """The files of one participant below a root, and those above that they may inherit."""

    root: Path
    paths: tuple[Path, ...]
    """In natural order"""
    entities: dict[Path, Mapping[str, str]] = field(default_factory=dict)
    """Those of the files that were asked for"""

    def entities_of(self, path: Path) -> Mapping[str, str]:
        """Entities of a file by pybids' names, labels as found; those of folders above do not count."""
        if path not in self.entities:
            self.entities[path] = parsed(f"/{path.relative_to(self.root).as_posix()}")
        return self.entities[path]

    def files(self, filters: Mapping[str, object]) -> list[Path]:
        """Files that pass filters, in natural order: a label, several, None for none of it, ``*`` for any."""
        wanted = {**filters}
        search = bool(wanted.pop(REGULAR, False))
        tests = [_LabelTest.of(name, value, search) for name, value in wanted.items()]
        return [path for path in self.paths if all(test.passes(self.entities_of(path)) for test in tests)]


@dataclass(frozen=True)
class _LabelTest:
    """What a filter asks of one entity."""

    name: str
    labels: tuple[str, ...]
    numbers: frozenset[int]
    """In place of labels, where the entity is a number and all of them are"""
    absent: bool
    present: bool
    search: bool

    @classmethod
    def of(cls, name: str, value: object, search: bool) -> "_LabelTest":
        """Read a filter."""
        values = list(value) if isinstance(value, list | tuple) else [value]
        labels = [str(each) for each in values if each is not None and each != ANY]
        if name == "extension":
            labels = [f".{label.lstrip('.')}" for label in labels]
        is_number = name in _numbers() and not search and all(label.isdecimal() for label in labels)
        numbers = frozenset(map(int, labels)) if is_number else frozenset[int]()
        anything = not values
        absent, present = anything or None in values, anything or ANY in values
        return cls(name, tuple(labels), numbers, absent, present, search)

    def passes(self, entities: Mapping[str, str]) -> bool:
        """Whether a file's entities are as asked for."""
        label = entities.get(self.name)
        if label is None or (self.absent and self.present):
            return self.absent
        if self.present:
            return True
        if self.search:
            return any(re.search(pattern, label, re.IGNORECASE) for pattern in self.labels)
        return int(label) in self.numbers if self.numbers else label in self.labels


def list_files(root: Path, participant: str) -> Listing:
    """List a participant's functional and anatomical files, and what they may inherit.

    Only the participant's own folders are looked into; the root itself is, once.
    """
    subject = root / f"sub-{participant}"
    found = list(_files_above(root))
    for folder in (subject, *_sessions(subject)):
        found += _inheritable(folder)
        for name in DATA_FOLDERS:
            found += _all_below(folder / name, set())
    paths = tuple(sorted(found, key=_naturally))
    _check_names(paths)
    return Listing(root, paths)


def _check_names(paths: Sequence[Path]) -> None:
    """Refuse names that cannot be written, and those that BIDS reads as another kind of file.

    Raises
    ------
    DataError
        A name is not UTF-8, or its ending is in capitals: pybids and fMRIPrep would not find the file either.
    """
    for path in paths:
        if os.fsencode(path.name) != path.name.encode(errors="replace"):
            raise DataError(f"{path}: its name is not UTF-8; rename it")
        ending = found["ending"] if (found := NEEDED.fullmatch(path.name)) else ""
        proper = path.with_name(path.name.removesuffix(ending) + ending.lower())
        if proper != path and proper not in paths:
            raise DataError(
                f"{path}: BIDS writes endings in small letters, and no program finds {ending}; rename it to "
                f"{proper.name}"
            )


def parsed(path: str) -> dict[str, str]:
    """Take a path within a data set apart by pybids' patterns.

    >>> parsed("/sub-01/func/sub-01_task-x_run-01_bold.nii.gz")["run"]
    '01'
    """
    matches = ((name, pattern.search(path)) for name, pattern in _patterns().items())
    return {name: match[1] for name, match in matches if match is not None}


def known_entities() -> tuple[str, ...]:
    """Pybids' names of the entities that files can be found by."""
    return tuple(_patterns())


def files_of(folder: Path) -> list[os.DirEntry[str]]:
    """Entries of a folder, hidden ones left out; none where it is no folder."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files_above(root: Path) -> tuple[Path, ...]:
    """Files of a root: looked at again when one has come or gone, and not for every participant."""
    changed = root.stat().st_mtime
    if time.time() - changed < SETTLED:
        return tuple(_inheritable(root))
    return _files_since(root, changed)


@lru_cache(maxsize=16)
def _files_since(root: Path, changed: float) -> tuple[Path, ...]:
    return tuple(_inheritable(root))


def _inheritable(folder: Path) -> Iterator[Path]:
    for entry in files_of(folder):
        if INHERITABLE.fullmatch(entry.name) and not _is_folder(entry):
            yield Path(entry.path)


def _sessions(subject: Path) -> Iterator[Path]:
    for entry in files_of(subject):
        if entry.name.startswith("ses-") and _is_folder(entry):
            yield Path(entry.path)


def _all_below(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Files of a folder and those below, each folder once: links may lead back, or many ways to one place."""
    place = os.path.realpath(folder)
    if place in seen:
        return
    seen.add(place)
    for entry in files_of(folder):
        if _is_folder(entry):
            yield from _all_below(Path(entry.path), seen)
        else:
            yield Path(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or leads to one; a link in a loop is a file, which cannot be read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _naturally(path: Path) -> list[Any]:
    """Digits by their value, as pybids sorts."""
    return [int(part) if part.isdecimal() else part.lower() for part in re.split("([0-9]+)", str(path))]


@cache
def _entities() -> Mapping[str, Mapping[str, Any]]:
    """What pybids' configurations say of each entity, the last one counting."""
    spec = find_spec("bids")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0], "layout", "config")
    texts = ((folder / f"{name}.json").read_text(encoding="utf-8") for name in CONFIGURATIONS)
    documents: Sequence[Any] = [*map(json.loads, texts), COHORT]
    return {entity["name"]: entity for document in documents for entity in document["entities"]}


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    return {name: re.compile(entity["pattern"]) for name, entity in _entities().items()}


@cache
def _numbers() -> frozenset[str]:
    return frozenset(name for name, entity in _entities().items() if entity.get("dtype") == "int")
