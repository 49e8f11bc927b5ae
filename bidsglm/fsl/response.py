"""Responses that FEAT convolves events with: ``feat_model``'s kernels in steps of 0.05 s.

The double-gamma is ``g(t; 6, 2.449) - g(t; 16, 4) / 6`` with the gamma density g of mean m and standard
deviation s, ``g(t; m, s) = r^a t^(a - 1) exp(-r t) / Gamma(a)``, ``a = m^2 / s^2``, ``r = m / s^2`` (FEAT
user guide, "Full model setup"). Heights do not matter: a regressor is divided by the sum of its kernel.
"""

from collections.abc import Callable

import numpy as np

from bidsglm.densities import gamma_density
from bidsglm.model import Floats

STEP = 0.05
"""s"""
DEVIATIONS = 5
"""Standard deviations after its mean at which a response is cut."""
GAUSSIAN_LAG, GAUSSIAN_SD = 5.0, 2.8
"""s; these and the numbers of the other responses are FEAT's defaults."""


def gamma_with(t: Floats, mean: float, deviation: float) -> Floats:
    """Gamma density by its mean and standard deviation, 0 for t <= 0.

    >>> gamma_with(np.array([0.0, 1.0]), 1.0, 1.0).round(4).tolist()
    [0.0, 0.3679]
    """
    # FEAT gives mean lag and standard deviation: m = a / b and s^2 = a / b^2
    return gamma_density(t, (mean / deviation) ** 2, mean / deviation**2)


def _double_gamma(t: Floats) -> Floats:
    # 2.449 = sqrt(6) and 4 = sqrt(16): shapes 6 and 16 of rate 1, SPM's densities but for the digits of 2.449
    return gamma_with(t, 6, 2.449) - gamma_with(t, 16, 4) / 6


def _alternative(t: Floats) -> Floats:
    return gamma_with(t, 6.66, 2.581) - gamma_with(t, 6.77, 2.602) / 1.05


def _gamma(t: Floats) -> Floats:
    return gamma_with(t, 6, 3)


def _gaussian(t: Floats) -> Floats:
    # it is not 0 at t = 0, so that its first second is bent down
    onset = np.exp(-(np.maximum(1 - t / 2, 0) ** 6))
    return np.asarray(np.exp(-(((t - GAUSSIAN_LAG) / GAUSSIAN_SD) ** 2) / 2) * np.where(t < 1, onset, 1))


RESPONSES: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "double-gamma": (_double_gamma, 16 + DEVIATIONS * 4),
    "gamma": (_gamma, 6 + DEVIATIONS * 3),
    "gaussian": (_gaussian, GAUSSIAN_LAG + DEVIATIONS * GAUSSIAN_SD),
    "alternative double-gamma": (_alternative, 6.77 + DEVIATIONS * 2.602),
}
"""Name -> function of time (s), length (s)."""


def response(name: str) -> Floats:
    """Kernel of a response, in steps of 0.05 s from 0.

    Raises
    ------
    ValueError
        FEAT has no such response here.

    >>> h = response("double-gamma")
    >>> h.size, round(STEP * int(h.argmax()), 2)
    (720, 5.0)
    """
    if name not in RESPONSES:
        raise ValueError(f"FSL has no response {name!r}; use one of {', '.join(RESPONSES)}")
    shape, length = RESPONSES[name]
    # a whole number of steps, whatever the division rounds to
    n_taps = int(length / STEP * (1 + 4 * np.finfo(float).eps))
    return shape(np.asarray(np.arange(n_taps) * STEP, dtype=np.float64))
