"""`bidsglm model` as a user types it."""

import json
import re
from pathlib import Path

import pytest

from bidsglm.authoring.command import build_model_parser
from bidsglm.cli import main
from tests import tiny
from tests.conftest import PROJECT

USAGE, BAD_DATA, NO_INPUT, NOTHING, EXISTS = 64, 65, 66, 18, 73

Said = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tiny.write_study(tmp_path_factory.mktemp("study"), ("01", "02"), ("run-1", "run-2"))
    events = study / "sub-02" / "func" / f"sub-02_task-{tiny.TASK}_run-1_events.tsv"
    events.write_text(events.read_text() + "130\t2\thear\n")
    return study


def write(folder: Path, document: object, name: str = "model.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def test_written_model_is_the_one_that_is_fitted_without_a_file(study: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    assert main(["model", str(study), str(path), "--task", "task-tap", "--high-pass", "100"]) == 0
    document = json.loads(path.read_text())
    conditions = [f"trial_type.{name}" for name in ("hear", "look", "move")]
    assert document["Nodes"][0]["Model"]["X"][:3] == conditions
    assert document["Nodes"][0]["Model"]["Options"] == {"HighPassFilterCutoffHz": 0.01}
    fitted = tmp_path / "fitted"
    words = [str(study), str(fitted), "participant", "-q", "--no-attribution", "--high-pass", "100"]
    assert main([*words, "--contrasts", "none", "--participant-label", "01", "--backends", "nilearn"]) == 0
    made = json.loads((fitted / "model-tap_smdl.json").read_text())
    assert made["Nodes"][0]["Model"] == document["Nodes"][0]["Model"]


def test_model_that_is_written_runs_with_its_own_words(study: Path, tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "out.json"
    assert main(["model", str(study), str(path), "--contrasts", "pairs"]) == 0
    assert "3 conditions" in capsys.readouterr().out
    words = [str(study), str(tmp_path / "results"), "participant", "--dry-run"]
    assert main([*words, "--model", str(path)]) == 0
    with_file = capsys.readouterr().out
    assert main([*words, "--contrasts", "pairs"]) == 0
    without = capsys.readouterr().out
    found = [re.findall(r"contrast (.*) \(t\)", text) for text in (with_file, without)]
    assert found[0] == found[1]
    assert len(found[0]) == 3 + 9, "sub-01 never heard: move, look and one pair; sub-02 has all nine"


def test_what_is_there_is_not_replaced_unasked(study: Path, tmp_path: Path, capsys: Said) -> None:
    path = write(tmp_path, {"mine": 1})
    assert main(["model", str(study), str(path)]) == EXISTS
    assert "exists already" in capsys.readouterr().err
    assert json.loads(path.read_text()) == {"mine": 1}
    assert main(["model", str(study), str(path), "--overwrite"]) == 0
    assert json.loads(path.read_text())["Name"] == tiny.TASK


def test_one_of_several_tasks_must_be_chosen(study: Path, tmp_path: Path, capsys: Said) -> None:
    second = study / "sub-01" / "func" / "sub-01_task-rest_events.tsv"
    second.write_text("onset\tduration\ttrial_type\n1\t1\tblink\n")
    try:
        assert main(["model", str(study), str(tmp_path / "out.json")]) == USAGE
        assert "choose one of rest, tap by --task" in capsys.readouterr().err
        assert main(["model", str(study), str(tmp_path / "out.json"), "--task", "rest"]) == 0
        assert main(["model", str(study), str(tmp_path / "b.json"), "--task", "nap"]) == NOTHING
        assert "no events of task nap; there are rest, tap" in capsys.readouterr().err
    finally:
        second.unlink()


def whole_model() -> dict[str, object]:
    """Contrasts at every level, a glob, a filter."""
    document = tiny.model(X=["trial_type.move", "trial_type.look", "trans_?", 1])
    document["Nodes"] += [  # type: ignore[operator]
        {
            "Level": "Subject",
            "Name": "person",
            "GroupBy": ["subject", "contrast"],
            "Model": {"Type": "meta", "X": [1]},
            "DummyContrasts": {"Test": "t"},
        },
        {
            "Level": "Dataset",
            "Name": "everybody",
            "GroupBy": ["contrast"],
            "Model": {"Type": "glm", "X": [1, "age"]},
            "Contrasts": [{"Name": "older", "ConditionList": ["age"], "Weights": [1], "Test": "t"}],
        },
    ]
    document["Edges"] = [
        {"Source": "run", "Destination": "person"},
        {"Source": "person", "Destination": "everybody", "Filter": {"contrast": ["move - look"]}},
    ]
    return document


def test_check_says_every_level_in_words(tmp_path: Path, capsys: Said) -> None:
    assert main(["model", "--check", str(write(tmp_path, whole_model()))]) == 0
    said = capsys.readouterr().out
    for words in (
        "can be fitted with spm and nilearn",
        "Data: task tap",
        "trial_type.move, trial_type.look: convolved with spm",
        "trans_?: all that there are, as they stand in the confounds or in events.tsv",
        "cut-off 128 s",
        "move - look (t): 1 × move − 1 × look; in file names contrast-moveMinusLook",
        "Subject node person: runs of a participant, fixed effects, one for each contrast",
        "from node person: only contrast move - look",
        "Dataset node everybody: over the participants, one for each contrast",
        "X: constant, age",
        "older (t): 1 × age",
        "HighPassFilterCutoffHz is not given: 1/128 Hz.",
    ):
        assert words in said, words


def test_check_judges_with_the_packages_asked_for(tmp_path: Path, capsys: Said) -> None:
    document = json.loads(json.dumps(whole_model()))
    path = write(tmp_path, document)
    assert main(["model", "--check", str(path), "--backends", "all"]) == 0
    said = capsys.readouterr().out
    assert "can be fitted with spm and nilearn and afni and fsl" in said
    assert "constant: always, in SPM, nilearn and AFNI; in place of it, FSL takes the means" in said
    assert "AFNI ARMA(1,1) of each voxel, REML on a grid; FSL FILM" in said
    document["Nodes"][0]["Model"]["HRF"]["Model"] = "spm + derivative + dispersion"
    write(tmp_path, document)
    assert main(["model", "--check", str(path), "--backends", "all"]) == 0
    said = capsys.readouterr().out
    assert "can be fitted with spm and nilearn and afni\n" in said
    assert "FSL is left out: model tiny: FEAT's regressors have no dispersion derivative" in said


def test_check_says_what_each_package_cannot_express(tmp_path: Path, capsys: Said) -> None:
    document = json.loads(json.dumps(whole_model()))
    document["Nodes"][0]["Model"]["HRF"]["Model"] = "glover"
    path = write(tmp_path, document)
    assert main(["model", "--check", str(path), "--backends", "spm", "nilearn", "fsl"]) == 65
    (said,) = capsys.readouterr().err.splitlines()
    assert "SPM: model tiny: HRF glover is nilearn's" in said
    assert "FSL: model tiny: FEAT cannot express HRF glover" in said


def test_check_with_data_has_the_columns_of_each_package(study: Path, tmp_path: Path, capsys: Said) -> None:
    words = ["model", "--check", str(write(tmp_path, tiny.model())), str(study), "--backends", "all"]
    assert main(words) == 0
    said = capsys.readouterr().out
    for name in ("spm", "nilearn", "afni", "fsl"):
        assert f"      {name}: " in said


def test_check_says_which_variances_groups_have(tmp_path: Path, capsys: Said) -> None:
    document = json.loads(json.dumps(whole_model()))
    document["Nodes"][-1]["Model"]["Software"] = {"SPM": {"Variance": "equal"}}
    assert main(["model", "--check", str(write(tmp_path, document))]) == 0
    assert "errors of the SPM backend: equal variances of groups" in capsys.readouterr().out


def test_check_passes_over_keys_of_other_programs(tmp_path: Path, capsys: Said) -> None:
    document = json.loads(json.dumps(whole_model()))
    document["Nodes"][-1]["Model"]["Software"] = {"bidspm": {"Results": []}}
    assert main(["model", "--check", str(write(tmp_path, document))]) == 0
    assert "Software of other programs has no effect here: bidspm." in capsys.readouterr().out


def test_check_with_data_counts_scans_events_and_columns_and_draws(
    study: Path, tmp_path: Path, capsys: Said
) -> None:
    model, picture = write(tmp_path, tiny.model()), tmp_path / "design.svg"
    words = ["model", "--check", str(model), str(study), "--figure", str(picture)]
    assert main([*words, "--participant-label", "sub-02"]) == 0
    said = capsys.readouterr().out
    assert "sub-02_task-tap_space-MNI152NLin2009cAsym: 2 runs fitted together" in said
    assert "run-2: 70 scans, TR 2 s" in said
    assert "events: move 3, look 3" in said
    assert "spm: 7 columns, and 2 cosines projected out: trial_type.move, trial_type.look, trans_x" in said
    assert "contrast move - look (t)\n" in said
    assert picture.read_text().startswith("<svg xmlns=")
    assert "nilearn" in picture.read_text()


def test_check_with_data_says_who_is_in_the_group(study: Path, tmp_path: Path, capsys: Said) -> None:
    model = write(tmp_path, whole_model())
    assert main(["model", "--check", str(model), str(study)]) == 0
    assert "the group level will not run: " in capsys.readouterr().out
    people = study / "participants.tsv"
    people.write_text("participant_id\tage\nsub-01\t30\nsub-02\tn/a\n")
    try:
        assert main(["model", "--check", str(model), str(study)]) == 0
        said = capsys.readouterr().out
        assert "node everybody: 1 participants\n    sub-02 is left out: " in said
        assert "will not run" not in said
    finally:
        people.unlink()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--check", "M", "--figure", "a.svg"], USAGE, "--figure draws the design of a run"),
        (
            ["--check", "M", "BIDS", "--figure", "a.png"],
            USAGE,
            "a.png: the picture is SVG; name it so: a.svg",
        ),
        (["BIDS"], USAGE, "give BIDS_DIR and OUT.json"),
        (["BIDS", "out.json", "--model", "M"], USAGE, "--model has no place here"),
        (["--check", "M", "--upgrade", "M"], USAGE, "give --check or --upgrade, not both"),
        (["--check", "nowhere.json"], NO_INPUT, "nowhere.json: no such model file"),
        (["--check", "BAD"], BAD_DATA, "Model.HRF: unknown key 'Modell'; did you mean 'Model'?"),
        (["--upgrade", "M"], BAD_DATA, "has no Steps"),
        (["nowhere", "out.json"], NO_INPUT, "nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_its_code(
    study: Path, tmp_path: Path, capsys: Said, words: list[str], code: int, message: str
) -> None:
    files = {
        "M": write(tmp_path, tiny.model()),
        "BAD": write(tmp_path, tiny.model(HRF={"Variables": [], "Modell": "spm"}), "bad.json"),
        "BIDS": study,
    }
    assert main(["model", *(str(files.get(word, word)) for word in words)]) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_data_set_in_a_folder_named_model_is_analysed(
    tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["model", "out", "participant"]) == NO_INPUT
    assert "model" in capsys.readouterr().err


def test_every_option_of_its_own_is_in_the_manual() -> None:
    manual = (PROJECT / "docs" / "usage.md").read_text()
    options = [o for a in build_model_parser()._actions for o in a.option_strings if o.startswith("--")]
    assert [option for option in options if option not in manual] == []


OLD = {
    "name": "tapping",
    "input": {"Task": "tap"},
    "Steps": [
        {
            "Level": "run",
            "Transformations": [{"name": "factor", "input": ["trial_type"]}],
            "Model": {"variables": ["trial_type.move", "trial_type.look", "trans_x"]},
            "auto_contrasts": ["trial_type.move"],
            "contrasts": [
                {
                    "name": "more",
                    "condition_list": ["trial_type.move", "trial_type.look"],
                    "weights": [1, -1],
                    "type": "T",
                }
            ],
        },
        {"Level": "dataset", "AutoContrasts": ["more"]},
    ],
}


def test_upgraded_model_runs(study: Path, tmp_path: Path, capsys: Said) -> None:
    new = tmp_path / "new.json"
    assert main(["model", "--upgrade", str(write(tmp_path, OLD, "old.json")), str(new)]) == 0
    assert "note: A Subject node was added" in capsys.readouterr().err
    assert main([str(study), str(tmp_path / "out"), "participant", "--dry-run", "--model", str(new)]) == 0
    assert re.findall(r"contrast (.*) \(t\)", capsys.readouterr().out) == ["move", "more"] * 2


def test_upgraded_model_alone_goes_to_the_standard_output(tmp_path: Path, capsys: Said) -> None:
    old = write(tmp_path, OLD, "old.json")
    assert main(["model", "--upgrade", str(old)]) == 0
    assert [node["Level"] for node in json.loads(capsys.readouterr().out)["Nodes"]] == [
        "Run",
        "Subject",
        "Dataset",
    ]
    assert json.loads(old.read_text()) == OLD


def test_check_says_transformations_with_what_they_are_told(tmp_path: Path, capsys: Said) -> None:
    document = json.loads(json.dumps(tiny.model()))
    document["Nodes"][0]["Transformations"] = {
        "Transformer": "pybids-transforms-v1",
        "Instructions": [
            {"Name": "Threshold", "Input": ["rot_x"], "Threshold": 0.5, "Description": "spikes"},
            {"Name": "Delete", "Input": ["rot_y"]},
        ],
    }
    assert main(["model", "--check", str(write(tmp_path, document))]) == 0
    said = capsys.readouterr().out
    assert "transformations: Threshold of rot_x (Threshold 0.5); Delete of rot_y" in said
