"""Limits, thresholds, sizes and defaults of `unit`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "configuration.SHOWN": 60,
    "data_review.SAMPLE": 2000,
    "explanation.SEED": 20_260_101,
    "explanation.POOL": 5000,
    "explanation._Blocks.block(scaled)": True,
    "expressible.COMPARED": 2,
    "memory.BASE": 295000000.0,
    "memory.PER_GRID_VOXEL": 60.0,
    "memory.PER_VOXEL": 950.0,
    "memory.PER_FURTHER_VOXEL": 320.0,
    "memory.PER_MAP_VOXEL": 40.0,
    "memory.PER_SCAN": 170000.0,
    "memory.PER_SAMPLED_VALUE": 19.5,
    "memory.PER_SAMPLED_MAP": 700.0,
    "memory.SAMPLING": 15000000.0,
    "memory.PER_SCAN_OF_PAIR": 3300000.0,
    "memory.PER_FURTHER_CORE": 80000000.0,
    "memory.PAGE": 110000000.0,
    "memory.PER_CALIBRATED_VALUE": 80.0,
    "memory.WORKER": 280000000.0,
    "memory.PER_SIMULATED_VALUE": 60.0,
    "memory.CALIBRATED": 5000,
    "memory.WITH_RIM": 1.2,
    "memory.ROOT": 66,
    "memory.BASELINE": 5,
    "memory.FLOAT64": 8,
    "memory.BRAIN": 0.5,
    "memory.unit_need(n_workers)": 1,
    "memory.largest_need(alone)": False,
    "methods._shortened(longest)": 12,
    "models.LONGEST_MODEL_LABEL": 200,
    "pair_explanation.SEED": 20_260_101,
    "pair_explanation.MOST_AROUND": 20_000,
    "pair_sides_further.EXTREMES": 5,
    "pair_sides_further.CUT": 0.0001,
    "pair_sides_further.SECONDS_PER_MINUTE": 60.0,
    "pair_steps.REPRODUCED": 0.0001,
    "pair_steps.EQUAL": 1e-06,
    "preparation.LARGEST_VALUE": 1e100,
    "preparation.SHOWN": 40,
    "preparation.MODERATE": 1e30,
    "scales.LONGEST_LAG": 10.0,
    "scales.FEWEST_LAGS": 5,
    "scales.MOST_LAGS": 40,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.unit.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
