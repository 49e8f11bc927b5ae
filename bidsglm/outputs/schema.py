"""What a table holds, column by column: one schema writes it, describes it in its sidecar, reads it back.

A table that is read is ours only if each of its columns and cells is as the schema has it; the first that is
not is named by file, line and column, so that a foreign or damaged table never becomes a number on a page.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bidsglm.errors import ReadWriteError
from bidsglm.outputs.confinement import OWN_NAME
from bidsglm.outputs.names import NOT_AVAILABLE, cell_text, read_text, write_bytes, write_json

Type = Literal["number", "integer", "truth", "text", "label"]
"""A label is text that may stand in a file's name."""
Cell = str | int | float | bool | None
Row = dict[str, Any]
"""Column -> cell, of the type that the schema says: NaN for a number that is n/a, None for anything else."""

INTEGER = re.compile(r"-?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""Python's own spellings, such as 1_0, are no numbers to anybody else."""
NUMBERS = re.compile(rf"({NUMBER.pattern}\n)*+{NUMBER.pattern}")
"""A column of them"""
INFINITE = ("inf", "-inf")
LONG = 20
"""Rows from which a table is read column by column"""
SHOWN = 40
"""Characters of a cell in a message."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    type: Type
    description: str
    unit: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)
    """Value -> what it means, where there are no others"""
    missing: str = ""
    """When a cell is n/a; empty where none may be"""
    infinite: str = ""
    """When a cell is inf; empty where none may be"""
    optional: bool = False
    """Whether there are tables without it"""

    @property
    def text(self) -> str:
        """What it holds, and when it is n/a or inf."""
        limits = (("n/a", self.missing), ("inf", self.infinite))
        return "; ".join([self.description, *(f"{word} {when}" for word, when in limits if when)])

    @property
    def none(self) -> float | None:
        """What stands for a cell that is n/a."""
        return math.nan if self.type in ("number", "integer") else None

    @property
    def sidecar(self) -> dict[str, object]:
        """What a sidecar says of a column, in BIDS's words.

        >>> Column("size", "number", "Size of a cluster", unit="mm^3", missing="without clusters").sidecar
        {'Description': 'Size of a cluster; n/a without clusters', 'Units': 'mm^3'}
        """
        units = {"Units": self.unit} if self.unit else {}
        return {"Description": self.text, **units, **({"Levels": dict(self.levels)} if self.levels else {})}

    def read(self, cell: str) -> Cell:
        """A cell as its type has it.

        Raises
        ------
        ValueError
            Saying what the cell is not.

        Examples
        --------
        >>> Column("n", "integer", "").read("12"), Column("r", "number", "", missing="for F").read("n/a")
        (12, nan)
        """
        if cell == NOT_AVAILABLE and self.missing:
            return self.none
        if self.levels and cell not in self.levels:
            raise ValueError(f"is none of {', '.join(map(repr, self.levels))}")
        return READERS[self.type](self, cell)


def _number(column: Column, cell: str) -> float:
    if cell in INFINITE and column.infinite:
        return float(cell)
    if not NUMBER.fullmatch(cell) or math.isinf(value := float(cell)):
        raise ValueError("is infinite" if cell in INFINITE else "is no number")
    return value


def _integer(column: Column, cell: str) -> int:
    if not INTEGER.fullmatch(cell):
        raise ValueError("is no whole number")
    return int(cell)


def _truth(column: Column, cell: str) -> bool:
    if cell not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return cell == "true"


def _label(column: Column, cell: str) -> str:
    if not OWN_NAME.fullmatch(cell):
        raise ValueError("cannot stand in a file's name")
    return cell


def _text(column: Column, cell: str) -> str:
    return cell


READERS: Mapping[str, Callable[[Column, str], Cell]] = {
    "number": _number,
    "integer": _integer,
    "truth": _truth,
    "label": _label,
    "text": _text,
}


@dataclass(frozen=True)
class Schema:
    """A kind of table that is written."""

    file: str
    """Its name without extension, as docs/outputs.md has it"""
    columns: tuple[Column, ...]
    """In the order of the file"""
    open: Column | None = None
    """Description of all further columns, which stand behind; its name is a pattern"""
    remedy: str = "run the participant again (--overwrite)"
    """When a table is not as it should be"""

    def __getitem__(self, name: str) -> Column:
        """The column of a name."""
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that have a name of their own."""
        return tuple(column.name for column in self.columns)

    def path(self, folder: Path, prefix: str) -> Path:
        """Where the table of a unit, a run or a group stands.

        >>> Schema("<p>_desc-x_metrics", ()).path(Path("sub-01/func"), "sub-01_task-y").name
        'sub-01_task-y_desc-x_metrics.tsv'
        """
        return folder / f"{prefix}_{self.file.partition('_')[2]}.tsv"

    def whole(self, row: Mapping[str, object], header: Iterable[str]) -> Row:
        """A row as it will be read from a table with some columns: what it lacks is n/a.

        >>> Schema("t", (Column("r", "number", ""), Column("name", "text", ""))).whole({}, ("r", "name"))
        {'r': nan, 'name': None}
        """
        none = {column.name: column.none for column in self.columns}
        return {name: row.get(name, none.get(name)) for name in header}

    def header(self, rows: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
        """Columns of a table with these rows: an optional one only where a row has it.

        >>> schema = Schema("t", (Column("who", "text", "", optional=True), Column("t", "number", "")))
        >>> schema.header([{"t": 1.0}])
        ('t',)
        """
        present: set[str] = set().union(*rows)
        return tuple(c.name for c in self.columns if not c.optional or c.name in present)

    def sidecar(self, header: Iterable[str]) -> dict[str, object]:
        """What the sidecar says of the columns that have a name of their own."""
        there = set(header)
        return {column.name: column.sidecar for column in self.columns if column.name in there}

    def write(
        self,
        path: Path,
        rows: Iterable[Mapping[str, object]],
        facts: Mapping[str, object] | None = None,
        header: Sequence[str] = (),
    ) -> None:
        """Write a table, and its sidecar unless what it belongs to has one.

        Parameters
        ----------
        path
            Of the TSV.
        rows
            Column -> value; n/a where a row lacks one.
        facts
            What the sidecar says beside the columns; None for no sidecar.
        header
            The columns; as `header` gives them where there are none.

        Raises
        ------
        CannotCreateError, ReadWriteError
            When a file cannot be written.
        ValueError
            When a row holds what the schema does not.
        """
        if not header:
            rows = list(rows)
            header = self.header(rows)
        self._check_header(header)
        write_bytes(path, self._lines(header, rows))
        if facts is not None:
            write_json(path.with_suffix(".json"), {**self.sidecar(header), **facts})

    def _lines(self, header: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Iterator[bytes]:
        """Lines of the file, each made as it is written."""
        yield ("\t".join(map(cell_text, header)) + "\n").encode()
        known = set(header)
        for row in rows:
            if strange := row.keys() - known:
                raise ValueError(f"{self.file} has no column {sorted(strange)}")
            yield ("\t".join([cell_text(row.get(name)) for name in header]) + "\n").encode()

    def read(self, path: Path) -> list[Row]:
        """Read a table.

        Raises
        ------
        ReadWriteError
            When it is missing, cannot be read or is not one of ours: file, line and column are named.
        """
        text = read_text(path)
        header, *lines = [line.split("\t") for line in text.split("\n")[:-1]] or [[""]]
        if not text.endswith("\n") or any(len(cells) != len(header) for cells in lines):
            raise ReadWriteError(f"{path}: is truncated or damaged; {self.remedy}")
        try:
            columns = self._check_header(header)
        except ValueError as error:
            raise ReadWriteError(f"{path}: is not as bidsglm writes it: {error}; {self.remedy}") from error
        if (values := _plain(columns, lines)) is not None:
            return [dict(zip(columns, cells, strict=True)) for cells in zip(*values, strict=True)]
        return [self._row(path, number, columns, cells) for number, cells in enumerate(lines, start=2)]

    def rows_in(self, folder: Path, prefix: str) -> tuple[Row, ...]:
        """Rows of the table of a unit, a run or a group; none where there is no such table."""
        path = self.path(folder, prefix)
        return tuple(self.read(path)) if path.exists() else ()

    def _row(self, path: Path, number: int, columns: Mapping[str, Column], cells: Sequence[str]) -> Row:
        """Cells of a line of the file by their columns."""
        row: Row = {}
        for (name, column), cell in zip(columns.items(), cells, strict=True):
            try:
                row[name] = column.read(cell)
            except ValueError as error:
                raise ReadWriteError(
                    f"{path}: line {number}, column {name!r}: {cell[:SHOWN]!r} {error}; {self.remedy}"
                ) from error
        return row

    def _check_header(self, header: Sequence[str]) -> dict[str, Column]:
        """Columns of a header by name.

        Raises
        ------
        ValueError
            Naming the first that is missing, strange or there twice.
        """
        known = {column.name: column for column in self.columns}
        found: dict[str, Column] = {}
        for name in header:
            column = known.get(name) or self.open
            if column is None or (name not in known and not re.fullmatch(column.name, name)):
                raise ValueError(f"it has a column {name[:SHOWN]!r}")
            if name in found:
                raise ValueError(f"it has two columns {name[:SHOWN]!r}")
            found[name] = column
        for column in self.columns:
            if column.name not in found and not column.optional:
                raise ValueError(f"it has no column {column.name!r}")
        return found


def _plain(columns: Mapping[str, Column], lines: Sequence[Sequence[str]]) -> list[list[Cell]] | None:
    """Cells of a long table column by column, a third of the time; None where a cell is not as it should be.

    The cells are then looked at one by one, for a message that names the one.
    """
    if len(lines) < LONG:
        return None
    found: list[list[Cell]] = []
    for column, cells in zip(columns.values(), zip(*lines, strict=True), strict=True):
        if column.type == "number" and not column.levels and NUMBERS.fullmatch("\n".join(cells)):
            numbers: list[Cell] = [float(cell) for cell in cells]
            if math.inf in numbers or -math.inf in numbers:
                return None
            found.append(numbers)
            continue
        try:
            # words of a column are few, and its whole numbers often alike
            known = {cell: column.read(cell) for cell in set(cells)}
        except ValueError:
            return None
        found.append([known[cell] for cell in cells])
    return found
