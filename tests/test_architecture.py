"""The house keeps its laws: imports run downward, and the floors keep apart."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "bidsglm"
FLOORS = {"backends": 3, "dataset": 3, "report": 3, "compare": 2, "spm": 1, "model": 0, "errors": 0}
TOP = 4
NUMERIC = ("spm", "compare")
SIBLINGS = ("backends", "dataset", "report")
STANDARD_FOR_NUMBERS = {
    "collections",
    "dataclasses",
    "enum",
    "fractions",
    "functools",
    "itertools",
    "math",
    "re",
    "types",
    "typing",
}


class Import(NamedTuple):
    source: str
    """Dotted name of the importing module"""
    target: str
    """Dotted name of what it imports"""
    at_load: bool
    """Not inside a function"""

    @property
    def within(self) -> bool:
        return self.target.split(".")[0] == "bidsglm"


def room(module: str) -> str:
    """`bidsglm.spm.hrf` -> `spm`; `bidsglm` itself -> ``."""
    return [*module.split("."), ""][1]


def floor(module: str) -> int:
    return FLOORS.get(room(module), TOP)


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(node: ast.AST, source: str, at_load: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(source, alias.name, at_load) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{source}: a relative import in line {node.lineno}; name the module in full"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield Import(source, full if full in MODULES else str(node.module), at_load)
    deeper = at_load and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        yield from imported(child, source, deeper)


IMPORTS = [
    found
    for name, path in MODULES.items()
    for found in imported(ast.parse(path.read_text(encoding="utf-8")), name, True)
]
WITHIN = [found for found in IMPORTS if found.within and found.target != "bidsglm"]


def broken(found: list[Import]) -> list[str]:
    return [f"{item.source} imports {item.target}" for item in found]


def test_every_room_is_seen() -> None:
    assert {"spm", "compare", "dataset", "backends", "report", "model", "cli"} <= {room(m) for m in MODULES}


def test_imports_run_downward() -> None:
    assert broken([item for item in WITHIN if floor(item.target) > floor(item.source)]) == []


@pytest.mark.parametrize("name", SIBLINGS)
def test_dataset_backends_and_report_never_meet(name: str) -> None:
    others = set(SIBLINGS) - {name}
    assert (
        broken([item for item in WITHIN if room(item.source) == name and room(item.target) in others]) == []
    )


def test_no_module_imports_itself_in_a_circle() -> None:
    below = {name: {i.target for i in WITHIN if i.source == name and i.at_load} - {name} for name in MODULES}
    while free := [name for name, targets in below.items() if not targets & below.keys()]:
        for name in free:
            del below[name]
    assert sorted(below) == []


def test_numerics_import_numpy_and_scipy_only() -> None:
    allowed = {"numpy", "scipy", "bidsglm"} | STANDARD_FOR_NUMBERS
    found = [i for i in IMPORTS if room(i.source) in NUMERIC and i.target.split(".")[0] not in allowed]
    assert broken(found) == []


def test_numerics_know_only_the_records_and_the_floors_below() -> None:
    allowed = {"spm": {"spm", "model", "errors"}, "compare": {"compare", "spm", "model", "errors"}}
    found = [i for i in WITHIN if room(i.source) in NUMERIC and room(i.target) not in allowed[room(i.source)]]
    assert broken(found) == []


def test_only_the_nilearn_backend_imports_its_glm() -> None:
    users = {i.source for i in IMPORTS if i.target.startswith("nilearn.glm")}
    assert {user for user in users if not user.startswith("bidsglm.backends.nilearn_")} == set()


def test_records_and_errors_import_nothing_of_the_house() -> None:
    lowest = [
        i for i in WITHIN if floor(i.source) == 0 and not i.target.startswith(f"bidsglm.{room(i.source)}")
    ]
    assert broken(lowest) == []


@pytest.mark.parametrize("path", ["run.py", "bidsglm/__main__.py"])
def test_entry_points_hold_nothing_but_the_call(path: str) -> None:
    tree = ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8"))
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign)
    ]


def test_no_name_says_nothing() -> None:
    empty = {"utils", "util", "misc", "helpers", "manager", "common"}
    assert [name for name in MODULES if name.rsplit(".", 1)[-1] in empty] == []
