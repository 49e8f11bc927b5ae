"""A contrast's agreement in five small bars, for its line in the closed list."""

import math
from collections.abc import Sequence

from bidsglm.report import svg
from bidsglm.report.wording import THRESHOLDS, Row, headline_rows, main_rows, number, value_of

WIDTH, HEIGHT = 66.0, 22.0
BAR = 10.0


def bars(rows: Sequence[Row]) -> tuple[tuple[str, float], ...]:
    """Measures of agreement in words, and their values, 1 for identical maps: correlations, Dice.

    >>> [words for words, _ in bars([{"map": "t", "pearson_r": 0.9, "dice_p001": 0.8}])]
    ['r of t', 'Dice at p < 0.001']
    """
    shown = [(f"r of {row['map']}", value_of(row, "pearson_r")) for row in main_rows(rows)]
    for row in headline_rows(rows)[:1]:
        shown += [(f"Dice at {title}", value_of(row, f"dice_{key}")) for key, title in THRESHOLDS.items()]
    return tuple((words, value) for words, value in shown if math.isfinite(value))


def in_words(rows: Sequence[Row]) -> str:
    """Write the two that matter most.

    >>> in_words([{"map": "t", "pearson_r": 0.9, "dice_p001": 0.8}])
    't: r 0.900, Dice 0.80'
    """
    row = next(iter(headline_rows(rows)), None)
    if row is None:
        return ""
    dice = value_of(row, "dice_p001")
    overlap = f", Dice {dice:.2f}" if math.isfinite(dice) else ""
    return f"{row['map']}: r {number(row['pearson_r'])}{overlap}"


def sparkline(rows: Sequence[Row]) -> str:
    """Bars of agreement as SVG; the line is at 1."""
    found = bars(rows)
    if not found:
        return ""
    words = ", ".join(f"{each} {value:.2f}" for each, value in found)
    parts = [svg.line(0, 1, WIDTH, 1, opacity=0.4)]
    for i, (_, value) in enumerate(found):
        tall = max(min(value, 1.0), 0.0) * (HEIGHT - 2)
        parts.append(svg.box(2 + i * (BAR + 3), HEIGHT - 1 - tall, BAR, tall))
    content = svg.document(WIDTH, HEIGHT, f"Agreement: {words}", parts).decode()
    return content.replace(' xmlns="http://www.w3.org/2000/svg"', "").replace('"plate"', '"spark"')
