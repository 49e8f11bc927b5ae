"""One covariance of the errors for all voxels in a mixture: whose, for which regressors, and what it does."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy

from bidsglm.attribution.covariances import FALLBACK, PooledErrors, PooledNoise
from bidsglm.attribution.crossing import Columns
from bidsglm.attribution.pooled import RunColumns, error_covariances
from bidsglm.attribution.regression import RunPart
from bidsglm.model import Floats
from bidsglm.spm.highpass import dct_basis
from bidsglm.spm.whitening import normalised, whitening

LENGTHS, TR, N_VOXELS = (60, 50), 2.0, 40
HOME = (1,) * 9
"""Five settings of the regressors, then filter, smoother, censoring and confounds"""
MIXED = (0, 0, 0, 0, 0, 1, 1, 1, 1)
NEARLY = (0, 1, 0, 0, 0)
"""Regressors that hardly differ from those at home"""


def regressors(settings: tuple[int, ...]) -> list[Columns]:
    found = []
    for run, n in enumerate(LENGTHS):
        rng = np.random.default_rng(run)
        own, other = (np.cumsum(rng.standard_normal((n, 1)), axis=0) for _ in range(2))
        if settings == NEARLY:
            own = own * (1 + 1e-4 * np.sin(np.arange(n)))[:, np.newaxis]
        found.append(Columns(("go",), own if settings[0] or settings == NEARLY else other))
    return found


def pool(settings: tuple[int, ...]) -> list[tuple[RunColumns, Floats]]:
    """Designs of the settings, cosines of any length, and data that follow the regressors at home."""
    found = []
    for run, (columns, home) in enumerate(zip(regressors(settings[:5]), regressors(HOME[:5]), strict=True)):
        n = len(home.matrix)
        rng = np.random.default_rng(20 + run)
        Y = rng.standard_normal((n, N_VOXELS))
        for t in range(1, n):
            Y[t] += 0.4 * Y[t - 1]
        Y = 100 + Y + home.matrix @ rng.uniform(1, 2, (1, N_VOXELS))
        basis = 3.0 * dct_basis(n, TR, 60.0 if settings[5] else 30.0)
        found.append((RunColumns(np.hstack([columns.matrix, np.ones((n, 1))]), basis, TR), Y))
    return found


def own() -> tuple[Floats, ...]:
    """SPM's own V of two runs."""
    lags = [np.abs(np.subtract.outer(np.arange(n), np.arange(n))) for n in LENGTHS]
    return normalised([0.3**lag for lag in lags])


def errors(pool: Callable[[tuple[int, ...]], list[tuple[RunColumns, Floats]]] = pool) -> PooledErrors:
    return PooledErrors(PooledNoise("AR(1)", own()), HOME, regressors, pool)


def in_pool(settings: tuple[int, ...]) -> tuple[Floats, ...]:
    runs, data = zip(*pool(settings), strict=True)
    orthonormal = [run._replace(cosines=np.linalg.qr(run.cosines)[0]) for run in runs]
    return error_covariances(orthonormal, [Y.copy() for Y in data], "AR(1)")


def test_spms_settings_keep_its_covariance_and_others_add_their_change() -> None:
    found = errors()
    assert found.covariances(HOME) is found.noise.covariances
    wanted = normalised([V + a - b for V, a, b in zip(own(), in_pool(MIXED), in_pool(HOME), strict=True)])
    for one, other, home in zip(found.covariances(MIXED), wanted, own(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)
        assert np.abs(one - home).max() > 1e-3
    assert sum(map(np.trace, found.covariances(MIXED))) == pytest.approx(sum(LENGTHS))
    assert found.notes == []


def test_regressors_that_are_nearly_the_same_share_a_covariance() -> None:
    found = errors()
    assert found.covariances((*NEARLY, *HOME[5:])) is found.noise.covariances
    # another filter is another covariance, whatever the regressors
    other = found.covariances((*NEARLY, 0, 1, 1, 1))
    assert other is found.covariances((*HOME[:5], 0, 1, 1, 1))
    assert np.abs(other[0] - own()[0]).max() > 1e-4


def test_a_pool_that_gives_no_covariance_is_noted_once() -> None:
    def empty(settings: tuple[int, ...]) -> list[tuple[RunColumns, Floats]]:
        raise ValueError("no voxel passes")

    found = errors(empty)
    for settings in (MIXED, (*MIXED[:5], 0, 1, 1, 1)):
        assert found.covariances(settings) is found.noise.covariances
    assert found.notes == [f"{FALLBACK}: no voxel passes"]


def parts() -> list[RunPart]:
    return [
        RunPart(columns.X, np.linalg.qr(columns.cosines)[0], Y - Y.mean(axis=0), run)
        for run, (columns, Y) in enumerate(pool(HOME))
    ]


def whitened_fit(runs: list[RunPart], roots: list[Floats]) -> tuple[Floats, Floats, float]:
    """Effects of the first column, residual squares and variance for unit variance, by whole matrices."""
    W = scipy.linalg.block_diag(*roots)
    X0 = scipy.linalg.block_diag(*(run.projected for run in runs))
    K = np.eye(len(W)) - X0 @ X0.T
    X, Y = (K @ W @ np.vstack([getattr(run, name) for run in runs]) for name in ("X", "Y"))
    inverse = np.linalg.pinv(X)
    beta = inverse @ Y
    return beta[0], ((Y - X @ beta) ** 2).sum(axis=0), float((inverse @ K @ inverse.T)[0, 0])


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("kind", ["AR(1)", "none"])
def test_runs_are_whitened_by_their_own_covariance_and_filtered_then(together: bool, kind: str) -> None:
    noise = PooledNoise(kind, own() if kind != "none" else ())  # type: ignore[arg-type]
    found = PooledErrors(noise, HOME, regressors, pool)
    runs = parts()
    groups = [tuple(runs)] if together else [(run,) for run in runs]
    weights = [np.array([[1.0, 0.0]])] * len(groups)
    fits = found.fits(HOME, groups, weights, 7)
    roots = [W.matrix for W in whitening(own())] if kind != "none" else [np.eye(n) for n in LENGTHS]
    assert len(fits) == len(groups)
    for fit, group in zip(fits, groups, strict=True):
        effects, squares, variance = whitened_fit(list(group), [roots[part.run] for part in group])
        np.testing.assert_allclose(fit.effects[0], effects[:7], rtol=1e-6)
        np.testing.assert_allclose(fit.residual, squares[:7], rtol=1e-6)
        assert fit.covariances[0, 0, 0] == pytest.approx(variance, rel=1e-5)
        # scans less columns and cosines
        left = sum(len(p.X) - p.projected.shape[1] for p in group) - 2
        assert fit.divisor == pytest.approx(left, rel=1e-3)
        assert fit.traces[0] == fit.divisor
