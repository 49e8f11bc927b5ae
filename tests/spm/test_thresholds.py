import json

import numpy as np
import pytest

from bidsglm.spm.random_field import Field, SearchVolume, cluster_probability, upper_tail
from bidsglm.spm.thresholds import (
    bonferroni_threshold,
    false_discovery_rates,
    fdr_threshold,
    fwe_threshold,
    random_field_threshold,
    thresholds,
    uncorrected_threshold,
)
from tests.spm.extras import find_extra

ROOT_RTOL = 1e-11
"""SPM's Newton steps end below 1e-6, so the last of them is at rounding."""
BISECTION_RTOL = 2e-7
"""SPM inverts distributions by bisection; up to 1e-7 was seen."""
ALPHA = 0.05
N_VOXELS = 5000
NORMAL = Field("t", (1e7,))
"""As good as a standard normal."""

GRID = [
    entry
    for entry in json.loads(find_extra("inference/functions_grid.json").read_text())
    if "uc_RF05" in entry and entry["STAT"] != "Z"
]


def test_the_grid_is_whole():
    assert len(GRID) == 96


def field_of(entry: dict) -> Field:
    numerator, residual = (float(dof) for dof in entry["df"])
    return Field("t", (residual,)) if entry["STAT"] == "T" else Field("F", (numerator, residual))


@pytest.mark.parametrize("entry", GRID, ids=lambda e: f"{e['STAT']}-{e['df']}-{e['u']}-{len(e['R'])}")
def test_family_wise_thresholds_equal_spm(entry):
    field, resels = field_of(entry), tuple(entry["R"])
    np.testing.assert_allclose(random_field_threshold(field, resels), entry["uc_RF05"], rtol=ROOT_RTOL)
    if "uc_Bonf05_S5000" in entry:
        bonferroni = bonferroni_threshold(field, N_VOXELS)
        np.testing.assert_allclose(bonferroni, entry["uc_Bonf05_S5000"], rtol=BISECTION_RTOL)
        search = SearchVolume(N_VOXELS, resels, (2.0, 2.0, 2.0))
        np.testing.assert_allclose(fwe_threshold(field, search), entry["uc05_S5000"], rtol=BISECTION_RTOL)


@pytest.mark.parametrize("field", [Field("t", (8.0,)), Field("F", (2.0, 40.0))])
def test_thresholds_are_exceeded_with_their_probability(field):
    resels = (2.0, 15.0, 60.0, 90.0)
    height = random_field_threshold(field, resels)
    np.testing.assert_allclose(cluster_probability(field, resels, height).corrected, ALPHA, rtol=1e-9)
    np.testing.assert_allclose(upper_tail(field, uncorrected_threshold(field, 0.001)), 0.001, rtol=1e-9)
    np.testing.assert_allclose(
        N_VOXELS * upper_tail(field, bonferroni_threshold(field, N_VOXELS)), ALPHA, rtol=1e-9
    )


def test_family_wise_threshold_is_bonferronis_where_the_theory_finds_none():
    search = SearchVolume(300, (-90.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    field = NORMAL
    assert random_field_threshold(field, search.resels) == np.inf
    assert fwe_threshold(field, search) == bonferroni_threshold(field, 300)


@pytest.mark.parametrize("dof", [1.0, 2.0, 3.0, 4.0])
def test_few_degrees_of_freedom_leave_bonferroni(dof):
    search = SearchVolume(N_VOXELS, (1.0, 20.0, 150.0, 400.0), (2.0, 2.0, 2.0))
    for field in (Field("t", (dof,)), Field("F", (2.0, dof))):
        assert fwe_threshold(field, search) == bonferroni_threshold(field, N_VOXELS)


def test_false_discovery_threshold_matches_the_rule():
    values = np.random.default_rng(0).standard_normal(500)
    values[:60] += 3
    field = NORMAL
    height = fdr_threshold(field, values, 0.1)
    p = np.sort(upper_tail(field, values))
    last = max(i for i in range(500) if p[i] <= (i + 1) / 500 * 0.1)
    np.testing.assert_allclose(upper_tail(field, height), p[last], rtol=1e-12)
    kept = false_discovery_rates(upper_tail(field, values)) <= 0.1
    np.testing.assert_array_equal(kept, values >= height)


def test_voxels_outside_the_mask_do_not_count():
    field = NORMAL
    padding = np.concatenate([np.zeros(100), np.full(100, np.nan)])
    # 2.0 passes among three voxels only: its p of 0.023 is far above 0.05 * 3 / 203
    for inside, expected in (([5.0, 4.0, 1.0], 4.0), ([5.0, 4.0, 2.0], 2.0)):
        assert fdr_threshold(field, np.array(inside)) == expected
        assert fdr_threshold(field, np.concatenate([inside, padding])) == expected


def test_nothing_survives_in_noise():
    assert fdr_threshold(NORMAL, np.linspace(-1, 1, 50)) == np.inf
    assert fdr_threshold(NORMAL, np.zeros(5)) == np.inf


def test_false_discovery_rates_rise_with_p_and_stay_below_one():
    p = np.random.default_rng(1).random(30)
    q = false_discovery_rates(p)
    assert np.all(np.diff(q[np.argsort(p)]) >= 0)
    assert np.all((q >= p) & (q <= 1))
    assert len(false_discovery_rates([])) == 0


def test_a_map_has_three_thresholds():
    search = SearchVolume(1000, (1.0, 10.0, 50.0, 80.0), (2.0, 2.0, 2.0))
    field = Field("t", (30.0,))
    found = thresholds(field, search, np.array([8.0, 7.0, 0.0]))
    assert found.p001 == uncorrected_threshold(field, 0.001)
    assert found.fwe05 == fwe_threshold(field, search)
    assert found.fdr05 == 7.0


@pytest.mark.parametrize("shift", [0.0, 0.6, 2.5])
def test_false_discovery_threshold_is_that_of_the_p_of_every_voxel(shift: float) -> None:
    rng = np.random.default_rng(5)
    for field in (Field("t", (24.0,)), Field("F", (2.0, 24.0))):
        values = rng.standard_t(24, 3_000) + shift * (rng.random(3_000) < 0.3)
        values = values if field.statistic == "t" else values**2
        p = np.sort(upper_tail(field, values))
        passing = np.flatnonzero(p <= 0.05 * np.arange(1, 3_001) / 3_000)
        expected = np.sort(values)[::-1][passing[-1]] if passing.size else np.inf
        assert fdr_threshold(field, values) == expected


def test_a_voxel_whose_rate_equals_the_wanted_one_is_kept() -> None:
    field, values = Field("t", (20.0,)), np.array([2.0])
    (rate,) = upper_tail(field, values)
    assert fdr_threshold(field, values, float(rate)) == 2.0
    assert fdr_threshold(field, values, float(np.nextafter(rate, 0))) == np.inf
