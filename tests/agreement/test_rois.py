import warnings

import numpy as np

from bidsglm.agreement.rois import region_means

ROUNDING = 1e-10


def test_region_means_equal_a_naive_loop() -> None:
    rng = np.random.default_rng(0)
    values, places, mask = rng.standard_normal(500), rng.integers(0, 5, 500), rng.random(500) > 0.3
    values[:20] = np.nan
    found = region_means(values, places, mask, 5)
    for region in range(5):
        here = (places == region + 1) & mask
        assert found.n_voxels[region] == here.sum()
        usable = values[here & np.isfinite(values)]
        expected = (usable.mean(), usable.std(ddof=1)) if usable.size else (np.nan, np.nan)
        np.testing.assert_allclose((found.mean[region], found.sd[region]), expected, rtol=ROUNDING)


def test_region_outside_the_mask_is_empty_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = region_means(np.ones(3), np.array([1, 1, 2]), np.array([True, True, False]), 3)
    assert found.n_voxels.tolist() == [2, 0, 0]
    np.testing.assert_array_equal(found.mean, [1, np.nan, np.nan])
