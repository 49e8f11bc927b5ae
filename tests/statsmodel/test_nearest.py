import pytest

from bidsglm.statsmodel.globs import matching
from bidsglm.statsmodel.nearest import LONGEST, MOST, nearest


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("trial_type.Go", "trial_type.go"),
        ("go", "trial_type.go"),
        ("trail_type.stop", "trial_type.stop"),
        ("trans_z", "trans_x"),
        ("zebra", ""),
        ("", ""),
    ],
)
def test_nearest_finds_what_was_meant(name: str, expected: str) -> None:
    assert nearest(name, ["trial_type.go", "trial_type.stop", "trans_x", "constant"]) == expected


def test_nearest_of_nothing_is_nothing() -> None:
    assert nearest("go", []) == ""


def test_globs_match_letter_case_and_keep_the_order_of_names() -> None:
    assert matching("a_*", ["a_2", "A_1", "a_1"]) == ("a_2", "a_1")


def test_literal_name_does_not_match_another() -> None:
    assert matching("a", ["ab"]) == ()


def test_names_are_compared_up_to_a_length_and_a_number() -> None:
    assert nearest("x" * LONGEST, ["y" * (LONGEST + 1), "x" * LONGEST]) == "x" * LONGEST
    assert nearest("x" * (LONGEST + 1), ["x" * LONGEST]) == ""
    assert nearest("x" * LONGEST, ["x" * (LONGEST + 1)]) == ""
    many = [f"{i:06d}" for i in range(MOST - 1)]
    assert nearest("go", [*many, "go"]) == "go"
    assert nearest("go", [*many, "stop", "go"]) == ""
    assert nearest("GO", ["Go", "go"]) == "Go"
    assert nearest("c", ["first.c", "second.c"]) in ("first.c", "")
