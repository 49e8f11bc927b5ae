"""docs/faq.md says what its numbers say, and the numbers are those that the program gives."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import faq, faq_numbers

RERUN = 1e-4
"""Relative; kept are six digits, and the page shows at most four."""


@pytest.fixture(scope="module")
def numbers() -> dict:
    return json.loads(faq.NUMBERS.read_text(encoding="utf-8"))


def assert_same_numbers(actual: object, expected: object) -> None:
    """Equal keys and nearly equal numbers, in any nesting."""
    if isinstance(expected, dict):
        assert set(actual) == set(expected)
        for key, value in expected.items():
            assert_same_numbers(actual[key], value)
    else:
        np.testing.assert_allclose(actual, expected, rtol=RERUN)


def test_page_is_the_template_with_the_numbers(numbers: dict) -> None:
    assert faq.PAGE.read_text(encoding="utf-8") == faq.page(numbers)


def test_response_functions_and_regressors_give_the_numbers(numbers: dict) -> None:
    found = faq_numbers.cheap()
    assert_same_numbers(found, {key: numbers[key] for key in found})


def test_real_data_give_the_numbers(shared_dir: Path, tmp_path: Path, numbers: dict) -> None:
    real = shared_dir / "real-data"
    assert_same_numbers(faq_numbers.missing_confounds(real), numbers["nan"])
    missing = faq_numbers.missing_condition(real / "studyforrest-small-2runs", tmp_path)
    assert_same_numbers(missing, numbers["missing"])
