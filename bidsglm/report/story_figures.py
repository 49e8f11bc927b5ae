"""The picture of the story: effects before and after, and the truth."""

from collections.abc import Sequence

import numpy as np

from bidsglm.model import Floats, Mask
from bidsglm.report.contrast_images import colour_limit
from bidsglm.report.drawing import Figure
from bidsglm.report.plates import Layer, slice_rows
from bidsglm.report.slices import view

TITLES_WIDTH = 44.0
"""Width of titles of two lines"""

Panel = Sequence[tuple[str, Floats]]
"""Effect maps that share a colour scale: title and (x, y, z)."""


def story_figure(panels: Sequence[Panel], inside: Mask, background: Floats, affine: Floats) -> Figure:
    """Maps in rows of the same slices, each panel with a scale of its own.

    Parameters
    ----------
    panels
        From top to bottom; the last map of all chooses the slices.
    inside
        (x, y, z) voxels that are shown.
    background
        (x, y, z) mean of the bold images
    affine
        (4, 4) voxel -> mm
    """
    layers = []
    for panel in panels:
        shown = [(title, np.where(inside, values, np.nan)) for title, values in panel]
        limit = colour_limit([values for _, values in shown])
        layers += [Layer(title, values, limit) for title, values in shown]
    titles = ", ".join(layer.title.replace("\n", " ") for layer in layers)
    alt = f"Effect maps on the same axial slices, from top to bottom: {titles}."
    of = view(inside, affine, [layers[-1].values])
    return Figure(
        name="desc-story.svg",
        content=slice_rows(layers, background, of, alt, TITLES_WIDTH),
        alt=alt,
        caption=(
            "Effects of movement in percent: as it was done, after both repairs, and the change of signal"
            " that was simulated. Colours fade out towards zero; each pair of packages shares a scale, the"
            " truth has its own."
        ),
    )
