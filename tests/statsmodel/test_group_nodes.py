"""Dataset nodes: what they say, and what cannot be done at that level."""

from typing import Any

import numpy as np
import pytest

from bidsglm.errors import DataError
from bidsglm.model import GroupModel
from tests.statsmodel.model_documents import DATASET, SUBJECT, Document, in_top, nodes, parsed

FACTOR = {"Name": "Factor", "Input": ["group"]}
DIFFERENCE = {
    "Name": "patient - control",
    "ConditionList": ["group.patient", "group.control"],
    "Weights": [1, -1],
    "Test": "t",
}
EDGES = [{"Source": "run", "Destination": "subject"}, {"Source": "subject", "Destination": "dataset"}]


def node(**changes: Any) -> Document:
    return {**DATASET, **changes}


def glm(*x: object, **more: object) -> dict[str, object]:
    return {"Type": "glm", "X": list(x), **more}


def transformations(*instructions: object) -> dict[str, object]:
    return {"Transformer": "pybids-transforms-v1", "Instructions": list(instructions)}


def group(*documents: Document) -> tuple[GroupModel, ...]:
    return parsed(nodes(SUBJECT, *documents)).group


def test_model_without_a_dataset_node_has_no_group_model() -> None:
    assert parsed(nodes(SUBJECT)).group == ()


def test_mean_with_dummy_contrasts_is_the_plainest_node() -> None:
    assert group(DATASET) == (GroupModel("dataset", dummy_contrasts=(), sessions_apart=False),)


def test_covariates_and_two_groups_are_read() -> None:
    (found,) = group(
        node(
            Model=glm("group.*", "age"),
            Transformations=transformations(FACTOR, {"Name": "Scale", "Input": ["age"]}),
            Contrasts=[DIFFERENCE],
            DummyContrasts={"Test": "t", "Contrasts": ["age"]},
        )
    )
    assert found.x == ("group.*", "age")
    assert found.instructions == (FACTOR, {"Name": "Scale", "Input": ["age"]})
    assert found.dummy_contrasts == ("age",)
    assert found.contrasts[0].label == "patientMinusControl"
    np.testing.assert_array_equal(found.contrasts[0].weights, [[1, -1]])


def test_node_that_names_no_contrast_tests_every_column() -> None:
    (found,) = group({key: value for key, value in DATASET.items() if key != "DummyContrasts"})
    assert found.dummy_contrasts == ()
    (found,) = group(
        {key: value for key, value in DATASET.items() if key != "DummyContrasts"}
        | {"Contrasts": [{"Name": "mean", "ConditionList": [1], "Weights": [1], "Test": "t"}]}
    )
    assert found.dummy_contrasts is None


def test_filter_of_the_edge_chooses_contrasts() -> None:
    edges = [EDGES[0], {**EDGES[1], "Filter": {"contrast": ["go - stop"]}}]
    (found,) = parsed(nodes(SUBJECT, DATASET), in_top(Edges=edges)).group
    assert found.first_level == ("go - stop",)


def test_dataset_node_changes_nothing_else_of_the_model() -> None:
    with_age = parsed(nodes(SUBJECT, node(Model=glm(1, "age"))))
    assert with_age.notes == parsed(nodes(SUBJECT)).notes


BAD = {
    "formula": (node(Model=glm(1, Formula="1 + age")), "Nodes[2].Model.Formula: not supported"),
    "response": (
        node(Model=glm(1, HRF={"Variables": [], "Model": "spm"})),
        "Model.HRF: has no meaning at the Dataset level",
    ),
    "no X": (node(Model=glm()), "Nodes[2].Model.X: is empty"),
    "twice": (node(Model=glm(1, "age", "age")), "Nodes[2].Model.X[2]: 'age' is listed twice"),
    "instruction": (
        node(Transformations=transformations({"Name": "Convolve", "Input": ["age"]})),
        "Instructions[0]: Convolve has no meaning at the Dataset level",
    ),
    "argument": (
        node(Transformations=transformations({**FACTOR, "Constrain": "drop_one"})),
        "unknown key 'Constrain' of Factor; did you mean 'Constraint'?",
    ),
    "run": (node(GroupBy=["contrast", "run"]), "Nodes[2].GroupBy: a Dataset node cannot group by 'run'"),
    "sessions averaged": (
        node(GroupBy=["contrast", "session"]),
        "Nodes[2].GroupBy: sessions are averaged by the node below: add 'session' to its GroupBy",
    ),
    "unknown column": (
        node(Model=glm(1, "age"), Contrasts=[{**DIFFERENCE, "ConditionList": [1, "aeg"]}]),
        "ConditionList: X has no 'aeg'; did you mean 'age'?",
    ),
    "unknown dummy": (
        node(DummyContrasts={"Test": "t", "Contrasts": ["age"]}),
        "DummyContrasts.Contrasts: X has no 'age'",
    ),
    "dummy F": (node(DummyContrasts={"Test": "F"}), 'DummyContrasts.Test: must be "t": write an F test'),
}


@pytest.mark.parametrize(("document", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_done_is_an_error(document: Document, message: str) -> None:
    with pytest.raises(DataError) as caught:
        group(document)
    assert str(caught.value).startswith("m.json: ")
    assert message in str(caught.value)


def filtered(source: int, **filters: object) -> tuple[GroupModel, ...]:
    edges = [{**edge, **({"Filter": filters} if i == source else {})} for i, edge in enumerate(EDGES)]
    return parsed(nodes(SUBJECT, DATASET), in_top(Edges=edges)).group


def test_filter_may_choose_participants_before_the_dataset_level_only() -> None:
    assert filtered(1, subject=["sub-01", "02"])[0].filters == {"subject": ("01", "02")}
    with pytest.raises(DataError, match=r"Edges\[0\].Filter.subject: 'subject' cannot be filtered below"):
        filtered(0, subject=["01"])
    with pytest.raises(DataError, match=r"Filter.run: 'run' cannot be filtered here, only contrast, "):
        filtered(1, run=["1"])
    with pytest.raises(DataError, match=r"Filter.group: 'group' cannot be filtered below the Dataset level"):
        filtered(0, group=["patient"])
    with pytest.raises(DataError, match=r"Edges\[1\].Filter.session: is empty, so nothing would pass"):
        filtered(1, session=[])
    with pytest.raises(DataError, match=r"Edges\[1\].Filter.contrst: .* did you mean 'contrast'\?"):
        filtered(1, contrst=["go - stop"])


def test_other_names_of_what_a_filter_chooses_by_are_understood() -> None:
    assert filtered(1, participant_id=["sub-01"])[0].filters == {"subject": ("01",)}
    assert filtered(1, sub=["01"])[0].filters == {"subject": ("01",)}


def test_filter_may_choose_by_columns_of_participants() -> None:
    (found,) = filtered(1, group=["patient"], scanner=[1, 2])
    assert (found.filters, found.levels) == ({}, {"group": ("patient",), "scanner": ("1", "2")})


def test_edges_to_one_node_choose_the_same_participants() -> None:
    subject = {**SUBJECT, "Name": "other"}
    edges = [
        *EDGES,
        {"Source": "run", "Destination": "other"},
        {"Source": "other", "Destination": "dataset", "Filter": {"group": ["patient"]}},
    ]
    with pytest.raises(DataError, match=r"the filters of its edges choose different participants"):
        parsed(nodes(SUBJECT, subject, DATASET), in_top(Edges=edges))


def test_filters_of_several_edges_follow_each_other() -> None:
    assert filtered(0, contrast=["go - stop"])[0].first_level == ("go - stop",)
    edges = [
        {**EDGES[0], "Filter": {"contrast": ["go - stop"]}},
        {**EDGES[1], "Filter": {"contrast": ["go"]}},
    ]
    with pytest.raises(
        DataError, match=r"Edges\[1\].Filter.contrast: the contrast 'go' does not reach this node"
    ):
        parsed(nodes(SUBJECT, DATASET), in_top(Edges=edges))


def test_groups_are_sessions_columns_and_contrasts() -> None:
    by_session = {**SUBJECT, "GroupBy": ["subject", "session", "contrast"]}
    grouped = node(GroupBy=["session", "contrast", "site"])
    (found,) = parsed(nodes(by_session, grouped)).group
    assert (found.by_session, found.columns, found.by_contrast) == (True, ("site",), True)
    assert found.sessions_apart is True
    (found,) = group(node(GroupBy=[], Model=glm("go - stop")))
    assert not found.by_contrast


def test_session_of_a_dataset_node_behind_the_runs_keeps_sessions_apart() -> None:
    found = parsed(nodes(node(GroupBy=["contrast", "session"])))
    assert found.by_session
    assert not found.both_ways


def test_f_contrasts_are_read() -> None:
    both = {**DIFFERENCE, "Weights": [[1, 0], [0, 1]], "Test": "F"}
    (found,) = group(node(Model=glm("group.*"), Contrasts=[both]))
    assert found.contrasts[0].test == "F"
