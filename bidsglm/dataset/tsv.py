"""Tab-separated text as BIDS has it, with the line numbers that messages need."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.dataset.content import absent_content
from bidsglm.errors import DataError, ReadWriteError
from bidsglm.model import Floats

MISSING = frozenset({"", "n/a", "N/A", "nan", "NaN"})
"""BIDS writes n/a; pandas, MATLAB and spreadsheets leave the others."""

LARGEST_NUMBER = 1e30
"""Powers of it, as polynomial modulation takes them, are still finite."""


class Table(NamedTuple):
    """A table of text."""

    path: Path
    columns: Mapping[str, tuple[str, ...]]
    """Cells of each column as in the file, without spaces or quotes around them."""
    lines: tuple[int, ...]
    """Line number in the file of each row, from 1."""


def read_tsv(path: Path) -> Table:
    """Read a tab-separated file; a byte order mark, CRLF, blank lines and a missing last newline do no harm.

    Raises
    ------
    ReadWriteError
        The file cannot be read.
    DataError
        It is no UTF-8 text, has no header, or a row has more cells than the header.
    """
    if absent := absent_content(path):
        raise ReadWriteError(f"{path}: {absent}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise ReadWriteError(f"{path}: cannot be read ({error.strerror})") from error
    numbered = [(i, line) for i, line in enumerate(_lines(text), start=1) if line.strip()]
    if not numbered:
        raise DataError(f"{path}: empty; it needs a line with the names of its columns")
    header, *rows = [(i, [_plain(cell) for cell in line.split("\t")]) for i, line in numbered]
    names = header[1]
    for i, cells in rows:
        if any(cells[len(names) :]):
            raise DataError(
                f"{path}: line {i}: {len(cells)} cells under {len(names)} column names; correct it"
            )
    columns = {
        name: tuple(cells[j] if j < len(cells) else "" for _, cells in rows)
        for name in dict.fromkeys(names)
        if name
        for j in [names.index(name)]
    }
    return Table(path, columns, tuple(i for i, _ in rows))


def numbers(table: Table, column: str, rows: Sequence[int], remedy: str) -> Floats:
    """Convert a column at some rows to finite numbers.

    Parameters
    ----------
    table
        The table.
    column
        Its column.
    rows
        Indices of rows.
    remedy
        What to do about a cell that holds none, for the message.

    Returns
    -------
    ndarray
        (n_rows,)

    Raises
    ------
    DataError
        Naming file, line and column of a cell that is missing, no number, infinite or beyond all measure.
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

    >>> number("1e-3"), number("n/a")
    (0.001, nan)
    """
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _lines(text: str) -> list[str]:
    """Split at line ends only: str.splitlines also splits at characters that labels may hold."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _plain(cell: str) -> str:
    cell = cell.strip()
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
