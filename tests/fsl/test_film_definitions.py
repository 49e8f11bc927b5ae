"""FILM and its contrasts against their definitions, and at their limits."""

from itertools import pairwise

import numpy as np
import pytest

from bidsglm.data import Volume
from bidsglm.fsl import (
    autocorrelation,
    columns,
    contrasts,
    fixed_effects,
    shared_gains,
    smoothing,
    whitening,
)
from bidsglm.fsl.film import film
from bidsglm.fsl.film import noise as film_noise


def test_a_voxel_is_fitted_above_a_tenth_of_the_grand_mean_and_if_it_varies() -> None:
    centred = np.array([[1.0], [-1.0], [0.0]])
    for mean, fitted in ((1000.0, False), (np.nextafter(1000.0, 2000), True), (-2000.0, False)):
        assert autocorrelation.fitted_voxels(np.array([mean]), centred).tolist() == [fitted]
    # variance over n - 1 of 1, -1, 0 is 1
    for variance, fitted in ((0.9e-10, False), (1.1e-10, True)):
        found = autocorrelation.fitted_voxels(np.array([2000.0]), centred * np.sqrt(variance))
        assert found.tolist() == [fitted]


@pytest.mark.parametrize("n_scans", [1, 2, 3, 4, 5, 127, 128, 129, 1000])
def test_circle_is_the_least_power_of_two_that_holds_the_scans(n_scans: int) -> None:
    found = autocorrelation.padded_length(n_scans)
    assert found == next(2**k for k in range(20) if 2**k >= n_scans)


def test_lags_are_about_the_root_of_the_scans() -> None:
    # half of the whole part of twice the root, cut again
    for n_scans in range(4, 400):
        twice = max(k for k in range(50) if k * k <= 4 * n_scans)
        assert autocorrelation.n_lags(n_scans) == twice // 2


@pytest.mark.parametrize("M", [1, 2, 5, 10])
def test_taper_is_tukeys_from_the_first_lag_on(M: int) -> None:
    found = autocorrelation.tapered(np.full((M, 2), 3.0))
    expected = [3 * np.cos(np.pi * k / M / 2) ** 2 for k in range(1, M + 1)]
    np.testing.assert_allclose(found, np.column_stack([expected, expected]), atol=1e-15)


@pytest.mark.parametrize("n_scans", [6, 7, 30, 33])
def test_autocorrelations_are_sums_of_products_over_their_number(n_scans: int) -> None:
    r = np.random.default_rng(n_scans).standard_normal((n_scans, 2))
    Z = autocorrelation.padded_length(n_scans)
    whole = np.zeros((Z, 2))
    whole[:n_scans] = r
    found = autocorrelation.autocorrelations(r)
    assert len(found) == autocorrelation.n_lags(n_scans)
    for k, row in enumerate(found):
        products = (whole * np.roll(whole, -k, axis=0)).sum(axis=0)
        variance = (r**2).sum(axis=0) / (n_scans - 1)
        np.testing.assert_allclose(row, products / ((n_scans - 1 - k) * variance), rtol=1e-10)


@pytest.mark.parametrize("n_scans", [5, 8, 12])
def test_gains_are_roots_of_the_inverse_spectrum_and_sum_to_the_circle(n_scans: int) -> None:
    tapered = np.array([[0.9, 0.8], [0.3, -0.2], [0.0, 0.1]])
    Z = autocorrelation.padded_length(n_scans)
    even = np.zeros((Z, 2))
    even[:3] = tapered
    even[-1], even[-2] = tapered[1], tapered[2]
    expected = np.abs(np.fft.fft(even, axis=0)) ** -0.5
    expected[0] = 0
    expected *= np.sqrt(Z / (expected**2).sum(axis=0))
    np.testing.assert_allclose(whitening.gains(tapered, n_scans), expected[: Z // 2 + 1], rtol=1e-12)


def test_a_voxel_that_is_not_finite_in_the_middle_tells_no_tissue() -> None:
    rng = np.random.default_rng(0)
    Y = (1e4 + 200 * rng.standard_normal((1, 60)) + 9 * rng.standard_normal((40, 60))).astype(np.float32)
    grid = Volume((5, 4, 3), np.diag([3.0, 3.0, 3.0, 1.0]), np.ones((5, 4, 3), dtype=bool))
    design = columns.decomposed(np.cos(np.arange(40.0))[:, np.newaxis])
    found = []
    for value in (np.nan, np.inf, 0.0):
        Y[smoothing.reference_scan(40), 7] = value
        values = Y.copy()
        if value == 0:
            # fitted nowhere for another reason
            values[:, 7] = 0
        mask, tapers = film_noise(lambda values=values: [values], design, grid)
        assert not mask[7]
        found.append(tapers)
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[1], found[2])


def test_neighbours_are_as_near_in_a_turned_image() -> None:
    rng = np.random.default_rng(0)
    Y = (1e4 + 200 * rng.standard_normal((1, 60)) + 9 * rng.standard_normal((40, 60))).astype(np.float32)
    design = columns.decomposed(np.cos(np.arange(40.0))[:, np.newaxis])
    turned = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    found = []
    for turn in (np.eye(3), turned):
        affine = np.eye(4)
        affine[:3, :3] = turn @ np.diag([2.0, 3.5, 5.0])
        affine[:3, 3] = (-90, 4, 7)
        grid = Volume((5, 4, 3), affine, np.ones((5, 4, 3), dtype=bool))
        found.append(film_noise(lambda: [Y], design, grid)[1])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


@pytest.mark.parametrize(("n", "index"), [(2, 0), (3, 0), (4, 1), (5, 1), (121, 59)])
def test_tissues_are_told_by_the_last_scan_of_the_first_half(n: int, index: int) -> None:
    assert smoothing.reference_scan(n) == index


@pytest.mark.parametrize("n_voxels", [399, 400, 799, 1300])
def test_contrast_is_of_the_most_frequent_bin_but_the_last(n_voxels: int) -> None:
    intensity = np.zeros((2, 1, n_voxels))
    # most of them in the last bin, which is never taken
    values = np.random.default_rng(n_voxels).gamma(3.0, 40.0, n_voxels)
    values[: n_voxels // 2] = values.max()
    intensity[1, 0] = values
    n_bins = n_voxels // 200
    edges = [values.min() + k * np.ptp(values) / n_bins for k in range(n_bins + 1)]
    counts = [np.sum((values >= a) & (values < b)) for a, b in pairwise(edges)][:-1]
    mode = edges[int(np.argmax(counts)) + 1] if counts else edges[1]
    above = values[values > mode]
    found = smoothing.contrast(intensity, intensity > 0)
    assert found.mode == pytest.approx(mode)
    assert found.tau == pytest.approx(np.sqrt(np.sum((above - mode) ** 2) / n_voxels) / 3)
    # the whole grid's range counts, zeros outside the brain too
    assert found.step == pytest.approx(values.max() / 16384)


def test_equal_intensities_are_one_tissue() -> None:
    found = smoothing.contrast(np.full((3, 3, 3), 7.0), np.ones((3, 3, 3), dtype=bool))
    assert (found.mode, found.tau, found.step) == (7, 0, 0)


@pytest.mark.parametrize(
    ("zooms", "reach"),
    [((5.0, 10.0, 2.5), (2, 1, 4)), ((4.9, 10.1, 3.0), (3, 1, 4)), ((1.0, 20.0, 3.3), (10, 1, 4))],
)
def test_neighbours_reach_to_ten_millimetres(zooms: tuple[float, ...], reach: tuple[int, ...]) -> None:
    assert smoothing.neighbourhood(zooms).reach == reach


def test_t_and_f_are_those_of_whole_matrices() -> None:
    rng = np.random.default_rng(0)
    effects, variance = rng.standard_normal((3, 4)), rng.uniform(1, 2, 4)
    half = rng.standard_normal((4, 3, 5))
    covariance = np.moveaxis(half @ half.transpose(0, 2, 1), 0, -1)
    weights = np.array([1.0, -2.0, 0.5])
    found = contrasts.t_maps(weights, effects, covariance, variance)
    C = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]])
    F = contrasts.f_map(C, effects, covariance, variance)
    for v in range(4):
        cov = covariance[..., v] * variance[v]
        assert found.effect[v] == pytest.approx(weights @ effects[:, v])
        assert found.variance[v] == pytest.approx(weights @ cov @ weights)
        assert found.t[v] == pytest.approx(weights @ effects[:, v] / np.sqrt(weights @ cov @ weights))
        e = C @ effects[:, v]
        assert F[v] == pytest.approx(e @ np.linalg.inv(C @ cov @ C.T) @ e / 2)


def test_an_effect_without_variance_has_no_t_and_no_f() -> None:
    assert contrasts.ratio(np.full(3, 2.0), np.array([-1.0, 0.0, 0.25])).tolist() == [0, 0, 4]
    found = contrasts.f_map(np.eye(1), np.full((1, 2), 2.0), np.ones((1, 1, 2)), np.array([0.0, 0.5]))
    assert found.tolist() == [0, 8]


def test_fixed_effects_weigh_runs_by_their_precision() -> None:
    rng = np.random.default_rng(0)
    effects, variances = rng.standard_normal((3, 2)), rng.uniform(0.5, 4, (3, 2))
    found = fixed_effects.fixed_effects(effects, variances)
    for v in range(2):
        w = 1 / variances[:, v]
        assert found.effect[v] == pytest.approx(np.average(effects[:, v], weights=w))
        assert found.variance[v] == pytest.approx(1 / w.sum())
        assert found.t[v] == pytest.approx(found.effect[v] / np.sqrt(found.variance[v]))
    assert fixed_effects.combined_dof(np.array([7.0, 8.0, 9.0])) == 23


def test_f_over_runs_is_of_the_effects_weighed_by_their_covariances() -> None:
    rng = np.random.default_rng(0)
    effects, half = rng.standard_normal((3, 2, 4)), rng.standard_normal((3, 4, 2, 5))
    covariances = np.moveaxis(half @ half.transpose(0, 1, 3, 2), 1, -1)
    found = fixed_effects.f_over_runs(effects, covariances)
    for v in range(4):
        precisions = [np.linalg.inv(covariances[r, ..., v]) for r in range(3)]
        total = np.linalg.inv(sum(precisions))
        mean = total @ sum(P @ effects[r, :, v] for r, P in enumerate(precisions))
        assert found[v] == pytest.approx(mean @ np.linalg.inv(total) @ mean / 2)


@pytest.mark.parametrize(("n_scans", "fine"), [(4, True), (3, False)])
def test_a_run_needs_a_scan_more_than_columns_and_mean(n_scans: int, fine: bool) -> None:
    rng = np.random.default_rng(0)
    Y = (2000 + rng.standard_normal((n_scans, 3))).astype(np.float32)
    X = rng.standard_normal((n_scans, 2))
    if fine:
        assert film(lambda: [Y], X, np.eye(2), None, prewhitening=False).dof == 1
    else:
        with pytest.raises(ValueError, match="2 columns leave no degrees of freedom in 3 scans"):
            film(lambda: [Y], X, np.eye(2), None, prewhitening=False)


@pytest.mark.parametrize(("share", "rank"), [(0.7e-6, 1), (1.5e-6, 2)])
def test_directions_count_from_a_millionth_of_the_largest_on(share: float, rank: int) -> None:
    rng = np.random.default_rng(0)
    U = np.linalg.qr(rng.standard_normal((20, 3)) - 0.0)[0]
    U = np.linalg.qr(U - U.mean(axis=0))[0]
    # two columns of length 1 at a small angle: singular values of sqrt(2) cos and sqrt(2) sin of half of it
    X = np.column_stack([U[:, 0] + share * U[:, 1], U[:, 0] - share * U[:, 1]])
    assert columns.decomposed(X).left.shape[1] == rank


@pytest.mark.parametrize("pairs", [None, (np.array([0, 1]), np.array([1, 1]))])
def test_wanted_covariances_are_those_of_the_pairs(pairs) -> None:
    rng = np.random.default_rng(0)
    Y = (2000 + rng.standard_normal((30, 5))).astype(np.float32)
    X, rows = rng.standard_normal((30, 3)), rng.standard_normal((2, 3))
    for prewhitening in (False, True):
        whole = film(lambda: [Y], X, rows, None, prewhitening=prewhitening).fit
        found = film(lambda: [Y], X, rows, None, prewhitening=prewhitening, pairs=pairs).fit
        wanted = whole.covariance if pairs is None else whole.covariance[pairs]
        np.testing.assert_allclose(found.covariance, wanted)
        np.testing.assert_allclose(found.effects, rows @ found.betas, rtol=1e-9)


@pytest.mark.parametrize(("off", "far"), [(0.95e-6, []), (1.05e-6, [1]), (-1.05e-6, [1])])
def test_a_voxel_lies_beside_the_shared_space_from_a_millionth_of_its_largest_gain_on(
    off: float, far: list[int]
) -> None:
    basis = np.array([[1.0], [0.0], [0.0]])
    # the last one is far in no frequency, though its squares add up to more
    factors = np.array([[2.0, 5.0, 1.0, 1.0], [0.0, 5 * off, 0.0, 0.9e-6], [0.0, 0.0, 0.5e-6, 0.9e-6]])
    assert shared_gains._far(factors, basis.T @ factors, basis).tolist() == far


def test_shared_space_is_found_from_a_thousand_voxels_and_has_64_dimensions_at_most() -> None:
    rng = np.random.default_rng(0)
    design = columns.decomposed(np.cos(np.arange(256.0))[:, np.newaxis])
    many = 0.01 * rng.standard_normal((80, 150))
    many[0] = 1
    assert shared_gains.shared_gains(many, design).basis.shape == (129, 64)
    # of two thousand voxels every second is taken
    two = np.zeros((3, 2000))
    two[0], two[1, 1::2] = 1, 0.4
    assert shared_gains.shared_gains(two, design).basis.shape == (129, 1)
    assert shared_gains.shared_gains(two[:, :1999], design).basis.shape == (129, 2)


def test_data_are_whitened_unless_it_is_said_otherwise() -> None:
    rng = np.random.default_rng(0)
    Y = (2000 + rng.standard_normal((30, 4)).cumsum(axis=0)).astype(np.float32)
    X = rng.standard_normal((30, 2))
    plain, white, bare = (
        film(lambda: [Y], X, np.eye(2), None, **how)
        for how in ({}, {"prewhitening": True}, {"prewhitening": False})
    )
    np.testing.assert_array_equal(plain.fit.betas, white.fit.betas)
    assert np.abs(plain.fit.betas - bare.fit.betas).max() > 1e-3
    assert bare.autocorrelation is None
