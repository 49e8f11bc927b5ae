"""Figures of a design's diagnosis: correlations of the regressors, and their variance inflation."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bidsglm import packages
from bidsglm.model import TRIAL_TYPE, Floats
from bidsglm.report import colours, svg
from bidsglm.report.charts import Axes, Extent
from bidsglm.report.drawing import ON_CELLS, Figure
from bidsglm.report.wording import Row

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
THIN = 2.0
"""Length of the bar of a regressor that shares nothing, so that its colour is seen."""
WIDTH, MATRIX = 750.0, 420.0
"""Units of a picture: width of the bars' picture; side of a matrix of few regressors"""
LETTER = 7.2
"""Width of a letter, at most"""
TICKS = (1, 2, 5, 10, 20, 50, 100)
CORRELATIONS = ("#15437c", "#5b9dcb", "#f4f4f4", "#dd7d63", "#7a1024")
NO_NUMBER = "#c9ced4"
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
    cell = float(np.clip(MATRIX / max(len(names), 1), 8, 32))
    longest = max((len(_short(name)) for name in names), default=1)
    left = 16 + LETTER * min(longest, 40)
    place = Extent(left, 6, cell * max(len(names), 1), cell * max(len(names), 1))
    parts = [*_cells(matrix, place), *_names(names, place), *_correlation_scale(place)]
    alt = f"Matrix of correlations of the regressors{_of(run)}. {_strongest(names, matrix)}"
    sides = (
        f"below the diagonal as {packages.title(backends[0])} has them, above it as"
        f" {packages.title(backends[-1])} has them"
        if len(tables) > 1
        else f"as {packages.title(next(iter(tables)))} has them"
    )
    return Figure(
        name="desc-correlations.svg",
        content=svg.document(left + place.width + 80, place.y + place.height + left, alt, parts),
        alt=alt,
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


def _cells(matrix: Floats, place: Extent) -> list[str]:
    """Colours of the correlations, and their numbers where there is room."""
    if not matrix.size:
        return []
    size, known = place.width / len(matrix), np.isfinite(matrix)
    parts = [svg.picture(_coloured(matrix)[::-1], *place)]
    if len(matrix) > MOST_WRITTEN:
        return parts
    for i, j in np.argwhere(known).tolist():
        value = float(matrix[i, j])
        words = f"{value:.2f}".replace("-", "\N{MINUS SIGN}").replace("0.", ".")
        x, y = place.x + (j + 0.5) * size, place.y + (i + 0.5) * size + 3
        colour = "#ffffff" if abs(value) > 0.6 else ON_CELLS
        parts.append(svg.text(x, y, words, text_anchor="middle", font_size=9, fill=colour))
    return parts


def _coloured(values: Floats) -> NDArray[np.uint8]:
    """Blue for negative, red for positive, grey where there is no number (rows, columns, 3)."""
    stops = np.array([colours.rgb(stop) for stop in CORRELATIONS], dtype=float)
    at, places = np.nan_to_num(values), np.linspace(-1, 1, len(stops))
    found = np.stack([np.interp(at, places, stops[:, c]) for c in range(3)], axis=-1)
    found[~np.isfinite(values)] = colours.rgb(NO_NUMBER)
    return found.round().astype(np.uint8)


def _names(names: Sequence[str], place: Extent) -> list[str]:
    """Regressors beside and below the matrix; conditions stand out."""
    parts, size = [], place.width / max(len(names), 1)
    low = place.y + place.height + 6
    for i in range(0, len(names), max(1, len(names) // 60)):
        faint: dict[str, object] = {} if names[i].startswith(TRIAL_TYPE) else {"opacity": 0.65}
        look: dict[str, object] = {"text_anchor": "end", "font_size": 10, **faint}
        x, y = place.x + (i + 0.5) * size + 3, place.y + (i + 0.5) * size + 3
        turned = f"rotate(-90 {svg.number(x)} {svg.number(low)})"
        parts += [
            svg.text(place.x - 6, y, _short(names[i]), **look),
            svg.text(x, low, _short(names[i]), transform=turned, **look),
        ]
    return parts


def _correlation_scale(place: Extent) -> list[str]:
    x, tall = place.x + place.width + 14, min(place.height, 160.0)
    pixels = _coloured(np.linspace(-1, 1, 41)[:, np.newaxis])
    ticks = [(f"{value}".replace("-", "−"), place.y + tall * (1 - value) / 2) for value in (-1, 0, 1)]
    return [
        svg.picture(pixels, x, place.y, 12, tall),
        *(svg.text(x + 18, y + 4, words, font_size=11) for words, y in ticks),
    ]


def inflation_figure(tables: Mapping[str, Sequence[Row]], run: str = "") -> Figure:
    """Variance inflation of the regressors of a run, with and without the constant and the drifts.

    Parameters
    ----------
    tables
        Backend -> rows of `compare.collinearity.regressor_rows`.
    run
        Label of the run, for the words.
    """
    shown, n_hidden = _shown(tables)
    longest = max((len(_short(name)) for name in shown), default=1)
    left, row = 16 + LETTER * min(longest, 40), 12.0 + 9 * len(tables)
    ends = math.log10(LEFT_END), math.log10(_end(tables))
    axes = Axes(Extent(left, 30, WIDTH - left - 20, row * max(len(shown), 1)), ends, (float(len(shown)), 0.0))
    parts = [*_log_axis(axes), *_inflation_legend(axes, tables)]
    for i, name in enumerate(shown):
        parts.append(svg.text(left - 8, axes.y(i + 0.5) + 4, _short(name), text_anchor="end", font_size=11))
        for j, (backend, rows) in enumerate(tables.items()):
            thick = THICK * row / len(tables)
            top = axes.y(i) + (1 - THICK) / 2 * row + j * thick
            parts += _bar(axes, _named(rows, name), (top, thick), packages.colour(backend))
    alt = f"Bars of the variance inflation factors{_of(run)}. {_largest(tables)}"
    hidden = f" The {n_hidden} regressors with the smallest are not shown." if n_hidden else ""
    return Figure(
        name="desc-inflation.svg",
        content=svg.document(WIDTH, axes.place.y + axes.place.height + 44, alt, parts),
        alt=alt,
        caption=(
            "How many times larger the variance of each beta is than if its regressor shared nothing with"
            " the others. Bars: all other regressors, the constant and the drifts of the high-pass filter."
            " Tick: the other regressors only. A condition whose bar goes far beyond its tick trades"
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


def _named(rows: Sequence[Row], name: str) -> Row:
    return next((row for row in rows if row["regressor"] == name), {})


def _log_axis(axes: Axes) -> list[str]:
    """Ticks of a logarithmic axis, and the usual limit."""
    x, y, width, height = axes.place
    low = y + height
    parts = [
        svg.line(x, low, x + width, low, opacity=0.6),
        svg.text(x + width / 2, low + 36, "variance inflation factor (logarithmic)", text_anchor="middle"),
    ]
    for value in TICKS:
        if math.log10(value) <= axes.across[1]:
            at = axes.x(math.log10(value))
            parts += [
                svg.line(at, low, at, low + 4, opacity=0.6),
                svg.text(at, low + 17, f"{value:g}", text_anchor="middle", font_size=11),
            ]
    limit = axes.x(math.log10(USUAL_LIMIT))
    return [*parts, svg.line(limit, y, limit, low, stroke_dasharray="4 3", opacity=0.6)]


def _inflation_legend(axes: Axes, tables: Iterable[str]) -> list[str]:
    x, parts = axes.place.x, []
    for backend in tables:
        title = packages.title(backend)
        parts += [
            svg.box(x, 10, 18, 9, fill=packages.colour(backend)),
            svg.text(x + 24, 19, title, font_size=11),
        ]
        x += 44 + LETTER * len(title)
    tick = svg.line(x, 8, x, 21, stroke_width=2)
    return [*parts, tick, svg.text(x + 8, 19, "without constant and drifts", font_size=11)]


def _bar(axes: Axes, row: Row, where: tuple[float, float], colour: str) -> list[str]:
    """A regressor's bar, from 1 on, and the tick of its factor among the regressors only."""
    (top, thick), parts = where, []
    whole, alone = _value(row, WITH), _value(row, WITHOUT)
    start, end = axes.x(0.0), axes.x(axes.across[1])
    if not math.isnan(whole):
        # a bar of no length is drawn, so that its colour is seen
        stop = min(axes.x(math.log10(max(whole, 1.0))), end) if math.isfinite(whole) else end
        parts.append(svg.box(start, top, max(stop - start, THIN), thick * 0.86, fill=colour))
    if math.log10(whole) > axes.across[1] if whole > 0 else False:
        beyond = "∞" if math.isinf(whole) else f"{whole:.3g}"
        parts.append(
            svg.text(end - 4, top + thick * 0.75, beyond, text_anchor="end", font_size=9, fill="#ffffff")
        )
    if math.isfinite(alone):
        at = min(axes.x(math.log10(max(alone, 1.0))), end)
        parts.append(svg.line(at, top - 1, at, top + thick, stroke_width=2))
    return parts


def _largest(tables: Mapping[str, Sequence[Row]]) -> str:
    rows = [row for table in tables.values() for row in table if not math.isnan(_value(row, WITH))]
    if not rows:
        return "There are no regressors."
    worst = max(rows, key=lambda row: _value(row, WITH))
    value = _value(worst, WITH)
    number = "infinite" if math.isinf(value) else f"{value:.3g}"
    return f"The largest is {number}, of {_short(str(worst['regressor']))}."
