"""The files of one participant in one data set, as pybids lists them, and BIDS inheritance."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bidsglm.dataset.roots import DESCRIPTION, read_description
from bidsglm.errors import CannotCreateError, DataError, ReadWriteError
from bidsglm.inputs import read_json

if TYPE_CHECKING:
    from bids.layout import BIDSLayout

COHORT: dict[str, object] = {
    "name": "nipreps",
    "entities": [{"name": "cohort", "pattern": r"[_/\\]+cohort-([0-9]+)"}],
}
"""fMRIPrep writes space-MNIInfant_cohort-1, an entity that pybids does not know."""
CONFIGURATIONS = ("bids", "derivatives")
NOT_ENTITIES = frozenset({"suffix", "extension", "datatype", "fmap", "scans"})
"""pybids lists these among the entities of a file."""
LONG_NAMES = {"res": "resolution", "den": "density"}
"""Where pybids' name of an entity is not the long name in BIDS."""
SPACE_ENTITIES = ("space", "cohort", "resolution", "density")
DATABASE_FILE = "layout_index.sqlite"


@dataclass(frozen=True)
class Index:
    """One participant's files in one data set."""

    root: Path
    name: str
    """In BIDS URIs."""
    participant: str
    layout: "BIDSLayout"
    answers: dict[str, list[tuple[Path, dict[str, str]]]] = field(default_factory=dict)
    """Files and their entities by query: every run asks the same, and a query takes 20 ms."""


def read_index(root: Path, name: str, participant: str, database_dir: Path | None) -> Index:
    """List one participant's functional and anatomical files, and the metadata that they inherit.

    Parameters
    ----------
    root
        Of the raw data set (`name` is then "raw") or of a derivative one.
    name
        In BIDS URIs.
    participant
        Label without sub-.
    database_dir
        Keeps the listing between program runs; it is made anew when a folder is younger.

    Raises
    ------
    CannotCreateError
        The database cannot be written.
    InvalidBidsError
        The derivative's dataset_description.json is broken.
    """
    derivative = name != "raw"
    if derivative and (root / DESCRIPTION).is_file():
        read_description(root / DESCRIPTION)
    if database_dir is None:
        return Index(root, name, participant, _layout(root, participant, derivative))
    folder = _database_folder(database_dir, root, participant)
    try:
        if _is_stale(folder / DATABASE_FILE, root, participant):
            _write_database(folder, root, participant, derivative)
        return Index(root, name, participant, _layout(root, participant, derivative, folder))
    except OSError as error:
        raise CannotCreateError(
            f"{folder}: cannot keep the file index there ({error}); give another --bids-database-dir"
        ) from error


def entities_of(index: Index, path: Path) -> dict[str, str]:
    """BIDS entities of a file by their long names, labels as found; those of folders above do not count."""
    from bids.layout import parse_file_entities

    found = parse_file_entities(f"/{path.relative_to(index.root).as_posix()}", entities=_known_entities())
    return {LONG_NAMES.get(key, key): str(value) for key, value in found.items() if key not in NOT_ENTITIES}


def find_files(index: Index, filters: Mapping[str, object]) -> list[Path]:
    """Files that pass pybids filters, in natural order.

    Raises
    ------
    DataError
        A filter names no BIDS entity.
    """
    try:
        found = index.layout.get(return_type="file", **pybids_filters(filters))
    except ValueError as error:
        raise DataError(f"--bids-filter-file: {error}") from error
    # A database may come from elsewhere: what it lists outside of the data set is not of it.
    return [path for path in map(Path, found) if path.is_relative_to(index.root)]


def pybids_filters(filters: Mapping[str, object]) -> dict[str, Any]:
    """Translate filters, as fMRIPrep writes them into JSON, into pybids' own terms.

    `null` asks for files without the entity, `"*"` for files that have it; labels may keep their prefix.

    >>> pybids_filters({"session": "ses-01", "resolution": 2})
    {'session': '01', 'res': 2}
    """
    from bids.layout import Query

    short = {long: name for name, long in LONG_NAMES.items()}

    def term(value: object) -> object:
        if isinstance(value, list):
            return [term(item) for item in value]
        if value is None:
            return Query.NONE
        if value == "*":
            return Query.ANY
        return re.sub(r"^(sub|ses|task|run|space)-", "", value) if isinstance(value, str) else value

    return {short.get(key, key): term(value) for key, value in filters.items()}


def same_label(entity: str, one: str, other: str) -> bool:
    """Whether two labels mean the same: a run's zeros in front do not count.

    >>> same_label("run", "1", "01"), same_label("session", "1", "01")
    (True, False)
    """
    if entity == "run" and one.isdecimal() and other.isdecimal():
        return int(one) == int(other)
    return one == other


def nearest_file(
    index: Index,
    bold_name: str,
    entities: Mapping[str, str],
    filters: Mapping[str, object],
    free: frozenset[str] = frozenset({"desc"}),
) -> Path | None:
    """Find the file that a run has, or inherits from a folder above.

    Parameters
    ----------
    index
        Where to look.
    bold_name
        File name of the preprocessed bold.
    entities
        Its entities.
    filters
        pybids filters for what is looked for.
    free
        Entities of the file in which it may differ from the bold.
    """
    candidates = _inherited(index, bold_name, entities, filters, free)
    return candidates[0] if candidates else None


def inherited_metadata(index: Index, bold_name: str, entities: Mapping[str, str]) -> dict[str, Any]:
    """Metadata of a bold file: the JSON files it inherits, nearer ones winning.

    Raises
    ------
    DataError
        A JSON file is broken.
    ReadWriteError
        It cannot be read.
    """
    found = _inherited(index, bold_name, entities, {"suffix": "bold", "extension": ".json"}, frozenset())
    metadata: dict[str, Any] = {}
    for path in reversed(found):
        metadata |= read_json(path)
    return metadata


def uri(index: Index, path: Path) -> str:
    """BIDS URI of a file."""
    return f"bids:{index.name}:{path.relative_to(index.root).as_posix()}"


def _inherited(
    index: Index,
    bold_name: str,
    entities: Mapping[str, str],
    filters: Mapping[str, object],
    free: frozenset[str],
) -> list[Path]:
    """Nearest first; a filter for the datatype looks in all folders, not only in those above the run."""
    session = f"ses-{entities['session']}/" if "session" in entities else ""
    start = index.root / f"sub-{index.participant}/{session}func" / bold_name
    fitting = [
        (path, own)
        for path, own in _answer(index, filters)
        if _inherits(entities, own, free) and ("datatype" in filters or path.parent in start.parents)
    ]
    fitting.sort(key=lambda item: (-len(item[0].parts), -len(item[1]), item[0].name))
    return [path for path, _ in fitting]


def _answer(index: Index, filters: Mapping[str, object]) -> list[tuple[Path, dict[str, str]]]:
    key = json.dumps(filters, sort_keys=True, default=str)
    if key not in index.answers:
        index.answers[key] = [(path, entities_of(index, path)) for path in find_files(index, filters)]
    return index.answers[key]


def _inherits(bold: Mapping[str, str], own: Mapping[str, str], free: frozenset[str]) -> bool:
    return all(
        key in bold and same_label(key, label, bold[key]) for key, label in own.items() if key not in free
    )


def known_entities() -> tuple[str, ...]:
    """Pybids' names of the entities that files can be found by."""
    return tuple(entity.name for entity in _known_entities())


@cache
def _known_entities() -> list[Any]:
    from bids.layout.models import Config

    configurations = [Config.load(name) for name in (*CONFIGURATIONS, COHORT)]
    return [entity for configuration in configurations for entity in configuration.entities.values()]


def _layout(root: Path, participant: str, derivative: bool, database: Path | None = None) -> "BIDSLayout":
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=_ignored(participant))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return BIDSLayout(
                root,
                validate=False,
                is_derivative=derivative,
                config=[*CONFIGURATIONS, COHORT],
                indexer=indexer,
                database_path=database,
            )
    except UnicodeEncodeError:
        raise DataError(f"{_unreadable_name(root, participant)}: its name is not UTF-8; rename it") from None
    except OSError:
        raise
    except Exception as error:  # whatever pybids or its database makes of files in no known form
        if database is None:
            raise DataError(f"{root}: cannot be listed as a BIDS data set ({error}); correct it") from error
        raise ReadWriteError(
            f"{database / DATABASE_FILE}: damaged ({error}); remove it, or give another --bids-database-dir"
        ) from error


def _unreadable_name(root: Path, participant: str) -> Path:
    """First file of a participant whose name no text can hold."""
    paths = (*root.iterdir(), *(root / f"sub-{participant}").rglob("*"))
    return next((path for path in paths if os.fsencode(path.name) != _as_text(path.name)), root)


def _as_text(name: str) -> bytes:
    return name.encode(errors="replace")


def _ignored(participant: str) -> list[re.Pattern[str]]:
    """Everything but the participant's func and anat folders and the files that these may inherit."""
    subject = re.escape(f"sub-{participant}")
    inheritable = r"(?![^/]+\.(?:json|tsv|nii|nii\.gz)$)"
    return [
        re.compile(rf"^/(?!{subject}(?:/|$)){inheritable}"),
        re.compile(rf"^/{subject}/(?:ses-[^/]+/)?(?!(?:func|anat|ses-[^/]+)(?:/|$)){inheritable}"),
    ]


def _database_folder(database_dir: Path, root: Path, participant: str) -> Path:
    import bids

    key = hashlib.sha1(f"{root}\n{bids.__version__}".encode(), usedforsecurity=False).hexdigest()[:10]
    return database_dir / f"{root.name}_{key}_sub-{participant}"


def _is_stale(database: Path, root: Path, participant: str) -> bool:
    """Compare times: a file that comes or goes touches its folder."""
    if not database.is_file():
        return True
    subject = root / f"sub-{participant}"
    folders = [root, subject, *subject.glob("ses-*"), *subject.glob("func"), *subject.glob("anat")]
    folders += [*subject.glob("ses-*/func"), *subject.glob("ses-*/anat")]
    return any(folder.exists() and folder.stat().st_mtime >= database.stat().st_mtime for folder in folders)


def _write_database(folder: Path, root: Path, participant: str, derivative: bool) -> None:
    """Make it under another name first: another job may be reading."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder))
    try:
        _layout(root, participant, derivative, fresh)
        os.replace(fresh / DATABASE_FILE, folder / DATABASE_FILE)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
