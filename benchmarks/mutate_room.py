"""Judge many small mistakes of one room in one process that has collected its tests, for ``mutate.py``.

The tests run once without any mistake, and it is noted which of them reach which line. Each mistake is then
made in a child of the process: the code of its function is exchanged where it stands in memory, and only the
tests that reach its line run, the shortest first. So a mistake takes a fraction of a second, where a process
of its own takes the import of the libraries and the collection of all tests.

Four things this way cannot see: a mistake outside functions (a constant, a default), a test that runs the
program in a process of its own, one that reads the source, and one that is given what an earlier test made
and a cache kept. ``UNDECIDED`` says the first; the others are why ``mutate.py`` repeats what is left
unnoticed with a file that is really changed.
"""

import ast
import gc
import inspect
import json
import os
import pickle
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple

import coverage
import pytest

UNDECIDED = "undecided"
ENDLESS = "no end"
LEFT_OUT = ".left_out"
"""Ending of the list of tests that fail without any mistake"""
POLL = 0.02
"""s between two looks whether tests have ended"""
FUNCTION = inspect.CO_OPTIMIZED
"""Flag of a function's code, which that of a class has not"""


class Change(NamedTuple):
    """A file as it would be with a mistake."""

    path: Path
    line: int
    source: bytes


class Reach(NamedTuple):
    """Which tests come by a line, and how long they take."""

    lines: dict[str, dict[int, list[str]]]
    """File -> line -> tests, or files of tests whose fixtures come by"""
    seconds: dict[str, float]
    """Of each test that passes"""


def enclosing(tree: ast.Module, line: int) -> tuple[ast.stmt, bool]:
    """Smallest statement at a line, and whether it stands in the body of a function."""
    found: tuple[ast.stmt, bool] | None = None

    def visit(statements: Sequence[ast.stmt], inside: bool) -> None:
        nonlocal found
        for statement in statements:
            if not statement.lineno <= line <= (statement.end_lineno or line):
                continue
            found = statement, inside
            within = inside or isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
            for name in ("body", "orelse", "finalbody"):
                visit(getattr(statement, name, []), within)
            for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
                visit(part.body, within)

    visit(tree.body, False)
    if found is None:
        raise ValueError(f"no statement at line {line}")
    return found


def lines_of(statement: ast.stmt) -> range:
    """Lines of a statement without those of its body."""
    body = getattr(statement, "body", None) or [case.body[0] for case in getattr(statement, "cases", [])]
    last = max(statement.lineno, body[0].lineno - 1) if body else statement.end_lineno or statement.lineno
    return range(statement.lineno, last + 1)


def functions_in(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of functions and methods, not of those inside them."""
    for part in code.co_consts:
        if isinstance(part, CodeType):
            if part.co_flags & FUNCTION:
                yield part
            else:
                yield from functions_in(part)


def place_of(code: CodeType) -> tuple[str, int]:
    """Name and first line, by which code of one file is told apart."""
    return code.co_qualname, code.co_firstlineno


def exchange(file: Path, source: bytes) -> bool:
    """Give the functions of a loaded file the code of another source; whether any was found."""
    old = {place_of(code): code for code in functions_in(compile(file.read_bytes(), str(file), "exec"))}
    changed = {
        place_of(code): code
        for code in functions_in(compile(source, str(file), "exec"))
        if old.get(place_of(code)) != code
    }
    functions = [
        item
        for item in gc.get_objects()
        if isinstance(item, FunctionType)
        and item.__code__.co_filename == str(file)
        and place_of(item.__code__) in changed
    ]
    for function in functions:
        function.__code__ = changed[place_of(function.__code__)]
    return bool(functions)


def in_child(work: Callable[[], int], timeout: float) -> int | None:
    """Do something in a child and return what it returns; None if it takes too long."""
    child = os.fork()
    if not child:
        code = 70
        try:
            os.setsid()
            code = work()
        finally:
            os._exit(code)
    end = time.monotonic() + timeout
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(POLL)
    return os.waitstatus_to_exitcode(ended[1])


class Judge:
    """A plugin of pytest: instead of running the tests it has them judge mistakes."""

    def __init__(self, tree: Path, changes: Sequence[Change], output: Path, timeout: float) -> None:
        """Take the tree that the tests are of, and where to write one line a mistake."""
        self.tree, self.changes, self.output, self.timeout = tree, changes, output, timeout
        self.coverage: coverage.Coverage | None = None
        self.seconds: dict[str, float] = defaultdict(float)
        self.sound: dict[str, bool] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge every mistake and write what was found: a test, nothing, or a word of the head."""
        kept = self.output.with_suffix(".reach")
        in_child(lambda: self._reach(session, kept), 100 * self.timeout)
        reach = Reach(*pickle.loads(kept.read_bytes()))
        left_out = [item.nodeid for item in session.items if item.nodeid not in reach.seconds]
        self.output.with_suffix(LEFT_OUT).write_text("\n".join(left_out), encoding="utf-8")
        with self.output.open("w", encoding="utf-8") as file:
            for change in self.changes:
                print(json.dumps(self._judged(session, reach, change)), file=file, flush=True)
        return True

    def _judged(self, session: pytest.Session, reach: Reach, change: Change) -> str:
        statement, inside = enclosing(ast.parse(change.source), change.line)
        items = self._reaching(session, reach, change.path, lines_of(statement))
        if not inside or not items:
            return UNDECIDED
        failing = self._failing(session, items, change)
        if failing in reach.seconds and failing not in self.sound:
            again = [item for item in items if item.nodeid == failing]
            self.sound[failing] = not self._failing(session, again, None)
        return failing if self.sound.get(failing, True) else UNDECIDED

    def _failing(self, session: pytest.Session, items: Sequence[pytest.Item], change: Change | None) -> str:
        """Name the first test that fails, with a change or without any; empty if none does."""
        found = self.output.with_suffix(".failing")
        found.write_text("", encoding="utf-8")

        def work() -> int:
            if change and not exchange(self.tree / change.path, change.source):
                found.write_text(UNDECIDED, encoding="utf-8")
                return 0
            for item in _run(session, items):
                found.write_text(item.nodeid, encoding="utf-8")
                break
            return 0

        code = in_child(work, self.timeout)
        if code is None:
            return ENDLESS
        return found.read_text(encoding="utf-8") if not code else f"pytest ended with {code}"

    def _reaching(self, session: pytest.Session, reach: Reach, path: Path, lines: range) -> list[pytest.Item]:
        found = reach.lines.get(str(self.tree / path), {})
        tests = {test for line in lines for test in found.get(line, [])}
        items = [
            item
            for item in session.items
            if item.nodeid in reach.seconds and (item.nodeid in tests or item.nodeid.split("::")[0] in tests)
        ]
        return sorted(items, key=lambda item: reach.seconds[item.nodeid])

    def _reach(self, session: pytest.Session, kept: Path) -> int:
        """Run all tests once, and keep which of them pass and what lines they come by."""
        self.coverage = coverage.Coverage(data_file=None, include=[f"{self.tree}/bidsglm/*"])
        self.coverage.start()
        failed = {item.nodeid for item in _run(session, session.items)}
        self.coverage.stop()
        data = self.coverage.get_data()
        lines: dict[str, dict[int, list[str]]] = defaultdict(dict)
        for file in data.measured_files():
            lines[file] = {
                line: sorted(filter(None, tests)) for line, tests in data.contexts_by_lineno(file).items()
            }
        passed = {name: value for name, value in self.seconds.items() if name not in failed}
        kept.write_bytes(pickle.dumps((dict(lines), passed)))
        return 0

    def _context(self, name: str) -> None:
        if self.coverage is not None:
            self.coverage.switch_context(name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up how long each test takes."""
        self.seconds[report.nodeid] += report.duration

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note what fixtures reach under the file of tests, since all its tests may use them."""
        self._context(item.nodeid.split("::")[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Note what a test reaches under its name."""
        self._context(item.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Note what the end of a fixture reaches as its beginning."""
        self._context(item.nodeid.split("::")[0])


def _run(session: pytest.Session, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    """Run tests and yield those that fail."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        before = session.testsfailed
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed > before:
            yield item
