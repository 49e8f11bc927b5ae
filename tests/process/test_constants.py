"""Limits, thresholds, sizes and defaults of `process`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "claims.HEARTBEAT": 20.0,
    "claims.EXPIRY": 180.0,
    "claims.MAX_BYTES": 4096,
    "holders.START_FIELD": 19,
    "signals.BY_SIGNAL": 128,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.process.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
