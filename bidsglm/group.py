"""The group level: collect what the participants' runs left, and show it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bidsglm.compare.agreement import COLUMNS, summary
from bidsglm.dataset.outputs import (
    number,
    read_json,
    read_table,
    write_dataset_files,
    write_json,
    write_table,
)
from bidsglm.dataset.roots import dataset_links, find_participants
from bidsglm.errors import BidsglmError, NoInputError, NothingMatchedError
from bidsglm.messages import LOG, start_log
from bidsglm.model import Settings
from bidsglm.pages import failure_path, unit_summaries, write_group_page

Row = dict[str, str | int | float]
Summary = Mapping[str, Any]

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


def unit_name(entities: Mapping[str, str]) -> str:
    """Start of the names of a group's files: a unit's prefix without participant and session.

    >>> unit_name({"prefix": "sub-01_ses-a_task-x_space-MNI"})
    'task-x_space-MNI'
    """
    parts = entities["prefix"].split("_")
    return "_".join(part for part in parts if part.partition("-")[0] not in ("sub", "ses"))


def _asked_for(settings: Settings) -> tuple[str, ...]:
    """Participants of the input data; of the output folder when no preprocessed data are left."""
    try:
        return find_participants(settings)
    except NothingMatchedError:
        raise
    except BidsglmError as error:
        LOG.warning("%s", error)
        done = sorted(
            path.name.removeprefix("sub-") for path in settings.output_dir.glob("sub-*") if path.is_dir()
        )
        return tuple(label for label in done if label in (settings.participant_labels or done))


def _problem(output_dir: Path, participant: str, summaries: Sequence[Summary]) -> str:
    """Why a participant is not, or not wholly, finished; empty when all is well."""
    marker = failure_path(output_dir, participant)
    errors = list(read_json(marker).get("errors", [])) if marker.exists() else []
    errors += [text for s in summaries if s["status"] != "finished" for text in s.get("errors", [])]
    if errors:
        return "; ".join(errors)
    return "" if summaries else f"sub-{participant}: not run yet"


def _rows(output_dir: Path, unit: Summary) -> list[dict[str, str]]:
    """Agreement rows of a finished unit as text, the participant (and session) in front."""
    path = output_dir / unit["folder"] / f"{unit['prefix']}_desc-agreement_metrics.tsv"
    session = unit["entities"].get("session")
    front = {
        "participant_id": f"sub-{unit['participant']}",
        **({"session_id": f"ses-{session}"} if session else {}),
    }
    return [{**front, **row} for row in read_table(path)]


def _numeric(rows: Iterable[Mapping[str, str]]) -> list[Row]:
    return [{key: cell if key in TEXTS else number(cell) for key, cell in row.items()} for row in rows]


def _columns(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """Columns of all rows; who they are of stands in front, even if the first row has no session.

    >>> _columns([{"participant_id": "sub-01", "map": "t"}, {"session_id": "ses-1"}])
    ['participant_id', 'session_id', 'map']
    """
    found = dict.fromkeys(key for row in rows for key in row)
    return [*(key for key in IDENTITIES if key in found), *(key for key in found if key not in IDENTITIES)]


def _write_tables(output_dir: Path, name: str, rows: Sequence[Mapping[str, str]]) -> Path:
    """One table of all participants, one of medians and ranges; returns the first."""
    path = output_dir / "group" / f"{name}_desc-agreement_metrics.tsv"
    columns = _columns(rows)
    write_table(path, columns, [[row.get(key) for key in columns] for row in rows])
    described = {key: {"Description": text} for key, text in COLUMNS.items() if key in columns}
    write_json(path.with_suffix(".json"), described)
    spread = output_dir / "group" / f"{name}_desc-agreementSummary_metrics.tsv"
    write_table(spread, SPREAD, [[row[key] for key in SPREAD] for row in summary(_numeric(rows))])
    return path


def _dataset_name(bids_dir: Path) -> str:
    """Name of the raw data set, else of its folder."""
    path = bids_dir / "dataset_description.json"
    name = read_json(path).get("Name") if path.exists() else None
    return str(name or bids_dir.resolve().name)


def run_group(settings: Settings) -> int:
    """The group level; returns the exit code.

    Raises
    ------
    NoInputError
        When no participant is finished.
    """
    start_log(settings.verbosity, None)
    output_dir = settings.output_dir
    if not output_dir.is_dir():
        raise NoInputError(f"{output_dir}: does not exist; run the participant level first")
    labels = _asked_for(settings)
    found = {label: unit_summaries(output_dir, label) for label in labels}
    problems = {label: _problem(output_dir, label, summaries) for label, summaries in found.items()}
    finished = [unit for units in found.values() for unit in units if unit["status"] == "finished"]
    compared = [unit for unit in finished if len(unit["backends"]) == 2]
    if not finished:
        raise NoInputError(
            f"{output_dir}: no finished participant among {len(labels)}; run the participant level first"
        )
    if not compared:
        raise NoInputError(
            f"{output_dir}: no participant was fitted with both backends; run with --backends spm nilearn"
        )
    if settings.dry_run:
        print(f"{len(compared)} finished units of {len(labels)} participants in {output_dir}")
        return 0
    tables: dict[str, list[dict[str, str]]] = {}
    for unit in compared:
        tables.setdefault(unit_name(unit), []).extend(_rows(output_dir, unit))
    write_dataset_files(output_dir, dataset_links(settings))
    paths = {name: _write_tables(output_dir, name, rows) for name, rows in tables.items()}
    page = write_group_page(
        output_dir,
        _dataset_name(settings.bids_dir),
        {k: (paths[k], _numeric(rows)) for k, rows in tables.items()},
        problems,
    )
    for problem in filter(None, problems.values()):
        LOG.warning("%s", problem)
    LOG.info(
        "%d of %d participants compared, see %s", len({u["participant"] for u in compared}), len(labels), page
    )
    return 0
