"""Voxels of two maps against each other: scatter, Bland-Altman plot, histogram."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bidsglm import packages
from bidsglm.agreement.coefficients import limits_of_agreement, principal_axis
from bidsglm.model import Floats
from bidsglm.report.drawing import (
    FAINT,
    HIGHLIGHT,
    Figure,
    canvas,
    density_colours,
    encoded,
    style,
)
from bidsglm.report.maps import ContrastImages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Extent = tuple[float, float, float, float]
FAR_FROM_IDENTITY = 4.0
"""Ratio of the two maps' ranges from which one scale for both axes would flatten the cloud to a line."""
BINS = 120
SPREADS: Mapping[str, str] = {
    "t": "Without any effect and with a true noise model, t has a standard deviation of about 1.",
    "F": "Without any effect and with a true noise model, F has a mean of about 1.",
}


def scatter_figure(images: ContrastImages) -> Figure:
    """Density of voxels, SPM against nilearn, with identity and total least squares line."""
    names = [name for name in ("effect", images.test) if name in images.maps]
    with style():
        drawing, panels = _panels(len(names), height=4.1)
        for (axes, bar), name in zip(panels, names, strict=True):
            _draw_scatter(axes, bar, *_inside(images, name))
            axes.set_title(name)
            units = images.effect_units if name == "effect" else {}
            axes.set_xlabel(_axis_label("nilearn", name, units))
            axes.set_ylabel(_axis_label("spm", name, units))
        content = encoded(drawing, "png")
    return Figure(
        name=f"contrast-{images.label}_desc-scatter.png",
        content=content,
        alt=f"Density scatter of {' and '.join(names)} of {images.name}, SPM against nilearn.",
        caption=(
            "Each voxel of both masks, nilearn's value across and SPM's up; darker hexagons hold more voxels"
            " (logarithmic). Dashed: identity, where both packages say the same. Solid: total least squares"
            " line. A cloud along a steeper or flatter line is a difference of scale, its width is"
            " disagreement from voxel to voxel. Where the scales differ more than fourfold, each axis has"
            " its own range."
        ),
    )


def _inside(images: ContrastImages, name: str) -> tuple[Floats, Floats]:
    x, y = (images.maps[name][backend][images.both] for backend in ("nilearn", "spm"))
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite].astype(np.float64), y[finite].astype(np.float64)


def _axis_label(backend: str, name: str, units: Mapping[str, str]) -> str:
    unit = f" ({units[backend]})" if backend in units else ""
    return f"{packages.title(backend)} {name}{unit}"


def _panels(n_panels: int, height: float) -> tuple["Canvas", list[tuple["Axes", "Axes"]]]:
    """Place square-ish axes in a row, each with a narrow one for its colour bar (inches)."""
    wide, left, bottom, size = 4.9, 0.8, 0.55, 3.15
    total = wide * n_panels
    # placed by hand, as matplotlib's layout engine takes longer than all the drawing
    drawing = canvas(total, height, layout=None)
    tall = (height - bottom - 0.4) / height
    panels = []
    for start in np.arange(n_panels) * wide + left:
        axes = drawing.add_axes((start / total, bottom / height, size / total, tall))
        bar = drawing.add_axes(
            ((start + size + 0.1) / total, bottom / height + 0.2 * tall, 0.1 / total, 0.6 * tall)
        )
        panels.append((axes, bar))
    return drawing, panels


def _hexagons(axes: "Axes", bar: "Axes", values: tuple[Floats, Floats], extent: Extent) -> None:
    if not len(values[0]):
        bar.set_axis_off()
        return
    look: dict[str, Any] = {"bins": "log", "mincnt": 1, "cmap": density_colours(), "linewidths": 0}
    counts = axes.hexbin(*values, gridsize=55, extent=extent, **look)
    scale = axes.figure.colorbar(counts, cax=bar, format="{x:,.0f}")
    scale.minorticks_off()
    scale.set_label("voxels", color=FAINT)
    scale.outline.set_visible(False)
    bar.tick_params(labelsize=7, length=2)


def _padded(values: Floats) -> tuple[float, float]:
    if not len(values):
        return -1.0, 1.0
    margin = 0.04 * float(np.ptp(values)) or 1.0
    return float(values.min()) - margin, float(values.max()) + margin


def _draw_scatter(axes: "Axes", bar: "Axes", x: Floats, y: Floats) -> None:
    across, up = _padded(x), _padded(y)
    ratio = (up[1] - up[0]) / (across[1] - across[0])
    if 1 / FAR_FROM_IDENTITY < ratio < FAR_FROM_IDENTITY:
        across = up = min(across[0], up[0]), max(across[1], up[1])
        axes.set_aspect("equal")
    _hexagons(axes, bar, (x, y), (*across, *up))
    axes.axline((0, 0), slope=1, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), label="identity")
    line = principal_axis(x, y)
    if np.isfinite(line.slope):
        look: dict[str, Any] = {
            "color": HIGHLIGHT,
            "linewidth": 1.4,
            "label": f"fitted, slope {line.slope:.3g}",
        }
        axes.axline((0, line.intercept), slope=line.slope, **look)
    axes.set(xlim=across, ylim=up)
    axes.legend(loc="upper left", frameon=False, fontsize=8)


def bland_altman_figure(images: ContrastImages) -> Figure:
    """Difference against mean of the two packages, with mean difference and limits of agreement."""
    names = [name for name in ("effect", images.test) if name in images.maps]
    with style():
        drawing, panels = _panels(len(names), height=3.4)
        for (axes, bar), name in zip(panels, names, strict=True):
            _draw_bland_altman(axes, bar, *_inside(images, name))
            axes.set(title=name, xlabel=f"mean of both, {name}", ylabel="SPM − nilearn")
        content = encoded(drawing, "png")
    return Figure(
        name=f"contrast-{images.label}_desc-blandaltman.png",
        content=content,
        alt=f"Bland-Altman plot of {' and '.join(names)} of {images.name}.",
        caption=(
            "Bland-Altman plot: the difference SPM minus nilearn against the mean of both, for each voxel of"
            " both masks. Solid: mean difference. Dashed: limits of agreement, between which 95 % of"
            " differences would lie if they were normal. A tilted cloud means a difference of scale."
        ),
    )


def _draw_bland_altman(axes: "Axes", bar: "Axes", x: Floats, y: Floats) -> None:
    mean, difference = (x + y) / 2, y - x
    across, up = _padded(mean), float(np.abs(difference).max(initial=0)) * 1.3 or 1.0
    _hexagons(axes, bar, (mean, difference), (*across, -up, up))
    axes.set(xlim=across, ylim=(-up, up))
    axes.axhline(0, color=FAINT, linewidth=0.6)
    limits = limits_of_agreement(x, y)
    if np.isfinite(limits.mean_difference):
        look: dict[str, Any] = {"color": HIGHLIGHT, "linewidth": 1.2}
        axes.axhline(limits.mean_difference, label=f"mean {limits.mean_difference:.3g}", **look)
        label = f"limits {limits.lower:.3g}, {limits.upper:.3g}"
        axes.axhline(limits.lower, linestyle="--", label=label, **look)
        axes.axhline(limits.upper, linestyle="--", **look)
        axes.legend(loc="upper left", frameon=False, fontsize=8, ncols=2)


def histogram_figure(images: ContrastImages) -> Figure:
    """How often each value of the statistic occurs in either package's map, on a logarithmic scale."""
    x, y = _inside(images, images.test)
    ends = _padded(np.concatenate([x, y]))
    edges = np.linspace(*ends, BINS + 1)
    with style():
        drawing = canvas(9.8, 2.9, layout=None)
        axes = drawing.add_axes((0.8 / 9.8, 0.19, 8.8 / 9.8, 0.77))
        for name, values in (("nilearn", x), ("spm", y)):
            colour = packages.colour(name)
            counts = np.histogram(values, edges)[0]
            axes.stairs(counts, edges, color=colour, linewidth=1.6, label=packages.title(name))
            axes.stairs(counts, edges, color=colour, fill=True, alpha=0.12)
        axes.set_yscale("symlog", linthresh=1)
        axes.set(xlim=ends, ylim=(0, None), xlabel=images.test, ylabel="voxels")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(loc="upper right", frameon=False)
        content = encoded(drawing, "png")
    return Figure(
        name=f"contrast-{images.label}_stat-{images.test}_desc-histogram.png",
        content=content,
        alt=f"Histograms of SPM's and nilearn's {images.test} values of {images.name} over the same voxels.",
        caption=(
            f"How many voxels have which {images.test}, over the voxels of both masks; the height is"
            " logarithmic, so that the few voxels of the tails show. A wider histogram means larger values"
            " throughout: a difference of the noise model or of its degrees of freedom."
            f" {SPREADS[images.test]}"
        ),
    )
