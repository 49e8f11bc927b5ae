"""Tables of all participants: agreement, and its medians and ranges."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bidsglm.compare.agreement import COLUMNS, summary
from bidsglm.dataset.outputs import number, read_table, write_json, write_table
from bidsglm.group.members import Members, Summary, unit_name

Row = dict[str, str | int | float]

IDENTITIES = ("participant_id", "session_id")
TEXTS = (*IDENTITIES, "contrast", "map", "contrast_name")
SPREAD = (
    "contrast",
    "map",
    "metric",
    "n",
    "median",
    "minimum",
    "lower_quartile",
    "upper_quartile",
    "maximum",
)


class Table(NamedTuple):
    """A table of all participants, as written."""

    path: Path
    rows: tuple[Row, ...]


def write_agreement(members: Members) -> dict[str, Table]:
    """Collect the agreement of all participants; one table for each start of file names."""
    collected: dict[str, list[dict[str, str]]] = {}
    for unit in members.compared:
        collected.setdefault(unit_name(unit), []).extend(_rows(members.output_dir, unit))
    return {name: _write_tables(members.output_dir, name, rows) for name, rows in collected.items()}


def _rows(output_dir: Path, unit: Summary) -> list[dict[str, str]]:
    """Agreement rows of a finished unit as text, the participant (and session) in front."""
    path = output_dir / unit["folder"] / f"{unit['prefix']}_desc-agreement_metrics.tsv"
    session = unit["entities"].get("session")
    front = {
        "participant_id": f"sub-{unit['participant']}",
        **({"session_id": f"ses-{session}"} if session else {}),
    }
    return [{**front, **row} for row in read_table(path)]


def _numeric(rows: Iterable[Mapping[str, str]]) -> tuple[Row, ...]:
    return tuple({key: cell if key in TEXTS else number(cell) for key, cell in row.items()} for row in rows)


def _columns(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """Columns of all rows; who they are of stands in front, even if the first row has no session.

    >>> _columns([{"participant_id": "sub-01", "map": "t"}, {"session_id": "ses-1"}])
    ['participant_id', 'session_id', 'map']
    """
    found = dict.fromkeys(key for row in rows for key in row)
    return [*(key for key in IDENTITIES if key in found), *(key for key in found if key not in IDENTITIES)]


def _write_tables(output_dir: Path, name: str, rows: Sequence[Mapping[str, str]]) -> Table:
    """One table of all participants, one of medians and ranges; returns the first."""
    path = output_dir / "group" / f"{name}_desc-agreement_metrics.tsv"
    columns, numeric = _columns(rows), _numeric(rows)
    write_table(path, columns, [[row.get(key) for key in columns] for row in rows])
    described = {key: {"Description": text} for key, text in COLUMNS.items() if key in columns}
    write_json(path.with_suffix(".json"), described)
    spread = output_dir / "group" / f"{name}_desc-agreementSummary_metrics.tsv"
    write_table(spread, SPREAD, [[row[key] for key in SPREAD] for row in summary(numeric)])
    return Table(path, numeric)
