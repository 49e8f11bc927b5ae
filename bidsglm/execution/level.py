"""The participant level: who takes part, and what is asked for; the fits are loaded where there are any."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bidsglm.dataset.participants import doubts
from bidsglm.dataset.roots import derivative_roots, find_participants
from bidsglm.dataset.validation import check_valid
from bidsglm.errors import NothingMatchedError, joint_code
from bidsglm.messages import LOG, start_log
from bidsglm.model import ModelSpecification
from bidsglm.outputs.failures import failure_of
from bidsglm.process.imports import uncollected
from bidsglm.process.workplace import bound_threads
from bidsglm.requested import requested_add_ons
from bidsglm.settings import Settings
from bidsglm.unit.description import describe_participant
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


def _without_fit(labels: Sequence[str], tell: Callable[[str], None]) -> int:
    """Tell something of every participant that needs no fit; returns the exit code."""
    codes = []
    for label in labels:
        try:
            tell(label)
        except Exception as error:
            failure = failure_of(f"sub-{label}", error)
            codes.append(failure.exit_code)
            LOG.error("%s", failure.message)
    return joint_code(codes)


def _dry_run(settings: Settings, labels: Sequence[str]) -> int:
    """Say what would be fitted, and what would fail before an image is read; returns the exit code."""
    for folder in derivative_roots(settings).values():
        print(f"preprocessed data: {folder}")

    alone = len(labels) == 1
    return _without_fit(labels, lambda label: print(describe_participant(settings, label, alone)))


def _boilerplate(settings: Settings, labels: Sequence[str]) -> int:
    """Print and write the methods text; returns the exit code."""
    from bidsglm.citation import participant_methods, write_methods

    methods: dict[str, tuple[str, ...]] = {}
    code = _without_fit(labels, lambda label: methods.update(participant_methods(settings, label)))
    if methods:
        print(write_methods(settings.output_dir, methods), end="")
    return code


def run_participants(settings: Settings) -> int:
    """The participant level over all participants asked for; returns the exit code."""
    start_log(settings.verbosity, None)
    bound_threads(1)
    model = model_from_file(settings)
    requested_add_ons(settings)  # what they cannot use is known before anything is fitted
    labels = _participants(settings, model)
    # found once: the folders that may hold preprocessed data have as many entries as there are participants
    settings = replace(settings, derivatives=tuple(derivative_roots(settings).values()))
    for doubt in doubts(settings.bids_dir, model.group if model else (), labels):
        LOG.warning("the group level will not run: %s", doubt)
    if not (settings.skip_bids_validation or settings.reports_only):
        check_valid(settings.bids_dir, labels)
    if settings.dry_run:
        return _dry_run(settings, labels)
    if settings.boilerplate_only:
        return _boilerplate(settings, labels)
    with uncollected("bidsglm.execution.fits"):
        from bidsglm.execution.fits import fit_participants

    return fit_participants(settings, labels)
