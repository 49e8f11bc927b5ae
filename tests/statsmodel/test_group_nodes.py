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
    assert group(DATASET) == (GroupModel("dataset", dummy_contrasts=()),)


def test_covariates_and_two_groups_are_read() -> None:
    (found,) = group(
        node(
            Model=glm("group.*", "age"),
            Transformations=transformations(FACTOR, {"Name": "Scale", "Input": ["age"]}),
            Contrasts=[DIFFERENCE],
            DummyContrasts={"Test": "t", "Contrasts": ["age"]},
        )
    )
    assert (found.x, found.factors, found.scaled) == (("group.*", "age"), ("group",), ("age",))
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
    "options": (
        node(Model=glm(1, Options={"HighPassFilterCutoffHz": 0.01})),
        "Model.Options: has no meaning at the Dataset level",
    ),
    "no X": (node(Model=glm()), "Nodes[2].Model.X: is empty"),
    "twice": (node(Model=glm(1, "age", "age")), "Nodes[2].Model.X[2]: 'age' is listed twice"),
    "instruction": (
        node(Transformations=transformations({"Name": "Product", "Input": ["a", "b"]})),
        "Instructions[0]: Product is not supported at the Dataset level",
    ),
    "argument": (
        node(Transformations=transformations({**FACTOR, "Constraint": "drop_one"})),
        "'constraint' of Factor is not supported",
    ),
    "F": (
        node(Model=glm(1, "age"), Contrasts=[{**DIFFERENCE, "ConditionList": [1, "age"], "Test": "F"}]),
        'Contrasts[0].Test: only "t" at the Dataset level',
    ),
    "unknown column": (
        node(Model=glm(1, "age"), Contrasts=[{**DIFFERENCE, "ConditionList": [1, "aeg"]}]),
        "ConditionList: X has no 'aeg'; did you mean 'age'?",
    ),
    "unknown dummy": (
        node(DummyContrasts={"Test": "t", "Contrasts": ["age"]}),
        "DummyContrasts.Contrasts: X has no 'age'",
    ),
    "dummy F": (node(DummyContrasts={"Test": "F"}), "DummyContrasts.Test: an F test over participants"),
}


@pytest.mark.parametrize(("document", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_done_is_an_error(document: Document, message: str) -> None:
    with pytest.raises(DataError) as caught:
        group(document)
    assert str(caught.value).startswith("m.json: ")
    assert message in str(caught.value)


def test_only_contrasts_are_filtered() -> None:
    edges = [EDGES[0], {**EDGES[1], "Filter": {"subject": ["01"]}}]
    with pytest.raises(DataError, match=r"Edges\[1\].Filter.subject: only 'contrast'"):
        parsed(nodes(SUBJECT, DATASET), in_top(Edges=edges))
