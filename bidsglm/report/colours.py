"""Numbers to colours: activation over anatomy, densities over any ground."""

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats

STOPS = ("#b8f3ff", "#3fb4f5", "#1f5fd0", "#1b2a6b", "#6b1b1b", "#d9381e", "#f9a11b", "#fff3a6")
"""Cold for negative, hot for positive"""
DENSITY = (42, 147, 168)
"""Told apart from white and from black"""
FAINTEST = 0.38
"""Opacity of a single voxel"""
MANY, SAMPLE = 20_000, 5_000
"""Values from which a quantile is looked for among the largest alone, by a sample of them"""


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour as the web writes it.

    >>> rgb("#1f7a8c")
    (31, 122, 140)
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def activation(signed: bool = True) -> Floats:
    """Return red, green, blue (0 to 255) and opacity (0 to 1) at 256 places, or at 128 from zero on."""
    stops = np.array([rgb(stop) for stop in STOPS], dtype=float)
    places = np.linspace(0, len(STOPS) - 1, 256)
    ramp = np.stack([np.interp(places, np.arange(len(STOPS)), stops[:, c]) for c in range(3)], axis=1)
    # opaque from half the range on, so that small values neither vanish nor hide the brain
    opacity = np.clip(np.abs(np.linspace(-2, 2, 256)), 0, 1)
    whole = np.column_stack([ramp, opacity])
    return whole if signed else whole[128:]


def high_quantile(values: Floats, share: float) -> float:
    """`np.quantile` (linear) of values (n,) for a share near one: only the largest are put in order.

    >>> high_quantile(np.arange(101.0), 0.995)
    99.5
    """
    n = len(values)
    place = (n - 1) * share
    low = int(place)
    largest = values
    if n > MANY:
        # more than the wanted ones lie above this height of a sample, or all are looked at
        height = np.quantile(values[:: n // SAMPLE], 1 - 4 * (1 - share))
        found = values[values >= height]
        largest = found if len(found) >= n - low else values
    first = low - (n - len(largest))
    last = min(first + 1, len(largest) - 1)
    ordered = np.partition(largest, [first, last])
    lower, upper, part = ordered[first], ordered[last], place - low
    # as numpy rounds it
    return float(upper - (upper - lower) * (1 - part) if part >= 0.5 else lower + (upper - lower) * part)


def greys(background: Floats) -> NDArray[np.uint8]:
    """Anatomy (rows, columns) as grey levels; the brightest few are white."""
    brightest = high_quantile(background.ravel(), 0.995) * 1.15 or 1.0
    return np.asarray(np.clip(background / brightest, 0, 1) * 255).astype(np.uint8)


def painted(values: Floats, limit: float, signed: bool, below: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Map (rows, columns) over grey levels; NaN shows the anatomy."""
    # one place more than there are colours: nothing of its own, for the anatomy alone
    ramp = np.vstack([activation(signed), np.zeros(4)])
    share = np.clip(values / limit, -1 if signed else 0, 1)
    place = np.round((share + 1) / 2 * 255 if signed else share * 127)
    place = np.where(np.isfinite(values), place, len(ramp) - 1).astype(np.intp)
    clear, colour = 1 - ramp[:, 3], ramp[:, :3] * ramp[:, 3:]
    mixed = (below * clear[place])[..., None] + colour[place]
    return np.asarray(mixed.round(out=mixed).astype(np.uint8))


def densities(counts: Floats) -> NDArray[np.uint8]:
    """Numbers of voxels (rows, columns) as one colour, the more opaque the more there are (logarithmic)."""
    largest = np.log1p(counts.max(initial=1.0))
    opacity = np.where(counts > 0, FAINTEST + (1 - FAINTEST) * np.log1p(counts) / largest, 0)
    found = np.empty((*counts.shape, 4), np.uint8)
    found[..., :3] = DENSITY
    found[..., 3] = np.round(255 * opacity)
    return found
