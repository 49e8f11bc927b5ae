"""Nodes and edges of a model: which levels there are, and what the participant level makes of them."""

from collections.abc import Sequence
from typing import NamedTuple

from bidsglm.model import CONSTANT
from bidsglm.statsmodel.group_nodes import has_content
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import Document, NodePart
from bidsglm.statsmodel.values import ENTITIES

RANK = {"Run": 0, "Session": 1, "Subject": 2, "Dataset": 3}
GROUPS = {
    "Run": ({"run", "subject"}, {"contrast"}),
    "Session": ({"session", "subject", "contrast"}, {"run"}),
    "Subject": ({"subject", "contrast"}, {"run"}),
    "Dataset": ({"contrast"}, {"run", "session", "subject"}),
}
"""What GroupBy must and must not hold at each level."""


class Levels(NamedTuple):
    """The Run node and what the nodes above it decide."""

    run: NodePart
    place: Place
    """Of the Run node."""
    by_session: bool


def levels(document: Document, top: Place) -> Levels:
    """Levels of a model, checked.

    Session and Subject nodes average the runs; Dataset nodes are read by `bidsglm.statsmodel.group_nodes`.
    Sessions are fitted apart when each node that averages runs groups by session. Without such a node the Run
    node decides: it then is what one asked for, and ``["run", "session", "subject"]`` keeps sessions apart.
    Above a Run node with this GroupBy, a Subject node with ``["subject", "contrast"]`` joins the sessions.

    Raises
    ------
    DataError
        No or several Run nodes, edges that do not lead upwards, or a node that does more than average.
    """
    places = [top.at("Nodes", i) for i in range(len(document.Nodes))]
    _check_names(document.Nodes, places)
    run = _run_index(document.Nodes, top)
    if document.Edges is None:
        _check_order(document.Nodes, places)
    else:
        _check_edges(document, top)
    for node, place in zip(document.Nodes, places, strict=True):
        _check_groups(node, place)
        if node.Level in ("Session", "Subject"):
            _check_mean(node, place)
    return Levels(document.Nodes[run], places[run], _by_session(document.Nodes, places))


def _check_names(nodes: Sequence[NodePart], places: Sequence[Place]) -> None:
    names = [node.Name for node in nodes]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise places[i].fault(f"the name {name!r} is taken by an earlier node")
    for level in ("Session", "Subject"):
        several = [i for i, node in enumerate(nodes) if node.Level == level]
        if len(several) > 1:
            raise places[several[1]].fault(f"a second {level} node is not supported")


def _run_index(nodes: Sequence[NodePart], top: Place) -> int:
    runs = [i for i, node in enumerate(nodes) if node.Level == "Run"]
    if len(runs) != 1:
        raise top.at("Nodes").fault(f"needs exactly one node of Level 'Run', not {len(runs)}")
    return runs[0]


def _check_order(nodes: Sequence[NodePart], places: Sequence[Place]) -> None:
    for i in range(1, len(nodes)):
        if RANK[nodes[i].Level] <= RANK[nodes[i - 1].Level]:
            raise places[i].fault(
                f"a {nodes[i].Level} node cannot follow a {nodes[i - 1].Level} node: "
                "put nodes in the order Run, Session, Subject, Dataset, or join them by Edges"
            )


def _check_edges(document: Document, top: Place) -> None:
    """Check that edges join known nodes and lead upwards from the Run node to each other one."""
    level = {node.Name: node.Level for node in document.Nodes}
    for i, edge in enumerate(document.Edges or ()):
        place = top.at("Edges", i)
        for key, name in (("Source", edge.Source), ("Destination", edge.Destination)):
            if name not in level:
                raise place.at(key).fault(f"no node is named {name!r}{hint(name, level)}")
        if RANK[level[edge.Destination]] <= RANK[level[edge.Source]]:
            raise place.fault(
                f"leads from a {level[edge.Source]} to a {level[edge.Destination]} node: "
                "edges go upwards from Run to Session, Subject and Dataset"
            )
        if edge.Filter and level[edge.Destination] != "Dataset":
            raise place.at("Filter").fault("not supported below the Dataset level: list the contrasts wanted")
    reached = {edge.Destination for edge in document.Edges or ()}
    for i, node in enumerate(document.Nodes):
        if node.Level != "Run" and node.Name not in reached:
            raise top.at("Nodes", i).fault(f"no edge leads to the node {node.Name!r}")


def _check_groups(node: NodePart, place: Place) -> None:
    required, forbidden = GROUPS[node.Level]
    for name in node.GroupBy:
        if name in forbidden:
            raise place.at("GroupBy").fault(f"a {node.Level} node cannot group by {name!r}: take it out")
        if name not in (*ENTITIES, "contrast"):
            raise place.at("GroupBy").fault(
                f"unknown grouping variable {name!r}{hint(name, (*ENTITIES, 'contrast'))}"
            )
    missing = sorted(required - set(node.GroupBy))
    if missing:
        raise place.at("GroupBy").fault(f"a {node.Level} node groups by {missing[0]!r} here: add it")


def _check_mean(node: NodePart, place: Place) -> None:
    """Check that a node between the runs and the data set only averages what it receives."""
    model = place.at("Model")
    if node.Model.X != [CONSTANT]:
        raise model.at("X").fault(f"a {node.Level} node is a mean here: X must be [1]")
    if node.Model.Formula is not None:
        raise model.at("Formula").fault("not supported: a mean is X: [1]")
    for key in ("HRF", "Options", "Software"):
        if has_content(getattr(node.Model, key)):
            raise model.at(key).fault(f"has no meaning at the {node.Level} level: move it to the Run node")
    if node.Transformations is not None and node.Transformations.Instructions:
        raise place.at("Transformations").fault(f"not supported at the {node.Level} level")
    if node.Contrasts:
        raise place.at("Contrasts").fault(
            f"not supported at the {node.Level} level: define them in the Run node; "
            'DummyContrasts {"Test": "t"} passes them on'
        )
    _check_dummies(node, place.at("DummyContrasts"))


def _check_dummies(node: NodePart, place: Place) -> None:
    dummies = node.DummyContrasts
    if dummies is not None and dummies.Test == "F":
        raise place.at("Test").fault('an F test of a mean is not supported: use "t"')
    if dummies is not None and dummies.Contrasts not in (None, [CONSTANT]):
        raise place.at("Contrasts").fault(f"only [1] at the {node.Level} level: all contrasts are passed on")


def _by_session(nodes: Sequence[NodePart], places: Sequence[Place]) -> bool:
    by_level = {node.Level: node for node in nodes}
    subject, session = by_level.get("Subject"), by_level.get("Session")
    if subject is None:
        return session is not None or "session" in by_level["Run"].GroupBy
    apart = "session" in subject.GroupBy
    if session is not None and not apart:
        raise places[nodes.index(session)].fault(
            "means of sessions cannot be averaged again: take out the Session node to fit the sessions "
            "together, or the Subject node to fit them apart"
        )
    return apart
