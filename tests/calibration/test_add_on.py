"""`--calibrate N` adds its tables to a finished participant, once, and never fits again for it."""

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bidsglm import participant
from bidsglm.cli import main
from tests import tiny

pytestmark = pytest.mark.usefixtures("plain_figures")

P = f"sub-01_task-{tiny.TASK}_space-{tiny.SPACE}"
TABLE = f"sub-01/func/{P}_desc-calibration_metrics.tsv"
CURVES = f"sub-01/func/{P}_desc-calibrationCurves_metrics.tsv"
FIRST = ["analysis", "noise", "effect_size", "p_threshold", "rate", "ci_lower", "ci_upper", "n_datasets"]
WAYS = ["ols", "nilearn-ar1", "spm-ar1", "spm-fast"]
NOISES = ["white", "ar1", "surrogate", "physiological"]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study with two runs of different length, fitted."""
    root = tmp_path_factory.mktemp("calibrated")
    study = tiny.write_study(root, ("01",), ("run-1", "run-2"))
    _shorten(study, "run-2", 60)
    (root / "model.json").write_text(json.dumps(tiny.model()))
    assert run(root) == 0
    return root


def _shorten(study: Path, label: str, n_scans: int) -> None:
    folder = study / "derivatives" / "fmriprep" / "sub-01" / "func"
    stem = f"sub-01_task-{tiny.TASK}_{label}"
    raw = study / "sub-01" / "func" / f"{stem}_bold.nii.gz"
    tiny.write_image(raw, np.zeros((2, 2, 2, n_scans), dtype=np.int16))
    tiny.write_image(
        folder / f"{stem}_space-{tiny.SPACE}_desc-preproc_bold.nii.gz", tiny.bold(1)[..., :n_scans]
    )
    table = folder / f"{stem}_desc-confounds_timeseries.tsv"
    table.write_text("\n".join(table.read_text().splitlines()[: n_scans + 1]) + "\n")


def run(root: Path, *options: str) -> int:
    model = ["-m", str(root / "model.json")]
    words = [str(root / "bids"), str(root / "out"), "participant", "--no-attribution", "-q", *model, *options]
    return main(words)


def copied(fitted: Path, to: Path, patch: pytest.MonkeyPatch) -> Path:
    """A copy of it in which nothing may be fitted."""
    shutil.copytree(fitted / "out", to / "out")
    for name in ("bids", "model.json"):
        (to / name).symlink_to(fitted / name)

    def refuse(*_: object) -> None:
        raise AssertionError("fitted again")

    patch.setattr(participant, "estimated", refuse)
    # The inputs stand behind a link, and their paths are part of what makes a fit the same.
    patch.setattr(participant, "is_finished", lambda *_: True)
    return to


@pytest.fixture
def root(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(fitted, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def calibrated(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Once, by a single data set of each kind."""
    with pytest.MonkeyPatch.context() as patch:
        found = copied(fitted, tmp_path_factory.mktemp("once"), patch)
        assert run(found, "--calibrate", "1") == 0
    return found


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_table_has_every_analysis_noise_size_and_threshold(root: Path) -> None:
    assert run(root, "--calibrate", "2") == 0
    found = rows(root / "out" / TABLE)
    assert list(found[0])[:8] == FIRST
    assert list(dict.fromkeys(row["analysis"] for row in found)) == WAYS
    assert list(dict.fromkeys(row["noise"] for row in found)) == NOISES
    assert len(found) == 4 * 4 * 7 * 3
    for row in found:
        assert row["n_datasets"] == str(2 - int(row["n_stopped"]))
        if row["n_datasets"] == "2":
            assert 0 <= float(row["ci_lower"]) <= float(row["rate"]) <= float(row["ci_upper"]) <= 1
    sidecar = json.loads((root / "out" / TABLE).with_suffix(".json").read_text())
    assert set(found[0]) <= set(sidecar)
    assert (sidecar["SimulatedDatasets"], sidecar["RandomSeed"]) == (2, 0)
    assert sidecar["SampledVoxels"] <= sidecar["MaskVoxels"] <= 336
    curves = rows(root / "out" / CURVES)
    assert {row["rate"] for row in curves if row["p"] == "1.0" and row["analysis"] == "ols"} == {"1.0"}
    summary = json.loads((root / "out" / f"sub-01/func/{P}_desc-bidsglm_summary.json").read_text())
    said = summary["supplements"]["calibration"]
    tables = [Path(TABLE), Path(CURVES)]
    assert said["files"] == [str(each.with_suffix(end)) for each in tables for end in (".tsv", ".json")]
    assert (said["n_datasets"], said["n_voxels"]) == (2, sidecar["SampledVoxels"])
    assert said["contrasts"] == list(dict.fromkeys(row["contrast"] for row in found))
    assert {row["n_voxels"] for row in found if row["effect_size"] == "0.0"} == {str(said["n_voxels"])}
    assert json.loads((root / "out" / CURVES).with_suffix(".json").read_text())["SimulatedDatasets"] == 2


def test_same_request_is_skipped_and_another_seed_is_not(
    calibrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copied(calibrated, tmp_path, monkeypatch)
    path = root / "out" / TABLE
    first = path.stat().st_mtime_ns
    text = path.read_text()
    assert run(root, "--calibrate", "1") == 0
    assert path.stat().st_mtime_ns == first
    assert run(root, "--calibrate", "1", "--random-seed", "7") == 0
    assert path.read_text() != text
    assert run(root, "--calibrate", "1", "--random-seed", "0") == 0
    assert path.read_text() == text, "the same seed gives the same numbers"


def test_single_data_set_has_no_intervals(calibrated: Path) -> None:
    found = rows(calibrated / "out" / TABLE)
    made = [row for row in found if row["n_datasets"] == "1"]
    assert made
    assert {row["ci_lower"] for row in made} == {"n/a"}
    assert all(0 <= float(row["rate"]) <= 1 for row in made)


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_number_that_is_none_is_a_wrong_command_line(
    fitted: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(fitted, f"--calibrate={number}") == 64
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--calibrate" in said
    assert "at least 1" in said


def failure(root: Path, words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*words, "--calibrate", "2"]) == 65
    lines = [line for line in capsys.readouterr().err.splitlines() if "calibrat" in line]
    assert lines
    return lines[0]


def test_contrast_of_confounds_alone_is_refused_and_the_fit_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny.write_study(tmp_path, ("01",))
    model = tiny.model()
    model["Nodes"][0]["Contrasts"] = [  # type: ignore[index]
        {"Name": "motion", "ConditionList": ["trans_x"], "Weights": [1], "Test": "t"}
    ]
    (tmp_path / "model.json").write_text(json.dumps(model))
    base = [str(study), str(tmp_path / "out"), "participant", "--no-attribution", "-q", "--backends", "spm"]
    said = failure(tmp_path, [*base, "-m", str(tmp_path / "model.json")], capsys)
    assert "no estimable contrast of conditions to calibrate" in said
    page = (tmp_path / "out" / "sub-01.html").read_text()
    assert "no estimable contrast of conditions to calibrate" in page
    summary = json.loads((tmp_path / "out" / f"sub-01/func/{P}_desc-bidsglm_summary.json").read_text())
    assert summary["status"] == "finished"
