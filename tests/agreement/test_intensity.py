"""Units of effects and the ratio of their spreads."""

import numpy as np
import pytest

from bidsglm.agreement.autocorrelation import of_autoregression, of_components
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
