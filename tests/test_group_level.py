"""The group level as a function: what it prints, what it leaves alone, and its exit code."""

from dataclasses import replace
from pathlib import Path

import pytest

from bidsglm.group_level import run_group
from bidsglm.settings import Settings
from tests.finished import NAME, change_summary, write_group


def state(out: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    bids, out = write_group(tmp_path, 3)
    return Settings(bids, out, "group", verbosity=0)


def test_dry_run_says_who_would_be_taken_together_and_writes_nothing(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    change_summary(settings.output_dir, "02", status="failed")
    before = state(settings.output_dir)
    assert run_group(replace(settings, dry_run=True)) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("2 finished units of 3 participants in ")
    assert f"{NAME}: sub-01, sub-03" in printed
    assert "sub-02" in printed
    assert state(settings.output_dir) == before


def test_methods_alone_are_printed_and_nothing_is_written(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(settings.output_dir)
    assert run_group(replace(settings, boilerplate_only=True)) == 0
    assert capsys.readouterr().out.startswith("# Methods\n")
    changed = {path for path, content in state(settings.output_dir).items() if before.get(path) != content}
    assert {Path(path).name for path in changed} <= {"CITATION.md"}
