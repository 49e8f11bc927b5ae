"""Design matrices of nilearn among the files of a user: tables of numbers, however they were written."""

import gzip
import re
import zlib
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.fft import dct

from bidsglm.errors import DataError, NoInputError
from bidsglm.inputs import LARGEST_TEXT, Kind, file_size
from bidsglm.model import Floats

FOLDER = Kind(NoInputError, DataError, "there is no such file", "give the folder of nilearn's results")
TABLES = re.compile(r"\.[ct]sv(?:\.gz)?$", re.IGNORECASE)
SEPARATORS = {"c": ",;\t", "t": "\t;,"}
"""What may part cells, the most likely first, by the first letter of the ending: spreadsheets of some
languages write ; and a decimal comma."""
EQUAL_STEPS = 1e-5
"""Share by which the steps of times differ at most."""
DRIFT = re.compile(r"(drift|cosine|poly)_?\d*", re.IGNORECASE)
CONSTANT = re.compile(r"constant|intercept", re.IGNORECASE)
COSINE = 1 - 1e-6
"""Share of a column's variance from which it is one cosine, whatever its name: files hold six digits."""
FEWEST_ROWS = 20
"""Rows below which a cosine is no filter: a column of few participants is one by chance."""


class NilearnDesign(NamedTuple):
    """The design matrix of one run."""

    path: Path
    names: tuple[str, ...]
    matrix: Floats
    """(n_scans, n_columns)"""
    frame_times: Floats | None
    """(n_scans,) s; None where the file does not hold them"""
    blocks: tuple[slice, ...] = ()
    """Rows of runs that were made one, which may have constants and filters of their own; none for one run"""

    def columns(self, names: Iterable[str]) -> Floats:
        """Some columns, (n_scans, n), in the order of the names."""
        return self.matrix[:, [self.names.index(name) for name in names]]

    @property
    def drifts(self) -> tuple[int, ...]:
        """Columns that are a high-pass filter: by their names, or where these are the user's, cosines."""
        named = {i for i, name in enumerate(self.names) if DRIFT.fullmatch(name)}
        return tuple(sorted(named | set(_cosines(self.matrix).tolist()) | set(self._in_blocks()[0])))

    @property
    def constants(self) -> tuple[int, ...]:
        """Columns that are one value throughout."""
        whole = [i for i, column in enumerate(self.matrix.T) if np.ptp(column) == 0 and column[0] != 0]
        return tuple(sorted({*whole, *self._in_blocks()[1]}))

    def _in_blocks(self) -> tuple[list[int], list[int]]:
        """Columns that are a cosine or a constant in one of the blocks, and 0 in all others."""
        cosines: list[int] = []
        constants: list[int] = []
        for rows in self.blocks:
            part = self.matrix[rows]
            alone = np.logical_not(np.abs(np.delete(self.matrix, rows, axis=0)).sum(axis=0) > 0)
            cosines += [i for i in _cosines(part).tolist() if alone[i]]
            level = (np.ptp(part, axis=0) == 0) & (part[0] != 0)
            constants += np.flatnonzero(alone & level).tolist()
        return cosines, constants

    @property
    def others(self) -> tuple[int, ...]:
        """Columns of conditions and confounds."""
        aside = {*self.drifts, *self.constants}
        return tuple(i for i in range(len(self.names)) if i not in aside)


def _cosines(matrix: Floats) -> np.ndarray:
    """Columns that are one of the cosines of a high-pass filter, of any height.

    >>> t = np.arange(24) + 0.5
    >>> _cosines(np.column_stack([t, 3 * np.cos(np.pi * 2 * t / 24), np.ones(24)])).tolist()
    [1]
    """
    if len(matrix) < FEWEST_ROWS:
        return np.empty(0, dtype=np.intp)
    energy = dct(matrix, type=2, norm="ortho", axis=0)[1:] ** 2
    total = energy.sum(axis=0)
    return np.flatnonzero((total > 1e-20) & (energy.max(axis=0, initial=0.0) > COSINE * total))


def designs_among(files: Sequence[Path]) -> tuple[NilearnDesign, ...]:
    """Tables of numbers among files.

    Raises
    ------
    DataError
        There is none, and a file that calls itself a design is no such table.
    """
    tables = [path for path in files if TABLES.search(path.name) and file_size(path, FOLDER) <= LARGEST_TEXT]
    found = tuple(made for path in tables if (made := _design(path)) is not None)
    named = [path for path in tables if "design" in path.stem.lower()]
    if named and not found:
        raise DataError(
            f"{named[0]}: is no design matrix (finite numbers, a row for each scan, names above); "
            "write it with model.design_matrices_[0].to_csv()"
        )
    return found


def _design(path: Path) -> NilearnDesign | None:
    """A table of numbers with a constant; None for other tables, such as events or clusters."""
    try:
        table, has_names = _table(path)
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    names = [str(name) for name in table.columns]
    try:
        values = table.to_numpy(dtype=np.float64)
    except ValueError:
        return None
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    times = None
    if names and (names[0].startswith("Unnamed") or names[0].lower() in ("frame_times", "time", "index")):
        # a plain row number is no time
        if _is_even(values[:, 0]) and not _counts(values[:, 0]):
            times = values[:, 0]
        names, values = names[1:], values[:, 1:]
    elif not has_names and _is_even(values[:, 0]) and np.ptp(values[:, 0]):
        times = None if _counts(values[:, 0]) else values[:, 0]
        names, values = names[1:], values[:, 1:]
    made = NilearnDesign(path, tuple(names), values, times)
    named = any(CONSTANT.fullmatch(name) for name in names) or "design" in path.name.lower()
    if not has_names:
        named = bool((values == 1).all(axis=0).any())
    return made if named and made.names and (made.constants or "design" in path.name.lower()) else None


def _is_even(values: Floats) -> bool:
    steps = np.diff(values)
    return bool(np.allclose(steps, steps[0], rtol=EQUAL_STEPS, atol=0))


def _counts(values: Floats) -> bool:
    return np.array_equal(values, np.arange(len(values)))


def _table(path: Path) -> tuple[pd.DataFrame, bool]:
    """A table, packed or not, whatever parts its cells, and whether names stand above its columns.

    Raises
    ------
    OSError, EOFError, ValueError, zlib.error
        It is none, is damaged, or unpacks to more text than any table has.
    """
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as stream:
        content = stream.read(LARGEST_TEXT + 1)
    if len(content) > LARGEST_TEXT:
        raise ValueError("too large")
    text = content.decode("utf-8-sig")
    header, _, rest = text.partition("\n")
    kind = TABLES.search(path.name)
    assert kind is not None
    separators = SEPARATORS[kind[0][1].lower()]
    separator = next((each for each in separators if each in header), separators[0])
    first = rest.partition("\n")[0]
    decimal = "," if separator != "," and "," in first and "." not in first else "."
    if _is_row(header, separator, decimal):
        table = pd.read_csv(StringIO(text), sep=separator, decimal=decimal, header=None)
        return table.rename(columns=lambda i: f"column {int(i) + 1}"), False
    return pd.read_csv(StringIO(text), sep=separator, decimal=decimal), True


def _is_row(header: str, separator: str, decimal: str) -> bool:
    """Whether a table's first line holds numbers of the design, as savetxt leaves it.

    Whole numbers that count the columns are the names that a table without names is given.

    >>> _is_row("0.5,1.0", ",", "."), _is_row(",0,1,2", ",", "."), _is_row("go,constant", ",", ".")
    (True, False, False)
    """
    cells = [cell.strip().strip('"').replace(decimal, ".") for cell in header.strip("\r\n").split(separator)]
    try:
        numbers = [float(cell) for cell in cells if cell]
    except ValueError:
        return False
    counted = numbers == [float(i) for i in range(len(numbers))] and not any("." in cell for cell in cells)
    return len(numbers) == len(cells) and not counted
