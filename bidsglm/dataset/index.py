"""The files of one participant in one data set, and BIDS inheritance."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bidsglm.dataset.listing import REGULAR, Listing, known_entities, list_files, parsed
from bidsglm.dataset.roots import DESCRIPTION, read_description
from bidsglm.errors import DataError
from bidsglm.inputs import read_json
from bidsglm.statsmodel.nearest import hint

if TYPE_CHECKING:
    from bidsglm.dataset.database import Database

NOT_ENTITIES = frozenset({"suffix", "extension", "datatype", "fmap", "scans"})
"""pybids lists these among the entities of a file."""
LONG_NAMES = {"res": "resolution", "den": "density"}
"""Where pybids' name of an entity is not the long name in BIDS."""
SPACE_ENTITIES = ("space", "cohort", "resolution", "density")


@dataclass(frozen=True)
class Index:
    """One participant's files in one data set."""

    root: Path
    name: str
    """In BIDS URIs."""
    participant: str
    source: "Listing | Database"
    answers: dict[str, list[tuple[Path, dict[str, str]]]] = field(default_factory=dict)
    """Files and their entities by query: every run asks the same"""


def read_index(root: Path, name: str, participant: str, database_dir: Path | None) -> Index:
    """List one participant's functional and anatomical files, and the metadata that they inherit.

    The name of the raw data set in BIDS URIs is "raw". A folder for a database keeps the listing between
    program runs; it is made anew when a folder is younger.

    Raises
    ------
    CannotCreateError
        The database cannot be written.
    InvalidBidsError
        The derivative's dataset_description.json is broken.
    DataError
        A name is not UTF-8, or its ending is in capitals.
    """
    derivative = name != "raw"
    if derivative and (root / DESCRIPTION).is_file():
        read_description(root / DESCRIPTION)
    if database_dir is None:
        return Index(root, name, participant, list_files(root, participant))
    from bidsglm.dataset.database import read_database

    return Index(root, name, participant, read_database(root, participant, derivative, database_dir))


def entities_of(index: Index, path: Path) -> dict[str, str]:
    """BIDS entities of a file by their long names, labels as found; those of folders above do not count."""
    found = parsed(f"/{path.relative_to(index.root).as_posix()}")
    return {LONG_NAMES.get(key, key): label for key, label in found.items() if key not in NOT_ENTITIES}


def find_files(index: Index, filters: Mapping[str, object]) -> list[Path]:
    """Files that pass pybids filters, in natural order.

    Raises
    ------
    DataError
        A filter names no BIDS entity.
    """
    wanted = pybids_filters(filters)
    for entity in wanted.keys() - {*known_entities(), REGULAR}:
        near = hint(entity, known_entities())
        raise DataError(f"--bids-filter-file: {entity!r} is not a recognized entity{near}")
    # A database may come from elsewhere: what it lists outside of the data set is not of it.
    return [path for path in index.source.files(wanted) if path.is_relative_to(index.root)]


def pybids_filters(filters: Mapping[str, object]) -> dict[str, object]:
    """Translate filters, as fMRIPrep writes them into JSON, into pybids' names; labels may keep their prefix.

    `null` asks for files without the entity, `"*"` for files that have it.

    >>> pybids_filters({"session": "ses-01", "resolution": 2})
    {'session': '01', 'res': 2}
    """
    short = {long: name for name, long in LONG_NAMES.items()}

    def bare(value: object) -> object:
        if isinstance(value, list):
            return [bare(item) for item in value]
        return re.sub(r"^(sub|ses|task|run|space)-", "", value) if isinstance(value, str) else value

    return {short.get(key, key): bare(value) for key, value in filters.items()}


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

    It passes the filters, and differs from the bold in no entity but the free ones.
    """
    candidates = inherited_files(index, bold_name, entities, filters, free)
    return candidates[0] if candidates else None


def inherited_files(
    index: Index,
    bold_name: str,
    entities: Mapping[str, str],
    filters: Mapping[str, object],
    free: frozenset[str],
) -> list[Path]:
    """All files of which `nearest_file` is the first; a filter for the datatype looks in all folders."""
    start = index.root / func_folder(index.participant, entities) / bold_name
    fitting = [
        (path, own)
        for path, own in _answer(index, filters)
        if _inherits(entities, own, free) and ("datatype" in filters or path.parent in start.parents)
    ]
    fitting.sort(key=lambda item: (-len(item[0].parts), -len(item[1]), item[0].name))
    return [path for path, _ in fitting]


def inherited_metadata(index: Index, bold_name: str, entities: Mapping[str, str]) -> dict[str, Any]:
    """Metadata of a bold file: the JSON files it inherits, nearer ones winning.

    Raises
    ------
    DataError
        A JSON file is broken.
    ReadWriteError
        It cannot be read.
    """
    found = inherited_files(index, bold_name, entities, {"suffix": "bold", "extension": ".json"}, frozenset())
    metadata: dict[str, Any] = {}
    for path in reversed(found):
        metadata |= read_json(path)
    return metadata


def func_folder(participant: str, entities: Mapping[str, str]) -> str:
    """Where a run's files stand in a data set.

    >>> func_folder("01", {"session": "a"}), func_folder("01", {})
    ('sub-01/ses-a/func', 'sub-01/func')
    """
    session = f"ses-{entities['session']}/" if "session" in entities else ""
    return f"sub-{participant}/{session}func"


def uri(index: Index, path: Path) -> str:
    """BIDS URI of a file."""
    return f"bids:{index.name}:{path.relative_to(index.root).as_posix()}"


def _answer(index: Index, filters: Mapping[str, object]) -> list[tuple[Path, dict[str, str]]]:
    key = json.dumps(filters, sort_keys=True, default=str)
    if key not in index.answers:
        index.answers[key] = [(path, entities_of(index, path)) for path in find_files(index, filters)]
    return index.answers[key]


def _inherits(bold: Mapping[str, str], own: Mapping[str, str], free: frozenset[str]) -> bool:
    return all(
        key in bold and same_label(key, label, bold[key]) for key, label in own.items() if key not in free
    )
