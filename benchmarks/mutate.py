"""Which small mistakes the tests would notice: ``python benchmarks/mutate.py spm attribution --number 20``.

One mistake at a time is made in a copy of the tree: an operator exchanged (``+`` for ``-``, ``&`` for
``|``, ``and`` for ``or``), a comparison made strict or turned round, a constant changed, a sign or a
``not`` dropped, a term or a factor left out. The tests of the room that come by its line run in a process
that has them already (``mutate_room.py``). If none of them fails, all tests of the room run on the changed
file, those named after the file and its doctests first, until one fails; ``--quick`` leaves that out. A
mistake that no test notices is named with its place, and is a reason to write a test, or to see that the two
forms are equal.

Rooms are those of ``bidsglm/`` (``spm``), files are paths from there (``spm/reml.py``); without any, all
rooms take part. Mistakes are drawn evenly over rooms, and in a room over its lines, by ``--seed``. Nothing
of the reference outside the tree is used unless ``--shared`` names its folder, so what is measured are the
tests that everybody has. The test that notices a mistake is run once without any: if it fails then too, the
mistake is not counted. Tests of one mistake that take longer than ``--timeout`` seconds count as noticed,
since an endless loop is.

Mistakes that change nothing anybody could see are listed in ``benchmarks/equivalent_mistakes.txt``: file,
line and change, with the reason behind a ``#``. They are not made again, and not counted.

Exit code: 0, or 1 if a test fails without any mistake. The last lines are the shares noticed of each
room.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.mutate_room import ENDLESS, LEFT_OUT, UNDECIDED, Change, Judge, in_child

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = "bidsglm"
COPIED = (PACKAGE, "tests", "docs", "hpc", "container", "benchmarks")
"""Folders of the tree that tests read; of the files beside them, all."""
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
"""A matrix product stays: its exchange would only be an error of shapes."""
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
LIBRARIES = (
    "matplotlib.figure",
    "nilearn.glm",
    "nilearn.image",
    "pandas",
    "pydantic",
    "scipy.signal",
    "scipy.stats",
)
"""What takes longest to import: done once, before any mistake is made."""
EQUIVALENT = PROJECT / "benchmarks" / "equivalent_mistakes.txt"
LIMITS = "tests/test_limits_page.py"
"""Holds the limits and thresholds of all rooms to the page that names them"""
OF_PAGES = tuple(f"tests/test_{name}.py" for name in ("page_numbers", "participant", "group_level"))
FURTHER = {"pages": OF_PAGES, "report": OF_PAGES[:1]}
"""Room -> tests beside the rooms that read what only a whole run gives it to write"""
LAST = re.compile(r"browser|accessibility")
"""Files of tests that take longest: each page in a browser"""
SHARED = "BIDSGLM_SHARED"
"""Variable in which tests find the reference outside the tree."""


class Mistake(NamedTuple):
    """A piece of a file, and what stands there in its place."""

    path: Path
    """From the project's folder"""
    line: int
    start: int
    """Byte of the file"""
    stop: int
    before: str
    after: str
    text: str
    """The line that it begins in"""

    def __str__(self) -> str:
        """Return place and change in one line."""
        return f"{self.path}:{self.line}  {' '.join(self.before.split())}  ->  {self.after}"

    @property
    def change(self) -> str:
        """Its line in words, since numbers of lines move."""
        return f"{self.path} | {self.text} | {' '.join(self.before.split())} -> {self.after}"


def rewritten(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what an expression becomes by one small mistake."""
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.BitOr) and any(map(names_type, (node.left, node.right))):
            return
        if type(node.op) in OPERATORS:
            yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        if not isinstance(node.op, ast.MatMult | ast.Pow):
            yield node.left
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        yield node.values[0] if len(node.values) == 2 else ast.BoolOp(node.op, node.values[:-1])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        yield node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in COMPARISONS[type(node.ops[0])]:
            yield ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.Constant):
        yield from changed_constants(node.value)


def names_type(node: ast.expr) -> bool:
    """Whether an operand is a type, so that ``|`` makes no number."""
    plain = isinstance(node, ast.Name) and node.id in ("str", "int", "float", "bool", "bytes")
    return plain or (isinstance(node, ast.Constant) and node.value is None)


def changed_constants(value: object) -> Iterator[ast.expr]:
    """Yield another truth value, or a number that is one more or half as much again."""
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(1.5 * value if value else 1.0)


def expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what is computed: no annotations, no words of an f-string, no ``strict`` of zip."""
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    for name, field in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in field if isinstance(field, list) else [field]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.expr):
                yield child
            yield from expressions(child)


def mistakes(path: Path) -> Iterator[Mistake]:
    """Yield every mistake that can be made in a file, given from the project's folder."""
    source = (PROJECT / path).read_bytes()
    starts, lines = [0], source.splitlines(keepends=True)
    for line in lines:
        starts.append(starts[-1] + len(line))
    for node in expressions(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        stop = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        before = source[start:stop].decode()
        for other in rewritten(node):
            after = ast.unparse(other)
            text = lines[node.lineno - 1].decode().strip()
            instead = after if after.isalnum() else f"({after})"
            yield Mistake(path, node.lineno, start, stop, before, instead, text)


def room_of(path: Path) -> str:
    """Room of a file: `bidsglm/spm/reml.py` -> `spm`, none for the files above the rooms."""
    return path.parts[1] if len(path.parts) > 2 else ""


def tests_of(tree: Path, path: Path) -> list[str]:
    """Tests of a file's room in a tree, those that are likely to notice first.

    A file above the rooms has the tests beside the rooms' that name it, or else those of the command line.
    """
    folder = Path("tests") / room_of(path)
    own = [path, folder / f"test_{path.stem}.py", Path(LIMITS)]
    others = sorted(file.relative_to(tree) for file in (tree / folder).glob("test_*.py"))
    others.sort(key=lambda file: bool(LAST.search(file.name)))
    others += [Path(name) for name in FURTHER.get(room_of(path), ())]
    if not room_of(path):
        named = re.compile(rf"bidsglm\.{path.stem}\b|from bidsglm import .*\b{path.stem}\b")
        naming = [file for file in others if named.search((tree / file).read_text(encoding="utf-8"))]
        others = naming or [folder / "test_cli.py"]
    return [str(name) for name in dict.fromkeys([*own, *others]) if (tree / name).exists()]


def equivalent() -> frozenset[str]:
    """Mistakes that change nothing, without their reasons."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines() if EQUIVALENT.exists() else []
    return frozenset(line.rpartition("  # ")[0].strip() for line in lines if not line.startswith("#"))


def drawn(paths: Sequence[Path], number: int, seed: int) -> list[Mistake]:
    """Draw mistakes evenly over the rooms of some files, and over the lines of each room; rooms in turn."""
    rng, same = random.Random(seed), equivalent()
    rooms: dict[str, dict[tuple[Path, int], list[Mistake]]] = {}
    for path in paths:
        for mistake in (each for each in mistakes(path) if each.change not in same):
            rooms.setdefault(room_of(path), {}).setdefault((path, mistake.line), []).append(mistake)
    found: list[list[Mistake]] = []
    for index, lines in enumerate(rooms.values()):
        share = number // len(rooms) + (index < number % len(rooms))
        places = rng.sample(sorted(lines), min(share, len(lines)))
        found.append([rng.choice(lines[place]) for place in places])
    # a run that is stopped early has looked at all rooms alike
    return [mistake for turn in zip_longest(*found) for mistake in turn if mistake]


def failure(
    tree: Path, tests: Sequence[str], shared: str, timeout: float, plugins: Sequence[object] = ()
) -> str:
    """Return which test of a tree fails first; empty if all pass."""
    output = tree.parent / "output"
    code = in_child(lambda: _run_tests(tree, tests, shared, output, plugins), timeout)
    if not code:
        return "" if code == 0 else ENDLESS
    lines = [line for line in output.read_text().splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].partition(" ")[2].split(" - ")[0] if lines else f"pytest ended with {code}"


def _run_tests(tree: Path, tests: Sequence[str], shared: str, output: Path, plugins: Sequence[object]) -> int:
    """Run tests in a child of this process, which has the libraries already and nothing of the tree."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    # compiled files are told apart by their time in seconds, which no run of tests is shorter than
    sys.pycache_prefix = str(tree.parent / "compiled")
    own = {SHARED: shared, "PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": sys.pycache_prefix}
    os.environ.update(own)
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    code = int(pytest.main(["-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests], plugins=[*plugins]))
    sys.stdout.flush()
    return code


def noticed_by(tree: Path, mistake: Mistake, shared: str, timeout: float) -> str:
    """Make a mistake in a tree, run the tests, and take it back; empty if none fails."""
    file = tree / mistake.path
    source = file.read_bytes()
    file.write_bytes(source[: mistake.start] + mistake.after.encode() + source[mistake.stop :])
    try:
        return failure(tree, tests_of(tree, mistake.path), shared, timeout)
    finally:
        file.write_bytes(source)


def judged_together(tree: Path, found: Sequence[Mistake], shared: str, timeout: float) -> list[str]:
    """Judge mistakes of one room by the tests that come by; each is a test, nothing, or undecided."""
    output = tree.parent / "verdicts"
    changes = []
    for each in found:
        source = (tree / each.path).read_bytes()
        changed = source[: each.start] + each.after.encode() + source[each.stop :]
        changes.append(Change(each.path, each.line, changed))
    tests = dict.fromkeys(test for each in found for test in tests_of(tree, each.path))
    judge = Judge(tree, changes, output, timeout)
    left_out = output.with_suffix(LEFT_OUT)
    for earlier in (output, left_out):
        earlier.write_text("", encoding="utf-8")
    failure(tree, [*tests], shared, timeout * (100 + len(found)), [judge])
    for test in left_out.read_text(encoding="utf-8").splitlines():
        print(f"LEFT OUT  {test} fails without any mistake", flush=True)
    verdicts = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    return verdicts + [UNDECIDED] * (len(found) - len(verdicts))


def copy_tree(target: Path) -> None:
    """Copy what the tests need, and no results of earlier runs."""
    # not all that begins with a dot: the demo's .bidsignore is part of the package
    skipped = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
    for name in COPIED:
        shutil.copytree(PROJECT / name, target / name, ignore=skipped)
    for file in PROJECT.iterdir():
        if file.is_file():
            shutil.copy(file, target / file.name)


def chosen_files(names: Sequence[str]) -> list[Path]:
    """Files of some rooms and paths below the package; all without any."""
    found: list[Path] = []
    for name in names or [""]:
        place = PROJECT / PACKAGE / name
        found += [place] if place.is_file() else sorted(place.rglob("*.py"))
    return [path.relative_to(PROJECT) for path in found]


def first_verdicts(
    tree: Path, found: Sequence[Mistake], shared: str, timeout: float
) -> Iterator[tuple[Mistake, str]]:
    """Yield each mistake with what its room's tests in one process say, room by room."""
    for room in dict.fromkeys(room_of(each.path) for each in found):
        own = [each for each in found if room_of(each.path) == room]
        yield from zip(own, judged_together(tree, own, shared, timeout), strict=True)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("places", nargs="*", help="rooms or files below bidsglm/; all without any")
    parser.add_argument("--number", type=int, default=100, help="mistakes to make (100)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other mistakes (0)")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for the tests of one (600)")
    parser.add_argument("--quick", action="store_true", help="only by tests that come by the line")
    parser.add_argument("--shared", default="", help="folder of the whole reference, if it may be used")
    return parser.parse_args()


def main() -> int:
    """Make the mistakes and say which of them no test noticed."""
    options = parsed()
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in LIBRARIES:
        import_module(name)
    found = drawn(chosen_files(options.places), options.number, options.seed)
    # a folder that is not there keeps tests from the reference beside the checkout
    with tempfile.TemporaryDirectory() as folder:
        tree, shared = Path(folder) / "tree", options.shared or str(Path(folder) / "none")
        copy_tree(tree)
        counts: dict[str, list[bool]] = {}
        sound: dict[str, bool] = {}
        for mistake, verdict in first_verdicts(tree, found, shared, options.timeout):
            test = verdict
            if verdict == UNDECIDED or not (verdict or options.quick):
                test = noticed_by(tree, mistake, shared, options.timeout)
                if test not in sound:
                    named = "::" in test
                    sound[test] = not (named and failure(tree, [test], shared, options.timeout))
                if not sound[test]:
                    print(f"NOT KNOWN {mistake}  {test} fails without it, mend it first", flush=True)
                    continue
            counts.setdefault(room_of(mistake.path), []).append(bool(test))
            print(f"noticed   {mistake}  by {test}" if test else f"UNNOTICED {mistake}", flush=True)
    for room, results in counts.items():
        print(f"{room or PACKAGE}: {sum(results)} of {len(results)} noticed")
    return int(not all(sound.values()))


if __name__ == "__main__":
    raise SystemExit(main())
