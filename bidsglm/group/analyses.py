"""Which groups a Dataset node asks for: all participants, or those of each session and level of a column."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from bidsglm.dataset.participants import Participants
from bidsglm.errors import DataError
from bidsglm.group.members import Summary, participants_of
from bidsglm.model import GroupModel
from bidsglm.statsmodel.contrasts import contrast_label


class Analysis(NamedTuple):
    """The participants who are modelled together, with their results."""

    prefix: str
    """Start of the file names: task, space and the like, then session and level"""
    words: str
    """Session and level for people; empty for everybody"""
    members: tuple[str, ...]
    """Participants who belong to it, whether they have results or not"""
    units: tuple[Summary, ...]
    """Their results"""

    def why_without(self, participant: str) -> str:
        """Why somebody of the group has no results in it; empty for those who have.

        >>> Analysis("task-x_ses-1", "ses-1", ("01",), ()).why_without("01")
        'has no results of ses-1'
        """
        has = any(unit["participant"] == participant for unit in self.units)
        return "" if has else f"has no results of {self.words or 'this model'}"


def units_of(model: GroupModel, units: Sequence[Summary]) -> tuple[Summary, ...]:
    """Results that reach a Dataset node: of single sessions or of all together, and past its filters.

    Raises
    ------
    DataError
        When it groups by session and there is none, or when nothing passes a filter.
    """
    apart = [unit for unit in units if unit["entities"].get("session")]
    whole = [unit for unit in units if not unit["entities"].get("session")]
    if model.by_session and not apart:
        raise DataError(
            f"the Dataset node {model.name!r} groups by session, but the results are of no session (no "
            "ses- in their names): take 'session' out of its GroupBy, or run the participants again "
            "with this model"
        )
    if model.sessions_apart is None:
        both = set(participants_of(apart)) & set(participants_of(whole))
        found = whole if both else list(units)
    else:
        found = (apart if model.sessions_apart else whole) or list(units)
    for entity, labels in model.filters.items():
        found = [unit for unit in found if str(unit["entities"].get(entity)) in labels]
        if not found:
            raise DataError(
                f"the filter of an edge to the Dataset node {model.name!r} leaves nothing: no results of "
                f"{entity} {', '.join(labels)}"
            )
    return tuple(found)


def without_results(model: GroupModel, units: Sequence[Summary]) -> dict[str, tuple[str, ...]]:
    """Labels that the filter of a node's edge names and no result has, by entity.

    >>> units = [{"participant": "01", "entities": {"subject": "01", "session": "pre"}}]
    >>> without_results(GroupModel(filters={"session": ("pre", "mid")}), units)
    {'session': ('mid',)}
    """
    absent = {
        entity: tuple(
            label for label in labels if label not in {str(u["entities"].get(entity)) for u in units}
        )
        for entity, labels in model.filters.items()
    }
    return {entity: labels for entity, labels in absent.items() if labels}


def analyses(
    model: GroupModel, units: Sequence[Summary], people: Participants, name: str
) -> tuple[Analysis, ...]:
    """Groups of a Dataset node: one for each session and combination of levels that participants have.

    Parameters
    ----------
    model
        A Dataset node.
    units
        Of one task and space, as from `units_of`.
    people
        Cells of the columns that it groups by.
    name
        Start of the file names.

    Raises
    ------
    DataError
        When levels would share file names, or a column spells one in two ways.

    Examples
    --------
    >>> from pathlib import Path
    >>> who = ("01", "02", "03")
    >>> units = [{"participant": p, "entities": {"session": s}} for p in who for s in ("a", "b")]
    >>> people = Participants(Path("participants.tsv"), {"sex": {"01": "F", "02": "M", "03": "F"}}, {})
    >>> found = analyses(GroupModel(by_session=True, columns=("sex",)), units, people, "task-x")
    >>> [(one.prefix, one.words, one.members) for one in found[:2]]
    [('task-x_ses-a_sex-F', 'ses-a, sex F', ('01', '03')), ('task-x_ses-a_sex-M', 'ses-a, sex M', ('02',))]
    """
    everybody = [p for p in participants_of(units) if p not in people.left_out]
    sessions = sorted({str(u["entities"]["session"]) for u in units if u["entities"].get("session")})
    levels = {column: people.levels(column, everybody) for column in model.columns}
    for column, members in levels.items():
        if len(members) == len(everybody) > 1:
            raise DataError(
                f"{people.path}: column {column!r}, by which the Dataset node {model.name!r} groups, has "
                "another value for each participant: it makes no groups"
            )
    found = [
        _analysis(units, everybody, name, session, dict(zip(levels, combination, strict=True)), people)
        for session in (sessions if model.by_session else [""])
        for combination in product(*levels.values())
    ]
    found = [one for one in found if one.members]
    _check_prefixes(found)
    return tuple(found)


def _analysis(
    units: Sequence[Summary],
    everybody: Sequence[str],
    name: str,
    session: str,
    levels: Mapping[str, str],
    people: Participants,
) -> Analysis:
    members = tuple(p for p in everybody if all(people.cells[c][p] == level for c, level in levels.items()))
    own = tuple(
        unit
        for unit in units
        if unit["participant"] in members and (not session or unit["entities"].get("session") == session)
    )
    parts = [f"ses-{session}"] if session else []
    words = [*parts, *(f"{column} {level}" for column, level in levels.items())]
    return Analysis("_".join([name, *parts, *_named(levels)]), ", ".join(words), members, own)


def _named(levels: Mapping[str, str]) -> Iterator[str]:
    """Levels as file names have them: letters and digits."""
    for column, level in levels.items():
        yield f"{contrast_label(column)}-{contrast_label(level)}"


def _check_prefixes(found: Sequence[Analysis]) -> None:
    taken: dict[str, str] = {}
    for one in found:
        other = taken.setdefault(one.prefix, one.words)
        if other != one.words:
            raise DataError(
                f"the groups {other} and {one.words} would share the files {one.prefix}: rename a level in "
                "participants.tsv"
            )
