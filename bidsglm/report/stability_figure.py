"""The stability of the group's maps drawn: overlaps over resamples beside those of the packages."""

import math
from html import escape

from bidsglm import packages
from bidsglm.pairs import Pair
from bidsglm.report.group_stability import BOOTSTRAP, LEFT_OUT, RESAMPLINGS, GroupStability
from bidsglm.report.wording import cut_off, value_of

MOST_DRAWN = 12
"""Contrasts in the figure; the table has all."""
WIDTH, LABEL, RIGHT, HEAD, AXIS = 640, 190, 20, 30, 40
LINE, GAP = 14, 12
LONGEST = 30
ENTRY, LETTER = 90, 7
"""Width of a package in the legend, and of a letter at most"""
ENDS = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")


def stability_svg(found: GroupStability) -> str:
    """Draw each contrast's Dice without one participant, in the bootstrap, and between the packages.

    Empty where nothing passes.
    """
    drawn = [name for name in found.contrasts if found.has_overlap(name)][:MOST_DRAWN]
    if not drawn:
        return ""
    y, body = float(HEAD), []
    for name in drawn:
        body.append(
            f'<text x="{LABEL - 8}" y="{y + LINE}" text-anchor="end">{escape(cut_off(name, LONGEST))}</text>'
        )
        top = y
        for b in found.backends:
            y += LINE
            body.append(_bars(found, name, b, y))
        body += [_between(found, name, pair, (top + LINE / 2, y + LINE / 2)) for pair in found.pairs]
        y += GAP + LINE / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dots stability" viewBox="0 0 {WIDTH} {y + AXIS:g}" '
        f'role="img" aria-label="Overlap of the voxels at p &lt; 0.001 over resamples of the participants">'
        f"{_legend(found)}{_axis(y)}{''.join(body)}</svg>"
    )


def _x(dice: float) -> float:
    return LABEL + dice * (WIDTH - RIGHT - LABEL)


def _bars(found: GroupStability, name: str, backend: str, y: float) -> str:
    """Range and quartiles without one participant in full, of the bootstrap behind them in faint."""
    colour, parts = packages.colour(backend), []
    for resampling, opacity, thick in ((BOOTSTRAP, 0.25, 9), (LEFT_OUT, 1.0, 4)):
        row = found.row(name, resampling, backend)
        ends = {key: value_of(row, f"dice_p001_{key}") for key in ENDS}
        if row is None or not math.isfinite(ends["median"]):
            continue
        words = (
            f"{name}, {packages.title(backend)}, {RESAMPLINGS[resampling]}: "
            f"median Dice {ends['median']:.2f}, {ends['lowest']:.2f} to {ends['highest']:.2f}"
        )
        parts.append(
            f'<g stroke="{colour}" stroke-opacity="{opacity}"><title>{escape(words)}</title>'
            f'<line x1="{_x(ends["lowest"]):.1f}" x2="{_x(ends["highest"]):.1f}" y1="{y:g}" y2="{y:g}"/>'
            f'<line x1="{_x(ends["lower_quartile"]):.1f}" x2="{_x(ends["upper_quartile"]):.1f}" y1="{y:g}" '
            f'y2="{y:g}" stroke-width="{thick}"/>'
            f'<circle cx="{_x(ends["median"]):.1f}" cy="{y:g}" r="3.5" fill="{colour}" '
            f'fill-opacity="{opacity}" stroke="none"/></g>'
        )
    return "".join(parts)


def _between(found: GroupStability, name: str, pair: Pair, ends: tuple[float, float]) -> str:
    """Upright line at the overlap of two packages."""
    dice = value_of(found.between(name, pair), "dice_p001_median")
    if not math.isfinite(dice):
        return ""
    whose = "the two packages" if len(found.pairs) == 1 else packages.titles(pair)
    return (
        f'<g class="between"><title>{escape(name)}: Dice of {whose} {dice:.2f}</title>'
        f'<line x1="{_x(dice):.1f}" x2="{_x(dice):.1f}" y1="{ends[0]:g}" y2="{ends[1]:g}" '
        f'stroke="{_colour(found, pair)}" stroke-width="2.5"/></g>'
    )


def _colour(found: GroupStability, pair: Pair) -> str:
    """Colour of a pair's line: of the package that is not the reference, where there are several."""
    return "currentColor" if len(found.pairs) == 1 else packages.colour(pair.first)


def _axis(y: float) -> str:
    marks = "".join(
        f'<line class="grid" x1="{_x(v):.1f}" x2="{_x(v):.1f}" y1="{HEAD - 4}" y2="{y:g}" '
        f'stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{_x(v):.1f}" y="{y + 14:g}" text-anchor="middle">{v:g}</text>'
        for v in (0, 0.2, 0.4, 0.6, 0.8, 1)
    )
    title = "Dice of the voxels at p &lt; 0.001"
    return f'{marks}<text x="{_x(0.5):.1f}" y="{y + 30:g}" text-anchor="middle">{title}</text>'


def _legend(found: GroupStability) -> str:
    words = "the two packages, everybody" if len(found.pairs) == 1 else f"with {_base(found)}, everybody"
    words *= len(found.backends) > 1
    # of many packages the legend begins further left, so that its end is seen
    parts, x = [], float(min(LABEL, WIDTH - RIGHT - ENTRY * len(found.backends) - LETTER * len(words)))
    for b in found.backends:
        parts.append(
            f'<circle cx="{x:g}" cy="12" r="4" fill="{packages.colour(b)}"/>'
            f'<text x="{x + 8:g}" y="16">{escape(packages.title(b))}</text>'
        )
        x += ENTRY
    if words:
        parts.append(
            f'<line x1="{x:g}" x2="{x:g}" y1="5" y2="19" stroke="currentColor" stroke-width="2.5"/>'
            f'<text x="{x + 8:g}" y="16">{escape(words)}</text>'
        )
    return "".join(parts)


def _base(found: GroupStability) -> str:
    """The package that all pairs have."""
    return packages.titles(set.intersection(*(set(pair) for pair in found.pairs)))
