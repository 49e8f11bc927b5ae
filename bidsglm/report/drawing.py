"""What all figures share: colours, type, and the way from a canvas to the bytes of a file.

They have no ground of their own and take lighter ink where their reader prefers dark pages. They are drawn
without pyplot, so nothing stays behind in a global state, and two runs give the same bytes.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from bidsglm import packages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MARK = "#1f7a8c"
"""Colour of one participant among others"""
HIGHLIGHT = "#c8553d"
"""Colour of a median, of a fitted line, and of a mark that lies apart"""
BOTH_COLOUR = packages.NEUTRAL
INK = "#1f2933"
FAINT = "#6b7785"
ON_CELLS = "#111820"
"""Ink on light cells, which are as light on a dark page"""
ON_DARK = {
    INK: "#e6e9ed",
    FAINT: "#a3adb8",
    **{each.colour: each.on_dark for each in packages.every_analysis() if each.on_dark},
}
"""Colour of a figure -> the one that it has on a dark page"""

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.color": INK,
    "text.parse_math": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.hashsalt": "bidsglm",
    "svg.fonttype": "none",
}
"""text.parse_math is off because names of contrasts may hold a dollar sign."""


class Figure(NamedTuple):
    """An image file, and the words that go with it."""

    name: str
    """End of its file name, behind the prefix of the unit or run and an underscore."""
    content: bytes
    """SVG"""
    alt: str
    """What it shows, for those who cannot see it."""
    caption: str
    """How to read it."""
    title: str = ""
    """In a word or two, where the caption stands elsewhere."""

    @property
    def is_plate(self) -> bool:
        """Whether it is an SVG that takes the colours of the page that it stands in."""
        return b'class="plate"' in self.content[:200]


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's own defaults and ours, whatever the user's matplotlibrc says; once where it is nested."""
    import matplotlib as mpl

    if mpl.rcParams["svg.hashsalt"] == STYLE["svg.hashsalt"]:
        yield
        return
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def canvas(width: float, height: float) -> "Canvas":
    """Return an empty figure of this many inches."""
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(width, height), layout="constrained")


def legend_below(drawing: "Canvas", panel: "Axes") -> None:
    """One legend for all panels, under them, where it hides no line."""
    drawing.legend(
        *panel.get_legend_handles_labels(), ncols=4, loc="outside lower center", frameon=False, fontsize=8
    )


def encoded(drawing: "Canvas") -> bytes:
    """Return the file content of a drawing."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().replace(b"<defs>", f"<style>{_dark_rules()}</style>\n <defs>".encode(), 1)


def _dark_rules() -> str:
    """Style sheet by which a picture, which cannot see its page, follows the reader's preference."""
    rules = [
        f'[style*="{what}: {colour}"]{{{what}:{on_dark} !important}}'
        for colour, on_dark in ON_DARK.items()
        for what in ("fill", "stroke")
    ]
    return f":root{{color-scheme:light dark}}@media (prefers-color-scheme:dark){{{''.join(rules)}}}"
