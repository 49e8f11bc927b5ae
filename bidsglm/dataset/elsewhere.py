"""Conditions that others of the data set have: what a participant never had is missing data, not a typo."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from bidsglm.dataset.events import task_events
from bidsglm.errors import BidsglmError
from bidsglm.model import ModelSpecification, Run, Unit


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

    Parameters
    ----------
    unit
        Its first run lends scans and confounds to the events of the others.
    model
        Its transformations and X name conditions.
    conditions
        Regressor names of the conditions of a run.
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
