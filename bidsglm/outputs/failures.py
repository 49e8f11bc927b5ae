"""Failures as one line and an exit code, and their record among the results."""

from pathlib import Path
from typing import NamedTuple

from bidsglm.errors import EXIT_FAILED, BidsglmError, foreseen, one_line
from bidsglm.messages import LOG, log_traceback
from bidsglm.outputs.summaries import earlier_summary
from bidsglm.outputs.summary_reading import write_summary


class Failure(NamedTuple):
    """Why something failed, in one line."""

    exit_code: int
    message: str


class Outcome(NamedTuple):
    """How a participant ended."""

    participant: str
    state: str
    """finished, skipped (already there) or failed"""
    exit_code: int
    message: str
    held: bool = False
    """Another job, with other settings, is at work on this participant"""


def failed_outcome(participant: str, message: str, exit_code: int = EXIT_FAILED) -> Outcome:
    """Outcome of a participant that failed."""
    return Outcome(participant, "failed", exit_code, message)


def failure_of(where: str, error: Exception) -> Failure:
    """An exception as one line and an exit code; its traceback goes to the log file."""
    log_traceback(where)
    known = foreseen(error)
    if known is not None:
        return Failure(known.exit_code, f"{where}: {known}")
    text = one_line(str(error))
    return Failure(
        EXIT_FAILED, f"{where}: unexpected {type(error).__name__}: {text} (traceback in the log folder)"
    )


def record_failure(path: Path, failure: Failure) -> None:
    """Note a failure beside whatever an earlier run left; results already there stay."""
    try:
        told = {"status": "failed", "errors": [failure.message], "exit_code": failure.exit_code}
        write_summary(path, {**earlier_summary(path), **told})
    except BidsglmError as error:
        LOG.error("%s", error)
