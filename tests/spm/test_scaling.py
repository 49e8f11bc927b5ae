import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.spm.scaling import global_mean, scale_factors, thresholds, within_mask

ROUNDING = 1e-13
"""Of a mean over a thousand float64 values."""


def volume():
    rng = np.random.default_rng(1)
    return np.where(
        rng.random((10, 12, 8)) < 0.5, rng.uniform(0, 30, (10, 12, 8)), rng.uniform(500, 900, (10, 12, 8))
    )


def test_global_is_the_mean_above_an_eighth_of_the_mean():
    values = volume()
    assert_allclose(global_mean(values), values[values > values.mean() / 8].mean(), rtol=ROUNDING)


def test_voxels_that_are_not_finite_do_not_count():
    values = volume()
    holed = values.copy()
    holed[0, 0] = np.nan
    holed[1, 0] = np.inf
    assert_allclose(global_mean(holed), global_mean(values[np.isfinite(holed)]), rtol=ROUNDING)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32])
def test_slope_and_intercept_act_on_stored_values(dtype):
    stored = (volume() / 5).astype(dtype)
    values = stored.astype(float) * 2.5 - 7
    assert_allclose(global_mean(stored, 2.5, -7.0), global_mean(values), rtol=ROUNDING)


def test_memory_order_does_not_matter():
    values = volume()
    assert_allclose(global_mean(np.asfortranarray(values)), global_mean(values), rtol=ROUNDING)


@pytest.mark.parametrize("values", [np.zeros(5), np.full(5, np.nan), np.array([])])
def test_volume_without_signal_has_no_global(values):
    assert np.isnan(global_mean(values))


@pytest.mark.parametrize("normalization", ["None", "Scaling"])
def test_scaled_globals_have_a_mean_of_100(normalization):
    g = np.array([700.0, 800.0, 900.0])
    assert_allclose((g * scale_factors(g, normalization)).mean(), 100, rtol=ROUNDING)


@pytest.mark.parametrize("g", [[np.nan, 1.0], [0.0, 0.0], [-5.0, 1.0]])
def test_globals_that_are_not_positive_are_refused(g):
    with pytest.raises(ValueError, match="not a positive number"):
        scale_factors(np.array(g), "None")


def test_without_threshold_every_finite_value_passes():
    g = np.array([700.0, 800.0])
    assert_array_equal(thresholds(g, scale_factors(g, "None"), -np.inf), -np.inf)


def test_voxel_must_exceed_the_threshold_of_every_scan():
    limits = [np.array([1.0, 2.0])]
    Y = np.array([[1.5, 1.5, 1.0, np.nan], [2.5, 1.9, 2.5, 3.0]])
    assert_array_equal(within_mask([Y], limits), [True, False, False, False])


def test_constant_voxel_leaves_the_mask_unless_runs_differ():
    first = np.array([[5.0, 5.0, 5.0], [5.0, 5.0, 6.0]])
    second = np.array([[5.0, 5.5, 5.0], [5.0, 5.5, 5.0]])
    limits = [np.full(2, -np.inf)] * 2
    assert_array_equal(within_mask([first, second], limits), [False, True, True])


def test_voxel_with_some_zeros_stays_without_threshold():
    Y = np.array([[0.0], [3.0], [0.0]])
    assert within_mask([Y], [np.full(3, -np.inf)])[0]


@pytest.mark.parametrize(("low", "counts"), [(0.12, False), (0.13, True)])
def test_brain_begins_at_an_eighth_of_the_mean(low, counts):
    # the mean is that of the brain but for the little voxel
    values = np.array([low, *np.full(999, 1.0)])
    assert global_mean(values) == pytest.approx(values.mean() if counts else 1.0, rel=1e-9)
