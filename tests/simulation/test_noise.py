"""Simulated noise has the spectrum, the size and the spatial covariance that its model promises."""

import numpy as np
import pytest

from bidsglm.simulation.noise import (
    COEFFICIENTS,
    NOISES,
    RunNoise,
    _phase,
    _slow,
    kept_power,
    physiological,
    residual_autocorrelation,
    restored,
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


def lines(series: np.ndarray, repetition_time: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Frequencies above 0 (Hz), variance of each frequency and voxel, and a frequency's width."""
    n = len(series)
    frequency = np.fft.rfftfreq(n, repetition_time)[1:-1]
    variance = 2 * np.abs(np.fft.rfft(series, axis=0))[1:-1] ** 2 / n**2
    return frequency, variance, float(frequency[0])


def test_slow_fluctuations_have_half_the_thermal_variance_in_their_band(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bidsglm.simulation.noise.OSCILLATIONS", ())
    n, n_voxels = 1500, 400
    run = RunNoise(n, 1.0, np.full(n_voxels, 3.0), np.zeros(n_voxels), np.ones((n // 2 + 1, n_voxels)))
    frequency, variance, width = lines(physiological(run, np.random.default_rng(0)), 1.0)
    # a floor, and what falls as 1/f
    used = frequency > 0.02
    X = np.column_stack([np.ones(used.sum()), 1 / frequency[used]])
    floor, slope = np.linalg.lstsq(X, variance[used] / width, rcond=None)[0]
    # thermal variance is the floor up to half a Hz; in the band from 0.01 to 0.1 Hz 1/f has ln 10
    shares = slope * np.log(10) / (floor * 0.5)
    assert shares.mean() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("band", [(0.8, 1.4), (0.15, 0.45)])
def test_heart_beat_and_breathing_have_their_share_of_the_thermal_variance(
    monkeypatch: pytest.MonkeyPatch, band: tuple[float, float]
) -> None:
    monkeypatch.setattr("bidsglm.simulation.noise.SLOW_VARIANCE", 0.0)
    n, n_voxels = 3000, 500
    run = RunNoise(n, 0.1, np.full(n_voxels, 2.0), np.zeros(n_voxels), np.ones((n // 2 + 1, n_voxels)))
    frequency, variance, _ = lines(physiological(run, np.random.default_rng(0)), 0.1)
    floor = variance[frequency > 2].mean(axis=0)
    inside = (frequency > band[0]) & (frequency < band[1])
    shares = (variance[inside] - floor).sum(axis=0) / (floor * len(frequency))
    assert shares.mean() == pytest.approx(0.15, rel=0.1)


def test_a_voxel_without_residuals_has_no_autocorrelation_and_no_size() -> None:
    residuals = np.random.default_rng(0).standard_normal((50, 2))
    residuals[:, 1] = 0
    run = run_noise(residuals, np.ones((50, 1)), 2.0)
    assert run.deviation[1] == 0
    assert np.isfinite(run.autocorrelation).all()
    # what white noise shows after the mean is out is above that of no residuals
    assert abs(run.autocorrelation[1]) < 0.05
    for name, made in NOISES.items():
        assert not made(run, np.random.default_rng(0))[:, 1].any(), name


def test_size_is_over_the_residual_degrees_of_freedom() -> None:
    design = np.random.default_rng(1).standard_normal((30, 10))
    noise = np.random.default_rng(0).standard_normal((30, 2000))
    residuals = noise - design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    assert (run_noise(residuals, design, 2.0).deviation ** 2).mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("kept", "wanted"),
    [
        # a third is enough
        ([0, 1 / 3, 1, 1], [0, 3**0.5, 1, 1]),
        ([0, 0.33, 1, 1], [0, 1, 1, 1]),
        # where no frequency keeps two thirds, half of the most is
        ([0, 0.2, 0.4, 0.1], [0, 5**0.5, 2.5**0.5, 2.5**0.5]),
        # of two that are equally near the lower one
        ([0, 1, 0.1, 0.5], [0, 1, 1, 2**0.5]),
    ],
)
def test_power_is_given_back_where_enough_was_kept(kept: list[float], wanted: list[float]) -> None:
    found = restored(np.ones((4, 1), np.complex64), np.array(kept))
    np.testing.assert_allclose(found.real.ravel(), wanted, rtol=1e-6)


def test_surrogates_of_odd_and_even_runs_keep_every_frequency() -> None:
    for n in (30, 31):
        residuals = np.random.default_rng(0).standard_normal((n, 2))
        residuals -= residuals.mean(axis=0)
        run = run_noise(residuals, np.ones((n, 1)), 2.0)
        made = surrogate(run, np.random.default_rng(3))
        sizes = [np.abs(np.fft.rfft(each, axis=0)) for each in (made, residuals)]
        np.testing.assert_allclose(sizes[0], sizes[1], atol=1e-4)


def test_coefficients_end_where_noise_stays_stationary() -> None:
    steep = np.cumsum(np.ones((60, 1)), axis=0) - 30.5
    run = run_noise(steep, np.ones((60, 1)), 2.0)
    assert run.autocorrelation[0] <= 0.98
    turned = np.tile([[1.0], [-1.0]], (30, 1))
    assert run_noise(turned, np.ones((60, 1)), 2.0).autocorrelation[0] == -0.98


def test_phases_of_an_oscillation_begin_anywhere_on_the_circle() -> None:
    run = RunNoise(2, 1.0, np.ones(1), np.zeros(1), np.ones((2, 1), np.complex64))
    phases = np.array([_phase(run, (0.3, 0.0), np.random.default_rng(i))[0] for i in range(3000)])
    # of a uniform circle the mean vector and that of twice the angle are 0 but for 1 / sqrt(n)
    for turns in (1, 2):
        assert abs(np.exp(1j * turns * phases).mean()) < 4 / np.sqrt(3000)
    # an oscillation that does not wander turns by its frequency
    both = _phase(run, (0.3, 0.0), np.random.default_rng(0))
    assert both[1] - both[0] == pytest.approx(2 * np.pi * 0.3)


def test_pulses_reach_voxels_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bidsglm.simulation.noise.SLOW_VARIANCE", 0.0)
    monkeypatch.setattr("bidsglm.simulation.noise.OSCILLATIONS", ((0.2, 0.0, 1e6),))
    n, n_voxels = 50, 4000
    run = RunNoise(n, 1.0, np.ones(n_voxels), np.zeros(n_voxels), np.ones((26, n_voxels), np.complex64))
    made = np.fft.rfft(physiological(run, np.random.default_rng(0)), axis=0)[10]
    for turns in (1, 2):
        assert abs(np.exp(1j * turns * np.angle(made)).mean()) < 4 / np.sqrt(n_voxels)


@pytest.mark.parametrize("n", [40, 41])
def test_phases_of_surrogates_are_anywhere_and_the_same_in_all_voxels(n: int) -> None:
    spectrum = np.full((n // 2 + 1, 2), 2 + 1j, np.complex64)
    spectrum[0] = 0
    if n % 2 == 0:
        spectrum[-1] = 2
    run = RunNoise(n, 2.0, np.ones(2), np.zeros(2), spectrum)
    rng = np.random.default_rng(0)
    made = np.array([np.fft.rfft(surrogate(run, rng), axis=0) for _ in range(300)])
    np.testing.assert_allclose(made[..., 0], made[..., 1], atol=1e-4)
    angles = np.angle(made[:, 1 : n // 2, 0]).ravel()
    for turns in (1, 2):
        assert abs(np.exp(1j * turns * angles).mean()) < 4 / np.sqrt(angles.size)
    if n % 2 == 0:
        signs = np.sign(made[:, -1, 0].real)
        assert set(signs) == {-1, 1}
        assert abs(signs.mean()) < 4 / np.sqrt(300)


def test_coefficients_between_which_is_interpolated_are_a_hundredth_apart() -> None:
    np.testing.assert_allclose(np.diff(COEFFICIENTS), 0.01, rtol=1e-9)


def test_memory_of_a_frequency_is_ten_seconds() -> None:
    run = RunNoise(120, 0.1, np.ones(1), np.zeros(1), np.ones((61, 1), np.complex64))
    phases = np.array([_phase(run, (1.0, 0.2), np.random.default_rng(i)) for i in range(3000)])
    rates = np.diff(phases, axis=1)
    correlations = [np.corrcoef(rates[:, 0], rates[:, lag])[0, 1] for lag in (50, 100)]
    # autocorrelation exp(-lag / 10 s)
    np.testing.assert_allclose(correlations, np.exp([-0.5, -1.0]), atol=0.05)


def test_slow_fluctuations_are_those_of_half_a_series_twice_as_long() -> None:
    run = RunNoise(64, 1.5, np.ones(3000), np.zeros(3000), np.ones((33, 3000), np.complex64))
    made, variance = _slow(run, np.random.default_rng(0))
    assert made.shape == (64, 3000)
    frequency = np.arange(1, 65) / (128 * 1.5)
    shares = (1 / (128 * 1.5)) / frequency / np.log(10)
    assert variance == pytest.approx(shares.sum())
    # the covariance of two scans is the sum of all frequencies' cosines; the highest has no sine
    for lag in (0, 1, 5, 63):
        cosines = shares * np.cos(2 * np.pi * frequency * 1.5 * lag)
        cosines[-1] *= 2 if lag == 0 else 1
        found = (made[0] * made[lag]).mean()
        assert found == pytest.approx(cosines.sum(), abs=4 * variance / np.sqrt(3000)), lag


def test_a_physiological_run_has_all_scans_and_no_nan() -> None:
    for n, tr in ((3, 2.0), (7, 0.33), (50, 0.1)):
        run = RunNoise(n, tr, np.ones(2), np.zeros(2), np.ones((n // 2 + 1, 2), np.complex64))
        assert np.isfinite(physiological(run, np.random.default_rng(0))).all()
        assert _phase(run, (1.0, 0.1), np.random.default_rng(0)).shape == (n,)
        # the last scan still lies on the fine axis: the phase goes on to there
        phase = _phase(run, (1.0, 0.0), np.random.default_rng(0))
        np.testing.assert_allclose(np.diff(phase), 2 * np.pi * tr, rtol=1e-9)


@pytest.mark.parametrize(
    ("band", "mean", "spread"), [((0.7, 1.5), 1.1, 0.06), ((0.15, 0.45), 0.3, 0.03)], ids=["heart", "breath"]
)
def test_heart_beat_and_breathing_have_their_frequency_and_its_spread(
    monkeypatch: pytest.MonkeyPatch, band: tuple[float, float], mean: float, spread: float
) -> None:
    monkeypatch.setattr("bidsglm.simulation.noise.SLOW_VARIANCE", 0.0)
    n, power = 1500, 0.0
    run = RunNoise(n, 0.1, np.ones(20), np.zeros(20), np.ones((n // 2 + 1, 20), np.complex64))
    for seed in range(40):
        frequency, variance, _ = lines(physiological(run, np.random.default_rng(seed)), 0.1)
        power = power + variance.mean(axis=1)
    inside = (frequency > band[0]) & (frequency < band[1])
    weights = power[inside] - power[frequency > 2].mean()
    found = np.average(frequency[inside], weights=weights)
    assert found == pytest.approx(mean, rel=0.03)
    variance = np.average((frequency[inside] - found) ** 2, weights=weights)
    # it wanders more slowly than its own spread, so that the line is as wide as that
    assert np.sqrt(variance) == pytest.approx(spread, rel=0.25)
