"""The group level in one sentence: whom there is, their tables, their maps, their page."""

import hashlib
import json
from dataclasses import asdict, replace

from bidsglm.citation import write_citation, write_methods
from bidsglm.dataset.atlas import Atlas
from bidsglm.dataset.roots import dataset_links
from bidsglm.errors import BidsglmError, NoInputError, joint_code
from bidsglm.execution.fits import new_log_dir
from bidsglm.execution.settings_file import OF_THE_JOB, settings_toml
from bidsglm.group.calibrations import write_calibrations
from bidsglm.group.consistency import consistent_members
from bidsglm.group.maps import write_group_maps
from bidsglm.group.members import Members, by_name, find_members, named, participants_of
from bidsglm.group.numbers import GroupNumbers
from bidsglm.group.rois import write_regions
from bidsglm.group.tables import write_tables
from bidsglm.messages import LOG, start_log
from bidsglm.outputs.dataset_files import write_dataset_files
from bidsglm.outputs.names import write_text
from bidsglm.outputs.temporary import remove_left_over
from bidsglm.pages.group import write_group_page
from bidsglm.process.claims import claimed
from bidsglm.process.workplace import bound_threads
from bidsglm.regions.values import requested_atlas
from bidsglm.settings import Settings


def run_group(settings: Settings) -> int:
    """The group level; returns the exit code.

    Raises
    ------
    NoInputError
        When no participant is finished.
    BidsglmError
        When the atlas cannot be used.
    DataError
        When participants were run with different settings, and ``--allow-mixed`` is not given.
    HeldError
        When another job makes this group with other settings.
    """
    start_log(settings.verbosity, None)
    bound_threads(settings.omp_nthreads or 1)
    atlas = requested_atlas(settings)
    found = find_members(settings)
    _check_any(found)
    members = consistent_members(found, settings)
    if not members.compared:
        LOG.warning(
            "only one package was fitted: its group maps are written, and there is nothing to compare"
        )
    if settings.dry_run:
        print(_description(members))
        return 0
    if settings.boilerplate_only:
        print(write_methods(settings.output_dir, {}), end="")
        return 0
    with claimed(settings.output_dir, {"group": _digest(settings)}, LOG.warning):
        return _make_group(members, atlas, settings)


def _digest(settings: Settings) -> str:
    """Changes with whatever makes the group's results others, the participants asked for among it."""
    places = {"output_dir": settings.output_dir.resolve(), "bids_dir": settings.bids_dir.resolve()}
    ours = asdict(replace(settings, **places))  # type: ignore[arg-type]
    facts = {
        key: str(value) for key, value in ours.items() if key not in OF_THE_JOB or key.endswith("_labels")
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _make_group(members: Members, atlas: Atlas | None, settings: Settings) -> int:
    """Write the group's tables, maps and page; returns the exit code."""
    remove_left_over((settings.output_dir / "group").rglob(".*"))
    _describe_dataset(settings)
    _start_log_file(settings)
    tables = write_tables(members, settings)
    numbers = GroupNumbers(settings.output_dir)
    members = write_calibrations(tables.members, numbers)
    if not settings.reports_only:
        members = write_regions(members, atlas, numbers)
        members = write_group_maps(members, settings, tables, numbers)
    page, errors = write_group_page(settings, tables._replace(members=members), numbers)
    write_citation(settings.output_dir)
    LOG.info("see %s", page)
    read = {str(row["participant_id"]) for each in tables.agreement.values() for row in each.rows}
    return _recap(members._replace(failures=(*members.failures, *errors)), len(read))


def _description(members: Members) -> str:
    """What would be taken together, and who not, for --dry-run."""
    n_units, n_labels = len(members.finished), len(members.labels)
    lines = [f"{n_units} finished units of {n_labels} participants in {members.output_dir}"]
    names = by_name(members.finished)
    lines += [f"  {name}: {named(participants_of(units))}" for name, units in names.items()]
    lines += [f"  {_about(label, problem)}" for label, problem in members.problems.items() if problem]
    return "\n".join(lines)


def _start_log_file(settings: Settings) -> None:
    """Let messages and tracebacks go to a file of this run too, beside the settings."""
    log_dir = new_log_dir(settings.output_dir)
    start_log(settings.verbosity, log_dir)
    try:
        text = settings_toml(settings)
    except BidsglmError as error:  # the preprocessed data are gone, and are not needed here
        LOG.debug("%s", error)
        return
    write_text(log_dir / "bidsglm.toml", text)


def _describe_dataset(settings: Settings) -> None:
    """Write the root's files, unless the data that they link to are gone and they stand there already."""
    try:
        write_dataset_files(settings.output_dir, dataset_links(settings))
    except BidsglmError:
        if not (settings.output_dir / "dataset_description.json").exists():
            write_dataset_files(settings.output_dir, {"raw": settings.bids_dir.absolute()})


def _check_any(members: Members) -> None:
    if not members.finished:
        problems = [problem for problem in members.problems.values() if problem]
        raise NoInputError(
            f"{members.output_dir}: no finished participant among {len(members.labels)}"
            f"{f' ({problems[0]})' if problems else ''}; run the participant level first"
        )


def _recap(members: Members, n_compared: int) -> int:
    """Say who is in the group and who is not, and in how many agreement could be read; returns the exit code.

    Participants who are not finished only make a warning; results that are there but damaged make the code.
    """
    for participant, problem in members.problems.items():
        if problem:
            LOG.warning("left out of the group, wholly or in part: %s", _about(participant, problem))
    what = "compared" if members.compared or not members.finished else "in the group maps"
    n_there = n_compared if members.compared else len(participants_of(members.finished))
    LOG.info("%d of %d participants %s", n_there, len(members.labels), what)
    for error in members.failures:
        LOG.error("failed: %s", error)
    return joint_code(error.exit_code for error in members.failures)


def _about(participant: str, problem: str) -> str:
    """A problem with the participant's name in front, once.

    >>> _about("01", "sub-01: not run yet"), _about("02", "is damaged")
    ('sub-01: not run yet', 'sub-02: is damaged')
    """
    return problem if problem.startswith(f"sub-{participant}") else f"sub-{participant}: {problem}"
