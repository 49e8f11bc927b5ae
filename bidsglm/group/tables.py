"""Tables of all participants: agreement and attribution, how they spread, and who lies apart."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bidsglm.agreement import spread
from bidsglm.attribution.spread import attribution_summary
from bidsglm.errors import ReadWriteError
from bidsglm.group.members import Members, Summary, by_name, identity
from bidsglm.model import Settings
from bidsglm.outputs import group_tables as group
from bidsglm.outputs import unit_tables as unit
from bidsglm.outputs.scale_tables import SCALE
from bidsglm.outputs.schema import Row, Schema


class GroupAgreement(NamedTuple):
    """How well the packages agree in all participants of one task and space."""

    path: Path
    """Path of the table of all rows"""
    rows: tuple[Row, ...]
    summary: tuple[Row, ...]
    """Medians, quartiles and intervals of each metric"""
    outliers: tuple[Row, ...]
    """Who lies apart, and in what"""


class Tables(NamedTuple):
    """Those of all tasks and spaces, and the members whose tables could be read."""

    members: Members
    agreement: Mapping[str, GroupAgreement]
    """Start of the file names -> numbers"""
    steps: Mapping[str, tuple[Row, ...]]
    """Start of the file names -> rows on which step matters in how many"""
    scales: Mapping[str, tuple[Row, ...]] = {}
    """Start of the file names -> all participants' rows on the size of their effects"""


def write_tables(members: Members, settings: Settings) -> Tables:
    """Write the tables of all participants beside each other, and what they have in common.

    A participant whose table is missing or damaged is named in the members' failures and left out.
    """
    members, agreed = _collect(members, unit.AGREEMENT, lambda summary: True)
    members, attributed = _collect(members, unit.ATTRIBUTION, lambda summary: "attribution" in summary)
    root, folder = members.output_dir, members.output_dir / "group"
    # results of an earlier version have none
    members, scaled = _collect(
        members, SCALE, lambda each: SCALE.path(root / each["folder"], each["prefix"]).exists()
    )
    for name, rows in scaled.items():
        group.SCALE.write(group.SCALE.path(folder, name), rows, {})
    return Tables(
        members,
        {name: _write_agreement(folder, name, rows, settings) for name, rows in agreed.items()},
        {name: _write_attribution(folder, name, rows) for name, rows in attributed.items()},
        {name: tuple(rows) for name, rows in scaled.items()},
    )


def _collect(
    members: Members, schema: Schema, has_table: Callable[[Summary], bool]
) -> tuple[Members, dict[str, list[Row]]]:
    """Rows of all participants, who they are of in front, by the start of the group's file names."""
    collected: dict[str, list[Row]] = {}
    for name, units in by_name(members.compared).items():
        for summary in filter(has_table, units):
            path = schema.path(members.output_dir / summary["folder"], summary["prefix"])
            front = identity(summary)
            try:
                rows = [{**front, **row} for row in schema.read(path)]
            except ReadWriteError as error:
                members = members.with_failure(summary["participant"], error)
                continue
            collected.setdefault(name, []).extend(rows)
    return members, collected


def _write_agreement(folder: Path, name: str, rows: Sequence[Row], settings: Settings) -> GroupAgreement:
    """All participants' agreement; medians, quartiles and intervals; who lies apart."""
    path = group.AGREEMENT.path(folder, name)
    found = GroupAgreement(
        path, tuple(rows), spread.summary(rows, settings.random_seed), spread.outliers(rows)
    )
    group.AGREEMENT.write(path, rows, {})
    group.AGREEMENT_SUMMARY.write(group.AGREEMENT_SUMMARY.path(folder, name), found.summary, {})
    # with or without sessions as the rows have them, also where nobody lies apart
    header = group.AGREEMENT_OUTLIERS.header(rows)
    group.AGREEMENT_OUTLIERS.write(group.AGREEMENT_OUTLIERS.path(folder, name), found.outliers, {}, header)
    return found


def write_part(
    rows: Sequence[Row], path: Callable[[str], Path], prefix: str, units: Sequence[Mapping[str, str]]
) -> None:
    """Write the agreement of some of the participants, for a group of a session or level.

    Parameters
    ----------
    rows
        Of all participants.
    path
        Full path of a file's name, noted as written.
    prefix
        Start of its name.
    units
        Who is in it: cells of the columns that name participant and session.
    """
    keys = [column.name for column in group.IDENTITIES]
    own = [row for row in rows if {key: row[key] for key in keys if key in row} in units]
    name = f"{prefix}_desc-agreement_metrics"
    path(f"{name}.json")
    group.AGREEMENT.write(path(f"{name}.tsv"), own, {})


def _write_attribution(folder: Path, name: str, rows: Sequence[Row]) -> tuple[Row, ...]:
    """All participants' attribution, and which step matters in how many."""
    found = attribution_summary(rows)
    group.ATTRIBUTION.write(group.ATTRIBUTION.path(folder, name), rows, {})
    group.ATTRIBUTION_SUMMARY.write(group.ATTRIBUTION_SUMMARY.path(folder, name), found, {})
    return found
