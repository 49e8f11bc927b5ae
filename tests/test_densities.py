import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import gamma

from bidsglm.densities import gamma_density


@pytest.mark.parametrize(("shape", "rate"), [(6.0, 1.0), (1.5, 0.4), (16 / 0.9, 1 / 0.9), (0.7, 3.0)])
def test_gamma_density_is_scipys_by_shape_and_rate(shape, rate):
    t = np.linspace(-2, 40, 211)
    t = t[t != 0]
    assert_allclose(gamma_density(t, shape, rate), gamma.pdf(t, shape, scale=1 / rate), rtol=1e-10)


def test_gamma_density_at_zero_is_zero_for_every_shape():
    assert gamma_density(np.zeros(1), 1.0, 1.0)[0] == 0
