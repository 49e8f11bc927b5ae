"""What reaches each node of a model: contrasts by name, and sessions apart or together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bidsglm.model import CONSTANT, TRIAL_TYPE
from bidsglm.statsmodel.entities import ENTITY_KEYS
from bidsglm.statsmodel.globs import matching
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import EdgePart

ENTITIES = ("subject", "session", "task")
"""What the filter of an edge to a Dataset node may choose beside contrasts."""


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
    filters = dict(flow.filters)
    for key, values in (edge.Filter or {}).items():
        labels = tuple(CONSTANT if value == 1 and key == "contrast" else str(value) for value in values)
        if key == "contrast":
            flow = chosen(flow, labels, place.at("Filter", key))
        elif key in ENTITIES and to_dataset:
            filters[key] = tuple(label.removeprefix(f"{ENTITY_KEYS[key]}-") for label in labels)
        else:
            where = "here" if to_dataset else "below the Dataset level"
            known = ("contrast", *ENTITIES) if to_dataset else ("contrast",)
            column = (
                "; to choose by a column of participants.tsv, name it in the Dataset node's GroupBy, or its "
                f"levels in X ({key}.<level>)"
            )
            raise place.at("Filter", key).fault(
                f"{key!r} cannot be filtered {where}, only {', '.join(known)}"
                f"{hint(key, known) or column * (key not in ENTITY_KEYS)}"
            )
    return flow._replace(filters=filters)


def joined(flows: Sequence[Flow], place: Place) -> Flow:
    """Everything that several edges bring to one node.

    Raises
    ------
    DataError
        When one brings single sessions and another what was averaged over them.
    """
    kinds = {flow.apart for flow in flows} - {None}
    if len(kinds) > 1:
        raise place.fault(
            "some of its edges bring single sessions, others what was averaged over sessions: let all"
            " bring the same"
        )
    names: tuple[str, ...] | None = ()
    for flow in flows:
        names = None if names is None or flow.names is None else (*names, *flow.names)
    return Flow(
        None if names is None else tuple(dict.fromkeys(names)),
        tuple(dict.fromkeys(name for flow in flows for name in flow.made)),
        next(iter(kinds), None),
        {key: labels for flow in flows for key, labels in flow.filters.items()},
    )


def named(edges: Sequence[EdgePart]) -> Iterator[tuple[int, str]]:
    """Contrasts that filters name: index of the edge, name."""
    for i, edge in enumerate(edges):
        for value in (edge.Filter or {}).get("contrast", ()):
            yield i, str(value)
