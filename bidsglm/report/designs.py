"""Designs side by side: time downward, a column for each regressor."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bidsglm import packages
from bidsglm.data import DesignMatrix
from bidsglm.model import TRIAL_TYPE, Floats
from bidsglm.report import svg
from bidsglm.report.charts import Extent
from bidsglm.report.drawing import Figure
from bidsglm.report.scales import ticks

DRAWN: Mapping[str, str] = {
    "nilearn": "nilearn's drift terms are regressors of its model, and it takes confounds as they are.",
    "spm": "SPM's high-pass filter is not part of the design: it projects the cosines shown beside it out of"
    " data and design. SPM centres confounds.",
    "afni": "AFNI's drift terms are Legendre polynomials among its regressors.",
    "fsl": "FSL's columns are shown as they are fitted, filtered as the data are; it needs no constant.",
}
"""What is to be seen in each package's design"""
LETTER = 6.2
"""Units of the picture that a letter of the columns' names takes at most."""
COLUMN = 18.0
"""Units that a column is wide, where the page has room"""
NARROWEST, WIDEST = 440.0, 1400.0
LEFT, HEAD, TALL, GAP = 56.0, 26.0, 345.0, 12.0


class _Panel(NamedTuple):
    """A matrix (n_scans, n_columns) to draw."""

    title: str
    names: tuple[str, ...]
    matrix: Floats
    is_beside: bool
    """It is no part of the design"""


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
    units = [COLUMN * max(matrix.shape[1], 2) for _, _, matrix, _ in panels]
    # narrow designs get wider columns, wide ones narrower, so that all fit a page
    wide = min(max(sum(units), NARROWEST), WIDEST) / sum(units)
    longest = max(len(name.removeprefix(TRIAL_TYPE)) for _, names, _, _ in panels for name in names)
    parts, x = _scans(len(panels[0][2])), LEFT
    for panel, unit in zip(panels, units, strict=True):
        parts += _panel(panel, Extent(x, HEAD, unit * wide, TALL))
        x += unit * wide + GAP
    below = 12 + LETTER * min(longest, 40)
    facts = ", ".join(f"{packages.title(name)} {d.matrix.shape[1]} columns" for name, d in designs.items())
    alt = f"Design matrices{' of ' + run if run else ''} as grey-scale images: {facts}."
    return Figure(
        name="desc-designs.svg",
        content=svg.document(x - GAP, HEAD + TALL + below, alt, parts),
        alt=alt,
        caption=(
            "Time runs downward, one column is one regressor; white is each column's largest value, black its"
            " negative. Names of conditions stand out and lack their prefix."
            f" {' '.join(text for name, text in DRAWN.items() if name in designs)}"
        ),
    )


def _design_panels(designs: Mapping[str, DesignMatrix]) -> list[_Panel]:
    panels = []
    for name, design in designs.items():
        panels.append(_Panel(packages.title(name), design.names, design.matrix, False))
        if design.high_pass_basis.shape[1]:
            cosines = tuple(f"cosine {i + 1}" for i in range(design.high_pass_basis.shape[1]))
            panels.append(_Panel("high-pass filter", cosines, design.high_pass_basis, True))
    return panels


def _scans(n_scans: int) -> list[str]:
    """Ticks and title of the axis of time."""
    at = [(scan, HEAD + TALL * (scan + 0.5) / n_scans) for scan in ticks(0, n_scans - 1)]
    turned = f"rotate(-90 14 {svg.number(HEAD + TALL / 2)})"
    return [
        svg.text(14, HEAD + TALL / 2, "scan", text_anchor="middle", transform=turned),
        *(svg.text(LEFT - 6, y + 4, f"{scan:g}", text_anchor="end", font_size=11) for scan, y in at),
    ]


def _panel(panel: _Panel, place: Extent) -> list[str]:
    largest = np.abs(panel.matrix).max(axis=0)
    scaled = panel.matrix / np.where(largest > 0, largest, 1)
    grey = np.round((scaled[::-1] + 1) * 127.5).astype(np.uint8)
    # of a filter, which is no part of the design, half as strong
    opacity = 0.45 if panel.is_beside else 1
    middle = place.x + place.width / 2
    parts = [
        svg.picture(np.repeat(grey[..., np.newaxis], 3, axis=2), *place, opacity=opacity),
        svg.box(*place, fill="none", stroke="currentColor", opacity=0.6),
        svg.text(middle, place.y - 8, panel.title, text_anchor="middle", font_weight="bold", opacity=opacity),
    ]
    step, low = place.width / len(panel.names), place.y + place.height + 6
    for i in range(0, len(panel.names), max(1, len(panel.names) // 60)):
        x, name = place.x + (i + 0.5) * step + 3, panel.names[i]
        faint: dict[str, object] = {} if name.startswith(TRIAL_TYPE) else {"opacity": 0.65}
        turned = f"rotate(-90 {svg.number(x)} {svg.number(low)})"
        words = name.removeprefix(TRIAL_TYPE)
        parts.append(svg.text(x, low, words, text_anchor="end", font_size=10, transform=turned, **faint))
    return parts
