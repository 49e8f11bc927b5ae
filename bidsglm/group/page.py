"""From the group's tables to group.html."""

from pathlib import Path

from bidsglm.dataset.outputs import read_json, write_text
from bidsglm.group.tables import Table, Tables
from bidsglm.model import Settings
from bidsglm.pages import about
from bidsglm.report.figures import participants_figure
from bidsglm.report.html import GroupReport, GroupUnit, ParticipantEntry, group_page
from bidsglm.unit_page import written


def _dataset_name(bids_dir: Path) -> str:
    """Name of the raw data set, else of its folder."""
    path = bids_dir / "dataset_description.json"
    name = read_json(path).get("Name") if path.exists() else None
    return str(name or bids_dir.resolve().name)


def write_group_page(settings: Settings, tables: Tables) -> Path:
    """Write group.html from the collected tables; returns its path.

    Raises
    ------
    ReadWriteError
        When the page cannot be written.
    """
    members = tables.members
    output_dir = members.output_dir
    units = tuple(_unit(output_dir, name, table) for name, table in tables.agreement.items())
    entries = tuple(
        ParticipantEntry(p, f"sub-{p}.html" if (output_dir / f"sub-{p}.html").exists() else "", problem)
        for p, problem in members.problems.items()
    )
    page = output_dir / "group.html"
    write_text(page, group_page(GroupReport(_dataset_name(settings.bids_dir), about(), entries, units)))
    return page


def _unit(output_dir: Path, name: str, table: Table) -> GroupUnit:
    """What the page says of one task and space; its figures are written too."""
    stats = [stat for stat in ("t", "F", "effect") if any(row["map"] == stat for row in table.rows)]
    figures = tuple(participants_figure(table.rows, stat) for stat in stats)
    for figure in figures:
        written(figure, output_dir / "group" / "figures", name)
    return GroupUnit(
        name.replace("_", " "), table.rows, figures, table.path.relative_to(output_dir).as_posix()
    )
