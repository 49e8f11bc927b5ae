"""Upper tails of t and F, and the standard normal quantiles that share them.

Both tails are incomplete beta functions, ``P(F > f) = I_x(d2 / 2, d1 / 2)`` with
``x = d2 / (d2 + d1 f)`` and ``P(t > s) = P(F > s^2) / 2`` for s > 0 (M. Abramowitz and I. Stegun,
*Handbook of Mathematical Functions*, 26.5-26.7). Logarithms keep the tails beyond the smallest double.
"""

from typing import NamedTuple

import numpy as np
import scipy

from bidsglm.model import Floats

UNDERFLOW = 1e-290
"""Below it the incomplete beta function is taken from its series, in logarithms."""
LEAST_LOG = -1e300
"""In place of the logarithm of 0."""


class Tail(NamedTuple):
    """Significance of a statistic."""

    p: Floats
    """Upper tail."""
    z: Floats
    """Standard normal quantile with the same upper tail."""


def t_tail(t: Floats, dof: float) -> Tail:
    """One-sided p value of t, and z.

    Parameters
    ----------
    t
        (n_voxels,)
    dof
        Degrees of freedom, not necessarily whole.

    >>> tail = t_tail(np.array([0.0, -2.0, 1000.0]), 100.0)
    >>> tail.p.round(4).tolist(), tail.z.round(3).tolist()
    ([0.5, 0.9759, 0.0], [0.0, -1.975, 30.312])
    """
    # t² is F of one numerator, so that one tail serves both
    x, complement = _shares(t**2, 1.0, dof)
    log_half = _log_betainc(dof / 2, 0.5, x, complement) - np.log(2)
    half = np.exp(log_half)
    z = np.sign(t) * np.maximum(-scipy.special.ndtri_exp(log_half), 0.0)
    return Tail(np.where(t > 0, half, 1 - half), z)


def f_tail(f: Floats, d1: float, d2: float) -> Tail:
    """P value of F, and z.

    Parameters
    ----------
    f
        (n_voxels,) not negative
    d1, d2
        Degrees of freedom of the numerator and the denominator, not necessarily whole.

    >>> tail = f_tail(np.array([4.0, 0.0]), 1.0, 100.0)
    >>> tail.p.round(4).tolist(), bool(np.isfinite(tail.z).all())
    ([0.0482, 1.0], True)
    """
    x, complement = _shares(f, d1, d2)
    log_upper = _log_betainc(d2 / 2, d1 / 2, x, complement)
    log_lower = _log_betainc(d1 / 2, d2 / 2, complement, x)
    # from the smaller tail, since 1 minus a small number keeps no digits of it
    p = np.where(log_upper < log_lower, np.exp(log_upper), 1 - np.exp(log_lower))
    z = np.where(
        log_upper < log_lower, -scipy.special.ndtri_exp(log_upper), scipy.special.ndtri_exp(log_lower)
    )
    return Tail(p, z)


def f_quantile(p: float, d1: float, d2: float) -> float:
    """Value of F with a given upper tail.

    >>> round(f_quantile(0.001, 1.0, 100.0), 4)
    11.4954
    """
    x = float(scipy.special.betaincinv(d2 / 2, d1 / 2, p))
    return d2 * (1 - x) / (d1 * x)


def _shares(f: Floats, d1: float, d2: float) -> tuple[Floats, Floats]:
    total = d2 + d1 * f
    return d2 / total, d1 * f / total


def _log_betainc(a: float, b: float, x: Floats, complement: Floats) -> Floats:
    """Logarithm of I_x(a, b), where it underflows by its series about x = 0."""
    value = np.asarray(scipy.special.betainc(a, b, x))
    tiny = value < UNDERFLOW
    result = np.log(np.where(tiny, 1.0, value))
    if tiny.any():
        small, rest = np.maximum(x[tiny], np.finfo(float).tiny), complement[tiny]
        # the incomplete beta function as a hypergeometric series: 26.5.23 of the handbook, transformed
        series = np.log(scipy.special.hyp2f1(a + b, 1.0, a + 1.0, small))
        result[tiny] = a * np.log(small) + b * np.log(rest) - np.log(a) - scipy.special.betaln(a, b) + series
    return np.maximum(result, LEAST_LOG)
