"""The listing that pybids keeps in a database (--bids-database-dir)."""

import hashlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bidsglm.dataset.listing import ANY, COHORT, CONFIGURATIONS, list_files
from bidsglm.errors import CannotCreateError, DataError, ReadWriteError

if TYPE_CHECKING:
    from bids.layout import BIDSLayout

DATABASE_FILE = "layout_index.sqlite"


class Database(NamedTuple):
    """A participant's files in a data set, as pybids lists them."""

    layout: "BIDSLayout"

    def files(self, filters: Mapping[str, object]) -> list[Path]:
        """Files that pass filters, in natural order: a label, several, None for none of it, ``*`` for any."""
        from bids.layout import Query

        def term(value: object) -> object:
            if isinstance(value, list):
                return [term(item) for item in value]
            return Query.NONE if value is None else Query.ANY if value == ANY else value

        found = self.layout.get(return_type="file", **{name: term(value) for name, value in filters.items()})
        return list(map(Path, found))


def read_database(root: Path, participant: str, derivative: bool, database_dir: Path) -> Database:
    """Read the listing that is kept, made again when a folder is newer.

    Raises
    ------
    CannotCreateError
        The database cannot be written.
    """
    folder = _database_folder(database_dir, root, participant)
    try:
        if _is_stale(folder / DATABASE_FILE, root, participant):
            _write_database(folder, root, participant, derivative)
        return Database(_layout(root, participant, derivative, folder))
    except OSError as error:
        raise CannotCreateError(
            f"{folder}: cannot keep the file index there ({error}); give another --bids-database-dir"
        ) from error


def _layout(root: Path, participant: str, derivative: bool, database: Path) -> "BIDSLayout":
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
    list_files(root, participant)  # pybids passes over names that are then missed in silence
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder))
    try:
        _layout(root, participant, derivative, fresh)
        os.replace(fresh / DATABASE_FILE, folder / DATABASE_FILE)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
