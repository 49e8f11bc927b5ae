"""Nodes and edges of a model: which levels there are, what reaches each node, and how runs are fitted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from bidsglm.model import Above, CombinedContrast, GroupModel
from bidsglm.statsmodel.entities import ENTITIES
from bidsglm.statsmodel.flow import Flow, along, joined, named
from bidsglm.statsmodel.globs import is_glob
from bidsglm.statsmodel.group_nodes import group_model
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import Document, EdgePart, NodePart
from bidsglm.statsmodel.upper_nodes import NodeOutcome, check_upper, has_content, outcome

RANK = {"Run": 0, "Session": 1, "Subject": 2, "Dataset": 3}
GROUPS = {
    "Run": (set(), {"contrast"}),
    "Session": ({"session", "subject"}, {"run"}),
    "Subject": ({"subject"}, {"run"}),
    "Dataset": (set(), {"run", "subject", "direction"}),
}
"""What GroupBy must and must not hold at each level."""


class Levels(NamedTuple):
    """The Run node and what the nodes above it decide."""

    run: NodePart
    place: Place
    """Place of the Run node."""
    by_session: bool
    both_ways: bool
    """Whether nodes differ in it, so that runs are fitted both ways"""
    above: Above
    group: tuple[GroupModel, ...]
    """Dataset nodes"""
    notes: tuple[str, ...]


_Link = tuple[EdgePart, Place]
"""An edge, written out or implied by the order of the nodes"""


def levels(document: Document, top: Place) -> Levels:
    """Levels of a model, checked.

    Sessions are fitted apart for a Session node, for a Subject node that groups by session and for a Dataset
    node straight behind the Run node that does; together for a Subject node that does not. Where nodes
    differ, both is fitted. Without any node between, the Run node decides: ``["run", "session", "subject"]``
    keeps sessions apart.

    Raises
    ------
    DataError
        No or several Run nodes, edges that do not lead upwards, or a node that asks for what is not done.
    """
    places = {node.Name: top.at("Nodes", i) for i, node in enumerate(document.Nodes)}
    _check_names(document.Nodes, top)
    run = document.Nodes[_run_index(document.Nodes, top)]
    links = _links(document, top)
    for node in document.Nodes:
        if node.Level in ("Session", "Subject"):
            check_upper(node, places[node.Name])
    reached, outcomes = _walk(document.Nodes, links, places)
    for node in document.Nodes:
        _check_groups(node, places[node.Name])
    group = tuple(
        _group(node, run, reached[node.Name], places) for node in document.Nodes if is_dataset(node)
    )
    made = tuple(dict.fromkeys(name for found in outcomes.values() for name in found.flow.made))
    group = tuple(replace(g, foreign=tuple(name for name in made if name not in g.made)) for g in group)
    apart = {found.flow.apart for found in outcomes.values()} | {g.sessions_apart for g in group}
    apart = apart or {"session" in run.GroupBy}
    return Levels(
        run,
        places[run.Name],
        by_session=apart == {True},
        both_ways=len(apart) > 1,
        above=_above(run, reached, outcomes, links, places),
        group=group,
        notes=tuple(_notes(document.Nodes)),
    )


def is_dataset(node: NodePart) -> bool:
    """Whether a node is over participants."""
    return node.Level == "Dataset"


def _check_names(nodes: Sequence[NodePart], top: Place) -> None:
    names = [node.Name for node in nodes]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise top.at("Nodes", i).fault(f"the name {name!r} is taken by an earlier node: rename one")


def _run_index(nodes: Sequence[NodePart], top: Place) -> int:
    runs = [i for i, node in enumerate(nodes) if node.Level == "Run"]
    if len(runs) != 1:
        raise top.at("Nodes").fault(f"needs exactly one node of Level 'Run', not {len(runs)}")
    return runs[0]


def _links(document: Document, top: Place) -> tuple[_Link, ...]:
    """Edges of a model; without any, each node follows the one before it."""
    if document.Edges:
        _check_edges(document, top)
        return tuple((edge, top.at("Edges", i)) for i, edge in enumerate(document.Edges))
    nodes = document.Nodes
    for i in range(1, len(nodes)):
        if RANK[nodes[i].Level] <= RANK[nodes[i - 1].Level]:
            raise top.at("Nodes", i).fault(
                f"a {nodes[i].Level} node cannot follow a {nodes[i - 1].Level} node: "
                "put nodes in the order Run, Session, Subject, Dataset, or join them by Edges"
            )
    return tuple(
        (EdgePart(Source=nodes[i].Name, Destination=nodes[i + 1].Name), top.at("Nodes", i + 1))
        for i in range(len(nodes) - 1)
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
    reached = {edge.Destination for edge in document.Edges or ()}
    for i, node in enumerate(document.Nodes):
        if node.Level != "Run" and node.Name not in reached:
            raise top.at("Nodes", i).fault(
                f"no edge leads to the node {node.Name!r}: add one, or take the node out"
            )


def _walk(
    nodes: Sequence[NodePart], links: Sequence[_Link], places: Mapping[str, Place]
) -> tuple[dict[str, Flow], dict[str, NodeOutcome]]:
    """What reaches each node, and what the nodes between runs and data set make of it."""
    reached: dict[str, Flow] = {}
    leaving: dict[str, Flow] = {}
    outcomes: dict[str, NodeOutcome] = {}
    for node in sorted(nodes, key=lambda node: RANK[node.Level]):
        flows = [
            along(leaving[edge.Source], edge, place, is_dataset(node))
            for edge, place in links
            if edge.Destination == node.Name
        ]
        flow = joined(flows, places[node.Name]) if flows else Flow()
        if node.Level in ("Session", "Subject"):
            outcomes[node.Name] = outcome(node, flow, places[node.Name])
        reached[node.Name] = flow
        leaving[node.Name] = outcomes[node.Name].flow if node.Name in outcomes else flow
    return reached, outcomes


def _check_groups(node: NodePart, place: Place) -> None:
    required, forbidden = GROUPS[node.Level]
    for name in node.GroupBy:
        if name in forbidden:
            raise place.at("GroupBy").fault(f"a {node.Level} node cannot group by {name!r}: take it out")
        if name not in (*ENTITIES, "contrast") and not is_dataset(node):
            raise place.at("GroupBy").fault(
                f"unknown grouping variable {name!r}{hint(name, (*ENTITIES, 'contrast'))}"
            )
    missing = sorted(required - set(node.GroupBy))
    if missing:
        raise place.at("GroupBy").fault(f"a {node.Level} node groups by {missing[0]!r} here: add it")


def _group(node: NodePart, run: NodePart, flow: Flow, places: Mapping[str, Place]) -> GroupModel:
    """A Dataset node with what reaches it."""
    place, by_session = places[node.Name], "session" in node.GroupBy
    apart = by_session or "session" in run.GroupBy if flow.apart is None else flow.apart
    if not apart and (by_session or "session" in flow.filters):
        raise place.at("GroupBy").fault(
            "sessions are averaged by the node below: add 'session' to its GroupBy to have each by itself"
        )
    found = group_model(node, place, flow._replace(apart=apart))
    return replace(found, variance=_variance(node) or _variance(run))


def _variance(node: NodePart) -> Literal["equal", "unequal"] | None:
    """Software.SPM.Variance, which a Dataset node may say, or the Run node for all of them."""
    return node.Model.Software.SPM.Variance if node.Model.Software is not None else None


def _above(
    run: NodePart,
    reached: Mapping[str, Flow],
    outcomes: Mapping[str, NodeOutcome],
    links: Sequence[_Link],
    places: Mapping[str, Place],
) -> Above:
    contrasts: list[CombinedContrast] = []
    filtered = named([edge for edge, _ in links])
    asked = [(links[i][1].at("Filter", "contrast").where, name) for i, name in filtered]
    single = []
    for name, found in outcomes.items():
        contrasts += found.contrasts
        asked += found.named
        if found.is_single:
            single.append((places[name].at("GroupBy").where, reached[name].names))
    one_run = "" if "run" in run.GroupBy else places[run.Name].at("GroupBy").where
    literal = tuple((place, name) for place, name in asked if not is_glob(name))
    return Above(tuple(contrasts), literal, tuple(single), one_run, tuple(run.GroupBy) if one_run else ())


def _notes(nodes: Sequence[NodePart]) -> Iterator[str]:
    """Settings that stand where they have no effect."""
    for key in ("Options", "Software"):
        idle = [node.Name for node in nodes if node.Level != "Run" and _is_idle(node, key)]
        if idle:
            yield f"{key} of {', '.join(idle)} has no effect above the Run level and is ignored."


def _is_idle(node: NodePart, key: str) -> bool:
    """Whether Options or Software say anything beside what a Dataset node may say."""
    software = node.Model.Software
    if key != "Software" or software is None or not is_dataset(node):
        return has_content(getattr(node.Model, key))
    alone = software.model_fields_set <= {"SPM", "Description"}
    return not (alone and software.SPM.model_fields_set <= {"Variance", "Description"})
