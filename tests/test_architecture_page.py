"""docs/architecture.md says what is there: its rooms, its floors, and the functions on its walks."""

import ast
import re
from pathlib import Path

import pytest

from .test_architecture import FLOORS, PACKAGE

PAGE = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
PLACES = sorted(set(re.findall(r"`([\w/]+\.py)(?::(\w+))?`", PAGE)))


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_picture_shows_the_floors_that_the_laws_have() -> None:
    drawn = section("The picture").split("```")[1].strip("\n").splitlines()
    rooms = [tuple(re.split(r" {3,}", line)[0].split()) for line in drawn]
    assert rooms == list(FLOORS)


def test_every_room_and_top_file_has_its_line() -> None:
    named = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", section("The rooms"), re.MULTILINE)
    assert named == [name for floor in FLOORS for name in floor]


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_every_place_is_there(path: str, name: str) -> None:
    root = PACKAGE.parent if path.startswith("tests/") else PACKAGE
    file: Path = root / path
    assert file.is_file(), f"docs/architecture.md names {path}"
    defined: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    assert not name or name in defined, f"docs/architecture.md names {path}:{name}"
