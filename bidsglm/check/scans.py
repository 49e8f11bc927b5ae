"""Files that an SPM.mat names, found again under a folder that the user gives."""

import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bidsglm.errors import DataError

MOST_FILES = 500_000
"""Files under the folder; a data set of a thousand participants has as many."""


class Relocated(NamedTuple):
    """Where files are now."""

    found: Mapping[str, Path]
    """Path as it was -> path as it is"""
    missing: tuple[str, ...]
    ambiguous: tuple[str, ...]
    """Those whose name several files share equally well"""


def parts_of(path: str) -> tuple[str, ...]:
    r"""Folders and name of a path of either system.

    >>> parts_of("D:\\study\\func\\a.nii"), parts_of("/study/a.nii")
    (('D:', 'study', 'func', 'a.nii'), ('study', 'a.nii'))
    """
    return tuple(part for part in re.split(r"[\\/]+", path) if part not in ("", "."))


def relocated(paths: Iterable[str], folder: Path, aside: Collection[Path] = ()) -> Relocated:
    """Find files by the longest end of their path that a file under a folder shares.

    Parameters
    ----------
    paths
        As they were on the machine of the analysis; nothing is opened at these places.
    folder
        What the user gave; no link that leads out of it is followed.
    aside
        Files, resolved, that are none of them, such as an analysis' own maps

    Raises
    ------
    DataError
        There are too many files under the folder.
    """
    wanted = {path: parts_of(path) for path in dict.fromkeys(paths)}
    by_name = _files(folder, {parts[-1] for parts in wanted.values() if parts}, aside)
    found, missing, ambiguous = {}, [], []
    for path, parts in wanted.items():
        candidates = by_name.get(parts[-1] if parts else "", [])
        ranked = sorted(((_shared(parts, each), each) for each in candidates), key=lambda pair: -pair[0])
        if not ranked:
            missing.append(path)
        elif len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            ambiguous.append(path)
        else:
            found[path] = ranked[0][1]
    return Relocated(found, tuple(missing), tuple(ambiguous))


def _files(folder: Path, names: set[str], aside: Collection[Path]) -> dict[str, list[Path]]:
    """Name -> files of that name; ``.nii.gz`` stands for ``.nii`` where a file was packed since."""
    root = folder.resolve()
    packed = {f"{name}.gz": name for name in names}
    found: dict[str, list[Path]] = {}
    count = 0
    for place, _, files in os.walk(root, followlinks=False):
        count += len(files)
        if count > MOST_FILES:
            raise DataError(f"{folder}: holds more than {MOST_FILES:,} files; give --scans a smaller folder")
        for file in files:
            name = file if file in names else packed.get(file)
            path = Path(place) / file
            if name is None or path.resolve() in aside:
                continue
            if all(part.resolve().is_relative_to(root) for part in (path, *companions(path))):
                found.setdefault(name, []).append(path)
    return found


def companions(path: Path) -> tuple[Path, ...]:
    """Files that are read with an image of two files.

    >>> [each.name for each in companions(Path("a.img"))], companions(Path("a.nii"))
    (['a.hdr', 'a.mat'], ())
    """
    return tuple(path.with_suffix(ending) for ending in (".hdr", ".mat")) if path.suffix == ".img" else ()


def _shared(parts: tuple[str, ...], candidate: Path) -> int:
    """Number of parts from the end in which both agree, the name not counted."""
    own = PurePosixPath(candidate.as_posix()).parts[:-1]
    count = 0
    for one, other in zip(reversed(parts[:-1]), reversed(own), strict=False):
        if one != other:
            break
        count += 1
    return count
