"""Response functions of 3dDeconvolve: ``h(t; d)`` of an event that begins at t = 0 and lasts d.

- gamma: ``GAM(p, q)``, ``h = (t / (p q))^p exp(p - t / q)``, whose peak is 1 at t = p q;
- block: ``BLOCK(d)``, ``f(t) = int_0^min(t, d) g(t - s) ds`` with ``g(u) = u^4 exp(-u) / (4^4 exp(-4))``, in
  closed form ``f(t) = G(t) - G(t - d)``, ``G(s) = 4! / (4^4 exp(-4)) P(5, s)``, P the regularised incomplete
  gamma function; its peak is at ``d / (1 - exp(-d / 4))``;
- SPM: ``SPMG1``, ``h = exp(-t) (A1 t^5 - A2 t^15)``, and its derivatives in time and in dispersion;
- tent: ``TENT(b, c, n)``, n triangles over b ... c (``3dDeconvolve -help``).

Functions are evaluated in continuous time; those that a duration widens, on a grid of 10 ms (`boxed`).
"""

from collections.abc import Callable
from functools import partial
from math import exp, factorial
from typing import NamedTuple

import numpy as np
import scipy

from bidsglm.afni.notation import ResponseModel, response_model
from bidsglm.model import Floats

GAMMA_SHAPE, GAMMA_SCALE = 8.6, 0.547
"""GAM without numbers (M. Cohen, NeuroImage 6:93-103, 1997)."""
GAMMA_END = 11.1
"""s; where GAM without numbers ends."""
GAMMA_DEVIATIONS = 9.9
"""GAM(p,q) ends so many standard deviations behind its peak, GAM(p,q,d) five before it is widened."""
BOXED_DEVIATIONS = 5.0
BLOCK_TAIL = 15.0
"""s that a block's response lasts beyond the block."""
ROUNDED = {4: 54.5982 - exp(4)}
"""What 3dDeconvolve's e^4 has too much; a millionth of a block's response."""
LONG_BLOCK = 99.9
"""s of a block whose response has a plateau, to which UBLOCK refers."""
SPM_RESPONSE = 0.0083333333
"""A1, 1/5!"""
SPM_UNDERSHOOT = 1.274527e-13
"""A2, 1/(6 15!)"""
SPM_END = 25.0
"""s"""
DISPERSION_STEP = 0.01
WIDE_RESPONSE, WIDE_POWER, WIDE_SCALE = 0.00869011, 4.94057, 1.01
"""The response of dispersion 1.01, for SPMG3's third function."""
GRID = 0.01
"""s"""

Function = Callable[[Floats, Floats], Floats]
"""h(t; d), of times and durations that broadcast"""


class Response(NamedTuple):
    """A set of response functions."""

    model: ResponseModel
    functions: tuple[Function, ...]
    by_duration: bool
    """Whether each event's own duration enters; else the notation says it all."""


def response(notation: str) -> Response:
    """Response functions in 3dDeconvolve's notation.

    Raises
    ------
    ValueError
        The notation is none, or not known.

    >>> now = np.array([0.0])
    >>> peak = response("GAM").functions[0](np.array([8.6 * 0.547]), now)
    >>> peak.round(9).tolist(), len(response("SPMG3").functions), response("dmBLOCK").by_duration
    ([1.0], 3, True)
    """
    model = response_model(notation)
    return Response(model, FAMILIES[model.name](*model.numbers), model.name.startswith("dm"))


def gamma(t: Floats, p: float, q: float, end: float) -> Floats:
    """(t / (p q))^p exp(p - t / q), 0 before the event and behind its end.

    >>> gamma(np.array([-1.0, 2.0, 30.0]), 2.0, 1.0, 20.0).tolist()
    [0.0, 1.0, 0.0]
    """
    inside = (t > 0) & (t <= end)
    x = np.where(inside, t, p * q) / (p * q)
    # logarithms, as a power of p up to 100 overflows before the exponential takes it back
    return np.where(inside, np.exp(p * (np.log(x) + 1 - x)), 0.0)


def block(t: Floats, duration: Floats, power: int = 4) -> Floats:
    """Integral of u^power exp(-u), of peak 1, over a block; it grows with the duration.

    >>> block(np.array([-1.0, 60.0, 100.0]), np.array(80.0)).round(4).tolist()
    [0.0, 5.1186, 0.0]
    """
    # 3dDeconvolve cuts the response 15 s behind the block, at 0.1 to 0.3 % of its peak
    inside = (t > 0) & (t < duration + BLOCK_TAIL)
    return np.asarray(np.where(inside, _rise(t, power) - _rise(t - duration, power), 0.0))


def _rise(s: Floats, power: int) -> Floats:
    """G(s)."""
    share = factorial(power) / power**power
    rise = share * exp(power) * scipy.special.gammainc(power + 1, np.maximum(s, 0))
    # G is the difference of two terms, and 3dDeconvolve rounds e^4 in the constant one
    return np.asarray(rise + np.where(s >= 0, share * ROUNDED.get(power, 0.0), 0.0))


def block_peak(duration: Floats, power: int = 4) -> Floats:
    """Largest value of a block's response.

    >>> block_peak(np.array([1e-6, 99.9])).round(4).tolist()
    [0.0, 5.1186]
    """
    # f' = g(t) - g(t - d) is 0 where (t / (t - d))^power = exp(d), which is t = d / (1 - exp(-d / power))
    return block(duration / -np.expm1(-duration / power), duration, power)


def unit_block(t: Floats, duration: Floats, height: float = 1.0, power: int = 4) -> Floats:
    """Block's response with the same peak for every duration."""
    return np.asarray(height * block(t, duration, power) / block_peak(duration, power))


def plateau_block(t: Floats, duration: Floats, reference: float = LONG_BLOCK) -> Floats:
    """Block's response over the peak that a block of the reference duration has."""
    return np.asarray(block(t, duration) / block_peak(np.array(reference)))


def spm_response(t: Floats) -> Floats:
    """SPM's response, not scaled.

    >>> spm_response(np.array([0.0, 5.0, 25.0])).round(4).tolist()
    [0.0, 0.1754, 0.0]
    """
    # its peak is 0.1754 and not 1, so that a beta is 5.7 times the change at the peak; with a duration in the
    # notation `boxed` scales it
    return _within_spm(t, lambda s: np.exp(-s) * (SPM_RESPONSE * s**5 - SPM_UNDERSHOOT * s**15))


def spm_time_derivative(t: Floats) -> Floats:
    """Derivative of SPM's response in time."""
    return _within_spm(
        t, lambda s: np.exp(-s) * (SPM_RESPONSE * s**4 * (5 - s) - SPM_UNDERSHOOT * s**14 * (15 - s))
    )


def spm_dispersion_derivative(t: Floats) -> Floats:
    """Difference of SPM's response to one that is 1 % wider, over 0.01."""
    # only the positive lobe is widened: the program's third function leaves the undershoot alone
    wide = _within_spm(
        t,
        lambda s: (
            WIDE_RESPONSE * s**WIDE_POWER * np.exp(-s / WIDE_SCALE) - SPM_UNDERSHOOT * s**15 * np.exp(-s)
        ),
    )
    return (spm_response(t) - wide) / DISPERSION_STEP


def _within_spm(t: Floats, values: Callable[[Floats], Floats]) -> Floats:
    inside = (t > 0) & (t < SPM_END)
    return np.where(inside, values(np.where(inside, t, 0.0)), 0.0)


def tent(t: Floats, first: float, last: float, n_tents: int, number: int) -> Floats:
    """Triangle number 0 ... n - 1 of those that share a window; it is 1 at its own knot and 0 at the others.

    >>> tent(np.array([-0.1, 0.0, 1.0, 2.0, 4.1]), 0.0, 4.0, 3, 0).tolist()
    [0.0, 1.0, 0.5, 0.0, 0.0]
    """
    step = (last - first) / (n_tents - 1)
    heights = np.maximum(1 - np.abs(t - (first + number * step)) / step, 0)
    # the first and the last tent are halves: 3dDeconvolve's window ends at their knots
    return np.where((t >= first) & (t <= last), heights, 0.0)


def boxed(shape: Callable[[Floats], Floats], end: float, duration: float) -> Callable[[Floats], Floats]:
    """Widen a function by a box on a grid of 10 ms, and scale it to the largest value 1.

    Parameters
    ----------
    shape
        h(t) of an impulse
    end
        s, where it ends
    duration
        s of the box, which has a tap at both ends

    >>> wide = boxed(lambda t: np.where(t == 0, 1.0, 0.0), 1.0, 2.0)
    >>> wide(np.array([-1.0, 1.0, 1.999, 3.0])).round(9).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    # a box of n steps has n + 1 taps, one at either end
    n_taps = 1 + round(duration / GRID)
    narrow = shape(np.arange(int(end / GRID) + 1, dtype=np.float64) * GRID)
    # a running sum less itself n taps ago is the convolution with a box
    summed = np.cumsum(np.concatenate([narrow, np.zeros(n_taps)]))
    summed[n_taps:] -= summed[:-n_taps].copy()
    # at any duration, derivatives too: a beta is then the change at the largest value
    summed /= np.abs(summed).max()
    return partial(_interpolated, values=summed)


def _interpolated(t: Floats, values: Floats) -> Floats:
    # 3dDeconvolve itself interpolates between its points of 10 ms
    return np.interp(t, GRID * np.arange(len(values)), values, left=0.0, right=0.0)


def _impulse(shape: Callable[[Floats], Floats]) -> Function:
    """A function whose duration, if any, is in the notation."""
    return partial(_of_time, shape=shape)


def _of_time(t: Floats, duration: Floats, shape: Callable[[Floats], Floats]) -> Floats:
    return shape(t)


def _gamma_family(*numbers: float) -> tuple[Function, ...]:
    p, q = numbers[:2] or (GAMMA_SHAPE, GAMMA_SCALE)
    # t^p exp(-t/q) has its maximum at p q and falls over about sqrt(p) q (Cohen 1997)
    deviation = np.sqrt(p) * q
    if not numbers:
        return (_impulse(partial(gamma, p=p, q=q, end=GAMMA_END)),)
    if len(numbers) == 2:
        return (_impulse(partial(gamma, p=p, q=q, end=p * q + GAMMA_DEVIATIONS * deviation)),)
    # five deviations, before the block makes it longer
    end = p * q + BOXED_DEVIATIONS * deviation
    return (_impulse(boxed(partial(gamma, p=p, q=q, end=end), end, numbers[2])),)


def _block_family(power: int, duration: float, height: float | None = None) -> tuple[Function, ...]:
    # one number: the integral itself, which grows with d up to 24 e^4 / 4^4 = 5.1187; two: the peak is given
    d = np.array(duration)
    if height is None:
        return (_impulse(partial(block, duration=d, power=power)),)
    return (_impulse(partial(unit_block, duration=d, height=height, power=power)),)


def _plateau_family(duration: float, height: float = 0.0) -> tuple[Function, ...]:
    if height > 0:
        return _block_family(4, duration, height)
    # a negative number is taken as 0 here, unlike in dmUBLOCK
    return (_impulse(partial(plateau_block, duration=np.array(duration))),)


def _married_family(height: float = 0.0) -> tuple[Function, ...]:
    # no number or 0: the integral over each event's own duration, so that longer events have higher responses
    return (partial(unit_block, height=height) if height else block,)


def _married_plateau_family(negative: float = 0.0) -> tuple[Function, ...]:
    return (partial(plateau_block, reference=-negative if negative else LONG_BLOCK),)


def _spm_family(n_functions: int, *duration: float) -> tuple[Function, ...]:
    shapes = (spm_response, spm_time_derivative, spm_dispersion_derivative)[:n_functions]
    return tuple(_impulse(boxed(shape, SPM_END, *duration) if duration else shape) for shape in shapes)


def _tent_family(first: float, last: float, n_tents: float) -> tuple[Function, ...]:
    window = partial(tent, first=first, last=last, n_tents=int(n_tents))
    return tuple(_impulse(partial(window, number=number)) for number in range(int(n_tents)))


FAMILIES: dict[str, Callable[..., tuple[Function, ...]]] = {
    "GAM": _gamma_family,
    "BLOCK": partial(_block_family, 4),
    "BLOCK4": partial(_block_family, 4),
    "BLOCK5": partial(_block_family, 5),
    "UBLOCK": _plateau_family,
    "dmBLOCK": _married_family,
    "dmUBLOCK": _married_plateau_family,
    "SPMG1": partial(_spm_family, 1),
    "SPMG2": partial(_spm_family, 2),
    "SPMG3": partial(_spm_family, 3),
    "TENT": _tent_family,
}
