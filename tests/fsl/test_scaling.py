import numpy as np
import pytest

from bidsglm.fsl import scaling


def test_percentiles_are_those_of_sorted_values() -> None:
    rng = np.random.default_rng(0)
    values = np.round(rng.standard_normal(10_001) * 100, 1).astype(np.float32)
    values[:3] = (0.0, -0.0, 1e30)
    shares = [0, 0.02, 0.5, 0.98, 1]
    expected = [round(float(np.sort(values)[min(int(q * values.size), values.size - 1)]), 6) for q in shares]
    assert scaling.percentiles(lambda: np.array_split(values, 7), shares) == expected


def test_values_that_are_not_finite_are_left_out() -> None:
    values = np.array([np.nan, 1, 2, 3, np.inf], dtype=np.float32)
    assert scaling.percentiles(lambda: [values], [0, 1]) == [1, 3]


def test_zeros_outside_a_mask_count_without_being_given() -> None:
    values = np.random.default_rng(0).standard_normal(500).astype(np.float32) * 9
    with_zeros = np.concatenate([values, np.zeros(300, dtype=np.float32)])
    shares = [0.02, 0.4, 0.5, 0.98]
    assert scaling.percentiles(lambda: [values], shares, n_zeros=300) == scaling.percentiles(
        lambda: [with_zeros], shares
    )


def test_nothing_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        scaling.percentiles(lambda: [np.full(3, np.nan, dtype=np.float32)], [0.5])


def test_voxels_without_data_are_no_brain_whatever_the_threshold() -> None:
    assert scaling.brain(np.zeros((3, 2), dtype=np.float32), -5.0).tolist() == [False, False]


def test_median_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="median"):
        scaling.scaled(np.ones((1, 1), dtype=np.float32), 0.0)


def test_brain_begins_a_tenth_of_the_robust_range_above_its_lower_end() -> None:
    assert scaling.brain_threshold(200.0, 1200.0) == pytest.approx(300)
    assert scaling.brain_threshold(-50.0, 50.0) == pytest.approx(-40)
