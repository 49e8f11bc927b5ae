"""Noise for simulated runs.

Four models, all scaled to each voxel's measured standard deviation:

- `white`: independent scans.
- `ar1`: first-order autoregression with each voxel's own coefficient, stationary from the first scan.
- `surrogate`: the measured residuals with their phases drawn anew, the same in all voxels, so that every
  voxel keeps its spectrum and every pair its covariance (D. Prichard and J. Theiler, Phys. Rev. Lett.
  73:951-954, 1994).
- `physiological`: thermal noise, slow fluctuations with a 1/f spectrum in physical time (E. Zarahn et al.,
  NeuroImage 5:179-197, 1997), heart beat and breathing, which alias wherever the scans sample them.

The design took its share of the power from the residuals, at the frequencies of the task above all. The
surrogates get it back: the expected share that a white series keeps at each frequency is known. For `ar1`
the coefficient is the one whose noise would show the measured autocorrelation after the design is taken out.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.design_space import factors
from bidsglm.model import Floats

Generator = np.random.Generator
Spectrum = NDArray[np.complex64]

LEAST_KEPT = 1 / 3
"""Share of its power below which a frequency is not measured but taken from the nearest that is."""
STATIONARY = 0.98
"""Largest autocorrelation that is simulated; at 1 there is no stationary noise."""
BAND = (0.01, 0.1)
"""Hz; where the slow fluctuations' variance is given."""
SLOW_VARIANCE = 0.5
"""Slow fluctuations in the band: mean over voxels, relative to the thermal variance of a scan."""
OSCILLATIONS = ((1.1, 0.06, 0.15), (0.3, 0.03, 0.15))
"""Heart beat and breathing: Hz, SD of the wandering frequency (Hz), mean variance relative to thermal."""
WANDERING = 10.0
"""s; correlation time of their frequencies."""
FINE_STEP = 0.1
"""s; of the time axis on which the frequencies wander."""


COEFFICIENTS = np.linspace(-STATIONARY, STATIONARY, 197)
"""Steps of 0.01, between which the coefficient of a voxel is interpolated."""


class RunNoise(NamedTuple):
    """What noise like a run's needs to know of it."""

    n_scans: int
    repetition_time: float
    deviation: Floats
    """(n_voxels,) residual standard deviation"""
    autocorrelation: Floats
    """(n_voxels,) at lag one, of the noise and not of its residuals"""
    spectrum: Spectrum
    """(n_frequencies, n_voxels) of the residuals, the design's share given back"""


NoiseModel = Callable[[RunNoise, Generator], Floats]


def kept_power(design: Floats) -> Floats:
    """Share of a white series' power that the residuals of a design keep at each frequency.

    Parameters
    ----------
    design
        (n_scans, n_columns)

    Returns
    -------
    (n_scans // 2 + 1,) from 0 to the Nyquist frequency

    >>> kept_power(np.ones((8, 1))).round(9).tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0]
    """
    basis = factors(design).left
    # E|F R e|² = n (1 - |F Q|² / n) for white e and R = I - QQᵀ: what the basis holds of a frequency is lost
    taken = (np.abs(np.fft.rfft(basis, axis=0)) ** 2).sum(axis=1) / len(design)
    return np.asarray(np.clip(1 - taken, 0, 1))


def restored(spectrum: Spectrum, kept: Floats) -> Spectrum:
    """Give a spectrum of residuals the power back that the design took.

    Parameters
    ----------
    spectrum
        (n_frequencies, n_voxels) from 0 Hz
    kept
        (n_frequencies,) see `kept_power`

    Returns
    -------
    Each frequency over the root of its share; one that kept too little becomes the nearest that did not. The
    mean (0 Hz) stays zero.

    >>> restored(np.ones((4, 1), np.complex64), np.array([0.0, 0.1, 0.25, 1.0])).real.ravel().tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    # dividing by next to nothing would blow up the little that is left of a frequency
    enough = kept >= min(LEAST_KEPT, float(kept[1:].max()) / 2)
    enough[0] = False
    measured = np.flatnonzero(enough)
    places = np.arange(len(kept))
    nearest = measured[np.abs(np.subtract.outer(places, measured)).argmin(axis=1)]
    # power over its share is amplitude over the root of it
    result = spectrum[nearest] / np.sqrt(kept[nearest], dtype=np.float32)[:, None]
    result[0] = 0
    return np.asarray(result, dtype=np.complex64)


def residual_autocorrelation(basis: Floats, coefficients: Floats) -> Floats:
    """Lag-one autocorrelation that first-order autoregressive noise shows once a design is taken out.

    With R = I − QQᵀ, V the noise's covariance and S the shift by one scan it is
    n/(n − 1) · tr(V R S R) / tr(V R); since V has equal diagonals, sums along those of R S R and R suffice.

    Parameters
    ----------
    basis
        Q (n_scans, rank), orthonormal, of the design's columns
    coefficients
        (n_coefficients,) of the noise

    Returns
    -------
    (n_coefficients,)

    >>> residual_autocorrelation(np.ones((100, 1)) / 10, np.array([0.0, 0.5])).round(3).tolist()
    [-0.01, 0.485]
    """
    n_scans = len(basis)
    kept = np.eye(n_scans) - basis @ basis.T
    # R S R; the trace with a Toeplitz V needs only its sums along diagonals
    shifted = kept[:, :-1] @ kept[1:]
    lags = range(1 - n_scans, n_scans)
    sums = np.array([[np.trace(matrix, lag) for lag in lags] for matrix in (shifted, kept)])
    # V of AR(1): rho to the power of the lag
    decay = np.asarray(coefficients)[:, None] ** np.abs(np.array(lags))
    lagged, power = sums @ decay.T
    return np.asarray(lagged / power * n_scans / (n_scans - 1))


def _unshrunk(measured: Floats, basis: Floats) -> Floats:
    """Coefficients of noise whose residuals show those measured (n_voxels,)."""
    # what is shown rises with the coefficient but for rounding, and interpolation needs it to rise
    shown = np.maximum.accumulate(residual_autocorrelation(basis, COEFFICIENTS))
    return np.interp(measured, shown, COEFFICIENTS)


def run_noise(residuals: Floats, design: Floats, repetition_time: float) -> RunNoise:
    """Measure the noise of a run.

    Parameters
    ----------
    residuals
        (n_scans, n_voxels) of the least-squares fit of the design
    design
        (n_scans, n_columns) with drifts
    repetition_time
        s

    >>> rng = np.random.default_rng(0)
    >>> run_noise(rng.standard_normal((50, 3)), np.ones((50, 1)), 2.0).spectrum.shape
    (26, 3)
    """
    n_scans = len(residuals)
    power = np.einsum("ij,ij->j", residuals, residuals)
    lagged = np.einsum("ij,ij->j", residuals[1:], residuals[:-1])
    # n - 1 products of neighbours over n squares
    rho = np.divide(lagged * n_scans, power * (n_scans - 1), out=np.zeros_like(power), where=power > 0)
    spectrum = np.fft.rfft(residuals, axis=0).astype(np.complex64)
    basis = factors(design).left
    return RunNoise(
        n_scans,
        repetition_time,
        # unbiased for white noise: over the residual degrees of freedom
        np.sqrt(power / (n_scans - basis.shape[1])),
        _unshrunk(rho, basis),
        restored(spectrum, kept_power(design)),
    )


def white(run: RunNoise, rng: Generator) -> Floats:
    """Independent scans, (n_scans, n_voxels).

    >>> run = run_noise(np.random.default_rng(0).standard_normal((50, 3)), np.ones((50, 1)), 2.0)
    >>> white(run, np.random.default_rng(1)).shape
    (50, 3)
    """
    return np.asarray(rng.standard_normal((run.n_scans, run.deviation.size)) * run.deviation)


def ar1(run: RunNoise, rng: Generator) -> Floats:
    """First-order autoregression with each voxel's coefficient, (n_scans, n_voxels).

    >>> run = run_noise(np.random.default_rng(0).standard_normal((50, 3)), np.ones((50, 1)), 2.0)
    >>> ar1(run, np.random.default_rng(1)).shape
    (50, 3)
    """
    rho = run.autocorrelation
    noise = rng.standard_normal((run.n_scans, rho.size))
    # innovations of variance 1 - rho² keep the variance at 1 from the first scan on
    noise[1:] *= np.sqrt(1 - rho**2)
    for scan in range(1, run.n_scans):
        noise[scan] += rho * noise[scan - 1]
    return np.asarray(noise * run.deviation)


def surrogate(run: RunNoise, rng: Generator) -> Floats:
    """Residuals with new phases, the same in all voxels, (n_scans, n_voxels).

    >>> run = run_noise(np.random.default_rng(0).standard_normal((50, 3)), np.ones((50, 1)), 2.0)
    >>> bool(np.allclose(np.abs(np.fft.rfft(surrogate(run, np.random.default_rng(1)), axis=0)),
    ...                  np.abs(run.spectrum), atol=1e-4))
    True
    """
    # one phase for all voxels keeps what they have in common (Prichard and Theiler 1994)
    turned = np.exp(2j * np.pi * rng.random(len(run.spectrum)))
    if run.n_scans % 2 == 0:
        # The Nyquist frequency of a real series has a sign in place of a phase.
        turned[-1] = np.sign(turned[-1].real)
    turned = turned.astype(np.complex64)
    series = np.fft.irfft(run.spectrum * turned[:, None], run.n_scans, axis=0)
    return np.asarray(series, dtype=np.float64)


def physiological(run: RunNoise, rng: Generator) -> Floats:
    """Thermal noise, 1/f fluctuations, heart beat and breathing, (n_scans, n_voxels).

    >>> run = run_noise(np.random.default_rng(0).standard_normal((50, 3)), np.ones((50, 1)), 2.0)
    >>> physiological(run, np.random.default_rng(1)).shape
    (50, 3)
    """
    n_voxels = run.deviation.size
    noise = rng.standard_normal((run.n_scans, n_voxels))
    # voxels differ: their shares are uniform around the mean share
    weight = rng.uniform(0, 2, n_voxels) * SLOW_VARIANCE
    slow, variance = _slow(run, rng)
    noise += slow * np.sqrt(weight)
    total = 1 + variance * weight
    for frequency, wandering, share in OSCILLATIONS:
        weight = rng.uniform(0, 2, n_voxels) * share
        phase = _phase(run, (frequency, wandering), rng)
        # the pulse reaches every voxel at another time: cos(phase + lag) by the sum formula
        lag = rng.uniform(0, 2 * np.pi, n_voxels)
        wave = np.outer(np.cos(phase), np.cos(lag)) - np.outer(np.sin(phase), np.sin(lag))
        # a cosine has variance 1/2
        noise += wave * np.sqrt(2 * weight)
        total += weight
    return np.asarray(noise * (run.deviation / np.sqrt(total)))


def _slow(run: RunNoise, rng: Generator) -> tuple[Floats, float]:
    """Fluctuations of variance 1 in the band, and their whole variance; half of a series twice as long."""
    # of a series as long as the run, the ends would meet
    length = 2 * run.n_scans
    frequency = np.fft.rfftfreq(length, run.repetition_time)[1:]
    # Variance of each frequency: its width times 1/f, over the integral of 1/f in the band.
    variance = frequency[0] / frequency / np.log(BAND[1] / BAND[0])
    size = (frequency.size, run.deviation.size)
    parts = rng.standard_normal((2, *size), dtype=np.float32)
    spectrum = np.zeros((size[0] + 1, size[1]), dtype=np.complex64)
    # irfft divides by the length, and each frequency stands for two
    spectrum[1:] = (parts[0] + 1j * parts[1]) * (np.sqrt(variance) * length / 2)[:, None]
    series = np.fft.irfft(spectrum, length, axis=0)[: run.n_scans]
    return np.asarray(series, dtype=np.float64), float(variance.sum())


def _phase(run: RunNoise, oscillation: tuple[float, float], rng: Generator) -> Floats:
    """Phase of an oscillation at each scan; its frequency wanders around its mean."""
    frequency, wandering = oscillation
    n_fine = int(np.ceil(run.n_scans * run.repetition_time / FINE_STEP)) + 1
    # an Ornstein-Uhlenbeck process: a rate that wanders and comes back
    keep = np.exp(-FINE_STEP / WANDERING)
    steps = rng.standard_normal(n_fine) * np.sqrt(1 - keep**2)
    # it starts in its stationary distribution, not at 0
    steps[0] /= np.sqrt(1 - keep**2)
    deviation = scipy.signal.lfilter([1.0], [1.0, -keep], steps) * wandering
    # phase is the integral of the frequency
    phase = 2 * np.pi * np.cumsum(frequency + deviation) * FINE_STEP
    scans = np.arange(run.n_scans) * run.repetition_time
    start = rng.uniform(0, 2 * np.pi)
    return np.asarray(np.interp(scans, np.arange(n_fine) * FINE_STEP, phase) + start)


NOISES: Mapping[str, NoiseModel] = MappingProxyType(
    {"white": white, "ar1": ar1, "surrogate": surrogate, "physiological": physiological}
)
"""By name; the first three are made of the participant's own noise, white noise but for its size."""
