"""Plots of regions as inline SVG: both packages beside each other, and their difference against their size.

Every mark stands in a link without an address, so that it can be pointed at and reached with the keyboard;
its title names the region. Each package has a mark of its own, in a colour that the style sheet gives.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from bidsglm import packages
from bidsglm.report.scales import Scale, tick_text

WIDTH = 380
"""Width of a plot in its own units: one to one on a telephone, larger on a laptop."""
LABEL = 170
"""Width of the column of names."""
LONGEST = 25
"""Letters of a name that fit there."""
RIGHT = 14
ROW = 20
HEAD = 26
AXIS = 40
RADIUS = 4.2
HEIGHT = 250
"""Height of the plot of differences."""
LEFT = 48
MARGIN = 0.05
"""Share of the range, left free at both ends."""


class RegionPair(NamedTuple):
    """A region's value in each package."""

    name: str
    values: Mapping[str, float]
    """Backend -> value"""
    words: str
    """What the mark says, the name in front"""
    changed: bool = False
    """Another conclusion with the other package"""


class RegionDifference(NamedTuple):
    """A region's difference between the packages over participants."""

    mean: float
    """Mean of both packages"""
    bias: float
    """SPM minus nilearn"""
    lower: float
    """Limit of agreement; NaN where there is none"""
    upper: float
    words: str
    changed: bool = False


def _scale(values: Sequence[float], start: float, end: float) -> Scale:
    low, high = min(values), max(values)
    margin = MARGIN * (high - low) or 1.0
    return Scale(low - margin, high + margin, start, end)


def dots_svg(pairs: Sequence[RegionPair], axis: str, limit: float = math.nan) -> str:
    """A line for each region with the value of each package; empty where no value is known.

    Parameters
    ----------
    pairs
        Regions from top to bottom.
    axis
        What the values are.
    limit
        Distance from 0 of two dashed lines, NaN for none.

    >>> dots_svg([RegionPair("insula", {"spm": float("nan")}, "insula: n/a")], "mean t")
    ''
    """
    known = [value for pair in pairs for value in pair.values.values() if math.isfinite(value)]
    if not known:
        return ""
    ends = [limit, -limit] if math.isfinite(limit) else []
    scale = _scale([0.0, *ends, *known], LABEL, WIDTH - RIGHT)
    bottom = HEAD + ROW * len(pairs)
    backends = list(dict.fromkeys(backend for pair in pairs for backend in pair.values))
    lines = "".join(_line(pair, HEAD + ROW * (i + 0.5), scale) for i, pair in enumerate(pairs))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dots" viewBox="0 0 {WIDTH} {bottom + AXIS}"'
        f' role="group" aria-label="{escape(axis)} by region">{_legend(backends)}'
        f"{_vertical(scale, HEAD, bottom, axis, ends)}"
        f'<g class="marks">{lines}</g></svg>'
    )


def _legend(backends: Sequence[str]) -> str:
    parts = []
    for place, backend in enumerate(backends):
        x = LABEL + 10 + 80 * place
        parts.append(f'{_mark(backend, x, 12)}<text x="{x + 9}" y="16">{packages.title(backend)}</text>')
    return f'<g aria-hidden="true">{"".join(parts)}</g>'


def _mark(backend: str, x: float, y: float) -> str:
    kind, r = packages.PACKAGES[backend].mark, RADIUS + 1
    if kind == "circle":
        return f'<circle class="{backend}" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>'
    outline = {
        "diamond": f"M{x:.1f} {y - r:.1f}l{r} {r}l-{r} {r}l-{r} -{r}z",
        "square": f"M{x - RADIUS:.1f} {y - RADIUS:.1f}h{2 * RADIUS}v{2 * RADIUS}h-{2 * RADIUS}z",
        "triangle": f"M{x:.1f} {y - r:.1f}l{r} {2 * RADIUS}h-{2 * r}z",
    }
    return f'<path class="{backend}" d="{outline[kind]}"/>'


def _vertical(scale: Scale, top: float, bottom: float, axis: str, dashed: Sequence[float]) -> str:
    """Grid, zero, dashed limits and the axis below."""
    parts = [
        f'<path class="grid" d="M{scale(t):.1f} {top}V{bottom}"/>'
        f'<text class="soft" x="{scale(t):.1f}" y="{bottom + 15}" text-anchor="middle">{tick_text(t)}</text>'
        for t in scale.ticks
    ]
    parts += [f'<path class="limit" d="M{scale(end):.1f} {top}V{bottom}"/>' for end in dashed]
    parts.append(f'<path class="edge" d="M{scale(0):.1f} {top}V{bottom}"/>')
    middle = (scale.start + scale.end) / 2
    parts.append(f'<text x="{middle:.0f}" y="{bottom + 33}" text-anchor="middle">{escape(axis)}</text>')
    return f'<g aria-hidden="true">{"".join(parts)}</g>'


def _line(pair: RegionPair, y: float, scale: Scale) -> str:
    """One region: its name, the marks and what joins them, and a strip to point at."""
    places = {b: scale(value) for b, value in pair.values.items() if math.isfinite(value)}
    marks = "".join(_mark(backend, x, y) for backend, x in places.items())
    if places:
        first, last = min(places.values()), max(places.values())
        marks = f'<path class="join" d="M{first:.1f} {y}H{last:.1f}"/>{marks}'
    else:
        marks = f'<text class="soft" x="{scale(0) + 6:.1f}" y="{y + 4}">n/a</text>'
    name = f'<text x="{LABEL - 8}" y="{y + 4}" text-anchor="end">{escape(shortened(pair.name))}</text>'
    strip = f'<rect x="0" y="{y - ROW / 2}" width="{WIDTH}" height="{ROW}"/>'
    return _link(pair.words, pair.changed, f"{strip}{name}{marks}")


def _link(words: str, changed: bool, inner: str) -> str:
    kind = ' class="changed"' if changed else ""
    return f"<a{kind}><title>{escape(words)}</title>{inner}</a>"


def shortened(name: str, longest: int = LONGEST) -> str:
    """A name that fits, without its middle where it is too long.

    >>> shortened("17Networks_LH_VisCent_ExStr_1", 15)
    '17Netwo…ExStr_1'
    """
    if len(name) <= longest:
        return name
    kept = longest - 1
    return f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"


def differences_svg(differences: Sequence[RegionDifference], unit: str, difference: str) -> str:
    """Bland and Altman's plot, a mark for each region: bias against mean, with the limits of agreement.

    Parameters
    ----------
    differences
        Of the regions; those without a bias are left out.
    unit
        Of the effects.
    difference
        What is subtracted from what, see `Pair.difference`.

    >>> differences_svg([], "%", "SPM − nilearn")
    ''
    """
    known = [d for d in differences if math.isfinite(d.mean) and math.isfinite(d.bias)]
    if not known:
        return ""
    bottom = HEIGHT - AXIS
    across = _scale([0.0, *(d.mean for d in known)], LEFT, WIDTH - RIGHT)
    ends = [v for d in known for v in (d.lower, d.bias, d.upper) if math.isfinite(v)]
    up = _scale([0.0, *ends], bottom, HEAD)
    marks = "".join(_difference(d, across, up) for d in known)
    rows = "".join(
        f'<path class="grid" d="M{LEFT} {up(t):.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="soft" x="{LEFT - 6}" y="{up(t) + 4:.1f}" text-anchor="end">{tick_text(t)}</text>'
        for t in up.ticks
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dots" viewBox="0 0 {WIDTH} {HEIGHT}" role="group"'
        f' aria-label="{escape(difference.replace("−", "minus"))} against their mean, by region">'
        f'<g aria-hidden="true">{rows}<path class="edge" d="M{LEFT} {up(0):.1f}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT}" y="15">{escape(difference)}</text></g>'
        f"{_vertical(across, HEAD, bottom, f'mean effect of both ({unit})', ())}"
        f'<g class="marks">{marks}</g></svg>'
    )


def _difference(found: RegionDifference, across: Scale, up: Scale) -> str:
    x, y = across(found.mean), up(found.bias)
    limits = ""
    if math.isfinite(found.lower) and math.isfinite(found.upper):
        limits = f'<path class="join" d="M{x:.1f} {up(found.lower):.1f}V{up(found.upper):.1f}"/>'
    shape = f'<circle class="bias" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>'
    return _link(found.words, found.changed, f"{limits}{shape}")
