"""Every package beside every other: small matrices of correlation, slope and Dice."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bidsglm import packages
from bidsglm.report.group_verdict import SAME_SIZE
from bidsglm.report.judgements import OTHER_EXTENT, SAME_EXTENT, SAME_SHAPE
from bidsglm.report.wording import Row, digits, headline_rows, number, overlap

CORRELATION, SLOPE, DICE = "pearson_r", "slope", "dice_p001"
IN_PERCENT = "slope_percent"
TITLES: Mapping[str, str] = {CORRELATION: "r", SLOPE: "slope", DICE: "Dice at p < 0.001", IN_PERCENT: "slope"}


class MatrixCell(NamedTuple):
    """What two packages have in common in one number."""

    text: str
    words: str
    """Said where it is pointed at"""
    look: str = ""
    """near, apart or far, by the bounds of the verdict; empty where there is none"""


class PairMatrix(NamedTuple):
    """Two numbers of every pair: one below the diagonal, the other above it."""

    title: str
    below: str
    above: str
    names: tuple[str, ...]
    cells: Mapping[tuple[str, str], MatrixCell]
    """(package of the row, package of the column)"""
    note: str = ""
    """How the slope is to be read"""

    def cell(self, row: str, column: str) -> MatrixCell | None:
        """A cell; None on the diagonal and where two were not compared."""
        return self.cells.get((row, column))


def pair_matrices(
    rows: Sequence[Row], effect_units: Mapping[str, str] | None = None
) -> tuple[PairMatrix, ...]:
    """Matrices of the statistic and of the effects: of one contrast, or the medians of several.

    Parameters
    ----------
    rows
        Of the table of all pairs, see `outputs.unit_tables.PAIRS`.
    effect_units
        Package -> unit of its effects, named where slopes are not of percent.

    Returns
    -------
    z (else t, or F where there is no t) with r below the diagonal and Dice above it; effects with r below and
    the slope above. Nothing with fewer than two packages.
    """
    names = packages.in_order(str(row[key]) for row in rows for key in ("package", "reference"))
    # z where it is there, as in the verdict: a correlation of t follows its few largest values
    stats = [row for row in rows if row["map"] == "z"] or headline_rows(rows)
    effects = [row for row in rows if row["map"] == "effect"]
    found = []
    if stats:
        letter = str(stats[0]["map"])
        found.append(_matrix(f"{letter} maps", names, stats, (CORRELATION, DICE)))
    if effects:
        in_percent = any(math.isfinite(float(row.get(IN_PERCENT, math.nan))) for row in effects)
        slope = IN_PERCENT if in_percent else SLOPE
        made = _matrix("effects", names, effects, (CORRELATION, slope))
        above = made.above if in_percent else f"{made.above}, each in its own unit"
        found.append(made._replace(above=above, note=_note(names, in_percent, effect_units or {})))
    return tuple(found)


def _matrix(title: str, names: tuple[str, ...], rows: Sequence[Row], keys: tuple[str, str]) -> PairMatrix:
    cells = {}
    for i, row_name in enumerate(names):
        for j, column_name in enumerate(names):
            if i != j:
                key = keys[0] if i > j else keys[1]
                value = _median(rows, (row_name, column_name), key)
                cells[row_name, column_name] = _cell(value, key, (row_name, column_name))
    return PairMatrix(title, TITLES[keys[0]], TITLES[keys[1]], names, cells)


def _median(rows: Sequence[Row], pair: tuple[str, str], key: str) -> float:
    """Median over the contrasts of a pair's number, the slope of the first on the second."""
    values = []
    for row in rows:
        own = str(row["package"]), str(row["reference"])
        value = float(row.get(key, math.nan))
        if own == pair:
            values.append(value)
        elif own == pair[::-1]:
            # the line of total least squares is the same one with its axes exchanged
            values.append((1 / value if value else math.nan) if key in (SLOPE, IN_PERCENT) else value)
    known = [value for value in values if math.isfinite(value)]
    return statistics.median(known) if known else math.nan


def _cell(value: float, key: str, pair: tuple[str, str]) -> MatrixCell:
    one, other = map(packages.title, pair)
    if not math.isfinite(value):
        return MatrixCell(number(value), f"{one} and {other}: not defined")
    if key == CORRELATION:
        look = "near" if value >= SAME_SHAPE else "far"
        return MatrixCell(number(value), f"{one} and {other}: r = {number(value)}", look)
    if key == DICE:
        look = "near" if value >= SAME_EXTENT else "apart" if value >= OTHER_EXTENT else "far"
        return MatrixCell(overlap(value), f"{one} and {other}: Dice {overlap(value)}", look)
    look = "near" if abs(value - 1) <= SAME_SIZE else ""
    return MatrixCell(digits(value), f"{one}'s are {digits(value)} times {other}'s", look)


def _note(names: Sequence[str], in_percent: bool, units: Mapping[str, str]) -> str:
    """How the slopes are to be read."""
    if in_percent:
        return (
            "A slope is that of the row's effects on the column's, with the effects of both in percent of"
            " each voxel's own mean, so that their units do not count."
        )
    told = ", ".join(f"{packages.title(name)}'s in {units[name]}" for name in names if name in units)
    text = "A slope is that of the row's effects on the column's, each in the package's own unit"
    return f"{text} ({told}): a difference of unit alone makes it large or small." if told else f"{text}."


KEY = (
    f"r of {SAME_SHAPE} or more, Dice of {SAME_EXTENT} or more and slopes within {100 * SAME_SIZE:.0f} % of 1"
    f" are green; Dice from {OTHER_EXTENT} to {SAME_EXTENT} is amber; lower ones are red, as is r below"
    f" {SAME_SHAPE}. Of t contrasts, Dice is that of effects above 0"
)
"""Legend of the colours, which are the bounds of the verdict"""
