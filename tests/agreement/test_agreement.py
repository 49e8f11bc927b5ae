"""Agreement metrics against naive versions, their properties and their edges."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bidsglm.agreement.maps import (
    BothMaps,
    FweThresholds,
    MapPair,
    agreement,
    dice_p001,
    map_agreement,
    peak_distance,
)
from bidsglm.data import ContrastMaps
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.outputs.unit_tables import AGREEMENT

RTOL = 1e-10
"""Both sides are float64 sums over some hundred voxels, a few hundred rounding errors apart."""
N_VOXELS = 400
UNIT_COLUMNS = ("rmsd", "mean_difference", "loa_lower", "loa_upper", "intercept")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(27231)


def correlated(rng: np.random.Generator, slope: float = 1.3) -> tuple[Floats, Floats]:
    x = rng.normal(size=N_VOXELS)
    return x, slope * x + 0.5 + 0.4 * rng.normal(size=N_VOXELS)


def grid(n: int = N_VOXELS) -> Floats:
    return np.stack(np.unravel_index(np.arange(n), (20, 20, 1)), axis=1) * 3.0


def contrast_maps(t: Floats, mask: Mask, test: str = "t") -> ContrastMaps:
    specification = ContrastSpecification("a > b", "aGreaterb", ("a", "b"), np.array([[1.0, -1.0]]), test)
    p = np.where(mask, stats.t.sf(t, 50), 1.0)
    effect = None if test == "F" else np.where(mask, t / 3, np.nan)
    return ContrastMaps(
        specification, (0,), effect, effect, np.where(mask, t, 0), np.where(mask, t, 0), p, (50.0,)
    )


def masked(rng: np.random.Generator) -> Mask:
    return rng.random(N_VOXELS) < 0.8


def active(rng: np.random.Generator) -> tuple[Floats, Floats]:
    common = rng.normal(size=N_VOXELS) + 5 * (np.arange(N_VOXELS) < 80)
    return common + 0.5 * rng.normal(size=N_VOXELS), common + 0.5 * rng.normal(size=N_VOXELS)


def test_peak_is_sought_in_each_packages_own_mask():
    t = np.array([9.0, 5.0, 1.0])
    masks = np.array([False, True, True]), np.array([True, True, True])
    distance = peak_distance(MapPair(t, t, *masks), np.array([[0.0, 0, 0], [0, 0, 7], [1, 1, 1]]))
    assert distance == 7.0


def test_peak_is_the_highest_voxel_that_is_finite():
    inside, places = np.ones(3, dtype=bool), np.array([[0.0, 0, 0], [3, 0, 0], [9, 0, 0]])
    for bad in (np.nan, np.inf):
        pair = MapPair(np.array([bad, 5.0, 1.0]), np.array([1.0, 2.0, 5.0]), inside, inside)
        assert peak_distance(pair, places) == 6


def test_identical_maps_agree_perfectly(rng):
    t = active(rng)[0]
    mask = masked(rng)
    maps = contrast_maps(t, mask)
    rows = agreement(BothMaps(maps, maps, (mask, mask)), grid(), FweThresholds(4.5, 4.5))
    for row in rows:
        for column in ("pearson_r", "spearman_rho", "concordance", "slope", "sign_agreement"):
            np.testing.assert_allclose(row[column], 1.0, rtol=RTOL, err_msg=column)
        for column in UNIT_COLUMNS:
            np.testing.assert_allclose(row[column], 0.0, atol=RTOL, err_msg=column)
        assert (row["n_spm_only"], row["n_nilearn_only"]) == (0, 0)
    t_row = rows[1]
    for key in ("p001", "fdr05", "fwe05"):
        assert t_row[f"n_spm_{key}"] == t_row[f"n_nilearn_{key}"] > 0
        assert (t_row[f"dice_{key}"], t_row[f"jaccard_{key}"]) == (1.0, 1.0)
        assert (t_row[f"dark_dice_spm_{key}"], t_row[f"dark_dice_nilearn_{key}"]) == (0.0, 0.0)
    assert t_row["peak_distance_mm"] == 0.0


def test_difference_is_spm_minus_nilearn():
    x = np.arange(10.0)
    inside = np.ones(10, bool)
    row = map_agreement(MapPair(first=2 * x + 1, reference=x, first_mask=inside, reference_mask=inside))
    np.testing.assert_allclose([row["slope"], row["intercept"]], [2, 1], rtol=RTOL)
    np.testing.assert_allclose(row["mean_difference"], np.mean(x + 1), rtol=RTOL)


def test_swapping_the_packages_mirrors_the_row(rng):
    x, y = correlated(rng)
    masks = masked(rng), masked(rng)
    row, swapped = map_agreement(MapPair(x, y, *masks)), map_agreement(MapPair(y, x, *masks[::-1]))
    for column in ("n_both", "pearson_r", "spearman_rho", "concordance", "rmsd", "sign_agreement"):
        np.testing.assert_allclose(row[column], swapped[column], rtol=RTOL, err_msg=column)
    np.testing.assert_allclose(row["loa_lower"], -swapped["loa_upper"], rtol=RTOL)
    assert row["n_spm_only"] == swapped["n_nilearn_only"]


def test_metrics_ignore_voxels_outside_both_masks(rng):
    x, y = correlated(rng)
    masks = masked(rng), masked(rng)
    row = map_agreement(MapPair(x, y, *masks))
    outside = ~(masks[0] & masks[1])
    assert map_agreement(MapPair(np.where(outside, 1e9, x), np.where(outside, np.nan, y), *masks)) == row
    assert row["n_both"] + row["n_spm_only"] == masks[0].sum()
    assert row["n_both"] + row["n_nilearn_only"] == masks[1].sum()


@pytest.mark.parametrize("broken", ["spm", "nilearn"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_that_are_not_finite_in_one_map_count_but_are_left_out_of_the_metrics(rng, broken, value):
    y, x = correlated(rng)
    inside = np.ones(N_VOXELS, dtype=bool)
    hit = rng.random(N_VOXELS) < 0.1
    maps = {"spm": y, "nilearn": x} | {broken: np.where(hit, value, y if broken == "spm" else x)}
    row = map_agreement(MapPair(maps["spm"], maps["nilearn"], inside, inside))
    expected = map_agreement(MapPair(y[~hit], x[~hit], inside[~hit], inside[~hit]))
    assert row == {**expected, "n_both": N_VOXELS}


def test_thresholds_use_each_packages_own_p(rng):
    t = active(rng)[0]
    mask = np.ones(N_VOXELS, bool)
    spm = contrast_maps(t, mask)
    nilearn = replace(spm, p=np.ones(N_VOXELS))
    row = agreement(BothMaps(spm, nilearn, (mask, mask)), grid())[1]
    assert row["n_spm_p001"] == np.sum(spm.p < 0.001)
    assert (row["n_nilearn_p001"], row["n_nilearn_fdr05"], row["dice_p001"]) == (0, 0, 0.0)


def test_thresholds_take_the_positive_tail_only(rng):
    t = -np.abs(active(rng)[0])
    mask = np.ones(N_VOXELS, bool)
    maps = contrast_maps(t, mask)
    row = agreement(BothMaps(maps, maps, (mask, mask)), grid())[1]
    assert (row["n_spm_p001"], row["n_spm_fdr05"]) == (0, 0)
    assert np.isnan(row["dice_p001"])


def test_rows_have_the_documented_columns_in_order(rng):
    a, b = active(rng)
    masks = masked(rng), masked(rng)
    maps = contrast_maps(a, masks[0]), contrast_maps(b, masks[1])
    full = agreement(BothMaps(*maps, masks), grid(), FweThresholds(4.5, 4.6))
    names = [name for name in AGREEMENT.names if name != "contrast_name"]
    assert [list(row) for row in full] == [names] * 3
    assert [row["map"] for row in full] == ["effect", "t", "z"]
    without = agreement(BothMaps(*maps, masks), grid())
    assert list(without[0]) == [column for column in names if not column.endswith("_fwe05")]


def test_overlap_and_peak_belong_to_the_t_row(rng):
    a, b = active(rng)
    mask = np.ones(N_VOXELS, bool)
    effect, t, z = agreement(BothMaps(contrast_maps(a, mask), contrast_maps(b, mask), (mask, mask)), grid())
    for row in (effect, z):
        assert np.isnan([row["dice_p001"], row["n_spm_fdr05"], row["peak_distance_mm"]]).all()
    assert np.isfinite([t["dice_p001"], t["n_spm_fdr05"], t["peak_distance_mm"]]).all()


def test_f_contrast_has_no_effect_row_and_no_sign(rng):
    a, b = (np.abs(t) for t in active(rng))
    mask = np.ones(N_VOXELS, bool)
    rows = agreement(BothMaps(contrast_maps(a, mask, "F"), contrast_maps(b, mask, "F"), (mask, mask)), grid())
    assert [row["map"] for row in rows] == ["F", "z"]
    assert np.isnan(rows[0]["sign_agreement"])
    assert np.isfinite([rows[0]["dice_p001"], rows[0]["pearson_r"]]).all()


@pytest.mark.parametrize(
    ("spm", "nilearn", "n_inside"),
    [
        pytest.param(np.arange(6.0), np.zeros(6), 6, id="constant map"),
        pytest.param(np.full(6, 0.1), np.full(6, 0.1), 6, id="both constant"),
        pytest.param(np.arange(6.0), np.arange(6.0), 2, id="two voxels"),
        pytest.param(np.arange(6.0), np.arange(6.0), 0, id="empty mask"),
        pytest.param(np.full(6, np.nan), np.arange(6.0), 6, id="nowhere finite"),
    ],
)
def test_undefined_metrics_are_nan_without_a_warning(spm, nilearn, n_inside):
    mask = np.arange(6) < n_inside
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = map_agreement(MapPair(spm, nilearn, mask, mask))
        peak_distance(MapPair(spm, nilearn, mask, mask), np.zeros((6, 3)))
    columns = ("pearson_r", "spearman_rho", "concordance", "slope", "intercept")
    assert np.isnan([float(row[column]) for column in columns]).all()
    assert row["n_both"] == n_inside


def test_columns_of_thresholds_count_at_the_error_that_their_names_say(rng: np.random.Generator):
    mask = np.ones(N_VOXELS, bool)
    t = np.abs(rng.normal(size=N_VOXELS)) + 3 * rng.random(N_VOXELS) * (np.arange(N_VOXELS) < 150)
    p = stats.t.sf(t, 50)
    maps = contrast_maps(t, mask)
    row = agreement(BothMaps(maps, maps, (mask, mask)), grid(), FweThresholds(4.0, 4.0))[1]
    counts = {"p001": p < 0.001, "fdr05": stats.false_discovery_control(p) <= 0.05, "fwe05": t > 4}
    # another error would give another count: the map is no test of the names else
    assert np.sum(p < 0.0015) > counts["p001"].sum()
    assert np.sum(stats.false_discovery_control(p) <= 0.075) > counts["fdr05"].sum()
    for name, above in counts.items():
        assert row[f"n_spm_{name}"] == row[f"n_nilearn_{name}"] == above.sum() > 0, name


@pytest.mark.parametrize(("value", "beyond"), [(4.0, 0), (np.nextafter(4.0, 5), 1)])
def test_what_equals_the_familywise_threshold_is_not_beyond_it(value: float, beyond: int):
    mask = np.ones(N_VOXELS, bool)
    t = np.zeros(N_VOXELS)
    t[0], t[1] = value, -value
    maps = contrast_maps(t, mask)
    row = agreement(BothMaps(maps, maps, (mask, mask)), grid(), FweThresholds(4.0, 4.0))[1]
    assert (row["n_spm_fwe05"], row["n_spm_lower_fwe05"]) == (beyond, beyond)


@pytest.mark.parametrize(("p", "below"), [(0.001, False), (np.nextafter(0.001, 0), True)])
def test_p_that_equals_a_threshold_is_not_below_it(p: float, below: bool):
    mask = np.ones(N_VOXELS, bool)
    maps = contrast_maps(np.zeros(N_VOXELS), mask)
    maps = replace(maps, p=np.where(np.arange(N_VOXELS) == 3, p, 0.5))
    both = BothMaps(maps, maps, (mask, mask))
    assert agreement(both, grid())[1]["n_spm_p001"] == below
    # Dice of two empty sets is undefined
    assert (dice_p001(both, False) == 1) == below
