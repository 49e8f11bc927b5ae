"""Contrasts over runs."""

import numpy as np
import pytest

from bidsglm.attribution.runs import Plan, RunSum, UnscaledFit, combined, plan
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
