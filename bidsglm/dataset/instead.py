"""What stands where preprocessed series should, and the option that takes it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from bidsglm.sentences import listing

PREPROCESSED = "desc-preproc_bold.nii"
PLACES = ("func", "ses-*/func")
SUBJECTS_LOOKED_AT = 20
"""A folder is judged by its first subjects: listing a thousand takes seconds on a network drive."""
LEVELS_LOOKED_AT = 3
"""Folders below a parent that somebody gives; deeper trees are other data sets."""
LABEL = re.compile(r"sub-[0-9A-Za-z+]+")
"""Names of participants' folders; BIDS allows nothing else in a label."""
OF_SURFACES = "fMRIPrep writes volumes too with --output-spaces MNI152NLin2009cAsym, and those are fitted"

UNUSABLE = (
    ("CIFTI series (*_bold.dtseries.nii)", "*_bold.dtseries.nii", OF_SURFACES),
    ("series on surfaces (*_bold.func.gii)", "*_bold.func.gii", OF_SURFACES),
    (
        "series in the names of fMRIPrep before 1.2 (*_preproc.nii.gz)",
        "*_bold_*preproc.nii*",
        "run a newer fMRIPrep, or rename them",
    ),
    (
        "what fMRIPrep --level minimal or resampling writes, without series",
        "*_from-*_xfm.*",
        "run fMRIPrep with --level full",
    ),
    (
        "what fMRIPrep --level minimal or resampling writes, without series",
        "*_boldref.nii*",
        "run fMRIPrep with --level full",
    ),
)
"""Files that cannot be fitted: what they are, how they are named, what to do."""


def participant_folders(folder: Path) -> list[Path]:
    """Folders of participants, sorted; sub-01_old is none, since no label holds an underscore."""
    return sorted(path for path in folder.glob("sub-*") if LABEL.fullmatch(path.name) and path.is_dir())


def holds_series(folder: Path, ending: str = PREPROCESSED) -> bool:
    """Whether one of the first participants of a folder has a series of that ending."""
    return any(
        next(subject.glob(f"{place}/*_{ending}*"), None) is not None
        for subject in islice(participant_folders(folder), SUBJECTS_LOOKED_AT)
        for place in PLACES
    )


def found_instead(subjects: Sequence[Path]) -> str:
    """Say, for the end of a message, what is there in place of preprocessed series, and what takes it."""
    subjects = subjects[:SUBJECTS_LOOKED_AT]
    descriptions = _descriptions(subjects)
    if descriptions:
        first = descriptions[0]
        asked = f'{{"bold": {{"desc": "{first}"}}}}' if first else '{"bold": {"desc": null}}'
        named = listing(f"desc-{label}" if label else "no desc" for label in descriptions)
        return f"there are series with {named}: take them by --bids-filter-file with {asked}"
    for what, pattern, remedy in UNUSABLE:
        if _any_file(subjects, pattern):
            return f"there are {what}: {remedy}"
    if any(_any_file(subjects, pattern) for pattern in ("*_bold.nii*", "*_bold.json")):
        return "there are raw series: run fMRIPrep on them, and give its output folder as --derivatives"
    return "run fMRIPrep on it, or give the folder with its output as --derivatives"


def elsewhere(folder: Path) -> str:
    """Name a folder above, beside or below one without preprocessed series that has some; else nothing."""
    above = next((p.parent for p in (folder, *folder.parents) if LABEL.fullmatch(p.name)), None)
    if above is not None and holds_series(above):
        return f"give {above}, the folder of all participants, as --derivatives"
    beside = [path for path in _folders(folder.parent) if path != folder]
    found = next((p for p in (*_below(folder, LEVELS_LOOKED_AT), *beside) if holds_series(p)), None)
    return f"{found} holds preprocessed series: give it as --derivatives" if found else ""


def _below(folder: Path, levels: int) -> Iterator[Path]:
    """Folders of a tree, the upper ones first, without those of participants."""
    inside = [path for path in _folders(folder) if not path.name.startswith("sub-")]
    yield from inside
    if levels > 1:
        for path in inside:
            yield from _below(path, levels - 1)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        return []


def _files(subjects: Iterable[Path], pattern: str) -> Iterator[Path]:
    return (path for s in subjects for place in PLACES for path in s.glob(f"{place}/{pattern}"))


def _any_file(subjects: Iterable[Path], pattern: str) -> bool:
    return next(_files(subjects, pattern), None) is not None


def _descriptions(subjects: Iterable[Path]) -> list[str]:
    """Labels of desc of series that have been made from raw ones; empty text for a space alone."""
    labels = set()
    for path in _files(subjects, "*_bold.nii*"):
        match = re.search(r"_desc-([^_]+)_bold\.nii", path.name)
        if match or "_space-" in path.name:
            labels.add(match[1] if match else "")
    return sorted(labels, reverse=True)
