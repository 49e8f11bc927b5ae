"""FILM against naive versions of itself, and its properties."""

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bidsglm.data import Volume
from bidsglm.fsl import autocorrelation, columns, estimation, shared_gains, smoothing, whitening
from bidsglm.fsl.film import film
from bidsglm.fsl.film import noise as film_noise

N_SCANS, SHAPE = 75, (9, 8, 9)
SINGLE = 2e-6
"""Smoothing is done in float32."""


@pytest.fixture(scope="module")
def volume() -> tuple[np.ndarray, Volume, np.ndarray]:
    """Filtered data (n_scans, n_voxels), their grid with a gap, and a design."""
    rng = np.random.default_rng(0)
    voxels = rng.random(SHAPE) < 0.9
    n_voxels = int(voxels.sum())
    base = 9000 + 2000 * gaussian_filter(rng.standard_normal(SHAPE), 1)[voxels]
    phi, noise = rng.uniform(0, 0.6, n_voxels), np.zeros(n_voxels)
    Y = np.empty((N_SCANS, n_voxels), dtype=np.float32)
    for scan in range(N_SCANS):
        noise = phi * noise + rng.standard_normal(n_voxels)
        Y[scan] = base + 60 * noise
    Y[:, ::40] = 300
    grid = Volume(SHAPE, np.diag([3.0, 3.0, 4.0, 1.0]), voxels)
    return Y, grid, np.cos(np.outer(np.arange(N_SCANS), [0.3, 0.9, 1.4]))


def naive_smoothing(maps: np.ndarray, intensity: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Every voxel with every other, (n_maps, n_voxels)."""
    _, tau, step = smoothing.contrast(intensity, mask)
    places = np.argwhere(np.ones(mask.shape, dtype=bool))
    flat, values = intensity.ravel(), np.zeros((len(maps), mask.size))
    values[:, mask.ravel()] = maps
    result = []
    for voxel in np.flatnonzero(mask.ravel()):
        offset = places - places[voxel]
        near = (np.abs(offset) <= [4, 4, 3]).all(axis=1)
        mm = ((offset * [3, 3, 4]) ** 2).sum(axis=1)
        difference = np.trunc((flat - flat[voxel]) / step) * step
        w = near * np.exp(-mm / 50) * np.exp(-((difference / tau) ** 2))
        result.append(values @ w / w.sum())
    return np.array(result).T


def test_smoothing_is_that_of_every_voxel_with_every_other() -> None:
    rng = np.random.default_rng(1)
    intensity = 9000 + 2000 * gaussian_filter(rng.standard_normal(SHAPE), 1)
    intensity[0] = 0
    mask = (intensity > 0) & (rng.random(SHAPE) < 0.9)
    maps = rng.standard_normal((2, int(mask.sum())))
    ours = smoothing.smoothed(maps, intensity, mask, (3.0, 3.0, 4.0))
    np.testing.assert_allclose(ours, naive_smoothing(maps, intensity, mask), atol=SINGLE)


def test_smoothing_does_not_cross_an_edge_of_tissue() -> None:
    intensity = np.where(np.arange(12) < 6, 8000.0, 12000.0)[:, np.newaxis, np.newaxis] + np.zeros((12, 5, 5))
    intensity += np.random.default_rng(0).uniform(0, 20, intensity.shape)
    mask = np.ones(intensity.shape, dtype=bool)
    maps = (intensity > 10000)[mask][np.newaxis].astype(float)
    ours = smoothing.smoothed(maps, intensity, mask, (3.0, 3.0, 3.0))
    assert smoothing.contrast(intensity, mask).tau < 1500
    np.testing.assert_allclose(ours, maps, atol=1e-2)


@pytest.mark.parametrize("n_scans", [64, 75, 120])
def test_autocorrelations_are_circular_over_a_power_of_two(n_scans: int) -> None:
    r = np.random.default_rng(0).standard_normal((n_scans, 3))
    r -= r.mean(axis=0)
    Z = 128 if n_scans > 64 else 64
    power = np.fft.ifft(np.abs(np.fft.fft(r, Z, axis=0)) ** 2, axis=0).real
    M = int(np.sqrt(n_scans))
    counts = (n_scans - 1 - np.arange(M))[:, np.newaxis]
    expected = power[:M] / (counts * r.var(axis=0, ddof=1))
    np.testing.assert_allclose(autocorrelation.autocorrelations(r), expected, rtol=1e-12, atol=1e-14)


def test_white_noise_is_only_rid_of_its_mean() -> None:
    y = np.random.default_rng(0).standard_normal((64, 1))
    white = np.zeros((8, 1))
    white[0] = 1
    ours = whitening.whitened(y - y.mean(), whitening.gains(white, 64))
    np.testing.assert_allclose(ours * np.sqrt(63 / 64), y - y.mean(), atol=1e-12)


def naive_fit(y: np.ndarray, X: np.ndarray, tapered: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Betas, variance and covariance of one voxel, by the pseudo-inverse of its whitened design."""
    n, M = len(y), len(tapered)
    Z = 1 << int(np.ceil(np.log2(n)))
    even = np.zeros(Z)
    even[:M] = tapered
    even[Z - np.arange(1, M)] = tapered[1:]
    g = np.abs(np.fft.fft(even).real) ** -0.5
    g[0] = 0
    g /= np.sqrt((g**2).sum() / Z)
    y_white = np.fft.ifft(g * np.fft.fft(y - y.mean(), Z)).real[:n]
    X_white = np.fft.ifft(g[:, np.newaxis] * np.fft.fft(X - X.mean(axis=0), Z, axis=0), axis=0).real[:n]
    inverse = np.linalg.pinv(X_white.T @ X_white, rcond=1e-10)
    beta = inverse @ X_white.T @ y_white
    residual = y_white - X_white @ beta
    return beta, residual @ residual / (n - np.linalg.matrix_rank(X)), inverse


def test_fit_is_that_of_every_voxel_by_itself(volume) -> None:
    Y, grid, X = volume
    fit = film(lambda: [Y[:, :100], Y[:, 100:]], X, np.eye(3), grid)
    assert (fit.rank, fit.dof, fit.fit.settled.all()) == (3, N_SCANS - 4, True)
    np.testing.assert_array_equal(fit.mask, Y.mean(axis=0) > 1000)
    for voxel in range(0, int(fit.mask.sum()), 17):
        y = Y[:, fit.mask][:, voxel].astype(np.float64)
        beta, variance, inverse = naive_fit(y, X, fit.autocorrelation[:, voxel])
        np.testing.assert_allclose(fit.fit.betas[:, voxel], beta, rtol=1e-6, atol=1e-6 * np.abs(beta).max())
        np.testing.assert_allclose(fit.fit.variance[voxel], variance, rtol=1e-6)
        np.testing.assert_allclose(fit.fit.covariance[..., voxel], inverse, rtol=1e-5, atol=1e-7)


def test_fit_does_not_depend_on_chunks(volume) -> None:
    Y, grid, X = volume
    whole = film(lambda: [Y], X, np.eye(3), grid)
    parts = film(lambda: np.array_split(Y, 9, axis=1), X, np.eye(3), grid)
    np.testing.assert_allclose(parts.fit.betas, whole.fit.betas, rtol=1e-9, atol=1e-9)


def test_voxels_far_from_the_shared_space_are_fitted_all_the_same(volume, monkeypatch) -> None:
    Y, grid, X = volume
    whole = film(lambda: [Y], X, np.eye(3), grid)
    monkeypatch.setattr(shared_gains, "GREATEST_RANK", 1)
    alone = film(lambda: [Y], X, np.eye(3), grid)
    np.testing.assert_allclose(alone.fit.covariance, whole.fit.covariance, rtol=1e-5, atol=1e-8)


def test_many_systems_are_solved_as_each_by_itself() -> None:
    rng = np.random.default_rng(3)
    n, n_voxels = 6, 5
    square = rng.standard_normal((n_voxels, n, 9))
    A = square @ square.transpose(0, 2, 1)
    # no covariance has a negative diagonal
    A[2, 3, 3] = -1
    sides = rng.standard_normal((2, n, n_voxels))
    _, halves = estimation.half_solved(A[:, *np.triu_indices(n)].T, sides)
    found = np.einsum("kav,kbv->vab", halves, halves)
    expected = np.einsum("anv,vnm,bmv->vab", sides, np.linalg.inv(A), sides)
    sound = np.arange(n_voxels) != 2
    np.testing.assert_allclose(found[sound], expected[sound], rtol=1e-9)
    assert np.isnan(found[2]).all()


def test_first_pass_holds_no_filtered_data(volume) -> None:
    Y, grid, X = volume
    parts: list[weakref.ref] = []

    def chunks() -> Iterator[np.ndarray]:
        for start in range(0, Y.shape[1], 50):
            part = Y[:, start : start + 50].copy()
            parts.append(weakref.ref(part))
            yield part
            del part
            assert sum(ref() is not None for ref in parts) <= 1

    film_noise(chunks, columns.decomposed(X), grid)
    assert len(parts) > 5


def test_values_that_are_not_finite_cost_no_other_voxel_its_fit(volume) -> None:
    Y, grid, X = volume
    broken = Y.copy()
    broken[:, 0], broken[40, 40], broken[3, 80] = np.nan, np.inf, np.nan
    fits = [
        film(lambda data=data: np.array_split(data, 5, axis=1), X, np.eye(3), grid) for data in (Y, broken)
    ]
    assert fits[1].mask.sum() == fits[0].mask.sum()
    np.testing.assert_array_equal(fits[1].fit.betas, fits[0].fit.betas)


def test_spectrum_with_a_zero_is_not_settled() -> None:
    design = columns.decomposed(np.eye(8)[:, :1])
    tapered = np.array([[0.5, 0.8], [0.25, 0.1]])
    tapered[1, 0] = -0.25 / np.cos(np.pi)
    shared = shared_gains.shared_gains(tapered, design)
    Y = np.random.default_rng(0).standard_normal((8, 2))
    fit = estimation.generalised(Y - Y.mean(axis=0), tapered, design, shared, np.eye(1))
    assert fit.settled.tolist() == [False, True]


def test_collinear_columns_share_their_effect(volume) -> None:
    Y, grid, X = volume
    double = np.column_stack([X, X[:, 0]])
    one, two = (film(lambda: [Y], D, np.eye(D.shape[1]), grid) for D in (X, double))
    assert (two.rank, two.dof) == (3, N_SCANS - 5)
    np.testing.assert_allclose(two.fit.betas[0], two.fit.betas[3], rtol=1e-6)
    np.testing.assert_allclose(2 * two.fit.betas[0], one.fit.betas[0], rtol=1e-6)
    np.testing.assert_allclose(two.fit.variance, one.fit.variance, rtol=1e-9)


def test_columns_that_are_collinear_but_for_float32_cost_one_rank(volume) -> None:
    Y, grid, X = volume
    total = (X.astype(np.float32) @ np.float32([0.3, 0.7, 0.1])).astype(np.float64)
    fit = film(lambda: [Y], np.column_stack([X.astype(np.float32), total]), np.eye(4), grid)
    assert fit.rank == 3
    assert np.abs(fit.fit.betas).max() < 1e3


def test_small_columns_count_as_much_as_any(volume) -> None:
    Y, grid, X = volume
    scales = np.array([1.0, 1e-9, 1e6])
    one, two = (film(lambda: [Y], D, np.eye(3), grid) for D in (X, X * scales))
    assert two.rank == 3
    np.testing.assert_allclose(two.fit.betas * scales[:, np.newaxis], one.fit.betas, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(two.fit.variance, one.fit.variance, rtol=1e-9)


def test_constant_column_has_no_effect(volume) -> None:
    Y, grid, X = volume
    fit = film(lambda: [Y], np.column_stack([X, np.ones(N_SCANS)]), np.eye(4), grid)
    assert fit.rank == 3
    np.testing.assert_allclose(fit.fit.betas[3], 0, atol=1e-9)


def test_without_whitening_it_is_least_squares(volume) -> None:
    Y, _, X = volume
    fit = film(lambda: [Y[:, :99], Y[:, 99:]], X, np.eye(3), None, prewhitening=False)
    centred = X - X.mean(axis=0)
    y = Y[:, fit.mask].astype(np.float64)
    np.testing.assert_allclose(fit.fit.betas, np.linalg.pinv(centred) @ (y - y.mean(axis=0)), rtol=1e-9)
    assert fit.autocorrelation is None


def test_series_that_the_design_explains_are_not_settled(volume) -> None:
    _, grid, X = volume
    Y = (5000 + 64 * np.rint(8 * X[:, :1])).astype(np.float32) + np.zeros(grid.voxels.sum(), np.float32)
    fit = film(lambda: [Y], Y[:, :1].astype(np.float64), np.eye(1), None, prewhitening=False)
    assert not fit.fit.settled.any()


def test_designs_that_leave_nothing_are_refused(volume) -> None:
    Y, grid, _ = volume
    with pytest.raises(ValueError, match="degrees of freedom"):
        film(lambda: [Y], np.eye(N_SCANS)[:, :-1], np.eye(N_SCANS - 1), grid)
    with pytest.raises(ValueError, match="varies"):
        film(lambda: [Y], np.ones((N_SCANS, 1)), np.eye(1), grid)


@pytest.mark.parametrize("gridded", [True, False])
def test_data_that_are_not_scaled_are_refused(volume, gridded: bool) -> None:
    Y, grid, X = volume
    with pytest.raises(ValueError, match="grand mean"):
        film(lambda: [Y / 100], X, np.eye(3), grid if gridded else None)
