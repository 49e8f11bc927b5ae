"""Every participant's agreement as a table that a browser sorts, filters and pages through.

The rows travel once, as text ready to show; the browser makes only the lines that are looked at. The first
ones stand in the page, for readers without script and for paper.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bidsglm.report.group_report import GroupUnit, shown_name
from bidsglm.report.wording import OVERVIEW_COLUMNS, Row, contrast_name, main_rows, number

PER_PAGE = 50
"""Lines at a time."""
MOST = 12_000
"""Rows that a page holds: about a megabyte. The TSV has all."""
STATISTICS = ("t", "F")


class Cells(NamedTuple):
    """A row as it is shown."""

    link: str
    participant: str
    contrast: str
    map: str
    numbers: tuple[str, ...]
    outlying: str
    """In which metrics the participant lies far from the others"""

    def packed(self) -> list[str]:
        """Flat, for the page."""
        return [self.link, self.participant, self.contrast, self.map, *self.numbers, self.outlying]


class RowsTable(NamedTuple):
    """The table of a unit."""

    rows: tuple[Cells, ...]
    n_total: int
    """Rows there are, of which the page may hold fewer"""

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(dict.fromkeys(row.contrast for row in self.rows))

    @property
    def maps(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(dict.fromkeys(row.map for row in self.rows))

    @property
    def packed(self) -> list[list[str]]:
        """All rows, for the page."""
        return [row.packed() for row in self.rows]

    @property
    def first(self) -> tuple[Cells, ...]:
        """Lines that stand in the page."""
        return self.rows[:PER_PAGE]


def rows_table(unit: GroupUnit, most: int = MOST) -> RowsTable:
    """Statistic maps first, then effects; of too many the ones that agree least are kept.

    Parameters
    ----------
    unit
        With the rows of its participants.
    most
        Rows that the page holds.

    >>> row = {"participant_id": "sub-01", "contrast": "go", "map": "t", "pearson_r": 0.9}
    >>> rows_table(GroupUnit("rest", (row,))).rows[0].packed()[:5]
    ['', 'sub-01', 'go', 't', '0.900']
    """
    found = sorted(main_rows(unit.rows), key=lambda row: row["map"] not in STATISTICS)
    total = len(found)
    if total > most:
        found = _worst(found, most)
    return RowsTable(tuple(_cells(unit, row) for row in found), total)


def _worst(rows: Sequence[Row], most: int) -> list[Row]:
    """The rows of least correlation, in their order."""
    ranked = sorted(range(len(rows)), key=lambda i: float(rows[i].get("pearson_r", 1.0)))
    return [rows[i] for i in sorted(ranked[:most])]


def _cells(unit: GroupUnit, row: Row) -> Cells:
    name, titles = shown_name(row), {column.key: column.title for column in OVERVIEW_COLUMNS}
    flagged = unit.outlying.get((name, str(row["contrast"]), str(row["map"])), ())
    numbers = tuple(number(row.get(column.key), column.key) for column in OVERVIEW_COLUMNS)
    outlying = ", ".join(titles.get(key, key.replace("_", " ")) for key in flagged)
    return Cells(unit.link(row), name, contrast_name(row), str(row["map"]), numbers, outlying)
