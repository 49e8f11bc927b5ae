"""Marks of a strip plot beside and above each other, so that each can be seen and pointed at."""

import math
from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats

BAND = 40
"""Height in which the marks of a strip stand."""
RADIUS = 3.2
SMALLEST, SHRINK = 1.0, 0.75
"""Radius of marks where many crowd, and the step on the way there."""


class Swarm(NamedTuple):
    """Where the marks of a strip stand."""

    offsets: Floats
    """(n_points,) from the middle of the band"""
    radius: float


def swarm(places: Floats, height: float = BAND) -> Swarm:
    """Move marks off the middle so that none hides another; smaller ones where there is no room.

    Parameters
    ----------
    places
        (n_points,) ascending
    height
        Of the band.

    >>> swarm(np.array([0.0, 0.5, 30.0]))
    Swarm(offsets=array([0. , 6.4, 0. ]), radius=3.2)
    """
    r = RADIUS
    while True:
        offsets, hidden = _levels(places, r, height)
        if not hidden or r * SHRINK < SMALLEST:
            return Swarm(offsets, r)
        r = round(r * SHRINK, 2)


def _levels(places: Floats, r: float, height: float) -> tuple[Floats, int]:
    """Offsets in steps of a diameter, each mark on the level nearest the middle that is free at its place.

    Where none is free, it goes to the one that was filled furthest away, and is counted.
    """
    n = int((height / 2 - r) / (2 * r))
    levels = sorted((2 * r * i for i in range(-n, n + 1)), key=lambda level: (abs(level), -level))
    last = [-math.inf] * len(levels)
    offsets, hidden = np.zeros(len(places)), 0
    for i, place in enumerate(places.tolist()):
        free = next((k for k, filled in enumerate(last) if place - filled >= 2 * r), None)
        if free is None:
            hidden += 1
            free = last.index(min(last))
        last[free] = place
        offsets[i] = levels[free]
    return offsets, hidden
