"""Shares of a difference."""

import numpy as np
import pytest

from bidsglm.attribution.shapley import ladder, shapley_values

ROUNDING = 1e-12
"""Sums of a few hundred numbers of order 1."""


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_values_add_up_to_the_whole(n: int) -> None:
    values = np.random.default_rng(n).standard_normal((2,) * n + (5,))
    whole = values[(1,) * n] - values[(0,) * n]
    np.testing.assert_allclose(shapley_values(values, n).sum(axis=0), whole, atol=ROUNDING)


def test_values_are_mean_contributions_over_all_orders() -> None:
    from itertools import permutations

    values = np.random.default_rng(0).standard_normal((2, 2, 2))
    expected = np.zeros(3)
    for order in permutations(range(3)):
        taken = [0, 0, 0]
        for step in order:
            before = values[tuple(taken)]
            taken[step] = 1
            expected[step] += (values[tuple(taken)] - before) / 6
    np.testing.assert_allclose(shapley_values(values, 3), expected, atol=ROUNDING)


def test_a_step_that_changes_nothing_gets_nothing() -> None:
    half = np.random.default_rng(1).standard_normal((2, 2))
    np.testing.assert_allclose(shapley_values(np.stack([half, half], axis=1), 3)[1], 0, atol=ROUNDING)


def test_the_ladder_ends_at_the_whole() -> None:
    values = np.random.default_rng(2).standard_normal((2, 2, 2))
    assert ladder(values, 3)[-1] == values[1, 1, 1]
    assert ladder(values, 3)[0] == values[1, 0, 0]
