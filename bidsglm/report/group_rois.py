"""Regions on the page of a data set: where the choice of package matters, and how much."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median

from bidsglm import packages
from bidsglm.agreement.roi_agreement import Cell, by_importance
from bidsglm.outputs.region_tables import PAIR_COLUMNS, of_pair, region_agreement_schema
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.judgements import EDGE, RegionFacts
from bidsglm.report.roi_plots import RegionDifference, RegionPair, differences_svg, dots_svg
from bidsglm.report.rois import (
    MOST_LINES,
    MOST_ROWS,
    Heading,
    RegionLine,
    RegionPlot,
    RegionsTable,
    Row,
    shown_names,
)
from bidsglm.report.wording import UNDEFINED, number, value_of

MOST_PLOTS = 8
"""Contrasts that are plotted, those with the largest change first."""
CRITICAL_Z = 1.959964
"""Two-sided p = 0.05."""
GROUP_NUMBERS = (
    ("z_shift", "z shift"),
    ("{first}_t", "{First} t"),
    ("{reference}_t", "{Reference} t"),
    ("{first}_mean", "{First} effect [95 % CI]"),
    ("{reference}_mean", "{Reference} effect [95 % CI]"),
    ("bias", "{First} − {Reference} [95 % CI of the mean]"),
    ("bias_p", "paired p"),
    ("pearson_r", "Pearson r"),
    ("icc_a1", "ICC(A,1) [95 % CI]"),
    ("icc_c1", "ICC(C,1) [95 % CI]"),
    ("n", "n"),
)
"""Columns of the page's table for a pair, and their headings; those with limits are shown with them."""


@dataclass(frozen=True)
class GroupRegions:
    """Regions on the page of a data set."""

    atlas: str
    """File name"""
    rows: tuple[Row, ...]
    """Rows of the group's table"""
    table_link: str
    values_link: str
    """To the rows of all participants"""
    effect_units: Mapping[str, str]
    several_sessions: bool = False
    """Whether a participant's effect is a mean over sessions"""
    pair: Pair = DEFAULT_PAIR
    """What is compared"""

    def of(self, pair: Pair) -> "GroupRegions":
        """What it says of two packages."""
        return replace(self, rows=tuple(of_pair(dict(row), pair) for row in self.rows), pair=pair)

    @cached_property
    def ranked(self) -> tuple[Row, ...]:
        """Those where the choice of package matters most first."""
        return tuple(sorted(self.rows, key=by_importance))

    @property
    def numbers(self) -> tuple[tuple[str, str], ...]:
        """Columns and headings of the table's numbers."""
        pair = self.pair if self.is_pair else Pair(self.backends[0], self.backends[0])
        first, reference = pair.titles
        words = {**pair._asdict(), "First": first, "Reference": reference}
        found = {key.format(**words): heading.format(**words) for key, heading in GROUP_NUMBERS}
        own = (*(f"{b}_{key}" for b in self.backends for key in ("t", "mean")), "n")
        return tuple((key, title) for key, title in found.items() if self.is_pair or key in own)

    def _text(self, key: str) -> str:
        """What a column of the table holds."""
        schema = region_agreement_schema(self.backends, (self.pair,))
        return schema[f"{key}{self.pair.suffix}" if key in PAIR_COLUMNS else key].text

    @cached_property
    def names(self) -> dict[Cell, str]:
        """Region -> name as shown."""
        return shown_names(self.rows)

    @cached_property
    def backends(self) -> tuple[str, ...]:
        """Packages that have a value anywhere: both, or the only one that was fitted."""
        fitted = self.pair if len(self.effect_units) != 1 else tuple(self.effect_units)
        there = [b for b in fitted if any(math.isfinite(value_of(row, f"{b}_mean")) for row in self.rows)]
        return tuple(there or fitted)

    @property
    def is_pair(self) -> bool:
        """Whether two packages are compared."""
        return len(self.backends) != 1

    @property
    def same_unit(self) -> bool:
        """Whether both packages' effects are in the same unit."""
        return len({self.effect_units[b] for b in self.pair if b in self.effect_units}) <= 1

    @property
    def n_participants(self) -> int:
        """At most, over regions."""
        return int(max((value_of(row, "n") for row in self.rows), default=0))

    @cached_property
    def facts(self) -> RegionFacts:
        """For the page's verdict; without the ICC where only the units would make it low."""
        tested = [row for row in self.ranked if row.get("same_conclusion") is not None]
        changed = [row for row in tested if row.get("same_conclusion") is False]
        known = [icc for row in tested if math.isfinite(icc := value_of(row, "icc_a1"))]
        icc = median(known) if known and self.same_unit else math.nan
        words = tuple(f"{self.names[row['region']]} ({row['contrast_name']})" for row in changed)
        n_edge = sum(abs(value_of(row, "z_shift")) < EDGE for row in changed)
        return RegionFacts(len(tested), len(changed), words, icc, n_edge)

    @cached_property
    def plots(self) -> tuple[RegionPlot, ...]:
        """One for each contrast, those with the largest change first."""
        contrasts = list(dict.fromkeys(str(row["contrast_name"]) for row in self.ranked))
        return tuple(plot for contrast in contrasts[:MOST_PLOTS] if (plot := self._plot(contrast)).dots)

    def _plot(self, contrast: str) -> RegionPlot:
        rows = [row for row in self.ranked if row["contrast_name"] == contrast]
        pairs = [self._tested(row) for row in rows[:MOST_LINES]]
        dots = dots_svg(pairs, "one-sample test over participants (z)", CRITICAL_Z)
        unit = self.effect_units.get(self.pair.first, "") if self.same_unit else "each in its own unit"
        differences = ""
        if self.is_pair:
            marks = [self._difference(row) for row in rows]
            differences = differences_svg(marks, unit, self.pair.difference)
        return RegionPlot(contrast, dots, len(pairs), len(rows), differences)

    def _tested(self, row: Row) -> RegionPair:
        name, ends = self.names[row["region"]], []
        values = {backend: value_of(row, f"{backend}_z") for backend in self.backends}
        for backend in self.backends:
            ends.append(
                f"{packages.title(backend)} z {number(values[backend])} ({_conclusion(row, backend)})"
            )
        return RegionPair(name, values, f"{name}: {', '.join(ends)}", row.get("same_conclusion") is False)

    def _difference(self, row: Row) -> RegionDifference:
        mean = (value_of(row, f"{self.pair.first}_mean") + value_of(row, f"{self.pair.reference}_mean")) / 2
        bias, lower, upper = (value_of(row, key) for key in ("bias", "loa_lower", "loa_upper"))
        words = (
            f"{self.names[row['region']]}: mean {number(mean)}, {self.pair.difference} {number(bias)} "
            f"(limits of agreement {number(lower)} to {number(upper)})"
        )
        return RegionDifference(mean, bias, lower, upper, words, row.get("same_conclusion") is False)

    @cached_property
    def table(self) -> RegionsTable:
        """A line for each contrast and region, those where the package matters most first."""
        headings = (
            Heading("region", numeric=False),
            Heading("contrast", numeric=False),
            *(
                [Heading("conclusion", self._text("same_conclusion") if self.is_pair else "", numeric=False)]
                * self.is_pair
            ),
            *(Heading(packages.title(b), self._text(f"{b}_conclusion"), False) for b in self.backends),
            *(Heading(title, self._text(key)) for key, title in self.numbers),
        )
        lines = tuple(self._line(row) for row in self.ranked[:MOST_ROWS])
        return RegionsTable(headings, lines, len(self.ranked))

    def _line(self, row: Row) -> RegionLine:
        said = row.get("same_conclusion")
        same = {True: "same", False: "differs", None: UNDEFINED}[said if isinstance(said, bool) else None]
        texts = (self.names[row["region"]], str(row["contrast_name"]), *([same] * self.is_pair))
        ends = tuple(_conclusion(row, backend) for backend in self.backends)
        numbers = tuple(_with_limits(row, key) for key, _ in self.numbers)
        return RegionLine((*texts, *ends, *numbers), row.get("same_conclusion") is False)


def _with_limits(row: Row, key: str) -> str:
    """A number, and its confidence interval where the table has one.

    >>> _with_limits({"bias": 0.5, "bias_lower": 0.25, "bias_upper": 0.75}, "bias")
    '0.500 [0.250, 0.750]'
    """
    prefix = key.removesuffix("_mean")
    limits = [value_of(row, f"{prefix}_{end}") for end in ("lower", "upper")]
    text = number(row[key])
    return f"{text} [{number(limits[0])}, {number(limits[1])}]" if all(map(math.isfinite, limits)) else text


def _conclusion(row: Row, backend: str) -> str:
    return str(row.get(f"{backend}_conclusion") or UNDEFINED)
