"""Two maps as pictures: figures, and what the slice viewer holds."""

from typing import Any

import numpy as np

from bidsglm.maps.agreement import ComparedMaps
from bidsglm.model import Floats
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.drawing import Figure
from bidsglm.report.figures import contrast_figures
from bidsglm.report.maps import masks_figure
from bidsglm.report.thinning import stride, thinned
from bidsglm.report.volumes import held, scene

PLACES = DEFAULT_PAIR
"""Both maps take the places, and so the colours, of the usual two packages"""


def images_of(found: ComparedMaps) -> ContrastImages:
    """Both maps as the pictures of all pages take them."""
    values = {place: side.image.values for place, side in zip(PLACES, found.sides, strict=True)}
    maps: dict[str, dict[str, Floats]] = {found.kind: {name: np.nan_to_num(v) for name, v in values.items()}}
    if found.p is not None:
        maps["p"] = dict(zip(PLACES, found.p, strict=True))
    masks = dict(zip(PLACES, found.masks, strict=True))
    return ContrastImages(
        name=found.contrast or " and ".join(side.label for side in found.sides),
        label="maps",
        maps=maps,
        masks=masks,
        background=np.logical_or(*found.masks).astype(np.float64),
        affine=found.grid.affine,
        effect_units=dict.fromkeys(PLACES, ""),
        underlay="mask",
        titles={place: side.label for place, side in zip(PLACES, found.sides, strict=True)},
    )


def figures_of(images: ContrastImages) -> tuple[Figure, ...]:
    """Maps with their difference, scatter, Bland-Altman plot, histogram and masks."""
    masks = masks_figure(images.masks, images.background, images.affine, images.titles)
    caption = (
        "The voxels in which each map has a result, neither 0 nor NaN. Agreement is measured where both have"
        " one; a coloured rim is where only one map has."
    )
    return (*contrast_figures(images), masks._replace(caption=caption))


def viewed(
    images: ContrastImages, found: ComparedMaps, n_pairs: int
) -> tuple[dict[str, object], dict[str, object]]:
    """What the viewer of a pair of maps needs; the pairs of a page share its size."""
    by = stride(int(np.count_nonzero(images.either)), n_pairs)
    behind = scene(thinned(images, by))
    thresholds: Any = dict(zip(PLACES, found.heights, strict=True))
    return behind.packed(), held(images, behind, thresholds, by)
