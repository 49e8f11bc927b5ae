import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import toeplitz
from scipy.stats import multivariate_normal

from bidsglm.spm import reml as module
from bidsglm.spm.components import Diagonal, Toeplitz
from bidsglm.spm.covariance import components
from bidsglm.spm.reml import column_space, reml
from bidsglm.spm.residual_forming import ResidualForming
from bidsglm.spm.whitening import regularised_inverse

ROUNDING = 1e-10
"""Of traces of products of three matrices of 80 rows, and of their Fourier transforms."""
EARLY = 0.1
"""SPM stops before convergence and shrinks slightly toward 0."""
RIDGE = 1e-5
"""The ridge of the reduction on a prior of variance 1, and what it leaves of a prior of variance 0."""


def design(n):
    return np.column_stack([np.sin(np.arange(n) / 5), np.ones(n)])


def sample(covariance, design_, n_voxels=3000):
    """Covariance of simulated voxels that follow the design and have that temporal covariance."""
    rng = np.random.default_rng(1)
    noise = np.linalg.cholesky(covariance) @ rng.standard_normal((len(covariance), n_voxels))
    Y = design_ @ rng.standard_normal((design_.shape[1], n_voxels)) + noise
    return Y @ Y.T / n_voxels


@pytest.mark.parametrize("kind", ["AR(1)", "FAST"])
def test_derivatives_are_traces_with_the_components(kind):
    rows = components(kind, 80, 2.0)
    Q = [toeplitz(row) for row in rows]
    C = 0.8 * np.eye(80) + 0.3 * toeplitz(0.5 ** np.arange(80))
    X = design(80)
    Cy = sample(C, X)
    gradient, curvature = module._derivatives(regularised_inverse(C), Cy, column_space(X), Toeplitz(rows))
    iC = regularised_inverse(C)
    P = iC - iC @ X @ np.linalg.inv(X.T @ iC @ X) @ X.T @ iC
    slopes = [-np.trace(P @ q @ (np.eye(80) - P @ Cy)) / 2 for q in Q]
    assert_allclose(gradient, slopes, atol=ROUNDING * np.abs(slopes).max())
    bends = [[-np.trace(P @ a @ P @ b) / 2 for b in Q] for a in Q]
    assert_allclose(curvature, bends, atol=ROUNDING * np.abs(bends).max())


@pytest.mark.parametrize("h", [(2.0, 0.5), (1e-9, 1e-9)])
def test_inverse_of_serial_correlations_is_that_of_their_sum_with_its_ridge(h):
    # of small variances the ridge is a good part
    parts = Toeplitz(components("AR(1)", 80, 2.0))
    expected = np.linalg.inv(parts.combined(np.array(h)) + np.exp(-32) * np.eye(80))
    assert_allclose(parts.inverse(np.array(h)), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_ridge_of_serial_correlations_grows_with_their_largest_row_sum():
    row = 1e4 * 0.9 ** np.arange(50)
    # at the middle of the run: values before and behind
    largest = 1e4 * (1 + 2 * sum(0.9**k for k in range(1, 25)) + 0.9**25)
    found = Toeplitz(row[None]).inverse(np.ones(1))
    ridged = toeplitz(row) + 50 * np.spacing(largest) * np.eye(50)
    assert_allclose(found, np.linalg.inv(ridged), rtol=1e-10, atol=1e-14)
    assert np.spacing(largest) == 2 * np.spacing(largest / 2)


def test_exponentials_that_have_died_out_leave_no_denormal_numbers():
    rows = components("FAST", 2400, 2.0)
    # the sixth component, of 2 s, is denormal at 745 scans
    assert 0 < rows[6, 745] < np.finfo(float).tiny
    V = Toeplitz(rows).combined(np.eye(18)[6])
    assert_allclose(V[0, :140], rows[6, :140], rtol=1e-15)
    assert not V[0, 150:].any()


def test_derivatives_of_groups_variances_are_traces_too():
    groups = Diagonal.of_groups([0] * 7 + [1] * 5, 2)
    C, X = np.diag(np.repeat([2.0, 0.5], [7, 5])), design(12)
    Cy = sample(C, X)
    gradient, curvature = module._derivatives(regularised_inverse(C), Cy, column_space(X), groups)
    iC = regularised_inverse(C)
    P = iC - iC @ X @ np.linalg.inv(X.T @ iC @ X) @ X.T @ iC
    Q = [np.diag(row) for row in groups.diagonals]
    slopes = [-np.trace(P @ q @ (np.eye(12) - P @ Cy)) / 2 for q in Q]
    assert_allclose(gradient, slopes, atol=ROUNDING * np.abs(slopes).max())
    bends = [[-np.trace(P @ a @ P @ b) / 2 for b in Q] for a in Q]
    assert_allclose(curvature, bends, atol=ROUNDING * np.abs(bends).max())


def test_component_over_scans_that_are_covered_starts_at_zero():
    overlapping = Diagonal(np.array([[1.0, 1, 0], [0, 1, 0], [0, 1, 1]]))
    assert overlapping.start().tolist() == [1, 0, 1]


@pytest.mark.parametrize("kind", ["AR(1)", "FAST"])
def test_fitted_covariance_is_that_of_the_simulation(kind):
    n = 100
    V = 2.0 * toeplitz(0.2 ** np.arange(n))
    fit = reml(sample(V, design(n)), design(n), components(kind, n, 2.0))
    assert_allclose(fit.covariance[0, :3], V[0, :3], atol=EARLY)


def test_redundant_components_of_fast_are_removed():
    n = 100
    V = toeplitz(0.3 ** np.arange(n))
    fit = reml(sample(V, design(n)), design(n), components("FAST", n, 2.0))
    assert np.count_nonzero(fit.hyperparameters == 0) > 0
    assert np.linalg.eigvalsh(fit.covariance)[0] > 0


def test_covariance_is_the_weighted_sum_of_components():
    rows = components("AR(1)", 60, 2.0)
    fit = reml(sample(toeplitz(0.4 ** np.arange(60)), design(60)), design(60), rows)
    assert_allclose(fit.covariance, toeplitz(fit.hyperparameters @ rows), rtol=ROUNDING)


def test_iterations_end_when_little_is_left_to_gain():
    rows = components("AR(1)", 60, 2.0)
    fit = reml(sample(toeplitz(0.4 ** np.arange(60)), design(60)), design(60), rows)
    assert fit.gains[-1] < module.ENOUGH_GAIN
    assert min(fit.gains[:-1]) >= module.ENOUGH_GAIN


def test_steps_that_never_calm_down_are_given_up(monkeypatch):
    monkeypatch.setattr(module, "WILD_STEP", 0.0)
    rows = components("AR(1)", 40, 2.0)
    with pytest.raises(ValueError, match="do not converge"):
        reml(sample(np.eye(40), design(40)), design(40), rows)


def test_regressors_of_tiny_scale_leave_the_column_space():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((50, 3))
    assert column_space(X).shape == (50, 3)
    assert column_space(X * [1, 1, 1e-9]).shape == (50, 2)


def test_zero_columns_leave_the_column_space():
    assert column_space(np.hstack([design(20), np.zeros((20, 2))])).shape == (20, 2)


def test_covariance_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        reml(np.full((9, 9), np.inf), design(9), components("AR(1)", 9, 2.0))


def gaussian_fit(measured, error, prior=1.0):
    """Posterior of parameters measured with a Gaussian error, under a prior of that precision."""
    precision = np.linalg.inv(error) + prior * np.eye(len(measured))
    mean = np.linalg.solve(precision, np.linalg.solve(error, measured))
    return module._Fit(mean, np.eye(2), precision, module.FIRST_STEP, False)


@pytest.mark.parametrize("measured", [[0.2, 1.5, -0.4], [3.0, 0.1, 0.7]])
def test_gain_of_a_reduced_prior_is_the_difference_of_the_log_evidences(measured):
    error = np.array([[0.3, 0.1, 0.0], [0.1, 0.4, -0.1], [0.0, -0.1, 0.2]])
    fit = gaussian_fit(np.array(measured), error)
    for i in range(3):
        reduced = np.diag(np.where(np.arange(3) == i, 0.0, 1.0))
        gain, mean, covariance = module._reduction(fit.h, np.linalg.inv(fit.precision), reduced, 1.0)
        evidence = [
            multivariate_normal(np.zeros(3), prior + error).logpdf(measured) for prior in (reduced, np.eye(3))
        ]
        assert_allclose(gain, evidence[0] - evidence[1], atol=RIDGE)
        kept = np.arange(3) != i
        posterior = np.linalg.inv(np.linalg.inv(reduced + 1e-12 * np.eye(3)) + np.linalg.inv(error))
        assert_allclose(covariance[np.ix_(kept, kept)], posterior[np.ix_(kept, kept)], atol=RIDGE)
        assert_allclose(mean[kept], (posterior @ np.linalg.solve(error, measured))[kept], atol=RIDGE)


def test_components_are_dropped_only_where_the_evidence_gains_enough():
    sharp = 0.01 * np.eye(3)
    assert module._needed(gaussian_fit(np.array([3.0, 0.0, -3.0]), sharp), 1.0).tolist() == [
        True,
        False,
        True,
    ]
    assert module._needed(gaussian_fit(np.zeros(3), np.eye(3)), 1.0).all()


def test_of_two_components_that_say_the_same_one_stays():
    # their sum is known well and their difference hardly, so either alone will do, but not neither
    shared = np.array([[1.0, -0.999], [-0.999, 1.0]])
    fit = gaussian_fit(np.array([1.0, 1.0]), shared, 1e-4)
    assert module._needed(fit, 1e-4).tolist() == [False, True]


def residual_forming(n, n_columns, seed):
    """P of a random covariance and design, and the same as a whole."""
    rng = np.random.default_rng(seed)
    half, Z = rng.standard_normal((n, 2 * n)), rng.standard_normal((n, n_columns))
    iC = half @ half.T / n
    P = iC - iC @ Z @ np.linalg.inv(Z.T @ iC @ Z) @ Z.T @ iC
    return ResidualForming.of(iC, Z), P


def test_residuals_are_without_the_design():
    rng = np.random.default_rng(3)
    Z, Y = rng.standard_normal((200, 4)), rng.standard_normal((200, 3))
    # of a fading autocorrelation the inverse is a narrow band
    iC = toeplitz(np.r_[1.25, -0.5, np.zeros(198)])
    P = ResidualForming.of(iC, Z)
    assert_allclose(P.product(Z), 0, atol=ROUNDING)
    assert_allclose(P.product(Y), P.rows() @ Y, atol=ROUNDING)
    assert_allclose(P.rows(slice(7, 9)), P.rows()[7:9], atol=1e-14)
    residual = Y - Z @ np.linalg.solve(Z.T @ iC @ Z, Z.T @ iC @ Y)
    assert_allclose(P.product(Y), iC @ residual, atol=ROUNDING)


@pytest.mark.parametrize("n", [90, 300])
@pytest.mark.parametrize("kind", ["AR(1)", "FAST"])
def test_traces_of_a_run_longer_than_its_components_reach_are_those_of_the_products(kind, n):
    # at a TR of 30 s all components fade within 40 scans, so that the circle is hardly longer than the run
    rows = components(kind, n, 30.0)
    Q = [toeplitz(row) for row in rows]
    P, whole = residual_forming(n, 5, 2)
    Cy = np.random.default_rng(2).standard_normal((n, n))
    Cy = Cy + Cy.T
    single, pairs = Toeplitz(rows).traces(P, Cy)
    expected = [np.trace(q @ (whole - whole @ Cy @ whole)) for q in Q]
    assert_allclose(single, expected, atol=ROUNDING * np.abs(expected).max())
    expected = [[np.trace(whole @ a @ whole @ b) for b in Q] for a in Q]
    assert_allclose(pairs, expected, atol=ROUNDING * np.abs(expected).max())


def test_traces_are_the_same_when_they_are_asked_for_again():
    # the transform's array is used again for every iteration
    parts = Toeplitz(components("AR(1)", 200, 2.0))
    first, second = (residual_forming(200, 3, seed)[0] for seed in (0, 1))
    expected = parts.traces(first, np.eye(200))
    parts.traces(second, np.eye(200))
    for found, wanted in zip(parts.traces(first, np.eye(200)), expected, strict=True):
        assert_allclose(found, wanted, rtol=1e-14)
