"""One participant: find, read, fit with each backend, compare, write, report."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bidsglm.add_ons import AddOn, write_add_ons
from bidsglm.attribution.engine import Explanation
from bidsglm.data import Unit
from bidsglm.errors import EXIT_FAILED, BidsglmError, HeldError, NoInputError, joint_code
from bidsglm.messages import LOG
from bidsglm.outputs.confinement import confined_to, remove_own
from bidsglm.outputs.failures import Failure, Outcome, failed_outcome, failure_of, record_failure
from bidsglm.outputs.names import json_text
from bidsglm.outputs.summaries import failure_path, unit_summaries
from bidsglm.outputs.temporary import remove_left_over
from bidsglm.outputs.writes import write_shared
from bidsglm.pages.sources import page_is_current
from bidsglm.process.claims import Claim, claimed
from bidsglm.process.cores import aside
from bidsglm.process.imports import uncollected
from bidsglm.requested import requested_add_ons
from bidsglm.settings import Settings
from bidsglm.unit.configuration import configuration
from bidsglm.unit.fit import Fitted, estimated, inferred
from bidsglm.unit.memory import check_memory
from bidsglm.unit.models import Model, Units, model_path, units_with_models
from bidsglm.unit.preparation import prepare
from bidsglm.unit.summary import Stamp, fit_digest, is_finished, summary_path
from bidsglm.unit.writing import write_unit


def _fit_unit(work: "_Work", settings: Settings, claim: Claim) -> None:
    """Fit a unit and write its results, if it is still ours by then.

    Raises
    ------
    HeldError
        When another job has taken over.
    BidsglmError
        When it cannot be fitted or written.
    """
    started = datetime.now(UTC)
    unit, model = work.unit, work.model
    LOG.info("%s: fitting %d run%s", unit.prefix, len(unit.runs), "s" * (len(unit.runs) > 1))
    prepared = prepare(unit, model.specification, model.backends)
    check_memory(unit, model.specification, settings)
    maps = estimated(prepared)
    LOG.debug("%s: fitted after %.1f s", unit.prefix, _seconds_since(started))
    configured = configuration(model.specification, settings.matching, tuple(maps.fits))
    stamp = Stamp(work.digest, configured, started, settings.reference)
    # what is significant is found out, and all is written, while the differences are explained
    with aside(lambda: _explanations(maps, settings)) as found:
        fitted = inferred(maps)
        for note in fitted.notes:
            LOG.warning("%s: %s", unit.prefix, note)
        write_unit(fitted, lambda: _with_pages(found), settings.output_dir, stamp, claim.confirm)
    LOG.debug("%s: written after %.1f s", unit.prefix, _seconds_since(started))


def _explanations(fitted: Fitted, settings: Settings) -> tuple[Explanation, ...]:
    """Why the packages' maps differ, if that is asked for."""
    if not settings.attribution:
        return ()
    with uncollected("bidsglm.unit.explanation"):
        from bidsglm.unit.explanation import explanations

    return tuple(explanations(fitted, settings.reference))


def _with_pages(found: Callable[[], tuple[Explanation, ...]]) -> tuple[Explanation, ...]:
    """Import what draws pages while explanations are still being found, and wait for these."""
    _page_writer()
    return found()


def _seconds_since(started: datetime) -> float:
    return (datetime.now(UTC) - started).total_seconds()


class _Work(NamedTuple):
    """A unit and what it is to become."""

    unit: Unit
    model: Model
    digest: str


def _run_unit(
    work: _Work, settings: Settings, add_ons: Sequence[AddOn], claim: Claim
) -> tuple[str, list[Failure]]:
    """Fit a unit unless that fit stands, and add what is missing; how it ended, and what failed."""
    unit, model = work.unit, work.model
    try:
        stands = not settings.overwrite and is_finished(unit, settings.output_dir, work.digest)
        if not stands:
            _fit_unit(work, settings, claim)
        # Its Dataset nodes may be new although the fit is not.
        write_shared(model_path(settings.output_dir, model.specification.name), json_text(model.document))
    except HeldError:
        raise
    except Exception as error:
        return "failed", [_unit_failure(unit, settings, error)]
    changed, failures = _add(unit, model, settings, add_ons)
    return "skipped" if stands and not changed else "finished", failures


def write_participant_page(output_dir: Path, participant: str) -> None:
    """Write the page, as `bidsglm.pages.participant` does; it is imported only when one is due."""
    _page_writer()(output_dir, participant)


def _page_writer() -> Callable[[Path, str], None]:
    with uncollected("bidsglm.pages.participant"):
        from bidsglm.pages.participant import write_participant_page as write
    return write


def _show_early(settings: Settings, participant: str) -> None:
    """Write the page before slow add-ons begin; a failure is reported when it is written at the end."""
    if not page_is_current(settings.output_dir, participant):
        with suppress(Exception):
            write_participant_page(settings.output_dir, participant)
            LOG.info("sub-%s: see %s; it is renewed at the end", participant, _page(settings, participant))


def _add(
    unit: Unit, model: Model, settings: Settings, add_ons: Sequence[AddOn]
) -> tuple[bool, list[Failure]]:
    """Add what is missing to a finished unit; whether anything changed, and what failed."""
    try:
        return write_add_ons(settings, unit, model.specification, add_ons)
    except Exception as error:  # the fit itself stands
        return True, [failure_of(unit.prefix, error)]


def _unit_failure(unit: Unit, settings: Settings, error: Exception) -> Failure:
    """A failure, noted in the unit's summary too."""
    failure = failure_of(unit.prefix, error)
    record_failure(summary_path(settings.output_dir, unit), failure)
    return failure


def _work(settings: Settings, participant: str, units: Units | None) -> tuple[list[_Work], list[Failure]]:
    """Units of a participant with what they are to become; those whose files are gone fail here."""
    found, failures = [], []
    for unit, model in units_with_models(settings, participant) if units is None else units:
        try:
            found.append(_Work(unit, model, fit_digest(unit, model.specification, settings)))
        except Exception as error:
            failures.append(_unit_failure(unit, settings, error))
    return found, failures


class _Done(NamedTuple):
    """What was done for a participant but for the page."""

    states: list[str]
    failures: list[Failure]
    page_due: bool


def _run_units(settings: Settings, participant: str, units: Units | None, held: ExitStack) -> _Done:
    """Do all units of a participant; a unit that fails does not stop the others.

    All are claimed before the first is fitted: two jobs with different settings never mix theirs. The claims
    are let go with `held`.

    Raises
    ------
    HeldError
        When another job, with other settings, holds one of them.
    """
    waiting, failures = _work(settings, participant, units)
    states = ["failed"] * len(failures)
    wanted = {work.unit.prefix: work.digest for work in waiting}
    claims = held.enter_context(claimed(settings.output_dir, wanted, LOG.warning))
    if not (failures and settings.stop_on_first_crash):
        more, failed = _run_claimed(waiting, settings, participant, claims)
        states, failures = [*states, *more], [*failures, *failed]
    _clear_marker(settings, participant)
    due = bool(failures) or "finished" in states or not page_is_current(settings.output_dir, participant)
    return _Done(states, failures, due)


def _run_claimed(
    waiting: Sequence[_Work], settings: Settings, participant: str, claims: Mapping[str, Claim]
) -> tuple[list[str], list[Failure]]:
    """Do units that are ours for now: all fits first, then what takes long to add to them."""
    add_ons = requested_add_ons(settings)
    quick = [add_on for add_on in add_ons if not add_on.is_slow]
    slow = [add_on for add_on in add_ons if add_on.is_slow]
    states: list[str] = []
    failures: list[Failure] = []
    fitted: list[_Work] = []
    for work in waiting:
        state, failed = _run_unit(work, settings, quick, claims[work.unit.prefix])
        states.append(state)
        failures += failed
        fitted += [work] if state != "failed" else []
        if failures and settings.stop_on_first_crash:
            return states, failures
    if slow and fitted:
        _show_early(settings, participant)
        for work in fitted:
            changed, failed = _add(work.unit, work.model, settings, add_ons)
            states += ["finished"] if changed else []
            failures += [failure for failure in failed if failure not in failures]
    return states, failures


def _clear_marker(settings: Settings, participant: str) -> None:
    """Forget that an earlier run failed before any unit was known."""
    marker = failure_path(settings.output_dir, participant)
    remove_own(settings.output_dir, f"sub-{participant}", [f"sub-{participant}/{marker.name}"])


class Ending(NamedTuple):
    """What is left to do for a participant whose units are done."""

    page_due: bool
    tell: Callable[[], Outcome]
    """Writes the page if it is due, and says how the participant ended"""


def run_participant(settings: Settings, participant: str, units: Units | None = None) -> Outcome:
    """Do the participant level for one participant; never raises for what is wrong with their data."""
    return fit_participant(settings, participant, units).tell()


def fit_participant(settings: Settings, participant: str, units: Units | None = None) -> Ending:
    """Do a participant's units, or those already found; the page is left for later."""
    marker = failure_path(settings.output_dir, participant)
    with confined_to(settings.output_dir), ExitStack() as held:
        remove_left_over(marker.parent.rglob(".*"))
        try:
            done = _run_units(settings, participant, units, held)
        except HeldError as error:  # what stands there is the other job's
            text = f"sub-{participant}: {error}"
            other = failed_outcome(participant, text, error.exit_code)._replace(held=True)
            return Ending(False, lambda: other)
        except Exception as error:
            held.close()
            failure = failure_of(f"sub-{participant}", error)
            record_failure(marker, failure)
            done = _Done([], [failure], True)
        # the units stay claimed until the page that tells of them is written
        return Ending(done.page_due, partial(_end, settings, participant, done, held.pop_all()))


def _end(settings: Settings, participant: str, done: _Done, held: ExitStack) -> Outcome:
    """Write the page if it is due; how the participant ended."""
    with confined_to(settings.output_dir), held:
        failures = [*done.failures, *(_write_page(settings, participant) if done.page_due else ())]
    if failures:
        text = "; ".join(failure.message for failure in failures)
        return failed_outcome(participant, text, joint_code(failure.exit_code for failure in failures))
    page = _page(settings, participant)
    if "finished" in done.states:
        return Outcome(participant, "finished", 0, f"sub-{participant}: finished, see {page}")
    return Outcome(
        participant, "skipped", 0, f"sub-{participant}: already there, see {page} (--overwrite fits again)"
    )


def record_death(settings: Settings, participant: str, message: str, exit_code: int = EXIT_FAILED) -> None:
    """Write into a participant's page why its process could not do so itself."""
    failure = Failure(exit_code, message)
    with confined_to(settings.output_dir):
        record_failure(failure_path(settings.output_dir, participant), failure)
        _write_page(settings, participant)


def _page(settings: Settings, participant: str) -> Path:
    return settings.output_dir / f"sub-{participant}.html"


def _write_page(settings: Settings, participant: str) -> list[Failure]:
    """Write the page from what stands on disk; its failure is one more failure of the participant."""
    LOG.info("sub-%s: writing the page", participant)
    try:
        write_participant_page(settings.output_dir, participant)
    except Exception as error:
        return [failure_of(f"sub-{participant}: report", error)]
    return []


def rewrite_report(settings: Settings, participant: str) -> Outcome:
    """Write a finished participant's page again."""
    try:
        if not unit_summaries(settings.output_dir, participant):
            raise NoInputError(
                f"{settings.output_dir}: holds no finished results; run without --reports-only first"
            )
    except BidsglmError as error:
        return failed_outcome(participant, f"sub-{participant}: {error}", error.exit_code)
    failures = _write_page(settings, participant)
    if failures:
        return failed_outcome(participant, failures[0].message, failures[0].exit_code)
    return Outcome(
        participant, "finished", 0, f"sub-{participant}: report written, see {_page(settings, participant)}"
    )
