import numpy as np
import pytest
from numpy.testing import assert_allclose

from bidsglm.spm.highpass import dct_basis, remove

ROUNDING = 1e-13
"""Of inner products of unit columns."""


def test_cosines_are_orthonormal():
    X0 = dct_basis(200, 2.0, 30.0)
    assert_allclose(X0.T @ X0, np.eye(X0.shape[1]), atol=ROUNDING)


def test_filter_is_idempotent():
    X0 = dct_basis(100, 2.0, 40.0)
    Y = np.random.default_rng(1).standard_normal((100, 3))
    once = remove(Y, X0)
    assert_allclose(remove(once, X0), once, atol=ROUNDING)


def test_filter_keeps_the_mean():
    X0 = dct_basis(100, 2.0, 40.0)
    assert_allclose(remove(np.ones((100, 1)), X0), 1, atol=ROUNDING)


@pytest.mark.parametrize(
    ("n_scans", "TR", "cutoff", "n_cosines"),
    [
        (120, 2.0, 128.0, 3),
        (95, 2.0, 40.0, 9),
        (80, 2.0, 40.0, 8),
        (100, 2.0, np.inf, 0),
        (10, 2.0, 128.0, 0),
    ],
)
def test_number_of_cosines_depends_on_the_run_length(n_scans, TR, cutoff, n_cosines):
    assert dct_basis(n_scans, TR, cutoff).shape == (n_scans, n_cosines)


@pytest.mark.parametrize("cutoff", [4.0, 1.0, 0.0, -5.0, np.nan])
def test_cutoff_of_two_scans_or_less_is_refused(cutoff):
    with pytest.raises(ValueError, match="would remove everything"):
        dct_basis(100, 2.0, cutoff)
