"""A condition that a participant never had: missing data for them, a typo only where nobody has it."""

import json
from pathlib import Path

import pytest

from bidsglm.cli import main
from tests import tiny

WRONG_DATA = 65
LACKING = "02"
PARTICIPANTS = ("01", LACKING, "03")


def events_path(study: Path, participant: str) -> Path:
    return study / f"sub-{participant}" / "func" / f"sub-{participant}_task-{tiny.TASK}_events.tsv"


def without(text: str, word: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.endswith(f"{word}\n"))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, plain_figures: None) -> Path:
    """Three participants; the second never looked."""
    study = tiny.write_study(tmp_path_factory.mktemp("study"), PARTICIPANTS)
    path = events_path(study, LACKING)
    path.write_text(without(path.read_text(), "look"))
    return study


def contrast(*conditions: str, **more: object) -> dict[str, object]:
    weights = [1, -1][: len(conditions)]
    name = " - ".join(condition.removeprefix("trial_type.") for condition in conditions)
    return {"Name": name, "ConditionList": list(conditions), "Weights": weights, "Test": "t", **more}


def write_model(folder: Path, *contrasts: dict[str, object], **model: object) -> Path:
    document = tiny.model(**model)
    node = document["Nodes"][0]  # type: ignore[index]
    node["Contrasts"] = list(contrasts)
    path = folder / "model.json"
    path.write_text(json.dumps(document))
    return path


def run(study: Path, out: Path, model: Path, *more: str) -> int:
    return main([str(study), str(out), "participant", "-q", "--no-attribution", "--model", str(model), *more])


def summary(out: Path, participant: str) -> dict[str, object]:
    (path,) = (out / f"sub-{participant}").rglob("*_summary.json")
    found: dict[str, object] = json.loads(path.read_text())
    return found


@pytest.fixture(scope="module")
def results(study: Path) -> Path:
    out = study.parent / "out"
    move, look = "trial_type.move", "trial_type.look"
    model = write_model(study.parent, contrast(move), contrast(move, look), contrast(look), X=[move, look, 1])
    assert run(study, out, model) == 0
    assert main([str(study), str(out), "group", "-q"]) == 0
    return out


def test_participant_without_the_condition_keeps_the_other_contrasts(results: Path) -> None:
    kept = {p: [c["name"] for c in summary(results, p)["contrasts"]] for p in PARTICIPANTS}  # type: ignore[attr-defined]
    assert kept == {"01": ["move", "move - look", "look"], "02": ["move"], "03": kept["01"]}
    assert not list((results / "sub-02").rglob("*ook*statmap*"))


def test_what_is_left_out_stands_in_summary_and_page(results: Path) -> None:
    reason = "no run has 'trial_type.look'"
    assert summary(results, LACKING)["left_out"] == [
        {"name": "move - look", "label": "moveMinusLook", "test": "t", "reason": reason},
        {"name": "look", "label": "look", "test": "t", "reason": reason},
    ]
    assert summary(results, "01")["left_out"] == []
    assert "Contrast &#39;move - look&#39; is left out: no run has" in (results / "sub-02.html").read_text()


def test_group_names_who_is_missing_for_the_contrast(results: Path) -> None:
    (path,) = results.glob("group/*group_summary.json")
    group = {c["name"]: c for c in json.loads(path.read_text())["contrasts"]}
    assert {name: found["participants"] for name, found in group.items()} == {
        "move": ["01", "02", "03"],
        "move - look": ["01", "03"],
        "look": ["01", "03"],
    }
    assert list(group["look"]["left_out"]) == [LACKING]


def test_condition_that_nobody_has_is_an_error_with_the_nearest(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typo = write_model(tmp_path, contrast("trial_type.move", "trial_type.lok"), X=["trial_type.*", 1])
    assert run(study, tmp_path / "out", typo, "--dry-run", "--participant-label", LACKING) == WRONG_DATA
    message = "no run has a regressor 'trial_type.lok'; did you mean 'trial_type.look'?"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("query", "expected"),
    [("trial_type == 'look'", ["move"]), ("trial_type == 'listen'", None)],
    ids=["somebody", "nobody"],
)
def test_condition_made_by_transformations_is_looked_for_in_the_events_of_others(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], query: str, expected: list[str] | None
) -> None:
    made = {"Name": "Filter", "Input": ["trial_type"], "Output": ["looked"], "Query": query}
    model = write_model(
        tmp_path,
        contrast("trial_type.move"),
        contrast("trial_type.move", "chosen.look"),
        X=["trial_type.move", "chosen.look", 1],
        HRF={"Variables": ["trial_type.move", "chosen.look"], "Model": "spm"},
    )
    document = json.loads(model.read_text())
    document["Nodes"][0]["Transformations"] = {
        "Transformer": "pybids-transforms-v1",
        "Instructions": [
            {**made, "Output": ["chosen"]},
            {"Name": "Factor", "Input": ["trial_type", "chosen"]},
        ],
    }
    model.write_text(json.dumps(document))
    code = run(study, tmp_path / "out", model, "--dry-run", "--participant-label", LACKING)
    said = capsys.readouterr()
    if expected is None:
        assert code == WRONG_DATA
        assert "chosen.look" in said.err
    else:
        assert code == 0
        assert "contrast move (t)" in said.out
        assert "contrast move - chosen.look" not in said.out
        assert "no events of chosen.look in any run; left out" in said.out


@pytest.mark.parametrize(
    ("instruction", "made"),
    [
        ({"Name": "Product", "Input": ["trial_type.look", "trial_type.look"], "Output": ["seen"]}, "seen"),
        ({"Name": "Copy", "Input": ["trial_type.look"], "Output": ["seen"]}, "seen"),
        ({"Name": "And", "Input": ["trial_type.look", "trial_type.look"], "Output": ["seen"]}, "seen"),
    ],
    ids=lambda value: value["Name"] if isinstance(value, dict) else "",
)
def test_instruction_on_what_only_others_did_makes_nothing(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], instruction: object, made: str
) -> None:
    contrasts = (contrast("trial_type.move"), contrast("trial_type.move", made))
    hrf = {"Variables": ["trial_type.move", made], "Model": "spm"}
    model = write_model(tmp_path, *contrasts, X=["trial_type.move", made, 1], HRF=hrf)
    document = json.loads(model.read_text())
    factor = {"Name": "Factor", "Input": ["trial_type"]}
    document["Nodes"][0]["Transformations"] = {
        "Transformer": "pybids-transforms-v1",
        "Instructions": [factor, instruction],
    }
    model.write_text(json.dumps(document))
    assert run(study, tmp_path / "out", model, "--dry-run", "--participant-label", *PARTICIPANTS) == 0
    said = capsys.readouterr().out
    assert said.count("contrast move (t)") == 3
    assert said.count(f"contrast move - {made} (t)") == 2
    model.write_text(model.read_text().replace("trial_type.look", "trial_type.lok"))
    assert run(study, tmp_path / "out", model, "--dry-run") == WRONG_DATA
    assert "trial_type.lok" in capsys.readouterr().err
