"""The participant level: one log, one recap, one exit code, whoever does the work."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from bidsglm.citation import write_citation, write_methods
from bidsglm.dataset.layout import dataset_links, find_participants
from bidsglm.dataset.participants import doubts
from bidsglm.dataset.roots import derivative_roots
from bidsglm.dataset.validation import check_valid
from bidsglm.errors import NothingMatchedError
from bidsglm.execution.dask_cluster import check_reachable, on_dask
from bidsglm.execution.memory import MemoryBound, participant_need, size
from bidsglm.execution.processes import over_processes
from bidsglm.execution.recap import collected, exit_code, recap
from bidsglm.execution.settings_file import OF_THE_JOB, settings_toml
from bidsglm.messages import LOG, start_log
from bidsglm.model import ModelSpecification, Settings
from bidsglm.outputs.failures import failure_of
from bidsglm.outputs.names import create_folder, write_dataset_files, write_text
from bidsglm.outputs.temporary import remove_left_over
from bidsglm.outputs.writes import write_shared
from bidsglm.participant import (
    Outcome,
    describe_participant,
    participant_methods,
    rewrite_report,
    run_participant,
)
from bidsglm.process.claims import FOLDER as CLAIMS
from bidsglm.process.workplace import bound_threads
from bidsglm.requested import requested_add_ons
from bidsglm.unit.models import model_from_file


def _participants(settings: Settings, model: ModelSpecification | None) -> tuple[str, ...]:
    """Those asked for, less those that the model's Input leaves out.

    Raises
    ------
    NothingMatchedError
        When none is left.
    """
    found = find_participants(settings)
    wanted = [label.removeprefix("sub-") for label in model.inputs.get("subject", ())] if model else []
    chosen = tuple(label for label in found if not wanted or label in wanted)
    if not chosen:
        raise NothingMatchedError(
            f"{settings.model}: Input.subject lists {', '.join(wanted[:5])}, "
            f"of whom none is among the participants ({', '.join(found[:5])}); correct one of them"
        )
    return chosen


def _in_turn(settings: Settings, labels: Sequence[str], bound: MemoryBound) -> Iterator[Outcome]:
    """Outcomes of one participant after the other, in this process."""
    for label in labels:
        yield bound.refusal(label) or run_participant(settings, label)


def _outcomes(settings: Settings, labels: Sequence[str], log_dir: Path) -> Iterator[Outcome]:
    """Outcomes of all participants as they come, by whatever does the work."""
    if settings.reports_only:
        return (rewrite_report(settings, label) for label in labels)
    if settings.scheduler:
        needs = {label: participant_need(settings, label).n_bytes for label in labels}
        return on_dask(settings, labels, log_dir, needs)
    bound = MemoryBound(settings, alone=len(labels) == 1)
    if min(settings.n_procs, len(labels)) > 1:
        return over_processes(settings, labels, log_dir, bound)
    return _in_turn(settings, labels, bound)


def _without_fit(labels: Sequence[str], tell: Callable[[str], None]) -> int:
    """Tell something of every participant that needs no fit; returns the exit code."""
    outcomes = []
    for label in labels:
        try:
            tell(label)
        except Exception as error:
            failure = failure_of(f"sub-{label}", error)
            outcomes.append(Outcome(label, "failed", failure.exit_code, failure.message))
            LOG.error("%s", failure.message)
    return exit_code(outcomes)


def _dry_run(settings: Settings, labels: Sequence[str]) -> int:
    """Say what would be fitted, and what would fail before an image is read; returns the exit code."""
    for folder in derivative_roots(settings).values():
        print(f"preprocessed data: {folder}")

    def tell(label: str) -> None:
        print(describe_participant(settings, label))
        print(f"  about {size(participant_need(settings, label, len(labels) == 1).n_bytes)} of memory")

    return _without_fit(labels, tell)


def _boilerplate(settings: Settings, labels: Sequence[str]) -> int:
    """Print and write the methods text; returns the exit code."""
    methods: dict[str, tuple[str, ...]] = {}
    code = _without_fit(labels, lambda label: methods.update(participant_methods(settings, label)))
    if methods:
        print(write_methods(settings.output_dir, methods), end="")
    return code


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


def run_participants(settings: Settings) -> int:
    """The participant level over all participants asked for; returns the exit code."""
    start_log(settings.verbosity, None)
    bound_threads(settings.omp_nthreads)
    model = model_from_file(settings)
    requested_add_ons(settings)  # what they cannot use is known before anything is fitted
    labels = _participants(settings, model)
    for doubt in doubts(settings.bids_dir, model.group if model else (), labels):
        LOG.warning("the group level will not run: %s", doubt)
    if not (settings.skip_bids_validation or settings.reports_only):
        check_valid(settings.bids_dir, labels)
    if settings.dry_run:
        return _dry_run(settings, labels)
    if settings.boilerplate_only:
        return _boilerplate(settings, labels)
    if settings.scheduler:
        check_reachable(settings)
    log_dir = _start_run(settings)
    outcomes = _with_settings(_outcomes(settings, labels, log_dir), settings)
    done = collected(outcomes, len(labels), settings.stop_on_first_crash)
    write_citation(settings.output_dir, labels)
    return recap(done, len(labels))
