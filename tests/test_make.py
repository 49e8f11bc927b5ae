"""The environment that make keeps: what running needs, what tests add, what a change does again."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import PROJECT

RECORDER = """\
#!/bin/sh
set -eu
[ "$2" != run ] || rm -rf "$1"
mkdir -p "$1"
echo "$2" >> log
[ ! -e "fail-$2" ]
"""
"""In place of .ci/make-venv: writes down what it was asked for."""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "make-venv").write_text(RECORDER)
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    (tmp_path / ".git" / "logs").mkdir(parents=True)
    (tmp_path / ".git" / "logs" / "HEAD").touch()
    return tmp_path


def asked(checkout: Path, target: str) -> list[str]:
    """Parts of the environment that a target had made."""
    log = checkout / "log"
    log.unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(["make", "--silent", target], cwd=checkout, env=environment, capture_output=True)
    return log.read_text().split() if log.exists() else []


def change(path: Path) -> None:
    later = time.time() + 60
    os.utime(path, (later, later))


def test_what_running_needs_comes_first_and_tests_add_to_it(checkout: Path) -> None:
    assert asked(checkout, "install") == ["run", "own"]
    assert asked(checkout, "venv") == ["dev"]
    assert asked(checkout, "install") == asked(checkout, "venv") == []


def test_all_at_once_is_each_part_once(checkout: Path) -> None:
    assert asked(checkout, "venv") == ["run", "dev", "own"]
    assert asked(checkout, "install") == []


@pytest.mark.parametrize("part", ["run", "own"])
def test_an_interrupted_part_is_done_again(checkout: Path, part: str) -> None:
    (checkout / f"fail-{part}").touch()
    assert asked(checkout, "install")[-1] == part
    (checkout / f"fail-{part}").unlink()
    assert asked(checkout, "install") == ["run", "own"][["run", "own"].index(part) :]


def test_what_was_added_half_is_begun_again_from_nothing(checkout: Path) -> None:
    asked(checkout, "install")
    (checkout / "fail-dev").touch()
    assert asked(checkout, "venv") == ["dev"]
    assert asked(checkout, "install") == []
    (checkout / "fail-dev").unlink()
    assert asked(checkout, "venv") == ["run", "dev", "own"]


def test_another_set_of_tools_replaces_the_old_one(checkout: Path) -> None:
    asked(checkout, "venv")
    change(checkout / "requirements-dev.lock")
    assert asked(checkout, "install") == []
    assert asked(checkout, "venv") == ["run", "dev", "own"]


def test_a_commit_is_registered_as_the_version(checkout: Path) -> None:
    asked(checkout, "venv")
    change(checkout / ".git" / "logs" / "HEAD")
    assert asked(checkout, "install") == ["own"]
