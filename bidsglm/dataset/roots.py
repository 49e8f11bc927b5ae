"""Where the raw and the preprocessed data lie, and whom they hold."""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from bidsglm.dataset.instead import LABEL, elsewhere, found_instead, holds_series, participant_folders
from bidsglm.errors import BidsglmError, InvalidBidsError, NoInputError, NothingMatchedError, UsageError
from bidsglm.inputs import Kind, absent_content, read_json
from bidsglm.sentences import listing
from bidsglm.settings import Settings

LOG = logging.getLogger(__name__)

DESCRIPTION = "dataset_description.json"
REQUIRED_FIELDS = ("Name", "BIDSVersion")
FMRIPREP = "fmriprep"
DESCRIBED = Kind(InvalidBidsError, InvalidBidsError, "missing; every BIDS data set needs it")


def find_participants(settings: Settings) -> tuple[str, ...]:
    """Find the labels, without sub- and sorted, of the wanted participants with preprocessed functional data.

    Raises
    ------
    NoInputError
        There is no BIDS_DIR or no preprocessed data.
    InvalidBidsError
        dataset_description.json is missing or broken.
    NothingMatchedError
        A label asked for does not exist.
    """
    check_raw(settings)
    folders = tuple(derivative_roots(settings).values())
    existing = sorted({label for folder in folders for label in _subjects(folder)})
    if not existing:
        remedy = elsewhere(folders[0]) or "run fMRIPrep or give --derivatives"
        raise NoInputError(
            f"{folders[0]}: no sub-* folder with functional data in it{_misnamed(folders[0])}; {remedy}"
        )
    for folder in folders:
        if ignored := _misnamed(folder):
            LOG.warning("%s%s; left out", folder, ignored)
    wanted = {label.removeprefix("sub-") for label in settings.participant_labels}
    missing = sorted(wanted.difference(existing))
    if missing:
        raise NothingMatchedError(
            f"--participant-label {listing(missing)}: no preprocessed functional data in "
            f"{' or '.join(map(str, folders))}; there are {listing(existing)}"
        )
    return tuple(label for label in existing if not wanted or label in wanted)


def check_raw(settings: Settings) -> None:
    """Refuse a BIDS_DIR that is missing or whose dataset_description.json breaks BIDS.

    Raises
    ------
    NoInputError
        No such folder.
    InvalidBidsError
        The description is missing, broken or lacks a required field, and validation is not skipped.
    """
    if not settings.bids_dir.is_dir():
        raise NoInputError(
            f"{settings.bids_dir}: no such folder; give the root of a BIDS data set as BIDS_DIR"
        )
    if settings.skip_bids_validation:
        return
    path = settings.bids_dir / DESCRIPTION
    if not (path.is_file() or absent_content(path)):
        raise InvalidBidsError(
            f"{path}: missing; every BIDS data set needs it (or give --skip-bids-validation)"
        )
    description = read_description(path)
    missing = [name for name in REQUIRED_FIELDS if not description.get(name)]
    if missing:
        raise InvalidBidsError(
            f"{path}: lacks {' and '.join(missing)}, which BIDS requires; add it "
            "(or give --skip-bids-validation)"
        )


def derivative_roots(settings: Settings) -> dict[str, Path]:
    """Folders with preprocessed data under the names that BIDS URIs give them.

    Raises
    ------
    NoInputError
        There is none, or a folder given does not exist.
    UsageError
        There are several, and none is given.
    """
    folders = [root for path in settings.derivatives for root in _given_roots(path)]
    if not folders:
        folders = [_default_root(settings.bids_dir)]
    roots: dict[str, Path] = {}
    for folder in dict.fromkeys(path.absolute() for path in folders):
        stem = re.sub(r"[^A-Za-z0-9]", "", folder.name) or "derivatives"
        taken = [name for name in ("raw", *roots) if re.fullmatch(rf"{stem}\d*", name)]
        roots[stem if not taken else f"{stem}{len(taken) + 1}"] = folder
    return roots


def dataset_links(settings: Settings) -> dict[str, Path]:
    """Say what the names in BIDS URIs stand for: `raw` and every folder of preprocessed data."""
    return {"raw": settings.bids_dir.absolute(), **derivative_roots(settings)}


def read_description(path: Path) -> Mapping[str, object]:
    """Read a dataset_description.json.

    Raises
    ------
    InvalidBidsError
        It is no JSON object, or not in the form that BIDS gives it.
    ReadWriteError
        It cannot be read.
    """
    description = read_json(path, DESCRIBED)
    generators = description.get("GeneratedBy", [])
    if not isinstance(generators, list) or not all(isinstance(item, dict) for item in generators):
        raise InvalidBidsError(
            f'{path}: GeneratedBy must be a list of objects such as [{{"Name": "fMRIPrep"}}]; correct it'
        )
    if not isinstance(description.get("PipelineDescription", {}), dict):
        raise InvalidBidsError(f"{path}: PipelineDescription must be an object; correct it")
    return description


def _subjects(folder: Path) -> list[str]:
    return [
        path.name.removeprefix("sub-")
        for path in participant_folders(folder)
        if (path / "func").is_dir() or any(path.glob("ses-*/func"))
    ]


def _misnamed(folder: Path) -> str:
    """Name the folders that are no participants, as the middle of a message; nothing where there are none."""
    names = sorted(p.name for p in folder.glob("sub-*") if p.is_dir() and not LABEL.fullmatch(p.name))
    if not names:
        return ""
    return f": {listing(names)}: no participant, a label holds nothing but letters and digits"


def _given_roots(path: Path) -> list[Path]:
    if not path.is_dir():
        raise NoInputError(f"{path}: no such folder; correct --derivatives")
    if _has_participants(path.absolute(), path.stat().st_mtime_ns):
        return [path]
    inside = _default_of(path, _fmriprep_like(path))
    if inside is None:
        raise NoInputError(
            f"{path}: no preprocessed data in it; "
            f"{elsewhere(path) or 'give the output folder of fMRIPrep as --derivatives'}"
        )
    return [inside]


@lru_cache(maxsize=64)
def _has_participants(folder: Path, changed: int) -> bool:
    """Whether a folder, last changed at a time, holds participants: a look that ends at the first."""
    with os.scandir(folder) as entries:
        return any(entry.name.startswith("sub-") and entry.is_dir() for entry in entries)


def _is_derivative(folder: Path) -> bool:
    description = folder / DESCRIPTION
    return description.is_file() and read_description(description).get("DatasetType") == "derivative"


def _default_root(bids_dir: Path) -> Path:
    folder = bids_dir / "derivatives"
    candidates = _fmriprep_like(folder) if folder.is_dir() else []
    if not candidates and folder.is_dir() and holds_series(folder):
        return folder
    found = _default_of(folder, candidates)
    if found is not None:
        return found
    if _is_derivative(bids_dir):
        raise NoInputError(
            f"{bids_dir}: holds preprocessed data; give the raw data set as BIDS_DIR and this folder by"
            " --derivatives"
        )
    raise NoInputError(f"{folder}: no preprocessed data; {_others(folder)}")


def _others(folder: Path) -> str:
    """What to do where no folder looks like fMRIPrep's: what another program left may serve."""
    for path in _folders_in(folder) if folder.is_dir() else ():
        series = next((p for p in (path, *_folders_in(path)) if holds_series(p, "bold.nii")), None)
        if series is not None:
            return f"in {series} {found_instead(participant_folders(series))} and --derivatives {series}"
    return "run fMRIPrep or give --derivatives"


def _default_of(folder: Path, candidates: Sequence[Path]) -> Path | None:
    """The one of some folders that is meant where none is given.

    A folder named fmriprep is, unless another one holds what another version of fMRIPrep made; else the only
    one that holds preprocessed series.

    Raises
    ------
    UsageError
        When there are several.
    """
    full = [path for path in candidates if holds_series(path)]
    own = [path for path in full if _is_fmriprep(path)]
    exact = next((p for p in candidates if FMRIPREP in (p.name, p.relative_to(folder).parts[0])), None)
    if exact is not None and (len(own) < 2 or exact not in own):
        return exact
    pool = own or full or candidates[:1]
    if len(pool) > 1:
        named = " and ".join(str(path.relative_to(folder)) for path in pool)
        raise UsageError(
            f"{folder}: {named} hold preprocessed data; say by --derivatives which of them to take"
        )
    return pool[0] if pool else None


def _fmriprep_like(folder: Path) -> list[Path]:
    """Folders with preprocessed data in a folder, each of them once whatever links lead to it."""
    found: dict[Path, Path] = {}
    for path in _folders_in(folder):
        data = _with_participants(path)
        if _is_fmriprep(data) or holds_series(data):
            # fmriprep may be a link to fmriprep-23.2.0, and is then the name that people know.
            twin = found.setdefault(data.resolve(), data)
            found[data.resolve()] = data if data.name == FMRIPREP else twin
    return list(found.values())


def _with_participants(folder: Path) -> Path:
    """The folder itself, or in fMRIPrep's legacy layout (fmriprep/fmriprep) the one inside."""
    if participant_folders(folder):
        return folder
    inside = [path for path in _folders_in(folder) if participant_folders(path)]
    return next((path for path in inside if _is_fmriprep(path) or holds_series(path)), folder)


def _folders_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_fmriprep(folder: Path) -> bool:
    names = (folder.name, *_pipelines(folder / DESCRIPTION))
    return any(name.lower().startswith(FMRIPREP) for name in names)


def _pipelines(path: Path) -> list[str]:
    """Names of the programs that made a data set, where its description can be read."""
    try:
        generators: Any = read_description(path).get("GeneratedBy", ()) if path.exists() else ()
    except BidsglmError:
        return []
    return [str(item.get("Name", "")) for item in generators]
