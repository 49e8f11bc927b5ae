"""Axes of charts drawn as SVG: frames with ticks, lines across, steps, legends."""

from collections.abc import Sequence
from typing import NamedTuple

from bidsglm.model import Floats
from bidsglm.report import svg
from bidsglm.report.scales import ticks

Range = tuple[float, float]
LETTER = 6.2
"""Width of a letter of a legend, about"""


class Extent(NamedTuple):
    """Where axes, or a row of slices, stand in a picture."""

    x: float
    y: float
    width: float
    height: float


class Axes(NamedTuple):
    """A place in a picture, and the values that it stands for."""

    place: Extent
    across: Range
    up: Range

    def x(self, value: float) -> float:
        """Place of a value across."""
        low, high = self.across
        return self.place.x + (value - low) / (high - low) * self.place.width

    def y(self, value: float) -> float:
        """Place of a value up.

        >>> Axes(Extent(0, 0, 10, 10), (0, 1), (0, 1)).y(1)
        0.0
        """
        low, high = self.up
        return self.place.y + (high - value) / (high - low) * self.place.height

    def slope(self, intercept: float, slope: float, **look: object) -> str:
        """Draw a straight line from border to border; nothing where it does not pass."""
        (left, right), (low, high) = self.across, self.up
        ends = [(x, intercept + slope * x) for x in (left, right)]
        if slope:
            ends += [((y - intercept) / slope, y) for y in (low, high)]
        slack = 1e-9
        inside = sorted(
            (x, y) for x, y in ends if left - slack <= x <= right + slack and low - slack <= y <= high + slack
        )
        if len(inside) < 2:
            return ""
        (x1, y1), (x2, y2) = inside[0], inside[-1]
        return svg.line(self.x(x1), self.y(y1), self.x(x2), self.y(y2), **look)

    def line(self, across: Sequence[float], up: Sequence[float]) -> str:
        """Path through points.

        >>> Axes(Extent(0, 0, 10, 10), (0, 1), (0, 1)).line([0, 1], [0, 1])
        'M0 10L10 0'
        """
        places = (f"{svg.number(self.x(x))} {svg.number(self.y(y))}" for x, y in zip(across, up, strict=True))
        return f"M{'L'.join(places)}"

    def point(self, across: float, up: float, **look: object) -> str:
        """Draw a mark."""
        return svg.box(self.x(across) - 2.5, self.y(up) - 2.5, 5, 5, **look)

    def stairs(self, edges: Floats, heights: Floats) -> str:
        """Path of a histogram: down to zero at both ends."""
        zero = svg.number(self.y(0))
        steps = [f"M{svg.number(self.x(float(edges[0])))} {zero}"]
        for edge, height in zip(edges[1:], heights, strict=True):
            steps.append(f"V{svg.number(self.y(float(height)))}H{svg.number(self.x(float(edge)))}")
        return "".join(steps) + f"V{zero}"

    def legend(self, lines: Sequence[tuple[str, str, str]], right: bool = False) -> list[str]:
        """Colour, dashes and words of each line, from the upper corner down."""
        x = self.place.x + 10
        if right:
            x = self.place.x + self.place.width - 40 - LETTER * max(len(words) for _, _, words in lines)
        parts = []
        for i, (colour, dashes, words) in enumerate(lines):
            y = self.place.y + 14 + 16 * i
            look = {"stroke_dasharray": dashes} if dashes else {}
            parts += [
                svg.line(x, y - 4, x + 24, y - 4, stroke=colour, stroke_width=1.6, **look),
                svg.text(x + 30, y, words, font_size=11),
            ]
        return parts


def frame(
    axes: Axes, title: str, across: str, up: str, marks: Sequence[tuple[float, str]] | None = None
) -> list[str]:
    """Draw the axes with their ticks and titles.

    Parameters
    ----------
    axes
        What they stand for.
    title, across, up
        Words above, below and beside.
    marks
        Value and words of the ticks up, if not round numbers.
    """
    x, y, width, height = axes.place
    bottom = y + height
    parts = [
        svg.path(
            f"M{svg.number(x)} {svg.number(y)}V{svg.number(bottom)}H{svg.number(x + width)}",
            stroke="currentColor",
            opacity=0.6,
        ),
        svg.text(x + width / 2, y - 10, title, text_anchor="middle", font_weight="bold"),
        svg.text(x + width / 2, bottom + 36, across, text_anchor="middle"),
        svg.text(
            x - 55,
            y + height / 2,
            up,
            text_anchor="middle",
            transform=f"rotate(-90 {svg.number(x - 55)} {svg.number(y + height / 2)})",
        ),
    ]
    for value, words in _marks(axes.across):
        at = axes.x(value)
        parts += [
            svg.line(at, bottom, at, bottom + 4, opacity=0.6),
            svg.text(at, bottom + 17, words, text_anchor="middle", font_size=11),
        ]
    for value, words in marks if marks is not None else _marks(axes.up):
        at = axes.y(value)
        parts += [
            svg.line(x - 4, at, x, at, opacity=0.6),
            svg.text(x - 7, at + 4, words, text_anchor="end", font_size=11),
        ]
    return parts


def _marks(ends: Range) -> list[tuple[float, str]]:
    values = ticks(*ends)
    step = values[1] - values[0] if len(values) > 1 else 1.0
    return [(value, svg.label(value, step)) for value in values]
