"""Tables of all participants: agreement and attribution, how they spread, and who lies apart."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

from bidsglm.agreement import spread
from bidsglm.attribution.spread import attribution_summary
from bidsglm.errors import DataError, ReadWriteError
from bidsglm.group.members import FEWEST_COMPARED, Members, Summary, by_name, identity
from bidsglm.messages import LOG
from bidsglm.outputs import group_tables as group
from bidsglm.outputs import unit_tables as unit
from bidsglm.outputs.confinement import remove_own
from bidsglm.outputs.scale_tables import SCALE
from bidsglm.outputs.schema import Row, Schema
from bidsglm.outputs.summaries import compared
from bidsglm.packages import PACKAGES, titles
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.settings import Settings

_OF_AGREEMENT = (group.AGREEMENT_SUMMARY, group.AGREEMENT_OUTLIERS, group.agreement_schema(DEFAULT_PAIR))


class GroupAgreement(NamedTuple):
    """How well the packages agree in all participants of one task and space."""

    path: Path
    """Path of the table of all rows"""
    pairs: tuple[Pair, ...]
    """What is compared"""
    rows: tuple[Row, ...]
    """With the columns of every pair"""
    summary: tuple[Row, ...]
    """Medians, quartiles and intervals of each metric of every pair"""
    outliers: tuple[Row, ...]
    """Who lies apart, and in what"""

    def of(self, pair: Pair) -> "GroupAgreement":
        """What it says of one pair, by columns and metrics without a suffix."""
        return GroupAgreement(
            self.path,
            (pair,),
            tuple(unit.of_pair(row, pair) for row in self.rows),
            tuple(_of_metric(self.summary, pair)),
            tuple(_of_metric(self.outliers, pair)),
        )


def _of_metric(rows: Iterable[Row], pair: Pair) -> Iterator[Row]:
    """Rows on metrics of a pair, the metric named without its suffix."""
    for row in rows:
        own = unit.of_pair({str(row["metric"]): True}, pair)
        yield from ({**row, "metric": name} for name in own)


class Tables(NamedTuple):
    """Those of all tasks and spaces, and the members whose tables could be read."""

    members: Members
    agreement: Mapping[str, GroupAgreement]
    """Start of the file names -> numbers"""
    steps: Mapping[tuple[str, Pair], tuple[Row, ...]]
    """Start of the file names, and the pair -> rows on which step matters in how many"""
    scales: Mapping[str, tuple[Row, ...]] = {}
    """Start of the file names -> all participants' rows on the size of their effects"""
    matrix: Mapping[str, tuple[Row, ...]] = {}
    """Start of the file names -> all participants' rows on every package with every other"""


def write_tables(members: Members, settings: Settings) -> Tables:
    """Write the tables of all participants beside each other, and what they have in common.

    A participant whose table is missing or damaged is named in the members' failures and left out.
    """
    members, agreed = _collect(members, unit.AGREEMENT, lambda summary: True, _agreement)
    pairs = {name: compared(units[0]) for name, units in by_name(members.compared).items()}
    steps: dict[tuple[str, Pair], tuple[Row, ...]] = {}
    for pair in dict.fromkeys(pair for own in pairs.values() for pair in own):
        members, attributed = _attributed(members, pair)
        for name, rows in attributed.items():
            steps[name, pair] = _write_attribution(members.output_dir / "group", name, rows, pair)
    root, folder = members.output_dir, members.output_dir / "group"
    # results of an earlier version have none
    members, scaled = _collect(
        members, SCALE, lambda each: SCALE.path(root / each["folder"], each["prefix"]).exists()
    )
    for name, rows in scaled.items():
        group.SCALE.write(group.SCALE.path(folder, name), rows, {})
    members, paired = _collect(members, unit.PAIRS, lambda each: len(each["backends"]) > FEWEST_COMPARED)
    for name, rows in paired.items():
        group.PAIRS.write(group.PAIRS.path(folder, name), rows, {})
    agreement = {
        name: _write_agreement(folder, name, (pairs[name], rows), settings) for name, rows in agreed.items()
    }
    if not members.failures:  # a participant whose table is damaged need not cost the group an earlier one
        written = {(schema.file, name) for name in agreed for schema in _OF_AGREEMENT}
        written |= {(schema.file, name) for name, pair in steps for schema in _of_attribution(pair)}
        written |= {(group.SCALE.file, name) for name in scaled} | {
            (group.PAIRS.file, name) for name in paired
        }
        _remove_stale(members, written)
    return Tables(
        members,
        agreement,
        steps,
        {name: tuple(rows) for name, rows in scaled.items()},
        {name: tuple(rows) for name, rows in paired.items()},
    )


def _of_attribution(pair: Pair) -> tuple[Schema, Schema]:
    return group.attribution_schema(pair), group.attribution_summary_schema(pair)


def _remove_stale(members: Members, written: Collection[tuple[str, str]]) -> None:
    """Remove tables that only an earlier run had, as one of more packages.

    Parameters
    ----------
    members
        Of this run.
    written
        File of a schema and start of the name of each table of this run.
    """
    of_pairs = (schema for ends in permutations(PACKAGES, 2) for schema in _of_attribution(Pair(*ends)))
    schemas = {schema.file: schema for schema in (*_OF_AGREEMENT, group.SCALE, group.PAIRS, *of_pairs)}
    for name in by_name(members.finished):
        for file, schema in schemas.items():
            path = schema.path(members.output_dir / "group", name)
            if (file, name) not in written and path.exists():
                LOG.info("%s: removed, it is of an earlier run", path)
                names = [f"group/{each.name}" for each in (path, path.with_suffix(".json"))]
                remove_own(members.output_dir, "group", names)


def _attributed(members: Members, pair: Pair) -> tuple[Members, dict[str, list[Row]]]:
    """Rows on the steps of a pair, of all participants in whom it is attributed."""
    schema, root = unit.attribution_schema(pair), members.output_dir

    def has_table(summary: Summary) -> bool:
        if pair.is_default:
            return pair in compared(summary) and "attribution" in summary
        path = schema.path(root / summary["folder"], summary["prefix"])
        return schema.file != unit.ATTRIBUTION.file and pair in compared(summary) and path.exists()

    return _collect(members, schema, has_table)


def _agreement(summary: Summary, path: Path) -> list[Row]:
    """Rows of a participant's agreement, with the columns of the group's pairs.

    Raises
    ------
    DataError
        When the participant's packages were compared with another.
    ReadWriteError
        When rows are missing of what the summary says was fitted.
    """
    rows, wanted = unit.agreement_schema(*summary["pairs"]).read(path), compared(summary)
    _check_whole(summary, path, rows)
    if absent := [pair for pair in wanted if pair not in summary["pairs"]]:
        raise DataError(
            f"{path}: does not compare {titles(absent[0])}; run the participant again with "
            f"--reference {absent[0].reference}"
        )
    return [
        {
            name: cell
            for pair in wanted
            for name, cell in unit.with_suffix(unit.of_pair(row, pair), pair).items()
        }
        for row in rows
    ]


def _check_whole(summary: Summary, path: Path, rows: Sequence[Row]) -> None:
    """Refuse a table that was cut between two lines, which is as good as any other to its schema."""
    there = {(str(row["contrast"]), str(row["map"])) for row in rows}
    has_z = any(kind == "z" for _, kind in there)
    for contrast in summary["contrasts"]:
        for kind in (contrast["test"], *["z"] * has_z):
            if (contrast["label"], kind) not in there:
                raise ReadWriteError(
                    f"{path}: lacks the {kind} map of {contrast['label']}, which was fitted; "
                    "run the participant again (--overwrite)"
                )


def _collect(
    members: Members,
    schema: Schema,
    has_table: Callable[[Summary], bool],
    read: Callable[[Summary, Path], list[Row]] | None = None,
) -> tuple[Members, dict[str, list[Row]]]:
    """Rows of all participants, who they are of in front, by the start of the group's file names.

    Tables are read as the schema says, or by a function of the summary and the path.
    """
    collected: dict[str, list[Row]] = {}
    for name, units in by_name(members.compared).items():
        for summary in filter(has_table, units):
            path = schema.path(members.output_dir / summary["folder"], summary["prefix"])
            front = identity(summary)
            try:
                found = read(summary, path) if read else schema.read(path)
                rows = [{**front, **row} for row in found]
            except (DataError, ReadWriteError) as error:
                members = members.with_failure(summary["participant"], error)
                continue
            collected.setdefault(name, []).extend(rows)
    return members, collected


def _write_agreement(
    folder: Path, name: str, of_pairs: tuple[tuple[Pair, ...], Sequence[Row]], settings: Settings
) -> GroupAgreement:
    """All participants' agreement; medians, quartiles and intervals; who lies apart."""
    pairs, rows = of_pairs
    schema = group.agreement_schema(*pairs)
    path = schema.path(folder, name)
    found = GroupAgreement(
        path, pairs, tuple(rows), spread.summary(rows, settings.random_seed), spread.outliers(rows)
    )
    schema.write(path, rows, {})
    group.AGREEMENT_SUMMARY.write(group.AGREEMENT_SUMMARY.path(folder, name), found.summary, {})
    # with or without sessions as the rows have them, also where nobody lies apart
    header = group.AGREEMENT_OUTLIERS.header(rows)
    group.AGREEMENT_OUTLIERS.write(group.AGREEMENT_OUTLIERS.path(folder, name), found.outliers, {}, header)
    return found


def write_part(
    agreed: GroupAgreement, path: Callable[[str], Path], prefix: str, units: Sequence[Mapping[str, str]]
) -> None:
    """Write the agreement of some of the participants, for a group of a session or level.

    Parameters
    ----------
    agreed
        Of all participants.
    path
        Full path of a file's name, noted as written.
    prefix
        Start of its name.
    units
        Who is in it: cells of the columns that name participant and session.
    """
    keys = [column.name for column in group.IDENTITIES]
    own = [row for row in agreed.rows if {key: row[key] for key in keys if key in row} in units]
    name = f"{prefix}_desc-agreement_metrics"
    path(f"{name}.json")
    group.agreement_schema(*agreed.pairs).write(path(f"{name}.tsv"), own, {})


def _write_attribution(folder: Path, name: str, rows: Sequence[Row], pair: Pair) -> tuple[Row, ...]:
    """All participants' attribution of a pair, and which step matters in how many."""
    found = attribution_summary(rows, pair)
    whole, summary = group.attribution_schema(pair), group.attribution_summary_schema(pair)
    whole.write(whole.path(folder, name), rows, {})
    summary.write(summary.path(folder, name), found, {})
    return found
