"""Limits, thresholds, sizes and defaults of `brainlife`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "product.MAX_BYTES": 12_000,
    "product.PICTURE_WIDTH": 280,
    "product.PICTURE_COLOURS": 8,
    "product.DIGITS": 4,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.brainlife.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
