"""Who takes part in the group: participants that are finished, and why others are not."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.dataset.outputs import read_json
from bidsglm.dataset.roots import find_participants
from bidsglm.errors import BidsglmError, NoInputError, NothingMatchedError
from bidsglm.messages import LOG
from bidsglm.model import Settings
from bidsglm.results import failure_path, unit_summaries

Summary = Mapping[str, Any]


class Members(NamedTuple):
    """What the participants' runs left in the output folder."""

    output_dir: Path
    labels: tuple[str, ...]
    """Participants asked for, without prefix"""
    finished: tuple[Summary, ...]
    """Summaries of their finished units"""
    problems: Mapping[str, str]
    """Participant -> why not, or not wholly, finished; empty when all is well"""

    @property
    def compared(self) -> tuple[Summary, ...]:
        """Finished units that both backends fitted."""
        return tuple(unit for unit in self.finished if len(unit["backends"]) == 2)


def unit_name(entities: Mapping[str, str]) -> str:
    """Start of the names of a group's files: a unit's prefix without participant and session.

    >>> unit_name({"prefix": "sub-01_ses-a_task-x_space-MNI"})
    'task-x_space-MNI'
    """
    parts = entities["prefix"].split("_")
    return "_".join(part for part in parts if part.partition("-")[0] not in ("sub", "ses"))


def find_members(settings: Settings) -> Members:
    """Look through the output folder for the participants asked for.

    Raises
    ------
    NoInputError
        When there is no output folder.
    """
    output_dir = settings.output_dir
    if not output_dir.is_dir():
        raise NoInputError(f"{output_dir}: does not exist; run the participant level first")
    labels = _asked_for(settings)
    found = {label: unit_summaries(output_dir, label) for label in labels}
    problems = {label: _problem(output_dir, label, summaries) for label, summaries in found.items()}
    finished = tuple(unit for units in found.values() for unit in units if unit["status"] == "finished")
    return Members(output_dir, labels, finished, problems)


def _asked_for(settings: Settings) -> tuple[str, ...]:
    """Participants of the input data; of the output folder when no preprocessed data are left."""
    try:
        return find_participants(settings)
    except NothingMatchedError:
        raise
    except BidsglmError as error:
        LOG.warning("%s", error)
        done = sorted(
            path.name.removeprefix("sub-") for path in settings.output_dir.glob("sub-*") if path.is_dir()
        )
        return tuple(label for label in done if label in (settings.participant_labels or done))


def _problem(output_dir: Path, participant: str, summaries: Sequence[Summary]) -> str:
    """Why a participant is not, or not wholly, finished; empty when all is well."""
    marker = failure_path(output_dir, participant)
    errors = list(read_json(marker).get("errors", [])) if marker.exists() else []
    errors += [text for s in summaries if s["status"] != "finished" for text in s.get("errors", [])]
    if errors:
        return "; ".join(errors)
    return "" if summaries else f"sub-{participant}: not run yet"
