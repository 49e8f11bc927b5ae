"""Where the raw and the preprocessed data lie, and whom they hold."""

import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

from bidsglm.errors import InvalidBidsError, NoInputError, NothingMatchedError
from bidsglm.model import Settings

DESCRIPTION = "dataset_description.json"
REQUIRED_FIELDS = ("Name", "BIDSVersion")
PREPROCESSED = "desc-preproc_bold.nii"
SUBJECTS_LOOKED_AT = 20
"""A folder is judged by its first subjects: listing a thousand takes seconds on a network drive."""
LABELS_SHOWN = 5
"""Enough to recognise a misspelt label; a list of a thousand is no help."""


def find_participants(settings: Settings) -> tuple[str, ...]:
    """Find the labels, without sub-, of the participants with preprocessed functional data.

    Parameters
    ----------
    settings
        Its participant_labels select; none selects all.

    Returns
    -------
    tuple of str
        Sorted.

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
        raise NoInputError(
            f"{folders[0]}: no sub-* folder with functional data in it; run fMRIPrep or give --derivatives"
        )
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
    if not path.is_file():
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
        It cannot be read or is no JSON object.
    """
    try:
        description = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InvalidBidsError(
            f"{path}: line {error.lineno}: not valid JSON ({error.msg}); correct it"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidBidsError(f"{path}: cannot be read as UTF-8 text ({error}); replace it") from error
    if not isinstance(description, dict):
        raise InvalidBidsError(f"{path}: holds no JSON object; write one with Name and BIDSVersion")
    return description


def listing(labels: Iterable[str], shown: int = LABELS_SHOWN) -> str:
    """Name the first few labels, for a message.

    >>> listing(["a", "b", "c"], shown=2)
    'a, b and 1 more'
    """
    labels = list(labels)
    rest = len(labels) - shown
    return ", ".join(labels[:shown]) + (f" and {rest} more" if rest > 0 else "")


def _subjects(folder: Path) -> list[str]:
    return [
        path.name.removeprefix("sub-")
        for path in folder.glob("sub-*")
        if (path / "func").is_dir() or any(path.glob("ses-*/func"))
    ]


def _given_roots(path: Path) -> list[Path]:
    if not path.is_dir():
        raise NoInputError(f"{path}: no such folder; correct --derivatives")
    if next(path.glob("sub-*"), None) is not None:
        return [path]
    inside = _fmriprep_like(path)
    if inside is None:
        raise NoInputError(
            f"{path}: no preprocessed data in it; give fMRIPrep's output folder as --derivatives"
        )
    return [inside]


def _is_derivative(folder: Path) -> bool:
    description = folder / DESCRIPTION
    return description.is_file() and read_description(description).get("DatasetType") == "derivative"


def _default_root(bids_dir: Path) -> Path:
    folder = bids_dir / "derivatives"
    if (folder / "fmriprep").is_dir():
        return folder / "fmriprep"
    found = _fmriprep_like(folder) if folder.is_dir() else None
    if found is None:
        if _is_derivative(bids_dir):
            raise NoInputError(
                f"{bids_dir}: holds preprocessed data; give the raw data set as BIDS_DIR and this folder by"
                " --derivatives"
            )
        raise NoInputError(f"{folder}: no preprocessed data; run fMRIPrep or give --derivatives")
    return found


def _fmriprep_like(folder: Path) -> Path | None:
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return next((path for path in inside if _is_fmriprep_like(path)), None)


def _is_fmriprep_like(folder: Path) -> bool:
    return (
        folder.name.lower().startswith("fmriprep")
        or any(name.lower().startswith("fmriprep") for name in _pipelines(folder / DESCRIPTION))
        or any(
            next(subject.glob(f"{place}/*_{PREPROCESSED}*"), None) is not None
            for subject in islice(folder.glob("sub-*"), SUBJECTS_LOOKED_AT)
            for place in ("func", "ses-*/func")
        )
    )


def _pipelines(path: Path) -> list[str]:
    try:
        generators = read_description(path).get("GeneratedBy")
    except InvalidBidsError:
        return []
    if not isinstance(generators, list):
        return []
    return [str(item.get("Name", "")) for item in generators if isinstance(item, dict)]
