"""Which modelling step leads, in how many participants: a bar for each contrast, as inline SVG."""

from collections.abc import Sequence
from html import escape

from bidsglm.report.drawing import INK
from bidsglm.report.step_shares import StepCount, StepShares
from bidsglm.report.steps import colour, title

WIDTH = 380
ROW = 46
HEIGHT = 20
NARROW = 26
"""A part less wide than this holds no number."""
LETTER = 7
"""Width of a letter at most."""
LIGHT = (colour("scaling"), colour("none"))
"""Colours that white letters cannot be read on."""


def leading_svg(shares: Sequence[StepShares]) -> str:
    """Draw a bar for each contrast and map, divided by the step that leads in each participant.

    Parameters
    ----------
    shares
        Of several contrasts and maps.

    >>> '>noise model: 3<' in leading_svg([StepShares("go", "t", 3, (StepCount("noise", 3, 0.8, 0.7, 0.9),))])
    True
    """
    bars = "".join(_bar(each, i * ROW) for i, each in enumerate(shares))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="strips bars"'
        f' viewBox="0 0 {WIDTH} {len(shares) * ROW}"'
        ' role="img" aria-label="Participants by the step that leads in them; the numbers are in the table"'
        f' font-family="sans-serif" font-size="11">{bars}</svg>'
    )


def _bar(shares: StepShares, top: float) -> str:
    name = f"{shares.contrast}, {shares.map} map"
    head = f'<text class="name" fill="{INK}" x="0" y="{top + 15}">{escape(name)}</text>'
    parts, at = [], 0.0
    for count in sorted(shares.steps, key=lambda each: -each.n_leading):
        if not count.n_leading:
            continue
        wide = count.n_leading / shares.n * WIDTH
        parts.append(_part(count, at, top + 21, wide))
        at += wide
    return head + "".join(parts)


def _part(count: StepCount, at: float, top: float, wide: float) -> str:
    name, fill = title(count.step), colour(count.step)
    words = f"{name}: {count.n_leading}"
    shown = words if wide > LETTER * len(words) else str(count.n_leading) if wide >= NARROW else ""
    ink = INK if fill in LIGHT else "#ffffff"
    place = f'x="{at + wide / 2:.1f}" y="{top + 15}" text-anchor="middle"'
    text = f'<text fill="{ink}" {place}>{escape(shown)}</text>' if shown else ""
    box = f'x="{at:.1f}" y="{top}" width="{max(wide - 1, 0.5):.1f}" height="{HEIGHT}"'
    told = f"{name} leads in {count.n_leading}"
    return f'<g><title>{escape(told)}</title><rect fill="{fill}" {box}/>{text}</g>'
