"""Figures of a design's diagnosis: correlations of the regressors, and their variance inflation."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bidsglm import packages
from bidsglm.model import TRIAL_TYPE, Floats
from bidsglm.report.drawing import (
    FAINT,
    INK,
    ON_CELLS,
    PAGE_WIDTH,
    Figure,
    canvas,
    encoded,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, str | int | float]

MOST_WRITTEN = 14
"""Regressors up to which numbers fit into the cells of the matrix."""
MOST_SHOWN = 40
"""Regressors up to which bars can be read; the others are those with the smallest inflation."""
USUAL_LIMIT = 5.0
"""Variance inflation from which a regressor is usually called collinear."""
THICK = 0.76
"""Height of a regressor's bars together, in rows."""
LEFT_END = 0.95
"""Left end of the axis: a little below the smallest factor, 1, so that its tick is seen."""
THIN = 0.012
"""Length of the bar of a regressor that shares nothing, so that its colour is seen."""
WITHOUT, WITH = "vif", "vif_with_constant_and_drifts"


def correlation_figure(tables: Mapping[str, Sequence[Row]], run: str = "") -> Figure:
    """Correlations of a run's regressors after high-pass filtering, the first package below, the last above.

    Parameters
    ----------
    tables
        Backend -> rows of `compare.collinearity.correlation_rows`.
    run
        Label of the run, for the words.
    """
    names = [str(row["regressor"]) for row in next(iter(tables.values()))]
    backends = packages.in_order(tables)
    lower, upper = _matrix(tables[backends[0]], names), _matrix(tables[backends[-1]], names)
    below = np.tri(len(names), dtype=bool)
    matrix = np.where(below, lower, upper)
    np.fill_diagonal(matrix, math.nan)
    size = float(np.clip(0.32 * len(names) + 1.8, 2.6, PAGE_WIDTH))
    with style():
        drawing = canvas(size + 0.6, size)
        axes = drawing.subplots()
        end = max(len(names), 1) - 0.5
        look: dict[str, Any] = {"extent": (-0.5, end, end, -0.5), "interpolation": "nearest"}
        image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, **look)
        _name_axes(axes, names)
        if len(names) <= MOST_WRITTEN:
            _write_numbers(axes, matrix)
        bar = drawing.colorbar(image, ax=axes, shrink=0.7, label="correlation", ticks=[-1, 0, 1])
        bar.outline.set_visible(False)
        content = encoded(drawing, "svg")
    sides = (
        f"below the diagonal as {packages.title(backends[0])} has them, above it as"
        f" {packages.title(backends[-1])} has them"
        if len(tables) > 1
        else f"as {packages.title(next(iter(tables)))} has them"
    )
    return Figure(
        name="desc-correlations.svg",
        content=content,
        alt=f"Matrix of correlations of the regressors{_of(run)}. {_strongest(names, matrix)}",
        caption=(
            "Correlations of the regressors after the constant and slow drifts are removed, which is what"
            f" the fit sees of them, {sides}. Blue and red cells off the diagonal are regressors that share"
            " variance: no package can say to which of them it belongs. Grey: the diagonal,"
            " and regressors of which nothing is left."
        ),
    )


def _of(run: str) -> str:
    return f" of {run}" if run else ""


def _matrix(rows: Sequence[Row], names: Sequence[str]) -> Floats:
    found = {str(row["regressor"]): row for row in rows}
    return np.array([[float(found.get(a, {}).get(b, math.nan)) for b in names] for a in names])


def _strongest(names: Sequence[str], matrix: Floats) -> str:
    apart = np.nan_to_num(matrix)
    if not apart.any():
        return "None are correlated."
    i, j = np.unravel_index(np.abs(apart).argmax(), apart.shape)
    return f"The strongest is r = {apart[i, j]:.2f}, {_short(names[int(i)])} with {_short(names[int(j)])}."


def _short(name: str) -> str:
    return name.removeprefix(TRIAL_TYPE)


def _name_axes(axes: "Axes", names: Sequence[str]) -> None:
    every = max(1, len(names) // 60)
    places = list(range(0, len(names), every))
    labels = [_short(names[i]) for i in places]
    axes.set_facecolor("#e3e6ea")
    axes.set_xticks(places, labels, rotation=90, fontsize=7)
    axes.set_yticks(places, labels, fontsize=7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for i, x, y in zip(places, axes.get_xticklabels(), axes.get_yticklabels(), strict=True):
        colour = INK if names[i].startswith(TRIAL_TYPE) else FAINT
        x.set_color(colour)
        y.set_color(colour)


def _write_numbers(axes: "Axes", matrix: Floats) -> None:
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}").replace("0.", ".")
            colour = "white" if abs(value) > 0.6 else ON_CELLS
            axes.text(j, i, text, ha="center", va="center", fontsize=6, color=colour)


def inflation_figure(tables: Mapping[str, Sequence[Row]], run: str = "") -> Figure:
    """Variance inflation of the regressors of a run, with and without the constant and the drifts.

    Parameters
    ----------
    tables
        Backend -> rows of `compare.collinearity.regressor_rows`.
    run
        Label of the run, for the words.
    """
    from matplotlib.patches import Patch

    shown, n_hidden = _shown(tables)
    end = _end(tables)
    with style():
        drawing = canvas(PAGE_WIDTH * 0.75, 0.9 + 0.26 * len(shown) * len(tables) ** 0.5)
        axes = drawing.subplots()
        for backend, rows in tables.items():
            offset = (list(tables).index(backend) + 0.5) / len(tables) - 0.5
            bars = _Bars(packages.colour(backend), offset * THICK, THICK / len(tables), end)
            _draw_bars(axes, [_named(rows, name) for name in shown], bars)
        (tick,) = axes.plot([], [], "|", color=INK, markersize=9, label="without constant and drifts")
        axes.axvline(USUAL_LIMIT, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(xscale="log", xlim=(LEFT_END, end), ylim=(len(shown) - 0.4, -0.6))
        axes.set_xlabel("variance inflation factor (logarithmic)")
        axes.set_yticks(range(len(shown)), [_short(name) for name in shown], fontsize=8)
        axes.set_xticks([x for x in (1, 2, 5, 10, 20, 50, 100) if x <= end])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.tick_params(axis="y", length=0)
        patches = [Patch(color=packages.colour(name), label=packages.title(name)) for name in tables]
        drawing.legend(
            handles=[*patches, tick], loc="outside upper right", frameon=False, fontsize=8, ncols=3
        )
        content = encoded(drawing, "svg")
    hidden = f" The {n_hidden} regressors with the smallest are not shown." if n_hidden else ""
    return Figure(
        name="desc-inflation.svg",
        content=content,
        alt=f"Bars of the variance inflation factors{_of(run)}. {_largest(tables)}",
        caption=(
            "How many times larger the variance of each beta is than if its regressor shared nothing with"
            " the others. Bars: all other regressors, the constant and the drifts of the high-pass filter."
            " Black tick: the other regressors only. A condition whose bar goes far beyond its tick trades"
            " off against the constant: the conditions fill the run. Confounds may have large factors,"
            " which does the conditions no harm; slow ones share their drift with the filter. Dashed:"
            f" {USUAL_LIMIT:g}, the usual limit. ∞: the regressor is a sum of others.{hidden}"
        ),
    )


def _shown(tables: Mapping[str, Sequence[Row]]) -> tuple[list[str], int]:
    """Regressors to draw, in the order of the design, and how many are left out."""
    largest: dict[str, float] = {}
    for rows in tables.values():
        for row in rows:
            name = str(row["regressor"])
            largest[name] = max(largest.get(name, 0.0), float(np.nan_to_num(_value(row, WITH), posinf=1e300)))
    kept = sorted(largest, key=lambda name: -largest[name])[:MOST_SHOWN]
    return [name for name in largest if name in kept], len(largest) - len(kept)


def _value(row: Row, column: str) -> float:
    return float(row.get(column, math.nan))


def _end(tables: Mapping[str, Sequence[Row]]) -> float:
    """Right end of the axis: beyond the largest finite value, at least 10, at most 100."""
    values = [_value(row, column) for rows in tables.values() for row in rows for column in (WITHOUT, WITH)]
    finite = [value for value in values if math.isfinite(value)]
    return min(100.0, max(10.0, 1.5 * max(finite, default=1.0)))


class _Bars(NamedTuple):
    """How a backend's bars are drawn."""

    colour: str
    offset: float
    """From the regressor's place, in rows"""
    height: float
    end: float
    """Right end of the axis"""


def _named(rows: Sequence[Row], name: str) -> Row:
    return next((row for row in rows if row["regressor"] == name), {})


def _draw_bars(axes: "Axes", rows: Sequence[Row], bars: _Bars) -> None:
    for i, row in enumerate(rows):
        whole, alone = _value(row, WITH), _value(row, WITHOUT)
        middle = i + bars.offset
        if not math.isnan(whole):
            length = max(min(whole, bars.end) - 1, THIN)
            axes.barh(middle, length, left=1, height=bars.height * 0.86, color=bars.colour)
        if whole > bars.end:
            beyond = "∞" if math.isinf(whole) else f"{whole:.3g}"
            look: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": 7, "color": "white"}
            axes.text(bars.end / 1.02, middle, beyond, **look)
        if math.isfinite(alone):
            axes.vlines(min(alone, bars.end), middle - bars.height / 2, middle + bars.height / 2, INK, lw=1.6)


def _largest(tables: Mapping[str, Sequence[Row]]) -> str:
    rows = [row for table in tables.values() for row in table if not math.isnan(_value(row, WITH))]
    if not rows:
        return "There are no regressors."
    worst = max(rows, key=lambda row: _value(row, WITH))
    value = _value(worst, WITH)
    number = "infinite" if math.isinf(value) else f"{value:.3g}"
    return f"The largest is {number}, of {_short(str(worst['regressor']))}."
