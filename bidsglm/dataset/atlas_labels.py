"""Names of an atlas' regions: BIDS' dseg.tsv and what other packages write for it."""

import re
from collections.abc import Sequence
from pathlib import Path

from bidsglm.dataset.tsv import MISSING, Table, number, read_tsv
from bidsglm.errors import DataError, NoInputError
from bidsglm.inputs import Kind, file_size, read_text
from bidsglm.sentences import listing

INDEX_COLUMNS = ("index", "id", "value", "number", "roi_id", "roi")
"""BIDS has `index`; the others come from nilearn, CONN and lists made by hand."""
NAME_COLUMNS = ("name", "label", "region", "region_name", "roi_name", "structure", "abbreviation")
"""BIDS has `name`."""
ENTITIES_OF_THE_GRID = r"_(res|den)-[0-9A-Za-z]+"
"""One labels file may serve an atlas at several resolutions."""
BACKGROUND = 0
NAMES_SHOWN = 8
"""Regions or columns in a message"""
LONGEST_NAME = 1_000
"""Characters: a name stands in tables and on a page."""
LARGEST_INDEX = 2**31 - 1
"""Index of a region: what an image of whole numbers holds."""
LABELS = Kind(
    NoInputError, DataError, "there is no such labels file; check --atlas-labels", "give a TSV file"
)


def find_labels(atlas: Path) -> Path | None:
    """Labels file that stands beside an atlas; none where there is none.

    `X_dseg.nii.gz` has `X_dseg.tsv`, `X.nii.gz` has `X.tsv` or `X_dseg.tsv`, also without the resolution.
    """
    stem = atlas.name.removesuffix(".gz").removesuffix(".nii")
    plain = re.sub(ENTITIES_OF_THE_GRID, "", stem)
    names = dict.fromkeys(f"{name}.tsv" for s in (stem, plain) for name in (s, f"{s}_dseg"))
    return next((path for name in names if (path := atlas.with_name(name)).is_file()), None)


def read_labels(path: Path) -> dict[int, str]:
    """Read the names of regions by their index; the background, 0, is left out.

    A table with a header (`index` and `name`, or a variant of them), or a list without one: number and name
    in each line, as FreeSurfer's colour tables and AAL's lists have it.

    Raises
    ------
    NoInputError, ReadWriteError
        When the file is missing or cannot be read.
    DataError
        When it has no such columns, a line without a whole number, or an index twice.
    """
    file_size(path, LABELS)
    rows = _list(path)
    if not rows:
        table = read_tsv(path)
        index = _column(table, INDEX_COLUMNS)
        name = _column(table, NAME_COLUMNS, but=index)
        rows = list(zip(table.lines, table.columns[index], table.columns[name], strict=True))
    return _named(path, rows)


def _list(path: Path) -> list[tuple[int, str, str]]:
    """Line number, number and name of each line of a file without a header; nothing where there is one.

    Raises
    ------
    DataError
        When a line has a number alone, or it is no UTF-8 text.
    ReadWriteError
        When the file cannot be read.
    """
    text = read_text(path)
    rows = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip() and line[0] != "#"]
    cells = [(i, line.strip().split("\t" if "\t" in line else None)) for i, line in rows]
    if not cells or not cells[0][1][0].strip().isdigit():
        return []
    for i, words in cells:
        if len(words) < 2:
            raise DataError(f"{path}: line {i}: a number and a name are needed; correct it")
    return [(i, words[0].strip(), words[1].strip()) for i, words in cells]


def _column(table: Table, wanted: Sequence[str], but: str = "") -> str:
    """Column of a table under the first of the wanted names that it has."""
    found = {name.lower(): name for name in reversed(tuple(table.columns)) if name != but}
    for name in wanted:
        if name in found:
            return found[name]
    raise DataError(
        f"{table.path}: line 1: has no column {wanted[0]}, only {listing(table.columns, NAMES_SHOWN)}; "
        "it must be tab-separated, with the columns index and name"
    )


def _named(path: Path, rows: Sequence[tuple[int, str, str]]) -> dict[int, str]:
    """Index -> name, every index once, from line numbers, numbers and names."""
    found: dict[int, str] = {}
    places: dict[int, int] = {}
    for line, cell, name in rows:
        value = number(cell)
        if not (value.is_integer() and abs(value) <= LARGEST_INDEX):
            shown = cell or "nothing"
            raise DataError(f"{path}: line {line}: index is {shown}; give the region's whole number")
        index = int(value)
        if index in places:
            raise DataError(
                f"{path}: line {line}: index {index} stands in line {places[index]} already; keep one of them"
            )
        if len(name) > LONGEST_NAME:
            raise DataError(f"{path}: line {line}: the name of region {index} is longer than {LONGEST_NAME}")
        places[index] = line
        if index != BACKGROUND:
            found[index] = str(index) if name in MISSING else name
    return found
