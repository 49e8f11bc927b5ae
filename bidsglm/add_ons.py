"""What is added to a finished unit without fitting it again.

An option that only adds files beside a fit (values of regions, a calibration, code) makes a `AddOn`:

- its **name** is its key in the unit's summary and its place in messages;
- its **digest** changes when what was asked for changes (the atlas, the number of data sets) and with nothing
  else: what the fit depends on, the version of bidsglm among it, need not be in it, since a new fit drops all
  add-ons;
- its **write** gets a `FinishedUnit`, writes its files below the output folder (with the writers of
  `bidsglm.outputs.names`, which leave nothing half-written) and returns `Written`: their names and what the
  page and the group level want to know of it. It reads maps from disk, or calls
  `bidsglm.unit.preparation.prepare` and `bidsglm.dataset.images.read_data` for what is not there.

To plug one in, add a function from `Settings` to an add-on (None where its option is not given) to
`bidsglm.requested.REQUESTS`. It is called before anything is fitted: what is wrong with the input that its
option names, it should raise there.

The unit's summary keeps `"supplements": {name: {"digest": ..., "files": [...], **facts}}`. An add-on whose
digest and files are there is left alone; else it is written, and files that only its earlier version had are
removed. One that fails leaves the fit, the other add-ons and its own earlier version as they are; it adds
an `"error"` to its entry, is a failure of the participant and is tried again next time. One that is not asked
for stays as it is, less its error, until the unit is fitted again: then it goes, with its files.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from bidsglm.data import Unit
from bidsglm.messages import LOG
from bidsglm.model import ModelSpecification
from bidsglm.outputs.confinement import remove_own
from bidsglm.outputs.failures import Failure, failure_of
from bidsglm.outputs.summary_form import AddOnForm, SummaryForm
from bidsglm.outputs.summary_reading import read_summary, write_summary
from bidsglm.settings import Settings
from bidsglm.unit.summary import summary_path


class FinishedUnit(NamedTuple):
    """What an add-on may want to know of the unit that it is added to."""

    settings: Settings
    unit: Unit
    model: ModelSpecification
    summary: SummaryForm
    """Summary of the finished fit, as on disk; its other add-ons among it"""


class Written(NamedTuple):
    """What an add-on wrote."""

    files: Sequence[str]
    """Relative to the output folder"""
    facts: Mapping[str, object] = {}
    """More for its entry in the summary, as JSON has it; not digest, files or error"""


class AddOn(NamedTuple):
    """Something to add to finished units."""

    name: str
    digest: str
    write: Callable[[FinishedUnit], Written]
    is_slow: bool = False
    """Whether the page is shown before it is written: it may take hours"""


def write_add_ons(
    settings: Settings, unit: Unit, model: ModelSpecification, wanted: Sequence[AddOn]
) -> tuple[bool, list[Failure]]:
    """Write those of the wanted add-ons of a finished unit that are missing or stale.

    Returns
    -------
    Whether the unit's summary is another one now, and what failed

    Raises
    ------
    ReadWriteError
        When the unit's summary cannot be read or written.
    """
    path = summary_path(settings.output_dir, unit)
    # add-ons are of units whose fit has just been found finished
    summary = cast(SummaryForm, read_summary(path))
    earlier = summary.get("supplements", {})
    entries = _without_old_errors(earlier, wanted)
    missing = [s for s in wanted if not _stands(s, entries.get(s.name, {}), settings)]
    if entries != earlier:
        write_summary(path, {**summary, "supplements": entries})
    failures = []
    for add_on in missing:
        finished = FinishedUnit(settings, unit, model, {**summary, "supplements": entries})
        entry, failure = _entry(add_on, entries.get(add_on.name, {}), finished)
        failures += [failure] if failure else []
        stale = set(entries.get(add_on.name, {}).get("files", ())) - set(entry["files"])
        entries = {**entries, add_on.name: entry}
        write_summary(path, {**summary, "supplements": entries})
        remove_own(settings.output_dir, f"sub-{unit.participant}", stale)
    return entries != earlier or bool(missing), failures


def _without_old_errors(entries: Mapping[str, AddOnForm], wanted: Sequence[AddOn]) -> dict[str, AddOnForm]:
    """Entries of a summary; those not asked for now lose their error, and go where nothing else is left."""
    names = {add_on.name for add_on in wanted}
    kept = {name: entry if name in names else _without_error(entry) for name, entry in entries.items()}
    return {name: entry for name, entry in kept.items() if name in names or entry.get("files")}


def _without_error(entry: AddOnForm) -> AddOnForm:
    """An entry as it was before an add-on failed."""
    entry = entry.copy()
    entry.pop("error", None)
    return entry


def _stands(add_on: AddOn, entry: AddOnForm, settings: Settings) -> bool:
    """Whether what is asked for is already there."""
    return (
        bool(entry)
        and "error" not in entry
        and entry.get("digest") == add_on.digest
        and all((settings.output_dir / name).exists() for name in entry["files"])
    )


def _entry(add_on: AddOn, earlier: AddOnForm, finished: FinishedUnit) -> tuple[AddOnForm, Failure | None]:
    """Write an add-on; its entry in the summary, and why it failed if it did."""
    prefix = finished.unit.prefix
    LOG.info("%s: adding %s", prefix, add_on.name)
    try:
        written = add_on.write(finished)
    except Exception as error:
        failure = failure_of(f"{prefix}: {add_on.name}", error)
        failed: AddOnForm = {"digest": "", "files": []}
        return {**failed, **earlier, "error": failure.message}, failure
    entry = cast(AddOnForm, {**written.facts, "digest": add_on.digest, "files": list(written.files)})
    return entry, None
