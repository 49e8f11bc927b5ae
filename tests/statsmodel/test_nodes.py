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


def contrast(name: str, **weights: float) -> Document:
    return {"Name": name, "ConditionList": list(weights), "Weights": list(weights.values()), "Test": "t"}


WEIGHED: Document = {
    "Level": "Subject",
    "Name": "subject",
    "GroupBy": ["subject"],
    "Model": {"Type": "glm", "X": ["go", "stop"]},
    "Contrasts": [contrast("go > stop", go=1, stop=-1)],
}


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


def test_several_subject_nodes_are_branches() -> None:
    second = but(WEIGHED, Name="weighed")
    upper = but(DATASET, Name="upper")
    fan = edges(("run", "subject"), ("run", "weighed"), ("subject", "dataset"), ("weighed", "upper"))
    plain, weighed = parsed(nodes(SUBJECT, second, DATASET, upper), fan).group
    assert (plain.first_level, plain.made, plain.foreign) == (None, (), ("go > stop",))
    assert (weighed.first_level, weighed.made, weighed.foreign) == ((), ("go > stop",), ())


@pytest.mark.parametrize(
    "above",
    [
        (SESSION, SUBJECT),
        (SESSION, SUBJECT, DATASET),
    ],
)
def test_sessions_and_their_mean_are_both_fitted(above: tuple[Document, ...]) -> None:
    assert parsed(nodes(*above)).both_ways


def test_node_without_contrast_may_be_reached_by_one() -> None:
    found = parsed(nodes(but(SUBJECT, GroupBy=["subject"]))).above
    assert found.single == (("Nodes[1].GroupBy", None),)


def test_run_node_need_not_group_by_run_where_there_is_one() -> None:
    assert parsed(nodes(group_by=("subject",))).above.one_run == "Nodes[0].GroupBy"
    assert parsed(nodes(group_by=("run",))).above.one_run == ""


def test_options_and_software_above_the_runs_are_noted() -> None:
    idle = {"Type": "glm", "X": [1], "Options": {"HighPassFilterCutoffHz": 0.01}}
    found = parsed(nodes(but(SUBJECT, Model=idle), but(DATASET, Model=idle)))
    assert "Options of subject, dataset has no effect above the Run level and is ignored." in found.notes


BAD = {
    "no run": (in_top(Nodes=[SUBJECT]), "Nodes: needs exactly one node of Level 'Run', not 0"),
    "two runs": (
        lambda d: d["Nodes"].append(but(d["Nodes"][0], Name="more")),
        "Nodes: needs exactly one node of Level 'Run', not 2",
    ),
    "two subjects": (
        nodes(SUBJECT, but(SUBJECT, Name="b")),
        "Nodes[2]: a Subject node cannot follow a Subject node",
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
        lambda d: (nodes(SUBJECT)(d), d.update(Edges=[{**UPWARDS[0], "Filter": {"session": ["a"]}}])),
        "Edges[0].Filter.session: 'session' cannot be filtered below the Dataset level",
    ),
    "run contrast": (
        nodes(group_by=("run", "subject", "contrast")),
        "cannot group by 'contrast': take it out",
    ),
    "group typo": (nodes(group_by=("run", "subject", "sesion")), "'sesion'; did you mean 'session'?"),
    "subject runs": (
        nodes(but(SUBJECT, GroupBy=["run", "subject", "contrast"])),
        "Nodes[1].GroupBy: a Subject node cannot group by 'run'",
    ),
    "session": (
        nodes(but(SESSION, GroupBy=["subject", "contrast"])),
        "a Session node groups by 'session' here",
    ),
    "dataset subject": (nodes(but(DATASET, GroupBy=["subject", "contrast"])), "cannot group by 'subject'"),
    "subject x": (
        nodes(but(SUBJECT, Model={"Type": "glm", "X": [1, "age"]})),
        "Nodes[1].Model.X: a Subject node is a mean here, X: [1], or",
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
        nodes(but(WEIGHED, Contrasts=[contrast("a", go=1, sotp=-1)])),
        "Nodes[1].Contrasts[0].ConditionList: X has no 'sotp'; did you mean 'stop'?",
    ),
    "subject F of a mean": (
        nodes(but(SUBJECT, Contrasts=[{**contrast("a", **{"1": 1}), "ConditionList": [1], "Test": "F"}])),
        "Nodes[1].Contrasts[0].Test: an F test of a mean",
    ),
    "subject dummies": (
        nodes(but(SUBJECT, DummyContrasts={"Test": "t", "Contrasts": ["go"]})),
        "Nodes[1].DummyContrasts.Contrasts: only [1] beside X: [1]",
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
