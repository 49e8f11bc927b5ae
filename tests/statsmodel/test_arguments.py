"""Arguments of instructions: values at the edge of what is taken, and just beyond it."""

import pytest

from bidsglm.errors import DataError
from bidsglm.statsmodel import limits
from bidsglm.statsmodel.arguments import check_arguments
from bidsglm.statsmodel.place import Place

LONG = "x" * limits.LONGEST_TEXT
MANY = {str(i): i for i in range(limits.MOST_NAMES)}


def check(instruction: str, **arguments: object) -> None:
    check_arguments(instruction, arguments, {key: key.title() for key in arguments}, Place("m.json"))


@pytest.mark.parametrize(
    ("name", "argument", "taken", "refused", "fault"),
    [
        ("Split", "by", LONG, LONG + "x", f"is longer than {limits.LONGEST_TEXT} characters"),
        ("Split", "by", "a", "", "must name a variable"),
        ("Split", "by", "a b", "a\x07", "holds a control character"),
        ("Group", "name", "", 1, "must be text"),
        ("Scale", "demean", False, 0, "must be true or false"),
        ("Scale", "replace_na", None, "never", "must be one of before, after, off"),
        ("Assign", "input_attr", "onset", "Onset", "must be one of amplitude, duration, onset"),
        ("Assign", "target_attr", "duration", ["onset", 1], "must be one of amplitude, duration, onset"),
        ("Lag", "shift", limits.LONGEST_LAG, 2 * limits.LONGEST_LAG, "must be a number from -1e+06 to 1e+06"),
        ("Lag", "shift", -limits.LONGEST_LAG, -2e6, "must be a number from -1e+06 to 1e+06"),
        ("Lag", "shift", 1, True, "must be a number"),
        ("Lag", "order", 0, -1, "must be a whole number from 0 to 5"),
        ("Lag", "order", 5, 6, "must be a whole number from 0 to 5"),
        ("Lag", "order", 1, 1.0, "must be a whole number from 0 to 5"),
        ("Resample", "sampling_rate", "TR", "tr", "must be a number"),
        ("Resample", "sampling_rate", limits.FASTEST_SAMPLING, 1001, "must be a number from 0.001 to 1000"),
        ("ToDense", "sampling_rate", 1 / limits.FASTEST_SAMPLING, 0, "must be a number from 0.001 to 1000"),
        ("ToDense", "sampling_rate", 2, "TR", "must be a number"),
        ("Threshold", "threshold", -limits.LARGEST_VALUE, float("inf"), "must be a number from"),
        ("Sum", "weights", [1, None], [1, "1"], "must be a number"),
        ("Replace", "replace", {"a": None, "b": True}, {"a": []}, "must be a number"),
        ("Replace", "replace", MANY, {**MANY, "one": 0}, f"has more than {limits.MOST_NAMES} entries"),
        ("Replace", "replace", {}, "a", "must be an object from old to new values"),
    ],
)
def test_an_argument_is_taken_up_to_its_limit_and_refused_beyond(
    name: str, argument: str, taken: object, refused: object, fault: str
) -> None:
    check(name, **{argument: taken})
    with pytest.raises(DataError) as error:
        check(name, **{argument: refused})
    assert str(error.value).startswith(f"m.json: {argument.title()}: of {name} {fault}")


def test_an_argument_lists_as_many_values_as_there_may_be_names() -> None:
    check("Sum", weights=[1] * limits.MOST_NAMES)
    with pytest.raises(DataError, match=f"lists {limits.MOST_NAMES + 1} values, more than"):
        check("Sum", weights=[1] * (limits.MOST_NAMES + 1))


def test_a_filter_names_its_variables_unless_a_pattern_stands_for_them() -> None:
    check("Filter", input="rt", by=["side"], query="side == 'left' and rt > 1")
    check("Filter", input="trial_*", query="side == 'left'")
    with pytest.raises(DataError, match="names 'side', which is in neither Input nor By: add it to By"):
        check("Filter", input="rt", query="side == 'left'")
    with pytest.raises(DataError, match="of Filter is missing"):
        check("Filter", input="rt")
