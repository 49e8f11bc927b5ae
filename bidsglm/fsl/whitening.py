"""Whitening in the frequency domain: the second half of FILM (``film_gls``).

With Z the power of two from n scans on, ``S(f)`` the spectrum of the tapered autocorrelation on a circle of
Z scans and ``g(f) = |S(f)|^-1/2``, ``g(0) = 0``, ``sum g^2 = Z``, a series becomes ``T y = IFFT(g
FFT(y))``, padded with zeros to Z and cut back to n (M. Woolrich et al., NeuroImage 14:1370-1386, 2001). T
is a symmetric Toeplitz matrix.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.fft import irfft

from bidsglm.fsl.autocorrelation import padded_length, spectra
from bidsglm.model import Floats


def gains(tapered: Floats, n_scans: int) -> Floats:
    """Factors of the frequencies, from 0 to the highest.

    Parameters
    ----------
    tapered
        (n_lags, n_voxels) autocorrelations

    Returns
    -------
    (Z / 2 + 1, n_voxels) NaN where the spectrum has a zero

    >>> gains(np.array([[0.5], [0.0]]), 4).round(3).tolist()
    [[0.0], [1.155], [1.155]]
    """
    Z = padded_length(n_scans)
    inverse = np.abs(_cosines(Z, len(tapered)) @ tapered)
    # a spectrum with a zero cannot be whitened, and gives NaN
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(1, inverse, out=inverse)
        # g(0) = 0: means are out of the data, and autocorrelations of residuals say nothing of them
        inverse[0] = 0
        # frequencies but the first and the last stand for two
        inverse *= Z / (2 * inverse.sum(axis=0) - inverse[-1])
    return np.sqrt(inverse, out=inverse)


@lru_cache(maxsize=4)
def _cosines(Z: int, n_lags: int) -> Floats:
    lags, frequencies = np.arange(n_lags), np.arange(Z // 2 + 1)
    # two sides of an even function; lag 0 is there once
    return np.where(lags > 0, 2.0, 1.0) * np.cos(2 * np.pi * np.outer(frequencies, lags) / Z)


def whitened(Y: Floats, factors: Floats) -> Floats:
    """T y of every column.

    Parameters
    ----------
    Y
        (n_scans, n_columns)
    factors
        (Z / 2 + 1, n_columns or 1) from `gains`

    >>> flat = gains(np.array([[0.5], [0.0]]), 4)
    >>> (whitened(np.array([[1.0], [-1.0], [1.0], [-1.0]]), flat) * np.sqrt(3) / 2).round(9).ravel().tolist()
    [1.0, -1.0, 1.0, -1.0]
    """
    Z = padded_length(len(Y))
    spectrum = spectra(Y, Z)
    spectrum *= factors
    return np.asarray(irfft(spectrum, Z, axis=0, overwrite_x=True)[: len(Y)])


def whitened_columns(U: Floats) -> Callable[[Floats, Floats], Floats]:
    """Function that takes whitened series and their factors to U' T (T y), without the last way back.

    The product of two series is that of their spectra.

    Parameters
    ----------
    U
        (n_scans, rank)

    >>> g, U = gains(np.array([[0.5], [0.1]]), 3), np.array([[1.0], [0.0], [-1.0]])
    >>> y = whitened(np.array([[2.0], [1.0], [0.0]]), g)
    >>> bool(np.isclose(whitened_columns(U)(y, g), U.T @ whitened(y, g)).all())
    True
    """
    Z = padded_length(len(U))
    # frequencies but the first and the last stand for two
    weights = np.full(Z // 2 + 1, 2 / Z)
    weights[[0, -1]] = 1 / Z
    half = weights * spectra(U, Z).T
    both = np.hstack([half.real, half.imag])

    def products(white: Floats, factors: Floats) -> Floats:
        spectrum = spectra(white, Z)
        return np.asarray(both @ np.concatenate([spectrum.real * factors, spectrum.imag * factors]))

    return products
