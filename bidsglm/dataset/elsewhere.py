"""Conditions that others of the data set have: what a participant never had is missing data, not a typo."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from bidsglm.data import Run, Unit
from bidsglm.dataset.events import read_events, task_events
from bidsglm.dataset.tsv import number
from bidsglm.dataset.variables import named_by, stems
from bidsglm.errors import BidsglmError
from bidsglm.model import ModelSpecification
from bidsglm.statsmodel.globs import is_glob


class _Seen:
    """Conditions of a task over a whole data set, as far as its events have been read."""

    def __init__(self, events: Iterable[Path]) -> None:
        self.unread: Iterator[Path] = iter(events)
        self.names: set[str] = set()


# A misspelt condition is looked for in all files once, not once for each participant.
@lru_cache(maxsize=8)
def _seen(raw: Path | None, task: str, _model: str) -> _Seen:
    return _Seen(task_events(raw, task) if raw else ())


class Elsewhere:
    """Whether anybody's events of the task of a unit have a condition, by its regressor name.

    The unit's first run lends scans and confounds to the events of the others.
    """

    def __init__(
        self, unit: Unit, model: ModelSpecification, conditions: Callable[[Run], Iterable[str]]
    ) -> None:
        self._seen = _seen(unit.raw, unit.entities.get("task", ""), repr((model.transformations, model.x)))
        self._run, self._conditions = unit.runs[0], conditions

    @property
    def names(self) -> frozenset[str]:
        """All that have been read; all there are, once a name was not found."""
        return frozenset(self._seen.names)

    def __call__(self, name: str) -> bool:
        """Read on until somebody has the condition."""
        while name not in self._seen.names:
            path = next(self._seen.unread, None)
            if path is None:
                return False
            # A file that cannot be used is a matter of the participant that it belongs to.
            with suppress(BidsglmError):
                self._seen.names.update(self._conditions(replace(self._run, events=path)))
        return True


def levels_elsewhere(unit: Unit, model: ModelSpecification) -> frozenset[str]:
    """Levels of columns of events.tsv that instructions name, that a run lacks and that others have.

    Without them an instruction on errors could not be carried out for who makes none.
    """
    named = {name for each in model.transformations for name in named_by(each) if not is_glob(name)}
    found = set()
    for run in unit.runs:
        if named and run.events is not None:
            values = {column: set(cells) for column, cells in read_events(run.events).columns.items()}
            missing = [name for name in named if not _has_level(name, values)]
            found |= {name for name in missing if _somebody_has(name, unit)}
    return frozenset(found)


def _has_level(name: str, values: Mapping[str, Collection[str]]) -> bool:
    """Whether a column has a level, written as in the file or as the number that it is.

    >>> [_has_level(name, {"correct": {"1", "n/a"}}) for name in ("correct.1.0", "correct.0", "go")]
    [True, False, False]
    """
    pairs = [(column, name[len(column) + 1 :]) for column in stems(name) if column in values]
    return any(
        level in values[column] or any(number(cell) == number(level) for cell in values[column])
        for column, level in pairs
    )


def _somebody_has(name: str, unit: Unit) -> bool:
    own = [run.events for run in unit.runs if run.events is not None]
    everywhere = _values(unit.raw, unit.entities.get("task", "")) if unit.raw else {}
    return _has_level(name, everywhere) or any(_has_level(name, read_events(path).columns) for path in own)


@lru_cache(maxsize=8)
def _values(raw: Path, task: str) -> Mapping[str, frozenset[str]]:
    """Values of each column in the events of everybody."""
    values: dict[str, set[str]] = {}
    for path in task_events(raw, task):
        with suppress(BidsglmError):
            for column, cells in read_events(path).columns.items():
                if column not in ("onset", "duration"):
                    values.setdefault(column, set()).update(cells)
    return {column: frozenset(found) for column, found in values.items()}
