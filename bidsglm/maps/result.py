"""What `bidsglm.compare` gives: tables, figures, and pages on request."""

import io
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bidsglm.check.command import main as write_check
from bidsglm.maps.agreement import ComparedMaps
from bidsglm.maps.page import PAGE, RESULTS, SUMMARY, PageWords, write_maps
from bidsglm.maps.pictures import figures_of, images_of
from bidsglm.outputs.confinement import confined_to
from bidsglm.outputs.map_tables import AGREEMENT, COLUMNS, SETTINGS
from bidsglm.outputs.schema import Row, Schema
from bidsglm.outputs.writes import check_free, create_folder
from bidsglm.report.methods import SettingRow


class Picture(NamedTuple):
    """A figure that a notebook shows."""

    title: str
    caption: str
    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


@dataclass(frozen=True)
class ComparisonResult:
    """What `compare` found.

    Attributes
    ----------
    labels
        What both are called.
    answer
        The result in sentences.
    notes
        What a reader of the numbers should know.
    """

    labels: tuple[str, str]
    answer: str
    notes: tuple[str, ...]
    _pairs: tuple[ComparedMaps, ...] = field(repr=False)
    _settings: tuple[Row, ...] = field(default=(), repr=False)
    _columns: tuple[Row, ...] = field(default=(), repr=False)
    _checked: tuple[str, ...] = field(default=(), repr=False)
    """Words of the command that writes a page of the check; none where there is no check"""
    _what: tuple[str, ...] = field(default=(), repr=False)

    @property
    def agreement(self) -> pd.DataFrame:
        """A row for each pair of maps: contrast, map, and the metrics as docs/maps.md describes them."""
        rows = [{**pair.row, "contrast": pair.contrast or None} for pair in self._pairs]
        return _table(AGREEMENT, rows)

    @property
    def settings(self) -> pd.DataFrame:
        """Parameters of two models side by side, or what differs between two folders; empty for maps."""
        return _table(SETTINGS, self._settings)

    @property
    def columns(self) -> pd.DataFrame:
        """Columns of both designs, with correlation and ratio of heights; empty for maps."""
        return _table(COLUMNS, self._columns)

    @property
    def figures(self) -> dict[str, Picture]:
        """Name -> figure that a notebook shows: maps with their difference, scatter, Bland-Altman plot ..."""
        return {
            f"{pair.contrast} {pair.kind}: {figure.title}".lstrip(): Picture(
                figure.title, figure.caption, figure.content.decode()
            )
            for pair in self._pairs
            for figure in figures_of(images_of(pair))
        }

    def save(self, out: str | PathLike[str], overwrite: bool = False) -> Path:
        """Write pages and tables into a folder, new or empty; returns the page.

        Parameters
        ----------
        out
            The folder.
        overwrite
            Replace an earlier comparison in it.

        Raises
        ------
        CannotCreateError, ReadWriteError
            It holds something else, or cannot be written.
        """
        folder = Path(out)
        check_free(folder, SUMMARY, RESULTS, overwrite)
        with confined_to(folder):
            create_folder(folder)
            page = self._write_check(folder, overwrite) or folder / PAGE
            if self._settings:
                SETTINGS.write(folder / "settings.tsv", self._settings, {})
            if self._columns:
                COLUMNS.write(folder / "columns.tsv", self._columns, {})
            words = PageWords(" and ".join(self.labels), self._lead(), self.labels, self.notes)
            columns = tuple(COLUMNS.whole(row, COLUMNS.names) for row in self._columns)
            write_maps(folder, words, self._pairs, settings=self._setting_rows(), columns=columns)
        return page

    def _write_check(self, folder: Path, overwrite: bool) -> Path | None:
        """Write the page of the check into a folder of its own; None where there is none."""
        if not self._checked:
            return None
        own = folder / "check"
        with redirect_stdout(io.StringIO()):
            write_check([str(own), *self._checked, *(["--overwrite"] if overwrite else [])])
        return own / "check.html"

    def _lead(self) -> tuple[str, ...]:
        """Lines on what is compared."""
        if self._what:
            return self._what
        return tuple(f"{side.label}: {side.image.name}" for pair in self._pairs[:1] for side in pair.sides)

    def _setting_rows(self) -> tuple[SettingRow, ...]:
        sides = "first", "second"
        return tuple(
            SettingRow(row["setting"], {side: row[side] for side in sides if row[side] is not None})
            for row in self._settings
        )

    def __str__(self) -> str:
        """Answer and notes, line by line."""
        return "\n".join([self.answer, *self.notes])


def _table(schema: Schema, rows: list[Row] | tuple[Row, ...]) -> pd.DataFrame:
    """Rows as pandas has them, with the schema's columns."""
    header = schema.header(rows)
    return pd.DataFrame([schema.whole(row, header) for row in rows], columns=list(header))
