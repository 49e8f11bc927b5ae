"""Two hundred and more hostile inputs: each one clear line and its exit code, none slow, none large."""

import resource
import shutil
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

import pytest

from bidsglm.cli import main
from bidsglm.errors import LONGEST_LINE
from tests import tiny
from tests.hostile import data, models, settings
from tests.hostile.row import Place, Row

SECONDS = 5.0
"""Of the processor, for any of them."""
BYTES = 2**30
"""Of memory beyond what the process has already."""
FEWEST = 200
BEFORE: Mapping[str, Row] = {**models.ROWS, **settings.ROWS}
"""Refused once for everybody, before an output folder is made."""
DURING: Mapping[str, Row] = {**data.ROWS, **data.MEMORY}
"""A participant's failure, told in the log and on the page."""


class TooSlowError(BaseException):
    """No `except Exception` of the program may hide it."""


def too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlowError(f"took more than {SECONDS} s of the processor")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("base")
    study = tiny.write_study(root, participants=("01",))
    # Loads what a run needs, so that no row is charged for it.
    assert main([str(study), str(root / "out"), "participant", "--backends", "spm", "--dry-run", "-q"]) == 0
    return study


@pytest.fixture
def place(base: Path, tmp_path: Path) -> Place:
    shutil.copytree(base, tmp_path / "bids")
    return Place(tmp_path / "bids")


@pytest.fixture
def bounded() -> Iterator[None]:
    """Bounds on the time and the memory of a test."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    earlier = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, too_slow)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, earlier[1]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, earlier)


def test_the_table_does_not_shrink() -> None:
    assert len(BEFORE) + len(DURING) >= FEWEST


def command(place: Place, more: object) -> list[str]:
    given = [str(word) for word in more] if isinstance(more, list) else []
    level = given.pop(0) if given[:1] == ["group"] else "participant"
    fit = ["--backends", "spm", "--no-attribution"] if level == "participant" else []
    return [str(place.study), str(place.study.parent / "out"), level, *fit, *given]


def check_line(line: str, said: tuple[str, ...]) -> None:
    for part in said:
        assert part in line, line
    assert "unexpected" not in line
    assert line.isprintable()
    assert len(line) <= LONGEST_LINE + 200


@pytest.mark.parametrize("name", BEFORE)
def test_hostile_setting_is_refused_in_one_line(
    name: str, place: Place, bounded: None, capsys: pytest.CaptureFixture[str]
) -> None:
    row = BEFORE[name]
    words = command(place, row.make(place))
    capsys.readouterr()
    assert main(words) == row.code
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    check_line(said.rstrip("\n"), row.said)
    assert not (place.study.parent / "out").exists()


@pytest.mark.parametrize("name", DURING)
def test_hostile_data_are_named_in_one_line(
    name: str, place: Place, bounded: None, capsys: pytest.CaptureFixture[str]
) -> None:
    row = DURING[name]
    words = command(place, row.make(place))
    assert main(words) == row.code
    said = capsys.readouterr().err.splitlines()
    lines = [line for line in said if " ERROR " in line or line.startswith("bidsglm: ")]
    assert len(lines) == 1, said
    check_line(lines[0], row.said)
    assert not list(place.study.parent.glob("out/**/*statmap*"))
