"""A column of a table: what its cells hold, how each is read, and how a sidecar describes it."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bidsglm.outputs.confinement import OWN_NAME
from bidsglm.outputs.names import NOT_AVAILABLE

Type = Literal["number", "integer", "truth", "text", "label"]
"""A label is text that may stand in a file's name."""
Cell = str | int | float | bool | None
INTEGER = re.compile(r"-?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""Python's own spellings, such as 1_0, are no numbers to anybody else."""
NUMBERS = re.compile(rf"({NUMBER.pattern}\n)*+{NUMBER.pattern}")
"""A column of them"""
INFINITE = ("inf", "-inf")
LONG = 20
"""Rows from which a table is read column by column"""


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


def read_columns(columns: Mapping[str, Column], lines: Sequence[Sequence[str]]) -> list[list[Cell]] | None:
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
