"""Least squares with one covariance for all voxels."""

import numpy as np
import pytest

from bidsglm.attribution.pooled import (
    RunColumns,
    error_covariances,
    image_maps,
    pooled_designs,
    pooled_fit,
    whitened_power,
)
from bidsglm.model import Floats
from bidsglm.spm.highpass import dct_basis
from bidsglm.spm.whitening import normalised, whitening

N_SCANS, N_VOXELS = 90, 40
EQUAL = 1e-8
"""Relative; W is cut at 1e-6, which the designs and the data share."""
COSINES = dct_basis(N_SCANS, 2.0, 60.0)
WEIGHTS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def regressors() -> Floats:
    walk = np.random.default_rng(0).standard_normal((N_SCANS, 2)).cumsum(axis=0)
    return np.column_stack([walk, np.ones(N_SCANS)])


def data() -> Floats:
    rng = np.random.default_rng(1)
    Y = rng.standard_normal((N_SCANS, N_VOXELS))
    for t in range(1, N_SCANS):
        Y[t] += 0.4 * Y[t - 1]
    return 100 + Y + regressors()[:, :2] @ rng.uniform(0.5, 2, (2, N_VOXELS))


def correlation() -> Floats:
    lag = np.abs(np.subtract.outer(np.arange(N_SCANS), np.arange(N_SCANS)))
    return normalised([0.4**lag])[0]


@pytest.mark.parametrize("projected", [False, True])
def test_the_fit_is_that_of_whitened_least_squares(projected: bool) -> None:
    X, V = regressors(), correlation()
    W = whitening([V])[0]
    nothing = np.zeros((N_SCANS, 0))
    run = RunColumns(X, COSINES, 2.0) if projected else RunColumns(np.hstack([X, COSINES]), nothing, 2.0)
    rows = np.pad(WEIGHTS, ((0, 0), (0, run.X.shape[1] - 3)))
    design = pooled_designs([run], [rows], [V], [W])[0]
    Y = data() - data().mean(axis=0)
    fit = pooled_fit(design, Y, whitened_power(Y, W))
    drifts = COSINES if projected else W.matrix @ COSINES
    A = np.hstack([W.matrix @ X, drifts])
    beta = np.linalg.lstsq(A, W.matrix @ Y)[0]
    np.testing.assert_allclose(fit.effects, beta[:2], rtol=EQUAL)
    residual = ((W.matrix @ Y - A @ beta) ** 2).sum(axis=0)
    np.testing.assert_allclose(fit.residual, residual, rtol=EQUAL)
    # scans less columns, but for the cut of W
    assert fit.divisor == pytest.approx(N_SCANS - A.shape[1], rel=1e-6)


def test_covariances_do_not_depend_on_the_scale_of_single_voxels() -> None:
    run = RunColumns(regressors(), COSINES, 2.0)
    factors = np.random.default_rng(2).uniform(0.5, 2, N_VOXELS)
    own, other = (error_covariances([run], [data() * f], "AR(1)")[0] for f in (np.ones(1), factors))
    np.testing.assert_allclose(own, other, atol=1e-9)


def test_the_data_of_the_caller_are_left_alone() -> None:
    Y = data()
    error_covariances([RunColumns(regressors(), COSINES, 2.0)], [Y], "AR(1)")
    np.testing.assert_array_equal(Y, data())


def test_images_are_rounded_to_float32() -> None:
    run = RunColumns(regressors(), COSINES, 2.0)
    design = pooled_designs([run], [WEIGHTS], [None], [None])[0]
    beta = design.parameters @ data()
    effect, t = image_maps([design], [beta], np.ones(N_VOXELS), slice(0, 1), "t")
    np.testing.assert_array_equal(effect, beta[0].astype(np.float32))
    F = image_maps([design], [beta], np.ones(N_VOXELS), slice(0, 1), "F")[1]
    np.testing.assert_allclose(F, t**2, rtol=1e-6)
