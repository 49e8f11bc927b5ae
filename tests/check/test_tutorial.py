"""The tutorial on a user's own analyses: its script and its commands run, and print what it says."""

import re
import shlex
from pathlib import Path

import pytest

from bidsglm.cli import main
from tests.conftest import PROJECT

from .spm_mat import Study, condition, scans_of, write_spm

PAGE = PROJECT / "docs" / "tutorial_own_analysis.md"
EQUAL = (
    ("drift_model=None", 'drift_model="cosine"'),
    ("high_pass=0.01", "high_pass=1 / 128"),
    ("slice_time_ref=0.5", "slice_time_ref=7 / 16, signal_scaling=False"),
)


def blocks(kind: str) -> list[str]:
    """Code blocks of the page."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def study(folder: Path) -> None:
    """The folder that the page begins with."""
    (folder / "func").mkdir(parents=True)
    (folder / "nilearn").mkdir()
    move, rest = condition("movement", range(12, 192, 24), 12), condition("rest", range(0, 180, 24), 12)
    weights = {"trial_type.movement": 1.0, "trial_type.rest": -1.0}
    contrasts = {"movement > rest": weights, "movement": {"trial_type.movement": 1.0}}
    made = Study([[move, rest]], [96], contrasts=contrasts, seed=4)
    write_spm(made, folder / "spm", scans_of(made, folder / "func"))


def run_script(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "nilearn" / "first_level.py").write_text(text)
    exec(compile(text, "first_level.py", "exec"), {})
    monkeypatch.chdir(folder.parent)


def printed(block: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command of a block prints."""
    capsys.readouterr()
    assert main(shlex.split(block.splitlines()[0].removeprefix("$ bidsglm "))) == 0
    return capsys.readouterr().out


def test_commands_of_the_tutorial_print_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path / "study")
    (script,), (first, second, last) = blocks("python"), blocks("console")
    run_script(script, tmp_path / "study", monkeypatch)
    assert printed(first, capsys) == first.partition("\n")[2]
    for old, new in EQUAL:
        assert old in script
        script = script.replace(old, new)
    run_script(script, tmp_path / "study", monkeypatch)
    assert printed(second, capsys) == second.partition("\n")[2]
    assert "columns, in this order" in printed(last, capsys)
    fit = last.splitlines()[1]
    assert main([*shlex.split(fit.removeprefix("$ bidsglm ")), "--no-attribution"]) == 0
    page = (tmp_path / "checked" / "check.html").read_text()
    assert "movement and rest together fill the run" in page
