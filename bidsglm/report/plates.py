"""Slices in rows: maps with their colour scales, and regions in colours, over anatomy."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats, Mask
from bidsglm.report import colours, svg
from bidsglm.report.charts import Extent
from bidsglm.report.scales import ticks
from bidsglm.report.slices import View, heights, montage, pixel_aspect

WIDTH = 1000.0
"""Units of a picture; text is 12 of them high."""
RIGHT, TOP, GAP = 70.0, 24.0, 8.0
BAR = 12.0
"""Width of a colour scale"""
REGION_OPACITY = 0.55
SCALE_GROUND = 58
"""Grey below a colour scale, so that the fading of small values shows."""


class Layer(NamedTuple):
    """One row of slices."""

    title: str
    values: Floats
    """(x, y, z), NaN where nothing is shown"""
    limit: float
    """Value at the end of the colour scale."""
    signed: bool = True
    contour: Mask | None = None


def slice_rows(layers: Sequence[Layer], background: Floats, of: View, alt: str, left: float = 28.0) -> bytes:
    """Draw maps in rows of the same slices, each with its colour scale, over the background (x, y, z).

    Titles stand upright in this much room on the left.
    """
    below = np.nan_to_num(montage(background, of))
    height = (WIDTH - left - RIGHT) * below.shape[0] * pixel_aspect(of) / below.shape[1]
    parts = _heights(of, Extent(left, TOP, WIDTH - left - RIGHT, height))
    grey = colours.greys(below)
    for i, layer in enumerate(layers):
        place = Extent(left, TOP + i * (height + GAP), WIDTH - left - RIGHT, height)
        parts += [*_title(layer.title, place), *_row(layer, grey, of, place), *_scale(layer, place)]
    return svg.document(WIDTH, TOP + len(layers) * (height + GAP), alt, parts)


def _title(title: str, place: Extent) -> list[str]:
    """Lines of a title, turned, the last one next to the slices."""
    lines = title.split("\n")
    found = []
    for i, words in enumerate(lines):
        x, y = place.x - 10 - 15 * (len(lines) - 1 - i), place.y + place.height / 2
        turned = f"rotate(-90 {svg.number(x)} {svg.number(y)})"
        found.append(svg.text(x, y, words, text_anchor="middle", font_weight="bold", transform=turned))
    return found


def _row(layer: Layer, below: NDArray[np.uint8], of: View, place: Extent) -> list[str]:
    pixels = colours.painted(montage(layer.values, of), layer.limit, layer.signed, below)
    parts = [svg.picture(pixels, *place)]
    if layer.contour is not None and (lines := montage(layer.contour, of)).any():
        parts.append(svg.outline(lines, place, stroke="#ffffff", stroke_width=1))
    return [*parts, *sides(of, place)]


def sides(of: View, place: Extent) -> list[str]:
    """Mark left and right on the first slice, and lines between slices."""
    wide = place.width / len(of.slices)
    low = place.y + place.height - 5
    look = {"fill": "#ffffff", "font_size": 10}
    return [
        svg.text(place.x + 3, low, "L", **look),
        svg.text(place.x + wide - 11, low, "R", **look),
        *(
            svg.line(
                place.x + i * wide, place.y, place.x + i * wide, place.y + place.height, stroke="#ffffff"
            )
            for i in range(1, len(of.slices))
        ),
    ]


def _heights(of: View, place: Extent) -> list[str]:
    wide = place.width / len(of.slices)
    return [
        svg.text(
            place.x + (i + 0.5) * wide,
            place.y - 8,
            (f"z = {z:.0f} mm" if i == 0 else f"{z:.0f}").replace("-", "−"),
            text_anchor="middle",
            opacity=0.75,
        )
        for i, z in enumerate(heights(of))
    ]


@cache
def _ramp(signed: bool, upright: bool) -> str:
    """Address of the picture of a colour scale, which is the same whatever its limit."""
    values = np.linspace(-1.0 if signed else 0.0, 1.0, 64)[:, None]
    pixels = colours.painted(values, 1.0, signed, np.full(values.shape, SCALE_GROUND, np.uint8))
    return svg.png_address(pixels if upright else pixels.transpose(1, 0, 2))


def _scale(layer: Layer, place: Extent) -> list[str]:
    """Colour scale of a row, with its ticks."""
    low = -layer.limit if layer.signed else 0.0
    x, y = place.x + place.width + 10, place.y + 0.08 * place.height
    tall = 0.84 * place.height
    parts = [svg.image(_ramp(layer.signed, True), x, y, BAR, tall)]
    shown = ticks(low, layer.limit, 4)
    step = shown[1] - shown[0] if len(shown) > 1 else 1.0
    for tick in shown:
        at = y + tall * (1 - (tick - low) / (layer.limit - low))
        parts += [
            svg.line(x + BAR, at, x + BAR + 3, at),
            svg.text(x + BAR + 6, at + 4, svg.label(tick, step), font_size=11),
        ]
    return parts


def scale_below(layer: Layer, place: Extent) -> list[str]:
    """Colour scale of a panel, below it, with the values of its ends."""
    low = -layer.limit if layer.signed else 0.0
    y, inset = place.y + place.height + 8, 0.2 * place.width
    ends = [svg.rounded(end) for end in (low, layer.limit)]
    return [
        svg.image(_ramp(layer.signed, False), place.x + inset, y, place.width - 2 * inset, BAR),
        svg.text(place.x + inset - 6, y + 10, ends[0], text_anchor="end", font_size=11),
        svg.text(place.x + place.width - inset + 6, y + 10, ends[1], font_size=11),
    ]


def region_row(
    regions: Mapping[str, tuple[Mask, str]], background: Floats, of: View, alt: str, words: Mapping[str, str]
) -> bytes:
    """Draw regions in their colours on one row of slices, with a legend.

    Parameters
    ----------
    regions
        Name -> (x, y, z) and colour
    background
        (x, y, z)
    of
        The slices.
    alt
        What it shows, for those who cannot see it.
    words
        Name -> what the legend says of it
    """
    below = np.nan_to_num(montage(background, of))
    place = Extent(0, TOP, WIDTH, WIDTH * below.shape[0] * pixel_aspect(of) / below.shape[1])
    pixels = np.repeat(colours.greys(below)[..., None], 3, axis=2).astype(float)
    for inside, colour in regions.values():
        where = montage(inside, of)
        mixed = (1 - REGION_OPACITY) * pixels[where] + REGION_OPACITY * np.array(colours.rgb(colour))
        pixels[where] = mixed
    parts = [*_heights(of, place), svg.picture(pixels.round().astype(np.uint8), *place), *sides(of, place)]
    parts += _legend(regions, words, place.y + place.height + 24)
    return svg.document(WIDTH, place.y + place.height + 36, alt, parts)


def _legend(regions: Mapping[str, tuple[Mask, str]], words: Mapping[str, str], y: float) -> list[str]:
    wide = WIDTH / max(len(regions), 1)
    parts = []
    for i, (name, (_, colour)) in enumerate(regions.items()):
        parts += [
            svg.box(i * wide + 8, y - 11, 22, 12, fill=colour),
            svg.text(i * wide + 36, y, f"{name}: {words[name]}"),
        ]
    return parts
