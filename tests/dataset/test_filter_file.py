"""--bids-filter-file: what is taken, and what is refused with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from bidsglm.dataset import filter_file
from bidsglm.dataset.filter_file import check_pattern, read_filters
from bidsglm.errors import DataError, NoInputError

KEYS = ("bold", "mask")


def read(folder: Path, content: Any) -> dict[str, dict[str, object]]:
    path = folder / "f.json"
    path.write_text(json.dumps(content))
    return read_filters(path, KEYS)


@pytest.mark.parametrize(
    "filters",
    [
        {"session": "1"},
        {"session": ["1", 2, None], "run": None, "desc": ""},
        {"ses": "a"},
        {"session": ["x"] * filter_file.MOST_LABELS},
        {"session": "^(a|b)$", "regex_search": True},
        {"session": "(a+)+$", "regex_search": False},
        {"session": "(a+)+$"},
        {"session": [1, None], "regex_search": True},
        {},
    ],
)
def test_filters_are_taken_as_they_stand(tmp_path: Path, filters: dict[str, object]) -> None:
    if "ses" in filters:
        with pytest.raises(DataError, match="'ses' is no BIDS entity"):
            read(tmp_path, {"mask": filters})
    else:
        assert read(tmp_path, {"mask": filters}) == {"mask": filters}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"bolds": {}}, "unknown key 'bolds'; the keys are bold, mask"),
        ({"bold": "1"}, 'bold must be an object such as {"session": "1"}'),
        ({"bold": {"sesion": "1"}}, "bold: 'sesion' is no BIDS entity; did you mean 'session'?"),
        ({"bold": {"run": []}}, "bold.run: must be a label, null, or a list of labels"),
        ({"bold": {"run": True}}, "bold.run: must be a label, null, or a list of labels"),
        ({"bold": {"run": 1.0}}, "bold.run: must be a label, null, or a list of labels"),
        ({"bold": {"run": "a\u0007"}}, "bold.run: must be a label, null, or a list of labels"),
        (
            {"bold": {"run": [1] * (filter_file.MOST_LABELS + 1)}},
            "bold.run: must be a label, null, or a list of labels",
        ),
        ({"bold": {"run": "1", "regex_search": 1}}, "bold.regex_search: must be true or false"),
        (
            {"bold": {"run": ["1", "("], "regex_search": True}},
            "bold.run: '(' is no regular expression (missing ), unterminated subpattern at position 0)",
        ),
    ],
)
def test_a_wrong_filter_is_named_with_its_place(tmp_path: Path, content: Any, fault: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path / 'f.json'}: {fault}")


def test_a_missing_file_names_its_option(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="there is no such filter file; check --bids-filter-file"):
        read_filters(tmp_path / "f.json", KEYS)


@pytest.mark.parametrize(
    ("taken", "refused", "fault"),
    [
        ("a" * 200, "a" * 201, "is longer than 200 characters"),
        ("(a|b)c*", "(a|b)*", "repeats a group"),
        (r"(a|b)\*", "(a|b){2}", "repeats a group"),
        ("[)]+", "(a)?", "repeats a group"),
        ("(a)", "(?:a)", "looks around or back"),
        (r"\d(a)", r"(a)\1", "looks around or back"),
        ("a*b+", "a*b+c*", "repeats more than 2 times"),
        (r"a*b\+\*\{[+*{]+", "a{2}b{2}c{2}", "repeats more than 2 times"),
    ],
)
def test_a_pattern_that_could_take_for_ever_is_refused(taken: str, refused: str, fault: str) -> None:
    check_pattern(taken, "f.json: bold.run")
    with pytest.raises(DataError) as error:
        check_pattern(refused, "f.json: bold.run")
    assert str(error.value) == (f"f.json: bold.run: the pattern {refused!r} {fault}; list the labels instead")
