"""The house keeps its laws: imports run downward, and the floors keep apart."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "bidsglm"
FLOORS = (
    ("brainlife", "__main__"),
    ("cli",),
    ("demo", "authoring", "descriptor", "group_level"),
    ("options", "execution"),
    ("participant", "resources"),
    ("pages", "requested"),
    ("group", "export", "citation"),
    ("calibration", "regions"),
    ("supplements",),
    ("unit",),
    ("report", "backends"),
    ("diagnosis",),
    ("attribution", "simulation"),
    ("agreement",),
    ("dataset",),
    ("spm", "afni", "fsl"),
    ("process",),
    ("statsmodel", "outputs"),
    ("messages", "inputs"),
    ("model",),
    ("packages",),
    ("errors",),
)
"""From the top: a room or a top file imports from the floors below its own, and from nothing beside it."""
FLOOR = {name: -number for number, names in enumerate(FLOORS) for name in names}
NUMERIC = ("spm", "afni", "fsl", "agreement", "attribution", "diagnosis", "simulation")
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

    @property
    def within(self) -> bool:
        return self.target.split(".")[0] == "bidsglm"


def room(module: str) -> str:
    """`bidsglm.spm.hrf` -> `spm`; `bidsglm` itself -> ``."""
    return [*module.split("."), ""][1]


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(node: ast.AST, source: str) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(source, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{source}: a relative import in line {node.lineno}; name the module in full"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield Import(source, full if full in MODULES else str(node.module))
    for child in ast.iter_child_nodes(node):
        yield from imported(child, source)


IMPORTS = [
    found
    for name, path in MODULES.items()
    for found in imported(ast.parse(path.read_text(encoding="utf-8")), name)
]
WITHIN = [found for found in IMPORTS if found.within and found.target != "bidsglm"]


def broken(found: list[Import]) -> list[str]:
    return [f"{item.source} imports {item.target}" for item in found]


def test_every_room_and_top_file_has_its_floor_and_every_floor_its_rooms() -> None:
    assert {room(module) for module in MODULES} - {""} == FLOOR.keys()


def test_imports_run_downward_the_late_ones_too() -> None:
    upward = [
        item
        for item in WITHIN
        if room(item.source)
        and room(item.target) != room(item.source)
        and FLOOR[room(item.target)] >= FLOOR[room(item.source)]
    ]
    assert broken(upward) == []


@pytest.mark.parametrize("name", SIBLINGS)
def test_dataset_backends_and_report_never_meet(name: str) -> None:
    others = set(SIBLINGS) - {name}
    assert (
        broken([item for item in WITHIN if room(item.source) == name and room(item.target) in others]) == []
    )


def test_no_module_imports_itself_in_a_circle() -> None:
    below = {name: {i.target for i in WITHIN if i.source == name} - {name} for name in MODULES}
    while free := [name for name, targets in below.items() if not targets & below.keys()]:
        for name in free:
            del below[name]
    assert sorted(below) == []


def test_numerics_import_numpy_and_scipy_only() -> None:
    allowed = {"numpy", "scipy", "bidsglm"} | STANDARD_FOR_NUMBERS
    found = [i for i in IMPORTS if room(i.source) in NUMERIC and i.target.split(".")[0] not in allowed]
    assert broken(found) == []


def test_numerics_know_only_numerics_and_the_records() -> None:
    allowed = {*NUMERIC, "model", "packages", "errors"}
    found = [i for i in WITHIN if room(i.source) in NUMERIC and room(i.target) not in allowed]
    assert broken(found) == []


def test_only_the_nilearn_backend_imports_its_glm() -> None:
    users = {i.source for i in IMPORTS if i.target.startswith("nilearn.glm")}
    assert {user for user in users if not user.startswith("bidsglm.backends.nilearn_")} == set()


@pytest.mark.parametrize("path", ["run.py", "bidsglm/__main__.py"])
def test_entry_points_hold_nothing_but_the_call(path: str) -> None:
    tree = ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8"))
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign)
    ]


def test_no_name_says_nothing() -> None:
    empty = {"utils", "util", "misc", "helpers", "manager", "common"}
    assert [name for name in MODULES if name.rsplit(".", 1)[-1] in empty] == []
