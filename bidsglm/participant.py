"""One participant: find, read, fit with each backend, compare, write, report."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import bidsglm
from bidsglm.backends import BACKENDS
from bidsglm.dataset.automatic import automatic_model
from bidsglm.dataset.events import task_trial_types, trial_types
from bidsglm.dataset.layout import find_units
from bidsglm.dataset.outputs import write_json
from bidsglm.dataset.specification import parse_model, read_document, read_model
from bidsglm.errors import EXIT_FAILED, BidsglmError, DataError, NoInputError
from bidsglm.explain import explain
from bidsglm.messages import LOG, log_traceback
from bidsglm.model import ModelSpecification, Settings, Unit
from bidsglm.pages import failure_path, unit_summaries, write_participant_page
from bidsglm.summary import earlier_summary, summary_path
from bidsglm.unit import fit, prepare, run_label
from bidsglm.writing import write_unit

LONGEST_MODEL_LABEL = 200
"""Characters; a file name has room for 255 bytes, those of a temporary name too."""


class Outcome(NamedTuple):
    """How a participant ended."""

    participant: str
    state: str
    """finished, skipped (already there) or failed"""
    exit_code: int
    message: str


class Failure(NamedTuple):
    """Why something failed, in one line."""

    exit_code: int
    message: str


class Model(NamedTuple):
    """A model and the document it was read from."""

    specification: ModelSpecification
    document: Mapping[str, Any]


def model_from_file(settings: Settings) -> ModelSpecification | None:
    """The model file of the command line, checked against every backend; None when there is none.

    Raises
    ------
    DataError, NoInputError, UsageError
        When the file cannot be used, or a backend cannot express its model.
    """
    return _model_of_file(settings).specification if settings.model else None


def _model_of_file(settings: Settings) -> Model:
    assert settings.model is not None
    model = read_model(settings.model, settings)
    _check_expressible(model, settings.backends)
    return Model(model, read_document(settings.model))


def _check_expressible(model: ModelSpecification, backends: Sequence[str]) -> None:
    """Ask every backend whether it can express a model; a refusal names the model's file."""
    for name in backends:
        try:
            BACKENDS[name].check(model)
        except DataError as error:
            raise DataError(f"{model.origin}: {error}") from error


@lru_cache
def _trial_types(bids_dir: Path, task: str) -> tuple[str, ...]:
    """Trial types of a task over the whole data set, so that all participants get the same model."""
    return task_trial_types(bids_dir, task)


def _automatic(settings: Settings, unit: Unit) -> Model:
    """The automatic model of a unit's task.

    Raises
    ------
    DataError, ReadWriteError, UsageError
        When the events cannot be used, or the overrides make no model that every backend can express.
    """
    task = unit.entities["task"]
    # Where no file of the task can be used, the unit's own say why.
    types = _trial_types(settings.bids_dir, task) or trial_types(unit.runs)
    document = automatic_model(task, types, settings)
    model = parse_model(document, f"the automatic model of task-{task}", settings, automatic=True)
    _check_expressible(model, settings.backends)
    return Model(model, document)


def _work(settings: Settings, participant: str) -> Iterator[tuple[Unit, Model]]:
    """Units of a participant, each with its model."""
    if settings.model:
        model = _model_of_file(settings)
        spec = model.specification
        for unit in find_units(settings, spec.inputs, spec.mask_entities, participant, spec.by_session):
            yield unit, model
    else:
        for unit in find_units(settings, {}, {}, participant, by_session=True):
            yield unit, _automatic(settings, unit)


def model_path(output_dir: Path, name: str) -> Path:
    """Where a model of that name stands among the results.

    >>> model_path(Path("out"), "finger tapping").name
    'model-fingertapping_smdl.json'
    """
    label = re.sub(r"[^0-9A-Za-z]", "", name)[:LONGEST_MODEL_LABEL] or "model"
    return output_dir / f"model-{label}_smdl.json"


def _digest(unit: Unit, model: ModelSpecification, settings: Settings) -> str:
    """Changes when the model, the backends, bidsglm, an input file or the timing in its metadata change."""
    files = [f for run in unit.runs for f in (run.bold, run.events, run.confounds, run.mask) if f is not None]
    stamps = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    timing = [(run.repetition_time, run.start_time) for run in unit.runs]
    facts = [
        bidsglm.__version__,
        settings.backends,
        settings.matching,
        settings.attribution,
        asdict(model),
        stamps,
        timing,
    ]
    text = json.dumps(facts, default=lambda value: value.tolist() if hasattr(value, "tolist") else str(value))
    return hashlib.sha256(text.encode()).hexdigest()


def _is_finished(unit: Unit, output_dir: Path, digest: str) -> bool:
    """Whether the same fit of the same data stands complete in the output folder."""
    summary = earlier_summary(summary_path(output_dir, unit))
    same = summary.get("status") == "finished" and summary.get("digest") == digest
    return same and all((output_dir / name).exists() for name in summary.get("files", ["?"]))


def _fit_unit(unit: Unit, model: Model, settings: Settings) -> str:
    """Fit a unit and write its results; returns finished or skipped.

    Raises
    ------
    BidsglmError
        When it cannot be fitted or written.
    """
    started = datetime.now(UTC)
    digest = _digest(unit, model.specification, settings)
    if not settings.overwrite and _is_finished(unit, settings.output_dir, digest):
        return "skipped"
    LOG.info("%s: fitting %d run%s", unit.prefix, len(unit.runs), "s" * (len(unit.runs) > 1))
    prepared = prepare(unit, model.specification, settings.backends)
    write_json(model_path(settings.output_dir, model.specification.name), model.document)
    fitted = fit(prepared)
    LOG.debug("%s: fitted after %.1f s", unit.prefix, _seconds_since(started))
    for note in fitted.notes:
        LOG.warning("%s: %s", unit.prefix, note)
    explanation = explain(fitted) if settings.attribution and len(fitted.fits) == 2 else None
    LOG.debug("%s: explained after %.1f s", unit.prefix, _seconds_since(started))
    write_unit(fitted, explanation, settings.output_dir, digest, started)
    LOG.debug("%s: written after %.1f s", unit.prefix, _seconds_since(started))
    return "finished"


def _seconds_since(started: datetime) -> float:
    return (datetime.now(UTC) - started).total_seconds()


def _failure(where: str, error: Exception) -> Failure:
    """An exception as one line and an exit code; its traceback goes to the log file."""
    log_traceback(where)
    if isinstance(error, BidsglmError):
        return Failure(error.exit_code, f"{where}: {error}")
    if isinstance(error, MemoryError):
        return Failure(EXIT_FAILED, f"{where}: out of memory; give it more, or fewer --n-procs")
    text = " ".join(str(error).split())
    return Failure(
        EXIT_FAILED, f"{where}: unexpected {type(error).__name__}: {text} (traceback in the log folder)"
    )


def _record_failure(path: Path, failure: Failure, settings: Settings) -> None:
    """Note a failure beside whatever an earlier run left; results already there stay."""
    try:
        write_json(path, {**earlier_summary(path), "status": "failed", "errors": [failure.message]})
    except BidsglmError as error:
        LOG.error("%s", error)


def _run_units(settings: Settings, participant: str) -> tuple[list[str], list[Failure]]:
    """Fit all units of a participant; a unit that fails does not stop the others."""
    states, failures = [], []
    for unit, model in _work(settings, participant):
        try:
            states.append(_fit_unit(unit, model, settings))
        except Exception as error:
            failure = _failure(unit.prefix, error)
            _record_failure(summary_path(settings.output_dir, unit), failure, settings)
            failures.append(failure)
            if settings.stop_on_first_crash:
                break
    return states, failures


def run_participant(settings: Settings, participant: str) -> Outcome:
    """Do the participant level for one participant; never raises for what is wrong with their data."""
    marker = failure_path(settings.output_dir, participant)
    states: list[str] = []
    try:
        states, failures = _run_units(settings, participant)
        marker.unlink(missing_ok=True)
    except Exception as error:
        failures = [_failure(f"sub-{participant}", error)]
        _record_failure(marker, failures[0], settings)
    if failures or "finished" in states or not _page(settings, participant).exists():
        failures += _write_page(settings, participant)
    if failures:
        codes = {failure.exit_code for failure in failures}
        text = "; ".join(failure.message for failure in failures)
        return Outcome(participant, "failed", codes.pop() if len(codes) == 1 else EXIT_FAILED, text)
    page = _page(settings, participant)
    if "finished" in states:
        return Outcome(participant, "finished", 0, f"sub-{participant}: finished, see {page}")
    return Outcome(
        participant, "skipped", 0, f"sub-{participant}: already there, see {page} (--overwrite fits again)"
    )


def record_death(settings: Settings, participant: str, message: str) -> None:
    """Write into a participant's page why its process could not do so itself."""
    failure = Failure(EXIT_FAILED, message)
    _record_failure(failure_path(settings.output_dir, participant), failure, settings)
    _write_page(settings, participant)


def _page(settings: Settings, participant: str) -> Path:
    return settings.output_dir / f"sub-{participant}.html"


def _write_page(settings: Settings, participant: str) -> list[Failure]:
    """Write the page from what stands on disk; its failure is one more failure of the participant."""
    try:
        write_participant_page(settings.output_dir, participant)
    except Exception as error:
        return [_failure(f"sub-{participant}: report", error)]
    return []


def rewrite_report(settings: Settings, participant: str) -> Outcome:
    """Write a finished participant's page again."""
    try:
        if not unit_summaries(settings.output_dir, participant):
            raise NoInputError(
                f"{settings.output_dir}: holds no finished results; run without --reports-only first"
            )
    except BidsglmError as error:
        return Outcome(participant, "failed", error.exit_code, f"sub-{participant}: {error}")
    failures = _write_page(settings, participant)
    if failures:
        return Outcome(participant, "failed", failures[0].exit_code, failures[0].message)
    return Outcome(
        participant, "finished", 0, f"sub-{participant}: report written, see {_page(settings, participant)}"
    )


def describe_participant(settings: Settings, participant: str) -> str:
    """What would be fitted, for --dry-run; nothing is written.

    Raises
    ------
    BidsglmError
        Whatever would stop the fit before its images are read.
    """
    lines = [f"sub-{participant}"]
    for unit, model in _work(settings, participant):
        prepared = prepare(unit, model.specification, settings.backends)
        lines.append(f"  {unit.prefix}: model {model.specification.name}, {' and '.join(settings.backends)}")
        for prefix, run in zip(unit.run_prefixes, unit.runs, strict=True):
            lines.append(
                f"    {run_label(prefix)}: {run.bold.name}, {run.n_scans} scans, TR {run.repetition_time:g} s"
            )
        for backend, designs in prepared.designs.items():
            lines.append(f"    {backend} regressors: {_columns(designs[0].names)}")
        lines.extend(f"    contrast {c.name} ({c.test})" for c in prepared.contrasts)
        lines.extend(f"    note: {note}" for note in prepared.notes)
    return "\n".join(lines)


def _columns(names: Sequence[str]) -> str:
    return f"{len(names)}: {', '.join(names)}"
