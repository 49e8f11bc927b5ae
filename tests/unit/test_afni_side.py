"""AFNI's scaling and limits of a series, as the attribution takes them."""

import numpy as np
from numpy.testing import assert_array_equal

from bidsglm.unit.pair_sides_further import _limited, _percent


def test_percent_is_of_any_mean_above_zero_and_nothing_below() -> None:
    Y = np.array([[0.25, -3.0, 0.0, 400.0], [0.75, 1.0, 0.0, 600.0]])
    assert_array_equal(_percent(Y), [200.0, 0.0, 0.0, 0.2])


def test_values_are_limited_to_twice_the_mean_and_zero() -> None:
    Y = np.array([[0.0, -1.0, -5.0], [1.0, 7.0, 1.0], [8.0, 0.0, 1.0]])
    assert_array_equal(_limited(Y), [[0.0, 0.0, 0.0], [1.0, 4.0, 0.0], [6.0, 0.0, 0.0]])
