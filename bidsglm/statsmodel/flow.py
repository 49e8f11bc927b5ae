"""What reaches each node of a model: contrasts by name, and sessions apart or together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from bidsglm.model import CONSTANT, TRIAL_TYPE
from bidsglm.statsmodel.entities import ENTITIES as BIDS_ENTITIES
from bidsglm.statsmodel.entities import ENTITY_KEYS, LONG_KEYS
from bidsglm.statsmodel.globs import matching
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import EdgePart

ENTITIES = ("subject", "session", "task")
"""What the filter of an edge to a Dataset node may choose beside contrasts and participants.tsv's columns."""
OTHER_NAMES = {"participant_id": "subject", **LONG_KEYS}
"""Other names of them"""
MISSPELT = 0.75
"""Similarity from which a key of a filter is one of these with a slip, and no column of participants.tsv."""


class Flow(NamedTuple):
    """The results that reach a node, or leave it."""

    names: tuple[str, ...] | None = None
    """Names and globs of the Run node's contrasts; None for all of them"""
    made: tuple[str, ...] = ()
    """Names of contrasts that Session and Subject nodes make; a glob where the name depends on the design"""
    apart: bool | None = None
    """Whether sessions are still apart; None straight from the Run node, which leaves it open"""
    filters: Mapping[str, tuple[str, ...]] = {}
    """Entity -> labels"""
    levels: Mapping[str, tuple[str, ...]] = {}
    """Column of participants.tsv -> levels"""


def is_same(name: str, other: str) -> bool:
    """Whether two names are of one contrast: that of a condition goes with and without its prefix.

    >>> is_same("go", "trial_type.go"), is_same("go", "stop")
    (True, False)
    """
    return name.removeprefix(TRIAL_TYPE) == other.removeprefix(TRIAL_TYPE)


def stands_for(pattern: str, name: str) -> bool:
    """Whether a name or glob means a contrast.

    >>> stands_for("trial_type.*", "go"), stands_for("go", "go"), stands_for("stop", "go")
    (True, True, False)
    """
    return is_same(pattern, name) or bool(matching(pattern, [name, TRIAL_TYPE + name]))


def is_among(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of some names and globs means a contrast."""
    return any(stands_for(pattern, name) for pattern in patterns)


def chosen(flow: Flow, wanted: Sequence[str], place: Place) -> Flow:
    """The contrasts of a flow that are wanted.

    Raises
    ------
    DataError
        One that cannot be among them.
    """
    made = tuple(
        own for own in flow.made if is_among(own, wanted) or any(stands_for(own, name) for name in wanted)
    )
    rest = tuple(name for name in wanted if not any(stands_for(own, name) for own in flow.made))
    for name in rest if flow.names is not None else ():
        if not any(stands_for(own, name) or stands_for(name, own) for own in flow.names or ()):
            near = hint(name, (*(flow.names or ()), *flow.made))
            raise place.fault(f"the contrast {name!r} does not reach this node{near}")
    return flow._replace(names=rest, made=made)


def along(flow: Flow, edge: EdgePart, place: Place, to_dataset: bool) -> Flow:
    """What an edge lets through.

    Raises
    ------
    DataError
        A filter of something else than contrasts, and before the Dataset level of anything else.
    """
    filters, levels = dict(flow.filters), dict(flow.levels)
    for key, values in (edge.Filter or {}).items():
        if not values:
            raise place.at("Filter", key).fault(
                "is empty, so nothing would pass: list values, or leave it out"
            )
        labels = tuple(CONSTANT if value == 1 and key == "contrast" else str(value) for value in values)
        if key == "contrast":
            flow = chosen(flow, labels, place.at("Filter", key))
        elif (entity := OTHER_NAMES.get(key, key)) in ENTITIES and to_dataset:
            filters[entity] = tuple(label.removeprefix(f"{ENTITY_KEYS[entity]}-") for label in labels)
        elif to_dataset and _may_be_column(key):
            levels[key] = labels
        else:
            where = "here" if to_dataset else "below the Dataset level"
            known = ("contrast", *ENTITIES) if to_dataset else ("contrast",)
            others = " and columns of participants.tsv" * to_dataset
            raise place.at("Filter", key).fault(
                f"{key!r} cannot be filtered {where}, only {', '.join(known)}{others}{hint(key, known)}"
            )
    return flow._replace(filters=filters, levels=levels)


def _may_be_column(key: str) -> bool:
    """Whether a key of a filter can be a column of participants.tsv.

    >>> _may_be_column("group"), _may_be_column("run"), _may_be_column("contrasts")
    (True, False, False)
    """
    others = {*BIDS_ENTITIES, *LONG_KEYS, "contrast"}
    near = max(SequenceMatcher(None, key.lower(), name).ratio() for name in ("contrast", *ENTITIES))
    return key not in others and near < MISSPELT


def joined(flows: Sequence[Flow], place: Place) -> Flow:
    """Everything that several edges bring to one node.

    Raises
    ------
    DataError
        When one brings single sessions and another what was averaged over them, or when their filters choose
        different sessions, participants or tasks.
    """
    kinds = {flow.apart for flow in flows} - {None}
    if len(kinds) > 1:
        raise place.fault(
            "some of its edges bring single sessions, others what was averaged over sessions: let all"
            " bring the same"
        )
    if any((flow.filters, flow.levels) != (flows[0].filters, flows[0].levels) for flow in flows):
        raise place.fault(
            "the filters of its edges choose different participants, sessions or tasks: write one edge whose "
            "Filter lists all that is to reach it, or a node for each"
        )
    names: tuple[str, ...] | None = ()
    for flow in flows:
        names = None if names is None or flow.names is None else (*names, *flow.names)
    return Flow(
        None if names is None else tuple(dict.fromkeys(names)),
        tuple(dict.fromkeys(name for flow in flows for name in flow.made)),
        next(iter(kinds), None),
        flows[0].filters if flows else {},
        flows[0].levels if flows else {},
    )


def named(edges: Sequence[EdgePart]) -> Iterator[tuple[int, str]]:
    """Contrasts that filters name: index of the edge, name."""
    for i, edge in enumerate(edges):
        for value in (edge.Filter or {}).get("contrast", ()):
            yield i, str(value)
