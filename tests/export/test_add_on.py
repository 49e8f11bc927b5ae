"""--export-code adds the code to a fit, or to a finished participant, and never costs the fit."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bidsglm import participant
from bidsglm.cli import main
from tests import tiny
from tests.test_outputs_page import documented_files, regex

PREFIX = f"sub-01_task-{tiny.TASK}_space-{tiny.SPACE}"
CODE = f"sub-01/code/{PREFIX}"
QUICK = ("--no-attribution", "-q")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_study(tmp_path_factory.mktemp("study"), participants=("01",))


@pytest.fixture(scope="module")
def finished(study: Path) -> Path:
    """Results without code; tests work on copies."""
    assert main([str(study), str(study.parent / "out"), "participant", *QUICK]) == 0
    return study.parent / "out"


@pytest.fixture
def results(finished: Path, study: Path, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    return out


def export(study: Path, out: Path, *options: str) -> int:
    return main([str(study), str(out), "participant", "--export-code", *QUICK, *options])


def test_finished_participant_gets_its_code_without_another_fit(study, results, monkeypatch):
    monkeypatch.setattr(participant, "estimated", lambda *_: pytest.fail("fitted again"))
    assert export(study, results) == 0
    names = {path.name for path in (results / CODE).iterdir()}
    assert names == {"spm_batch.m", "conditions.mat", "regressors.txt", "nilearn_script.py"}
    summary = json.loads((results / f"sub-01/func/{PREFIX}_desc-bidsglm_summary.json").read_text())
    assert sorted(summary["supplements"]["code"]["files"]) == sorted(f"{CODE}/{name}" for name in names)
    stamps = {path: path.stat().st_mtime_ns for path in (results / CODE).iterdir()}
    assert export(study, results) == 0
    assert {path: path.stat().st_mtime_ns for path in (results / CODE).iterdir()} == stamps


def test_single_backend_exports_its_own_script_only(study, tmp_path):
    assert export(study, tmp_path / "out", "--backends", "nilearn") == 0
    (script,) = (tmp_path / "out" / CODE).iterdir()
    assert script.name == "nilearn_script.py"
    assert "spm_batch.m" not in script.read_text()


def test_every_package_exports_what_the_page_of_outputs_says(study, tmp_path):
    model = tiny.model()
    conditions = ["trial_type.move", "trial_type.look"]
    either = {"Name": "either", "ConditionList": conditions, "Weights": [[1, 0], [0, 1]], "Test": "F"}
    model["Nodes"][0]["Contrasts"].append(either)
    tiny.write_json(tmp_path / "smdl.json", model)
    out = tmp_path / "out"
    assert export(study, out, "--backends", "all", "--model", str(tmp_path / "smdl.json")) == 0
    scripts = {"spm_batch.m", "nilearn_script.py", "afni_script.tcsh", "fsl_script.sh"}
    names = {path.name for path in (out / CODE).iterdir()}
    assert scripts | {"design.fsf", "confoundevs.txt", "afni_stim_move.1D", "afni_con_either.txt"} <= names
    known = [regex(name.replace("run-<n>_", "")) for name in documented_files()]
    written = [path.relative_to(out).as_posix() for path in (out / CODE).iterdir()]
    assert [name for name in written if not any(pattern.fullmatch(name) for pattern in known)] == []
    page = (out / "sub-01.html").read_text()
    assert all(f"{CODE}/{name}" in page for name in scripts)


def test_code_that_cannot_be_written_costs_one_line_and_not_the_fit(study, results, capsys):
    (results / "sub-01" / "code").write_text("a file where the folder should be")
    before = sorted(path.name for path in (results / "sub-01" / "func").iterdir())
    assert export(study, results) == 73
    errors = [line for line in capsys.readouterr().err.splitlines() if "code" in line]
    assert len([line for line in errors if "cannot create this folder" in line]) == 1
    assert sorted(path.name for path in (results / "sub-01" / "func").iterdir()) == before
    assert "cannot create this folder" in (results / "sub-01.html").read_text()
    (results / "sub-01" / "code").unlink()
    assert export(study, results) == 0
    assert (results / CODE / "spm_batch.m").exists()


def test_results_with_code_are_valid_bids(study, results):
    validator = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent))
    if validator is None:
        pytest.skip("bids-validator-deno is not installed")
    assert export(study, results) == 0
    command = [validator, str(results), "--format", "json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    issues = report["issues"]["issues"]
    assert [i for i in issues if i["severity"] == "error" or "code/" in str(i.get("location"))] == []
