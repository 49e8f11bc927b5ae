"""The design matrix of a second level: X of a Dataset node over participants, or over their contrasts too.

Covariates lose the mean over the rows of the model, as SPM's do, so that the mean effect is that of a
participant with average covariates; what a transformation has computed is taken as it is. A column of text
stands for its groups: a column of ones for each, no common mean. A participant without a value is left out,
never filled in.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.dataset.group_columns import Column, group_columns
from bidsglm.dataset.participants import Participants
from bidsglm.dataset.tsv import number
from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, ContrastSpecification, Floats, GroupDesign, GroupModel
from bidsglm.spm.second_level import dependent
from bidsglm.statsmodel.flow import stands_for
from bidsglm.statsmodel.globs import matching
from bidsglm.statsmodel.group_contrasts import MEAN, group_contrasts
from bidsglm.statsmodel.nearest import hint

FEWEST = 2
"""Groups that can be told apart, and participants that make a group."""
LARGEST_COVARIATE = 1e12
"""Beside a mean of ones, larger values leave no digit of it."""
ROUNDING = 1e-9


class Row(NamedTuple):
    """A map that is an observation of a group's model."""

    participant: str
    """Without prefix"""
    contrast: str = ""
    """Name, where contrasts are told apart within the model"""


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
    asked: frozenset[str]
    """Names that contrasts are over"""


def group_design(
    model: GroupModel, people: Participants, rows: Sequence[Row], contrasts: Sequence[str] = ()
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
    >>> found = group_design(model, people, (Row("01"), Row("02")))
    >>> found.design.names, found.design.matrix.tolist(), [contrast.name for contrast in found.contrasts]
    (('mean', 'age'), [[1.0, -5.0], [1.0, 5.0]], ['mean', 'age'])
    """
    labels = tuple(dict.fromkeys(row.participant for row in rows))
    left_out = _left_out(model, group_columns(model, people, labels), people, labels)
    if left_out:
        labels = tuple(label for label in labels if label not in left_out)
        rows = tuple(row for row in rows if row.participant not in left_out)
    made = _Made({}, [], [], [], _asked(model))
    found = group_columns(model, people, labels)
    for name in model.x:
        if name == CONSTANT:
            made.columns[MEAN] = np.ones(len(rows))
        elif told := _contrast_columns(name, rows, contrasts):
            made.columns.update(told)
        else:
            _add(name, made, found, people, rows)
    if made.groups:
        made.columns.pop(MEAN, None)
    matrix = np.column_stack(list(made.columns.values())) if rows else np.empty((0, len(made.columns)))
    _check_mean(matrix, model, people)
    made.faults.extend(_collinear(matrix, made, people))
    design = GroupDesign(tuple(made.columns), matrix)
    over = group_contrasts(model, design.names, made.groups, people.path)
    return Designed(design, over, left_out, tuple(dict.fromkeys(made.faults)))


def _asked(model: GroupModel) -> frozenset[str]:
    named = (name for contrast in model.contrasts for name in contrast.conditions)
    return frozenset((*named, *(model.dummy_contrasts or ())))


def _contrast_columns(name: str, rows: Sequence[Row], contrasts: Sequence[str]) -> dict[str, Floats]:
    """Ones for the rows of each contrast that a name of X means; a literal name stays as X has it."""
    meant = [contrast for contrast in contrasts if stands_for(name, contrast)]
    alone = len(meant) == 1
    return {
        name if alone else one: np.array([row.contrast == one for row in rows], dtype=np.float64)
        for one in meant
    }


def _left_out(
    model: GroupModel, columns: Mapping[str, Column], people: Participants, labels: Sequence[str]
) -> dict[str, str]:
    """Participants in none of the groups of an X without a mean, or without a value after transformations."""
    used = _used(model, columns)
    left_out = {
        label: f"{name} has no value after the transformations"
        for name in used
        for label in labels
        if label not in columns[name].values
    }
    marks = {name: columns[name] for name in used if columns[name].factor}
    marks |= _implied(model, columns, people)
    if CONSTANT in model.x or not marks:
        return left_out
    factor = next(iter(marks.values())).factor
    cells = people.cells.get(factor, {})
    for label in labels:
        if label not in left_out and not any(mark.values.get(label) for mark in marks.values()):
            left_out[label] = f"{factor} is {cells.get(label, 'another')}, a group that is not in X"
    return left_out


def _used(model: GroupModel, columns: Mapping[str, Column]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for x in model.x for name in matching(x, columns)))


def _implied(model: GroupModel, columns: Mapping[str, Column], people: Participants) -> dict[str, Column]:
    """Levels that X names as column.level without a Factor instruction."""
    found: dict[str, Column] = {}
    for x in model.x:
        if not matching(x, columns):
            found |= _levels(x, columns, people)
    return found


def _levels(x: str, columns: Mapping[str, Column], people: Participants) -> dict[str, Column]:
    """Marks of the levels of a column that a name or glob of X means."""
    column = next((name for name in columns if x.startswith(f"{name}.")), "")
    if not column:
        return {}
    values = columns[column].values
    if column in people.cells:
        people.levels(column, tuple(values))
    names = [f"{column}.{level}" for level in sorted({str(value) for value in values.values()})]
    return {
        name: Column(
            {who: float(f"{column}.{value}" == name) for who, value in values.items()}, False, column
        )
        for name in matching(x, names)
    }


def _add(
    name: str, made: _Made, columns: Mapping[str, Column], people: Participants, rows: Sequence[Row]
) -> None:
    """Add what a name or glob of X means to the columns of the design."""
    found = {n: columns[n] for n in matching(name, columns)} or _levels(name, columns, people)
    if not found:
        raise _unknown(name, columns, people)
    for own, column in found.items():
        values = [column.values[row.participant] for row in rows]
        by_name = any(f"{own}.{value}" in made.asked for value in values)
        if column.is_text or by_name:
            groups = _groups(own, people, values, by_name)
            made.groups.append(tuple(groups))
            made.columns.update(groups)
            made.faults.extend(_single(groups, people, rows))
        else:
            numbers = np.array(values, dtype=np.float64)
            if np.abs(numbers).max(initial=0) > LARGEST_COVARIATE:
                raise DataError(
                    f"{people.path}: column {own!r} is up to {np.abs(numbers).max():g}, beyond all measure; "
                    "correct it, or give it in another unit"
                )
            made.columns[own] = numbers - numbers.mean() if column.as_measured and len(numbers) else numbers
            if not column.factor:
                made.covariates.append(own)
            if column.factor:
                made.faults.extend(_single({own: numbers}, people, rows))
            elif len(numbers) and np.ptp(numbers) == 0:
                made.faults.append(
                    f"{people.path}: column {own!r} is {numbers[0]:g} for all participants here: it can "
                    "explain nothing; take it out of X"
                )


def _single(groups: Mapping[str, Floats], people: Participants, rows: Sequence[Row]) -> Iterator[str]:
    """Groups of one participant."""
    for name, marks in groups.items():
        members = {row.participant for row, mark in zip(rows, marks, strict=True) if mark}
        if len(members) == 1:
            yield (
                f"{people.path}: the group {name} is one participant, sub-{members.pop()}: it has no "
                "variance of its own; the maps take that of the others"
            )


def _collinear(matrix: Floats, made: _Made, people: Participants) -> Iterator[str]:
    """Covariates that are a combination of other columns; groups beside a mean always are."""
    if not matrix.size:
        return
    names = list(made.columns)
    together = [names[i] for i in dependent(matrix) if np.any(matrix[:, i])]
    if any(name in made.covariates for name in together):
        yield (
            f"{people.path}: {', '.join(together[:-1])} and {together[-1]} depend on each other for the "
            "participants here: their effects cannot be told apart; take one out of X"
        )


def _unknown(name: str, columns: Mapping[str, Column], people: Participants) -> DataError:
    factors = {column.factor for column in columns.values()} - {""}
    names = list(columns)
    if name in factors:
        level = next(own for own, column in columns.items() if column.factor == name)
        return DataError(
            f"{people.path}: {name!r} is a factor: X must name its levels, such as {level!r}, or all by "
            f"{f'{name}.*'!r}"
        )
    owner = next((own for own in (*factors, *columns) if name.startswith(f"{own}.")), "")
    if owner:
        there = sorted({f"{owner}.{cell}" for cell in people.cells.get(owner, {}).values()}) or names
        return DataError(
            f"{people.path}: nobody has the level {name!r} of X{hint(name, there)}; there are "
            f"{', '.join(there) or 'none'}"
        )
    return DataError(
        f"{people.path}: X names {name!r}, which is no column and made by no transformation"
        f"{hint(name, names)}"
    )


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
    left = ones - matrix @ np.linalg.lstsq(matrix, ones, rcond=None)[0] if matrix.size else ones
    if len(ones) and float(np.abs(left).max()) > ROUNDING:
        raise DataError(
            f"{people.path}: the Dataset node {model.name!r} has no mean: add 1 to X, or the levels of a "
            "factor"
        )
