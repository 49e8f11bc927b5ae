"""Simulated noise has the spectrum, the size and the spatial covariance that its model promises."""

import numpy as np
import pytest

from bidsglm.simulation.noise import (
    NOISES,
    RunNoise,
    _phase,
    kept_power,
    physiological,
    residual_autocorrelation,
    run_noise,
    surrogate,
)
from bidsglm.spm.highpass import dct_basis

N_SCANS, N_VOXELS = 200, 400


def measured(rho: float = 0.4, repetition_time: float = 2.0) -> tuple[RunNoise, np.ndarray]:
    """Noise of a run of three levels, and its residuals."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((N_SCANS, N_VOXELS))
    noise[1:] *= np.sqrt(1 - rho**2)
    for scan in range(1, N_SCANS):
        noise[scan] += rho * noise[scan - 1]
    noise *= np.repeat([1.0, 2.0, 5.0, 10.0], N_VOXELS // 4)
    design = np.column_stack([np.ones(N_SCANS), dct_basis(N_SCANS, 2.0, 128.0)])
    residuals = noise - design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    return run_noise(residuals, design, repetition_time), residuals


@pytest.mark.parametrize("name", NOISES)
def test_size_is_that_of_each_voxel(name: str) -> None:
    run, _ = measured()
    made = [NOISES[name](run, np.random.default_rng(i)) for i in range(5)]
    sizes = np.sqrt(np.mean([(x**2).mean(axis=0) for x in made], axis=0))
    expected = np.repeat([1.0, 2.0, 5.0, 10.0], N_VOXELS // 4)
    ratios = (sizes / expected).reshape(4, -1).mean(axis=1)
    np.testing.assert_allclose(ratios, 1, atol=0.1)
    assert made[0].shape == (N_SCANS, N_VOXELS)
    assert np.abs(made[0] - made[1]).max() > 1


def lag_one(series: np.ndarray) -> np.ndarray:
    return (series[1:] * series[:-1]).sum(axis=0) / (series**2).sum(axis=0)


def test_autocorrelation_is_none_the_measured_one_or_the_spectrum_s() -> None:
    run, residuals = measured(0.5)
    found = {
        name: lag_one(NOISES[name](run, np.random.default_rng(1))) for name in ("white", "ar1", "surrogate")
    }
    assert abs(found["white"].mean()) < 0.02
    assert abs(found["ar1"].mean() - 0.5) < 0.02, "the noise's own, not what its residuals keep of it"
    assert abs(found["surrogate"].mean() - lag_one(residuals).mean()) < 0.05
    assert np.corrcoef(found["surrogate"], lag_one(residuals))[0, 1] > 0.8
    assert np.corrcoef(found["ar1"], lag_one(residuals))[0, 1] > 0.3


def test_expected_autocorrelation_of_residuals_is_that_of_the_matrices() -> None:
    n = 40
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.random.default_rng(0).standard_normal((n, 5))]))[0]
    taken = np.eye(n) - basis @ basis.T
    rho = np.array([-0.3, 0.0, 0.4, 0.9])
    expected = []
    for each in rho:
        covariance = taken @ each ** np.abs(np.subtract.outer(np.arange(n), np.arange(n))) @ taken
        expected.append(np.trace(covariance, 1) / (n - 1) / (np.trace(covariance) / n))
    np.testing.assert_allclose(residual_autocorrelation(basis, rho), expected, rtol=1e-12)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_coefficient_gets_back_what_the_design_took(rho: float) -> None:
    run, residuals = measured(rho)
    assert lag_one(residuals).mean() < rho - 0.03
    np.testing.assert_allclose(run.autocorrelation.mean(), rho, atol=0.01)


def test_surrogates_keep_the_covariance_between_voxels() -> None:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((N_SCANS, 1))
    residuals = shared * [1.0, 1.0, -1.0] + 0.5 * rng.standard_normal((N_SCANS, 3))
    residuals -= residuals.mean(axis=0)
    run = run_noise(residuals, np.ones((N_SCANS, 1)), 2.0)
    made = surrogate(run, np.random.default_rng(1))
    np.testing.assert_allclose(np.corrcoef(made.T), np.corrcoef(residuals.T), atol=1e-4)
    assert abs(np.corrcoef(made[:, 0], residuals[:, 0])[0, 1]) < 0.4, "but not the series itself"


def test_design_takes_nothing_from_the_surrogates_spectrum() -> None:
    blocks = np.tile(np.repeat([0.0, 1.0], 10), N_SCANS // 20)
    design = np.column_stack([blocks, np.roll(blocks, 5), np.ones(N_SCANS)])
    noise = np.random.default_rng(0).standard_normal((N_SCANS, 3000))
    residuals = noise - design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    task = N_SCANS // 20
    assert kept_power(design)[task] < 0.3
    lost = (np.abs(np.fft.rfft(residuals, axis=0)) ** 2).mean(axis=1)
    power = (np.abs(run_noise(residuals, design, 2.0).spectrum) ** 2).mean(axis=1)
    others = np.median(power[1:-1])
    assert lost[task] < 0.4 * others
    assert abs(power[task] / others - 1) < 0.15


def test_slow_noise_stands_out_the_more_the_shorter_the_scans() -> None:
    ratios = {}
    for tr in (0.6, 2.4):
        run, _ = measured(repetition_time=tr)
        made = physiological(run, np.random.default_rng(2)) / run.deviation
        power = (np.abs(np.fft.rfft(made, axis=0)) ** 2).mean(axis=1)
        frequency = np.fft.rfftfreq(N_SCANS, tr)
        slow, quick = (frequency > 0.01) & (frequency < 0.04), (frequency > 0.12) & (frequency < 0.18)
        ratios[tr] = power[slow].mean() / power[quick].mean()
    assert ratios[2.4] > 1.4
    assert ratios[0.6] > 1.5 * ratios[2.4]


def test_heart_beat_lands_where_it_aliases() -> None:
    run, _ = measured(repetition_time=2.0)
    made = np.mean(
        [np.abs(np.fft.rfft(physiological(run, np.random.default_rng(i)), axis=0)) ** 2 for i in range(6)],
        axis=0,
    ).mean(axis=1)
    frequency = np.fft.rfftfreq(N_SCANS, 2.0)
    # 1.1 Hz is 0.1 Hz for scans every 2 s, and 0.3 Hz is 0.2 Hz
    smooth = np.convolve(made, np.ones(9) / 9, "same")
    between = smooth[np.abs(frequency - 0.15).argmin()]
    assert smooth[np.abs(frequency - 0.2).argmin()] > 1.1 * between


def test_first_scans_have_the_size_and_the_memory_of_the_others() -> None:
    n, rho = 20_000, 0.6
    run = RunNoise(5, 2.0, np.ones(n), np.full(n, rho), np.ones((3, n), np.complex64))
    made = NOISES["ar1"](run, np.random.default_rng(1))
    # some three standard errors of 20,000 voxels
    np.testing.assert_allclose(made.var(axis=1), 1, atol=0.03)
    neighbours = [np.corrcoef(made[i], made[i + 1])[0, 1] for i in range(4)]
    np.testing.assert_allclose(neighbours, rho, atol=0.02)


def test_rate_of_an_oscillation_wanders_from_the_first_moment_on() -> None:
    run = RunNoise(60, 0.1, np.ones(1), np.zeros(1), np.ones((31, 1), np.complex64))
    phases = np.array([_phase(run, (1.1, 0.04), np.random.default_rng(i)) for i in range(2000)])
    rates = np.diff(phases, axis=1) / (2 * np.pi * 0.1)
    np.testing.assert_allclose(rates.mean(axis=0), 1.1, atol=0.004)
    np.testing.assert_allclose(rates[:, [0, 30, 58]].std(axis=0), 0.04, rtol=0.08)
