"""participants.tsv as far as a group's model needs it; a missing value leaves its participant out by name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from bidsglm.dataset.collection import texts
from bidsglm.dataset.spelling import Alike, alike
from bidsglm.dataset.tsv import MISSING, Table, number, read_tsv
from bidsglm.errors import BidsglmError, DataError, NoInputError
from bidsglm.model import CONSTANT, GroupModel
from bidsglm.sentences import listing
from bidsglm.statsmodel.globs import is_glob, matching
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.transformations import named_inputs

IDENTIFIER = "participant_id"
ROW_VARIABLES = (IDENTIFIER, "session", "contrast")
"""What tells a model's maps apart: whose each is, of which session, of which of the contrasts."""


CODES = frozenset(sign * code for code in (9, 88, 99, 777, 888, 999, 9999, 99999) for sign in (1, -1)) | {-1}
"""Numbers that people write for a missing value."""
FEWEST_OTHERS = 3
"""Different values that say what is usual in a column."""


class Participants(NamedTuple):
    """The cells of participants.tsv that a model needs, for the participants who have them all."""

    path: Path
    cells: Mapping[str, Mapping[str, str]]
    """Column -> participant without prefix -> cell"""
    left_out: Mapping[str, str]
    """Participant -> why"""
    lines: Mapping[str, int] = {}
    """Participant -> line of the file"""

    def levels(self, column: str, labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Values of a column, sorted, each with the participants who have it.

        Raises
        ------
        DataError
            When one value is written in two ways.
        """
        cells = self.cells[column]
        for pair in self._alike(column, labels):
            if pair.is_certain:
                raise DataError(
                    f"{self.path}: column {column!r} spells one group in two ways: "
                    f"{self._both(pair, column, labels)}; write them alike"
                )
        return {
            level: tuple(label for label in labels if cells[label] == level)
            for level in sorted({cells[label] for label in labels})
        }

    def slips(self, column: str, labels: Sequence[str]) -> tuple[str, ...]:
        """Notes on groups that may be one group with a typing error in its name."""
        return tuple(
            f"{self.path}: column {column!r} has two groups that look like one: "
            f"{self._both(pair, column, labels)}; write them alike, or, if they are two, give them names "
            "that differ in more than a letter"
            for pair in self._alike(column, labels)
            if not pair.is_certain
        )

    def codes(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Notes on numbers that are far from all others, as codes of a missing value are (999, -9).

        >>> ages = {f"{i:02d}": str(20 + i) for i in range(9)} | {"10": "999"}
        >>> Participants(Path("participants.tsv"), {"age": ages}, {}, {"10": 11}).codes(["age"])[0][:63]
        'participants.tsv: line 11: age of sub-10 is 999, all others are'
        """
        found = []
        for column in columns:
            values = {label: number(cell) for label, cell in self.cells[column].items()}
            for label, value in values.items():
                others = [own for own in values.values() if own != value]
                if len(set(others)) < FEWEST_OTHERS or value not in CODES:
                    continue
                low, high = min(others), max(others)
                if max(low - value, value - high) > high - low:
                    found.append(
                        f"{self.path}: line {self.lines.get(label, '?')}: {column} of sub-{label} is "
                        f"{self.cells[column][label]}, all others are from {low:g} to {high:g}: if that is a "
                        "code for a missing value, write n/a"
                    )
        return tuple(found)

    def _alike(self, column: str, labels: Sequence[str]) -> tuple[Alike, ...]:
        if is_row_variable(column):
            return ()
        return alike([self.cells[column][label] for label in labels])

    def _both(self, pair: Alike, column: str, labels: Sequence[str]) -> str:
        """Both spellings, each with a line that has it."""
        cells = self.cells[column]
        owners = (next(label for label in labels if cells[label] == value) for value in pair[:2])
        return " and ".join(f"{cells[label]!r} in line {self.lines.get(label, '?')}" for label in owners)


def is_row_variable(name: str) -> bool:
    """Whether a name is about the maps of a model, not about a column of the table.

    >>> is_row_variable("session.pre"), is_row_variable("participant_id"), is_row_variable("sessions")
    (True, True, False)
    """
    return name.partition(".")[0] in ROW_VARIABLES


def read_participants(bids_dir: Path, model: GroupModel, labels: Sequence[str]) -> Participants:
    """Read what a Dataset node, out of whose X names of contrasts are taken, needs to know of participants.

    Raises
    ------
    NoInputError
        There is no participants.tsv, but the model needs one.
    DataError
        A column is not there, a participant stands in two lines, or the table leaves out everybody.
    """
    path, asked = bids_dir / "participants.tsv", tuple(_asked(model))
    if not asked:
        return Participants(path, {}, {})
    if not path.exists():
        raise NoInputError(f"{path}: does not exist, but the model needs its column {asked[0]!r}; add it")
    table = read_tsv(path)
    rows = _rows(table)
    needed = columns_needed(model, [name for name in table.columns if name != IDENTIFIER], path)
    left_out = {label: why for label in labels if (why := _missing(label, needed, table, rows))}
    if labels and len(left_out) == len(labels):
        raise _nobody(labels, left_out, table, rows)
    cells = {
        name: {label: table.columns[name][rows[label]] for label in labels if label not in left_out}
        for name in needed
    }
    lines = {label: table.lines[row] for label, row in rows.items()}
    return _filtered(Participants(path, cells, left_out, lines), model)


def _filtered(people: Participants, model: GroupModel) -> Participants:
    """Participants with the levels that an edge's filter lets through; the others are left out by name.

    Raises
    ------
    DataError
        When nobody has one of the levels, or when the column writes one in two ways.
    """
    for column, wanted in model.levels.items():
        there = people.levels(column, tuple(people.cells[column]))
        absent = [level for level in wanted if there and not any(_is_same_level(level, own) for own in there)]
        if absent:
            raise DataError(
                f"{people.path}: nobody has {column} {absent[0]!r}, which the filter of an edge to the "
                f"Dataset node {model.name!r} names{hint(absent[0], there)}; there are {listing(there)}"
            )
        why = {
            label: f"{column} is {level}, which the filter of the edge does not let through"
            for level, labels in there.items()
            if not any(_is_same_level(one, level) for one in wanted)
            for label in labels
        }
        cells = {
            name: {label: cell for label, cell in own.items() if label not in why}
            for name, own in people.cells.items()
        }
        people = people._replace(cells=cells, left_out={**people.left_out, **why})
    return people


def _is_same_level(wanted: str, cell: str) -> bool:
    """Whether a filter means a cell: as text, or as one number.

    >>> _is_same_level("1", "1.0"), _is_same_level("F", "f")
    (True, False)
    """
    return wanted == cell or number(wanted) == number(cell)


def numbered_columns(model: GroupModel, people: Participants) -> tuple[str, ...]:
    """Columns of numbers that a node takes values from, not levels.

    >>> cells = {"age": {"01": "20", "02": "30"}, "sex": {"01": "F", "02": "M"}, "site": {"01": "1"}}
    >>> people = Participants(Path("participants.tsv"), cells, {})
    >>> numbered_columns(GroupModel(x=("age", "sex"), columns=("site",)), people)
    ('age',)
    """
    return tuple(
        name
        for name, cells in people.cells.items()
        if name not in (*model.columns, *model.levels)
        and all(isfinite(number(cell)) for cell in cells.values())
    )


def doubts(bids_dir: Path, nodes: Sequence[GroupModel], labels: Sequence[str]) -> tuple[str, ...]:
    """What is wrong with participants.tsv for the group, to be said before anybody is fitted.

    Where X may name contrasts, only the columns that a node groups by are looked for.
    """
    found: list[str] = []
    for node in nodes:
        asked = node if node.by_contrast else replace(node, x=(CONSTANT,))
        try:
            # One participant alone may well be left out: a cluster's jobs have one each.
            read_participants(bids_dir, asked, labels if len(labels) > 1 else ())
        except BidsglmError as error:
            found.append(str(error))
    return tuple(dict.fromkeys(found))


def _asked(model: GroupModel) -> Iterator[str]:
    """What a model names that may be a column: groups and filters, inputs of instructions, then X."""
    yield from (*model.columns, *model.levels)
    for instruction in model.instructions:
        yield from (name for name in named_inputs(instruction) if not is_row_variable(name))
    yield from (name for name in model.x if name != CONSTANT and not is_row_variable(name))


def columns_needed(model: GroupModel, columns: Sequence[str], path: Path) -> tuple[str, ...]:
    """Columns of participants.tsv that a Dataset node is about.

    Raises
    ------
    DataError
        A name that is no column, and that no instruction can make.

    Examples
    --------
    >>> model = GroupModel(x=("constant", "age", "sex.F", "s*"))
    >>> columns_needed(model, ("age", "score", "sex"), Path("participants.tsv"))
    ('age', 'sex', 'score')
    """
    found = [*model.columns, *model.levels]
    literal = () if model.instructions else _literal(model)
    for name in (*model.columns, *model.levels, *literal):
        if name not in columns and not (name in literal and _column_of(name, columns)):
            raise DataError(
                f"{path}: has no column {name!r}{hint(name, columns)}; add it, or take it out of the Dataset "
                f"node {model.name!r}{' and the filter of its edge' * (name in model.levels)}"
            )
    mentioned = [text for instruction in model.instructions for text in texts(instruction)]
    found += [name for name in columns if any(_mentions(text, name) for text in mentioned)]
    for name in model.x:
        column = _column_of(name, columns)
        found += matching(name, columns) or ((column,) if column else ())
    return tuple(dict.fromkeys(found))


def _literal(model: GroupModel) -> tuple[str, ...]:
    return tuple(
        name for name in model.x if name != CONSTANT and not is_glob(name) and not is_row_variable(name)
    )


def _column_of(name: str, columns: Sequence[str]) -> str:
    """Column that ``column.level`` or ``column.*`` is about; empty where there is none.

    >>> _column_of("sex.F", ["age", "sex"])
    'sex'
    """
    return next((column for column in columns if name.startswith(f"{column}.")), "")


def _mentions(text: str, column: str) -> bool:
    """Whether an argument of an instruction is about a column: by name, by glob, in a query."""
    words = text.replace("(", " ").replace(")", " ").split()
    return text == column or column in words or bool(matching(text, [column]))


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


def _nobody(
    labels: Sequence[str], left_out: Mapping[str, str], table: Table, rows: Mapping[str, int]
) -> DataError:
    """Error where a table leaves out everybody: more often ids in another spelling than missing values."""
    if any(label in rows for label in labels):
        return DataError(f"{table.path}: leaves out everybody: {left_out[labels[0]]}; complete it")
    here, there = (
        listing(each) for each in ([f"sub-{label}" for label in labels], table.columns[IDENTIFIER])
    )
    return DataError(
        f"{table.path}: has none of {here}, its {IDENTIFIER} are {there or 'none'}; "
        "write them as the participants' folders are called"
    )


def _missing(label: str, needed: Sequence[str], table: Table, rows: Mapping[str, int]) -> str:
    if label not in rows:
        near = next((own for own in rows if own.lstrip("0") == label.lstrip("0")), "")
        written = (
            f", which has {table.columns[IDENTIFIER][rows[near]]} (line {table.lines[rows[near]]})"
            if near
            else ""
        )
        return f"not in {table.path.name}{written}"
    for name in needed:
        if table.columns[name][rows[label]] in MISSING:
            return f"{table.path.name} has no {name} of sub-{label} (line {table.lines[rows[label]]})"
    return ""
