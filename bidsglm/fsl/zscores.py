"""Normal scores of t and F: FSL's ``ttoz`` and ``ftoz``.

z has the upper tail of the statistic. From t = 7.5 on the tail comes from a series of its logarithm, ``ln p
= ln[((3 n^2 / ((n + 2)(n + 4) t^2) - n / (n + 2)) / t^2 + 1) / (sqrt(n) t)] - (n - 1) / 2 ln(1 + t^2 / n) -
ln B(1/2, n/2)``, and z from three steps of ``z <- sqrt(-2 ln p - ln 2 pi - 2 ln z + 2 ln(1 - 1 / z^2 + 3 /
z^4))`` (M. Jenkinson and M. Woolrich, FMRIB technical report TR00MJ1).
"""

import numpy as np
from scipy.special import betaln, fdtrc, hyp2f1, ndtri_exp, stdtr

from bidsglm.model import Floats

EXACT_BELOW = 7.5
"""t from which the series takes over"""
SERIES_DOF = 15
"""Degrees of freedom from which the series is exact enough there."""
STEPS = 3
"""Steps of the iteration for z."""
UNDERFLOW = 1e-290
"""Tail of F below which its logarithm is taken from a series."""


def z_of_t(t: Floats, dof: float) -> Floats:
    """Standard normal quantile of t.

    Parameters
    ----------
    t
        (n_voxels,)
    dof
        Degrees of freedom.

    Notes
    -----
    Below 15 degrees of freedom the distribution functions are used for every t.

    >>> z_of_t(np.array([0.0, -2.0, 50.0]), 100).round(3).tolist()
    [0.0, -1.975, 18.016]
    """
    size = np.abs(t)
    exact = np.minimum(size, EXACT_BELOW) if dof >= SERIES_DOF else size
    # through the lower tail, whose logarithm keeps its digits where 1 - p has none
    z = -ndtri_exp(np.log(stdtr(dof, -exact)))
    if dof >= SERIES_DOF:
        large = size >= EXACT_BELOW
        z[large] = _asymptotic_z(_log_tail(size[large], dof))
    return np.asarray(np.copysign(np.abs(z), t) * (size > 0))


def _log_tail(t: Floats, n: float) -> Floats:
    """Logarithm of P(T > t) from the first terms of its asymptotic series."""
    # tail over density in powers of 1 / t^2: three terms do from t = 7.5 and 15 degrees of freedom on
    series = (3 * n**2 / ((n + 2) * (n + 4) * t**2) - n / (n + 2)) / t**2 + 1
    start = np.log(series / (np.sqrt(n) * t))
    return np.asarray(start - (n - 1) / 2 * np.log1p(t**2 / n) - betaln(0.5, n / 2))


def _asymptotic_z(log_p: Floats) -> Floats:
    twice = -2 * log_p - np.log(2 * np.pi)
    z = np.sqrt(twice)
    for _ in range(STEPS):
        # three steps from z = sqrt(-2 ln p - ln 2 pi), and no more: FSL does not wait for convergence
        z = np.sqrt(twice - 2 * np.log(z) + 2 * np.log1p(-1 / z**2 + 3 / z**4))
    return np.asarray(z)


def z_of_f(F: Floats, d1: float, d2: float) -> Floats:
    """Standard normal quantile of F, from its exact tail.

    Parameters
    ----------
    F
        (n_voxels,)
    d1, d2
        Degrees of freedom.

    >>> z_of_f(np.array([4.0, 1e5]), 1, 100).round(3).tolist()
    [1.662, 26.221]
    """
    p = fdtrc(d1, d2, F)
    log_p = np.log(np.maximum(p, UNDERFLOW))
    tiny = p < UNDERFLOW
    # the incomplete beta function by its series, in logarithms
    a, b, x = d2 / 2, d1 / 2, d2 / (d2 + d1 * F[tiny])
    log_p[tiny] = (
        a * np.log(x) + b * np.log1p(-x) - np.log(a) - betaln(a, b) + np.log(hyp2f1(a + b, 1, a + 1, x))
    )
    return np.asarray(-ndtri_exp(log_p))
