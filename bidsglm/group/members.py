"""Who takes part in the group: participants that are finished, and why others are not."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NotRequired, cast

from bidsglm.dataset.instead import participant_folders
from bidsglm.dataset.roots import find_participants
from bidsglm.errors import (
    BidsglmError,
    NoInputError,
    NothingMatchedError,
    UsageError,
    one_line,
)
from bidsglm.messages import LOG
from bidsglm.outputs.summaries import compared, failure_path
from bidsglm.outputs.summary_form import SummaryForm, is_finished
from bidsglm.outputs.summary_reading import read_summary
from bidsglm.pairs import Pair
from bidsglm.sentences import listing
from bidsglm.settings import Settings


class Summary(SummaryForm):
    """What stays in memory of a finished unit's summary."""

    n_runs: NotRequired[int]
    pairs: NotRequired[tuple[Pair, ...]]
    """Pairs of packages that its tables are of"""


NEEDED = ("participant", "entities", "prefix", "folder", "backends", "contrasts")
"""What the summary of a finished unit must have."""
KEPT = (
    *("status", "bidsglm_version", "configuration", "model", "automatic", "effect_units"),
    *("attribution", "supplements", "left_out", "findings", "reference"),
)
"""What else stays in memory of it: not the diagnosis of every design nor the list of files."""
OF_THE_COMMAND = (UsageError.exit_code, NothingMatchedError.exit_code)
"""Codes of failures that say nothing of a participant's data, but of a command that was given once."""
FEWEST_COMPARED = 2
"""Packages that make a comparison."""


class Members(NamedTuple):
    """What the participants' runs left in the output folder."""

    output_dir: Path
    labels: tuple[str, ...]
    """Participants asked for, without prefix"""
    finished: tuple[Summary, ...]
    """Summaries of their finished units"""
    problems: Mapping[str, str]
    """Participant -> why not, or not wholly, in the group; empty when all is well"""
    failures: tuple[BidsglmError, ...] = ()
    """Results that are there but cannot be used; they make the exit code"""
    notes: tuple[str, ...] = ()
    """What the reader of the page should know"""

    @property
    def compared(self) -> tuple[Summary, ...]:
        """Finished units that two packages or more fitted."""
        return tuple(unit for unit in self.finished if len(unit["backends"]) >= FEWEST_COMPARED)

    def with_problem(self, participant: str, problem: str) -> "Members":
        """The same with one more note on a participant."""
        said = "; ".join(filter(None, (self.problems.get(participant, ""), problem)))
        return self._replace(problems={**self.problems, participant: said})

    def with_failure(self, participant: str, error: BidsglmError) -> "Members":
        """The same with one more participant whose results cannot be used."""
        return self.with_problem(participant, str(error))._replace(failures=(*self.failures, error))


class Found(NamedTuple):
    """What stands of one participant in the output folder."""

    finished: tuple[Summary, ...]
    errors: tuple[str, ...]
    failures: tuple[BidsglmError, ...]


def unit_name(unit: SummaryForm) -> str:
    """Start of the names of a group's files: a unit's prefix without participant and session.

    >>> unit_name({"prefix": "sub-01_ses-a_task-x_space-MNI"})
    'task-x_space-MNI'
    """
    parts = unit["prefix"].split("_")
    return "_".join(part for part in parts if part.partition("-")[0] not in ("sub", "ses"))


def identity(unit: Summary) -> dict[str, str]:
    """Cells of a unit in the columns that name participant and session; no session where there is none.

    >>> identity({"participant": "01", "entities": {"session": "a"}})
    {'participant_id': 'sub-01', 'session_id': 'ses-a'}
    """
    session = unit["entities"].get("session")
    return {
        "participant_id": f"sub-{unit['participant']}",
        **({"session_id": f"ses-{session}"} if session else {}),
    }


def by_name(units: Iterable[Summary]) -> dict[str, list[Summary]]:
    """Units by the start of the group's file names: task, space and the like.

    >>> list(by_name([{"prefix": "sub-01_task-x"}, {"prefix": "sub-02_task-x"}]))
    ['task-x']
    """
    found: dict[str, list[Summary]] = {}
    for unit in units:
        found.setdefault(unit_name(unit), []).append(unit)
    return found


def find_members(settings: Settings) -> Members:
    """Look through the output folder for the participants asked for.

    Raises
    ------
    NoInputError
        When there is no output folder.
    NothingMatchedError
        When no finished unit is of the tasks, sessions and spaces asked for.
    """
    output_dir = settings.output_dir
    if not output_dir.is_dir():
        raise NoInputError(f"{output_dir}: does not exist; run the participant level first")
    labels = _asked_for(settings)
    found = {label: _found(output_dir, label) for label in labels}
    problems = {label: _problem(label, of_one) for label, of_one in found.items()}
    finished = [unit for of_one in found.values() for unit in of_one.finished]
    failures = tuple(error for of_one in found.values() for error in of_one.failures)
    return Members(output_dir, labels, _selected(finished, settings), problems, failures)


def _asked_for(settings: Settings) -> tuple[str, ...]:
    """Participants of the input data; of the output folder when no preprocessed data are left."""
    try:
        return find_participants(settings)
    except NothingMatchedError:
        raise
    except BidsglmError as error:
        # Which folder of preprocessed data is meant makes no difference to results that are there.
        LOG.log(logging.DEBUG if isinstance(error, UsageError) else logging.WARNING, "%s", error)
        done = [path.name.removeprefix("sub-") for path in participant_folders(settings.output_dir)]
        return tuple(label for label in done if label in (settings.participant_labels or done))


def _found(output_dir: Path, participant: str) -> Found:
    """Read a participant's summaries; one that is damaged harms no other."""
    folder = output_dir / f"sub-{participant}"
    paths = [*folder.glob("func/*_summary.json"), *folder.glob("ses-*/func/*_summary.json")]
    marker = failure_path(output_dir, participant)
    finished: list[Summary] = []
    errors: list[str] = []
    failures: list[BidsglmError] = []
    for path in [*([marker] if marker.exists() else []), *sorted(paths)]:
        try:
            unit = read_summary(path)
            if is_finished(unit):
                finished.append(_kept(unit))
            elif str(unit.get("exit_code")) not in map(str, OF_THE_COMMAND):
                errors += map(one_line, unit.get("errors", []))
                errors += [] if unit.get("errors") else [f"{path}: is not finished"]
        except BidsglmError as error:
            failures.append(error)
    return Found(tuple(finished), tuple(errors), tuple(failures))


def _kept(unit: SummaryForm) -> Summary:
    kept = {key: value for key, value in unit.items() if key in (*NEEDED, *KEPT)}
    return cast(Summary, {**kept, "n_runs": len(unit.get("runs", ())), "pairs": compared(unit)})


def _problem(participant: str, found: Found) -> str:
    """Why a participant is not, or not wholly, finished; empty when all is well."""
    said = [*found.errors, *(str(error) for error in found.failures)]
    if said:
        return "; ".join(said)
    return "" if found.finished else f"sub-{participant}: not run yet"


def _selected(units: Sequence[Summary], settings: Settings) -> tuple[Summary, ...]:
    """Units of the tasks, sessions and spaces asked for."""
    wanted = {
        "task": settings.task_labels,
        "session": settings.session_labels,
        "space": settings.space,
    }
    kept = list(units)
    for entity, labels in wanted.items():
        if not (labels and kept):
            continue
        there = sorted({str(unit["entities"].get(entity)) for unit in kept if unit["entities"].get(entity)})
        kept = [unit for unit in kept if unit["entities"].get(entity) in labels]
        if not kept:
            raise NothingMatchedError(
                f"{settings.output_dir}: no finished results of {entity} {', '.join(labels)}; "
                f"there are {', '.join(there) or 'none'}"
            )
    return tuple(kept)


def participants_of(units: Iterable[Summary]) -> tuple[str, ...]:
    """Participants of some units, each once.

    >>> participants_of([{"participant": "01"}, {"participant": "01"}, {"participant": "02"}])
    ('01', '02')
    """
    return tuple(dict.fromkeys(unit["participant"] for unit in units))


def named(participants: Sequence[str], longest: int = 12) -> str:
    """Participants for people to read; many by their first.

    >>> named(("01", "02")), named(("01", "02", "03"), longest=2)
    ('sub-01, sub-02', 'sub-01, sub-02 and 1 more')
    """
    return listing((f"sub-{label}" for label in participants), longest)
