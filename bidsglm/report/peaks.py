"""Small pictures of a contrast: the slice of its peak in both packages, and glass brains."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats, Mask
from bidsglm.report import colours, svg
from bidsglm.report.charts import Extent
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.drawing import Figure
from bidsglm.report.plates import Layer, scale_below, sides
from bidsglm.report.slices import (
    View,
    cropped,
    heights,
    montage,
    pixel_aspect,
    reoriented,
    reoriented_affine,
    view,
)
from bidsglm.sentences import joined

PANEL = 250.0
"""Width of a panel"""
BRAIN = 165.0
"""Height of a glass brain"""
SPACE = 16.0
HEAD = 22.0
FOOT = 34.0
"""Room for a scale"""
IN_A_ROW = 2
"""Packages beside each other"""
OUTLINE = "#8d99a6"
"""Told apart from white and from black"""
GLASS_SHADE = 0.10


def _through_the_peak(images: ContrastImages) -> View:
    """The axial slice that holds the largest value of the first package."""
    first = images.maps[images.test][images.backends[0]]
    peak = np.where(images.masks[images.backends[0]], np.nan_to_num(first), np.nan)
    return cropped(view(images.either, images.affine, [peak], n_slices=1), images.either)


def _pixels(layer: Layer, background: Floats, of: View) -> NDArray[np.uint8]:
    below = colours.greys(np.nan_to_num(montage(background, of)))
    return colours.painted(montage(layer.values, of), layer.limit, layer.signed, below)


def thumbnail(images: ContrastImages) -> str:
    """The slice of the peak in both packages and their difference (of many, all packages), as an address."""
    of, layers = _through_the_peak(images), images.layers
    shown = layers if len(images.backends) <= IN_A_ROW else layers[: len(images.backends)]
    return svg.png_address(np.concatenate([_pixels(each, images.background, of) for each in shown], axis=1))


def peak_figure(images: ContrastImages) -> Figure:
    """Both maps and their difference on the slice of the peak, large enough to be the first thing seen.

    Of more than two packages the maps alone, two in a row.
    """
    of, layers = _through_the_peak(images), images.layers
    below, n = montage(images.background, of), len(images.backends)
    height = PANEL * below.shape[0] * pixel_aspect(of) / below.shape[1]
    across = len(layers) if n <= IN_A_ROW else IN_A_ROW
    layers = layers if n <= IN_A_ROW else layers[:n]
    parts, tall = [], HEAD + height + FOOT
    # a single panel stands in the middle of the room for two, so that its letters are as large as elsewhere
    wide = max(across, IN_A_ROW)
    left = (wide - across) * (PANEL + SPACE) / 2
    for i, layer in enumerate(layers):
        row, column = divmod(i, across)
        place = Extent(left + column * (PANEL + SPACE), row * tall + HEAD, PANEL, height)
        words = svg.text(
            place.x + PANEL / 2, place.y - 7, layer.title, text_anchor="middle", font_weight="bold"
        )
        picture = svg.picture(_pixels(layer, images.background, of), *place)
        parts += [words, picture, *sides(of, place), *scale_below(layer, place)]
    z = f"{heights(of)[0]:.0f}".replace("-", "−")
    of_what = joined(layer.title for layer in layers[:n])
    alt = f"{images.name}: {of_what} on the axial slice z = {z} mm"
    alt += ", and their difference." if len(layers) > n else "."
    whose, rows = f"{images.title(images.backends[0])}'s" if n > 1 else "it", -(-len(layers) // across)
    return Figure(
        name=f"contrast-{images.label}_stat-{images.test}_desc-peak.svg",
        content=svg.document(wide * (PANEL + SPACE) - SPACE, rows * tall, alt, parts),
        alt=alt,
        caption=f"The {images.test} map{'s' * (n > 1)} of {images.name} at z = {z} mm, where"
        f" {whose} is largest.",
        title="peak",
    )


def glass_figure(images: ContrastImages, thresholds: Mapping[str, Mapping[str, float | None]]) -> Figure:
    """What passes p < 0.001 in each package, both tails, seen through the brain from three sides.

    Parameters
    ----------
    images
        Of a contrast.
    thresholds
        Backend -> threshold's name -> height
    """
    layers = images.layers[: len(images.backends)]
    sizes = np.linalg.norm(reoriented_affine(images.affine, images.either.shape)[:3, :3], axis=0)
    brain = reoriented(images.either, images.affine)
    silhouettes = [np.asarray(brain.any(axis=axis)).T for axis in range(3)]
    mm = [n * size for n, size in zip(brain.shape, sizes, strict=True)]
    widths = [mm[0], mm[0], mm[1]]
    unit = BRAIN / max(mm[1], mm[2])
    parts, x, y, widest = [], 0.0, 0.0, 0.0
    for i, (layer, backend) in enumerate(zip(layers, images.backends, strict=True)):
        if i and i % IN_A_ROW == 0:
            x, y = 0.0, y + HEAD + BRAIN + SPACE
        height = thresholds.get(backend, {}).get("p001")
        passing, left = _passing(reoriented(layer.values, images.affine), layer.signed, height), x
        for plane, axis in enumerate((2, 1, 0)):
            tall = (mm[1] if plane == 0 else mm[2]) * unit
            place = Extent(x, y + HEAD + (BRAIN - tall) / 2, widths[plane] * unit, tall)
            parts += _projection(passing, axis, silhouettes[axis], place, layer)
            x += widths[plane] * unit + SPACE
        middle = (left + x - SPACE) / 2
        words = _height(layer, height)
        parts.append(svg.text(middle, y + 14, words, text_anchor="middle", font_weight="bold"))
        x += SPACE
        widest = max(widest, x)
    alt = f"Glass brains of {images.name}: voxels of p < 0.001 from above, from the front and from the side."
    several = len(images.backends) > 1
    whose = "each package's" if several else f"{images.title(images.backends[0])}'s"
    return Figure(
        name=f"contrast-{images.label}_stat-{images.test}_desc-glass.svg",
        content=svg.document(widest - 2 * SPACE, y + HEAD + BRAIN + 4, alt, parts),
        alt=alt,
        caption=(
            f"Glass brains{', side by side' * several}: the value farthest from zero along each line of"
            f" sight, of the voxels that pass {whose} own height of p < 0.001 (the same height in the lower"
            " tail); from above, from the front, from the right. The left of the picture is the left of the"
            " brain."
        ),
        title="glass brains",
    )


def _height(layer: Layer, height: float | None) -> str:
    """Title of a package's glass brains, with the height that its voxels pass."""
    name, letter = layer.title.rsplit(" ", 1)
    if height is None:
        return f"{layer.title}: nothing passes"
    return f"{name}: |{letter}| > {height:.2f}" if layer.signed else f"{name}: {letter} > {height:.2f}"


FarVoxels = tuple[tuple[NDArray[np.intp], ...], Floats]
"""Places and values of voxels that pass, those farthest from zero last"""


def _passing(values: Floats, signed: bool, height: float | None) -> FarVoxels:
    """The voxels of a map (x, y, z) that pass a height, None: none."""
    found = np.nonzero((np.abs(values) if signed else values) > (np.inf if height is None else height))
    passing = values[found]
    # of two as far from zero the positive one is seen
    order = np.lexsort((passing, np.abs(passing)))
    return tuple(axis[order] for axis in found), passing[order]


def _projection(passing: FarVoxels, axis: int, silhouette: Mask, place: Extent, layer: Layer) -> list[str]:
    """The farthest value along an axis, with the outline of the brain (rows, columns)."""
    places, values = passing
    column, row = (axis_places for i, axis_places in enumerate(places) if i != axis)
    flat = np.zeros(silhouette.shape)
    flat[row, column] = values
    ramp = colours.activation(layer.signed)
    share = np.clip(flat / layer.limit, -1, 1)
    at = np.round((share + 1) / 2 * 255 if layer.signed else share * 127).astype(int)
    pixels = np.zeros((*flat.shape, 4), np.uint8)
    pixels[silhouette] = (*colours.rgb(OUTLINE), round(255 * GLASS_SHADE))
    seen = flat != 0
    pixels[seen, :3] = ramp[at[seen], :3].round()
    pixels[seen, 3] = 255
    return [
        svg.picture(pixels, *place),
        svg.outline(silhouette, place, stroke=OUTLINE, stroke_width=1.2),
    ]
