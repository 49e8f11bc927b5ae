"""Strip plots of the group page as inline SVG: one mark for each participant, named and linked.

Colours are attributes, so that a plot stands alone as a file too; on the page its style sheet replaces
them, in light and in dark. Outlying participants are diamonds, the others dots, so that the shape says it.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.drawing import FAINT, HIGHLIGHT, INK, MARK
from bidsglm.report.scales import Scale, tick_text
from bidsglm.report.swarm import BAND, swarm
from bidsglm.report.wording import cut_off, number

WIDTH = 380
"""Width of a plot in its own units: one to one on a telephone, larger on a laptop."""
MARGIN = 14
HEAD = 20
"""Height of the metric's name."""
TITLE = 22
AXIS = 26
LONGEST = 30
"""Letters of a contrast's name"""
BUDGET = 20_000
"""Marks of a page at most, shared by its strips: about 2 MB, and a browser draws them in a blink."""
FEWEST = 150
"""Marks of a strip, however many strips there are."""


class Point(NamedTuple):
    """A participant's value."""

    name: str
    """Participant, and session if there is one"""
    value: float
    link: str = ""
    """To the contrast on the participant's page; empty when there is no page"""
    outlier: bool = False


class Strip(NamedTuple):
    """The values of one contrast."""

    title: str
    points: tuple[Point, ...]
    interval: tuple[float, float] | None = None
    """Confidence interval of the median"""

    @property
    def known(self) -> tuple[Point, ...]:
        """Points with a value, ascending."""
        return tuple(sorted((p for p in self.points if math.isfinite(p.value)), key=lambda p: p.value))


class Axis(NamedTuple):
    """What the plots of a metric share."""

    key: str
    """Column of the agreement table"""
    stem: str
    """As in file names"""
    title: str
    ideal: float
    """Value of identical maps; always in the plot"""


def axes(pair: Pair = DEFAULT_PAIR) -> dict[str, Axis]:
    """What is plotted of two packages, by the column of the agreement table.

    >>> axes()["slope"].title, axes(Pair("spm", "x"))["slope"].stem
    ('slope, SPM on nilearn', 'slopespmVSx')
    """
    end = "" if pair.is_default else pair.label
    found = (
        Axis("pearson_r", f"pearson{end}", "Pearson r", 1.0),
        Axis("slope", f"slope{end}", "slope, {} on {}".format(*pair.titles), 1.0),
        Axis("dice_p001", f"dice{end}", "Dice at p < 0.001", 1.0),
        Axis("rmsd", f"rmsd{end}", "RMSD", 0.0),
    )
    return {axis.key: axis for axis in found}


def marks_each(n_strips: int) -> int:
    """Share out the marks of a page among its strips.

    >>> marks_each(4), marks_each(1000)
    (5000, 150)
    """
    return max(FEWEST, BUDGET // max(n_strips, 1))


def shown_points(points: Sequence[Point], most: int) -> tuple[Point, ...]:
    """Points to draw where there are more than can be seen: outliers, both ends, and evenly by rank.

    Parameters
    ----------
    points
        Ascending.
    most
        How many at most, but for outliers.

    >>> [p.value for p in shown_points([Point("", float(i), outlier=i == 3) for i in range(9)], 3)]
    [0.0, 3.0, 4.0, 8.0]
    """
    if len(points) <= most:
        return tuple(points)
    kept = set(np.linspace(0, len(points) - 1, most).round().astype(int).tolist())
    return tuple(p for i, p in enumerate(points) if i in kept or p.outlier)


def _scale(axis: Axis, strips: Sequence[Strip]) -> Scale:
    values = [axis.ideal, *(p.value for strip in strips for p in strip.known)]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.05 * (abs(axis.ideal) or 1.0)
    return Scale(low - margin, high + margin, MARGIN, WIDTH - MARGIN)


def strips_svg(axis: Axis, strips: Sequence[Strip], most: int = BUDGET) -> str:
    """One metric: a strip for each contrast above a common axis; empty when no value is known.

    Parameters
    ----------
    axis
        Of the metric.
    strips
        One for each contrast.
    most
        Marks of a strip at most, see `shown_points`.

    >>> strips_svg(axes()["slope"], [Strip("go", (Point("sub-01", float("nan")),))])
    ''
    """
    drawn = [strip for strip in strips if strip.known]
    if not drawn:
        return ""
    scale = _scale(axis, drawn)
    bottom = HEAD + len(drawn) * (TITLE + BAND) + 4
    inner = "".join(
        _strip(strip, shown_points(strip.known, most), HEAD + i * (TITLE + BAND), scale, axis)
        for i, strip in enumerate(drawn)
    )
    label = f"{axis.title}: one mark for each participant, a strip for each contrast"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="strips" viewBox="0 0 {WIDTH} {bottom + AXIS}"'
        f' role="group" aria-label="{escape(label)}" font-family="sans-serif" font-size="12">'
        f'<text class="name" fill="{INK}" x="{MARGIN}" y="15" font-size="14" font-weight="600">'
        f"{escape(axis.title)}</text>{_axis(scale, axis, len(drawn))}{inner}</svg>"
    )


def _axis(scale: Scale, axis: Axis, n_strips: int) -> str:
    """Grid, dashed line at the ideal value, numbers; lines stop at the strips' headings."""
    bottom = HEAD + n_strips * (TITLE + BAND) + 4
    tops = [HEAD + i * (TITLE + BAND) + TITLE for i in range(n_strips)]

    def upright(value: float) -> str:
        return "".join(f"M{scale(value):.1f} {top}v{BAND}" for top in tops)

    parts = []
    for tick in scale.ticks:
        parts.append(f'<path class="grid" stroke="#e4e7eb" d="{upright(tick)}"/>')
        place = f'x="{scale(tick):.1f}" y="{bottom + 16}" text-anchor="middle" font-size="11"'
        parts.append(f'<text class="soft" fill="{FAINT}" {place}>{tick_text(tick)}</text>')
    dashes = f'<path class="ideal" stroke="{FAINT}" stroke-dasharray="4 3" d="{upright(axis.ideal)}"/>'
    line = f'<path class="edge" stroke="{FAINT}" d="M{MARGIN} {bottom}H{WIDTH - MARGIN}"/>'
    return f'<g aria-hidden="true">{"".join(parts)}{dashes}{line}</g>'


def _strip(strip: Strip, drawn: Sequence[Point], top: float, scale: Scale, axis: Axis) -> str:
    values = np.array([p.value for p in strip.known])
    middle = top + TITLE + BAND / 2
    places = np.array([scale(p.value) for p in drawn])
    offsets, size = swarm(places)
    marks = "".join(_mark(p, x, middle + up, size) for p, x, up in zip(drawn, places, offsets, strict=True))
    return (
        f"<g>{_heading(strip, values, top, axis)}{_box(values, scale, middle)}"
        f'<g class="marks" fill="{MARK}">{marks}</g>{_middle(values, scale, middle)}</g>'
    )


def _heading(strip: Strip, values: Floats, top: float, axis: Axis) -> str:
    title = cut_off(strip.title, LONGEST)
    found = f"median {number(float(np.median(values)), axis.key)}" if len(values) > 1 else ""
    if found and strip.interval and all(map(math.isfinite, strip.interval)):
        found += f" [{', '.join(number(end, axis.key) for end in strip.interval)}]"
    return (
        f'<text class="name" fill="{INK}" x="{MARGIN}" y="{top + 14}">{escape(title)}'
        f"{f'<title>{escape(strip.title)}</title>' if title != strip.title else ''}</text>"
        f'<text class="soft" fill="{FAINT}" x="{WIDTH - MARGIN}" y="{top + 14}" text-anchor="end"'
        f' font-size="11">{found}</text>'
    )


def _box(values: Floats, scale: Scale, middle: float) -> str:
    """Middle half, behind the marks."""
    if len(values) < 2:
        return ""
    lower, upper = (scale(float(v)) for v in np.quantile(values, (0.25, 0.75)))
    top = middle - BAND / 2 + 3
    return (
        f'<rect class="box" fill="#e4e7eb" x="{lower:.1f}" y="{top}" width="{max(upper - lower, 1):.1f}"'
        f' height="{BAND - 6}"/>'
    )


def _middle(values: Floats, scale: Scale, middle: float) -> str:
    """Median, and thinner the quartiles, over the marks, which may hide the box behind them."""
    if len(values) < 2:
        return ""
    lower, median, upper = (
        f"M{scale(float(v)):.1f} {middle - BAND / 2 + 3}v{BAND - 6}"
        for v in np.quantile(values, (0.25, 0.5, 0.75))
    )
    return (
        f'<g class="median" stroke="{HIGHLIGHT}" fill="none" pointer-events="none">'
        f'<path stroke-width="0.7" d="{lower}{upper}"/><path stroke-width="2" d="{median}"/></g>'
    )


def _mark(point: Point, x: float, y: float, size: float) -> str:
    """A mark with its words."""
    shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>'
    if point.outlier:
        r = size + 2
        diamond = f"M{x:.1f} {y - r:.1f}l{r} {r}l-{r} {r}l-{r} -{r}z"
        shape = f'<path class="out" fill="{HIGHLIGHT}" d="{diamond}"/>'
    words = f"{point.name}: {number(point.value)}{', outlying' if point.outlier else ''}"
    link = f' href="{escape(point.link)}"' if point.link else ""
    return f"<a{link}><title>{escape(words)}</title>{shape}</a>"


def n_drawn(strip: Strip, most: int) -> tuple[int, int]:
    """How many marks a strip has, and how many participants.

    >>> n_drawn(Strip("go", tuple(Point("", float(i)) for i in range(9))), 5)
    (5, 9)
    """
    known = strip.known
    return len(shown_points(known, most)), len(known)
