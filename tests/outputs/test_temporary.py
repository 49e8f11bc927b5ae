"""What others left among the results is removed, and what a living process is writing stays."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bidsglm.outputs import temporary
from bidsglm.outputs.confinement import confined_to
from bidsglm.outputs.temporary import (
    ABANDONED,
    ABANDONED_FOLDER,
    NAME,
    is_left_over,
    place,
    remove_left_over,
    temporary_path,
)


def test_file_of_a_living_process_of_this_machine_stays_until_nobody_can_be_at_it() -> None:
    name = f".{place()}-{os.getpid()}-ab.tmp"
    assert not is_left_over(name, age=1.0, lives=lambda pid: pid == os.getpid())
    assert is_left_over(name, age=1.0, lives=lambda pid: False)
    assert is_left_over(name, age=2 * ABANDONED, lives=lambda pid: True)


def test_file_without_a_process_number_is_nobodys_to_remove() -> None:
    assert not is_left_over(f".{place()}-words-ab.tmp", age=1.0, lives=lambda pid: False)


def test_process_is_asked_whether_it_lives_and_goes_on_undisturbed() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = f".{place()}-{process.pid}-ab.tmp"
        assert not is_left_over(name, age=1.0)
        # a signal that ends it would need a moment
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.communicate(b"\n")
    assert process.returncode == 0
    assert is_left_over(name, age=1.0)


def left_behind(path: Path, age: float) -> Path:
    """A temporary file or folder of a process that lives, last touched some seconds ago."""
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    gone, mine = (f".{place()}-{pid}-ab.tmp" for pid in (dead.pid, os.getpid()))
    elsewhere = ".elsewhere-1-ab.tmp"
    names = [gone, mine, elsewhere, f"{place()}-{dead.pid}-ab.tmp", "sub-01_bold.tmp", f".{place()}-x-ab.tmp"]
    for name in names:
        (tmp_path / name).write_text("")
    remove_left_over([tmp_path / name for name in [*names, ".gone-1-ab.tmp"]])
    assert sorted(os.listdir(tmp_path)) == sorted(names[1:])
    left_behind(tmp_path / elsewhere, ABANDONED + 60)
    left_behind(tmp_path / "sub-01_bold.tmp", ABANDONED + 60)
    remove_left_over(list(tmp_path.iterdir()))
    assert sorted(os.listdir(tmp_path)) == sorted([mine, *names[3:]])


def test_folders_that_are_left_are_kept_longer_and_removed_whole(tmp_path: Path) -> None:
    folder, link = tmp_path / ".elsewhere-1-ab.tmp", tmp_path / ".elsewhere-2-ab.tmp"
    folder.mkdir()
    (folder / "map").write_text("")
    (tmp_path / "kept").mkdir()
    link.symlink_to(tmp_path / "kept")
    os.utime(link, (0, 0), follow_symlinks=False)
    left_behind(folder, ABANDONED + 60)
    remove_left_over([folder, link])
    assert folder.exists()
    assert not link.is_symlink()
    assert (tmp_path / "kept").is_dir()
    left_behind(folder, ABANDONED_FOLDER + 60)
    remove_left_over([folder])
    assert not folder.exists()


def test_left_overs_behind_a_link_that_leads_out_stay(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
    old = tmp_path / "elsewhere" / ".elsewhere-1-ab.tmp"
    old.write_text("")
    left_behind(old, ABANDONED + 60)
    with confined_to(tmp_path / "out"):
        remove_left_over([tmp_path / "out" / "link" / old.name])
    assert old.exists()


def test_a_process_of_somebody_else_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert not is_left_over(f".{place()}-1-ab.tmp", age=1.0)


def test_temporary_names_are_of_this_process_and_each_another(tmp_path: Path) -> None:
    one, other = temporary_path(tmp_path / "a.json"), temporary_path(tmp_path / "a.json")
    assert one != other
    assert one.name.startswith(f".{place()}-{os.getpid()}-")
    assert NAME.fullmatch(one.name)
    assert len(place()) == 8


def test_without_linux_the_name_of_the_machine_must_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> str:
        raise FileNotFoundError

    here = place()
    for name in ("_boot_id", "_process_namespace"):
        monkeypatch.setattr(temporary, name, absent)
    place.cache_clear()
    try:
        assert (
            place() == hashlib.sha256(f"{os.uname().nodename} {os.uname().nodename}".encode()).hexdigest()[:8]
        )
    finally:
        place.cache_clear()
        monkeypatch.undo()
        assert place() == here
