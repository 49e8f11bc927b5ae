"""What a model would do with data, word for word, and where it cannot be drawn."""

import json
from pathlib import Path

import pytest

from bidsglm.cli import main
from tests import tiny

Said = pytest.CaptureFixture[str]
UNIT = f"task-{tiny.TASK}_space-{tiny.SPACE}"
NAMES = "trial_type.move, trial_type.look, trans_x, constant"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of sub-01, one of them without events of `look`; three participants."""
    study = tiny.write_study(tmp_path_factory.mktemp("study"), ("01", "02", "03"), ("run-1", "run-2"))
    events = study / "sub-01" / "func" / f"sub-01_task-{tiny.TASK}_run-2_events.tsv"
    lines = events.read_text().splitlines(keepends=True)
    events.write_text("".join(line for line in lines if "look" not in line))
    return study


def said_of(study: Path, tmp_path: Path, capsys: Said, *words: str) -> list[str]:
    path = tmp_path / "model.json"
    document = tiny.model()
    path.write_text(json.dumps(document))
    assert main(["model", "--check", str(path), str(study), *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith("With the data of")]
    assert lines[start - 1] == ""
    return lines[start:]


def note(run: int) -> str:
    name = f"sub-01_task-tap_run-{run}_desc-confounds_timeseries.tsv"
    return f"    note: {name}: n/a before the first value was set to 0 in trans_x_derivative1"


def test_runs_columns_and_contrasts_of_the_first_participant(
    study: Path, tmp_path: Path, capsys: Said
) -> None:
    picture = tmp_path / "design.svg"
    confounds = "trans_x, trans_x_derivative1, trans_y, trans_z"
    assert said_of(study, tmp_path, capsys, "--figure", str(picture)) == [
        "With the data of sub-01 (2 more: --participant-label)",
        f"  sub-01_{UNIT}: 2 runs fitted together",
        "    run-1: 70 scans, TR 2 s",
        "      events: move 3, look 3",
        "      spm: 7 columns, and 2 cosines projected out: "
        f"trial_type.move, trial_type.look, {confounds}, constant",
        "      nilearn: 9 columns: "
        f"trial_type.move, trial_type.look, {confounds}, drift_1, drift_2, constant",
        "    run-2: 70 scans, TR 2 s",
        "      events: move 3",
        f"      spm: 6 columns, and 2 cosines projected out: trial_type.move, {confounds}, constant",
        f"      nilearn: 8 columns: trial_type.move, {confounds}, drift_1, drift_2, constant",
        "    contrast move - look (t), in 1 of 2 runs",
        note(1),
        note(2),
        f"{picture}: the design of the first run",
    ]
    assert "run-1" in picture.read_text()
    assert "look" in picture.read_text()
    assert "run-2" not in picture.read_text()


def test_all_participants_that_are_asked_for_and_one_run_alone(
    study: Path, tmp_path: Path, capsys: Said
) -> None:
    words = ("--participant-label", "02", "03", "--bids-filter-file", str(tmp_path / "filter.json"))
    (tmp_path / "filter.json").write_text('{"bold": {"run": "1"}}')
    lines = said_of(study, tmp_path, capsys, *words)
    assert lines[0] == "With the data of sub-02, sub-03"
    assert [line for line in lines if "fitted together" in line] == [
        f"  sub-{label}_{UNIT}: 1 run fitted together" for label in ("02", "03")
    ]
    assert lines.count("    contrast move - look (t)") == 2


def test_a_picture_without_a_run_is_refused(study: Path, tmp_path: Path, capsys: Said) -> None:
    model, words = tmp_path / "model.json", ["--task-label", "nap", "--figure", str(tmp_path / "d.svg")]
    model.write_text(json.dumps(tiny.model()))
    assert main(["model", "--check", str(model), str(study), *words]) != 0
    assert not (tmp_path / "d.svg").exists()
    assert capsys.readouterr().err.count("\n") == 1


def test_written_model_is_announced_in_three_lines(study: Path, tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "out.json"
    assert main(["model", str(study), str(path)]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"{path}: model of task tap with 2 conditions"
    assert second.startswith("  ")
    assert third == f"  bidsglm model --check {path} {study} says what it does; pass it to --model"
    assert path.read_text().endswith("}\n")


def test_a_study_without_events_has_no_task(study: Path, tmp_path: Path, capsys: Said) -> None:
    empty = tmp_path / "bids"
    (empty / "sub-01").mkdir(parents=True)
    (empty / "dataset_description.json").write_text((study / "dataset_description.json").read_text())
    assert main(["model", str(empty), str(tmp_path / "out.json"), "--task", "nap"]) == 18
    assert capsys.readouterr().err.endswith(f"{empty}: no events of task nap\n")
    assert main(["model", str(empty), str(tmp_path / "out.json")]) == 18


def test_the_schema_is_printed_and_nothing_else(capsys: Said) -> None:
    assert main(["model", "--schema"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["$schema"]
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--check", "M", "a", "b"], "behind --check FILE comes at most BIDS_DIR"),
        (["--upgrade", "M", "a", "b"], "behind --upgrade OLD.json comes at most NEW.json"),
        (["a", "b", "c"], "give BIDS_DIR and OUT.json, or --check FILE, or --upgrade OLD.json"),
        ([], "give BIDS_DIR and OUT.json, or --check FILE, or --upgrade OLD.json"),
        (["a", "b", "--over"], "--over"),
        (["a", "--figure", "f.svg"], "--figure draws the design of a run"),
    ],
)
def test_too_many_or_too_few_paths_are_refused(capsys: Said, words: list[str], message: str) -> None:
    assert main(["model", *words]) == 64
    assert message in capsys.readouterr().err
