"""From values to places along an axis, and the round values that are written there."""

import math
from typing import NamedTuple

TICKS = 5
STEPS = (1.0, 2.0, 5.0, 10.0)
CLOSER_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""For plots whose ends are the data's own, where few ticks would fall"""


def ticks(
    low: float, high: float, wanted: int = TICKS, steps: tuple[float, ...] = STEPS
) -> tuple[float, ...]:
    """Round values between two ends, about as many as wanted.

    >>> ticks(-1.2, 3.1), ticks(2.0, 2.0)
    ((-1.0, 0.0, 1.0, 2.0, 3.0), (2.0,))
    >>> ticks(0.79, 1.0, steps=CLOSER_STEPS)
    (0.8, 0.85, 0.9, 0.95, 1.0)
    """
    if not high > low:
        return (low,)
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next((each for each in steps if power * each >= rough * 0.999), steps[-1])
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(i * step, 12) for i in range(first, last + 1))


class Scale(NamedTuple):
    """An axis from its lowest value to its highest, and where these are drawn."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value is drawn."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> tuple[float, ...]:
        """Values that are written along it."""
        return ticks(self.low, self.high, steps=CLOSER_STEPS)


def tick_text(value: float) -> str:
    """Write a value along an axis.

    >>> tick_text(-0.05), tick_text(2.0)
    ('−0.05', '2')
    """
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")
