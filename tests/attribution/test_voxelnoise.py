"""Noise models of single voxels against whole matrices: whiten, solve, count, one voxel after the other."""

from collections.abc import Sequence

import numpy as np
import pytest
import scipy

from bidsglm.afni.noise import noise_grid
from bidsglm.afni.reml import best_pairs
from bidsglm.afni.timeline import RUN_GAP
from bidsglm.attribution import voxelnoise
from bidsglm.attribution.regression import Regression, RunPart, regression
from bidsglm.attribution.runs import UnscaledFit
from bidsglm.attribution.voxelnoise import (
    ArmaGrid,
    IndependentErrors,
    SmoothedAutocorrelation,
    TruncatedAR1,
    lag_one,
)
from bidsglm.fsl.autocorrelation import autocorrelations, tapered
from bidsglm.fsl.whitening import gains, whitened
from bidsglm.model import Floats
from tests.afni.test_correlation import dense

LENGTHS = (44, 37)
N_VOXELS, N_AROUND = 9, 14
WEIGHTS = np.array([[1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0]])
"""Contrasts over five columns, of which the last repeats the third"""
EQUAL = 1e-8


def parts(n_runs: int, n_projected: int = 0, n_voxels: int = N_AROUND) -> list[RunPart]:
    """Runs of one regression: correlated series, regressors, drifts that are projected off."""
    rng = np.random.default_rng(n_runs)
    found = []
    for run, n in enumerate(LENGTHS[:n_runs]):
        X = np.cumsum(rng.standard_normal((n, 4)), axis=0) / 3
        X[:, 3] = 1
        X = np.hstack([X, X[:, 2:3]])
        cosines = np.cos(np.pi * np.outer(np.arange(n) + 0.5, 1 + np.arange(n_projected)) / n)
        X0 = np.linalg.qr(cosines)[0] if n_projected else np.zeros((n, 0))
        Y = rng.standard_normal((n, n_voxels))
        for t in range(1, n):
            Y[t] += np.linspace(-0.2, 0.7, n_voxels) * Y[t - 1]
        Y += X[:, :2] @ rng.uniform(-1, 1, (2, n_voxels))
        found.append(RunPart(X, X0, Y - Y.mean(axis=0), run))
    return found


def by_matrices(runs: Sequence[RunPart], voxel: int, roots: Sequence[Floats]) -> tuple[Floats, float, Floats]:
    """Effects, residual sum of squares and covariance of a voxel whose runs are whitened by matrices."""
    X = np.vstack([W @ run.X for W, run in zip(roots, runs, strict=True)])
    X = np.hstack([X, scipy.linalg.block_diag(*(run.projected for run in runs))])
    y = np.concatenate([W @ run.Y[:, voxel] for W, run in zip(roots, runs, strict=True)])
    rows = np.pad(WEIGHTS, ((0, 0), (0, X.shape[1] - WEIGHTS.shape[1])))
    inverse = np.linalg.pinv(X.T @ X, rcond=1e-10, hermitian=True)
    beta = inverse @ X.T @ y
    return rows @ beta, float(((y - X @ beta) ** 2).sum()), rows @ inverse @ rows.T


def residuals(runs: Sequence[RunPart]) -> list[Floats]:
    """Ordinary least squares on columns and drifts of all runs, (n_scans, n_voxels) of each."""
    X = np.hstack(
        [np.vstack([run.X for run in runs]), scipy.linalg.block_diag(*(run.projected for run in runs))]
    )
    Y = np.vstack([run.Y for run in runs])
    E = Y - X @ np.linalg.lstsq(X, Y, rcond=1e-10)[0]
    return np.split(E, np.cumsum([len(run.X) for run in runs])[:-1])


def assert_fit(found: UnscaledFit, runs: Sequence[RunPart], roots: Sequence[Sequence[Floats]]) -> None:
    """A fit is that of every voxel by its own matrices."""
    assert found.effects.shape[1] == found.residual.size == found.group.size == len(roots)
    for voxel, own in enumerate(roots):
        effects, squares, covariance = by_matrices(runs, voxel, own)
        np.testing.assert_allclose(found.effects[:, voxel], effects, rtol=EQUAL, atol=EQUAL)
        assert found.residual[voxel] == pytest.approx(squares, rel=EQUAL)
        np.testing.assert_allclose(found.covariances[found.group[voxel]], covariance, rtol=EQUAL, atol=EQUAL)


def prepared(runs: Sequence[RunPart]) -> Regression:
    return regression(runs, WEIGHTS)


@pytest.mark.parametrize("n_runs", [1, 2])
@pytest.mark.parametrize("n_projected", [0, 3])
def test_independent_errors_are_ordinary_least_squares(n_runs: int, n_projected: int) -> None:
    runs = parts(n_runs, n_projected)
    found = IndependentErrors("nilearn").fit(prepared(runs), N_VOXELS)
    assert_fit(found, runs, [[np.eye(len(run.X)) for run in runs]] * N_VOXELS)


@pytest.mark.parametrize(
    ("owner", "divisor", "dof"),
    [
        # 81 scans, 5 columns of rank 4, 2 x 3 projected off
        ("nilearn", 81 - 11, 81 - 10),
        ("afni", 81 - 10, 81 - 10),
        # FEAT takes a mean from every run besides
        ("fsl", 81 - 10, 81 - 11 - 2),
    ],
)
def test_each_package_counts_its_degrees_of_freedom(owner: str, divisor: int, dof: int) -> None:
    found = IndependentErrors(owner).fit(prepared(parts(2, 3)), N_VOXELS)  # type: ignore[arg-type]
    assert (found.divisor, found.traces) == (divisor, (dof, dof))


def test_only_feats_design_has_no_constant() -> None:
    models = [IndependentErrors(owner) for owner in ("nilearn", "afni", "fsl")]  # type: ignore[arg-type]
    assert [model.constant for model in models] == [True, True, False]
    assert (TruncatedAR1().constant, ArmaGrid().constant) == (True, True)
    assert not SmoothedAutocorrelation(()).constant


def lag_one_by_loops(e: Floats) -> float:
    n = len(e)
    return (sum(e[t] * e[t + 1] for t in range(n - 1)) / (n - 1)) / (sum(v * v for v in e) / n)


@pytest.mark.parametrize("n_runs", [1, 2])
@pytest.mark.parametrize("n_projected", [0, 3])
def test_truncated_ar1_leaves_the_first_scan_and_what_is_projected_off(n_runs: int, n_projected: int) -> None:
    runs = parts(n_runs, n_projected)
    found = TruncatedAR1().fit(prepared(runs), N_VOXELS)
    left = residuals(runs)
    roots = []
    for voxel in range(N_VOXELS):
        rho = [np.trunc(100 * lag_one_by_loops(E[:, voxel])) / 100 for E in left]
        roots.append([np.eye(len(E)) - r * np.eye(len(E), k=-1) for r, E in zip(rho, left, strict=True)])
    assert_fit(found, runs, roots)
    assert found.divisor == sum(LENGTHS[:n_runs]) - 5 - n_runs * n_projected
    assert found.traces == (found.divisor + 1, found.divisor + 1)


def test_a_series_of_zeros_has_no_autocorrelation() -> None:
    assert lag_one(np.array([[0.0, 1.0], [0.0, 1.0], [0.0, -1.0]])).tolist() == [0.0, 0.0]


def test_a_coefficient_at_the_edge_of_a_hundredth_in_any_run_is_uncertain() -> None:
    runs = parts(2)
    assert not TruncatedAR1().uncertain(prepared(runs), N_VOXELS).any()
    # residuals of two series, mixed until their coefficient is a whole hundredth but for rounding
    X = np.hstack([runs[1].X[:, :4], np.random.default_rng(0).standard_normal((LENGTHS[1], 2))])
    two = np.linalg.qr(X)[0][:, -2:]

    def distance(angle: float) -> float:
        return float(lag_one(two @ [[np.cos(angle)], [np.sin(angle)]])[0]) - edge

    ends = [float(lag_one(two[:, [i]])[0]) for i in (0, 1)]
    edge = np.ceil(100 * min(ends)) / 100
    angle = scipy.optimize.brentq(distance, 0, np.pi / 2, xtol=1e-15)
    first, second = (
        run._replace(X=scipy.linalg.block_diag(*(other.X for other in runs))[part])
        for run, part in zip(runs, (slice(0, LENGTHS[0]), slice(LENGTHS[0], None)), strict=True)
    )
    second.Y[:, 4] = two @ [np.cos(angle), np.sin(angle)]
    found = TruncatedAR1().uncertain(regression([first, second], np.hstack([WEIGHTS, WEIGHTS])), N_VOXELS)
    assert np.flatnonzero(found).tolist() == [4]


@pytest.mark.parametrize("n_runs", [1, 2])
@pytest.mark.parametrize("n_projected", [0, 3])
def test_arma_has_one_pair_for_all_runs_and_none_between_them(n_runs: int, n_projected: int) -> None:
    runs = parts(n_runs, n_projected)
    found = ArmaGrid().fit(prepared(runs), N_VOXELS)
    times = np.concatenate([k * RUN_GAP + np.arange(n) for k, n in enumerate(LENGTHS[:n_runs])])
    basis = np.hstack(
        [np.vstack([run.X[:, :4] for run in runs]), scipy.linalg.block_diag(*(r.projected for r in runs))]
    )
    grid = noise_grid(basis, times)
    chosen = best_pairs(np.vstack(residuals(runs))[:, :N_VOXELS], grid)
    assert len(set(chosen.tolist())) > 3
    whole = [RunPart(basis[:, :4], basis[:, 4:], np.vstack([run.Y for run in runs]), 0)]
    whole[0] = whole[0]._replace(X=np.hstack([whole[0].X, whole[0].X[:, 2:3]]))
    roots = [[np.linalg.inv(np.linalg.cholesky(dense(grid[k].a, grid[k].b, times)))] for k in chosen]
    assert_fit(found, whole, roots)
    dof = sum(LENGTHS[:n_runs]) - 4 - n_runs * n_projected
    assert (found.divisor, found.traces) == (dof, (dof, dof))


def test_roots_are_kept_for_short_runs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model, noise = prepared(parts(2)), ArmaGrid()
    first = noise.fit(model, 2)
    assert list(noise._roots) == [LENGTHS]
    np.testing.assert_array_equal(noise.fit(model, 2).effects, first.effects)
    monkeypatch.setattr(voxelnoise, "MOST_ROWS", sum(LENGTHS) - 1)
    other = ArmaGrid()
    np.testing.assert_array_equal(other.fit(model, 2).effects, first.effects)
    assert not other._roots
    monkeypatch.setattr(voxelnoise, "MOST_ROWS", sum(LENGTHS))
    other.fit(model, 2)
    assert list(other._roots) == [LENGTHS]


@pytest.mark.parametrize(("n_runs", "n_projected"), [(1, 0), (1, 3), (2, 0), (2, 3)])
def test_film_whitens_each_voxel_by_its_tissues_autocorrelation(
    monkeypatch: pytest.MonkeyPatch, n_runs: int, n_projected: int
) -> None:
    # two blocks of voxels, the second shorter
    monkeypatch.setattr(voxelnoise, "BLOCK", 6)
    runs = [
        run._replace(X=run.X - run.X.mean(axis=0), projected=run.projected)
        for run in parts(n_runs, n_projected)
    ]
    rng = np.random.default_rng(3)
    weights = [rng.random((N_VOXELS, N_AROUND)) ** 4 for _ in runs]
    tissues = tuple(scipy.sparse.csr_array(w / w.sum(axis=1, keepdims=True)) for w in weights)
    found = SmoothedAutocorrelation(tissues).fit(prepared(runs), N_VOXELS)
    roots: list[list[Floats]] = [[] for _ in range(N_VOXELS)]
    for E, tissue in zip(residuals(runs), tissues, strict=True):
        raw = autocorrelations(E)
        smooth = raw @ tissue.toarray().T
        # lag 0 is that of the voxel itself
        smooth[0] = raw[0, :N_VOXELS]
        factors = gains(tapered(smooth), len(E))
        for voxel in range(N_VOXELS):
            roots[voxel].append(whitened(np.eye(len(E)), factors[:, [voxel]]))
    assert_fit(found, runs, roots)
    n, rank = sum(LENGTHS[:n_runs]), 3 + n_runs * n_projected
    # of five columns the constant has become zero and the last repeats the third
    assert found.divisor == n - rank
    assert found.traces == ((n - (5 + n_runs * n_projected) - n_runs,) * 2)
