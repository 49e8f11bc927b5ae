"""Units of effects and the ratio of their spreads."""

import numpy as np
import pytest

from bidsglm.agreement.autocorrelation import of_autoregression, of_components, weighted_quantiles
from bidsglm.agreement.intensity import NilearnUnit, level, spread
from bidsglm.spm.covariance import components

SIMULATED = 0.02
"""About three standard errors of an autocorrelation over 40,000 scans."""


def test_factors_bring_an_effect_to_percent_of_brain_and_voxel() -> None:
    means, factor = np.array([400.0, 800.0, 1200.0]), 0.2
    found = level(means, factor, 500.0, 10)
    one_percent_of_brain = 0.01 * means.mean() * factor
    assert one_percent_of_brain * found.to_brain_percent == pytest.approx(1)
    assert 0.01 * 800 * factor * found.to_voxel_percent_median == pytest.approx(1)


def test_parts_of_the_ratio_multiply_to_it() -> None:
    rng = np.random.default_rng(0)
    m = 140 + 20 * rng.standard_normal(500)
    e = rng.standard_normal(500)
    found = spread(e, 90 * e / m + 0.1 * rng.standard_normal(500), NilearnUnit(m / 100, 1.4))
    assert found.by_level * found.by_brightness * found.by_rest == pytest.approx(found.sd_ratio)
    assert found.sd_ratio == pytest.approx(found.sd_spm / found.sd_nilearn)
    assert found.by_rest == pytest.approx(found.sd_spm_converted / found.sd_nilearn)


def test_equal_brightness_leaves_the_level_alone() -> None:
    e = np.random.default_rng(1).standard_normal(50)
    found = spread(1.5 * e, e, NilearnUnit(np.full(50, 1.5), 1.5))
    np.testing.assert_allclose([found.by_level, found.by_brightness, found.by_rest], [1.5, 1, 1])


@pytest.mark.parametrize("coefficients", [(0.6,), (-0.3,), (0.5, 0.3), (0.4, -0.2, 0.1)])
def test_autoregression_has_the_autocorrelation_of_its_process(coefficients: tuple[float, ...]) -> None:
    rng, n = np.random.default_rng(3), 40_000
    y = rng.standard_normal(n)
    for i in range(len(coefficients), n):
        y[i] += np.dot(coefficients, y[i - len(coefficients) : i][::-1])
    measured = [np.corrcoef(y[: n - lag], y[lag:])[0, 1] for lag in (1, 2, 5)]
    found = of_autoregression(np.array(coefficients), 5)
    np.testing.assert_allclose(found[[1, 2, 5]], measured, atol=SIMULATED)


def test_components_at_the_point_of_expansion_are_its_autoregression() -> None:
    rows = components("AR(1)", 30, 2.0)
    np.testing.assert_allclose(
        of_components(np.array([0.5, 0.5]), rows, 5), of_autoregression(np.array([0.2]), 5), atol=1e-12
    )


def test_components_of_any_variance_are_an_autocorrelation() -> None:
    rows = np.array([[1.0, 0.0, 0.0], [2.0, 1.0, 0.5]])
    found = of_components(np.array([3.0, 2.0]), rows, 4)
    np.testing.assert_allclose(found, [1, 2 / 7, 1 / 7, np.nan, np.nan])
    assert of_components(np.array([3.0, 2.0]), rows, 1).size == 2


def test_level_of_a_run_is_told_before_and_after_the_scaling() -> None:
    means = np.array([100.0, 200.0, 300.0, 400.0, 0.0])
    found = level(means, 0.5, 180.0, 7)
    assert (found.spm_global, found.n_global_voxels, found.n_mask_voxels) == (180.0, 7, 5)
    assert (found.mask_mean, found.scaled_mask_mean, found.to_brain_percent) == (200.0, 100.0, 1.0)
    # 100 / 50, 100, 150, 200 in the voxels that have signal
    quartiles = np.percentile([2, 1, 2 / 3, 0.5], [25, 50, 75])
    assert found[-3:] == pytest.approx(tuple(quartiles))


def test_effects_in_one_unit_are_compared_by_slope_correlation_and_distance() -> None:
    rng = np.random.default_rng(3)
    f, u = rng.standard_normal(40), rng.uniform(0.5, 2, 40)
    e = u * (2 * f + 0.1 * rng.standard_normal(40))
    found = spread(e, f, NilearnUnit(u, 1.2))
    values, vectors = np.linalg.eigh(np.cov(f, e / u))
    axis = vectors[:, values.argmax()]
    assert found.slope_converted == pytest.approx(axis[1] / axis[0])
    assert found.sd_spm_converted == pytest.approx((e / u).std())
    assert found.by_level == 1.2
    assert found[-2:] == pytest.approx((np.corrcoef(f, e / u)[0, 1], np.sqrt(((e / u - f) ** 2).mean())))
    none = spread(e, np.zeros(40), NilearnUnit(u, 1.2))
    assert np.isnan([none.sd_ratio, none.by_rest]).all()


def test_an_autoregression_of_no_order_has_no_memory() -> None:
    assert of_autoregression(np.array([]), 3).tolist() == [1, 0, 0, 0]
    assert of_autoregression(np.array([0.5, 0.2]), 0).tolist() == [1]


@pytest.mark.parametrize(
    ("share", "wanted"), [(0.0, 1.0), (0.2, 1.0), (0.21, 2.0), (0.5, 2.0), (0.51, 5.0), (1.0, 5.0)]
)
def test_a_weighted_quantile_is_the_smallest_value_that_reaches_the_share(
    share: float, wanted: float
) -> None:
    # ten values: twice 1, three times 2, five times 5
    assert weighted_quantiles(np.array([5.0, 1.0, 2.0]), [5, 2, 3], [share]) == wanted


def test_voxels_of_any_signal_have_a_factor_and_those_of_none_have_not() -> None:
    found = level(np.array([-1.0, 0.0, 0.25, 0.5, 1.0]), 1.0, 1.0, 1)
    quartiles = np.quantile(100 / np.array([0.25, 0.5, 1.0]), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(found[-3:], quartiles)
    assert found.n_mask_voxels == 5
    assert found.mask_mean == found.scaled_mask_mean == 0.15
    assert found.to_brain_percent == pytest.approx(100 / 0.15)
