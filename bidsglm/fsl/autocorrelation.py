"""Autocorrelation of residuals: the first half of FILM (``film_gls``).

From least-squares residuals r of n scans, with Z the power of two from n on and circular products over Z,
``rho(k) = sum r(t) r(t + k mod Z) / ((n - 1 - k) var r)``, at the lags up to ``M - 1``, M about the root of
n; after smoothing over voxels a Tukey taper brings them down to 0 (M. Woolrich et al., NeuroImage
14:1370-1386, 2001).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft

from bidsglm.model import Floats, Mask

MEAN_THRESHOLD = 1000.0
"""Mean that a voxel must exceed: a tenth of the grand mean."""
LEAST_VARIANCE = 1e-10


def fitted_voxels(mean: Floats, centred: Floats) -> Mask:
    """Voxels that FILM fits.

    Parameters
    ----------
    mean
        (n_voxels,) of filtered data
    centred
        (n_scans, n_voxels) what the mean leaves

    >>> fitted_voxels(np.array([900.0, 1200.0, 1200.0]), np.array([[1.0, 0.0, 1.0], [-1.0, 0.0, -1.0]]))
    array([False, False,  True])
    """
    variance = np.einsum("ij,ij->j", centred, centred) / (len(centred) - 1)
    return np.asarray((mean > MEAN_THRESHOLD) & (variance > LEAST_VARIANCE))


def padded_length(n_scans: int) -> int:
    """Length of the circle that a series is laid on: a power of two.

    >>> padded_length(128), padded_length(129)
    (128, 256)
    """
    # from n on, not from 2 n on: products at lags over Z - n wrap around the circle, as film_gls has them
    return 1 << (n_scans - 1).bit_length()


def n_lags(n_scans: int) -> int:
    """Count the lags, 0 among them, that the noise model has.

    >>> [n_lags(n) for n in (120, 128, 156)]
    [10, 11, 12]
    """
    # film_gls's form of floor(sqrt(n))
    return int(int(2 * np.sqrt(n_scans)) / 2)


def autocorrelations(residuals: Floats) -> Floats:
    """Circular autocorrelations of every voxel, from lag 0 on.

    Parameters
    ----------
    residuals
        (n_scans, n_voxels) without their means

    Returns
    -------
    (n_lags, n_voxels)

    >>> autocorrelations(np.tile([[1.0], [-1.0]], (10, 1))).round(3)[:, 0].tolist()
    [1.0, -1.003, 1.006, -1.009]
    """
    n_scans = len(residuals)
    M = n_lags(n_scans)
    Z = _circle(n_scans, M)
    power = np.square(spectra(residuals, Z).view(np.float64))
    # squares of real and imaginary parts lie side by side
    products = (_sums_of_products(Z, M) @ power).reshape(M, -1, 2).sum(axis=2)
    # the divisor is n - 1 - k, not n - k: the mean has taken one
    counts = n_scans - 1 - np.arange(M)
    return np.asarray(products / (counts[:, np.newaxis] * products[0] / (n_scans - 1)))


def spectra(series: Floats, length: int) -> NDArray[np.complex128]:
    """Spectra (length / 2 + 1, n_columns) of series (n_scans, n_columns) on a circle of some length.

    >>> spectra(np.array([[1.0], [-1.0]]), 4).ravel().tolist()
    [0j, (1+1j), (2+0j)]
    """
    # scipy pads with memory fresh from the system, which costs more than the transform
    circle = np.empty((length, series.shape[1]))
    circle[: len(series)] = series
    circle[len(series) :] = 0
    return np.asarray(rfft(circle, axis=0, overwrite_x=True))


def _circle(n_scans: int, n_lags: int) -> int:
    """Length of the shortest circle whose products at the lags are those of FILM's."""
    # no product reaches over the end where the circle holds the scans and the lags
    shortest = 2 * int(next_fast_len((n_scans + n_lags) // 2, real=True))
    return min(shortest, padded_length(n_scans))


@lru_cache(maxsize=4)
def _sums_of_products(Z: int, M: int) -> Floats:
    """From the power spectrum to the circular sums of products at M lags."""
    frequencies = np.arange(Z // 2 + 1)
    # frequencies but the first and the last stand for two
    weights = np.where(frequencies % (Z // 2) > 0, 2.0, 1.0) / Z
    return np.asarray(np.cos(2 * np.pi * np.outer(np.arange(M), frequencies) / Z) * weights)


def tapered(autocorrelation: Floats) -> Floats:
    """Autocorrelations times a Tukey window that is 0 at the last lag: ``threshac1``.

    Parameters
    ----------
    autocorrelation
        (n_lags, n_voxels)

    >>> tapered(np.ones((2, 1))).round(9).tolist()
    [[0.5], [0.0]]
    """
    M = len(autocorrelation)
    # rho*(k) = (1 + cos(pi (k + 1) / M)) / 2 rho(k): with k + 1, lag 0 is tapered too
    window = (1 + np.cos(np.pi * np.arange(1, M + 1) / M)) / 2
    return np.asarray(window[:, np.newaxis] * autocorrelation)
