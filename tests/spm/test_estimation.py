import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, toeplitz

from bidsglm.design_space import decomposition
from bidsglm.spm.estimation import dispersion, joint_model
from bidsglm.spm.highpass import dct_basis
from bidsglm.spm.whitening import whitening

ROUNDING = 1e-10
"""Of pseudo-inverses and residuals on 150 scans."""
TRUNCATED = 1e-6
"""W leaves out entries up to 1e-6, so W V W is not quite the identity."""


def problem(*, deficient=False, rho=0.4):
    """Two runs: designs, cosines, V and data."""
    rng = np.random.default_rng(1)
    sizes = (80, 70)
    designs = [np.column_stack([rng.standard_normal((n, 3)), np.ones(n)]) for n in sizes]
    if deficient:
        designs[0][:, 2] = 2 * designs[0][:, 0]
    cosines = [dct_basis(n, 2.0, 60.0) for n in sizes]
    V = [toeplitz(rho ** np.arange(n)) for n in sizes]
    data = [100 + rng.standard_normal((n, 6)) for n in sizes]
    return designs, cosines, V, data


def naive(designs, cosines, W, data):
    """Betas and residual sums of squares with all runs in one pseudo-inverse."""
    K = np.eye(sum(map(len, designs))) - block_diag(*(X0 @ X0.T for X0 in cosines))
    A = K @ block_diag(*(w.matrix for w in W)) @ block_diag(*designs)
    Y = K @ block_diag(*(w.matrix for w in W)) @ np.vstack(data)
    betas = np.linalg.pinv(A, rcond=1e-12) @ Y
    return betas, ((Y - A @ betas) ** 2).sum(axis=0), K, A


@pytest.mark.parametrize("deficient", [False, True])
def test_runs_apart_equal_one_pseudo_inverse_of_all(deficient):
    designs, cosines, V, data = problem(deficient=deficient)
    W = whitening(V)
    model = joint_model(designs, cosines, W)
    projections = [
        run.projection(Y - Y.mean(axis=0), Y.mean(axis=0)) for run, Y in zip(model.runs, data, strict=True)
    ]
    betas, residual, _, _ = naive(designs, cosines, W, data)
    ours = [run.parameters(p) for run, p in zip(model.runs, projections, strict=True)]
    assert_allclose(np.vstack(ours), betas, atol=ROUNDING)
    assert_allclose(sum(p.residual for p in projections), residual, rtol=ROUNDING)


def test_residuals_have_the_residual_sum_of_squares():
    designs, cosines, V, data = problem()
    model = joint_model(designs, cosines, whitening(V))
    run, Y = model.runs[0], data[0]
    residual = run.projection(Y - Y.mean(axis=0), Y.mean(axis=0)).residual
    assert_allclose((run.residuals(Y) ** 2).sum(axis=0), residual, rtol=ROUNDING)


def test_large_mean_costs_no_accuracy():
    designs, cosines, V, data = problem()
    run = joint_model(designs, cosines, whitening(V)).runs[0]
    centred = data[0] - data[0].mean(axis=0)
    small = run.projection(centred, np.zeros(6))
    large = run.projection(centred, np.full(6, 1e6))
    assert_allclose(large.residual, small.residual, rtol=0)
    shift = run.parameters(large) - run.parameters(small)
    assert_allclose(shift, np.outer([0, 0, 0, 1e6], np.ones(6)), atol=1e6 * ROUNDING)


@pytest.mark.parametrize("deficient", [False, True])
def test_traces_are_those_of_the_residual_forming_matrix(deficient):
    designs, cosines, V, data = problem(deficient=deficient)
    W = whitening(V)
    spread = dispersion(joint_model(designs, cosines, W), V)
    _, _, K, A = naive(designs, cosines, W, data)
    R = np.eye(len(A)) - A @ np.linalg.pinv(A, rcond=1e-12)
    KW = K @ block_diag(*(w.matrix for w in W))
    RV = R @ KW @ block_diag(*V) @ KW.T
    assert_allclose(spread.trace, np.trace(RV), rtol=ROUNDING)
    assert_allclose(spread.squared_trace, np.trace(RV @ RV), rtol=ROUNDING)


def test_degrees_of_freedom_are_scans_less_rank_and_cosines():
    designs, cosines, V, _ = problem(deficient=True)
    model = joint_model(designs, cosines, whitening(V))
    expected = 150 - model.decomposition.rank - sum(X0.shape[1] for X0 in cosines)
    assert model.decomposition.rank == 7
    assert_allclose(dispersion(model, V).dof, expected, rtol=TRUNCATED)


def test_independent_errors_need_no_whitening():
    designs, cosines, _, _ = problem()
    spread = dispersion(joint_model(designs, cosines, [None, None]), [None, None])
    K = np.eye(80) - cosines[0] @ cosines[0].T
    assert_allclose(
        spread.parameter_covariances[0], np.linalg.inv(designs[0].T @ K @ designs[0]), rtol=ROUNDING
    )


def test_rank_tolerance_is_shared_by_the_runs():
    strong, weak = 1e16 * np.eye(4), np.eye(4)
    assert decomposition([strong, weak]).rank == 4
    assert decomposition([weak, weak]).rank == 8


@pytest.mark.parametrize("n_scans", [512, 513, 700])
def test_traces_of_a_run_in_several_parts_are_those_of_whole_matrices(n_scans):
    rng = np.random.default_rng(n_scans)
    X0 = dct_basis(n_scans, 2.0, 200.0)
    design = np.column_stack([rng.standard_normal((n_scans, 2)), np.ones(n_scans)])
    V = toeplitz(0.5 ** np.arange(n_scans))
    W = whitening([V])
    model = joint_model([design], [X0], W)
    found = dispersion(model, [V])
    K = np.eye(n_scans) - X0 @ X0.T
    C = K @ W[0].matrix @ V @ W[0].matrix @ K
    U = model.runs[0].factors.left
    R = np.eye(n_scans) - U @ U.T
    assert_allclose(found.trace, np.trace(R @ C), rtol=ROUNDING)
    assert_allclose(found.squared_trace, np.trace(R @ C @ R @ C), rtol=ROUNDING)
    assert_allclose(found.design_covariances[0], U.T @ C @ U, atol=ROUNDING)
