"""Participants over processes: one log, one recap, one exit code."""

import logging
import multiprocessing
import os
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bidsglm.dataset.layout import dataset_links, find_participants
from bidsglm.dataset.outputs import create_folder, write_dataset_files, write_text
from bidsglm.dataset.roots import derivative_roots
from bidsglm.errors import EXIT_FAILED, BidsglmError, NothingMatchedError
from bidsglm.messages import LOG, progress_bar, start_log
from bidsglm.model import ModelSpecification, Settings
from bidsglm.participant import (
    Outcome,
    describe_participant,
    record_death,
    rewrite_report,
    run_participant,
)
from bidsglm.requested import requested_supplements
from bidsglm.unit_models import model_from_file

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def settings_toml(settings: Settings) -> str:
    """Every setting, resolved, as TOML; what has no value stands as a comment.

    Parameters
    ----------
    settings
        The command line.
    """
    import tomli_w

    def plain(value: Any) -> Any:
        if value is None:
            return "null"
        if isinstance(value, Path):
            return str(value)
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, tuple | list) else value

    values = asdict(settings) | {"derivatives": list(derivative_roots(settings).values())}
    unset = [f"# {key}: not set\n" for key, value in values.items() if value is None]
    return "".join(unset) + tomli_w.dumps({k: plain(v) for k, v in values.items() if v is not None})


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


def _start_worker(settings: Settings, log_dir: Path) -> None:
    """Set up a worker process: its log, and BLAS bounded before it is loaded."""
    _bound_threads(settings)
    start_log(settings.verbosity, log_dir)


def _bound_threads(settings: Settings) -> None:
    """Bound the threads of BLAS: two of them around small matrices cost nilearn 40 % more CPU time."""
    from threadpoolctl import threadpool_limits

    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(settings.omp_nthreads)
    threadpool_limits(settings.omp_nthreads)


def _in_processes(settings: Settings, labels: Sequence[str], log_dir: Path) -> Iterator[Outcome]:
    """Outcomes as they come, each participant in a process of a pool of `n_procs` pools of one.

    A process that the system kills (out of memory) breaks its pool; with one worker in each pool it takes
    only its own participant with it.
    """
    waiting = list(labels)
    running: dict[Future[Outcome], tuple[int, str]] = {}
    context = multiprocessing.get_context("spawn")
    pools = {slot: _pool(context, settings, log_dir) for slot in range(min(settings.n_procs, len(labels)))}
    idle = list(pools)
    try:
        while waiting or running:
            while waiting and idle:
                slot, label = idle.pop(), waiting.pop(0)
                running[pools[slot].submit(run_participant, settings, label)] = (slot, label)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                slot, label = running.pop(future)
                idle.append(slot)
                outcome = _outcome(future, label)
                if future.exception() is not None:
                    pools[slot] = _pool(context, settings, log_dir)
                    record_death(settings, label, outcome.message)
                yield outcome
    finally:
        for pool in pools.values():
            pool.shutdown(wait=True, cancel_futures=True)


def _pool(context: Any, settings: Settings, log_dir: Path) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=context, initializer=_start_worker, initargs=(settings, log_dir))


def _outcome(future: "Future[Outcome]", label: str) -> Outcome:
    """Result of a process, or what is to be said of one that died."""
    error = future.exception()
    if error is None:
        return future.result()
    cause = "its process was killed (out of memory? give it more, or fewer --n-procs)"
    text = cause if isinstance(error, BrokenProcessPool) else f"its process failed: {error}"
    return Outcome(label, "failed", EXIT_FAILED, f"sub-{label}: {text}")


def _in_turn(settings: Settings, labels: Sequence[str]) -> Iterator[Outcome]:
    """Outcomes of one participant after the other, in this process."""
    for label in labels:
        yield run_participant(settings, label)


def _collect(outcomes: Iterator[Outcome], total: int, stop_on_first_crash: bool) -> list[Outcome]:
    """All outcomes; or those up to the first failure."""
    done = []
    with progress_bar(total) as advance:
        for outcome in outcomes:
            done.append(outcome)
            advance()
            level = logging.ERROR if outcome.state == "failed" else logging.INFO
            LOG.log(level, "%s", outcome.message)
            if stop_on_first_crash and outcome.state == "failed":
                break
    return done


def recap(outcomes: Sequence[Outcome], total: int) -> int:
    """Say how the participants ended; returns the exit code."""
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    counts = {state: sum(o.state == state for o in outcomes) for state in ("finished", "skipped", "failed")}
    left = total - len(outcomes)
    LOG.log(
        logging.WARNING if failed else logging.INFO,
        "%d finished, %d already there, %d failed%s",
        counts["finished"],
        counts["skipped"],
        counts["failed"],
        f", {left} not started" if left else "",
    )
    if total > 1:
        for outcome in failed:
            LOG.error("failed: %s", outcome.message)
    return _exit_code(failed)


def _exit_code(failed: Sequence[Outcome]) -> int:
    """The failures' own code when they agree, else 1; 0 without any."""
    codes = {outcome.exit_code for outcome in failed}
    return 0 if not codes else codes.pop() if len(codes) == 1 else EXIT_FAILED


def _dry_run(settings: Settings, labels: Sequence[str]) -> int:
    """Say what would be fitted, and what would fail before an image is read; returns the exit code."""
    outcomes = []
    for label in labels:
        try:
            print(describe_participant(settings, label))
        except BidsglmError as error:
            outcomes.append(Outcome(label, "failed", error.exit_code, f"sub-{label}: {error}"))
            LOG.error("%s", outcomes[-1].message)
    return _exit_code(outcomes)


def _use_work_dir(settings: Settings) -> None:
    """Let temporary files and caches of the libraries go to the work folder; processes inherit it."""
    if settings.work_dir is None or settings.dry_run:
        return
    create_folder(settings.work_dir)
    for variable, folder in (
        ("TMPDIR", settings.work_dir),
        ("MPLCONFIGDIR", settings.work_dir / "matplotlib"),
    ):
        os.environ[variable] = str(folder.resolve())


def run_participants(settings: Settings) -> int:
    """The participant level over all participants asked for; returns the exit code."""
    start_log(settings.verbosity, None)
    _bound_threads(settings)
    _use_work_dir(settings)
    model = model_from_file(settings)
    requested_supplements(settings)  # what they cannot use is known before anything is fitted
    labels = _participants(settings, model)
    if settings.dry_run:
        return _dry_run(settings, labels)
    log_dir = settings.output_dir / "logs" / f"{datetime.now():%Y%m%d-%H%M%S}_{uuid.uuid4()}"
    write_dataset_files(settings.output_dir, dataset_links(settings))
    start_log(settings.verbosity, log_dir)
    write_text(log_dir / "bidsglm.toml", settings_toml(settings))
    if not settings.reports_only:  # the results are those of the settings that they were fitted with
        write_text(settings.output_dir / "bidsglm.toml", settings_toml(settings))
    if settings.reports_only:
        outcomes: Iterator[Outcome] = (rewrite_report(settings, label) for label in labels)
    elif min(settings.n_procs, len(labels)) > 1:
        outcomes = _in_processes(settings, labels, log_dir)
    else:
        outcomes = _in_turn(settings, labels)
    done = _collect(outcomes, len(labels), settings.stop_on_first_crash)
    return recap(done, len(labels))
