"""What is wrong with a group's design without hindering all of it: each named in one line with its remedy."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from bidsglm.dataset.group_columns import PeopleColumn
from bidsglm.dataset.group_rows import DesignRow, GroupObservations
from bidsglm.dataset.participants import Participants, is_row_variable
from bidsglm.design_space import factors, rank
from bidsglm.errors import DataError
from bidsglm.model import Floats
from bidsglm.sentences import joined
from bidsglm.spm.second_level import dependent
from bidsglm.statsmodel.group_contrasts import PARTICIPANTS
from bidsglm.statsmodel.nearest import hint

ALONE = 1e-9
"""A row whose leverage is this near 1 has a column of its own: the fit meets it, whatever its value."""


def constant_column(name: str, numbers: Floats, people: Participants) -> Iterator[str]:
    """A covariate that is the same for all."""
    if numbers.size and np.ptp(numbers) == 0:
        yield (
            f"{people.path}: column {name!r} is {numbers[0]:g} for all participants here: it can "
            "explain nothing; take it out of X"
        )


def groups_of_one(groups: Mapping[str, Floats], seen: GroupObservations) -> Iterator[str]:
    """Groups of one participant."""
    for name, marks in groups.items():
        members = {row.participant for row, mark in zip(seen.rows, marks, strict=True) if mark}
        if len(members) == 1 and not is_row_variable(name):
            yield (
                f"{seen.people.path}: the group {name} is one participant, sub-{members.pop()}: it has no "
                "variance of its own; the maps take that of the others"
            )


def alone(
    names: Sequence[str], matrix: Floats, rows: Sequence[DesignRow], people: Participants
) -> Iterator[str]:
    """Participants whom a column of the design has to itself, as one cell of groups that are crossed.

    >>> from pathlib import Path
    >>> X = np.array([[1.0, 0], [1, 0], [1, 0], [1, 1]])
    >>> people = Participants(Path("participants.tsv"), {}, {})
    >>> rows = [DesignRow(label) for label in ("01", "02", "03", "04")]
    >>> print(*alone(("mean", "patient"), X, rows, people))
    participants.tsv: only sub-04 determines the effect of patient: the model fits its map exactly, \
    whatever it holds; take the column out of X, or leave the participant out
    """
    if len({row.participant for row in rows}) < len(rows) or len(matrix) <= rank(matrix):
        return
    left = factors(matrix).left
    for i in map(int, np.flatnonzero((left**2).sum(axis=1) > 1 - ALONE)):
        rest = np.delete(matrix, i, axis=0)
        lost = [name for name, own in zip(names, rest.T, strict=True) if np.ptp(own) == 0 and name != "mean"]
        yield (
            f"{people.path}: only sub-{rows[i].participant} determines the effect of "
            f"{', '.join(lost) or 'one combination of columns'}: the model fits its map exactly, whatever it "
            "holds; take the column out of X, or leave the participant out"
        )


def collinear(
    names: Sequence[str], matrix: Floats, covariates: Sequence[str], people: Participants
) -> Iterator[str]:
    """Covariates that are a combination of other columns; groups beside a mean always are."""
    if not matrix.size:
        return
    together = [names[i] for i in dependent(matrix) if np.any(matrix[:, i])]
    if any(name in covariates for name in together):
        yield (
            f"{people.path}: {listed(together)} depend on each other for the "
            "participants here: their effects cannot be told apart; take one out of X"
        )


def uncrossed(marks: Mapping[str, str], columns: Mapping[str, Floats], people: Participants) -> Iterator[str]:
    """Two columns of groups that go together: nobody links those of one within a group of the other.

    >>> from pathlib import Path
    >>> people = Participants(Path("participants.tsv"), {}, {})
    >>> own = {"sex.F": np.array([1.0, 1, 0]), "sex.M": np.array([0.0, 0, 1])}
    >>> other = {"site.a": np.array([1.0, 1, 0]), "site.b": np.array([0.0, 0, 1])}
    >>> marks = dict.fromkeys(own, "sex") | dict.fromkeys(other, "site")
    >>> print(*uncrossed(marks, {**own, **other}, people))
    participants.tsv: columns 'sex' and 'site' go together for the participants here (sex.F only with \
    site.a): the groups of one cannot be told from those of the other; take one out of X
    """
    for first, second in combinations(dict.fromkeys(marks.values()), 2):
        own, other = ([name for name in marks if marks[name] == factor] for factor in (first, second))
        met = np.array([[bool(np.any(columns[a] * columns[b])) for b in other] for a in own])
        reached = met[0].copy()
        # groups that are linked by participants, directly or over others
        for _ in own:
            reached = met[(met & reached).any(axis=1)].any(axis=0)
        if len(own) > 1 and len(other) > 1 and reached.any() and not reached[met.any(axis=0)].all():
            with_it = listed([name for name, is_met in zip(other, met[0], strict=True) if is_met])
            yield (
                f"{people.path}: columns {first!r} and {second!r} go together for the participants here "
                f"({own[0]} only with {with_it}): the groups of one cannot be told from those of the "
                "other; take one out of X"
            )


def listed(names: Sequence[str]) -> str:
    """Columns in a sentence; those of single participants as one.

    >>> listed(["age", "participant_id.01", "participant_id.02", "sex"])
    'age, participant_id.* and sex'
    """
    return joined(dict.fromkeys(f"{PARTICIPANTS}*" if n.startswith(PARTICIPANTS) else n for n in names))


def unknown(name: str, columns: Mapping[str, PeopleColumn], people: Participants) -> DataError:
    """A name of X that means nothing."""
    factors = {column.factor for column in columns.values()} - {""}
    names = list(columns)
    if name in factors:
        level = next(own for own, column in columns.items() if column.factor == name)
        return DataError(
            f"{people.path}: {name!r} is a factor: X must name its levels, such as {level!r}, or all by "
            f"{f'{name}.*'!r}"
        )
    if name.partition(".")[0] in ("session", "contrast") and is_row_variable(name):
        return DataError(_no_such_rows(name, columns))
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


def _no_such_rows(name: str, columns: Mapping[str, PeopleColumn]) -> str:
    """Why a session or contrast that X names is not among the maps."""
    variable = name.partition(".")[0]
    if variable in columns:
        there = sorted(f"{variable}.{value}" for value in set(columns[variable].values.values()))
        return f"X names {name!r}, but the maps are of {', '.join(there)}{hint(name, there)}"
    if variable == "session":
        return (
            f"X names {name!r}, but the maps are of no single sessions: fit sessions apart (a Session node, "
            "or 'session' in the Run node's GroupBy), and group the Dataset node by no session"
        )
    return (
        f"X names {name!r}, but the Dataset node takes each contrast by itself: take 'contrast' out of its "
        "GroupBy"
    )
