"""Shares of a difference: the ladder and the Shapley values of a game.

A game gives a value v(S) to every set S of players that have joined. With n players it is an array of
shape (2,) * n (+ further axes), index 1 on axis i where player i has joined. The Shapley value of i is
its mean contribution over all orders of joining,

    sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S)),

and the values add up to v(all) - v(none) exactly (L. Shapley, in *Contributions to the Theory of Games*
II, 1953, pp. 307-317).
"""

from itertools import product
from math import comb

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats


def shapley_values(game: NDArray[np.floating], n_players: int) -> Floats:
    """Shapley value of every player.

    Parameters
    ----------
    game
        (2,) * n_players + (...)
    n_players
        Number of leading axes that are players.

    Returns
    -------
    (n_players, ...)

    >>> shapley_values(np.array([[0.0, 1.0], [2.0, 7.0]]), 2).tolist()
    [4.0, 3.0]
    """
    shares = np.zeros((n_players, *game.shape[n_players:]))
    for i in range(n_players):
        for others in product((0, 1), repeat=n_players - 1):
            weight = 1 / (n_players * comb(n_players - 1, sum(others)))
            with_i, without = (*others[:i], 1, *others[i:]), (*others[:i], 0, *others[i:])
            shares[i] += weight * (game[with_i] - game[without])
    return shares


def ladder(game: NDArray[np.floating], n_players: int) -> Floats:
    """Value of the game after each player has joined, one after the other in their order.

    Parameters
    ----------
    game
        (2,) * n_players + (...)
    n_players
        Number of leading axes that are players.

    Returns
    -------
    (n_players, ...)

    >>> ladder(np.array([[0.0, 1.0], [2.0, 7.0]]), 2).tolist()
    [2.0, 7.0]
    """
    joined = [(1,) * (i + 1) + (0,) * (n_players - i - 1) for i in range(n_players)]
    return np.array([game[corner] for corner in joined]).reshape(n_players, *game.shape[n_players:])
