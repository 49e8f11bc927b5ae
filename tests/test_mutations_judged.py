"""Mistakes of a small program are judged by the tests that come by their line."""

import json
import subprocess
import sys

import pytest

from benchmarks import mutate

PROGRAM = '''
"""A room of one file."""
from functools import lru_cache

LIMIT = 5

def area(a, b):
    return a * b

@lru_cache
def doubled(a):
    return a + a

def unused(a):
    return a - 1

def drained(a):
    while a > 0:
        a = a - 1
    return a

class Square:
    """
    >>> Square(3).area()
    9
    """

    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side * self.side

def within(a):
    return a < LIMIT
'''
TESTS = """
import pytest
from bidsglm.room.sums import area, doubled, drained, within

@pytest.fixture(scope="module")
def made():
    return doubled(3)

def test_area():
    assert area(2, 2) == 4

def test_nothing_new_of_a_fixture(made):
    assert True

def test_fixture(made):
    assert made == 6

def test_drained():
    assert drained(3) == 0

def test_within():
    assert within(4)
    assert not within(6)

def test_that_fails_always():
    assert area(1, 1) == 2
"""
SCRIPT = """
import json, sys
from pathlib import Path
from benchmarks import mutate
tree = Path(sys.argv[1])
mutate.PROJECT = tree
found = [*mutate.mistakes(Path("bidsglm/room/sums.py"))]
verdicts = mutate.judged_together(tree, found, "", 2.0)
print(json.dumps([[each.text, each.after, verdict] for each, verdict in zip(found, verdicts)]))
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the script prints, line by line."""
    tree = tmp_path_factory.mktemp("mutations") / "tree"
    for name, text in {
        "bidsglm/__init__.py": "",
        "bidsglm/room/__init__.py": "",
        "bidsglm/room/sums.py": PROGRAM,
        "tests/room/test_sums.py": TESTS,
        "pytest.ini": "[pytest]\naddopts = --doctest-modules --import-mode=importlib\n",
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", SCRIPT, str(tree)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=mutate.PROJECT, check=True, timeout=120
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def verdicts(printed: list[str]) -> dict[tuple[str, str], str]:
    return {(text, after): verdict for text, after, verdict in json.loads(printed[-1])}


TEST = "tests/room/test_sums.py::"


@pytest.mark.parametrize(
    ("text", "after", "verdict"),
    [
        ("return a * b", "(a / b)", f"{TEST}test_area"),
        (
            "return self.side * self.side",
            "(self.side / self.side)",
            "bidsglm/room/sums.py::bidsglm.room.sums.Square",
        ),
        ("return a + a", "(a - a)", f"{TEST}test_fixture"),
        ("a = a - 1", "(a + 1)", mutate.ENDLESS),
        ("while a > 0:", "(a < 0)", f"{TEST}test_drained"),
    ],
    ids=["function", "method, by a doctest", "by a later test of the same fixture", "no end", "loop"],
)
def test_a_mistake_is_noticed_by(
    verdicts: dict[tuple[str, str], str], text: str, after: str, verdict: str
) -> None:
    assert verdicts[text, after] == verdict


def test_a_mistake_that_makes_no_test_fail_is_noticed_by_nobody(
    verdicts: dict[tuple[str, str], str],
) -> None:
    assert verdicts["return a < LIMIT", "(a <= LIMIT)"] == ""


def test_constants_and_lines_that_no_test_comes_by_are_left_to_all_tests(
    verdicts: dict[tuple[str, str], str],
) -> None:
    assert verdicts["LIMIT = 5", "6"] == mutate.UNDECIDED
    assert verdicts["return a - 1", "(a + 1)"] == mutate.UNDECIDED


def test_a_test_that_fails_without_any_mistake_is_named_and_notices_nothing(
    printed: list[str], verdicts: dict[tuple[str, str], str]
) -> None:
    name = f"{TEST}test_that_fails_always"
    assert printed[:-1] == [f"LEFT OUT  {name} fails without any mistake"]
    assert name not in verdicts.values()
