"""Tables of all participants: agreement and attribution, how they spread, and who lies apart."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bidsglm.agreement import maps as agreement
from bidsglm.agreement import spread
from bidsglm.attribution import engine as attribution
from bidsglm.attribution import spread as attribution_spread
from bidsglm.errors import ReadWriteError
from bidsglm.group.members import IDENTITIES, Members, Summary, by_name, identity
from bidsglm.model import Settings
from bidsglm.outputs.names import number, read_table, write_json, write_table

Row = dict[str, str | int | float]
Collected = dict[str, list[dict[str, str]]]

TEXTS = (*IDENTITIES, "contrast", "map", "contrast_name", "metric", "step", "nilearn", "spm", "part_of")
KEYS = {"agreement": "map", "attribution": "step"}
"""A column without which a table is damaged."""
CONTRAST_NAME = {"contrast_name": "the contrast's name in the model"}


class Table(NamedTuple):
    """A table of all participants, as written."""

    path: Path
    rows: tuple[Row, ...]


class Tables(NamedTuple):
    """Those of all tasks and spaces, and the members whose tables could be read."""

    members: Members
    agreement: Mapping[str, Table]
    """Start of the file names -> table"""
    attribution: Mapping[str, Table]


def write_tables(members: Members, settings: Settings) -> Tables:
    """Write the tables of all participants beside each other, and what they have in common.

    A participant whose table is missing or damaged is named in the members' failures and left out.
    """
    members, agreed = _collect(members, "agreement", lambda unit: True)
    members, attributed = _collect(members, "attribution", lambda unit: "attribution" in unit)
    folder = members.output_dir / "group"
    return Tables(
        members,
        {name: _write_agreement(folder, name, rows, settings) for name, rows in agreed.items()},
        {name: _write_attribution(folder, name, rows) for name, rows in attributed.items()},
    )


def _collect(members: Members, kind: str, has_table: Callable[[Summary], bool]) -> tuple[Members, Collected]:
    """Rows of all participants as text, by the start of the group's file names."""
    collected: Collected = {}
    for name, units in by_name(members.compared).items():
        for unit in filter(has_table, units):
            try:
                rows = _rows(members.output_dir, unit, kind)
            except ReadWriteError as error:
                members = members.with_failure(unit["participant"], error)
                continue
            collected.setdefault(name, []).extend(rows)
    return members, collected


def _rows(output_dir: Path, unit: Summary, kind: str) -> list[dict[str, str]]:
    """Rows of a table of a finished unit as text, the participant (and session) in front.

    Raises
    ------
    ReadWriteError
        When the table is missing, or is not the one that bidsglm writes.
    """
    path = output_dir / unit["folder"] / f"{unit['prefix']}_desc-{kind}_metrics.tsv"
    front = identity(unit)
    rows = [{**front, **row} for row in read_table(path)]
    try:
        _numeric(rows)
        if not all("contrast" in row and KEYS[kind] in row for row in rows):
            raise ValueError("columns are missing")
    except ValueError as error:
        raise ReadWriteError(
            f"{path}: is damaged ({error}); run the participant again (--overwrite)"
        ) from error
    return rows


def _numeric(rows: Iterable[Mapping[str, str]]) -> tuple[Row, ...]:
    return tuple({key: cell if key in TEXTS else number(cell) for key, cell in row.items()} for row in rows)


def _columns(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Columns of all rows; who they are of stands in front, even if the first row has no session.

    >>> _columns([{"participant_id": "sub-01", "map": "t"}, {"session_id": "ses-1"}])
    ['participant_id', 'session_id', 'map']
    """
    found = dict.fromkeys(key for row in rows for key in row)
    return [*(key for key in IDENTITIES if key in found), *(key for key in found if key not in IDENTITIES)]


def write_rows(
    path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]], described: Mapping[str, str]
) -> None:
    """Write a table, and in its sidecar what each column holds."""
    write_table(path, columns, [[row.get(key) for key in columns] for row in rows])
    texts = {**IDENTITIES, **CONTRAST_NAME, **described}
    about = {key: {"Description": texts[key]} for key in columns if key in texts}
    write_json(path.with_suffix(".json"), about)


def _write_agreement(folder: Path, name: str, rows: Sequence[dict[str, str]], settings: Settings) -> Table:
    """All participants' agreement; medians, quartiles and intervals; who lies apart."""
    numeric = _numeric(rows)
    path = folder / f"{name}_desc-agreement_metrics.tsv"
    write_rows(path, _columns(rows), rows, agreement.COLUMNS)
    write_rows(
        folder / f"{name}_desc-agreementSummary_metrics.tsv",
        list(spread.COLUMNS),
        spread.summary(numeric, settings.random_seed),
        spread.COLUMNS,
    )
    apart = spread.outliers(numeric)
    sessions = [key for key in IDENTITIES if key != "session_id" or any(key in row for row in rows)]
    write_rows(
        folder / f"{name}_desc-agreementOutliers_metrics.tsv",
        [*sessions, *spread.OUTLIER_COLUMNS],
        apart,
        spread.OUTLIER_COLUMNS,
    )
    return Table(path, numeric)


def write_part(
    table: Table, path: Callable[[str], Path], prefix: str, units: Sequence[Mapping[str, str]]
) -> None:
    """Write the agreement of some of the participants, for a group of a session or level.

    Parameters
    ----------
    table
        Of all participants.
    path
        Full path of a file's name, noted as written.
    prefix
        Start of its name.
    units
        Who is in it: cells of the columns of `IDENTITIES`.
    """
    rows = [row for row in table.rows if {k: row[k] for k in IDENTITIES if k in row} in units]
    name = f"{prefix}_desc-agreement_metrics"
    path(f"{name}.json")
    write_rows(path(f"{name}.tsv"), _columns(rows), rows, agreement.COLUMNS)


def _write_attribution(folder: Path, name: str, rows: Sequence[dict[str, str]]) -> Table:
    """All participants' attribution, and which step matters in how many."""
    numeric = _numeric(rows)
    path = folder / f"{name}_desc-attribution_metrics.tsv"
    write_rows(path, _columns(rows), rows, attribution.COLUMNS)
    write_rows(
        folder / f"{name}_desc-attributionSummary_metrics.tsv",
        list(attribution_spread.COLUMNS),
        attribution_spread.attribution_summary(numeric),
        attribution_spread.COLUMNS,
    )
    return Table(path, numeric)
