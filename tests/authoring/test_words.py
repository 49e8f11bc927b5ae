"""What a model does, word for word: every kind of node, of column and of contrast."""

import json
from pathlib import Path
from typing import Any

import pytest

from bidsglm.authoring.words import settings_lines, weighted_sum
from bidsglm.cli import main
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import read_model
from tests import tiny
from tests.authoring.test_model_command import whole_model

CONSTANT_OF_BOTH = "    constant: always, in each package"
WEIGHTED = "move - look (t): 1 × move − 1 × look; in file names contrast-moveMinusLook"


def node_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: dict[str, Any], *words: str
) -> list[str]:
    """What is said of the nodes, without the settings of the packages and the notes."""
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    assert main(["model", "--check", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{path}: model ")
    end = lines.index("Notes") - 1 if "Notes" in lines else len(lines)
    assert lines[end : end + 1] == [""][: len(lines) - end]
    names = ("Response function", "High-pass", "Noise model", "Intensity", "Analysis mask", "Smoothing")
    return [line for line in lines[1:end] if not line.startswith(tuple(f"  {name}" for name in names))]


def rich_model() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(whole_model()))
    document["Description"] = "Tapping."
    document["Input"] = {"task": ["tap"], "run": ["1", "2"]}
    run, _, dataset = document["Nodes"]
    run["Transformations"] = {
        "Transformer": "pybids-transforms-v1",
        "Instructions": [
            {"Name": "Threshold", "Input": ["rot_x"], "Threshold": 0.5, "Description": "spikes"},
            {"Name": "Delete", "Input": ["rot_y", "rot_z"]},
        ],
    }
    run["Model"]["X"] = ["trial_type.move", "trial_type.look", "trans_?", "rot_x", 1]
    run["Model"]["HRF"] = {"Variables": ["trial_type.*"], "Model": "spm + derivative"}
    weights = [[1, 0], [0, -0.25]]
    both = {"Name": "both", "ConditionList": ["trial_type.move", "trial_type.look"], "Weights": weights}
    run["Contrasts"].append({**both, "Test": "F"})
    run["DummyContrasts"] = {"Test": "t", "Contrasts": ["trial_type.move", "trial_type.look"]}
    dataset["Model"]["Software"] = {"SPM": {"Variance": "equal"}}
    document["Edges"][1]["Filter"] = {"contrast": ["move - look", "both"]}
    return document


def test_a_model_with_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = "as the transformations make them, or as they stand in the confounds or in events.tsv"
    assert node_lines(tmp_path, capsys, rich_model()) == [
        "Tapping.",
        "Data: task tap; run 1, 2",
        "",
        "Run node run: a design for each run, all runs of a participant together",
        "  transformations: Threshold of rot_x (Threshold 0.5); Delete of rot_y, rot_z",
        "  columns, in this order:",
        "    trial_type.move, trial_type.look: convolved with spm, 2 columns for each",
        f"    trans_?: all that there are, {made}",
        f"    rot_x: {made}",
        CONSTANT_OF_BOTH,
        "  contrasts:",
        f"    {WEIGHTED}",
        "    both (F): 1 × move; − 0.25 × look; in file names contrast-both",
        "    a t contrast of trial_type.move, trial_type.look",
        "",
        "Subject node person: runs of a participant, fixed effects, one for each contrast",
        "  from node run",
        "  X: the mean",
        "  contrasts:",
        "    a t contrast of each column",
        "",
        "Dataset node everybody: over the participants, one for each contrast",
        "  from node person: only contrast move - look, both",
        "  X: constant, age",
        "  errors of the SPM backend: equal variances of groups",
        "  contrasts:",
        "    older (t): 1 × age; in file names contrast-older",
    ]


def test_a_model_with_as_little_as_can_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document: dict[str, Any] = json.loads(json.dumps(tiny.model(X=["trial_type.move", "trial_type.look", 1])))
    document["Input"] = {}
    del document["Nodes"][0]["Contrasts"]
    document["Nodes"][0]["DummyContrasts"] = {"Test": "t"}
    assert node_lines(tmp_path, capsys, document) == [
        "Data: all runs that have events",
        "",
        "Run node run: a design for each run, all runs of a participant together",
        "  columns, in this order:",
        "    trial_type.move, trial_type.look: convolved with spm",
        CONSTANT_OF_BOTH,
        "  contrasts:",
        "    a t contrast of each condition",
    ]


def test_a_group_without_contrasts_has_one_of_each_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = whole_model()
    nodes = document["Nodes"]
    del nodes[2]["Contrasts"]
    nodes[2]["GroupBy"] = ["contrast", "subject"]
    document["Edges"] = [
        {"Source": "run", "Destination": "person"},
        {"Source": "person", "Destination": "everybody"},
    ]
    nodes[2]["GroupBy"] = ["contrast"]
    lines = node_lines(tmp_path, capsys, document)
    assert lines[lines.index("Dataset node everybody: over the participants, one for each contrast") :] == [
        "Dataset node everybody: over the participants, one for each contrast",
        "  from node person",
        "  X: constant, age",
        "  contrasts:",
        "    a t contrast of the mean, age",
    ]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([-1, 2], "− 1 × a + 2 × b"),
        ([0.125, 0], "0.125 × a"),
        ([0, 1 / 3], "0.333 × b"),
        ([1, 1], "1 × a + 1 × b"),
    ],
)
def test_weights_are_sums_without_what_has_none(weights: list[float], said: str) -> None:
    assert weighted_sum(weights, ["trial_type.a", "b"]) == said


def test_settings_that_say_something_only_of_runs_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(tiny.model()))
    model = read_model(path, Settings(Path(), Path(), "participant"))
    names = [line.partition(":")[0] for line in settings_lines(model)]
    assert "Response function" in names
    assert "Response sampled at" not in names
    assert "Confounds" not in names


def test_columns_that_are_convolved_by_an_instruction_or_a_glob(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = json.loads(json.dumps(tiny.model()))
    node = document["Nodes"][0]
    node["Model"]["X"] = ["trial_type.move", "response_time", "pupil_left", "trans_x", 1]
    node["Model"]["HRF"]["Variables"] = ["trial_type.*", "pupil_*"]
    node["Contrasts"] = []
    convolve = {"Name": "Convolve", "Input": ["response_time"], "Model": "spm"}
    other = {"Name": "Demean", "Input": ["trans_x"]}
    node["Transformations"] = {"Transformer": "pybids-transforms-v1", "Instructions": [convolve, other]}
    lines = node_lines(tmp_path, capsys, document)
    assert "    trial_type.move, response_time, pupil_left: convolved with spm" in lines
    (made,) = [line for line in lines if line.startswith("    trans_x: ")]
    assert made.startswith("    trans_x: as the transformations make them, or as they stand")
    assert lines[-1] == "  contrasts: none"


def test_nodes_without_edges_and_with_transformations_of_the_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = whole_model()
    del document["Edges"]
    dataset = document["Nodes"][2]
    scale = {"Name": "Scale", "Input": ["age"]}
    dataset["Transformations"] = {"Transformer": "pybids-transforms-v1", "Instructions": [scale]}
    dataset["Model"]["X"] = [1]
    dataset["Contrasts"] = [{"Name": "all", "ConditionList": [1], "Weights": [1], "Test": "t"}]
    lines = node_lines(tmp_path, capsys, document)
    start = lines.index("Dataset node everybody: over the participants, one for each contrast")
    assert lines[start + 1] == "  transformations: Scale of age"
    assert lines[start + 2] == "  X: the mean"
    assert not [line for line in lines if line.startswith("  from node")]


@pytest.mark.parametrize(
    ("nodes", "together"),
    [
        ([], "all runs of a participant together"),
        (["Session"], "each session by itself"),
        (["Session", "Subject"], "all runs of a participant together, and each session by itself"),
    ],
)
def test_whether_runs_of_sessions_are_fitted_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nodes: list[str], together: str
) -> None:
    document: dict[str, Any] = json.loads(json.dumps(tiny.model()))
    groups = ["subject", "session", "contrast"]
    for level in nodes:
        document["Nodes"].append(
            {
                "Level": level,
                "Name": level.lower(),
                "GroupBy": groups,
                "Model": {"Type": "meta", "X": [1]},
                "DummyContrasts": {"Test": "t"},
            }
        )
        groups = ["subject", "contrast"]
    lines = node_lines(tmp_path, capsys, document)
    assert [line for line in lines if line.startswith("Run node")] == [
        f"Run node run: a design for each run, {together}"
    ]
    for level, each in (("Session", "session and contrast"), ("Subject", "contrast")):
        words = {"Session": "runs of a session", "Subject": "runs of a participant"}[level]
        line = f"{level} node {level.lower()}: {words}, fixed effects, one for each {each}"
        assert (line in lines) == (level in nodes)
