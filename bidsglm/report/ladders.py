"""The attribution drawn: the way from nilearn's maps to SPM's one step at a time, and each step's share.

Drawn as SVG by hand, for speed; text stays text.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from bidsglm import packages
from bidsglm.attribution.differences import CORRELATION, DICE, RMSD
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.report import svg
from bidsglm.report.attribution import METRIC_TITLES, percent, rounded
from bidsglm.report.breakdowns import Breakdown, StepShare, found
from bidsglm.report.drawing import FAINT, Figure
from bidsglm.report.steps import colour
from bidsglm.report.wording import number

SHOWN = (("effect", RMSD), ("t", RMSD), ("t", CORRELATION), ("t", DICE))
"""Panels of a t contrast."""
SHOWN_F = (("F", RMSD), ("F", CORRELATION), ("F", DICE))
WIDTH = 1080.0
LABELS = 170.0
"""Width of the names of the steps."""
ROW = 25.0
TOP = 46.0
BOTTOM = 14.0
GAP = 26.0
NUMBERS = 58.0
"""Room for a number beside the longest bar."""
LEFTMOST = 0.02
"""Share of the width below which what lies left of zero needs no room of its own."""


class Panel(NamedTuple):
    """Where a metric is drawn."""

    breakdown: Breakdown
    left: float
    width: float
    low: float
    """Value at the left."""
    high: float

    def x(self, value: float) -> float:
        """Place of a value."""
        return self.left + (value - self.low) / (self.high - self.low) * self.width


def attribution_figures(
    label: str, name: str, breakdown: Sequence[Breakdown], of_t: Sequence[tuple[str, str]] = SHOWN
) -> tuple[Figure, ...]:
    """Ladder and Shapley values of a contrast; none where there is nothing to explain.

    Parameters
    ----------
    label
        Of the contrast, as in file names.
    name
        As the model has it.
    breakdown
        Of its table.
    of_t
        Maps and metrics that are drawn of a t contrast.
    """
    names = of_t if found(breakdown, "t") else SHOWN_F
    shown = [b for key in names if (b := found(breakdown, *key)) and not b.equal]
    if not shown:
        return ()
    return _shapley(label, name, shown), _ladder(label, name, shown)


def on_sample(figures: Sequence[Figure], sample: str) -> tuple[Figure, ...]:
    """The same figures, whose captions say which voxels they are of where these are not all.

    >>> on_sample([Figure("a.svg", b"", "", "A ladder.")], "on a random sample of 2 of 3 voxels")[0].caption
    'A ladder. Its numbers are on a random sample of 2 of 3 voxels.'
    """
    note = f" Its numbers are {sample}." if sample else ""
    return tuple(figure._replace(caption=figure.caption + note) for figure in figures)


def _rows(shown: Sequence[Breakdown]) -> list[str]:
    return [step.step for step in shown[0].fine]


def _panels(shown: Sequence[Breakdown], heights: Sequence[Sequence[float]]) -> list[Panel]:
    each = (WIDTH - LABELS) / len(shown)
    panels = []
    for i, (breakdown, values) in enumerate(zip(shown, heights, strict=True)):
        low, high = min(0.0, *values), max(0.0, *values)
        low = low if low < -LEFTMOST * (high - low) else 0.0
        left = LABELS + i * each + (NUMBERS if low < 0 else 8)
        panels.append(Panel(breakdown, left, LABELS + (i + 1) * each - GAP - NUMBERS - left, low, high))
    return panels


def _text(x: float, y: float, words: str, look: str = "") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {look}>{escape(words)}</text>"


def _label(row: int, words: str, look: str = "") -> str:
    """Name of a row."""
    return _text(LABELS - 18, _middle(row) + 4, words, f"text-anchor='end' {look}")


def _bold(hue: str) -> str:
    return f"font-weight='bold' fill='{hue}'"


def _line(x: float, y: float, x2: float, y2: float, look: str) -> str:
    return f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' {look}/>"


def _document(title: str, n_rows: int, parts: Sequence[str]) -> bytes:
    return svg.document(WIDTH, TOP + n_rows * ROW + BOTTOM, title, parts)


def _middle(row: int) -> float:
    return TOP + (row + 0.5) * ROW


def _frame(names: Sequence[str], panels: Sequence[Panel], ends: tuple[str, ...]) -> Iterator[str]:
    """Names of rows and panels, and the zero lines."""
    bottom = TOP + (len(names) + len(ends)) * ROW
    for panel in panels:
        metric = METRIC_TITLES[panel.breakdown.metric]
        at = panel.x(0) if panel.low >= 0 else panel.left
        yield _text(at, 20, f"{panel.breakdown.map}: {metric}", "font-weight='bold'")
        yield _line(panel.x(0), TOP - 6, panel.x(0), bottom, f"stroke='{FAINT}'")
    for row, name in enumerate(names):
        yield _label(row, name)


def _same(panel: Panel, step: StepShare, row: int) -> str:
    words = "same" if step.same else "0"
    return _text(panel.x(0) + 6, _middle(row) + 4, words, f"fill='{FAINT}' font-style='italic'")


def _shapley(label: str, name: str, shown: Sequence[Breakdown]) -> Figure:
    names = _rows(shown)
    heights = []
    for breakdown in shown:
        sums = [0.0]
        for step in breakdown.fine:
            sums.append(sums[-1] + step.shapley)
        heights.append(sums)
    panels = _panels(shown, heights)
    parts = list(_frame(names, panels, ("total",)))
    parts.append(_label(len(names), "together", "font-weight='bold'"))
    for panel, sums in zip(panels, heights, strict=True):
        for row, step in enumerate(panel.breakdown.fine):
            parts.extend(_bar(panel, step, row, sums[row]))
        parts.extend(_total(panel, len(names)))
    return Figure(
        name=f"contrast-{label}_desc-shapley.svg",
        title="share of each step",
        content=_document(f"Shapley values of {name}", len(names) + 1, parts),
        alt=f"Share of each modelling step in the differences of {name}: {_in_words(shown)}.",
        caption=(
            "How much each modelling step contributes to the difference between the two packages: its mean"
            " contribution over all orders in which the steps can be taken (Shapley value). Each bar starts"
            " where the one above it ends, so together they make the whole difference; a bar to the left is"
            " a step that brings the maps closer together. Response, events and sampling are the three parts"
            " of the task regressors."
        ),
    )


def _bar(panel: Panel, step: StepShare, row: int, start: float) -> Iterator[str]:
    if not step.shapley:
        yield _same(panel, step, row)
        return
    ends = sorted((panel.x(start), panel.x(start + step.shapley)))
    width = max(ends[1] - ends[0], 1.5)
    yield (
        f"<rect x='{ends[0]:.1f}' y='{_middle(row) - 8:.1f}' width='{width:.1f}' height='16'"
        f" fill='{colour(step.step)}'/>"
    )
    at = panel.x(start + step.shapley)
    yield _line(at, _middle(row) + 8, at, _middle(row + 1) - 8, f"stroke='{FAINT}' stroke-dasharray='2 2'")
    share = percent(panel.breakdown.share(step)).replace("less than ", "< ")
    yield _text(ends[1] + 6, _middle(row) + 4, share)


def _total(panel: Panel, row: int) -> Iterator[str]:
    ends = sorted((panel.x(0), panel.x(panel.breakdown.total)))
    yield (
        f"<rect x='{ends[0]:.1f}' y='{_middle(row) - 8:.1f}' width='{ends[1] - ends[0]:.1f}' height='16'"
        f" fill='currentColor'/>"
    )
    yield _text(ends[1] + 6, _middle(row) + 4, number(panel.breakdown.total), "font-weight='bold'")


def _in_words(shown: Sequence[Breakdown]) -> str:
    parts = []
    for breakdown in shown:
        first = breakdown.ranked[0]
        metric = METRIC_TITLES[breakdown.metric]
        parts.append(f"{breakdown.map} {metric} {percent(breakdown.share(first))} {first.step}")
    return ", ".join(parts)


def _ladder(label: str, name: str, shown: Sequence[Breakdown]) -> Figure:
    pair = shown[0].pair if shown else DEFAULT_PAIR
    first, reference = pair.titles
    names = [reference, *_rows(shown)]
    heights = [[0.0, *(step.ladder for step in breakdown.fine)] for breakdown in shown]
    panels = _panels(shown, heights)
    parts = list(_frame([], panels, tuple(names)))
    start = _bold(packages.colour(pair.reference))
    for row, step in enumerate(names):
        parts.append(_label(row, f"+ {step}") if row else _label(row, step, start))
    parts.append(_label(len(names), f"= {first}", _bold(packages.colour(pair.first))))
    for panel, values in zip(panels, heights, strict=True):
        parts.extend(_steps(panel, values))
    return Figure(
        name=f"contrast-{label}_desc-ladder.svg",
        title="ladder of steps",
        content=_document(f"Ladder of {name}", len(names) + 1, parts),
        alt=f"Ladder from {reference}'s to {first}'s maps of {name}, the metrics after each modelling step.",
        caption=(
            f"The ladder from {reference}'s maps to {first}'s: from top to bottom one modelling step after"
            f" the other goes over to {first}'s setting, and the dot shows how far the map then is from"
            f" {reference}'s. A long"
            " way from one row to the next is a step that matters. The order is fixed, so what a step adds"
            " depends a little on those before it; the shares above are free of that."
        ),
    )


def _steps(panel: Panel, values: Sequence[float]) -> Iterator[str]:
    way = "".join(f"V{_middle(row):.1f}H{panel.x(value):.1f}" for row, value in enumerate(values))
    start = f"M{panel.x(0):.1f} {_middle(0):.1f}"
    way += f"V{_middle(len(values)):.1f}"
    yield f"<path d='{start}{way}' fill='none' stroke='{FAINT}' stroke-width='1.5'/>"
    largest = max(map(abs, values))
    pair = panel.breakdown.pair
    colours = [packages.colour(pair.reference), *(colour(step.step) for step in panel.breakdown.fine)]
    for row, (value, hue) in enumerate(zip(values, colours, strict=True)):
        yield f"<circle cx='{panel.x(value):.1f}' cy='{_middle(row):.1f}' r='4.5' fill='{hue}'/>"
        changed = not row or value != values[row - 1]
        look = "" if changed else f"fill='{FAINT}'"
        # A way that comes from the right would cross a number beside its dot.
        reach = max(value, values[row - 1]) if row else value
        yield _text(panel.x(reach) + 9, _middle(row) + 4, rounded(value, largest) if row else "0", look)
    last, whole, end = len(values), rounded(panel.breakdown.total, largest), packages.colour(pair.first)
    yield _text(panel.x(values[-1]) + 9, _middle(last) + 4, whole, _bold(end))
    yield f"<circle cx='{panel.x(values[-1]):.1f}' cy='{_middle(last):.1f}' r='4.5' fill='{end}'/>"
