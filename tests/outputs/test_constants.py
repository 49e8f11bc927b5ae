"""Limits, thresholds, sizes and defaults of `outputs`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "failures.Outcome.held": False,
    "names.LARGEST_OWN": 268_435_456,
    "schema.LONG": 20,
    "schema.SHOWN": 40,
    "schema.Column.optional": False,
    "temporary.ABANDONED": 86400.0,
    "temporary.ABANDONED_FOLDER": 5184000.0,
    "unchanged.TRIES": 20,
    "unit_tables._suprathreshold(lower)": False,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.outputs.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
