"""Voxels of two maps against each other: scatter, Bland-Altman plot, histogram."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bidsglm import packages
from bidsglm.agreement.coefficients import limits_of_agreement, principal_axis
from bidsglm.model import Floats
from bidsglm.report import colours, svg
from bidsglm.report.charts import Axes, Extent, Range, frame
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.drawing import HIGHLIGHT, Figure
from bidsglm.sentences import joined

FAR_FROM_IDENTITY = 4.0
"""Ratio of the two maps' ranges from which one scale for both axes would flatten the cloud to a line."""
BINS = 120
CELLS = 100
"""Cells of a density, along each axis"""
CLOSE = 0.5 - 1e-6
"""Cells from its middle, from which a value is beside an edge"""
PANEL, SQUARE, FLAT = 490.0, 330.0, 250.0
"""Units of a picture: width of a panel; height of a scatter and of the others"""
SPREADS: Mapping[str, str] = {
    "t": "Without any effect and with a true noise model, t has a standard deviation of about 1.",
    "z": "Without any effect and with a true noise model, z has a standard deviation of about 1.",
    "F": "Without any effect and with a true noise model, F has a mean of about 1.",
}


def scatter_figure(images: ContrastImages) -> Figure:
    """Density of voxels, a package against the reference, with identity and total least squares line."""
    names = images.stats[::-1]
    parts: list[str] = []
    pair = images.pair
    first, reference = (images.title(each) for each in pair)
    for i, name in enumerate(names):
        units = images.effect_units if name == "effect" else {}
        across, up = (_axis_label(images.title(each), name, units.get(each)) for each in reversed(pair))
        parts += _scatter(_inside(images, name), PANEL * i, (name, across, up))
    alt = f"Density scatter of {' and '.join(names)} of {images.name}, {first} against {reference}."
    return Figure(
        name=f"contrast-{images.label}_desc-scatter{images.pair.suffix}.svg",
        content=svg.document(PANEL * len(names), SQUARE + 85, alt, parts),
        alt=alt,
        title="scatter",
        caption=(
            f"Each voxel of both masks, {reference}'s value across and {first}'s up; stronger squares hold"
            " more voxels (logarithmic). Dashed: identity, where both say the same. Solid: total"
            " least squares line. A cloud along a steeper or flatter line is a difference of scale, its width"
            " is disagreement from voxel to voxel. Where the scales differ more than fourfold, each axis has"
            " its own range."
        ),
    )


def _inside(images: ContrastImages, name: str) -> tuple[Floats, Floats]:
    x, y = (images.values(name, backend) for backend in reversed(images.pair))
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite], y[finite]


def _axis_label(title: str, name: str, unit: str | None) -> str:
    return f"{title} {name} ({unit})" if unit else f"{title} {name}"


def _padded(values: Floats) -> tuple[float, float]:
    if not len(values):
        return -1.0, 1.0
    margin = 0.04 * float(np.ptp(values)) or 1.0
    return float(values.min()) - margin, float(values.max()) + margin


def _density(axes: Axes, x: Floats, y: Floats) -> list[str]:
    """Cells of the plane, the more voxels the more opaque, and the number in the fullest."""
    if not len(x):
        return []
    places = _cells(y, axes.up) * CELLS + _cells(x, axes.across)
    counts = np.bincount(places, minlength=CELLS**2).reshape(CELLS, CELLS).astype(np.float64)
    fullest = f"fullest cell: {counts.max():,.0f} voxels"
    return [
        svg.picture(colours.densities(counts), *axes.place),
        svg.text(axes.place.x + axes.place.width, axes.place.y - 8, fullest, text_anchor="end", font_size=10),
    ]


def _cells(values: Floats, ends: Range) -> NDArray[np.intp]:
    """Cell of each value, all of which lie between the ends: a fifth of histogram2d's time."""
    scaled = (values - ends[0]) * (CELLS / (ends[1] - ends[0]))
    found = scaled.astype(np.intp)
    # rounding may put a value beside an edge in the neighbouring cell
    close = np.flatnonzero(np.abs(scaled - found - 0.5) > CLOSE)
    edges, at = np.linspace(*ends, CELLS + 1), np.clip(found[close], 0, CELLS - 1)
    at -= values[close] < edges[at]
    found[close] = at + ((values[close] >= edges[at + 1]) & (at < CELLS - 1))
    return found


def _scatter(values: tuple[Floats, Floats], left: float, labels: tuple[str, str, str]) -> list[str]:
    x, y = values
    across, up = _padded(x), _padded(y)
    ratio = (up[1] - up[0]) / (across[1] - across[0])
    if 1 / FAR_FROM_IDENTITY < ratio < FAR_FROM_IDENTITY:
        across = up = min(across[0], up[0]), max(across[1], up[1])
    axes = Axes(Extent(left + 75, 30, SQUARE, SQUARE), across, up)
    parts = [*frame(axes, *labels), *_density(axes, x, y), axes.slope(0, 1, stroke_dasharray="5 4")]
    lines = [("currentColor", "5 4", "identity")]
    fitted = principal_axis(x, y)
    if np.isfinite(fitted.slope):
        parts.append(axes.slope(fitted.intercept, fitted.slope, stroke=HIGHLIGHT, stroke_width=1.6))
        lines.append((HIGHLIGHT, "", f"fitted, slope {fitted.slope:.3g}"))
    return [*parts, *axes.legend(lines)]


def bland_altman_figure(images: ContrastImages) -> Figure:
    """Difference against mean of the two packages, with mean difference and limits of agreement."""
    names = images.stats[::-1]
    parts: list[str] = []
    for i, name in enumerate(names):
        labels = (name, f"mean of both, {name}", images.difference(images.pair))
        parts += _bland_altman(_inside(images, name), PANEL * i, labels)
    alt = f"Bland-Altman plot of {' and '.join(names)} of {images.name}."
    return Figure(
        name=f"contrast-{images.label}_desc-blandaltman{images.pair.suffix}.svg",
        content=svg.document(PANEL * len(names), FLAT + 85, alt, parts),
        alt=alt,
        title="Bland-Altman plot",
        caption=(
            f"Bland-Altman plot: the difference {images.minus(images.pair)} against the mean of both, for"
            " each voxel of both masks. Solid: mean difference. Dashed: limits of agreement, between which"
            " 95 % of differences would lie if they were normal. A tilted cloud means a difference of scale."
        ),
    )


def _bland_altman(values: tuple[Floats, Floats], left: float, labels: tuple[str, str, str]) -> list[str]:
    x, y = values
    mean, difference = (x + y) / 2, y - x
    top = float(np.abs(difference).max(initial=0)) * 1.3 or 1.0
    axes = Axes(Extent(left + 75, 30, PANEL - 100, FLAT), _padded(mean), (-top, top))
    parts = [*frame(axes, *labels), *_density(axes, mean, difference), axes.slope(0, 0, opacity=0.6)]
    limits = limits_of_agreement(x, y)
    if not np.isfinite(limits.mean_difference):
        return parts
    parts.append(axes.slope(limits.mean_difference, 0, stroke=HIGHLIGHT, stroke_width=1.4))
    for limit in (limits.lower, limits.upper):
        parts.append(axes.slope(limit, 0, stroke=HIGHLIGHT, stroke_width=1.2, stroke_dasharray="5 4"))
    lines = [
        (HIGHLIGHT, "", f"mean {limits.mean_difference:.3g}".replace("-", "−")),
        (HIGHLIGHT, "5 4", f"limits {limits.lower:.3g}, {limits.upper:.3g}".replace("-", "−")),
    ]
    return [*parts, *axes.legend(lines)]


def histogram_figure(images: ContrastImages) -> Figure:
    """How often each value of the statistic occurs in each package's map, on a logarithmic scale."""
    stat = {name: images.values(images.test, name) for name in reversed(images.backends)}
    known = np.logical_and.reduce([np.isfinite(values) for values in stat.values()])
    inside = {name: values[known] for name, values in stat.items()}
    ends = _padded(np.concatenate(list(inside.values())))
    edges = np.linspace(*ends, BINS + 1)
    counts = {name: np.histogram(values, edges)[0] for name, values in inside.items()}
    largest = max(int(each.max(initial=0)) for each in counts.values())
    axes = Axes(Extent(75, 30, 2 * PANEL - 100, 200), ends, (0.0, float(np.log10(1 + max(largest, 9)))))
    decades = [0, *(10**k for k in range(int(axes.up[1]) + 1))]
    marks = [(float(np.log10(1 + n)), f"{n:,}") for n in decades]
    parts = frame(axes, "", images.test, "voxels", marks)
    for name, each in counts.items():
        colour = packages.colour(name)
        steps = axes.stairs(edges, np.log10(1 + each))
        parts.append(svg.path(steps, stroke=colour, stroke_width=1.6, fill=colour, fill_opacity=0.12))
    parts += axes.legend([(packages.colour(name), "", images.title(name)) for name in counts], right=True)
    owners = joined(f"{images.title(name)}'s" for name in images.backends)
    whose = f"{owners} {images.test} values of {images.name}"
    which = "both" if len(images.backends) == 2 else "all"
    alt = f"Histograms of {whose} over the same voxels."
    return Figure(
        name=f"contrast-{images.label}_stat-{images.test}_desc-histogram.svg",
        content=svg.document(2 * PANEL, 285, alt, parts),
        alt=alt,
        title="histogram",
        caption=(
            f"How many voxels have which {images.test}, over the voxels of {which} masks; the height is"
            " logarithmic, so that the few voxels of the tails show. A wider histogram means larger values"
            " throughout: a difference of the noise model or of its degrees of freedom."
            f" {SPREADS.get(images.test, '')}"
        ),
    )
