"""The program starts with what it is asked for, and with no library that only a fit needs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bidsglm.cli import main
from tests.tiny import model, write_study

PROJECT = Path(__file__).resolve().parent.parent
OF_A_FIT = {"nilearn", "sklearn", "scipy.stats", "_pytest", "pandas", "joblib", "matplotlib", "jinja2"}
"""Modules that take seconds, and what they bring."""
OF_AN_INDEX = {"bids", "sqlalchemy"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("start"), participants=("01",), runs=("run-1", "run-2"))


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def loaded(*words: str) -> set[str]:
    """Modules of a process that did what a command line says, and ended well."""
    code = (
        "import sys\n"
        "from bidsglm.cli import main\n"
        "try:\n    code = main(sys.argv[1:])\n"
        "except SystemExit as end:\n    code = end.code\n"
        "print(code, *sys.modules, file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment
    )
    ended, *modules = done.stderr.splitlines()[-1].split()
    assert ended in ("0", "None"), done.stderr
    return set(modules)


@pytest.mark.parametrize("backends", [(), ("--backends", "spm"), ("--backends", "nilearn")])
def test_dry_run_loads_nothing_of_a_fit(study: Path, tmp_path: Path, backends: tuple[str, ...]) -> None:
    words = (str(study), str(tmp_path / "out"), "participant", "--dry-run", "--skip-bids-validation")
    assert loaded(*words, *backends) & (OF_A_FIT | OF_AN_INDEX) == set()


def test_checking_a_model_loads_nothing_of_a_fit(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model()))
    assert loaded("model", "--check", str(path)) & (OF_A_FIT | OF_AN_INDEX) == set()


def test_resuming_a_finished_folder_loads_nothing_of_a_fit(study: Path, tmp_path: Path) -> None:
    words = [str(study), str(tmp_path / "out"), "participant", "--skip-bids-validation", "--no-attribution"]
    assert main(words) == 0
    page = tmp_path / "out" / "sub-01.html"
    written = page.stat().st_mtime_ns
    assert loaded(*words) & (OF_A_FIT | OF_AN_INDEX) == set()
    assert page.stat().st_mtime_ns == written


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_words_about_the_program_load_no_library_of_science(word: str) -> None:
    assert loaded(word) & {*OF_A_FIT, *OF_AN_INDEX, "scipy", "nibabel", "pydantic"} == set()


def test_the_package_itself_loads_no_library() -> None:
    code = "import sys, bidsglm; print(*sys.modules)"
    done = python(code)
    assert set(done.stdout.split()) & {*OF_A_FIT, *OF_AN_INDEX, "numpy", "scipy", "nibabel"} == set()


def looks_at_everybody(
    root: Path, n_participants: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, int]:
    """How often a dry run looks into the folders that hold all participants."""
    labels = tuple(f"{i:02d}" for i in range(1, n_participants + 1))
    study = write_study(root, participants=labels)
    shared = {"raw": study, "derivatives": study / "derivatives", "data": study / "derivatives" / "fmriprep"}
    for folder in shared.values():
        os.utime(folder, (1e9, 1e9))
    looked: list[Path] = []
    scandir = os.scandir

    def counting(path: Any = ".") -> Any:
        looked.extend([] if isinstance(path, int) else [Path(path)])
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", counting)
        assert main([str(study), str(root / "out"), "participant", "--dry-run"]) == 0
    assert capsys.readouterr().out.count("contrast move") >= n_participants
    return {name: looked.count(folder) for name, folder in shared.items()}


def test_each_further_participant_needs_no_look_at_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = looks_at_everybody(tmp_path / "few", 2, monkeypatch, capsys)
    many = looks_at_everybody(tmp_path / "many", 5, monkeypatch, capsys)
    assert few == many
    assert few["raw"] > 0
