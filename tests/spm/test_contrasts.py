import numpy as np
import pytest
from numpy.testing import assert_allclose

from bidsglm.design_space import estimable
from bidsglm.spm.contrasts import cleaned, effect_covariance, f_maps, f_test, placed, single, t_maps
from bidsglm.spm.estimation import dispersion, joint_model

SINGLE = 3e-7
"""Two or three roundings to float32."""
ROUNDING = 1e-12
"""Of float64 products with a design of 60 scans."""


class Fit:
    """A run fitted by ordinary least squares; regressors may be rescaled."""

    def __init__(self, scale=1.0, n_runs=1):
        rng = np.random.default_rng(1)
        designs = [
            np.column_stack([rng.standard_normal((60, 3)) * scale, np.ones(60)]) for _ in range(n_runs)
        ]
        data = [100 + rng.standard_normal((60, 8)) for _ in range(n_runs)]
        self.model = joint_model(designs, [np.zeros((60, 0))] * n_runs, [None] * n_runs)
        self.spread = dispersion(self.model, [None] * n_runs)
        parts = [
            run.projection(Y - Y.mean(axis=0), Y.mean(axis=0))
            for run, Y in zip(self.model.runs, data, strict=True)
        ]
        self.betas = [
            run.parameters(p).astype(np.float32) for run, p in zip(self.model.runs, parts, strict=True)
        ]
        self.error = sum(p.residual for p in parts) / self.spread.trace

    def t(self, weights):
        variance = effect_covariance(weights, self.spread.parameter_covariances)[0, 0]
        return t_maps(weights, self.betas, self.error, variance)

    def f(self, weights):
        test = f_test(weights, self.model.decomposition, self.spread.design_covariances)
        return test, f_maps(test, self.betas, self.error)


@pytest.mark.parametrize("n_runs", [1, 2])
def test_f_of_one_row_is_t_squared(n_runs):
    fit = Fit(n_runs=n_runs)
    c = [np.array([[1.0], [-1.0], [0.0], [0.0]])] * n_runs
    test, maps = fit.f(c)
    assert_allclose(maps.F, fit.t(c).t ** 2, rtol=SINGLE)
    assert_allclose(test.dof, 1, rtol=ROUNDING)


def test_t_does_not_change_when_regressors_are_rescaled():
    c = [np.array([[1.0], [-1.0], [0.0], [0.0]])]
    assert_allclose(Fit(scale=1000.0).t(c).t, Fit().t(c).t, atol=SINGLE)


def test_f_is_that_of_the_inverse_covariance_of_the_effects():
    fit = Fit()
    c = np.eye(4)[:, :2]
    effects = c.T @ fit.betas[0].astype(float)
    inverse = np.linalg.inv(effect_covariance([c], fit.spread.parameter_covariances))
    expected = np.einsum("iv,ij,jv->v", effects, inverse, effects) / 2 / fit.error
    assert_allclose(fit.f([c])[1].F, expected, rtol=SINGLE)


def test_redundant_rows_do_not_change_f():
    fit = Fit()
    c = np.eye(4)[:, :2]
    redundant = np.hstack([c, c @ np.array([[1.0], [1.0]])])
    test, maps = fit.f([redundant])
    assert_allclose(test.dof, 2, rtol=ROUNDING)
    assert_allclose(maps.F, fit.f([c])[1].F, rtol=SINGLE)


def test_scale_of_the_weights_changes_effect_and_variance_only():
    fit = Fit()
    c = np.array([[1.0], [0.0], [0.0], [0.0]])
    one, three = fit.t([c]), fit.t([3 * c])
    assert_allclose(three.effect, 3 * one.effect, rtol=SINGLE)
    assert_allclose(three.variance, 9 * one.variance, rtol=ROUNDING)
    assert_allclose(three.t, one.t, rtol=SINGLE)


def test_maps_hold_float32_numbers():
    maps = Fit().t([np.array([[0.3], [0.1], [0.0], [0.0]])])
    for values in (maps.effect, maps.t):
        np.testing.assert_array_equal(values, single(values))


def test_only_combinations_that_the_design_determines_are_estimable():
    x = np.random.default_rng(2).standard_normal((30, 2))
    X = np.column_stack([x[:, 0], x[:, 0], x[:, 1], np.zeros(30)])
    design = joint_model([X], [np.zeros((30, 0))], [None]).decomposition
    assert [estimable([row[:, None]], design) for row in np.eye(4)] == [False, False, True, False]
    assert estimable([np.array([[1.0], [1.0], [0.0], [0.0]])], design)
    assert not estimable([np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])], design)


def test_estimability_is_asked_in_every_run():
    good = np.random.default_rng(3).standard_normal((30, 1))
    design = joint_model([good, np.zeros((30, 1))], [np.zeros((30, 0))] * 2, [None] * 2).decomposition
    one, none = np.ones((1, 1)), np.zeros((1, 1))
    assert estimable([one, none], design)
    assert not estimable([one, one], design)


def test_weights_below_the_tolerance_are_dropped():
    np.testing.assert_array_equal(cleaned([np.array([[1e-14], [0.5]])], 1e-12)[0], [[0.0], [0.5]])


def test_weights_stand_in_the_columns_of_their_conditions_and_add_up_where_one_is_named_twice():
    rows = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 4.0]])
    found = placed(rows, ("b", "a", "b"), ("constant", "a", "b"))
    assert_allclose(found, [[0.0, -2.0, 1.5], [0.0, 1.0, 4.0]])
