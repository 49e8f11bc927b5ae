"""Regions on a participant's page, and what it shares with the group's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bidsglm import packages
from bidsglm.agreement.roi_agreement import Cell
from bidsglm.outputs.region_tables import REGIONS
from bidsglm.report.roi_plots import RegionPair, dots_svg
from bidsglm.report.wording import number, value_of

MOST_LINES = 25
"""Regions of a plot; more would be read by nobody."""
MOST_ROWS = 400
"""Rows of a page's table; the TSV has all."""

Row = Mapping[str, Cell]


class Heading(NamedTuple):
    """A column of a table on the page."""

    title: str
    words: str = ""
    """Shown when pointed at"""
    numeric: bool = True


class RegionLine(NamedTuple):
    """A row of a table on the page."""

    cells: tuple[str, ...]
    changed: bool = False


class RegionsTable(NamedTuple):
    """A table as the page shows it."""

    headings: tuple[Heading, ...]
    lines: tuple[RegionLine, ...]
    n_total: int
    """Rows there are, of which the page may hold fewer"""


class RegionPlot(NamedTuple):
    """The plots of a contrast."""

    contrast: str
    dots: str
    """SVG"""
    n_lines: int
    n_regions: int
    differences: str = ""
    """SVG, on the group's page"""


def shown_names(rows: Sequence[Row]) -> dict[Cell, str]:
    """Region -> its name; with its number where several share a name or it has none.

    >>> shown_names([{"region": i, "label": label} for i, label in ((1, "hand"), (2, "hand"), (3, "3"))])
    {1: 'hand (1)', 2: 'hand (2)', 3: 'region 3'}
    """
    labels = {row["region"]: str(row["label"]) for row in rows}
    names = list(labels.values())
    return {
        region: f"region {label}"
        if label == str(region)
        else f"{label} ({region})"
        if names.count(label) > 1
        else label
        for region, label in labels.items()
    }


@dataclass(frozen=True)
class ParticipantRegions:
    """Regions on a participant's page."""

    atlas: str
    """File name"""
    table_link: str
    backends: tuple[str, ...]
    rows: tuple[Row, ...]
    """Rows of the participant's table"""
    effect_units: Mapping[str, str]
    agreement_link: str = ""
    """Link to the table on how the packages' maps agree inside regions; empty where there is none"""

    @cached_property
    def _pairs(self) -> dict[tuple[str, Cell], dict[str, Row]]:
        """(contrast, region) -> backend -> row."""
        found: dict[tuple[str, Cell], dict[str, Row]] = {}
        for row in self.rows:
            found.setdefault((str(row["contrast_name"]), row["region"]), {})[str(row["backend"])] = row
        return found

    @cached_property
    def names(self) -> dict[Cell, str]:
        """Region -> name as shown."""
        return shown_names(self.rows)

    def _stat(self, contrast: str) -> str:
        of_contrast = [row for row in self.rows if row["contrast_name"] == contrast]
        return "F" if any(math.isfinite(value_of(row, "F")) for row in of_contrast) else "t"

    @cached_property
    def plots(self) -> tuple[RegionPlot, ...]:
        """Mean t (or F) of both packages, the regions that differ most in each contrast."""
        contrasts = dict.fromkeys(contrast for contrast, _ in self._pairs)
        found = []
        for contrast in contrasts:
            stat = self._stat(contrast)
            pairs = [
                _pair(
                    self.names[region], {b: value_of(row, stat) for b, row in of_one.items()}, f"mean {stat}"
                )
                for (name, region), of_one in self._pairs.items()
                if name == contrast
            ]
            chosen = _largest(pairs)
            svg = dots_svg(chosen, f"mean {stat} of the region's voxels")
            if svg:
                found.append(RegionPlot(contrast, svg, len(chosen), len(pairs)))
        return tuple(found)

    def _heading(self, key: str, title: str, backend: str) -> str:
        """Title of a package's column; that of effects has the unit."""
        unit = self.effect_units.get(backend, "") if key == "effect" else ""
        return f"{packages.title(backend)} {title}{f' ({unit})' if unit else ''}"

    @cached_property
    def table(self) -> RegionsTable:
        """A line for each contrast and region."""
        numbers = [
            ("n_voxels", "voxels"),
            *(("effect", "effect"), ("t", "mean t")),
            *((("F", "mean F"),) if any(math.isfinite(value_of(row, "F")) for row in self.rows) else ()),
        ]
        headings = (
            Heading("contrast", numeric=False),
            Heading("region", numeric=False),
            *(
                Heading(self._heading(key, title, b), REGIONS[key].text)
                for key, title in numbers
                for b in self.backends
            ),
        )
        lines = tuple(
            RegionLine(
                (
                    contrast,
                    self.names[region],
                    *(
                        number(of_one.get(b, {}).get(key, math.nan), key)
                        for key, _ in numbers
                        for b in self.backends
                    ),
                )
            )
            for (contrast, region), of_one in self._pairs.items()
        )
        return RegionsTable(headings, lines[:MOST_ROWS], len(lines))


def _pair(name: str, values: Mapping[str, float], what: str) -> RegionPair:
    said = ", ".join(f"{packages.title(backend)} {number(value)}" for backend, value in values.items())
    return RegionPair(name, values, f"{name}: {what} {said}")


def _spread(pair: RegionPair) -> float:
    known = [value for value in pair.values.values() if math.isfinite(value)]
    return max(known) - min(known) if len(known) > 1 else max(map(abs, known), default=-1.0)


def _largest(pairs: Sequence[RegionPair]) -> list[RegionPair]:
    """Pairs to draw: all, in their order, or of too many those that lie farthest apart."""
    if len(pairs) <= MOST_LINES:
        return list(pairs)
    return sorted(pairs, key=_spread, reverse=True)[:MOST_LINES]
