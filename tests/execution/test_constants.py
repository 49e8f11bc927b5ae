"""Limits, thresholds, sizes and defaults of `execution`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "dask_cluster.PATIENCE": 10.0,
    "memory.demand(alone)": False,
    "memory.MemoryBound.__init__(alone)": False,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.execution.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
