"""Dataset nodes of a model: X over participants.tsv, its factors, and the contrasts over the participants."""

from collections.abc import Iterable, Sequence

from bidsglm.model import CONSTANT, ContrastSpecification, GroupModel
from bidsglm.statsmodel.contrasts import parsed_contrasts
from bidsglm.statsmodel.globs import is_glob, matching
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import Document, EdgePart, NodePart, Part
from bidsglm.statsmodel.transformations import Instruction, checked_instruction

CARRIED_OUT = ("Factor", "Demean", "Scale")
"""Instructions at the Dataset level; covariates are centred anyway."""
PLAIN = {"constraint": "none", "sep": ".", "demean": True, "rescale": True}
"""Arguments that may be given, because they say what is done anyway."""


def group_models(document: Document, top: Place) -> tuple[GroupModel, ...]:
    """Dataset nodes of a model in their order; none where there are none.

    Raises
    ------
    DataError
        A node that asks for what is not done at this level, or whose contrasts are not over its X.
    """
    numbered = enumerate(document.Nodes)
    return tuple(
        _group_model(node, top.at("Nodes", i), document.Edges or (), top)
        for i, node in numbered
        if node.Level == "Dataset"
    )


def has_content(part: Part | None) -> bool:
    """Whether a part of a node says anything but its description."""
    return part is not None and bool(part.model_fields_set - {"Description"})


def _group_model(node: NodePart, place: Place, edges: Iterable[EdgePart], top: Place) -> GroupModel:
    _check_supported(node, place)
    factors, scaled = _transformed(node, place)
    x = tuple(node.Model.X)
    contrasts = parsed_contrasts(node.Contrasts or (), place.at("Contrasts"))
    _check_contrasts(contrasts, x, factors, place.at("Contrasts"))
    dummies = _dummies(node, x, factors, place.at("DummyContrasts"))
    if dummies is None and not contrasts:
        dummies = ()
    filtered = _filtered(node, edges, top)
    return GroupModel(node.Name, x, factors, scaled, contrasts, dummies, filtered)


def _check_supported(node: NodePart, place: Place) -> None:
    model = place.at("Model")
    if node.Model.Formula is not None:
        raise model.at("Formula").fault("not supported: list the columns of participants.tsv in X")
    for key in ("HRF", "Options", "Software"):
        if has_content(getattr(node.Model, key)):
            raise model.at(key).fault("has no meaning at the Dataset level: move it to the Run node")
    if not node.Model.X:
        raise model.at("X").fault("is empty: [1] is the mean over participants")
    for i, name in enumerate(node.Model.X):
        if name in node.Model.X[:i]:
            raise model.at("X", i).fault(f"{name!r} is listed twice")


def _transformed(node: NodePart, place: Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that Factor and Scale name."""
    factors: list[str] = []
    scaled: list[str] = []
    given = node.Transformations.Instructions if node.Transformations is not None else []
    for i, content in enumerate(given):
        instruction = checked_instruction(content, place.at("Transformations", "Instructions", i))
        _check_plain(instruction)
        if instruction.name == "Factor":
            factors += instruction.inputs
        elif instruction.name == "Scale":
            scaled += instruction.inputs
    return tuple(factors), tuple(scaled)


def _check_plain(instruction: Instruction) -> None:
    if instruction.name not in CARRIED_OUT:
        raise instruction.place.fault(
            f"{instruction.name} is not supported at the Dataset level, only {', '.join(CARRIED_OUT)}"
        )
    for key, value in instruction.arguments.items():
        if key not in ("name", "input") and value != PLAIN.get(key):
            raise instruction.place.fault(
                f"{key!r} of {instruction.name} is not supported at the Dataset level: leave it out"
            )


def _check_contrasts(
    contrasts: Sequence[ContrastSpecification], x: Sequence[str], factors: Sequence[str], place: Place
) -> None:
    for i, contrast in enumerate(contrasts):
        if contrast.test == "F":
            raise place.at(i, "Test").fault('only "t" at the Dataset level')
        for name in contrast.conditions:
            _check_known(name, x, factors, place.at(i, "ConditionList"))


def _check_known(name: str, x: Sequence[str], factors: Sequence[str], place: Place) -> None:
    """Check that X has a column, or may have it once the levels of a factor are known."""
    column = name.partition(".")[0]
    if name not in x and column not in (*x, *factors) and not any(matching(g, [name]) for g in x):
        raise place.fault(f"X has no {name!r}{hint(name, x)}")


def _dummies(
    node: NodePart, x: Sequence[str], factors: Sequence[str], place: Place
) -> tuple[str, ...] | None:
    """Names of DummyContrasts; an empty tuple for all of X, None without DummyContrasts."""
    dummies = node.DummyContrasts
    if dummies is None:
        return None
    if dummies.Test == "F":
        raise place.at("Test").fault('an F test over participants is not supported: use "t"')
    for name in dummies.Contrasts or ():
        if not is_glob(name):
            _check_known(name, x, factors, place.at("Contrasts"))
    return tuple(dummies.Contrasts or ())


def _filtered(node: NodePart, edges: Iterable[EdgePart], top: Place) -> tuple[str, ...]:
    """Contrasts that the filters of the edges to a node let through."""
    kept: list[str] = []
    for i, edge in enumerate(edges):
        if edge.Destination != node.Name or not edge.Filter:
            continue
        place = top.at("Edges", i, "Filter")
        for key, values in edge.Filter.items():
            if key != "contrast":
                raise place.at(key).fault(
                    "only 'contrast' can be filtered here; take participants with --participant-label"
                )
            kept += [CONSTANT if value == 1 else str(value) for value in values]
    return tuple(kept)
