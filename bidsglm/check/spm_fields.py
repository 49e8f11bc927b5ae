"""Fields that an SPM.mat of any level has: numbers, scans, contrasts."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bidsglm.check.matlab import field, listed, numbers, text, texts
from bidsglm.check.matlab_hdf5 import Tree
from bidsglm.check.spm_records import Scan, SpmContrast
from bidsglm.errors import DataError
from bidsglm.model import Floats

KERNEL = re.compile(r"conv\(([0-9.]+),([0-9.]+),([0-9.]+)\)")
"""How SPM's smoothing signs the images it writes."""
VOLUME = re.compile(r",(\d+)$")
MOST_SCANS = 200_000


def malformed(path: Path, what: str) -> DataError:
    """Error on a structure that SPM does not write so."""
    return DataError(f"{path}: its SPM is not as SPM writes it ({what[:80]}); give another SPM.mat")


def refuse_lacking(path: Path, lacks: Iterable[tuple[str, bool]]) -> None:
    """Refuse a structure by the first thing that it lacks: what, and whether that is so."""
    for what, is_lacking in lacks:
        if is_lacking:
            raise malformed(path, f"it lacks {what}")


def matrix_of(value: Tree) -> Floats:
    """Array of two axes; a vector is a column, as axes of length 1 are lost in reading."""
    found = np.asarray(value, dtype=np.float64)
    return found if found.ndim == 2 else found.reshape(-1, 1)


def positive(spm: Tree, path: Path, *names: str) -> float:
    """Positive number in a field that must be there; a DataError names the field."""
    found = numbers(field(spm, *names))
    if not found.size or not np.isfinite(found[0]) or found[0] <= 0:
        raise DataError(
            f"{path}: SPM.{'.'.join(names)} is missing or no positive number; give another SPM.mat"
        )
    return float(found[0])


def number_or(value: Tree, default: float) -> float:
    """First finite number, else the default."""
    found = numbers(value)
    return float(found[0]) if found.size and np.isfinite(found[0]) else default


def number_or_nan(value: Tree) -> float:
    """First number, NaN where there is none."""
    found = numbers(value)
    return float(found[0]) if found.size else float("nan")


def scans_named(paths: Tree, volumes: list[Tree], n_scans: int) -> list[Scan]:
    """Paths of the user where they stand, else those of the mapped volumes."""
    given = texts(paths) or [text(field(v, "fname")) for v in volumes]
    if len(given) == 1 < n_scans and isinstance(paths, str) and len(paths) % n_scans == 0:
        # some converters write the rows of a character array one behind the other
        width = len(paths) // n_scans
        given = [text(paths[i : i + width]) for i in range(0, len(paths), width)]
    if len(given) > MOST_SCANS:
        return []
    numbered = [int(numbers(field(each, "n"))[:1].sum()) for each in volumes]
    if len(set(zip(given, numbered, strict=False))) < len(given):
        numbered = []  # no two scans are one volume of a file: they stand in its order
    seen: dict[str, int] = {}
    made = []
    for index, entry in enumerate(given):
        match = VOLUME.search(entry)
        path = VOLUME.sub("", entry)
        seen[path] = seen.get(path, 0) + 1
        counted = numbered[index] if index < len(numbered) else 0
        made.append(Scan(path, int(match[1]) if match else counted or seen[path]))
    return made


def smoothing_kernel(description: str) -> tuple[float, ...]:
    """Widths in mm; none where the images were not smoothed by SPM.

    >>> smoothing_kernel("SPM - 3D normalized - conv(6,6,6)")
    (6.0, 6.0, 6.0)
    """
    match = KERNEL.search(description)
    return tuple(float(width) for width in match.groups()) if match else ()


def contrasts_of_manager(spm: Tree, n_columns: int) -> list[SpmContrast]:
    """Contrasts that have weights for each column of the design."""
    made = []
    for each in listed(field(spm, "xCon")):
        weights = (
            np.asarray(field(each, "c"), dtype=np.float64) if field(each, "c") is not None else np.empty(0)
        )
        if weights.size % n_columns or not weights.size or (weights.ndim > 1 and len(weights) != n_columns):
            continue
        rows = weights.reshape(n_columns, -1).T if weights.ndim < 2 else weights.T
        made.append(
            SpmContrast(
                name=text(field(each, "name")),
                test=text(field(each, "STAT")) or "T",
                weights=np.asarray(rows),
                effect_map=bare_name(text(field(each, "Vcon", "fname"))),
                stat_map=bare_name(text(field(each, "Vspm", "fname"))),
            )
        )
    return made


def bare_name(path: str) -> str:
    r"""Name without folders, of either system.

    >>> bare_name("D:\\study\\con_0001.nii")
    'con_0001.nii'
    """
    return re.split(r"[\\/]", path)[-1]
