"""Voxelwise AR(1) from cross-products, against plain least squares voxel by voxel."""

import numpy as np
import pytest

from bidsglm.attribution.autoregression import autoregression, autoregressive_fit, coefficients, truncated
from bidsglm.attribution.crossproducts import products
from bidsglm.attribution.runs import UnscaledFit
from bidsglm.model import Floats
from bidsglm.spm.highpass import dct_basis

N_SCANS, N_VOXELS = 80, 12
EQUAL = 1e-9
"""Relative: normal equations with orthonormal columns keep ten digits."""
COSINES = dct_basis(N_SCANS, 2.0, 60.0)


def design() -> Floats:
    rng = np.random.default_rng(0)
    regressors = rng.standard_normal((N_SCANS, 4)).cumsum(axis=0) * [1, 1e-4, 1e4, 1]
    return np.column_stack([regressors, np.ones(N_SCANS)])


def data() -> Floats:
    rng = np.random.default_rng(1)
    Y = rng.standard_normal((N_SCANS, N_VOXELS))
    for t in range(1, N_SCANS):
        Y[t] += np.linspace(-0.4, 0.8, N_VOXELS) * Y[t - 1]
    Y += design()[:, :1] @ rng.standard_normal((1, N_VOXELS))
    return Y - Y.mean(axis=0)


WEIGHTS = np.array([[1.0, 0, 0, 0, 0], [1.0, 0, 0, -1.0, 0]])


def fitted(projected: bool) -> tuple[UnscaledFit, Floats]:
    X = design()
    prepared = autoregression(X, COSINES, WEIGHTS, projected)
    cross = products(data(), np.hstack([X, COSINES]), COSINES)
    bins = truncated(coefficients(cross, prepared.ordinary))
    return autoregressive_fit(cross, prepared, bins, 70.0, 70.0), bins / 100


def test_coefficients_are_those_of_the_residuals() -> None:
    X, Y = np.hstack([design(), COSINES]), data()
    unit = X / np.linalg.norm(X, axis=0)
    e = Y - unit @ np.linalg.lstsq(unit, Y)[0]
    expected = ((e[1:] * e[:-1]).sum(axis=0) / (N_SCANS - 1)) / ((e**2).sum(axis=0) / N_SCANS)
    prepared = autoregression(design(), COSINES, WEIGHTS, False)
    cross = products(Y, X, COSINES)
    np.testing.assert_allclose(coefficients(cross, prepared.ordinary), expected, rtol=EQUAL)


@pytest.mark.parametrize("projected", [False, True])
def test_every_voxel_is_fitted_with_its_own_coefficient(projected: bool) -> None:
    fit, rho = fitted(projected)
    X, Y = design(), data()
    for v in range(N_VOXELS):
        W = np.eye(N_SCANS) - rho[v] * np.eye(N_SCANS, k=-1)
        drifts = COSINES if projected else W @ COSINES
        A = np.hstack([W @ X, drifts])
        beta = np.linalg.lstsq(A, W @ Y[:, v])[0]
        residual = ((W @ Y[:, v] - A @ beta) ** 2).sum()
        rows = np.hstack([WEIGHTS, np.zeros((2, COSINES.shape[1]))])
        np.testing.assert_allclose(fit.effects[:, v], rows @ beta, rtol=1e-6)
        np.testing.assert_allclose(fit.residual[v], residual, rtol=EQUAL)
        expected = rows @ np.linalg.pinv(A) @ np.linalg.pinv(A).T @ rows.T
        np.testing.assert_allclose(fit.covariances[fit.group[v]], expected, rtol=1e-6)


def test_without_autocorrelation_both_filters_are_one() -> None:
    X = design()
    cross = products(data(), np.hstack([X, COSINES]), COSINES)
    none = np.zeros(N_VOXELS, dtype=np.intp)
    fits = [
        autoregressive_fit(cross, autoregression(X, COSINES, WEIGHTS, projected), none, 70.0, 70.0)
        for projected in (False, True)
    ]
    np.testing.assert_allclose(fits[0].effects, fits[1].effects, rtol=1e-8)
    np.testing.assert_allclose(fits[0].residual, fits[1].residual, rtol=EQUAL)
