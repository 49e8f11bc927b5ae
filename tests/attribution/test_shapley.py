"""Shares of a game."""

import numpy as np
import pytest

from bidsglm.attribution.shapley import ladder, shapley_values

ROUNDING = 1e-12
"""Sums of a few hundred numbers of order 1."""


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_values_add_up_to_the_whole(n: int) -> None:
    game = np.random.default_rng(n).standard_normal((2,) * n + (5,))
    whole = game[(1,) * n] - game[(0,) * n]
    np.testing.assert_allclose(shapley_values(game, n).sum(axis=0), whole, atol=ROUNDING)


def test_values_are_mean_contributions_over_all_orders() -> None:
    from itertools import permutations

    game = np.random.default_rng(0).standard_normal((2, 2, 2))
    expected = np.zeros(3)
    for order in permutations(range(3)):
        joined = [0, 0, 0]
        for player in order:
            before = game[tuple(joined)]
            joined[player] = 1
            expected[player] += (game[tuple(joined)] - before) / 6
    np.testing.assert_allclose(shapley_values(game, 3), expected, atol=ROUNDING)


def test_a_player_that_changes_nothing_gets_nothing() -> None:
    half = np.random.default_rng(1).standard_normal((2, 2))
    np.testing.assert_allclose(shapley_values(np.stack([half, half], axis=1), 3)[1], 0, atol=ROUNDING)


def test_the_ladder_ends_at_the_whole() -> None:
    game = np.random.default_rng(2).standard_normal((2, 2, 2))
    assert ladder(game, 3)[-1] == game[1, 1, 1]
    assert ladder(game, 3)[0] == game[1, 0, 0]
