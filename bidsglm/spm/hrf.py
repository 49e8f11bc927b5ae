"""Basis functions of the haemodynamic response: SPM12's ``spm_hrf`` and ``spm_get_bf``.

The canonical response is ``h(t) = g(t; 6, 1) - g(t; 16, 1) / 6``, with the gamma density
``g(t; k, r) = r^k t^(k - 1) exp(-r t) / Gamma(k)``, scaled to unit sum over its samples
(K. Friston et al., NeuroImage 7:30-40, 1998).
"""

import numpy as np

from bidsglm.densities import gamma_density
from bidsglm.model import Floats, Hrf
from bidsglm.spm.regressors import orthogonalise, rounded

RESPONSE_DELAY = 6.0
UNDERSHOOT_DELAY = 16.0
UNDERSHOOT_RATIO = 6.0
KERNEL_LENGTH = 32.0
"""Seconds; these four are SPM's defaults."""
DERIVATIVE_STEP = 1.0
"""Seconds by which SPM delays the response for its time derivative."""
DISPERSION_STEP = 0.01
"""Step of the response's dispersion in SPM's dispersion derivative."""


def canonical_hrf(dt: float, onset: float = 0.0, dispersion: float = 1.0) -> Floats:
    """Canonical response to an impulse, sampled from 0 to 32 s.

    Parameters
    ----------
    dt
        Sampling step in s.
    onset
        Delay of the response in s.
    dispersion
        Dispersion of the response (the undershoot keeps its own).

    Returns
    -------
    (floor(32 / dt) + 1,) of unit sum

    >>> h = canonical_hrf(0.125)
    >>> h.size, round(float(h.sum()), 12), float(0.125 * h.argmax())
    (257, 1.0, 5.0)
    """
    t = _grid(KERNEL_LENGTH / dt, dt) - onset
    response = gamma_density(t, RESPONSE_DELAY / dispersion, 1 / dispersion)
    # the undershoot has a dispersion of 1 whatever the response's
    undershoot = gamma_density(t, UNDERSHOOT_DELAY, 1.0)
    h = response - undershoot / UNDERSHOOT_RATIO
    # unit sum over samples, so that a block's response does not depend on the length of a bin
    return np.asarray(h / h.sum())


def basis_functions(hrf: Hrf, dt: float) -> Floats:
    """Set of functions that SPM convolves events with, orthogonalised at microtime.

    Parameters
    ----------
    hrf
        Its length (s) and order must be set for all sets but SPM's canonical one.
    dt
        Sampling step in s.

    Returns
    -------
    (n_bins, n_functions)

    Raises
    ------
    ValueError
        SPM has no such set, or its length and order make no sense.

    >>> basis_functions(Hrf("spm", derivative=True), 0.125).shape
    (257, 2)
    >>> basis_functions(Hrf("fir", length=4, order=2), 1.0).tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    if hrf.model == "spm":
        return orthogonalise(_canonical_set(hrf, dt))
    if hrf.model == "glover":
        raise ValueError("SPM has no glover response")
    if not hrf.length or not hrf.order or hrf.length <= 0 or hrf.order < 1:
        raise ValueError(f"the {hrf.model} set needs a positive length in seconds and order")
    sets = {"fir": _fir_set, "gamma": _gamma_set, "fourier": _fourier_set, "fourier hanning": _hanning_set}
    return orthogonalise(sets[hrf.model](hrf.length, hrf.order, dt))


def _canonical_set(hrf: Hrf, dt: float) -> Floats:
    if hrf.dispersion and not hrf.derivative:
        raise ValueError("SPM has the dispersion derivative only together with the time derivative")
    h = canonical_hrf(dt)
    columns = [h]
    if hrf.derivative:
        # spm_get_bf takes finite differences of responses that are scaled each by itself, no derivative
        columns.append((h - canonical_hrf(dt, onset=DERIVATIVE_STEP)) / DERIVATIVE_STEP)
    if hrf.dispersion:
        columns.append((h - canonical_hrf(dt, dispersion=1 + DISPERSION_STEP)) / DISPERSION_STEP)
    return np.column_stack(columns)


def _fir_set(length: float, order: int, dt: float) -> Floats:
    # bins of whole microtime steps: the set may thus be a little longer or shorter than asked for
    width = int(rounded(np.array(length / (order * dt))))
    if width < 1:
        raise ValueError(f"a FIR bin of {length / order:g} s is less than half a microtime bin of {dt:g} s")
    return np.repeat(np.eye(order), width, axis=0)


def _grid(n_steps: float, dt: float) -> Floats:
    return np.asarray(np.arange(int(np.floor(n_steps)) + 1) * dt, dtype=np.float64)


def _times(length: float, dt: float) -> Floats:
    # the end point belongs to the set, even where the division falls short of a whole number by rounding
    return _grid(length / dt * (1 + np.finfo(float).eps), dt)


def _gamma_set(length: float, order: int, dt: float) -> Floats:
    t = _times(length, dt)
    return np.column_stack([gamma_density(t, 2.0**i, 1.0) for i in range(2, order + 2)])


def _fourier_set(length: float, order: int, dt: float) -> Floats:
    t = _times(length, dt)
    # the last sample repeats the first, so that the waves are not quite orthogonal, as in SPM
    angle = 2 * np.pi * t / t.max()
    waves = [wave(k * angle) for k in range(1, order + 1) for wave in (np.sin, np.cos)]
    return np.column_stack([np.ones_like(t), *waves])


def _hanning_set(length: float, order: int, dt: float) -> Floats:
    t = _times(length, dt)
    window = (1 - np.cos(2 * np.pi * t / t.max())) / 2
    return np.asarray(_fourier_set(length, order, dt) * window[:, None])
