import numpy as np
import pytest
from scipy import stats

from bidsglm.fsl import contrasts, fixed_effects, zscores
from bidsglm.fsl.autocorrelation import autocorrelations, tapered
from bidsglm.fsl.columns import decomposed
from bidsglm.fsl.estimation import Fit, generalised, ordinary
from bidsglm.fsl.shared_gains import shared_gains

N_ROWS, N_VOXELS = 6, 8000


def fitted(n_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((n_rows, n_rows, 20))
    covariance = np.einsum("ikv,jkv->ijv", root, root)
    return rng.standard_normal((n_rows, 20)), covariance, rng.uniform(1, 2, 20)


def test_f_of_one_row_is_the_square_of_t() -> None:
    weights, parts = np.array([1.0, -2.0, 0.5]), fitted(3)
    t = contrasts.t_maps(weights, *parts).t
    np.testing.assert_allclose(contrasts.f_map(weights[np.newaxis], *parts), t**2, rtol=1e-9)


def test_f_does_not_depend_on_the_basis_of_its_rows() -> None:
    parts = fitted(3)
    rows = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    np.testing.assert_allclose(
        contrasts.f_map(np.array([[2.0, 1.0], [0.5, -1.0]]) @ rows, *parts),
        contrasts.f_map(rows, *parts),
        rtol=1e-9,
    )


@pytest.mark.parametrize("dof", [3, 14, 15, 100, 1000])
def test_z_has_the_tail_of_t(dof: float) -> None:
    t = np.array([-7.4, -3.0, -0.1, 0.0, 1e-12, 0.5, 7.4])
    np.testing.assert_allclose(stats.norm.sf(zscores.z_of_t(t, dof)), stats.t.sf(t, dof), rtol=1e-9)


@pytest.mark.parametrize("dof", [15, 60, 300])
def test_series_takes_over_without_a_step(dof: float) -> None:
    below, above = zscores.z_of_t(np.array([7.5 - 1e-9, 7.5]), dof)
    assert abs(above - below) < 1e-3


def test_z_of_t_is_odd_and_ascends_beyond_the_smallest_double() -> None:
    t = np.array([5.0, 7.0, 8.0, 20.0, 1e3, 1e6])
    z = zscores.z_of_t(t, 500)
    np.testing.assert_array_equal(zscores.z_of_t(-t, 500), -z)
    assert np.all(np.diff(z) > 0)
    assert np.isfinite(z).all()


@pytest.mark.parametrize(("d1", "d2"), [(1, 50), (3, 1000), (2, 11)])
def test_z_of_f_has_the_tail_of_f_and_goes_on_beyond_the_smallest_double(d1: float, d2: float) -> None:
    F = np.array([0.1, 1.0, 5.0, 40.0])
    np.testing.assert_allclose(stats.norm.sf(zscores.z_of_f(F, d1, d2)), stats.f.sf(F, d1, d2), rtol=1e-9)
    far = zscores.z_of_f(10.0 ** np.arange(2, 150, 4), d1, d2)
    assert np.all(np.diff(far) > 0)
    assert np.isfinite(far).all()


def test_one_run_is_its_own_fixed_effect() -> None:
    effect, variance = np.array([[2.0, -1.0]]), np.array([[4.0, 1.0]])
    run = fixed_effects.fixed_effects(effect, variance)
    np.testing.assert_allclose(run, (effect[0], variance[0], [1.0, -1.0]))


def test_runs_of_equal_variance_are_averaged() -> None:
    run = fixed_effects.fixed_effects(np.array([[1.0], [3.0]]), np.ones((2, 1)))
    assert (run.effect[0], run.variance[0]) == (2.0, 0.5)


def white_noise_fit(rng: np.random.Generator, n_scans: int, slow: bool = False, film: bool = False) -> Fit:
    """Six columns and one more, independent or random walks, fitted to white noise."""
    X = rng.standard_normal((n_scans, N_ROWS + 1))
    X = X.cumsum(axis=0) if slow else X
    Y = rng.standard_normal((n_scans, N_VOXELS))
    Y -= Y.mean(axis=0)
    design, rows = decomposed((X - X.mean(axis=0)) / X.std(axis=0)), np.eye(N_ROWS, N_ROWS + 1)
    if not film:
        return ordinary(Y, design, rows)
    # smoothed over all voxels, as noise of one tissue could be at best
    mean = autocorrelations(design.residuals(Y)).mean(axis=1, keepdims=True)
    tapers = tapered(np.repeat(mean, N_VOXELS, axis=1))
    return generalised(Y, tapers, design, shared_gains(tapers, design), rows)


def f_of(runs: list[Fit]) -> np.ndarray:
    if len(runs) == 1:
        return contrasts.f_map(np.eye(N_ROWS), runs[0].effects, runs[0].covariance, runs[0].variance)
    covariances = np.stack([run.covariance * run.variance for run in runs])
    return fixed_effects.f_over_runs(np.stack([run.effects for run in runs]), covariances)


@pytest.mark.parametrize("n_runs", [1, 2, 3])
def test_f_of_white_noise_has_its_distribution_over_any_number_of_runs(n_runs: int) -> None:
    rng, n_scans = np.random.default_rng(n_runs), 300
    F = f_of([white_noise_fit(rng, n_scans) for _ in range(n_runs)])
    dof = n_runs * (n_scans - N_ROWS - 2) - (n_runs > 1)
    # 8,000 voxels: one standard error of the mean is 0.7 %; that weights are estimated adds 1 %
    assert F.mean() == pytest.approx(dof / (dof - 2), rel=0.03)
    assert np.mean(stats.f.sf(F, N_ROWS, dof) < 0.05) == pytest.approx(0.05, abs=0.012)


def test_film_finds_too_much_in_slow_columns_in_one_run_as_in_two() -> None:
    rng = np.random.default_rng(0)
    runs = [white_noise_fit(rng, 110, slow=True, film=True) for _ in range(2)]
    one, two = np.mean([f_of([run]).mean() for run in runs]), f_of(runs).mean()
    assert 1.25 < one < 1.6
    assert two == pytest.approx(one, rel=0.15)
    # columns as fast as the noise are not touched
    assert f_of([white_noise_fit(rng, 110, film=True)]).mean() < 1.1
