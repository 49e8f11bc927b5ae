"""Pictures as SVG around arrays at their own resolution: small, sharp, and in the colours of the page.

Text and lines are in currentColor, so a picture stands on a light page, a dark one and on paper; the file
by itself is dark on nothing. There are no ids, styles or scripts in it, so any number of pictures stand in
one page under its content-security policy.
"""

import base64
import io
import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Mask
from bidsglm.report.drawing import INK

PALETTE = 44
"""Colours of a picture; slices of maps with more look the same"""
Colours = NDArray[np.uint8]
"""(rows, columns, 3 or 4), row 0 at the bottom"""


def number(value: float) -> str:
    """Write a coordinate without digits that no one sees.

    >>> number(2.0), number(1 / 3)
    ('2', '0.33')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")


def document(width: float, height: float, alt: str, parts: Sequence[str]) -> bytes:
    """Return a whole picture with its text for those who cannot see it."""
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    look = f'color="{INK}" fill="currentColor" font-family="sans-serif" font-size="12"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plate" role="img" aria-label="{escape(alt)}"'
        f" {size} {look}>"
    )
    return "\n".join([head, *parts, "</svg>\n"]).encode()


def text(x: float, y: float, words: str, **look: object) -> str:
    """Write text; what is in look becomes attributes, _ as -.

    >>> text(1, 2, "a < b", text_anchor="end")
    '<text x="1" y="2" text-anchor="end">a &lt; b</text>'
    """
    return f'<text x="{number(x)}" y="{number(y)}"{_attributes(look)}>{escape(words, quote=False)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, **look: object) -> str:
    """Draw a line."""
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f"<line {ends}{_attributes({'stroke': 'currentColor', **look})}/>"


def box(x: float, y: float, width: float, height: float, **look: object) -> str:
    """Draw a rectangle."""
    size = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f"<rect {size}{_attributes(look)}/>"


def path(steps: str, **look: object) -> str:
    """Draw a path without a filling, unless look has one."""
    return f'<path d="{steps}"{_attributes({"fill": "none", **look})}/>'


def _attributes(look: dict[str, object]) -> str:
    return "".join(f' {key.replace("_", "-")}="{escape(str(value))}"' for key, value in look.items())


def picture(colours: Colours, x: float, y: float, width: float, height: float, **look: object) -> str:
    """Place an array's pixels, each as large as the place allows."""
    return image(png_address(colours), x, y, width, height, **look)


def image(address: str, x: float, y: float, width: float, height: float, **look: object) -> str:
    """Place what stands at an address, its pixels as large as the place allows."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    drawn = 'preserveAspectRatio="none" image-rendering="pixelated"'
    return f'<image {place} {drawn}{_attributes(look)} href="{address}"/>'


def png_address(colours: Colours) -> str:
    """Return an array as a PNG inside its own address."""
    return f"data:image/png;base64,{base64.b64encode(png(colours)).decode('ascii')}"


def png(colours: Colours) -> bytes:
    """Encode an array with a palette, which takes a fifth of the bytes."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(colours[::-1]))
    image = image.quantize(PALETTE, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=6)
    return buffer.getvalue()


def outline(inside: Mask, place: tuple[float, float, float, float], **look: object) -> str:
    """Trace the border of the pixels that are inside: steps of whole pixels, scaled to the place.

    >>> outline(np.array([[True]]), (0, 0, 10, 10))[:36]
    '<path d="M0 0h1M0 1h1M0 0v1M1 0v1" f'
    """
    padded = np.pad(inside[::-1], 1)
    steps = [f"M{a} {row}h{b - a}" for row, a, b in _runs(padded[1:, 1:-1] != padded[:-1, 1:-1])]
    columns = _runs((padded[1:-1, 1:] != padded[1:-1, :-1]).T)
    steps += [f"M{column} {a}v{b - a}" for column, a, b in columns]
    x, y, width, height = place
    sizes = f"{width / inside.shape[1]:.5g} {height / inside.shape[0]:.5g}"
    moved = f"translate({number(x)} {number(y)}) scale({sizes})"
    return path("".join(steps), transform=moved, vector_effect="non-scaling-stroke", **look)


def _runs(edges: Mask) -> list[tuple[int, int, int]]:
    """Row, first and behind the last column of each run of true values."""
    padded = np.pad(edges, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    stops = np.nonzero(change == -1)[1]
    return [(int(r), int(a), int(b)) for r, a, b in zip(rows, starts, stops, strict=True)]


def rounded(value: float) -> str:
    """Write the end of a scale with two digits that count, in full.

    >>> rounded(-7.34), rounded(0.0123), rounded(403.0), rounded(21000.0)
    ('−7.3', '0.012', '400', '21,000')
    """
    return f"{float(f'{value:.2g}'):,.6g}".replace("-", "−")


def label(value: float, step: float) -> str:
    """Write a tick with as many decimals as its neighbours need.

    >>> label(0.5, 0.25), label(-2.0, 1.0), label(20000.0, 10000.0)
    ('0.50', '−2', '20,000')
    """
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if 0 < step < 1 else 0
    if step and step < 1 and abs(step * 10**digits - round(step * 10**digits)) > 1e-6:
        digits += 1
    if digits > 4:
        return f"{value:.2g}".replace("-", "−")
    return f"{value:,.{digits}f}".replace("-", "−").replace("−0", "−0" if value else "0")
