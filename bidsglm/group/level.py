"""The group level in one sentence: whom there is, their tables, their page."""

from bidsglm.citation import write_citation
from bidsglm.dataset.outputs import write_dataset_files
from bidsglm.dataset.roots import dataset_links
from bidsglm.errors import NoInputError
from bidsglm.group.members import Members, find_members
from bidsglm.group.page import write_group_page
from bidsglm.group.tables import write_agreement
from bidsglm.messages import LOG, start_log
from bidsglm.model import Settings


def run_group(settings: Settings) -> int:
    """The group level; returns the exit code.

    Raises
    ------
    NoInputError
        When no participant is finished.
    """
    start_log(settings.verbosity, None)
    members = find_members(settings)
    _check_any(members)
    if settings.dry_run:
        n_units, n_labels = len(members.compared), len(members.labels)
        print(f"{n_units} finished units of {n_labels} participants in {members.output_dir}")
        return 0
    write_dataset_files(members.output_dir, dataset_links(settings))
    tables = write_agreement(members)
    page = write_group_page(settings, members, tables)
    write_citation(members.output_dir)
    for problem in filter(None, members.problems.values()):
        LOG.warning("%s", problem)
    n_compared = len({unit["participant"] for unit in members.compared})
    LOG.info("%d of %d participants compared, see %s", n_compared, len(members.labels), page)
    return 0


def _check_any(members: Members) -> None:
    if not members.finished:
        raise NoInputError(
            f"{members.output_dir}: no finished participant among {len(members.labels)}; "
            "run the participant level first"
        )
    if not members.compared:
        raise NoInputError(
            f"{members.output_dir}: no participant was fitted with both backends; "
            "run with --backends spm nilearn"
        )
