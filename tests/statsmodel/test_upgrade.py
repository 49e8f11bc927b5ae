from typing import Any

import pytest

from bidsglm.errors import DataError
from bidsglm.statsmodel.upgrade import upgraded

RUN = {
    "Level": "run",
    "Model": {"X": ["trial_type.a", "trial_type.b"]},
    "Contrasts": [
        {"Name": "a_b", "ConditionList": ["trial_type.a", "trial_type.b"], "Weights": [1, -1], "Type": "t"},
        {"Name": "task", "ConditionList": ["trial_type.a", "trial_type.b"], "Weights": ["1/2", "1/2"]},
    ],
}


def made(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return upgraded({"Name": "m", "Steps": list(steps), **more}, "m.json")[0]


def nodes(*steps: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["Name"]: node for node in made(*steps)["Nodes"]}


def test_run_step_keeps_its_parts_under_their_new_names() -> None:
    step = {
        **RUN,
        "Transformations": [{"Name": "Convolve", "Input": ["trial_type.a"], "Model": "spm"}],
        "Model": {**RUN["Model"], "Options": {"HighPassFilterCutoffHz": 0.01}},  # type: ignore[dict-item]
        "AutoContrasts": ["trial_type.a"],
    }
    node = nodes(step)["run"]
    assert node["GroupBy"] == ["run", "subject"]
    assert node["Transformations"]["Instructions"] == step["Transformations"]
    assert node["Model"] == {
        "Type": "glm",
        "X": ["trial_type.a", "trial_type.b", 1],
        "Options": {"HighPassFilterCutoffHz": 0.01},
    }
    assert [contrast["Test"] for contrast in node["Contrasts"]] == ["t", "t"]
    assert node["DummyContrasts"] == {"Contrasts": ["trial_type.a"], "Test": "t"}


@pytest.mark.parametrize(
    "model",
    [
        {"variables": ["trial_type.a", "rt"], "HRF_variables": ["trial_type.a"]},
        {"X": ["trial_type.a", "rt"], "HRF": {"variables": ["trial_type.a"], "model": "spm"}},
    ],
    ids=["beside", "inside"],
)
def test_convolved_variables_are_found_where_they_stood(model: dict[str, Any]) -> None:
    node = nodes({"level": "run", "model": model})["run"]
    assert node["Model"]["HRF"] == {"Variables": ["trial_type.a"], "Model": "spm"}
    assert node["Model"]["X"] == ["trial_type.a", "rt", 1]


def test_dataset_straight_after_run_gets_fixed_effects_between() -> None:
    document = made(RUN, {"Level": "Dataset", "AutoContrasts": True})
    assert [node["GroupBy"] for node in document["Nodes"][1:]] == [["subject", "contrast"], ["contrast"]]
    assert document["Edges"] == [
        {"Source": "run", "Destination": "subject"},
        {"Source": "subject", "Destination": "dataset"},
    ]


@pytest.mark.parametrize(
    "step",
    [
        {"AutoContrasts": ["a_b"]},
        {"DummyContrasts": {"Conditions": ["a_b"]}},
        {"Contrasts": [{"Name": "a_b", "ConditionList": ["a_b"], "Weights": [1], "Type": "t"}]},
    ],
)
def test_chosen_contrasts_become_a_filter(step: dict[str, Any]) -> None:
    document = made(RUN, {"Level": "subject", "AutoContrasts": True}, {"Level": "dataset", **step})
    assert document["Edges"][1]["Filter"] == {"contrast": ["a_b"]}
    assert "Filter" not in document["Edges"][0]


def test_all_contrasts_named_need_no_filter_but_unnamed_ones_do() -> None:
    last = {"Level": "dataset", "AutoContrasts": ["a_b", "task"]}
    assert "Filter" not in made(RUN, last)["Edges"][1]
    open_run = {**RUN, "AutoContrasts": True}
    assert made(open_run, last)["Edges"][1]["Filter"] == {"contrast": ["a_b", "task"]}
    named = {"Level": "dataset", "AutoContrasts": ["trial_type.a"]}
    assert made(open_run, named)["Edges"][1]["Filter"] == {"contrast": ["a"]}


@pytest.mark.parametrize("level", ["subject", "dataset"])
def test_weights_over_contrasts_are_made_at_the_subject_level(level: str) -> None:
    double = {"Name": "both", "ConditionList": ["a_b", "task"], "Weights": [1, 1], "Type": "t"}
    steps = [{"Level": "subject", "AutoContrasts": ["a_b"]}, {"Level": "dataset", "AutoContrasts": ["both"]}]
    steps[0 if level == "subject" else 1]["Contrasts"] = [double]
    node = nodes(RUN, *steps)["subject"]
    assert node["GroupBy"] == ["subject"]
    assert node["Model"]["X"] == ["a_b", "task"]
    assert node["Contrasts"] == [
        {"Name": "both", "ConditionList": ["a_b", "task"], "Weights": [1, 1], "Test": "t"}
    ]
    assert node["DummyContrasts"] == {"Contrasts": ["a_b"], "Test": "t"}
    assert made(RUN, *steps)["Edges"][1]["Filter"] == {"contrast": ["both"]}


def test_columns_of_participants_stay_at_the_dataset_level() -> None:
    older = {"Name": "older", "ConditionList": ["age"], "Weights": [1], "Type": "t"}
    step = {"Level": "dataset", "Model": {"X": ["intercept", "age"]}, "Contrasts": [older]}
    node = nodes(RUN, step)["dataset"]
    assert node["Model"]["X"] == [1, "age"]
    assert node["Contrasts"][0]["ConditionList"] == ["age"]


def test_sessions_stay_apart_from_runs() -> None:
    steps = [{"Level": level, "AutoContrasts": True} for level in ("session", "subject", "dataset")]
    assert [node["Level"] for node in made(RUN, *steps)["Nodes"]] == ["Run", "Session", "Subject", "Dataset"]


def test_what_is_left_out_or_added_is_said() -> None:
    old = {"Name": "m", "Steps": [{**RUN, "Model": {**RUN["Model"], "Smoothing": 5}}], "Notes": "x"}  # type: ignore[dict-item]
    _, notes = upgraded(old, "m.json")
    assert any("intercept (1) was added" in note for note in notes)
    assert any("Smoothing of the Run step's Model is left out" in note for note in notes)
    assert any("Notes is left out" in note for note in notes)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "Steps: must be a list of objects"),
        (
            [{"Level": "subject", "AutoContrasts": True}],
            "Steps[0]: begins at the Subject level: 1.0 needs a Run node",
        ),
        ([{**RUN, "Level": "block"}], "Steps[0].Level: must be one of Run, Session, Subject, Dataset"),
        ([RUN, RUN], "Steps[1].Level: a Run step cannot follow a Run step"),
        ([{"Level": "run"}], "Steps[0].Model: has no X"),
        ([{**RUN, "Contrasts": [{"Name": "a"}]}], "Steps[0].Contrasts: a contrast lacks ConditionList"),
        (
            [{**RUN, "Contrasts": [{"Name": "a", "ConditionList": [], "Weights": [], "Type": "z"}]}],
            "Steps[0].Contrasts: contrast 'a': the test 'z' is not known: t or F",
        ),
        (
            [{**RUN, "Transformations": ["Factor"]}],
            "Steps[0].Transformations: must be a list of instructions",
        ),
        ([{**RUN, "AutoContrasts": [1]}], "Steps[0].AutoContrasts: must be true, false or a list of names"),
    ],
)
def test_what_has_no_counterpart_is_an_error_with_its_place(steps: list[Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        upgraded({"Name": "m", "Steps": steps}, "m.json")
    assert str(caught.value).startswith(f"m.json: {message}")


def test_nothing_is_said_of_what_has_its_place() -> None:
    old = {
        "name": "m",
        "description": "of old",
        "bids_model_version": "0.1",
        "input": {"Task": "go", "session": [1, "b"], "run": []},
        "steps": [{**RUN, "Model": {**RUN["Model"], "X": ["trial_type.a", "trial_type.b", "intercept"]}}],  # type: ignore[dict-item]
    }
    found, notes = upgraded(old, "m.json")
    assert notes == ()
    assert list(found) == ["Name", "BIDSModelVersion", "Description", "Input", "Nodes"]
    assert (found["Name"], found["BIDSModelVersion"], found["Description"]) == ("m", "1.0.0", "of old")
    assert found["Input"] == {"task": ["go"], "session": ["1", "b"]}
    assert found["Nodes"][0]["Model"]["X"] == ["trial_type.a", "trial_type.b", 1]
    assert "HRF" not in found["Nodes"][0]["Model"]


def test_a_model_without_a_name_gets_one_and_without_input_has_none() -> None:
    document = upgraded({"Steps": [RUN]}, "m.json")[0]
    assert list(document) == ["Name", "BIDSModelVersion", "Nodes"]
    assert document["Name"] == "model"


def test_what_is_no_model_of_the_old_form_is_refused() -> None:
    with pytest.raises(DataError, match=r"m.json: has no Steps: it is not of the form before 1.0"):
        upgraded({"Name": "m", "Nodes": []}, "m.json")
    with pytest.raises(DataError, match=r"m.json: Input: must be an object"):
        upgraded({"Steps": [RUN], "Input": ["go"]}, "m.json")
    with pytest.raises(DataError, match=r"Steps\[0\].Model.HRF: must be an object with Variables and Model"):
        made({"Level": "run", "Model": {"X": ["trial_type.a"], "HRF": 1}})


def test_a_response_is_named_alone_or_with_its_variables() -> None:
    named = {
        "Level": "run",
        "Model": {"X": ["trial_type.a"], "HRF": "glover", "HRF_variables": ["trial_type.a"]},
    }
    assert nodes(named)["run"]["Model"]["HRF"] == {"Variables": ["trial_type.a"], "Model": "glover"}
    alone = {"Level": "run", "Model": {"X": ["trial_type.a"], "HRF": "glover"}}
    assert "HRF" not in nodes(alone)["run"]["Model"]


@pytest.mark.parametrize(
    ("conditions", "weights", "passed"),
    [(["a_b"], [1], True), (["a_b"], [[1]], True), (["a_b"], [-1], False), (["task"], [1], False)],
)
def test_a_contrast_with_weight_one_of_itself_is_passed_on(
    conditions: list[str], weights: list[Any], passed: bool
) -> None:
    own = {"Name": "a_b", "ConditionList": conditions, "Weights": weights, "Type": "t"}
    node = nodes(RUN, {"Level": "subject", "Contrasts": [own]})["subject"]
    assert ("contrast" in node["GroupBy"]) is passed
    assert ("Contrasts" in node) is not passed


def test_automatic_contrasts_of_a_step_are_all_named_or_none() -> None:
    assert nodes({**RUN, "DummyContrasts": {}})["run"]["DummyContrasts"] == {"Test": "t"}
    assert "DummyContrasts" not in nodes({**RUN, "AutoContrasts": False})["run"]
    one = nodes({**RUN, "AutoContrasts": "trial_type.a"})["run"]
    assert one["DummyContrasts"] == {"Contrasts": ["trial_type.a"], "Test": "t"}


def test_a_step_that_weighs_contrasts_passes_on_what_is_known_and_says_so() -> None:
    double = {"Name": "both", "ConditionList": ["trial_type.a", "task"], "Weights": [1, 1]}
    subject = {"Level": "subject", "AutoContrasts": True, "Contrasts": [double]}
    open_run = {**RUN, "AutoContrasts": True}
    found, notes = upgraded({"Steps": [open_run, subject]}, "m.json")
    node = found["Nodes"][1]
    assert node["Model"]["X"] == ["a_b", "task", "a"]
    assert node["DummyContrasts"] == {"Contrasts": ["a_b", "task", "a"], "Test": "t"}
    assert node["Contrasts"][0]["ConditionList"] == ["a", "task"]
    assert notes[-1] == (
        "The Subject node passes on a_b, task, a and its own contrasts only: a node that weights contrasts "
        "must name them."
    )
    closed = upgraded({"Steps": [RUN, subject]}, "m.json")
    assert closed[0]["Nodes"][1]["DummyContrasts"]["Contrasts"] == ["a_b", "task"]
    assert not any("passes on" in note for note in closed[1])


def test_an_f_test_of_one_mean_becomes_its_t_test_and_is_said() -> None:
    tested = {"Name": "a_b", "ConditionList": ["a_b"], "Weights": [1], "Type": "F"}
    old = {"Steps": [RUN, {"Level": "dataset", "Contrasts": [tested]}]}
    found, notes = upgraded(old, "m.json")
    assert notes[-1] == "a_b: the F test of one mean became its t test at the Dataset level."
    assert notes[0] == "A Subject node was added: fixed effects over the runs of each participant."
    assert found["Edges"][1]["Filter"] == {"contrast": ["a_b"]}
