"""Whether the holder of a claim still lives, where that can be seen and where it cannot."""

import os
from pathlib import Path

import pytest

from bidsglm.process import holders


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose /proc is this folder, which is not there yet."""
    monkeypatch.setattr(holders, "Path", lambda text: tmp_path / text.removeprefix("/"))
    return tmp_path / "proc"


def test_machine_without_proc_cannot_tell_whether_a_holder_lives(elsewhere: Path) -> None:
    assert holders.start_time(os.getpid()) == 0
    assert holders.lives(holders.this_process("token", "digest", 0.0)) is None


def test_process_that_is_not_in_proc_is_gone(elsewhere: Path) -> None:
    (elsewhere / "self").mkdir(parents=True)
    (elsewhere / "self" / "stat").write_text("")
    assert holders.start_time(12) == -1


@pytest.mark.parametrize(("state", "started"), [("S", 777), ("Z", -1), ("X", -1)])
def test_process_is_known_by_when_it_started_unless_it_is_dead(
    elsewhere: Path, state: str, started: int
) -> None:
    (elsewhere / "12").mkdir(parents=True)
    fields = " ".join(["0"] * 18 + ["777"] + ["0"] * 10)
    (elsewhere / "12" / "stat").write_text(f"12 (a name) with brackets)) {state} {fields}\n")
    assert holders.start_time(12) == started


def test_another_process_under_the_same_number_is_not_the_holder() -> None:
    holder = holders.this_process("token", "digest", 0.0)
    assert holders.lives(holder)
    assert holders.lives(holder._replace(started=holder.started + 1)) is False
    assert holders.lives(holder._replace(place="elsewhere")) is None
