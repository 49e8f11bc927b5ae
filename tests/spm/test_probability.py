import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import log_ndtr

from bidsglm.spm.probability import f_quantile, f_tail, t_tail

TAIL = 1e-9
"""scipy's own distributions reach about ten digits."""
CLOSED = 1e-12
"""Against a closed form, some digits being lost to exponents of several hundred."""


@pytest.mark.parametrize("dof", [3.0, 57.3, 250.0])
def test_t_has_the_p_and_z_of_scipy_in_both_tails(dof):
    t = np.linspace(-20, 20, 401)
    tail = t_tail(t, dof)
    assert_allclose(tail.p, stats.t.sf(t, dof), rtol=TAIL)
    expected = np.sign(t) * stats.norm.isf(stats.t.sf(np.abs(t), dof))
    assert_allclose(tail.z, expected, rtol=TAIL, atol=TAIL)


@pytest.mark.parametrize("dof", [(1.0, 99.9), (3.4, 57.3), (30.0, 250.0)])
def test_f_has_the_p_and_z_of_scipy(dof):
    f = np.geomspace(1e-3, 200, 200)
    tail = f_tail(f, *dof)
    assert_allclose(tail.p, stats.f.sf(f, *dof), rtol=TAIL, atol=1e-300)
    middle = (tail.p > 1e-200) & (tail.p < 0.9)
    assert_allclose(tail.z[middle], stats.norm.isf(tail.p[middle]), rtol=TAIL, atol=TAIL)


@pytest.mark.parametrize("f", [0.5, 50.0, 1e3, 1e5, 1e8])
def test_f_of_two_degrees_of_freedom_has_its_closed_form_beyond_underflow(f):
    dof = 300.0
    z = f_tail(np.array([f]), 2.0, dof).z[0]
    assert_allclose(log_ndtr(-z), -dof / 2 * np.log1p(2 * f / dof), rtol=CLOSED)


def test_z_of_t_goes_on_growing_where_p_underflows():
    z = t_tail(np.geomspace(10, 1e30, 300), 400.0).z
    assert np.isfinite(z).all()
    assert (np.diff(z) > 0).all()


def test_two_sided_t_is_f_with_one_numerator_degree():
    t = np.linspace(0.1, 60, 100)
    assert_allclose(2 * t_tail(t, 80.0).p, f_tail(t**2, 1.0, 80.0).p, rtol=TAIL)


def test_z_is_odd_in_t():
    t = np.linspace(0, 500, 100)
    assert_allclose(t_tail(-t, 120.0).z, -t_tail(t, 120.0).z, rtol=0)


@pytest.mark.parametrize("value", [0.0, 3.4e38])
def test_extreme_statistics_have_finite_z(value):
    assert np.isfinite(t_tail(np.array([value, -value]), 99.0).z).all()
    assert np.isfinite(f_tail(np.array([value]), 3.0, 99.0).z).all()


def test_large_t_approaches_the_normal_with_many_degrees_of_freedom():
    assert_allclose(t_tail(np.array([3.0]), 1e7).z, 3, rtol=1e-5)


@pytest.mark.parametrize(("d1", "d2"), [(1.0, 118.0), (24.0, 214.0)])
def test_quantile_has_the_asked_upper_tail(d1, d2):
    assert_allclose(stats.f.sf(f_quantile(0.001, d1, d2), d1, d2), 0.001, rtol=TAIL)
