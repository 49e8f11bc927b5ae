"""Records -> figures: designs side by side, scatter, agreement over participants; maps from `maps`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from bidsglm.compare.coefficients import limits_of_agreement, principal_axis
from bidsglm.model import TRIAL_TYPE, DesignMatrix, Floats
from bidsglm.report.drawing import (
    BACKEND_COLOURS,
    BACKEND_TITLES,
    FAINT,
    INK,
    PAGE_WIDTH,
    Figure,
    canvas,
    density_colours,
    encoded,
    style,
)
from bidsglm.report.maps import ContrastImages, maps_figure, masks_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = [
    "ContrastImages",
    "Figure",
    "bland_altman_figure",
    "contrast_figures",
    "design_figure",
    "maps_figure",
    "masks_figure",
    "participants_figure",
    "scatter_figure",
]

Extent = tuple[float, float, float, float]
FAR_FROM_IDENTITY = 4.0
"""Ratio of the two maps' ranges from which one scale for both axes would flatten the cloud to a line."""


def contrast_figures(images: ContrastImages) -> tuple[Figure, ...]:
    """All figures of a contrast: maps, and with two backends scatter and Bland-Altman plots."""
    if len(images.backends) < 2:
        return (maps_figure(images),)
    return maps_figure(images), scatter_figure(images), bland_altman_figure(images)


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
    return f"{BACKEND_TITLES[backend]} {name}{unit}"


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
            "color": BACKEND_COLOURS["spm"],
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
        look: dict[str, Any] = {"color": BACKEND_COLOURS["spm"], "linewidth": 1.2}
        axes.axhline(limits.mean_difference, label=f"mean {limits.mean_difference:.3g}", **look)
        label = f"limits {limits.lower:.3g}, {limits.upper:.3g}"
        axes.axhline(limits.lower, linestyle="--", label=label, **look)
        axes.axhline(limits.upper, linestyle="--", **look)
        axes.legend(loc="upper left", frameon=False, fontsize=8, ncols=2)


def design_figure(designs: Mapping[str, DesignMatrix], run: str = "") -> Figure:
    """Design matrices of a run side by side, time downward, every column scaled to its largest value.

    Parameters
    ----------
    designs
        Backend -> design
    run
        Label of the run, for the words.
    """
    panels = _design_panels(designs)
    widths = [max(matrix.shape[1], 2) for _, _, matrix, _ in panels]
    width = float(np.clip(0.19 * sum(widths) + 0.7 * len(panels), 5.5, 16))
    with style():
        drawing = canvas(width, 4.6)
        grid = drawing.subplots(1, len(panels), width_ratios=widths, sharey=True, squeeze=False)[0]
        for axes, (title, names, matrix, faint) in zip(grid, panels, strict=True):
            _draw_design(axes, names, matrix, faint)
            axes.set_title(title, fontweight="normal" if faint else "bold")
        grid[0].set_ylabel("scan")
        content = encoded(drawing, "svg")
    facts = ", ".join(f"{BACKEND_TITLES[name]} {d.matrix.shape[1]} columns" for name, d in designs.items())
    return Figure(
        name="desc-designs.svg",
        content=content,
        alt=f"Design matrices{' of ' + run if run else ''} as grey-scale images: {facts}.",
        caption=(
            "Time runs downward, one column is one regressor; white is each column's largest value, black its"
            " negative. Conditions are named in black, without their prefix. nilearn's drift terms are"
            " regressors of its model; SPM's high-pass filter is no part of the design: it projects the"
            " cosines shown beside it out of data and design. SPM centres confounds,"
            " nilearn takes them as they are."
        ),
    )


def _design_panels(designs: Mapping[str, DesignMatrix]) -> list[tuple[str, tuple[str, ...], Floats, bool]]:
    panels = []
    for name, design in designs.items():
        panels.append((BACKEND_TITLES[name], design.names, design.matrix, False))
        if design.high_pass_basis.shape[1]:
            cosines = tuple(f"cosine {i + 1}" for i in range(design.high_pass_basis.shape[1]))
            panels.append(("high-pass filter", cosines, design.high_pass_basis, True))
    return panels


def _draw_design(axes: "Axes", names: Sequence[str], matrix: Floats, faint: bool) -> None:
    largest = np.abs(matrix).max(axis=0)
    scaled = matrix / np.where(largest > 0, largest, 1)
    alpha = 0.45 if faint else 1.0
    axes.imshow(scaled, cmap="gray", vmin=-1, vmax=1, aspect="auto", interpolation="nearest", alpha=alpha)
    every = max(1, len(names) // 60)
    shown = range(0, len(names), every)
    labels = [names[i].removeprefix(TRIAL_TYPE) for i in shown]
    axes.set_xticks(list(shown), labels, rotation=90, fontsize=7)
    for i, label in zip(shown, axes.get_xticklabels(), strict=True):
        label.set_color(INK if names[i].startswith(TRIAL_TYPE) else FAINT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_linewidth(0.5)


STRIP_METRICS: Mapping[str, str] = MappingProxyType(
    {
        "pearson_r": "Pearson r",
        "slope": "slope, SPM on nilearn",
        "dice_p001": "Dice at p < 0.001",
    }
)


def participants_figure(rows: Sequence[Mapping[str, str | int | float]], map_name: str = "t") -> Figure:
    """Agreement of one map: a dot for every participant, a bar at the median, a line for each contrast.

    Parameters
    ----------
    rows
        Agreement rows of all participants.
    map_name
        effect, t, F or z
    """
    chosen = [row for row in rows if row["map"] == map_name]
    contrasts = list(dict.fromkeys(str(row["contrast"]) for row in chosen))
    metrics = [m for m in STRIP_METRICS if any(np.isfinite(float(row.get(m, "nan"))) for row in chosen)]
    with style():
        drawing = canvas(PAGE_WIDTH, 1.1 + 0.42 * len(contrasts))
        grid = drawing.subplots(1, max(len(metrics), 1), sharey=True, squeeze=False)[0]
        for axes, metric in zip(grid, metrics, strict=False):
            for place, contrast in enumerate(contrasts):
                values = [float(row.get(metric, "nan")) for row in chosen if row["contrast"] == contrast]
                _draw_strip(axes, np.array(values), place)
            if metric == "slope":
                axes.axvline(1, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.set_title(STRIP_METRICS[metric])
            axes.locator_params(axis="x", nbins=4)
            axes.grid(axis="x", color="#e4e7eb", linewidth=0.6)
            axes.set_axisbelow(True)
        grid[0].set_yticks(range(len(contrasts)), contrasts)
        grid[0].set_ylim(max(len(contrasts), 1) - 0.5, -0.5)
        content = encoded(drawing, "svg")
    return Figure(
        name=f"stat-{map_name}_desc-agreement.svg",
        content=content,
        alt=f"Agreement of the {map_name} maps by contrast, one dot for each participant.",
        caption=(
            f"Agreement of SPM's and nilearn's {map_name} maps. One dot is one participant, the bar is their"
            " median. 1 is perfect agreement in every panel; the dashed line marks a slope of 1."
        ),
    )


def _draw_strip(axes: "Axes", values: Floats, place: int) -> None:
    values = np.sort(values[np.isfinite(values)])
    if not len(values):
        return
    # neighbours in rank go up and down in turn, so that equal values stay apart without chance
    offsets = 0.09 * (np.arange(len(values)) % 3 - 1)
    axes.scatter(values, place + offsets, s=22, color=BACKEND_COLOURS["nilearn"], alpha=0.75, linewidths=0)
    axes.plot([np.median(values)] * 2, [place - 0.3, place + 0.3], color=BACKEND_COLOURS["spm"], linewidth=2)
