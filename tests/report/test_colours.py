"""Numbers to colours."""

import numpy as np
import pytest

from bidsglm.report import colours


@pytest.mark.parametrize("n", [1, 2, 700, 20_001, 50_000, 123_457])
@pytest.mark.parametrize("share", [0.995, 0.998])
def test_a_high_quantile_is_numpys(n, share):
    values = np.abs(np.random.default_rng(n).standard_t(3, n))
    for each in (values, values.round(1), np.sort(values), np.zeros(n), np.where(values > 9, values, 0)):
        assert colours.high_quantile(each, share) == np.quantile(each, share)


def test_without_a_value_the_anatomy_is_seen():
    below = np.array([[10, 200]], np.uint8)
    painted = colours.painted(np.array([[np.nan, 5.0]]), 5.0, True, below)
    assert painted[0, 0].tolist() == [10, 10, 10]
    assert painted[0, 1].tolist() == list(colours.rgb(colours.STOPS[-1]))
