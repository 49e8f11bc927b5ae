import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import toeplitz

from bidsglm.spm.whitening import banded, normalised, regularised_inverse, whitening

TRUNCATED = 1e-4
"""Entries of W up to 1e-6 are dropped, a hundred in a row."""
ROUNDING = 1e-13
"""Of sums over some hundred products."""


def autoregressive(n, rho):
    return toeplitz(rho ** np.arange(n))


@pytest.mark.parametrize("rho", [-0.3, 0.2, 0.8])
def test_whitened_covariance_is_the_identity(rho):
    V = autoregressive(150, rho)
    (W,) = whitening([V])
    assert_allclose(W.matrix @ V @ W.matrix.T, np.eye(150), atol=TRUNCATED)


def test_whitening_matrix_is_symmetric_and_truncated():
    W = whitening([autoregressive(150, 0.4)])[0].matrix
    assert_array_equal(W, W.T)
    assert np.abs(W[W != 0]).min() > 1e-6
    assert not W[0, 100:].any()


@pytest.mark.parametrize("rho", [0.1, 0.4, 0.99])
def test_product_by_blocks_is_the_whole_product(rho):
    (W,) = whitening([autoregressive(150, rho)])
    Y = np.random.default_rng(1).standard_normal((150, 7))
    assert_allclose(W.product(Y), W.matrix @ Y, atol=ROUNDING)


def test_band_of_a_short_memory_is_narrow():
    (W,) = whitening([autoregressive(300, 0.3)])
    assert max(s.stop - s.start for s in W.columns) < 110


def test_runs_are_whitened_apart():
    parts = [autoregressive(50, 0.2), 3 * autoregressive(70, 0.5)]
    apart = [whitening([V])[0].matrix for V in parts]
    for W, alone in zip(whitening(parts), apart, strict=True):
        assert_allclose(W.matrix, alone, atol=ROUNDING)


def test_normalised_runs_have_a_mean_variance_of_one_and_keep_their_ratio():
    first, second = normalised([np.eye(10), 3 * np.eye(30)])
    assert_allclose((np.trace(first) + np.trace(second)) / 40, 1, rtol=ROUNDING)
    assert_allclose(second[0, 0] / first[0, 0], 3, rtol=ROUNDING)


def test_covariance_that_is_not_positive_definite_is_refused():
    with pytest.raises(ValueError, match="not positive definite"):
        whitening([np.diag([1.0, -0.5])])


def test_inverse_of_a_singular_matrix_is_finite():
    assert np.isfinite(regularised_inverse(np.ones((3, 3)))).all()


@pytest.mark.parametrize("width", [0, 15, 16, 129])
def test_product_covers_an_incomplete_last_block_of_narrow_and_wide_bands(width):
    lag = np.abs(np.subtract.outer(np.arange(131), np.arange(131)))
    matrix = np.where(lag <= width, 1.0 / (1 + lag), 0.0)
    W = banded(matrix)
    assert_array_equal(W.matrix, matrix)
    assert len(W.blocks[0]) == (16 if width < 16 else 64)
    Y = np.random.default_rng(width).standard_normal((131, 3))
    assert_allclose(W.product(Y), matrix @ Y, rtol=1e-13, atol=1e-13)


def test_whitening_is_the_root_of_the_inverse_with_its_ridge():
    # a variance as small as the ridge shows whether it is there, and with which sign
    V = np.diag([1.0, 2.0, 1e-15])
    (found,) = whitening([V])
    np.testing.assert_allclose(found.matrix @ found.matrix, regularised_inverse(V), rtol=1e-9)
    assert found.matrix[2, 2] < 0.9e-15**-0.5


@pytest.mark.parametrize(
    ("at_least", "rows"), [(1, [64, 64, 3]), (65, [128, 3]), (128, [128, 3]), (500, [131])]
)
def test_parts_of_a_whitening_are_its_rows_in_order(at_least, rows):
    matrix = np.random.default_rng(0).standard_normal((131, 131))
    W = banded(matrix)
    parts = list(W.parts(at_least))
    assert [some.stop - some.start for some, _ in parts] == rows
    Y = np.eye(131)
    for some, part in parts:
        assert_array_equal(part.product(Y), matrix[some])
