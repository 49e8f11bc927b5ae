"""Contrasts over runs."""

import numpy as np
import pytest
import scipy

from bidsglm.attribution.runs import Plan, RunSum, UnscaledFit, combined, plan, weighted
from bidsglm.fsl.fixed_effects import f_over_runs, fixed_effects
from bidsglm.model import ContrastSpecification

N_VOXELS = 20
EQUAL = 1e-10


def a_run(seed: int, n_rows: int) -> RunSum:
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((3, n_rows, n_rows + 2))
    residual = rng.uniform(50, 100, N_VOXELS)
    fit = UnscaledFit(
        rng.standard_normal((n_rows, N_VOXELS)),
        roots @ roots.transpose(0, 2, 1),
        rng.integers(0, 3, N_VOXELS),
        residual,
        70.0,
        (70.0, 71.0),
    )
    return RunSum(fit.effects, residual, fit)


def a_plan(test: str, n_rows: int, runs: tuple[int, ...]) -> Plan:
    names = tuple(f"x{i}" for i in range(n_rows))
    return plan(ContrastSpecification(test, test, names, np.eye(n_rows), test), runs)  # type: ignore[arg-type]


@pytest.mark.parametrize(("test", "n_rows"), [("t", 1), ("F", 1), ("F", 3)])
def test_one_run_is_combined_alike_by_both(test: str, n_rows: int) -> None:
    runs, plans = [a_run(0, n_rows)], [a_plan(test, n_rows, (0,))]
    own, other = (combined(runs, plans, 0, pooled) for pooled in (False, True))
    np.testing.assert_allclose(own.stat, other.stat, rtol=EQUAL)
    assert own.dof == other.dof


@pytest.mark.parametrize("pooled", [False, True])
def test_f_of_one_row_is_t_squared(pooled: bool) -> None:
    runs = [a_run(0, 1)]
    t, F = (combined(runs, [a_plan(test, 1, (0,))], 0, pooled) for test in ("t", "F"))
    np.testing.assert_allclose(F.stat, t.stat**2, rtol=EQUAL)


def test_fixed_effects_add_the_runs_variances() -> None:
    runs, plans = [a_run(0, 1), a_run(1, 1)], [a_plan("t", 1, (0, 1))]
    found = combined(runs, plans, 0, pooled=False)
    effect = (runs[0].effects[0] + runs[1].effects[0]) / 2
    variance = sum(r.residual / 70 * r.fit.covariances[r.fit.group, 0, 0] for r in runs) / 4
    np.testing.assert_allclose(found.effect, effect, rtol=EQUAL)
    np.testing.assert_allclose(found.stat, effect / np.sqrt(variance), rtol=EQUAL)


def test_pooling_shares_one_residual_mean_square_with_runs_that_are_left_out() -> None:
    runs, plans = [a_run(0, 1), a_run(1, 1)], [a_plan("t", 1, (0,))]
    found = combined(runs, plans, 0, pooled=True)
    mean_square = (runs[0].residual + runs[1].residual) / 140
    variance = mean_square * runs[0].fit.covariances[runs[0].fit.group, 0, 0]
    np.testing.assert_allclose(found.stat, runs[0].effects[0] / np.sqrt(variance), rtol=EQUAL)
    assert found.dof == pytest.approx((140**2 / 142,))


def test_redundant_rows_are_left_out() -> None:
    rows = np.array([[1.0, 0, -1], [0, 1, -1], [1, -1, 0]])
    assert len(plan(ContrastSpecification("a", "a", ("x", "y", "z"), rows, "F"), (0,)).weights) == 2


def test_weighted_runs_are_fsls_fixed_effects_for_t_and_f() -> None:
    runs = [a_run(0, 3), a_run(1, 3)]
    found = weighted(runs, [a_plan("t", 1, (0,)), a_plan("F", 2, (0, 1))], 1)
    effects = np.stack([run.effects[1:] for run in runs])
    covariances = [
        run.residual / 70 * np.moveaxis(run.fit.covariances[:, 1:, 1:][run.fit.group], 0, -1) for run in runs
    ]
    np.testing.assert_allclose(found.stat, f_over_runs(effects, np.stack(covariances)), rtol=EQUAL)
    assert (found.effect, found.dof) == (None, (2.0, 139.0))
    t = weighted(runs, [a_plan("t", 1, (0, 1))], 0)
    variances = np.stack([run.residual / 70 * run.fit.covariances[run.fit.group, 0, 0] for run in runs])
    wanted = fixed_effects(np.stack([run.effects[0] for run in runs]), variances)
    np.testing.assert_allclose(t.stat, wanted.t, rtol=EQUAL)
    np.testing.assert_allclose(t.effect, wanted.effect, rtol=EQUAL)
    assert t.dof == (139.0,)
    # one run alone loses no degree of freedom to a mean
    assert weighted(runs, [a_plan("t", 1, (1,))], 0).dof == (70.0,)


def test_a_contrast_takes_its_own_rows_of_all_that_were_fitted() -> None:
    plans = [a_plan("F", 2, (0, 1)), a_plan("t", 1, (0, 1))]
    whole, alone = [a_run(0, 3), a_run(1, 3)], []
    for run in whole:
        fit = run.fit._replace(effects=run.effects[2:], covariances=run.fit.covariances[:, 2:, 2:])
        alone.append(RunSum(run.effects[2:], run.residual, fit))
    for pooled in (False, True):
        one, other = combined(whole, plans, 1, pooled), combined(alone, plans[1:], 0, pooled)
        np.testing.assert_allclose(one.stat, other.stat, rtol=EQUAL)
        np.testing.assert_allclose(one.effect, other.effect, rtol=EQUAL)


@pytest.mark.parametrize("pooled", [False, True])
def test_f_over_runs_is_of_mean_effects_over_their_covariance(pooled: bool) -> None:
    runs, plans = [a_run(0, 2), a_run(1, 2)], [a_plan("F", 2, (0, 1))]
    found = combined(runs, plans, 0, pooled)
    each = [run.residual / 70 for run in runs]
    for voxel in range(N_VOXELS):
        covariances = [run.fit.covariances[run.fit.group[voxel]] for run in runs]
        if pooled:
            effect = (runs[0].effects[:, voxel] + runs[1].effects[:, voxel]) / 2
            square = (runs[0].residual + runs[1].residual)[voxel] / 140
            wanted = effect @ np.linalg.solve(sum(covariances) / 4, effect) / 2 / square
        else:
            roots = [np.linalg.inv(scipy.linalg.sqrtm(G)) for G in covariances]
            total = sum(root @ run.effects[:, voxel] for root, run in zip(roots, runs, strict=True))
            wanted = total @ total / 2 / (each[0] + each[1])[voxel]
        assert found.stat[voxel] == pytest.approx(wanted, rel=1e-8)
