"""Session and Subject nodes: means over runs, and contrasts over the contrasts of the runs.

A node with ``X: [1]`` averages each contrast that reaches it. Weights over contrasts are written in a node
that does not group by contrast and whose X names them, or, as bidspm's models do, as ConditionList beside
``X: [1]``. Either way they are weights of one contrast over the regressors of the runs: no estimate is
fitted again.
"""

from typing import NamedTuple

from bidsglm.model import CONSTANT, CombinedContrast, ContrastSpecification
from bidsglm.statsmodel.contrasts import parsed_contrasts
from bidsglm.statsmodel.flow import Flow, chosen, is_among
from bidsglm.statsmodel.globs import is_glob
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import NodePart, Part


class NodeOutcome(NamedTuple):
    """What a Session or Subject node does with what reaches it."""

    flow: Flow
    contrasts: tuple[CombinedContrast, ...]
    named: tuple[tuple[str, str], ...]
    """Place and name of contrasts in X"""
    is_single: bool
    """Whether only one contrast may reach it"""


def has_content(part: Part | None) -> bool:
    """Whether a part of a node says anything but its description."""
    return part is not None and bool(part.model_fields_set - {"Description"})


def check_upper(node: NodePart, place: Place) -> None:
    """Check that a node between the runs and the data set asks for nothing but means and contrasts.

    Raises
    ------
    DataError
        Transformations, a formula or an HRF.
    """
    model = place.at("Model")
    if node.Transformations is not None and node.Transformations.Instructions:
        raise place.at("Transformations").fault(
            f"not supported at the {node.Level} level: its only variables are the contrasts of the runs"
        )
    if node.Model.Formula is not None:
        raise model.at("Formula").fault("not supported: a mean is X: [1]")
    if has_content(node.Model.HRF):
        raise model.at("HRF").fault(f"has no meaning at the {node.Level} level: move it to the Run node")
    dummies = node.DummyContrasts
    if dummies is not None and dummies.Test == "F":
        raise place.at("DummyContrasts", "Test").fault('an F test of a mean is not supported: use "t"')


def outcome(node: NodePart, flow: Flow, place: Place) -> NodeOutcome:
    """What leaves a Session or Subject node, and what it makes.

    Raises
    ------
    DataError
        An X that is neither a mean nor contrasts, or a contrast over what X has not.
    """
    apart = True if node.Level == "Session" else "session" in node.GroupBy
    flow = flow._replace(apart=apart)
    made = parsed_contrasts(node.Contrasts or (), place.at("Contrasts"))
    means = node.Model.X == [CONSTANT]
    named = () if means else _named(node, flow, place)
    _check_conditions(node, made, place)
    each = "contrast" in node.GroupBy
    reached = None if flow.names is None else (*flow.names, *flow.made)
    combined = tuple(
        CombinedContrast(contrast, reached, place.at("Contrasts", i).where, each)
        for i, contrast in enumerate(made)
    )
    leaving = (
        _passed(node, flow, place) if node.DummyContrasts or not made else flow._replace(names=(), made=())
    )
    names = tuple(name for contrast in made for name in _names(contrast, each))
    leaving = leaving._replace(made=(*leaving.made, *names))
    return NodeOutcome(leaving, combined, named, means and not each)


def _names(contrast: ContrastSpecification, each: bool) -> tuple[str, ...]:
    """Name that a contrast gets; a glob where it is made of each contrast that reaches the node."""
    return (f"*: {contrast.name}",) if each and contrast.conditions == (CONSTANT,) else (contrast.name,)


def _named(node: NodePart, flow: Flow, place: Place) -> tuple[tuple[str, str], ...]:
    """Contrasts that X names, checked as far as they are known before the design is."""
    here = place.at("Model", "X")
    if "contrast" in node.GroupBy or CONSTANT in node.Model.X:
        raise here.fault(
            f"a {node.Level} node is a mean here, X: [1], or, without 'contrast' in its GroupBy, weighs "
            f"contrasts of the runs, which X then names; it cannot have {', '.join(map(repr, node.Model.X))}"
        )
    chosen(flow, node.Model.X, here)
    return tuple((here.at(i).where, name) for i, name in enumerate(node.Model.X) if not is_glob(name))


def _check_conditions(node: NodePart, made: tuple[ContrastSpecification, ...], place: Place) -> None:
    """Check that contrasts are over X; beside X: [1] the names of contrasts are understood too."""
    means = node.Model.X == [CONSTANT]
    for i, contrast in enumerate(made):
        here = place.at("Contrasts", i)
        if contrast.test == "F" and CONSTANT in contrast.conditions:
            raise here.at("Test").fault('an F test of a mean is not supported: use "t"')
        if CONSTANT in contrast.conditions and (not means or len(contrast.conditions) > 1):
            raise here.at("ConditionList").fault("1 is the mean of a node with X: [1], and stands alone")
        for name in () if means else contrast.conditions:
            if not is_among(name, node.Model.X):
                raise here.at("ConditionList").fault(f"X has no {name!r}{hint(name, node.Model.X)}")


def _passed(node: NodePart, flow: Flow, place: Place) -> Flow:
    """Contrasts that leave a node as they came."""
    wanted = node.DummyContrasts.Contrasts if node.DummyContrasts is not None else None
    if node.Model.X == [CONSTANT]:
        if wanted not in (None, [CONSTANT]):
            raise place.at("DummyContrasts", "Contrasts").fault(
                f"only [1] beside X: [1], which passes on every contrast that reaches the {node.Level} node; "
                "choose among them by the Filter of an edge"
            )
        return flow
    for name in wanted or ():
        if not is_among(name, node.Model.X):
            raise place.at("DummyContrasts", "Contrasts").fault(
                f"X has no {name!r}{hint(name, node.Model.X)}"
            )
    return chosen(flow, wanted or node.Model.X, place.at("Model", "X"))
