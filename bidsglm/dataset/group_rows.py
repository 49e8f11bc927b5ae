"""The maps that a group's model is over, and their table: that of the participants, or one with a row a map.

Where a model names the session, the contrast or the participant of a map, these are columns of words like
any other; else the columns are those of participants.tsv, and instructions take each participant once.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bidsglm.dataset.participants import IDENTIFIER, Participants, is_row_variable
from bidsglm.model import GroupModel
from bidsglm.statsmodel.transformations import named_inputs


class DesignRow(NamedTuple):
    """A map that is an observation of a group's model."""

    participant: str
    """Without prefix"""
    contrast: str = ""
    """Name, where contrasts are told apart within the model"""
    session: str = ""
    """Label, where sessions are"""


class GroupObservations(NamedTuple):
    """The rows of a model with their table."""

    rows: tuple[DesignRow, ...]
    keys: tuple[str, ...]
    """What the cells of each row are kept under: the participant, or all that tells the row apart"""
    people: Participants
    """Cells by key"""

    @property
    def labels(self) -> tuple[str, ...]:
        """Keys, each once."""
        return tuple(dict.fromkeys(self.keys))

    def participant(self, key: str) -> str:
        """Whose a key is."""
        return self.rows[self.keys.index(key)].participant

    def without(self, participants: Mapping[str, str]) -> "GroupObservations":
        """The rows of the others."""
        kept = [i for i, row in enumerate(self.rows) if row.participant not in participants]
        return self._replace(rows=tuple(self.rows[i] for i in kept), keys=tuple(self.keys[i] for i in kept))


def row_variables(model: GroupModel) -> tuple[str, ...]:
    """Names of X and of the instructions that are about maps.

    >>> row_variables(GroupModel(x=("session", "participant_id", "age")))
    ('session', 'participant_id')
    """
    named = [name for each in model.instructions for name in named_inputs(each)]
    return tuple(dict.fromkeys(name for name in (*model.x, *named) if is_row_variable(name)))


def observations(model: GroupModel, people: Participants, rows: Sequence[DesignRow]) -> GroupObservations:
    """Rows with the cells of their participants, and of their own where the model names them.

    >>> from pathlib import Path
    >>> people = Participants(Path("participants.tsv"), {"age": {"01": "20"}}, {})
    >>> rows = (DesignRow("01", session="pre"), DesignRow("01", session="post"))
    >>> observations(GroupModel(x=("age",)), people, rows).labels
    ('01',)
    >>> found = observations(GroupModel(x=("session", "age")), people, rows)
    >>> found.people.cells["session"], found.people.cells["age"]["01, post"]
    ({'01, pre': 'pre', '01, post': 'post'}, '20')
    """
    if not row_variables(model):
        return GroupObservations(tuple(rows), tuple(row.participant for row in rows), people)
    keys = tuple(", ".join(filter(None, (row.participant, row.session, row.contrast))) for row in rows)
    table = list(zip(keys, rows, strict=True))
    cells = {
        name: {key: own[row.participant] for key, row in table if row.participant in own}
        for name, own in people.cells.items()
    }
    cells[IDENTIFIER] = {key: row.participant for key, row in table}
    for name in ("session", "contrast"):
        if all(getattr(row, name) for row in rows):
            cells[name] = {key: str(getattr(row, name)) for key, row in table}
    lines = {key: people.lines[row.participant] for key, row in table if row.participant in people.lines}
    return GroupObservations(tuple(rows), keys, Participants(people.path, cells, people.left_out, lines))
