"""Cross-products of data with all designs at once."""

import numpy as np
import pytest

from bidsglm.attribution.crossproducts import estimable, products, span
from bidsglm.model import Floats

N_SCANS = 40
EXACT = 1e-12
"""Sums of 40 numbers of order 1."""


def design() -> Floats:
    return np.random.default_rng(0).standard_normal((N_SCANS, 4)) * [1, 1e-4, 1e4, 1]


def test_products_give_every_combination_of_columns() -> None:
    X, Y = design(), np.random.default_rng(1).standard_normal((N_SCANS, 6))
    Y -= Y.mean(axis=0)
    cross = products(Y, X, X[:, :1])
    shift = np.eye(N_SCANS, k=-1)
    B = cross.basis
    np.testing.assert_allclose(B @ (B.T @ X) / np.abs(X).max(axis=0), X / np.abs(X).max(axis=0), atol=EXACT)
    np.testing.assert_allclose(cross.plain, Y.T @ B, atol=EXACT)
    np.testing.assert_allclose(cross.lagged, Y.T @ (shift + shift.T) @ B, atol=EXACT)
    np.testing.assert_allclose(cross.forward, (shift @ Y).T @ X[:, :1], atol=EXACT)
    np.testing.assert_allclose(cross.power, (Y**2).sum(axis=0), atol=EXACT)
    np.testing.assert_allclose(cross.lag_power, np.diag(Y.T @ shift @ Y), atol=EXACT)


def test_a_design_without_full_rank_keeps_its_estimable_contrasts() -> None:
    X = design()
    twice = np.hstack([X[:, :1] + X[:, 3:4], X])
    alone, both = np.eye(5)[1:2], np.array([[1.0, 1.0, 0, 0, 0], [0.0, 0, 1.0, 0, 0]])
    assert not estimable(twice, alone)
    assert estimable(twice, both)
    assert span(twice, both).basis.shape[1] == 4


def test_a_column_that_is_dead_but_for_rounding_stays_dead() -> None:
    X = design()
    X[:, 1] = 1e-14 * X[:, 2]
    assert span(X, np.zeros((0, 4))).basis.shape[1] == 3
    assert not estimable(X, np.eye(4)[1:2])


@pytest.mark.parametrize(("off", "wanted"), [(0.9e-6, True), (1.1e-6, False)])
def test_a_millionth_of_a_contrast_may_lie_outside_the_row_space(off: float, wanted: bool) -> None:
    # the design tells the first column from nothing else, and the second from the third not at all
    X = np.array([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]])
    X[:, 1:] /= np.linalg.norm(X[:, 1])
    # of (0, a, -a) all lies outside, beside a weight of 1
    assert estimable(X, np.array([[1.0, off, -off]])) == wanted
