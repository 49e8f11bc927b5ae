"""Models as people write them, on one data set: the columns and contrasts of each, or its refusal."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bidsglm.cli import main
from tests import tiny

MOVE, LOOK = "trial_type.move", "trial_type.look"
BOTH = [MOVE, LOOK]
FACTOR: dict[str, Any] = {"Name": "Factor", "Input": ["trial_type"]}
MEAN: dict[str, Any] = {"Type": "meta", "X": [1]}


@pytest.fixture(scope="module")
def bids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with a side, a response time and an accuracy for each event."""
    study = tiny.write_study(tmp_path_factory.mktemp("people"), ("01",), ("run-1", "run-2"))
    for path in study.glob("sub-*/func/*_events.tsv"):
        header, *rows = path.read_text().splitlines()
        more = [
            f"{row}\t{('left', 'right')[i // 2 % 2]}\t{0.5 + i / 10}\t{i % 3 % 2}"
            for i, row in enumerate(rows)
        ]
        path.write_text("\n".join([f"{header}\tside\trt\tcorrect", *more]) + "\n")
    return study


def of(name: str, *inputs: str, **more: object) -> dict[str, object]:
    return {"Name": name, "Input": list(inputs), **more}


def convolve(*inputs: str, **more: object) -> dict[str, object]:
    return of("Convolve", *inputs, Model="spm", **more)


def contrast(name: str, weights: dict[Any, Any], **more: object) -> dict[str, object]:
    return {
        "Name": name,
        "ConditionList": list(weights),
        "Weights": list(weights.values()),
        "Test": "t",
        **more,
    }


def document(
    x: Sequence[object], *instructions: dict[str, object], above: Sequence[object] = (), **more: Any
) -> dict[str, Any]:
    """A model whose Run node has these; `model` are parts of Model, the rest parts of the node."""
    run: dict[str, Any] = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "subject"],
        "Model": {"Type": "glm", "X": list(x), **more.pop("model", {})},
        **more,
    }
    if instructions:
        run["Transformations"] = {"Transformer": "pybids-transforms-v1", "Instructions": list(instructions)}
    return {"Name": "m", "BIDSModelVersion": "1.0.0", "Input": {"task": ["tap"]}, "Nodes": [run, *above]}


def response(*variables: str, **more: object) -> dict[str, Any]:
    return {"model": {"HRF": {"Variables": list(variables), "Model": "spm", **more}}}


def node(
    level: str, group_by: Sequence[str], model: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "Level": level,
        "Name": level.lower(),
        "GroupBy": list(group_by),
        "Model": model or MEAN,
        **({"DummyContrasts": {"Test": "t"}} if "Contrasts" not in more else {}),
        **more,
    }


def dry_run(bids: Path, content: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    path = bids.parent / "m_smdl.json"
    path.write_text(content, encoding="utf-8")
    code = main([str(bids), str(bids.parent / "out"), "participant", "--model", str(path), "--dry-run"])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


RT = of("Copy", MOVE, Output=["rt_move"])
DESIGNS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "FitLins": (
        document(["trial_type.*", 1], FACTOR, convolve("trial_type.*"), DummyContrasts={"Test": "t"}),
        [LOOK, MOVE],
        ["look (t)", "move (t)"],
    ),
    "response time as duration": (
        document(
            [*BOTH, "rt_move", "trans_?", 1],
            FACTOR,
            RT,
            of("Assign", "rt", Target=["rt_move"], TargetAttr="duration"),
            convolve("trial_type.*", "rt_move"),
            Contrasts=[contrast("m-l", {MOVE: 1, LOOK: -1})],
        ),
        [*BOTH, "rt_move", "trans_x", "trans_y", "trans_z"],
        ["m-l (t)"],
    ),
    "binarized accuracy": (
        document(
            ["hit.1", "hit.0"],
            of("Threshold", "correct", Threshold=0.5, Binarize=True, Output=["hit"]),
            of("Factor", "hit"),
            convolve("hit.*"),
        ),
        ["hit.1", "hit.0"],
        [],
    ),
    "split": (
        document([f"{MOVE}.*"], FACTOR, of("Split", MOVE, By=["side"]), convolve(f"{MOVE}.*")),
        [f"{MOVE}.side[left]", f"{MOVE}.side[right]"],
        [],
    ),
    "levels without Factor": (document(["side.*"], **response("side.*")), ["side.left", "side.right"], []),
    "pattern without the dot": (document(["trial_type*"], **response("trial_type*")), [LOOK, MOVE], []),
    "overlapping patterns": (document([MOVE, "trial_type.*"], **response("trial_type.*")), [MOVE, LOOK], []),
    "derivative of a draft": (
        document([MOVE], **response(MOVE, Parameters={"Derivatives": 1, "PeakDelay": 6})),
        [MOVE, f"{MOVE}_derivative"],
        [],
    ),
    "F in rows": (
        document(BOTH, Contrasts=[contrast("any", {MOVE: [1, 0], LOOK: [0, 1]}, Test="f")]),
        BOTH,
        ["any (F)"],
    ),
    "former Type": (
        document(BOTH, Contrasts=[{**contrast("m", {MOVE: "1/2", LOOK: 0.5}), "Type": "T", "Test": "T"}]),
        BOTH,
        ["m (t)"],
    ),
    "contrasts of contrasts": (
        document(
            BOTH,
            DummyContrasts={"Test": "t"},
            above=[
                node(
                    "Subject",
                    ["subject"],
                    {"Type": "meta", "X": ["move", "look"]},
                    Contrasts=[contrast("d", {"move": 1, "look": -1})],
                )
            ],
        ),
        BOTH,
        ["move (t)", "look (t)", "d (t)"],
    ),
    "other programs": (
        document(
            BOTH,
            model={
                "Type": "GLM",
                "Software": {"bidspm": {"Results": [{"name": ["m"]}]}, "SPM": {"Whitening": "FAST"}},
                "Options": {"HighPassFilterCutoffHz": 0.01, "Mask": {"desc": ["brain"], "suffix": ["mask"]}},
            },
        ),
        BOTH,
        [],
    ),
    "chosen participants": (
        {
            **document(
                BOTH,
                Contrasts=[contrast("m", {MOVE: 1})],
                above=[node("Subject", ["subject", "contrast"]), node("Dataset", ["contrast"])],
            ),
            "Edges": [
                {"Source": "run", "Destination": "subject"},
                {
                    "Source": "subject",
                    "Destination": "dataset",
                    "Filter": {"group": ["a"], "contrast": ["m"]},
                },
            ],
        },
        BOTH,
        ["m (t)"],
    ),
    "kinds of files": (
        {**document(BOTH), "Input": {"task": "tap", "suffix": ["bold"], "datatype": ["func"], "run": [1]}},
        BOTH,
        [],
    ),
}
REFUSED = {
    "trailing comma": (json.dumps(document(BOTH))[:-1] + ",}", "a comma with nothing behind it"),
    "comment": ("// mine\n" + json.dumps(document(BOTH)), "JSON has no comments"),
    "node's key in an instruction": (
        json.dumps(document(BOTH, of("Scale", "rt", GroupBy=["run"]))),
        "unknown key 'GroupBy' of Scale; it belongs to a node",
    ),
    "HRF beside Model": (
        json.dumps(document(BOTH, HRF={"Variables": BOTH, "Model": "spm"})),
        "Nodes[0]: unknown key 'HRF'; it belongs to Model",
    ),
    "all columns": (
        json.dumps(document(["*"], **response("trial_type.*"))),
        "X finds no events for trial_type.*",
    ),
    "text in X": (json.dumps(document(["trial_type"])), "trial_type of X holds text: name its levels there"),
    "Concatenate": (
        json.dumps(document(BOTH, of("Concatenate", "side", "rt"))),
        "'Concatenate': pybids-trans",
    ),
    "session filter of averages": (
        json.dumps(
            {
                **document(
                    BOTH, above=[node("Subject", ["subject", "contrast"]), node("Dataset", ["contrast"])]
                ),
                "Edges": [
                    {"Source": "run", "Destination": "subject"},
                    {"Source": "subject", "Destination": "dataset", "Filter": {"session": ["pre"]}},
                ],
            }
        ),
        "sessions are averaged by the node below",
    ),
    "name twice": (
        json.dumps(document(BOTH)).replace('"Name": "m"', '"Name": "m", "Name": "n"'),
        "occurs twice",
    ),
    "other double gamma": (
        json.dumps(document([MOVE], **response(MOVE, Parameters={"PeakDelay": 5}))),
        "PeakDelay: is 5, but the double gamma here has SPM's values",
    ),
}


@pytest.mark.parametrize(("model", "columns", "contrasts"), DESIGNS.values(), ids=DESIGNS)
def test_model_gives_the_design_that_its_words_say(
    bids: Path,
    capsys: pytest.CaptureFixture[str],
    model: dict[str, Any],
    columns: list[str],
    contrasts: list[str],
) -> None:
    for contrast_part in model["Nodes"][0].get("Contrasts", []):
        rows = contrast_part["Weights"]
        if isinstance(rows[0], list):
            contrast_part["Weights"] = [list(row) for row in zip(*rows, strict=True)]
    code, out, err = dry_run(bids, json.dumps(model), capsys)
    assert code == 0, err
    found = re.findall(r"spm regressors: \d+: (.*)", out)
    listed = [[n for n in names.split(", ") if not re.match("drift|constant", n)] for names in found]
    assert listed == [columns] * len(listed)
    assert listed
    assert re.findall(r"^ *contrast (.*)$", out, re.MULTILINE) == contrasts


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_model_is_refused_with_what_to_do(
    bids: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    code, _, err = dry_run(bids, content, capsys)
    assert code == 65
    assert message in " ".join(err.split())
