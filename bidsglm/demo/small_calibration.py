"""How the demo and the story calibrate."""

from collections.abc import Sequence

DATA_SETS = 5
"""Simulated, for each noise: enough to see what comes of a calibration, not to decide."""


def small_calibration(arguments: Sequence[str]) -> list[str]:
    """Options that calibrate with few data sets; the user's own where there are any.

    >>> small_calibration(["-v"]), small_calibration(["--calibrate=20"])
    (['--calibrate', '5'], [])
    """
    own = any(word.startswith("--calibrate") for word in arguments)
    return [] if own else ["--calibrate", str(DATA_SETS)]
