"""Metrics of many maps at once, against those of one pair."""

import numpy as np
import pytest

from bidsglm.agreement.maps import pearson_r, principal_axis
from bidsglm.attribution.differences import distances, threshold, unlikeness

EQUAL = 1e-12


@pytest.mark.parametrize("slope", [-2.0, 0.04, 0.9, 30.0])
def test_distances_are_those_of_the_agreement_table(slope: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(500)
    y = slope * x + rng.standard_normal(500) / 10
    far = distances(x, np.stack([x, y]))
    np.testing.assert_allclose(far["slope-1"][1], principal_axis(x, y).slope - 1, rtol=EQUAL)
    np.testing.assert_allclose(far["1-r"][1], 1 - pearson_r(x, y), atol=EQUAL)
    np.testing.assert_allclose(far["rmsd"], [0, np.sqrt(np.mean((y - x) ** 2))], rtol=EQUAL)
    np.testing.assert_allclose([far["slope-1"][0], far["1-r"][0]], 0, atol=EQUAL)


def test_two_empty_sets_are_alike() -> None:
    nothing = np.zeros(3, dtype=bool)
    assert unlikeness(nothing, nothing[None]).tolist() == [0.0]


def test_thresholds_of_t_and_f_agree() -> None:
    from scipy.stats import f, t

    assert threshold((87.5,)) == pytest.approx(t.isf(0.001, 87.5), rel=1e-9)
    assert threshold((2.0, 87.5)) == pytest.approx(f.isf(0.001, 2, 87.5), rel=1e-9)
