"""Limits, thresholds, sizes and defaults of `maps`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "agreement.MapChoice.resample": False,
    "agreement.HALF": 0.5,
    "command.LONGEST_LABEL": 40,
    "comparing.MOST_PAIRS": 60,
    "comparing.compare(resample)": False,
    "designs.LONGEST": 80,
    "page.MOST_PICTURES": 12,
    "reading.LARGEST_HEADER": 16_777_216,
    "reading.SHOWN": 120,
    "reading.HeaderFacts.intent": 0,
    "result.ComparisonResult.save(overwrite)": False,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.maps.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
