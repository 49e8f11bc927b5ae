"""Tab-separated text as BIDS has it, with the line numbers that messages need."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.errors import DataError
from bidsglm.inputs import read_text
from bidsglm.model import Floats

MISSING = frozenset({"", "n/a", "N/A", "nan", "NaN", "NA", "#N/A", "<NA>"})
"""BIDS writes n/a; pandas, MATLAB, R and spreadsheets leave the others."""

SEPARATORS: Mapping[str, str] = {",": "commas", ";": "semicolons"}
"""What spreadsheets write in place of tabs."""

LARGEST_NUMBER = 1e30
"""Powers of it, as polynomial modulation takes them, are still finite."""

MOST_COLUMNS = 20_000
"""fMRIPrep writes about a thousand."""
MOST_CELLS = 8_000_000
"""In half a gigabyte of memory: a thousand columns of a run of eight thousand scans."""


class Table(NamedTuple):
    """A table of text."""

    path: Path
    columns: Mapping[str, tuple[str, ...]]
    """Cells of each column as in the file, without spaces or quotes around them."""
    lines: tuple[int, ...]
    """Line number in the file of each row, from 1."""
    widths: tuple[int, ...] = ()
    """Cells on the line of each row, those behind the last tab included."""

    def check_reaches(self, column: str) -> None:
        """Check that no line ends before a column: what stands there is not missing (n/a), it is lost.

        Raises
        ------
        DataError
            Naming the first line that does.
        """
        needed = list(self.columns).index(column) + 1
        for line, width in zip(self.lines, self.widths, strict=False):
            if width < needed:
                raise DataError(
                    f"{self.path}: line {line}: ends after {width} of {len(self.columns)} cells, before its "
                    f"{column}; complete the line (n/a where there is none), or copy the file again"
                )


def read_tsv(path: Path) -> Table:
    """Read a tab-separated file; a byte order mark, CRLF, blank lines and a missing last newline do no harm.

    Raises
    ------
    ReadWriteError
        The file cannot be read.
    DataError
        It is no UTF-8 text, separated by something else than tabs, has no header or one that gives one name
        to two columns that differ, a row has more cells than the header, a quoted cell does not end on its
        line, or it is larger than any table of a run.
    """
    text = read_text(path)
    if text.count("\t") + text.count("\n") > MOST_CELLS:
        raise DataError(f"{path}: has more than {MOST_CELLS:,} cells; is it the table of one run?")
    numbered = [(i, line) for i, line in enumerate(_lines(text), start=1) if line.strip()]
    if not numbered:
        raise DataError(f"{path}: empty; it needs a line with the names of its columns")
    header, *rows = _rows(path, numbered)
    names = header[1]
    if len(names) == 1 and (sign := next((sign for sign in SEPARATORS if sign in names[0]), "")):
        raise DataError(
            f"{path}: line {header[0]}: its columns are separated by {SEPARATORS[sign]}, not by tabs; "
            "save it as tab-separated text"
        )
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{path}: has {len(names):,} columns, more than {MOST_COLUMNS:,}; leave some out")
    for i, cells in rows:
        if any(cells[len(names) :]):
            raise DataError(
                f"{path}: line {i}: {len(cells)} cells under {len(names)} column names; correct it"
            )
    columns: dict[str, tuple[str, ...]] = {}
    for j, name in enumerate(names):
        column = tuple(cells[j] if j < len(cells) else "" for _, cells in rows)
        if columns.get(name, column) is not column and columns[name] != column:
            raise DataError(
                f"{path}: line {header[0]}: two columns are called {name}; rename or remove one of them"
            )
        if name:
            columns[name] = column
    return Table(path, columns, tuple(i for i, _ in rows), tuple(len(cells) for _, cells in rows))


def numbers(table: Table, column: str, rows: Sequence[int], remedy: str) -> Floats:
    """Convert a column at some rows to finite numbers (n_rows,).

    The remedy is what to do about a cell that holds none, for the message.

    Raises
    ------
    DataError
        Naming file, line and column of a cell that is missing, no number, infinite or implausibly large.
    """
    cells = table.columns[column]
    values = [number(cells[row]) for row in rows]
    for row, value in zip(rows, values, strict=True):
        if not abs(value) < LARGEST_NUMBER:
            cell = cells[row] or "nothing"
            raise DataError(f"{table.path}: line {table.lines[row]}: {column} is {cell}; {remedy}")
    return np.array(values, dtype=np.float64)


def number(cell: str) -> float:
    """Convert a cell; NaN where it holds no number.

    Python's own spellings (`1_0`, digits of other scripts) are no numbers to anybody else.

    >>> number("1e-3"), number("n/a"), number("1_0")
    (0.001, nan, nan)
    """
    if "_" in cell or not cell.isascii():
        return math.nan
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _rows(path: Path, numbered: Sequence[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line.

    Raises
    ------
    DataError
        A quoted cell goes on after the end of its line: readers that heed quotes would find other rows.
    """
    for i, line in numbered:
        cells = [cell.strip() for cell in line.split("\t")]
        for cell in cells if '"' in line else ():
            if cell[0:1] == '"' and (len(cell) == 1 or cell[-1] != '"'):
                raise DataError(
                    f"{path}: line {i}: a quotation mark opens before {cell[1:40]!r} and does not close "
                    "on the line; take it out, and any line break within the cell"
                )
        yield i, [_plain(cell) for cell in cells]


def _lines(text: str) -> list[str]:
    """Split at line ends only: str.splitlines also splits at characters that labels may hold."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _plain(cell: str) -> str:
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
