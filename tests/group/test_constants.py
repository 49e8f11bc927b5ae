"""Limits, thresholds, sizes and defaults of `group`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "background.ENOUGH": 20,
    "contrast_maps.FEWEST": 2,
    "inference.SECONDS_BETWEEN_LINES": 60,
    "members.FEWEST_COMPARED": 2,
    "members.named(longest)": 12,
    "rois.MOST_NOTES": 20,
    "stability.DRAWS": 100,
    "stability.FEWEST_FREE": 2,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.group.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
