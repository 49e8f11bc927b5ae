import math
import warnings

import numpy as np
import pytest
from scipy import stats

from bidsglm.agreement.roi_agreement import (
    by_importance,
    conclusion,
    one_sample,
    region_agreement,
)
from bidsglm.outputs.region_tables import REGION_AGREEMENT

ROUNDING = 1e-10


def test_one_sample_test_is_scipys() -> None:
    values = np.random.default_rng(1).normal(0.4, 1, 12)
    found, oracle = one_sample(values), stats.ttest_1samp(values, 0)
    limits = oracle.confidence_interval(0.95)
    expected = (values.mean(), limits.low, limits.high, oracle.statistic, oracle.pvalue)
    np.testing.assert_allclose(found[:5], expected, rtol=ROUNDING)
    np.testing.assert_allclose(
        found.z, stats.norm.isf(stats.t.sf(found.t, 11)), rtol=1e-8, err_msg="z is not that of t"
    )


def test_agreement_equals_independent_libraries() -> None:
    rng = np.random.default_rng(2)
    nilearn = rng.normal(0.5, 1, 15)
    spm = 1.3 * nilearn + rng.normal(0.1, 0.3, 15)
    row = region_agreement({"spm": spm, "nilearn": nilearn})
    paired = stats.ttest_rel(spm, nilearn)
    limits = paired.confidence_interval(0.95)
    difference = spm - nilearn
    expected = {
        "pearson_r": stats.pearsonr(spm, nilearn).statistic,
        "bias": difference.mean(),
        "bias_lower": limits.low,
        "bias_upper": limits.high,
        "bias_t": paired.statistic,
        "bias_p": paired.pvalue,
        "difference_sd": difference.std(ddof=1),
        "loa_lower": difference.mean() - 1.96 * difference.std(ddof=1),
        "loa_upper": difference.mean() + 1.96 * difference.std(ddof=1),
        "spm_t": stats.ttest_1samp(spm, 0).statistic,
        "nilearn_p": stats.ttest_1samp(nilearn, 0).pvalue,
    }
    for column, value in expected.items():
        np.testing.assert_allclose(row[column], value, rtol=ROUNDING, err_msg=column)


def test_participants_who_lack_a_value_do_not_count() -> None:
    spm, nilearn = np.array([1.0, 2.0, 4.0, np.nan, 9.0]), np.array([1.5, 2.0, 5.0, 1.0, np.nan])
    assert region_agreement({"spm": spm, "nilearn": nilearn}) == region_agreement(
        {"spm": spm[:3], "nilearn": nilearn[:3]}
    )
    assert region_agreement({"spm": spm, "nilearn": nilearn})["n"] == 3


def test_units_move_neither_the_shift_nor_the_conclusion() -> None:
    nilearn = np.random.default_rng(3).normal(0.6, 1, 10)
    row = region_agreement({"spm": 2.5 * nilearn, "nilearn": nilearn})
    np.testing.assert_allclose([row["z_shift"], row["pearson_r"]], [0, 1], atol=ROUNDING)
    assert row["same_conclusion"] is True
    assert isinstance(row["icc_a1"], float)
    assert row["icc_a1"] < 0.8


@pytest.mark.parametrize(
    ("spm", "nilearn", "ends", "same"),
    [
        ([1.0, 1.1, 0.9], [1.0, 1.2, 0.9], ("positive", "positive"), True),
        ([1.0, 1.1, 0.9], [1.0, -1.2, 0.9], ("positive", "none"), False),
        ([1.0, 1.1, 0.9], [-1.0, -1.2, -0.9], ("positive", "negative"), False),
        ([1.0, -1.1, 0.2], [1.0, -1.2, 0.3], ("none", "none"), True),
        ([1.0], [2.0], (None, None), None),
        ([1.0, 1.0, 1.0], [1.0, 1.2, 0.9], (None, "positive"), None),
    ],
)
def test_conclusion_is_the_same_where_significance_and_direction_are(
    spm: list[float], nilearn: list[float], ends: tuple[str | None, str | None], same: bool | None
) -> None:
    row = region_agreement({"spm": np.array(spm), "nilearn": np.array(nilearn)})
    assert (row["spm_conclusion"], row["nilearn_conclusion"]) == ends
    assert row["same_conclusion"] is same


def test_just_significant_is_significant() -> None:
    dof, n = 9, 10
    pattern = np.linspace(-1, 1, n)
    edge = stats.t.isf(0.025, dof) * pattern.std(ddof=1) / math.sqrt(n)
    assert conclusion(one_sample(pattern + edge * 1.0001)) == "positive"
    assert conclusion(one_sample(pattern + edge * 0.9999)) == "none"


@pytest.mark.parametrize(
    ("spm", "nilearn", "undefined"),
    [
        ([], [], {"bias", "icc_a1", "icc_c1", "spm_mean", "spm_t", "z_shift", "pearson_r"}),
        ([1.0], [2.0], {"icc_a1", "bias_t", "difference_sd", "spm_t", "z_shift", "loa_lower"}),
        ([1.0, 2.0], [2.0, 1.0], {"pearson_r"}),
        ([0.1] * 3, [0.1] * 3, {"icc_a1", "icc_c1", "bias_p", "spm_p", "nilearn_lower"}),
        ([0.1] * 3, [0.3] * 3, {"icc_a1", "icc_c1", "bias_p", "spm_p", "nilearn_lower"}),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {"bias_t", "bias_p", "bias_lower"}),
        ([0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.4, 0.5], {"bias_t", "bias_p", "bias_lower"}),
    ],
)
def test_undefined_numbers_are_nan_without_a_warning(
    spm: list[float], nilearn: list[float], undefined: set[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = region_agreement({"spm": np.array(spm), "nilearn": np.array(nilearn)})
    assert {key for key in undefined if not math.isnan(float(row[key] or 0.0))} == set()
    assert {"contrast", "region", "label", *row, "contrast_name"} == set(REGION_AGREEMENT.names)


def test_huge_t_has_a_finite_z() -> None:
    values = 1 + 1e-7 * np.random.default_rng(4).standard_normal(200)
    assert 30 < one_sample(values).z < math.inf


def test_other_conclusions_come_first_then_the_largest_shift() -> None:
    rows = [
        {"same_conclusion": True, "z_shift": 0.1},
        {"same_conclusion": None, "z_shift": math.nan},
        {"same_conclusion": True, "z_shift": -2.0},
        {"same_conclusion": False, "z_shift": 0.01},
    ]
    assert [row["z_shift"] for row in sorted(rows, key=by_importance)][:3] == [0.01, -2.0, 0.1]


@pytest.mark.parametrize("size", [1.0, 1e-5, 3e4])
def test_what_varies_by_rounding_alone_has_no_test(size: float) -> None:
    eps = np.finfo(float).eps
    assert math.isnan(one_sample(np.array([1.0, 1 + 64 * eps])).t)
    assert one_sample(np.array([1.0, 1 + 65 * eps])).t > 0
    # as a share of the values
    assert math.isnan(one_sample(size * np.array([1.0, 1 + 50 * eps])).t)
    assert one_sample(-size * np.array([1.0, 1 + 90 * eps])).t < 0


def test_two_participants_have_a_test_and_one_has_not() -> None:
    two = region_agreement({"spm": np.array([1.0, 3.0]), "nilearn": np.array([2.0, 3.0])})
    assert two["spm_t"] == pytest.approx(2.0)
    assert two["difference_sd"] == pytest.approx(0.5**0.5)
    assert two["icc_c1"] == pytest.approx(0.8)
    one = region_agreement({"spm": np.array([1.0]), "nilearn": np.array([2.0])})
    for key in ("spm_t", "difference_sd", "icc_a1", "icc_c1", "loa_lower"):
        assert math.isnan(one[key]), key
    assert one["bias"] == -1
