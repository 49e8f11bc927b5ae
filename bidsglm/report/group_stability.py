"""Whether the group's conclusion hangs on one participant, and whether the package matters more than that."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bidsglm import packages
from bidsglm.outputs.group_map_tables import between_packages
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.wording import UNDEFINED, Row, lower_first, number, value_of

LEFT_OUT, BOOTSTRAP, EVERYBODY = "leave-one-out", "bootstrap", "everybody"
RESAMPLINGS: Mapping[str, str] = {
    EVERYBODY: "everybody",
    LEFT_OUT: "without one participant",
    BOOTSTRAP: "participants drawn anew",
}
WITHOUT = "Without one participant, the maps agree with those of everybody at "
METRICS: Mapping[str, str] = {
    "dice_p001": "a Dice (p < 0.001, both tails) of",
    "r": "a correlation (z maps) of",
}
FEWEST = 10
"""Participants from which an overlap is told: without one of few, the lost degree of freedom raises the
threshold so far that the Dice falls whoever it is, from t = 10.2 to 22.3 where four become three."""
JUDGED = 0.9
"""Share of the resamples in which a voxel must pass for the overlap to be told."""
WORDS: Mapping[str, str] = {
    "less": "the choice of package changes less than leaving out a typical participant does",
    "between": "the choice of package changes more than a typical participant, but less than the most "
    "influential one",
    "more": "the choice of package changes more than leaving out any one participant does",
}
MOST_ROWS = 60
"""Rows of the table on the page; the file has all."""


class StabilityLine(NamedTuple):
    """A row of the table on the page."""

    contrast: str
    who: str
    """Who is in the maps"""
    compared: str
    same: str
    cells: tuple[str, ...]
    """r, Dice at p < 0.001, Dice at FWE, peak distance: median and lowest (largest)"""
    farthest: str


class Change(NamedTuple):
    """What leaving out one participant changes in a contrast, and what the package changes."""

    metric: str
    typical: float
    """Median over participants"""
    lowest: float
    whom: str
    """Without whom it is lowest"""
    between: float
    """Difference of the two packages; NaN with one"""

    @property
    def what(self) -> str:
        """The metric in a sentence."""
        return METRICS[self.metric]

    @property
    def verdict(self) -> str:
        """Where the packages stand among the participants.

        >>> [Change("r", 0.9, 0.7, "", between).verdict for between in (0.95, 0.8, 0.5)]
        ['less', 'between', 'more']
        """
        return (
            "less" if self.between >= self.typical else "between" if self.between >= self.lowest else "more"
        )


@dataclass(frozen=True)
class GroupStability:
    """What resamples of the participants change in the group's maps."""

    rows: tuple[Row, ...]
    """Rows of the table; `contrast_name` is the name on the page"""
    table: str
    """Link to the TSV, relative to the page"""
    pairs: tuple[Pair, ...] = (DEFAULT_PAIR,)
    """What is compared"""

    def of(self, pair: Pair) -> "GroupStability":
        """What it says of two packages."""
        kept = {*pair, between_packages(pair)}
        rows = tuple(row for row in self.rows if row["compared"] in kept)
        return GroupStability(rows, self.table, (pair,))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said of each pair, by its name where there are several."""
        told = [(pair, self.of(pair).sentence) for pair in self.pairs]
        if len(told) < 2:
            return tuple(text for _, text in told if text) or (self.sentence,)
        return tuple(f"{packages.titles(pair)}: {lower_first(text)}" for pair, text in told if text)

    def row(self, contrast: str, resampling: str, compared: str) -> Row | None:
        """Row of the table; None where there is none."""
        wanted = contrast, resampling, compared
        keys = ("contrast_name", "resampling", "compared")
        return next((row for row in self.rows if tuple(row[key] for key in keys) == wanted), None)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Names on the page, in order."""
        return tuple(dict.fromkeys(str(row["contrast_name"]) for row in self.rows))

    @property
    def backends(self) -> tuple[str, ...]:
        """Packages that were fitted."""
        found = {str(row["compared"]) for row in self.rows}
        return tuple(name for name in packages.PACKAGES if name in found)

    @property
    def few(self) -> bool:
        """Whether so few participants are left out in turn that an overlap says little of any of them."""
        return any(row["resampling"] == LEFT_OUT and value_of(row, "n") < self.fewest for row in self.rows)

    @property
    def fewest(self) -> int:
        """Fewest participants for which an overlap is reported."""
        return FEWEST

    @property
    def sentence(self) -> str:
        """What the verdict says; empty where nothing is known."""
        changes = [change for name in self.contrasts if (change := self.change(name)) is not None]
        if not changes:
            return ""
        compared = [change for change in changes if math.isfinite(change.between)]
        if len(changes) > 1 and compared:
            return _of_many(compared)
        first = (compared or changes)[0]
        whom = f", without {first.whom}" if first.whom else ""
        text = f"{WITHOUT}{first.what} {first.typical:.2f} (median; lowest {first.lowest:.2f}{whom})"
        if not compared:
            return f"{text}."
        return f"{text}; those of the two packages at {first.between:.2f}: {WORDS[first.verdict]}."

    def has_overlap(self, contrast: str) -> bool:
        """Whether voxels pass p < 0.001 without any one participant."""
        own = [row for b in self.backends if (row := self.row(contrast, LEFT_OUT, b)) is not None]
        return bool(own) and all(_is_judged(row) for row in own)

    def change(self, contrast: str) -> "Change | None":
        """What leaving out one changes in a contrast, in the package that changes less; None if unknown.

        The package that changes less sets the scale, so that a difference between packages is not made light
        of by the other.
        """
        own = [row for b in self.backends if (row := self.row(contrast, LEFT_OUT, b)) is not None]
        metric = "dice_p001" if self.has_overlap(contrast) and not self.few else "r"
        known = [row for row in own if math.isfinite(value_of(row, f"{metric}_median"))]
        if not known:
            return None
        least = max(known, key=lambda row: value_of(row, f"{metric}_median"))
        return Change(
            metric,
            value_of(least, f"{metric}_median"),
            value_of(least, f"{metric}_lowest"),
            str(least["farthest"] or ""),
            value_of(self.between(contrast), f"{metric}_median"),
        )

    def between(self, contrast: str, pair: Pair | None = None) -> Row | None:
        """How two packages' maps of everybody agree: those of the only pair, or of one of several."""
        return self.row(contrast, EVERYBODY, between_packages(pair or self.pairs[0]))

    @property
    def lines(self) -> tuple[StabilityLine, ...]:
        """Rows of the page's table, the first of many."""
        return tuple(self._line(row) for row in self.rows[:MOST_ROWS])

    def _line(self, row: Row) -> StabilityLine:
        compared = str(row["compared"])
        between = {between_packages(pair): packages.titles(pair) for pair in self.pairs}
        what = between.get(compared, f"{packages.title(compared)} with its map of everybody")
        if compared in between and len(between) == 1:
            what = "the packages"
        cells = tuple(
            _pair(row, name, end)
            for name, end in (
                ("r", "lowest"),
                ("dice_p001", "lowest"),
                ("dice_fwe05", "lowest"),
                ("peak_distance_mm", "highest"),
            )
        )
        who = RESAMPLINGS.get(str(row["resampling"]), str(row["resampling"]))
        same = f"{row['n_same']:,} of {row['n']:,}"
        return StabilityLine(str(row["contrast_name"]), who, what, same, cells, str(row["farthest"] or ""))


def _is_judged(row: Row) -> bool:
    """Whether voxels pass in all resamples, or nearly, so that their overlap says something."""
    return value_of(row, "n_dice_p001") >= JUDGED * value_of(row, "n")


def _of_many(changes: Sequence[Change]) -> str:
    """The sentence on several contrasts: in how many the package changes how much."""
    n, counts = len(changes), dict.fromkeys(WORDS, 0)
    for change in changes:
        counts[change.verdict] += 1
    parts = [f"in {counts[key]} of {n} contrasts {text}" for key, text in WORDS.items() if counts[key]]
    metric = max(METRICS, key=lambda key: sum(change.metric == key for change in changes))
    middle = statistics.median_high(change.typical for change in changes if change.metric == metric)
    return f"{WITHOUT}{METRICS[metric]} {middle:.2f} (median); {'; '.join(parts)}."


def _pair(row: Row, name: str, end: str) -> str:
    """Median, and the end that matters where there is more than one resample."""
    median = value_of(row, f"{name}_median")
    if not math.isfinite(median):
        return UNDEFINED
    text = number(median, name)
    many = isinstance(row["n"], int) and row["n"] > 1
    return f"{text} ({number(value_of(row, f'{name}_{end}'), name)})" if many else text
