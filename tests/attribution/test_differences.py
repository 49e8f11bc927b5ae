"""Metrics of many maps at once, against those of one pair."""

from itertools import pairwise

import numpy as np
import pytest

from bidsglm.agreement.maps import pearson_r, principal_axis
from bidsglm.attribution.differences import MapSums, distances, merged, stacked, summed, threshold

EQUAL = 1e-12


@pytest.mark.parametrize("slope", [-2.0, 0.04, 0.9, 30.0])
def test_distances_are_those_of_the_agreement_table(slope: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(500)
    y = slope * x + rng.standard_normal(500) / 10
    far = distances(summed(x, np.stack([x, y])))
    np.testing.assert_allclose(far["slope-1"][1], principal_axis(x, y).slope - 1, rtol=EQUAL)
    np.testing.assert_allclose(far["1-r"][1], 1 - pearson_r(x, y), atol=EQUAL)
    np.testing.assert_allclose(far["rmsd"], [0, np.sqrt(np.mean((y - x) ** 2))], rtol=EQUAL)
    np.testing.assert_allclose([far["slope-1"][0], far["1-r"][0]], 0, atol=EQUAL)


def test_two_empty_sets_are_alike() -> None:
    nothing = np.zeros(3)
    found = summed(nothing, nothing[None], (np.array(1.0), np.array([1.0])))
    assert distances(found)["1-dice"].tolist() == [0.0]


@pytest.mark.parametrize("bounds", [(0, 250, 499, 500), (0, 500)])
def test_sums_of_blocks_are_those_of_all_voxels(bounds: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    # maps of two contrasts, far from zero and near their references
    x = 1e4 + rng.standard_normal((2, 500))
    y = x + rng.standard_normal((3, 2, 500)) / 100
    limits = 1e4 + rng.standard_normal(2), 1e4 + rng.standard_normal((3, 2))

    def of(part: slice) -> MapSums:
        # combination by combination, as they are fitted
        return stacked(
            [
                summed(x[:, part], each[:, part], (limits[0], each_limit))
                for each, each_limit in zip(y, limits[1], strict=True)
            ]
        )

    parts = merged([of(slice(start, stop)) for start, stop in pairwise(bounds)])
    for contrast in (0, 1):
        whole = summed(x[contrast], y[:, contrast], (limits[0][contrast], limits[1][:, contrast]))
        found, wanted = distances(parts.of(contrast)), distances(whole)
        assert found.keys() == wanted.keys() == {"rmsd", "slope-1", "1-r", "1-dice"}
        for metric in found:
            np.testing.assert_allclose(found[metric], wanted[metric], rtol=1e-9, atol=1e-15)
        np.testing.assert_array_equal(found["1-dice"], wanted["1-dice"])
        assert 0 < found["1-dice"][0] < 1


def test_thresholds_of_t_and_f_agree() -> None:
    from scipy.stats import f, t

    assert threshold((87.5,)) == pytest.approx(t.isf(0.001, 87.5), rel=1e-9)
    assert threshold((2.0, 87.5)) == pytest.approx(f.isf(0.001, 2, 87.5), rel=1e-9)
