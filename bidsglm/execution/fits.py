"""The fits of the participant level: log, execution, what is written at the end, recap."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from bidsglm.citation import write_citation
from bidsglm.dataset.roots import dataset_links
from bidsglm.execution.memory import MemoryBound, demand
from bidsglm.execution.processes import over_processes
from bidsglm.execution.recap import collected, recap
from bidsglm.execution.settings_file import OF_THE_JOB, settings_toml
from bidsglm.messages import start_log
from bidsglm.outputs.dataset_files import write_dataset_files
from bidsglm.outputs.failures import Outcome
from bidsglm.outputs.names import create_folder, write_text
from bidsglm.outputs.temporary import remove_left_over
from bidsglm.outputs.writes import write_shared
from bidsglm.participant import Ending, fit_participant, rewrite_report
from bidsglm.process.claims import FOLDER as CLAIMS
from bidsglm.process.cores import begun, cores_of_each, use_cores
from bidsglm.settings import Settings


def _in_turn(settings: Settings, labels: Sequence[str], bound: MemoryBound) -> Iterator[Outcome]:
    """Outcomes of one participant after the other, in this process, which has its cores until the last.

    A participant's page is written while the next one is fitted, where a core is idle; no two at once.
    """
    n_cores = cores_of_each(settings, len(labels))
    use_cores(n_cores)
    # who stops at the first failure wants to know of it before the next is begun
    beside = n_cores > 1 and not settings.stop_on_first_crash
    page: Callable[[], Outcome] | None = None
    try:
        for label in labels:
            ending = _ending(settings, label, bound)
            if page is not None:
                outcome, page = page(), None
                yield outcome
            if beside and ending.page_due:
                page = begun(ending.tell)
            else:
                yield ending.tell()
        if page is not None:
            outcome, page = page(), None
            yield outcome
    finally:
        if page is not None:
            page()
        use_cores(1)


def _ending(settings: Settings, label: str, bound: MemoryBound) -> Ending:
    """Fit a participant who fits into memory."""
    refusal = bound.refusal(label)
    if refusal is not None:
        return Ending(False, lambda: refusal)
    return fit_participant(settings, label, bound.units(label))


def _outcomes(settings: Settings, labels: Sequence[str], log_dir: Path) -> Iterator[Outcome]:
    """Outcomes of all participants as they come, by whatever does the work."""
    if settings.reports_only:
        return (rewrite_report(settings, label) for label in labels)
    if settings.scheduler:
        from bidsglm.execution.dask_cluster import on_dask

        return on_dask(settings, labels, log_dir, {label: demand(settings, label) for label in labels})
    bound = MemoryBound(settings, alone=len(labels) == 1)
    if min(settings.n_processes, len(labels)) > 1:
        return over_processes(settings, labels, log_dir, bound)
    return _in_turn(settings, labels, bound)


def new_log_dir(output_dir: Path) -> Path:
    """A new folder for the log of a run, which no other run has.

    Raises
    ------
    CannotCreateError
        When it cannot be created.
    """
    log_dir = output_dir / "logs" / f"{datetime.now():%Y%m%d-%H%M%S}_{uuid.uuid4()}"
    create_folder(log_dir)
    return log_dir


def _start_run(settings: Settings) -> Path:
    """Make the output folder and the run's log folder in it; returns the latter."""
    output_dir = settings.output_dir
    write_dataset_files(output_dir, dataset_links(settings))
    log_dir = new_log_dir(output_dir)
    for folder in (output_dir, output_dir / "logs", output_dir.joinpath(*CLAIMS)):
        remove_left_over(folder.glob(".*"))
    start_log(settings.verbosity, log_dir)
    write_text(log_dir / "bidsglm.toml", settings_toml(settings))
    return log_dir


def _with_settings(outcomes: Iterator[Outcome], settings: Settings) -> Iterator[Outcome]:
    """The outcomes; once one is as these settings make it, they are those of the folder's results."""
    for outcome in outcomes:
        if outcome.state != "failed" and not settings.reports_only:
            write_shared(settings.output_dir / "bidsglm.toml", settings_toml(settings, OF_THE_JOB))
        yield outcome


def fit_participants(settings: Settings, labels: Sequence[str]) -> int:
    """Fit participants, over processes or on a cluster; returns the exit code."""
    if settings.scheduler:
        from bidsglm.execution.dask_cluster import check_reachable

        check_reachable(settings)
    log_dir = _start_run(settings)
    outcomes = _with_settings(_outcomes(settings, labels, log_dir), settings)
    done = collected(outcomes, len(labels), settings.stop_on_first_crash)
    write_citation(settings.output_dir, labels)
    return recap(done, len(labels))
