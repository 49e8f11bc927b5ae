"""Columns of participants.tsv after the transformations of a Dataset node, which pybids carries out."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bidsglm.dataset.participants import Participants, is_row_variable
from bidsglm.dataset.tsv import number
from bidsglm.dataset.variables import by_pybids, in_brief
from bidsglm.errors import DataError
from bidsglm.model import GroupModel
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.transformations import named_inputs

AS_MEASURED = frozenset(
    {"Copy", "Rename", "Replace", "Select", "Delete", "DropNA", "Filter", "Group", "Assign"}
)
"""Instructions after which a covariate still is what it was, and is centred like one of the table."""
Value = str | int | float


class PeopleColumn(NamedTuple):
    """A variable over participants."""

    values: Mapping[str, Value]
    """Participant -> value; those without are not in it"""
    as_measured: bool = True
    """Whether it is as in the table, but for its name or single values"""
    factor: str = ""
    """Column of which it marks one level"""

    @property
    def is_text(self) -> bool:
        """Whether it has values that are no numbers."""
        return any(isinstance(value, str) for value in self.values.values())


def group_columns(model: GroupModel, people: Participants, labels: Sequence[str]) -> dict[str, PeopleColumn]:
    """Columns of participants.tsv and of a Dataset node's instructions, over some participants, by name.

    Raises
    ------
    DataError
        An instruction that cannot be applied, or a group spelt in two ways.

    Examples
    --------
    >>> from pathlib import Path
    >>> people = Participants(Path("participants.tsv"), {"sex": {"01": "F", "02": "M"}}, {})
    >>> factor = {"Name": "Factor", "Input": ["sex"]}
    >>> found = group_columns(GroupModel(instructions=(factor,)), people, ("01", "02"))
    >>> found["sex.M"].values, found["sex.M"].factor
    ({'01': 0.0, '02': 1.0}, 'sex')
    """
    columns = {
        name: PeopleColumn({k: cells[k] for k in labels} if is_row_variable(name) else _typed(cells, labels))
        for name, cells in people.cells.items()
    }
    if not model.instructions or not labels:
        return columns
    for instruction in model.instructions:
        columns = _applied(instruction, columns, people, labels)
    return columns


def _typed(cells: Mapping[str, str], labels: Sequence[str]) -> dict[str, Value]:
    """Cells as whole numbers where all cells of the column are, else as numbers, else as text.

    >>> _typed({"01": "1", "02": "2"}, ("01",)), _typed({"01": "1", "02": "2.5"}, ("01",))
    ({'01': 1}, {'01': 1.0})
    """
    kind: Callable[[str], Value] = str
    if all(cell.lstrip("+-").isdecimal() for cell in cells.values()):
        kind = int
    elif all(np.isfinite(number(cell)) for cell in cells.values()):
        kind = float
    return {label: kind(cells[label]) for label in labels}


def _applied(
    instruction: Mapping[str, object],
    columns: Mapping[str, PeopleColumn],
    people: Participants,
    labels: Sequence[str],
) -> dict[str, PeopleColumn]:
    """Columns after one instruction."""
    names = named_inputs(instruction)
    factored = instruction.get("Name") == "Factor"
    for name in names if factored else ():
        if name in people.cells:
            people.levels(name, labels)
    after = _transformed(instruction, columns, people)
    used = [columns[name] for name in names if name in columns]
    measured = instruction.get("Name") in AS_MEASURED and all(column.as_measured for column in used)
    # the product of marks marks those who are in both groups
    marked = used[0].factor if instruction.get("Name") == "Product" and _all_marks(used) else ""
    made = {}
    for name, values in after.items():
        before = columns.get(name)
        if before is not None and before.values == values:
            made[name] = before
        else:
            factor = next((n for n in names if factored and name.startswith(n)), marked)
            made[name] = PeopleColumn(values, measured, factor)
    return made


def _all_marks(columns: Sequence[PeopleColumn]) -> bool:
    return bool(columns) and all(column.factor for column in columns)


def _transformed(
    instruction: Mapping[str, object], columns: Mapping[str, PeopleColumn], people: Participants
) -> dict[str, dict[str, Value]]:
    """Values of all columns after pybids has carried out one instruction."""
    from bids.variables import BIDSVariableCollection

    collection = BIDSVariableCollection([_variable(name, column) for name, column in columns.items()])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            by_pybids(collection, instruction)
    except Exception as error:
        said = " ".join(str(error).split())
        unknown = [name for name in named_inputs(instruction) if name not in columns]
        near = hint(unknown[0], columns) if unknown else ""
        raise DataError(
            f"{people.path}: the transformation {in_brief(instruction)} cannot be applied: "
            f"{f'there is no {unknown[0]!r}{near}' if unknown else said}"
        ) from error
    return {name: _values(variable) for name, variable in collection.variables.items()}


def _variable(name: str, column: PeopleColumn) -> Any:
    import pandas as pd
    from bids.variables import SimpleVariable

    frame = pd.DataFrame({"amplitude": list(column.values.values()), "subject": list(column.values)})
    return SimpleVariable(name, frame, "participants")


def _values(variable: Any) -> dict[str, Value]:
    """Values by participant, without those that are missing."""
    frame = variable.to_df()
    found: dict[str, Value] = {}
    for label, value in zip(frame["subject"], frame["amplitude"], strict=True):
        plain = value.item() if hasattr(value, "item") else value
        if isinstance(plain, bool):
            plain = float(plain)
        if isinstance(plain, str) or np.isfinite(plain):
            found[str(label)] = plain
    return found
