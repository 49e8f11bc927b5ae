"""The design matrix of a second level: X of a Dataset node over participants, or over their contrasts too.

Covariates lose the mean over the rows of the model, as SPM's do, so that the mean effect is that of a
participant with average covariates; what a transformation has computed is taken as it is. A column of text
stands for its groups: a column of ones for each, no common mean. A participant without a value is left out,
never filled in.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.data import GroupDesign
from bidsglm.dataset.group_columns import PeopleColumn, Value, group_columns
from bidsglm.dataset.group_faults import (
    alone,
    collinear,
    constant_column,
    groups_of_one,
    uncrossed,
    unknown,
)
from bidsglm.dataset.group_rows import DesignRow, GroupObservations, observations
from bidsglm.dataset.group_variances import variance_model
from bidsglm.dataset.participants import Participants, is_row_variable
from bidsglm.dataset.tsv import number
from bidsglm.design_space import unexplained
from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, ContrastSpecification, Floats, GroupModel
from bidsglm.spm.contrasts import placed
from bidsglm.spm.second_level import is_estimable
from bidsglm.statsmodel.flow import stands_for
from bidsglm.statsmodel.globs import matching
from bidsglm.statsmodel.group_contrasts import MEAN, group_contrasts

FEWEST = 2
"""Groups that can be told apart, and participants that make a group."""
LARGEST_COVARIATE = 1e12
"""Beside a mean of ones, larger values leave no digit of it."""
ROUNDING = 1e-9


class Designed(NamedTuple):
    """A group's design, its contrasts, and what is wrong with it without hindering all of it."""

    design: GroupDesign
    contrasts: tuple[ContrastSpecification, ...]
    left_out: Mapping[str, str]
    """Participant -> why"""
    faults: tuple[str, ...]
    """Covariates that do not vary, groups of one"""


class _Made(NamedTuple):
    """Columns of a design, and which of them are groups of one column of text."""

    columns: dict[str, Floats]
    groups: list[tuple[str, ...]]
    faults: list[str]
    covariates: list[str]
    """Columns that are neither means nor groups"""
    marks: dict[str, str]
    """Columns that mark participants of a group, each with the column of the table that has the groups"""
    asked: frozenset[str]
    """Names that contrasts are over"""


def group_design(
    model: GroupModel, people: Participants, rows: Sequence[DesignRow], contrasts: Sequence[str] = ()
) -> Designed:
    """Design matrix and contrasts of some observations.

    Parameters
    ----------
    model
        A Dataset node.
    people
        From `read_participants`; it has the cells of all participants of the rows.
    rows
        Observations in order.
    contrasts
        Names of the participants' contrasts that X may name, where the rows tell them apart.

    Returns
    -------
    Designed
        Over the rows of those who belong to one of its groups.

    Raises
    ------
    DataError
        A column that is neither a covariate nor groups, a level nobody has, a model without a mean, or a
        contrast over a column that is not there.

    Examples
    --------
    >>> from pathlib import Path
    >>> cells = {"age": {"01": "20", "02": "30"}}
    >>> people = Participants(Path("participants.tsv"), cells, {})
    >>> model = GroupModel(x=("constant", "age"), dummy_contrasts=())
    >>> found = group_design(model, people, (DesignRow("01"), DesignRow("02")))
    >>> found.design.names, found.design.matrix.tolist(), [contrast.name for contrast in found.contrasts]
    (('mean', 'age'), [[1.0, -5.0], [1.0, 5.0]], ['mean', 'age'])
    """
    seen = observations(model, people, rows)
    left_out = _left_out(model, seen)
    seen = seen.without(left_out)
    made = _Made({}, [], [], [], {}, _asked(model))
    found = group_columns(model, seen.people, seen.labels)
    for name in model.x:
        if name == CONSTANT:
            made.columns[MEAN] = np.ones(len(seen.rows))
        elif told := _contrast_columns(name, seen.rows, contrasts):
            made.columns.update(told)
        else:
            _add(name, made, found, seen)
    if made.groups:
        made.columns.pop(MEAN, None)
    n_rows = len(seen.rows)
    matrix = np.column_stack(list(made.columns.values())) if n_rows else np.empty((0, len(made.columns)))
    _check_mean(matrix, model, people)
    names = tuple(made.columns)
    made.faults.extend(collinear(names, matrix, made.covariates, people))
    if not made.faults:
        made.faults.extend(alone(names, matrix, seen.rows, people))
    marks = {name: made.columns[name] for name in made.marks}
    design = GroupDesign(names, matrix, variance_model(model.variance, marks, seen.rows))
    over = group_contrasts(model, names, made.groups, people.path)
    if any(len(each.conditions) > 1 and not _is_told(each, design) for each in over):
        made.faults.extend(uncrossed(made.marks, made.columns, people))
    return Designed(design, over, left_out, tuple(dict.fromkeys(made.faults)))


def _is_told(contrast: ContrastSpecification, design: GroupDesign) -> bool:
    """Whether a design can estimate a contrast."""
    weights = placed(contrast.weights, contrast.conditions, design.names)
    return not design.matrix.size or is_estimable(design.matrix, weights)


def _asked(model: GroupModel) -> frozenset[str]:
    named = (name for contrast in model.contrasts for name in contrast.conditions)
    return frozenset((*named, *(model.dummy_contrasts or ())))


def _contrast_columns(name: str, rows: Sequence[DesignRow], contrasts: Sequence[str]) -> dict[str, Floats]:
    """Ones for the rows of each contrast that a name of X means; a literal name stays as X has it."""
    meant = [contrast for contrast in contrasts if stands_for(name, contrast)]
    alone = len(meant) == 1
    return {
        name if alone else one: np.array([row.contrast == one for row in rows], dtype=np.float64)
        for one in meant
    }


def _left_out(model: GroupModel, seen: GroupObservations) -> dict[str, str]:
    """Participants in none of the groups of an X without a mean, or without a value after transformations."""
    columns = group_columns(model, seen.people, seen.labels)
    used = _used(model, columns)
    left_out = {
        seen.participant(key): f"{name} has no value after the transformations"
        for name in used
        for key in seen.labels
        if key not in columns[name].values
    }
    marks = {name: columns[name] for name in used if columns[name].factor}
    marks |= _implied(model, columns, seen.people)
    if CONSTANT in model.x or not marks:
        return left_out
    factor = next(iter(marks.values())).factor
    cells = seen.people.cells.get(factor, {})
    for key in seen.labels:
        who = seen.participant(key)
        if who not in left_out and not any(mark.values.get(key) for mark in marks.values()):
            left_out[who] = f"{factor} is {cells.get(key, 'another')}, a group that is not in X"
    return left_out


def _used(model: GroupModel, columns: Mapping[str, PeopleColumn]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for x in model.x for name in matching(x, columns)))


def _implied(
    model: GroupModel, columns: Mapping[str, PeopleColumn], people: Participants
) -> dict[str, PeopleColumn]:
    """Levels that X names as column.level without a Factor instruction."""
    found: dict[str, PeopleColumn] = {}
    for x in model.x:
        if not matching(x, columns):
            found |= _levels(x, columns, people)
    return found


def _levels(x: str, columns: Mapping[str, PeopleColumn], people: Participants) -> dict[str, PeopleColumn]:
    """Marks of the levels of a column that a name or glob of X means."""
    column = next((name for name in columns if x.startswith(f"{name}.")), "")
    if not column:
        return {}
    values = columns[column].values
    if column in people.cells:
        people.levels(column, tuple(values))
    names = [f"{column}.{level}" for level in sorted({str(value) for value in values.values()})]
    return {
        name: PeopleColumn(
            {who: float(f"{column}.{value}" == name) for who, value in values.items()}, False, column
        )
        for name in matching(x, names)
    }


def _add(name: str, made: _Made, columns: Mapping[str, PeopleColumn], seen: GroupObservations) -> None:
    """Add what a name or glob of X means to the columns of the design."""
    found = {n: columns[n] for n in matching(name, columns)} or _levels(name, columns, seen.people)
    if not found:
        raise unknown(name, columns, seen.people)
    for own, column in found.items():
        values: Sequence[Value] = [column.values[key] for key in seen.keys]
        # contrasts over its levels make groups of a column of numbers too
        named = any(asked.startswith(f"{own}.") and asked not in columns for asked in made.asked)
        by_name = is_row_variable(own) or named
        if by_name:
            values = _as_written(own, values, seen)
        if column.factor:
            _add_marks({own: np.array(values, dtype=np.float64)}, made, column.factor, seen)
        elif column.is_text or by_name:
            groups = _groups(own, seen.people, values, by_name)
            made.groups.append(tuple(groups))
            _add_marks(groups, made, own, seen)
        else:
            made.columns[own] = _covariate(own, column, np.array(values, dtype=np.float64), seen.people)
            made.covariates.append(own)
            made.faults.extend(constant_column(own, np.array(values, dtype=np.float64), seen.people))


def _as_written(name: str, values: Sequence[Value], seen: GroupObservations) -> Sequence[Value]:
    """Numbers as the table writes them, where no transformation has changed them."""
    cells = seen.people.cells.get(name, {})
    written = [cells.get(key, "") for key in seen.keys]
    is_same = all(number(cell) == value for cell, value in zip(written, values, strict=True))
    return written if is_same else values


def _add_marks(marks: Mapping[str, Floats], made: _Made, factor: str, seen: GroupObservations) -> None:
    """Add columns of ones for the participants of groups."""
    made.columns.update(marks)
    if is_row_variable(factor):
        return
    made.marks.update(dict.fromkeys(marks, factor))
    made.faults.extend(groups_of_one(marks, seen))
    if factor in seen.people.cells:
        made.faults.extend(seen.people.slips(factor, seen.labels))


def _covariate(name: str, column: PeopleColumn, numbers: Floats, people: Participants) -> Floats:
    """Its values, less their mean where a transformation has not made them."""
    if np.abs(numbers).max(initial=0) > LARGEST_COVARIATE:
        raise DataError(
            f"{people.path}: column {name!r} is up to {np.abs(numbers).max():g}, implausibly large; "
            "correct it, or give it in another unit"
        )
    if not len(numbers):
        return numbers
    # a column that is the same for all would take the place of the mean
    return numbers - numbers.mean() if column.as_measured or not np.ptp(numbers) else numbers


def _groups(name: str, people: Participants, values: Sequence[object], by_name: bool) -> dict[str, Floats]:
    """Ones for the participants of each group that a column of text tells apart.

    So does a column of numbers, where a contrast is over one of them by name.
    """
    texts = [str(value) for value in values]
    if name in people.cells:
        people.levels(name, tuple(people.cells[name]))
    levels = sorted(set(texts))
    has_numbers = any(np.isfinite(number(text)) for text in texts)
    no_groups = has_numbers or len(levels) == len(texts) > FEWEST
    if len(levels) < FEWEST or (no_groups and not by_name):
        shown = ", ".join(levels[:6]) + (", ..." if len(levels) > 6 else "")
        word = next((text for text in texts if not np.isfinite(number(text))), "text")
        raise DataError(
            f"{people.path}: column {name!r} is neither a covariate ({word!r} is no number) nor groups "
            f"({len(levels)} value{'s' * (len(levels) != 1)}: {shown}); correct it, or take it out of X"
        )
    return {f"{name}.{level}": np.array([text == level for text in texts], float) for level in levels}


def _check_mean(matrix: Floats, model: GroupModel, people: Participants) -> None:
    """Check that a common mean is in the model, by itself or as the sum of groups."""
    ones = np.ones(len(matrix))
    left = unexplained(ones, matrix) if matrix.size else ones
    if len(ones) and float(np.abs(left).max()) > ROUNDING:
        raise DataError(
            f"{people.path}: the Dataset node {model.name!r} has no mean: add 1 to X, or the levels of a "
            "factor"
        )
