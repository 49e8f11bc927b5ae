import pytest

from bidsglm.errors import DataError
from tests.statsmodel.model_documents import (
    DATASET,
    SESSION,
    SUBJECT,
    Change,
    Document,
    in_top,
    nodes,
    parsed,
)

ALL = ("run", "session", "subject")
BY_SESSION: Document = {**SUBJECT, "GroupBy": ["subject", "session", "contrast"]}
UPWARDS = [{"Source": "run", "Destination": "subject"}, {"Source": "subject", "Destination": "dataset"}]


def but(node: Document, **values: object) -> Document:
    return {**node, **values}


def edges(*pairs: tuple[str, str]) -> Change:
    return in_top(Edges=[{"Source": source, "Destination": destination} for source, destination in pairs])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (nodes(), False),
        (nodes(group_by=ALL), True),
        (nodes(DATASET, group_by=ALL), True),
        (nodes(SUBJECT), False),
        (nodes(SUBJECT, group_by=ALL), False),
        (nodes(BY_SESSION, group_by=ALL), True),
        (nodes(BY_SESSION), True),
        (nodes(SESSION, group_by=ALL), True),
        (nodes(SESSION, BY_SESSION, DATASET, group_by=ALL), True),
        (nodes(SUBJECT, DATASET, group_by=ALL), False),
    ],
)
def test_sessions_are_fitted_apart_when_the_nodes_that_average_runs_group_by_them(
    change: Change, expected: bool
) -> None:
    assert parsed(change).by_session is expected


def test_edges_may_stand_in_any_order_and_branch_to_several_dataset_nodes() -> None:
    second = but(DATASET, Name="again")
    fan = edges(("subject", "again"), ("subject", "dataset"), ("run", "subject"))
    assert not parsed(nodes(SUBJECT, DATASET, second), fan).by_session


BAD = {
    "no run": (in_top(Nodes=[SUBJECT]), "Nodes: needs exactly one node of Level 'Run', not 0"),
    "two runs": (
        lambda d: d["Nodes"].append(but(d["Nodes"][0], Name="more")),
        "Nodes: needs exactly one node of Level 'Run', not 2",
    ),
    "two subjects": (
        nodes(SUBJECT, but(SUBJECT, Name="b")),
        "Nodes[2]: a second Subject node is not supported",
    ),
    "same name": (nodes(but(SUBJECT, Name="run")), "Nodes[1]: the name 'run' is taken by an earlier node"),
    "order": (nodes(DATASET, SUBJECT), "Nodes[2]: a Subject node cannot follow a Dataset node"),
    "same level": (
        nodes(DATASET, but(DATASET, Name="again")),
        "Nodes[2]: a Dataset node cannot follow a Dataset node",
    ),
    "unknown source": (
        lambda d: (nodes(SUBJECT)(d), edges(("rum", "subject"))(d)),
        "Edges[0].Source: no node is named 'rum'; did you mean 'run'?",
    ),
    "cycle": (
        lambda d: (nodes(SUBJECT)(d), edges(("run", "subject"), ("subject", "run"))(d)),
        "Edges[1]: leads from a Subject to a Run node: edges go upwards",
    ),
    "loop": (edges(("run", "run")), "Edges[0]: leads from a Run to a Run node"),
    "unconnected": (
        lambda d: (nodes(SUBJECT, DATASET)(d), edges(("run", "subject"))(d)),
        "Nodes[2]: no edge leads to the node 'dataset'",
    ),
    "filter": (
        lambda d: (nodes(SUBJECT)(d), d.update(Edges=[{**UPWARDS[0], "Filter": {"contrast": ["go"]}}])),
        "Edges[0].Filter: not supported below the Dataset level",
    ),
    "run group": (nodes(group_by=("subject",)), "Nodes[0].GroupBy: a Run node groups by 'run' here: add it"),
    "run contrast": (
        nodes(group_by=("run", "subject", "contrast")),
        "cannot group by 'contrast': take it out",
    ),
    "group typo": (nodes(group_by=("run", "subject", "sesion")), "'sesion'; did you mean 'session'?"),
    "subject runs": (
        nodes(but(SUBJECT, GroupBy=["run", "subject", "contrast"])),
        "Nodes[1].GroupBy: a Subject node cannot group by 'run'",
    ),
    "subject contrast": (
        nodes(but(SUBJECT, GroupBy=["subject"])),
        "a Subject node groups by 'contrast' here",
    ),
    "session": (
        nodes(but(SESSION, GroupBy=["subject", "contrast"])),
        "a Session node groups by 'session' here",
    ),
    "dataset subject": (nodes(but(DATASET, GroupBy=["subject", "contrast"])), "cannot group by 'subject'"),
    "sessions averaged": (nodes(SESSION, SUBJECT), "Nodes[1]: means of sessions cannot be averaged again"),
    "subject x": (
        nodes(but(SUBJECT, Model={"Type": "glm", "X": [1, "age"]})),
        "Nodes[1].Model.X: a Subject node is a mean here: X must be [1]",
    ),
    "subject hrf": (
        nodes(but(SUBJECT, Model={"Type": "glm", "X": [1], "HRF": {"Variables": [], "Model": "spm"}})),
        "Nodes[1].Model.HRF: has no meaning at the Subject level: move it to the Run node",
    ),
    "subject formula": (
        nodes(but(SUBJECT, Model={"Type": "glm", "X": [1], "Formula": "1"})),
        "Nodes[1].Model.Formula: not supported",
    ),
    "subject transformations": (
        nodes(
            but(
                SUBJECT,
                Transformations={"Transformer": "pybids-transforms-v1", "Instructions": [{"Name": "Scale"}]},
            )
        ),
        "Nodes[1].Transformations: not supported at the Subject level",
    ),
    "subject contrasts": (
        nodes(but(SUBJECT, Contrasts=[{"Name": "a", "ConditionList": ["go"], "Weights": [1], "Test": "t"}])),
        "Nodes[1].Contrasts: not supported at the Subject level: define them in the Run node",
    ),
    "subject dummies": (
        nodes(but(SUBJECT, DummyContrasts={"Test": "t", "Contrasts": ["go"]})),
        "Nodes[1].DummyContrasts.Contrasts: only [1] at the Subject level",
    ),
    "subject F": (
        nodes(but(SUBJECT, DummyContrasts={"Test": "F"})),
        "DummyContrasts.Test: an F test of a mean",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_nodes_that_cannot_be_honoured_are_errors(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed(change)
    assert str(caught.value).startswith("m.json: ")
    assert message in str(caught.value)
