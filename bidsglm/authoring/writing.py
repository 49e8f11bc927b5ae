"""Model files that are written: the automatic one for editing, and an old one in the form of 1.0."""

import sys
from pathlib import Path

from bidsglm.dataset.events import tasks_of
from bidsglm.dataset.roots import check_raw
from bidsglm.errors import CannotCreateError, DataError, NothingMatchedError, UsageError
from bidsglm.outputs.writes import write_text
from bidsglm.settings import Settings
from bidsglm.statsmodel.document_text import model_text
from bidsglm.statsmodel.specification import parse_model, read_document
from bidsglm.statsmodel.upgrade import upgraded
from bidsglm.unit.models import model_of_task


def write_automatic(settings: Settings, path: Path, overwrite: bool) -> str:
    """Write the automatic model of a task; returns what to say of it.

    Raises
    ------
    UsageError, NothingMatchedError, DataError, NoInputError
        Several tasks and none of them chosen, no events of the task, or overrides that make no model.
    CannotCreateError, ReadWriteError
        The file is there, or cannot be written.
    """
    check_raw(settings)
    model = model_of_task(settings, _task(settings))
    _check_free(path, overwrite)
    write_text(path, model_text(model.document) + "\n")
    specification = model.specification
    conditions = [name for name in specification.x if name.startswith("trial_type.")]
    return "\n".join(
        (
            f"{path}: model of task {specification.name} with {len(conditions)} conditions",
            f"  {specification.notes[0]}",
            f"  bidsglm model --check {path} {settings.bids_dir} says what it does; pass it to --model",
        )
    )


def _task(settings: Settings) -> str:
    """The task that was chosen, else the only one that has events."""
    found = tasks_of(settings.bids_dir)
    wanted = settings.task_labels or found
    missing = [task for task in wanted if task not in found]
    if missing or not found:
        there = f"; there are {', '.join(found)}" if found else ""
        raise NothingMatchedError(f"{settings.bids_dir}: no events of task {' '.join(missing)}{there}")
    if len(wanted) > 1:
        raise UsageError(
            f"{settings.bids_dir}: a model file for each task: choose one of {', '.join(wanted)} by --task"
        )
    return wanted[0]


def _check_free(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise CannotCreateError(f"{path}: exists already; name another file, or replace it with --overwrite")


def write_upgraded(old: Path, new: Path | None, overwrite: bool) -> str:
    """Write a model of the old form in that of 1.0; returns what to print: the model where no file is named.

    Notes go to the standard error, so that the model alone can be sent into a file.

    Raises
    ------
    DataError, NoInputError
        The file is not of the old form, or asks for what 1.0 or bidsglm does not have.
    CannotCreateError, ReadWriteError
        The new file is there, or cannot be written.
    """
    document, notes = upgraded(read_document(old), str(old))
    nowhere = Settings(Path(), Path(), "participant")
    try:
        specification = parse_model(document, str(old), nowhere)
    except DataError as error:
        raise DataError(f"{error} (in its 1.0 form; correct the old file, or write the new one)") from None
    for note in (*notes, *specification.notes):
        print(f"note: {note}", file=sys.stderr)
    text = model_text(document) + "\n"
    if new is None:
        return text
    _check_free(new, overwrite)
    write_text(new, text)
    return f"{new}: {old.name} in the form of BIDS Stats Models 1.0\n"
