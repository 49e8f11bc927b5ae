"""Records -> figures: designs side by side; the others by their modules."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bidsglm import packages
from bidsglm.model import TRIAL_TYPE, DesignMatrix, Floats
from bidsglm.report.densities import bland_altman_figure, histogram_figure, scatter_figure
from bidsglm.report.drawing import (
    FAINT,
    INK,
    Figure,
    canvas,
    encoded,
    style,
)
from bidsglm.report.maps import ContrastImages, dominant_figure, maps_figure, masks_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "ContrastImages",
    "Figure",
    "bland_altman_figure",
    "contrast_figures",
    "design_figure",
    "dominant_figure",
    "histogram_figure",
    "maps_figure",
    "masks_figure",
    "pair_figures",
    "scatter_figure",
]


DRAWN: Mapping[str, str] = {
    "nilearn": "nilearn's drift terms are regressors of its model, and it takes confounds as they are.",
    "spm": "SPM's high-pass filter is no part of the design: it projects the cosines shown beside it out of"
    " data and design. SPM centres confounds.",
    "afni": "AFNI's drift terms are Legendre polynomials among its regressors.",
    "fsl": "FSL's columns are shown as they are fitted, filtered as the data are; it needs no constant.",
}
"""What is to be seen in each package's design"""
LETTER = 0.065
"""Inches that a letter of the columns' names takes at most."""


def contrast_figures(images: ContrastImages) -> tuple[Figure, ...]:
    """All figures of a contrast: maps, and with two backends scatter, Bland-Altman plot and histogram.

    With more than two, `pair_figures` are those of a pair.
    """
    maps = tuple(maps_figure(images, stat) for stat in images.stats)
    if len(images.backends) < 2:
        return maps
    of_two = pair_figures(images) if len(images.backends) == 2 else ()
    return (*maps, *of_two, histogram_figure(images))


def pair_figures(images: ContrastImages) -> tuple[Figure, ...]:
    """Figures of two packages: scatter and Bland-Altman plot."""
    return scatter_figure(images), bland_altman_figure(images)


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
    longest = max(len(name.removeprefix(TRIAL_TYPE)) for _, names, _, _ in panels for name in names)
    below = 0.15 + LETTER * min(longest, 40)
    height = 3.6 + below
    with style():
        # placed by hand, as matplotlib's layout engine takes longer than all the drawing
        drawing = canvas(width, height, layout=None)
        places = {"left": 0.6 / width, "right": 1 - 0.1 / width, "bottom": below / height}
        grid = drawing.subplots(
            1,
            len(panels),
            width_ratios=widths,
            sharey=True,
            squeeze=False,
            gridspec_kw={**places, "top": 1 - 0.3 / height, "wspace": 0.06},
        )[0]
        for axes, (title, names, matrix, faint) in zip(grid, panels, strict=True):
            _draw_design(axes, names, matrix, faint)
            axes.set_title(title, fontweight="normal" if faint else "bold")
        grid[0].set_ylabel("scan")
        content = encoded(drawing, "svg")
    facts = ", ".join(f"{packages.title(name)} {d.matrix.shape[1]} columns" for name, d in designs.items())
    return Figure(
        name="desc-designs.svg",
        content=content,
        alt=f"Design matrices{' of ' + run if run else ''} as grey-scale images: {facts}.",
        caption=(
            "Time runs downward, one column is one regressor; white is each column's largest value, black its"
            " negative. Names of conditions stand out and lack their prefix."
            f" {' '.join(text for name, text in DRAWN.items() if name in designs)}"
        ),
    )


def _design_panels(designs: Mapping[str, DesignMatrix]) -> list[tuple[str, tuple[str, ...], Floats, bool]]:
    panels = []
    for name, design in designs.items():
        panels.append((packages.title(name), design.names, design.matrix, False))
        if design.high_pass_basis.shape[1]:
            cosines = tuple(f"cosine {i + 1}" for i in range(design.high_pass_basis.shape[1]))
            panels.append(("high-pass filter", cosines, design.high_pass_basis, True))
    return panels


def _draw_design(axes: "Axes", names: Sequence[str], matrix: Floats, faint: bool) -> None:
    largest = np.abs(matrix).max(axis=0)
    scaled = matrix / np.where(largest > 0, largest, 1)
    alpha = 0.45 if faint else 1.0
    axes.set_facecolor("white")
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
