"""Numbers under the verdict of the group page, and its strip plots."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from bidsglm.packages import title
from bidsglm.pairs import Pair
from bidsglm.report.group_report import STRIP_METRICS, GroupUnit
from bidsglm.report.strips import axes, marks_each, n_drawn, strips_svg
from bidsglm.report.wording import (
    UNDEFINED,
    headline_rows,
    median,
    number,
)


class Plots(NamedTuple):
    """Strip plots of one map."""

    map: str
    drawings: Mapping[str, str]
    """Metric -> SVG"""
    thinned: bool
    """Whether some participants' marks are left out"""


def plots(units: tuple[GroupUnit, ...]) -> dict[tuple[str, Pair], tuple[Plots, ...]]:
    """Strip plots of every unit and pair; they share the marks that a page can hold."""
    views = [view for unit in units for view in unit.views]
    wanted = [(v, m, k, v.strips(m, k)) for v in views for m in _plotted(v) for k in STRIP_METRICS[m]]
    most = marks_each(sum(len(strips) for *_, strips in wanted))
    found: dict[tuple[str, Pair], list[Plots]] = {(view.title, view.pair): [] for view in views}
    for view in views:
        known = axes(view.pair)
        for name in _plotted(view):
            each = {key: strips for v, m, key, strips in wanted if v is view and m == name}
            drawings = {k: svg for k, strips in each.items() if (svg := strips_svg(known[k], strips, most))}
            drawn = [n_drawn(strip, most) for strips in each.values() for strip in strips]
            if drawings:
                thinned = any(some < every for some, every in drawn)
                found[view.title, view.pair].append(Plots(name, drawings, thinned))
    return {place: tuple(each) for place, each in found.items()}


def _plotted(unit: GroupUnit) -> tuple[str, ...]:
    present = {str(row["map"]) for row in unit.rows}
    return tuple(name for name in STRIP_METRICS if name in present)


def tiles(unit: GroupUnit) -> tuple[tuple[str, str], ...]:
    """Numbers under the verdict and their labels: of the group's maps, else of the participants'.

    >>> tiles(GroupUnit("rest", ({"participant_id": "sub-01", "contrast": "go", "map": "t", "slope": 1.0},)))
    (('1', 'participant'),)
    """
    group = [row for contrast in unit.considered.contrasts for row in contrast.agreement]
    rows = group or list(unit.considered.rows)
    stats, whose = headline_rows(rows), "group" if group else "participants'"
    name = stats[0]["map"] if stats else ""
    shaped = [row for row in group if row["map"] == "z"] or stats
    effects = [row for row in rows if row["map"] == "effect"]
    found = [
        (number(median(shaped, "pearson_r")), f"Pearson r of the {whose} {'z' if group else name} maps"),
        _size_tile(unit, median(effects, "slope")),
        (
            number(median(stats, "dice_p001")),
            "Dice of what passes p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}0.001",
        ),
    ]
    n = len(unit.people)
    people = (str(n), "participant" + "s" * (n != 1))
    facts = unit.considered.regions.facts if unit.considered.regions else None
    if facts and facts.n_tests:
        same = facts.n_tests - facts.n_changed
        found.append((f"{same} of {facts.n_tests}", "region tests with the same conclusion"))
    return (people, *(tile for tile in found if tile[0] != UNDEFINED))


def _size_tile(unit: GroupUnit, slope: float) -> tuple[str, str]:
    """How the sizes of the effects compare: in percent where that is known, else with their units."""
    first, reference = (f"{title(name)}'s" for name in unit.pair)
    if math.isfinite(unit.sizes.percent):
        return number(unit.sizes.percent), f"size of {first} effects over {reference}, both in percent"
    units = unit.sizes.units
    own, other = (f" ({units[name]})" if name in units else "" for name in unit.pair)
    return number(slope), f"size of {first} effects{own} over {reference}{other}"
