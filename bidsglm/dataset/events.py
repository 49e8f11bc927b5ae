"""Events of a run: events.tsv as it stands, and the events of one trial type."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.data import Run
from bidsglm.dataset.instead import participant_folders
from bidsglm.dataset.tsv import MISSING, Table, number, numbers, read_tsv
from bidsglm.errors import BidsglmError, DataError
from bidsglm.model import Floats
from bidsglm.statsmodel.nearest import hint

TASK = re.compile(r"(?:^|_)task-([0-9A-Za-z+]+)_")


class Events(NamedTuple):
    """Events of one trial type, by onset; equal onsets in the order of the file."""

    onsets: Floats
    """(n_events,) s; may be negative"""
    durations: Floats
    """(n_events,) s"""
    rows: tuple[int, ...]
    """Rows of the table."""


def read_events(path: Path) -> Table:
    """Read an events.tsv as text: trial types that are numbers stay as they are written.

    What the cells hold is only judged for the events that a model uses.

    Raises
    ------
    ReadWriteError
        The file cannot be read.
    DataError
        It has no column onset or duration, or a line that ends before its trial_type.
    """
    table = read_tsv(path)
    for name in ("onset", "duration"):
        if name not in table.columns:
            found = ", ".join(table.columns)
            raise DataError(
                f"{path}: no column {name} among its tab-separated columns ({found})"
                f"{hint(name, table.columns)}; add it"
            )
    if "trial_type" in table.columns:
        table.check_reaches("trial_type")
    return table


def moved(events: Table, earlier: float) -> Table:
    """Events whose onsets come so many seconds earlier; text that is not a number is kept.

    >>> table = Table(Path("events.tsv"), {"onset": ("8", "n/a")}, (2, 3))
    >>> moved(table, 6.0).columns["onset"]
    ('2.0', 'n/a')
    """
    if not earlier:
        return events
    onsets = [(cell, number(cell)) for cell in events.columns["onset"]]
    cells = tuple(cell if math.isnan(value) else repr(value - earlier) for cell, value in onsets)
    return events._replace(columns={**events.columns, "onset": cells})


def trial_types_of(table: Table) -> tuple[str, ...]:
    """List the trial types of a run's events, alphabetically; rows without one (n/a) do not count.

    Raises
    ------
    DataError
        There are events but no column trial_type.
    """
    if "trial_type" not in table.columns:
        if not table.lines:
            return ()
        raise DataError(
            f"{table.path}: no column trial_type (only {', '.join(table.columns)}); add one that names the "
            "condition of each event, or let the model make it (Transformations: Factor of another column)"
        )
    return tuple(sorted(set(table.columns["trial_type"]) - MISSING))


def trial_types(runs: Sequence[Run]) -> tuple[str, ...]:
    """List the trial types of all runs together, alphabetically.

    Raises
    ------
    DataError
        An events file lacks the column trial_type, or there are no events at all.
    ReadWriteError
        An events file cannot be read.
    """
    paths = [run.events for run in runs if run.events is not None]
    found = {name for path in paths for name in trial_types_of(read_events(path))}
    if not found:
        where = ", ".join(map(str, dict.fromkeys(paths))) or ", ".join(str(run.bold) for run in runs)
        raise DataError(f"{where}: no events with a trial_type; add them or exclude the run (--run-label)")
    return tuple(sorted(found))


def task_trial_types(bids_dir: Path, task: str) -> tuple[str, ...]:
    """List the trial types of a task over a whole raw data set, alphabetically.

    A file that cannot be read does not count here: the participant that it belongs to will say so.
    """
    found: set[str] = set()
    for path in task_events(bids_dir, task):
        with suppress(BidsglmError):
            found.update(trial_types_of(read_events(path)))
    return tuple(sorted(found))


def tasks_of(bids_dir: Path) -> tuple[str, ...]:
    """List the tasks of a raw data set that have events, alphabetically."""
    return tuple(
        sorted({found[1] for path in task_events(bids_dir, "*") if (found := TASK.search(path.name))})
    )


def task_events(bids_dir: Path, task: str) -> Iterator[Path]:
    """Find the events of a task over a whole raw data set."""
    yield from sorted(bids_dir.glob(f"task-{task}_*events.tsv"))
    for participant in participant_folders(bids_dir):
        for folder in ("func", "ses-*/func"):
            yield from sorted(participant.glob(f"{folder}/*_task-{task}_*events.tsv"))


def events_of(table: Table, trial_type: str) -> Events:
    """Pick the events of one trial type.

    Raises
    ------
    DataError
        Naming the line of an onset or duration that is missing, infinite, or no number, or of a negative
        duration.
    """
    rows = [i for i, name in enumerate(table.columns.get("trial_type", ())) if name == trial_type]
    onsets = numbers(table, "onset", rows, f"give the onset in s or remove the event of {trial_type}")
    durations = numbers(
        table, "duration", rows, f"give the duration of the {trial_type} event in s (0 for an impulse)"
    )
    for row, duration in zip(rows, durations, strict=True):
        if duration < 0:
            raise DataError(
                f"{table.path}: line {table.lines[row]}: duration {duration:g} s is negative; correct it"
            )
    order = np.argsort(onsets, kind="stable")
    return Events(onsets[order], durations[order], tuple(rows[i] for i in order))


def event_values(table: Table, column: str, events: Events, trial_type: str) -> Floats:
    """Pick the values of a column at the events of a trial type, for a parametric modulation.

    Raises
    ------
    DataError
        The column does not exist, or naming the line of a value that is missing or no number.
    """
    if column not in table.columns:
        raise DataError(
            f"{table.path}: no column {column} to modulate {trial_type} by{hint(column, table.columns)}"
        )
    remedy = f"give a number or take the event of {trial_type} out of the modulated condition"
    return numbers(table, column, events.rows, remedy)
