"""The calibration drawn: p-p plots, sensitivity, ROC curves, and how effects are estimated."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bidsglm import packages
from bidsglm.report.calibration import (
    NOISE_TITLES,
    OWN_NOISE,
    TYPICAL_EFFECT,
    ContrastCalibration,
)
from bidsglm.report.drawing import (
    FAINT,
    Figure,
    canvas,
    encoded,
    legend_below,
    style,
)
from bidsglm.report.trust import STRICT, TITLES
from bidsglm.report.wording import Row
from bidsglm.simulation.outcomes import EFFECT_SIZES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: Mapping[str, dict[str, Any]] = {
    each.name: {"color": each.colour, "linestyle": each.line, "marker": each.marker}
    for each in packages.every_analysis()
}
"""Line of each analysis; style and marker tell them apart without colour."""
SMALLEST = 1e-4
"""p at which the p-p plots begin: below it few data sets have a voxel."""


def calibration_figures(contrast: ContrastCalibration, curves: Sequence[Row]) -> tuple[Figure, ...]:
    """p-p plots for every noise, and sensitivity under the measured noise where there was a signal.

    Parameters
    ----------
    contrast
        Its table.
    curves
        Its rows of the table of curves, see `outputs.calibration_tables.CURVES`.
    """
    with style():
        figures = [_pp_figure(contrast, curves)]
        if any(row["effect_size"] for row in contrast.rows):
            figures.append(_power_figure(contrast, curves))
    return tuple(figures)


def _curve(curves: Sequence[Row], analysis: str, noise: str, size: float) -> tuple[list[float], list[float]]:
    rows = [
        row
        for row in curves
        if (row["analysis"], row["noise"], row["effect_size"]) == (analysis, noise, size)
    ]
    return [float(row["p"]) for row in rows], [float(row["rate"]) for row in rows]


def _pp_figure(contrast: ContrastCalibration, curves: Sequence[Row]) -> Figure:
    drawing = canvas(11.0, 3.9)
    axes = drawing.subplots(1, len(contrast.noises), sharey=True, squeeze=False)[0]
    for panel, noise in zip(axes, contrast.noises, strict=True):
        panel.plot([SMALLEST, 1], [SMALLEST, 1], color=FAINT, linewidth=0.8)
        for analysis in contrast.analyses:
            p, rates = _curve(curves, analysis, noise, 0.0)
            shown = np.maximum(rates, SMALLEST / 10)
            look = {**LOOKS[analysis], "marker": None}
            panel.plot(p, shown, label=TITLES[analysis], linewidth=1.6, **look)
        panel.set(xscale="log", yscale="log", xlim=(SMALLEST, 1), ylim=(SMALLEST, 1), xlabel="p")
        panel.set_title(NOISE_TITLES[noise].replace(", ", ",\n", 1), fontsize=9)
        panel.set_box_aspect(1)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
    axes[0].set_ylabel("share of voxels with a smaller p")
    legend_below(drawing, axes[0])
    return Figure(
        name=f"contrast-{contrast.label}_desc-calibrationpp.svg",
        content=encoded(drawing),
        alt=f"p-p plots of {contrast.name} without signal under {len(contrast.noises)} kinds of noise.",
        caption=(
            "False positives without signal: the share of voxels that have a smaller p value than the one"
            " on the horizontal axis. An analysis whose p values are right lies on the grey diagonal; above"
            " it, it finds what is not there more often than p says."
        ),
    )


def _power_figure(contrast: ContrastCalibration, curves: Sequence[Row]) -> Figure:
    drawing = canvas(11.0, 4.0)
    found, roc, estimates = drawing.subplots(1, 3)
    for analysis in contrast.analyses:
        look: dict[str, Any] = {**LOOKS[analysis], "markersize": 4, "linewidth": 1.5}
        rows = [contrast.row(analysis, OWN_NOISE, size, STRICT) for size in EFFECT_SIZES]
        found.plot(EFFECT_SIZES, [float(row["rate"]) for row in rows], label=TITLES[analysis], **look)
        false = _curve(curves, analysis, OWN_NOISE, 0.0)[1]
        true = _curve(curves, analysis, OWN_NOISE, TYPICAL_EFFECT)[1]
        roc.plot(false, true, **{**look, "marker": None})
    _estimates(estimates, contrast)
    found.set(
        xlabel="signal (%)", ylabel=f"share found at p < {STRICT:g}", ylim=(0, 1.02), title="Sensitivity"
    )
    legend_below(drawing, found)
    roc.set(xlabel="false positives", ylabel="true positives", xlim=(0, 0.2), ylim=(0, 1.02))
    roc.set_xticks([0, 0.05, 0.1, 0.15, 0.2], ["0", "0.05", "0.1", "0.15", "0.2"])
    roc.set_title(f"ROC, signal of {TYPICAL_EFFECT:g} %")
    return Figure(
        name=f"contrast-{contrast.label}_desc-calibrationpower.svg",
        content=encoded(drawing),
        alt=f"Sensitivity, ROC curves and effect estimates of {contrast.name} by analysis.",
        caption=(
            "True positives under noise with each voxel's own spectrum. Left: how much of a signal is found"
            " at the same nominal threshold; an analysis with too many false positives finds more signal too,"
            " which is no merit. Middle: what is found at the same actual rate of false positives. Right:"
            " mean of the estimated effects and one standard deviation to both sides; the grey line is the"
            " truth."
        ),
    )


def _estimates(axes: "Axes", contrast: ContrastCalibration) -> None:
    axes.plot([0, 1.05], [0, 1.05], color=FAINT, linewidth=0.8)
    shift = np.linspace(-0.018, 0.018, len(contrast.analyses))
    for offset, analysis in zip(shift, contrast.analyses, strict=True):
        rows = [contrast.row(analysis, OWN_NOISE, size, STRICT) for size in EFFECT_SIZES]
        sizes = np.array(EFFECT_SIZES)
        means = sizes * (1 + np.array([float(row["bias"]) for row in rows]))
        spread = [float(row["spread"]) for row in rows]
        look: dict[str, Any] = {**LOOKS[analysis], "linestyle": "none", "markersize": 4}
        axes.errorbar(sizes + offset, means, spread, elinewidth=1, **look)
    axes.set(xlabel="signal (%)", ylabel="estimated effect (% signal)", title="Effect estimates")
