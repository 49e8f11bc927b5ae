"""What a table holds, column by column: one schema writes it, describes it in its sidecar, reads it back.

A table that is read is ours only if each of its columns and cells is as the schema has it; the first that is
not is named by file, line and column, so that a foreign or damaged table never becomes a number on a page.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bidsglm.errors import ReadWriteError
from bidsglm.outputs.columns import Column, read_columns
from bidsglm.outputs.names import cell_text, read_text, write_bytes, write_json

Row = dict[str, Any]
"""Column -> cell, of the type that the schema says: NaN for a number that is n/a, None for anything else."""

SHOWN = 40
"""Characters of a cell in a message."""


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
        if (values := read_columns(columns, lines)) is not None:
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
