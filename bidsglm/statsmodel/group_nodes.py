"""Dataset nodes of a model: what they group by, X over participants.tsv, and contrasts over participants."""

from collections.abc import Sequence

from bidsglm.model import ContrastSpecification, GroupModel
from bidsglm.statsmodel.contrasts import check_dummy_test, parsed_contrasts
from bidsglm.statsmodel.entities import ENTITIES
from bidsglm.statsmodel.flow import Flow
from bidsglm.statsmodel.globs import is_glob, matches
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place, check_distinct
from bidsglm.statsmodel.schema import NodePart
from bidsglm.statsmodel.transformations import Instruction, checked_instruction
from bidsglm.statsmodel.upper_nodes import has_content

OF_TIME = ("Convolve", "Lag", "Resample", "ToDense")
"""Instructions for what has a time course; participants have none."""


def group_model(node: NodePart, place: Place, flow: Flow) -> GroupModel:
    """A Dataset node, and what reaches it, as a model of the participants' effects.

    Raises
    ------
    DataError
        A node that asks for what is not done at this level, or whose contrasts are not over its X.
    """
    _check_supported(node, place)
    instructions = _instructions(node, place)
    x = tuple(node.Model.X)
    columns = (*x, *(name for found in instructions for name in _outputs(found)))
    contrasts = parsed_contrasts(node.Contrasts or (), place.at("Contrasts"))
    _check_contrasts(contrasts, columns, place.at("Contrasts"))
    dummies = _dummies(node, columns, place.at("DummyContrasts"))
    if dummies is None and not contrasts:
        dummies = ()
    return GroupModel(
        node.Name,
        x,
        tuple(found.content for found in instructions),
        contrasts,
        dummies,
        first_level=flow.names,
        made=flow.made,
        columns=tuple(name for name in node.GroupBy if name not in (*ENTITIES, "contrast")),
        by_session="session" in node.GroupBy,
        by_contrast="contrast" in node.GroupBy,
        sessions_apart=flow.apart,
        filters=flow.filters,
        levels=flow.levels,
    )


def _check_supported(node: NodePart, place: Place) -> None:
    model = place.at("Model")
    if node.Model.Formula is not None:
        raise model.at("Formula").fault(
            "not supported: list the columns of participants.tsv in X, and make interactions by Product"
        )
    if has_content(node.Model.HRF):
        raise model.at("HRF").fault("has no meaning at the Dataset level: move it to the Run node")
    if not node.Model.X:
        raise model.at("X").fault("is empty: [1] is the mean over participants")
    check_distinct(node.Model.X, model.at("X"))


def _instructions(node: NodePart, place: Place) -> list[Instruction]:
    given = node.Transformations.Instructions if node.Transformations is not None else []
    checked = []
    for i, content in enumerate(given):
        instruction = checked_instruction(content, place.at("Transformations", "Instructions", i))
        if instruction.name in OF_TIME:
            raise instruction.place.fault(
                f"{instruction.name} has no meaning at the Dataset level: participants have no time course"
            )
        checked.append(instruction)
    return checked


def _outputs(instruction: Instruction) -> tuple[str, ...]:
    """Columns that an instruction may leave behind under a name that X need not have."""
    return instruction.inputs if instruction.name == "Factor" else ()


def _check_contrasts(
    contrasts: Sequence[ContrastSpecification], columns: Sequence[str], place: Place
) -> None:
    for i, contrast in enumerate(contrasts):
        for name in contrast.conditions:
            _check_known(name, columns, place.at(i, "ConditionList"))


def _check_known(name: str, columns: Sequence[str], place: Place) -> None:
    """Check that X has a column, or may have it once the levels of a factor are known."""
    factor = any(name.startswith(f"{column}.") for column in columns)
    if name not in columns and not factor and not matches(name, columns):
        raise place.fault(f"X has no {name!r}{hint(name, columns)}")


def _dummies(node: NodePart, columns: Sequence[str], place: Place) -> tuple[str, ...] | None:
    """Names of DummyContrasts; an empty tuple for all of X, None without DummyContrasts."""
    dummies = node.DummyContrasts
    if dummies is None:
        return None
    check_dummy_test(dummies, place)
    for name in dummies.Contrasts or ():
        if not is_glob(name):
            _check_known(name, columns, place.at("Contrasts"))
    return tuple(dummies.Contrasts or ())
