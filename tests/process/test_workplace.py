"""Temporary files and caches go where they may, and nothing of them stays."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bidsglm.errors import CannotCreateError
from bidsglm.process.workplace import CACHES, work_dir_in_use
from tests import tiny
from tests.conftest import PROJECT


@pytest.fixture
def no_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only root with nothing mounted: only named folders can be written to."""
    make = tempfile.mkdtemp

    def only_named(suffix: str | None = None, prefix: str | None = None, dir: object = None) -> str:
        if dir is None:
            raise FileNotFoundError("No usable temporary directory found")
        return make(suffix, prefix, dir)

    monkeypatch.setattr(tempfile, "mkdtemp", only_named)


def test_folder_of_the_run_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with work_dir_in_use(None, tmp_path / "bids", tmp_path / "out"):
        folder = Path(tempfile.gettempdir())
        assert folder.parent == tmp_path
        assert os.environ["MPLCONFIGDIR"].startswith(str(folder))
    assert os.environ["TMPDIR"] == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_cache_that_the_user_chose_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    with work_dir_in_use(None, tmp_path / "bids", None):
        assert os.environ["MPLCONFIGDIR"] == str(tmp_path)


def test_work_folder_keeps_the_caches(tmp_path: Path) -> None:
    with work_dir_in_use(tmp_path / "work", tmp_path / "bids", None):
        assert tempfile.gettempdir() == str(tmp_path / "work")
    assert {path.name for path in (tmp_path / "work").iterdir()} == set(CACHES.values())


@pytest.mark.usefixtures("no_temporary_files")
def test_output_folder_stands_in_where_there_is_no_other(tmp_path: Path) -> None:
    with work_dir_in_use(None, tmp_path / "bids", tmp_path / "out"):
        assert Path(os.environ["TMPDIR"]).parent == tmp_path / "out"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("no_temporary_files")
def test_no_place_at_all_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CannotCreateError, match=r"file/out: cannot be written to"),
        work_dir_in_use(None, tmp_path / "bids", tmp_path / "file" / "out"),
    ):
        pass
    with (
        pytest.raises(CannotCreateError, match="TMPDIR"),
        work_dir_in_use(None, tmp_path / "bids", None),
    ):
        pass


def test_run_leaves_nothing_at_home_or_among_temporary_files(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    command = [sys.executable, "-m", "bidsglm", str(study), str(tmp_path / "out"), "participant"]
    done = subprocess.run(
        [*command, "--backends", "spm", "--skip-bids-validation"],
        cwd=home,
        env={"PYTHONPATH": str(PROJECT), "HOME": str(home), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [*home.iterdir(), *temporary.iterdir()] == []
