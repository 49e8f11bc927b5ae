import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.linalg import toeplitz

from bidsglm.spm.covariance import components, criterion, pooled_covariance
from bidsglm.spm.estimation import joint_model
from bidsglm.spm.highpass import dct_basis

ROUNDING = 1e-10
"""Of pseudo-inverses and sums over voxels."""


def problem(n_voxels=200):
    """Two runs in which about half of the voxels respond."""
    rng = np.random.default_rng(1)
    sizes = (60, 50)
    designs = [np.column_stack([rng.standard_normal((n, 2)), np.ones(n)]) for n in sizes]
    cosines = [dct_basis(n, 2.0, 60.0) for n in sizes]
    amplitude = (rng.random(n_voxels) < 0.5) * 1.5
    data = [100 + X[:, :1] * amplitude + rng.standard_normal((len(X), n_voxels)) for X in designs]
    return designs, cosines, data


def naive(designs, cosines, data):
    """F test by nested models and average of outer products, voxel by voxel."""
    n_scans, rank, n_tested = 110, 6, 4
    residual, reduced = 0.0, 0.0
    for X, X0, Y in zip(designs, cosines, data, strict=True):
        K = np.eye(len(X)) - X0 @ X0.T
        residual = residual + _residual_squares(K @ X, K @ Y)
        reduced = reduced + _residual_squares(K @ X[:, -1:], K @ Y)
    variance = residual / (n_scans - rank)
    F = (reduced - residual) / n_tested / variance
    chosen = np.flatnonzero(stats.f.sf(F, n_tested, n_scans - rank) < 0.001)
    return chosen, [sum(np.outer(Y[:, v], Y[:, v]) / variance[v] for v in chosen) / len(chosen) for Y in data]


def _residual_squares(A, Y):
    return ((Y - A @ np.linalg.lstsq(A, Y)[0]) ** 2).sum(axis=0)


def pooled(designs, cosines, chunks):
    return pooled_covariance(criterion(joint_model(designs, cosines, [None] * len(designs))), chunks)


def test_pooled_covariance_averages_the_voxels_that_respond():
    designs, cosines, data = problem()
    chosen, expected = naive(designs, cosines, data)
    result = pooled(designs, cosines, [[Y.copy() for Y in data]])
    assert 0 < len(chosen) < 200
    np.testing.assert_array_equal(np.flatnonzero(result.selected), chosen)
    for ours, theirs in zip(result.covariances, expected, strict=True):
        assert_allclose(ours, theirs, rtol=ROUNDING)


def test_chunks_do_not_matter():
    designs, cosines, data = problem()
    whole = pooled(designs, cosines, [[Y.copy() for Y in data]])
    parts = pooled(designs, cosines, ([Y[:, i : i + 33].copy() for Y in data] for i in range(0, 200, 33)))
    np.testing.assert_array_equal(parts.selected, whole.selected)
    assert_allclose(parts.covariances[0], whole.covariances[0], rtol=ROUNDING)


def test_data_without_effect_have_no_significant_voxels():
    designs, cosines, data = problem()
    flat = [np.random.default_rng(2).standard_normal((len(Y), 20)) for Y in data]
    with pytest.raises(ValueError, match="no significant voxels"):
        pooled(designs, cosines, [flat])


def test_design_of_constants_only_is_refused():
    with pytest.raises(ValueError, match="no effect of interest"):
        criterion(joint_model([np.ones((9, 1))], [np.zeros((9, 0))], [None]))


def test_dependent_regressors_count_once_in_the_test():
    x = np.random.default_rng(3).standard_normal((30, 1))
    X = np.hstack([x, 3 * x, np.ones((30, 1))])
    assert criterion(joint_model([X], [np.zeros((30, 0))], [None])).dof == (1, 28)


def test_components_of_ar1_span_an_autoregressive_covariance():
    rows = components("AR(1)", 40, 2.0)
    near = 0.2 ** np.arange(40.0)
    near[near <= 1e-4] = 0
    assert_allclose(rows.mean(axis=0), near, rtol=ROUNDING, atol=ROUNDING)
    assert_allclose(rows[:, 0], 1, rtol=ROUNDING)


def test_components_of_fast_are_exponentials_and_their_products_with_time():
    rows = components("FAST", 30, 0.8)
    lag = np.arange(30) * 0.8
    assert rows.shape == (18, 30)
    assert_allclose(rows[0], np.exp(-lag / 2.0**-3), rtol=ROUNDING)
    assert_allclose(rows[17], lag**2 * np.exp(-lag / 2.0**2), rtol=ROUNDING)
    assert np.linalg.eigvalsh(toeplitz(rows[0]))[0] > 0


def test_fast_without_repetition_time_is_refused():
    with pytest.raises(ValueError, match="repetition time"):
        components("FAST", 30, float("nan"))


def test_voxels_that_never_vary_have_no_say():
    designs, cosines, data = problem()
    whole = pooled(designs, cosines, [[Y.copy() for Y in data]])
    more = pooled(designs, cosines, [[np.hstack([Y, np.zeros((len(Y), 3))]) for Y in data]])
    assert more.selected.tolist() == [*whole.selected.tolist(), False, False, False]
    # nor do they count as voxels that the design explains
    assert more.n_exact == 0
    for one, other in zip(more.covariances, whole.covariances, strict=True):
        assert_allclose(one, other, rtol=ROUNDING)
