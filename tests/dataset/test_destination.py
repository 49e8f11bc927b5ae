"""Folders that results must not go into: other people's, and those among the data."""

import json
from pathlib import Path

import pytest

from bidsglm.cli import main
from tests import tiny

pytestmark = pytest.mark.usefixtures("plain_figures")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    study = tiny.write_study(tmp_path, participants=("01",))
    for name, description in (
        ("mriqc", {"Name": "a", "GeneratedBy": [{"Name": "MRIQC"}]}),
        ("old", {"Name": "a", "PipelineDescription": {"Name": "bidsglm"}}),
        ("mixed", {"Name": "a", "GeneratedBy": [{"Name": "fMRIPrep"}, {"Name": "bidsglm"}]}),
    ):
        tiny.write_json(study / "derivatives" / name / "dataset_description.json", description)
    (study / "derivatives/broken").mkdir()
    (study / "derivatives/broken/dataset_description.json").write_text("[" * 100_000)
    (study / "derivatives/bare/sub-01/anat").mkdir(parents=True)
    tiny.write_json(tmp_path / "second/dataset_description.json", {"Name": "raw", "BIDSVersion": "1.9.0"})
    (tmp_path / "link").symlink_to(study / "derivatives/fmriprep")
    return study


def state(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("level", ["participant", "group"])
@pytest.mark.parametrize(
    ("out", "text"),
    [
        ("bids", "the raw data folder itself"),
        ("bids/derivatives", "the folder of all derivatives"),
        ("bids/derivatives/fmriprep", "holds the preprocessed data"),
        ("bids/derivatives/fmriprep/../fmriprep", "holds the preprocessed data"),
        ("link", "holds the preprocessed data"),
        ("bids/derivatives/fmriprep/sub-01/glm", "lies among the data"),
        ("bids/sub-01", "lies among the data"),
        ("bids/sub-01/func", "lies among the data"),
        ("bids/sub-99/new", "lies among the data"),
        ("bids/sourcedata/new", "lies among the data"),
        ("bids/.git/new", "lies among the data"),
        ("bids/derivatives/mriqc", "not ours (MRIQC)"),
        ("bids/derivatives/old", "not ours"),
        ("bids/derivatives/mixed", "not ours (fMRIPrep)"),
        ("bids/derivatives/broken", "cannot be read"),
        ("bids/derivatives/bare", "holds sub-01, and nothing that says that it is ours"),
        ("second", "not ours (raw data)"),
    ],
)
def test_folder_of_somebody_else_is_refused_and_left_alone(
    study: Path, out: str, text: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(study.parent)
    assert main([str(study), str(study.parent / out), level, "--work-dir", str(study.parent / "work")]) == 64
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert text in line
    assert state(study.parent) == before


@pytest.mark.parametrize("out", ["new", "bids/derivatives/new", "bids/results", "empty", "ours", "crashed"])
def test_new_folder_and_our_own_are_taken(study: Path, out: str) -> None:
    root = study.parent
    (root / "empty").mkdir()
    ours = {"Name": "x", "GeneratedBy": [{"Name": "bidsglm"}]}
    tiny.write_json(root / "ours/dataset_description.json", ours)
    (root / "crashed").mkdir()
    (root / "crashed/dataset_description.json").touch()
    assert main([str(study), str(root / out), "participant", "--dry-run", "--skip-bids-validation"]) == 0


def test_files_of_strangers_that_a_summary_lists_stay(study: Path, tmp_path: Path, capsys) -> None:
    model = tmp_path / "model.json"
    model.write_text(json.dumps(tiny.model()))
    out, thesis = tmp_path / "out", tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    options = ["-m", str(model), "--backends", "spm", "--skip-bids-validation", "-q"]
    command = [str(study), str(out), "participant", *options]
    assert main(command) == 0
    (path,) = out.glob("sub-01/func/*_summary.json")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.txt").write_text("theirs")
    (out / "sub-01/linked").symlink_to(tmp_path / "elsewhere")
    (out / "sub-01/func/old.tsv").write_text("ours")
    summary = json.loads(path.read_text())
    strange = [str(thesis), "../thesis.txt", "sub-01/../../thesis.txt", "sub-01/linked/b.txt", "README.md"]
    summary |= {"files": [*summary["files"], *strange, "sub-01/func/old.tsv"], "digest": "another"}
    path.write_text(json.dumps(summary))
    assert main(command) == 0
    assert thesis.read_text() == "years of work"
    assert (tmp_path / "elsewhere/b.txt").read_text() == "theirs"
    assert (out / "README.md").exists()
    assert not (out / "sub-01/func/old.tsv").exists()


def test_linked_folder_is_not_followed_out(study: Path, tmp_path: Path, capsys) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    for folder in (out, elsewhere):
        folder.mkdir()
    (out / "sub-01").symlink_to(elsewhere)
    (out / "logs").mkdir()
    options = ["--backends", "spm", "--skip-bids-validation", "-q"]
    assert main([str(study), str(out), "participant", *options]) == 73
    assert "leads out of the output folder by a link" in capsys.readouterr().err
    assert list(elsewhere.iterdir()) == []
