"""participants.tsv as the design matrix of a second level.

Covariates lose the mean over the participants in the model, as SPM's do, so that the mean effect is that of a
participant with average covariates. A column of text stands for two groups: a column of ones for each, no
common mean. A participant without a value is left out, never filled in.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.dataset.tsv import MISSING, Table, number, read_tsv
from bidsglm.errors import DataError, NoInputError
from bidsglm.model import CONSTANT, ContrastSpecification, Floats, GroupDesign, GroupModel
from bidsglm.statsmodel.globs import matching
from bidsglm.statsmodel.group_contrasts import MEAN, group_contrasts
from bidsglm.statsmodel.nearest import hint

IDENTIFIER = "participant_id"
LEVELS = 2
"""Groups that a column of text stands for without a Factor instruction."""


class Participants(NamedTuple):
    """The cells of participants.tsv that a model needs, for the participants who have them all."""

    path: Path
    cells: Mapping[str, Mapping[str, str]]
    """Column -> participant without prefix -> cell"""
    left_out: Mapping[str, str]
    """Participant -> why"""


class Covariates(NamedTuple):
    """What X means for some participants: names and columns, and which of them are groups."""

    names: tuple[str, ...]
    columns: tuple[Floats, ...]
    groups: tuple[tuple[str, ...], ...]
    """Names of the columns that a column of text became"""


def columns_needed(model: GroupModel) -> tuple[str, ...]:
    """Columns of participants.tsv that X names.

    >>> columns_needed(GroupModel(x=("constant", "age", "sex.F", "sex.M"), factors=("sex",)))
    ('age', 'sex')
    """
    found = (_column(name, model) for name in model.x if name != CONSTANT)
    return tuple(dict.fromkeys(found))


def _column(name: str, model: GroupModel) -> str:
    """Column that a name of X is about: a factor's, for one of its levels."""
    column = name.partition(".")[0]
    return column if column in model.factors else name


def read_participants(bids_dir: Path, model: GroupModel, labels: Sequence[str]) -> Participants:
    """Read what a model needs to know of some participants.

    Parameters
    ----------
    bids_dir
        The raw data set.
    model
        A Dataset node.
    labels
        Participants without prefix.

    Raises
    ------
    NoInputError
        There is no participants.tsv, but the model needs one.
    DataError
        A column is not there, or a participant stands in two lines.
    """
    needed, path = columns_needed(model), bids_dir / "participants.tsv"
    if not needed:
        return Participants(path, {}, {})
    if not path.exists():
        raise NoInputError(f"{path}: does not exist, but the model needs its column {needed[0]!r}; add it")
    table = read_tsv(path)
    rows = _rows(table)
    for name in needed:
        if name not in table.columns:
            known = hint(name, table.columns)
            raise DataError(
                f"{path}: has no column {name!r}{known}; add it, or take it out of the Dataset node's X"
            )
    left_out = {label: why for label in labels if (why := _missing(label, needed, table, rows))}
    cells = {
        name: {label: table.columns[name][rows[label]] for label in labels if label not in left_out}
        for name in needed
    }
    return Participants(path, cells, left_out)


def _rows(table: Table) -> dict[str, int]:
    """Participant without prefix -> index of its row."""
    if IDENTIFIER not in table.columns:
        known = hint(IDENTIFIER, table.columns)
        raise DataError(f"{table.path}: has no column {IDENTIFIER!r}{known}; add it")
    rows: dict[str, int] = {}
    for i, cell in enumerate(table.columns[IDENTIFIER]):
        label = cell.removeprefix("sub-")
        if label in rows:
            raise DataError(f"{table.path}: line {table.lines[i]}: sub-{label} stands there twice; keep one")
        rows[label] = i
    return rows


def _missing(label: str, needed: Sequence[str], table: Table, rows: Mapping[str, int]) -> str:
    if label not in rows:
        return f"not in {table.path.name}"
    for name in needed:
        if table.columns[name][rows[label]] in MISSING:
            return f"{table.path.name} has no {name} of sub-{label} (line {table.lines[rows[label]]})"
    return ""


def group_design(
    model: GroupModel, participants: Participants, labels: Sequence[str]
) -> tuple[GroupDesign, tuple[ContrastSpecification, ...], dict[str, str]]:
    """Design matrix and contrasts of some participants.

    Parameters
    ----------
    model
        A Dataset node.
    participants
        From `read_participants`; it has the cells of all labels.
    labels
        Participants in the order of the rows.

    Returns
    -------
    design : GroupDesign
        Over the participants who belong to one of its groups.
    contrasts : tuple of ContrastSpecification
        Over its columns.
    left_out : dict
        Participant -> why, of those whose group is not in X.

    Raises
    ------
    DataError
        A column that is neither a covariate nor two groups, a level nobody has, a model without a mean, or
        a contrast over a column that is not there.

    Examples
    --------
    >>> cells = {"age": {"01": "20", "02": "30"}}
    >>> people = Participants(Path("participants.tsv"), cells, {})
    >>> model = GroupModel(x=("constant", "age"), dummy_contrasts=())
    >>> design, contrasts, _ = group_design(model, people, ("01", "02"))
    >>> design.names, design.matrix.tolist(), [contrast.name for contrast in contrasts]
    (('mean', 'age'), [[1.0, -5.0], [1.0, 5.0]], ['mean', 'age'])
    """
    ungrouped = _ungrouped(model, participants, labels)
    kept = [label for label in labels if label not in ungrouped]
    found = _covariates(model, participants, kept)
    matrix = np.column_stack(found.columns) if kept else np.empty((0, len(found.names)))
    design = GroupDesign(found.names, matrix)
    return design, group_contrasts(model, found.names, found.groups, participants.path), ungrouped


def _ungrouped(model: GroupModel, participants: Participants, labels: Sequence[str]) -> dict[str, str]:
    """Participants in none of the groups of an X without a mean."""
    factors = [name for name in columns_needed(model) if name in model.factors]
    if CONSTANT in model.x or not factors:
        return {}
    members = {
        label
        for factor in factors
        for label in labels
        if matching_levels(model, factor, (participants.cells[factor][label],))
    }
    cells = participants.cells[factors[0]]
    return {
        label: f"{factors[0]} is {cells[label]}, a group that is not in X"
        for label in labels
        if label not in members
    }


def matching_levels(model: GroupModel, factor: str, levels: Sequence[str]) -> tuple[str, ...]:
    """Columns of a factor that X names, literally or by a glob.

    >>> matching_levels(GroupModel(x=("sex.*",), factors=("sex",)), "sex", ("F", "M"))
    ('sex.F', 'sex.M')
    """
    names = [f"{factor}.{level}" for level in levels]
    return tuple(dict.fromkeys(name for x in model.x for name in matching(x, names)))


def _covariates(model: GroupModel, participants: Participants, labels: Sequence[str]) -> Covariates:
    columns: dict[str, Floats] = {}
    groups: list[tuple[str, ...]] = []
    for name in model.x:
        column = _column(name, model)
        cells = {} if name == CONSTANT else participants.cells[column]
        values = [cells[label] for label in labels] if cells else []
        if name == CONSTANT:
            columns[MEAN] = np.ones(len(labels))
        elif column in model.factors:
            columns |= _indicators(name, column, model, participants, values)
        elif all(np.isfinite(number(value)) for value in values):
            columns[name] = _centred(values, name in model.scaled)
        else:
            made = _two_groups(name, participants.path, values)
            groups.append(tuple(made))
            columns |= made
    if groups:
        columns.pop(MEAN, None)
    _check_mean(columns, groups, model, participants.path)
    return Covariates(tuple(columns), tuple(columns.values()), tuple(groups))


def _centred(values: Sequence[str], scale: bool) -> Floats:
    column = np.array([float(value) for value in values])
    column = column - column.mean() if len(column) else column
    spread = column.std(ddof=1) if len(column) > 1 else 0.0
    return column / spread if scale and spread > 0 else column


def _indicators(
    name: str, column: str, model: GroupModel, participants: Participants, values: Sequence[str]
) -> dict[str, Floats]:
    """Ones for the participants of each level that a name of X means."""
    levels = sorted(set(participants.cells[column].values()))
    if name == column:
        raise DataError(
            f"{participants.path}: {column!r} is a factor: X must name its levels, such as "
            f"{f'{column}.{levels[0]}'!r}"
            if levels
            else f"{participants.path}: nobody has a value of {column!r}"
        )
    names = [f"{column}.{level}" for level in levels]
    meant = matching(name, names)
    if not meant:
        raise DataError(
            f"{participants.path}: nobody has the level {name!r} of X{hint(name, names)}; "
            f"there are {', '.join(names) or 'none'}"
        )
    return {level: np.array([f"{column}.{value}" == level for value in values], float) for level in meant}


def _two_groups(name: str, path: Path, values: Sequence[str]) -> dict[str, Floats]:
    """Ones for the participants of each of two groups."""
    levels = sorted(set(values))
    if len(levels) != LEVELS:
        shown = ", ".join(levels[:6]) + (", ..." if len(levels) > 6 else "")
        word = next(value for value in values if not np.isfinite(number(value)))
        raise DataError(
            f"{path}: column {name!r} is neither a covariate ({word!r} is no number) nor two groups "
            f"({len(levels)} value{'s' * (len(levels) != 1)}: {shown}); correct it, or name the groups by a "
            f'Factor instruction and X ["{name}.{levels[0]}", ...]'
        )
    return {f"{name}.{level}": np.array([value == level for value in values], float) for level in levels}


def _check_mean(
    columns: Mapping[str, Floats], groups: Sequence[tuple[str, ...]], model: GroupModel, path: Path
) -> None:
    indicators = [name for name in columns if name.partition(".")[0] in model.factors]
    if MEAN not in columns and not groups and not indicators:
        raise DataError(
            f"{path}: the Dataset node {model.name!r} has no mean: add 1 to X, or the levels of a factor"
        )
