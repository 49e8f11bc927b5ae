"""What survives correction in the group's maps of a contrast, as the page shows it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bidsglm import packages
from bidsglm.outputs.group_tables import INFERENCES
from bidsglm.report.wording import UNDEFINED, Row, number

TAILS: Mapping[str, str] = {"upper": "above 0", "lower": "below 0"}


class InferenceLine(NamedTuple):
    """A row of the table."""

    inference: str
    """In words"""
    tail: str
    counts: tuple[str, ...]
    """Voxels of each package"""
    both: str
    dice: str
    rules: str
    """What each package does, for a tooltip"""


@dataclass(frozen=True)
class GroupInference:
    """What survives correction in a contrast."""

    rows: tuple[Row, ...]
    """Rows of the table, of this contrast"""
    table: str
    """Link to the TSV, relative to the page"""

    @property
    def backends(self) -> tuple[str, ...]:
        """Packages that have a count."""
        return tuple(
            name for name in packages.PACKAGES if any(row.get(f"n_{name}") is not None for row in self.rows)
        )

    @property
    def two_sided(self) -> bool:
        """Whether both tails are one test."""
        return any(bool(row["two_sided"]) for row in self.rows)

    @property
    def lines(self) -> tuple[InferenceLine, ...]:
        """One for each correction and tail."""
        return tuple(self._line(row) for row in self.rows)

    def _line(self, row: Row) -> InferenceLine:
        rules = [f"{packages.title(b)}: {row[f'rule_{b}']}" for b in self.backends if row.get(f"rule_{b}")]
        return InferenceLine(
            INFERENCES.get(str(row["inference"]), str(row["inference"])),
            TAILS.get(str(row["tail"]), str(row["tail"])),
            tuple(_count(row.get(f"n_{b}")) for b in self.backends),
            _count(row.get("n_both")),
            _dice(row.get("dice")),
            "; ".join(rules),
        )


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else UNDEFINED


def _dice(value: object) -> str:
    known = isinstance(value, float) and math.isfinite(value)
    return number(value, "dice_p001") if known and isinstance(value, float) else UNDEFINED


def of_contrast(rows: Sequence[Row], label: str, table: str) -> GroupInference | None:
    """Rows of the contrast with a label; None where there are none."""
    own = tuple(row for row in rows if row["label"] == label)
    return GroupInference(own, table) if own else None
