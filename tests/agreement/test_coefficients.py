"""Coefficients against naive versions, their properties and their edges."""

import numpy as np
import pytest
from scipy import stats

from bidsglm.agreement.coefficients import (
    concordance,
    false_discovery_threshold,
    limits_of_agreement,
    overlap,
    pearson_r,
    principal_axis,
    ranks,
    spearman_rho,
)
from bidsglm.model import Floats

RTOL = 1e-10
"""Both sides are float64 sums over some hundred voxels, a few hundred rounding errors apart."""
N_VOXELS = 400


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(27231)


def correlated(rng: np.random.Generator, slope: float = 1.3) -> tuple[Floats, Floats]:
    x = rng.normal(size=N_VOXELS)
    return x, slope * x + 0.5 + 0.4 * rng.normal(size=N_VOXELS)


def test_correlations_equal_scipy(rng):
    x, y = correlated(rng)
    np.testing.assert_allclose(pearson_r(x, y), stats.pearsonr(x, y).statistic, rtol=RTOL)
    np.testing.assert_allclose(spearman_rho(x, y), stats.spearmanr(x, y).statistic, rtol=RTOL)


def test_spearman_gives_ties_their_mean_rank(rng):
    x, y = np.round(correlated(rng))
    np.testing.assert_allclose(spearman_rho(x, y), stats.spearmanr(x, y).statistic, rtol=RTOL)


def test_ranks_are_those_of_scipy(rng):
    for values in (rng.normal(size=999), np.round(rng.normal(size=999), 1), np.zeros(5), np.array([])):
        np.testing.assert_array_equal(ranks(values), stats.rankdata(values))


def test_concordance_is_correlation_times_bias_correction(rng):
    x, y = correlated(rng)
    ratio, shift = y.std() / x.std(), (y.mean() - x.mean()) / np.sqrt(x.std() * y.std())
    bias_correction = 2 / (ratio + 1 / ratio + shift**2)
    np.testing.assert_allclose(concordance(x, y), pearson_r(x, y) * bias_correction, rtol=RTOL)


@pytest.mark.parametrize("slope", [1.3, 0.2, -0.7, -4.0])
def test_line_is_the_first_eigenvector_of_the_covariance(rng, slope):
    x, y = correlated(rng, slope)
    vector = np.linalg.eigh(np.cov(x, y))[1][:, -1]
    line = principal_axis(x, y)
    np.testing.assert_allclose(line.slope, vector[1] / vector[0], rtol=1e-8)
    np.testing.assert_allclose(line.slope * x.mean() + line.intercept, y.mean(), rtol=RTOL)


def test_line_of_swapped_maps_has_the_inverse_slope(rng):
    x, y = correlated(rng)
    np.testing.assert_allclose(principal_axis(y, x).slope, 1 / principal_axis(x, y).slope, rtol=RTOL)


def test_limits_hold_95_percent_of_normal_differences(rng):
    difference = rng.normal(2.0, 3.0, size=200_000)
    limits = limits_of_agreement(np.zeros_like(difference), difference)
    share = np.mean((difference > limits.lower) & (difference < limits.upper))
    np.testing.assert_allclose(share, 0.95, atol=0.002)  # 4 binomial standard errors
    np.testing.assert_allclose(limits.mean_difference, 2.0, atol=0.03)


def test_false_discovery_equals_scipy_adjusted_p(rng):
    p = np.concatenate([rng.random(300), rng.random(60) / 500])
    expected = stats.false_discovery_control(p) <= 0.05
    np.testing.assert_array_equal(p <= false_discovery_threshold(p), expected)
    assert 0 < expected.sum() < 100


def test_false_discovery_takes_the_last_p_below_its_line_whatever_comes_before():
    # the third stands below 0.05 * 3 / 4, the second above 0.05 * 2 / 4; what is no number does not count
    p = np.array([0.9, 0.0374, 0.001, 0.026, np.nan])
    assert false_discovery_threshold(p) == 0.0374
    assert false_discovery_threshold(np.array([0.05, 0.05])) == 0.05


def test_false_discovery_rejects_none_of_large_p():
    assert false_discovery_threshold(np.array([0.2, 0.9, 1.0])) == -1.0
    assert false_discovery_threshold(np.array([])) == -1.0


def test_overlap_counts_like_sets(rng):
    a, b, mask_a, mask_b = (rng.random(N_VOXELS) < share for share in (0.3, 0.4, 0.7, 0.8))
    result = overlap(a, b, mask_a, mask_b)
    inside_a, inside_b = set(np.flatnonzero(mask_a)), set(np.flatnonzero(mask_b))
    own_a, own_b = set(np.flatnonzero(a)) & inside_a, set(np.flatnonzero(b)) & inside_b
    cut_a, cut_b = own_a & inside_b, own_b & inside_a
    np.testing.assert_allclose(result.dice, 2 * len(cut_a & cut_b) / (len(cut_a) + len(cut_b)), rtol=RTOL)
    np.testing.assert_allclose(result.jaccard, len(cut_a & cut_b) / len(cut_a | cut_b), rtol=RTOL)
    np.testing.assert_allclose(result.dark_first, len(own_a - inside_b) / len(own_a), rtol=RTOL)
    np.testing.assert_allclose(result.dark_reference, len(own_b - inside_a) / len(own_b), rtol=RTOL)
    assert (result.n_first, result.n_reference) == (len(own_a), len(own_b))


def test_jaccard_follows_from_dice(rng):
    everywhere = np.ones(N_VOXELS, bool)
    result = overlap(rng.random(N_VOXELS) < 0.3, rng.random(N_VOXELS) < 0.3, everywhere, everywhere)
    np.testing.assert_allclose(result.jaccard, result.dice / (2 - result.dice), rtol=RTOL)


def test_empty_sets_have_no_dice_but_counts():
    nowhere, everywhere = np.zeros(5, bool), np.ones(5, bool)
    result = overlap(nowhere, nowhere, everywhere, everywhere)
    assert np.isnan([result.dice, result.jaccard, result.dark_first, result.dark_reference]).all()
    assert (result.n_first, result.n_reference) == (0, 0)


def test_one_empty_set_gives_dice_zero():
    everywhere = np.ones(5, bool)
    assert overlap(everywhere, ~everywhere, everywhere, everywhere).dice == 0.0


def test_scatter_without_direction_has_no_line():
    assert np.isnan(principal_axis(np.array([1.0, -1.0, 0, 0]), np.array([0, 0, 1.0, -1.0]))).all()


def test_no_correlation_lies_beyond_one():
    for seed in range(200):
        x = np.random.default_rng(seed).normal(size=5)
        assert pearson_r(x, 3 * x) <= 1
        assert pearson_r(x, -3 * x) >= -1
