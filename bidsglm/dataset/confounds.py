"""Nuisance regressors of a run, from fMRIPrep's confounds table."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.data import Run
from bidsglm.dataset.scrubbing import censoring_columns
from bidsglm.dataset.tsv import LARGEST_NUMBER, MISSING, Table, number, read_tsv
from bidsglm.errors import DataError
from bidsglm.model import NO_FILTER, Floats
from bidsglm.sentences import listing
from bidsglm.statsmodel.globs import is_glob, matching
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.presets import PRESETS, SYNONYMS

NON_STEADY_STATE = "non_steady_state_outlier*"
"""fMRIPrep's indicators of the first volumes before the magnetisation settles: always in the model."""
COSINES = "cosine*"
"""fMRIPrep's own high-pass filter, of 128 s."""
DIFFERENCES = re.compile(r"derivative|displacement|dvars|rmsd|^fd", re.IGNORECASE)
"""Columns made from a volume and the one before, which the first volume lacks."""
NAMES_SHOWN = 4
COLUMNS_SHOWN = 8
"""Enough to see how columns are named; fMRIPrep's tables have hundreds."""


class Confounds(NamedTuple):
    """Nuisance regressors of one run."""

    names: tuple[str, ...]
    values: Floats
    """(n_scans, n_confounds)"""
    notes: tuple[str, ...]
    """What was replaced and what looks odd."""


def read_confounds(
    run: Run,
    patterns: Sequence[str],
    high_pass: float = NO_FILTER,
    made: Mapping[str, Floats] | None = None,
    conditions: Sequence[str] = (),
) -> Confounds:
    """Read the confounds that a model asks for, and the non-steady-state outliers.

    Parameters
    ----------
    run
        The run; its `confounds` may be None.
    patterns
        Names, which must exist, and globs, which take what there is, in the model's order.
    high_pass
        Cut-off in s of the model's own filter; infinite for none.
    made
        What the model's transformations made, (n_scans,) each; wins over the file's columns.
    conditions
        Regressors that a wrong name could have meant; none of them is taken as a confound.

    Raises
    ------
    ReadWriteError
        The file cannot be read.
    DataError
        A name does not exist, the number of rows is not that of scans, cosines come on top of a filter,
        or a value is missing, infinite or no number.
    """
    table = read_confounds_table(run)
    made = {**censoring_columns(table, patterns), **(made or {})}
    known = sorted({*table.columns} - {*conditions} | {*made})
    wanted = _meant(patterns, known, lambda name: _no_confound(run, name, (*known, *conditions)))
    columns, repeated = _with_automatic(table, wanted, made)
    names = tuple(columns)
    if math.isfinite(high_pass):
        _refuse_cosines(table.path, names, high_pass)
    values = np.column_stack(list(columns.values())) if columns else np.zeros((run.n_scans, 0))
    _check_finite(run, names, values)
    replaced = [n for n in names if n not in made and leading_missing(n, table.columns[n])]
    constant = [name for j, name in enumerate(names) if np.ptp(values[:, j]) == 0]
    return Confounds(names, values, (*_notes(table.path.name, replaced, constant), *repeated))


def _with_automatic(
    table: Table, wanted: Sequence[str], made: Mapping[str, Floats]
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """Columns by name, the non-steady-state outliers that say something new among them, and what to note.

    A copy would cost nilearn's t: its divisor counts columns.
    """
    columns = {name: made[name] if name in made else confound_values(table, name) for name in wanted}
    repeated = []
    for name in matching(NON_STEADY_STATE, sorted(table.columns)):
        if name in columns:
            continue
        values = confound_values(table, name)
        if any(np.array_equal(values, other) for other in columns.values()):
            repeated.append(name)
        elif values.any():
            columns[name] = values
    if not repeated:
        return columns, ()
    verb = "repeats a column" if len(repeated) == 1 else "repeat columns"
    return columns, (
        f"{table.path.name}: {listing(repeated, NAMES_SHOWN)} {verb} of the model and"
        f" {'was' if len(repeated) == 1 else 'were'} not added again",
    )


def _check_finite(run: Run, names: Sequence[str], values: Floats) -> None:
    """Check the columns that transformations made; those of the file are checked cell by cell."""
    for name, column in zip(names, values.T, strict=True):
        if not (np.abs(column) < LARGEST_NUMBER).all():
            raise DataError(
                f"{run.bold}: the model's transformations make {name}, which is missing or infinite in some "
                "scan; correct them"
            )


def read_confounds_table(run: Run) -> Table:
    """Read the confounds table of a run, as text; an empty one for a run without.

    Raises
    ------
    DataError
        It does not have one row for each scan.
    """
    if run.confounds is None:
        return Table(run.bold, {}, ())
    table = read_tsv(run.confounds)
    if run.dropped and len(table.lines) == run.n_scans + run.dropped:
        # The table was left as long as the raw series.
        table = Table(
            table.path,
            {name: cells[run.dropped :] for name, cells in table.columns.items()},
            table.lines[run.dropped :],
        )
    if len(table.lines) != run.n_scans:
        raise DataError(
            f"{table.path}: {len(table.lines)} rows for the {run.n_scans} scans of {run.bold}; "
            "both must come from the same fMRIPrep run, without volumes removed"
        )
    return table


def confound_values(
    table: Table, name: str, missing: float | None = None, first_missing: bool = False
) -> Floats:
    """Convert one column to numbers, (n_scans,); n/a in the first rows of a difference becomes 0.

    Parameters
    ----------
    table
        Confounds of a run.
    name
        Column.
    missing
        What n/a stands for in all rows; None where it is an error.
    first_missing
        Whether n/a in the first row is 0 in a column that is no difference either.

    Raises
    ------
    DataError
        Naming file, line and column of a value that is missing, infinite or no number.
    """
    cells = table.columns[name]
    n_leading = leading_missing(name, cells) or int(first_missing and cells[0] in MISSING)
    values = np.zeros(len(cells))
    for row, cell in enumerate(cells[n_leading:], start=n_leading):
        values[row] = missing if missing is not None and cell in MISSING else number(cell)
        if not abs(values[row]) < LARGEST_NUMBER:
            raise DataError(
                f"{table.path}: line {table.lines[row]}: {name} is {cell or 'nothing'}; "
                "leave the column out of the model or correct the file"
            )
    return values


def leading_missing(name: str, cells: Sequence[str]) -> int:
    """Count the n/a before the first value of a column made of differences.

    >>> leading_missing("trans_x_derivative1", ["n/a", "0.1"]), leading_missing("trans_x", ["n/a", "0.1"])
    (1, 0)
    """
    if DIFFERENCES.search(name) is None:
        return 0
    return next((i for i, cell in enumerate(cells) if cell not in MISSING), 0)


def censored_scans(run: Run, patterns: Sequence[str]) -> tuple[int, ...]:
    """Scans where one of some columns is not 0, from 0; n/a in the first row is 0.

    The patterns are names, which must exist, and globs, which take what there is.

    Raises
    ------
    ReadWriteError
        The file cannot be read.
    DataError
        A name does not exist, or a value is missing, infinite or no number.
    """
    if not patterns:
        return ()
    table = read_confounds_table(run)
    known = sorted(table.columns)
    names = _meant(
        patterns,
        known,
        lambda name: DataError(
            f"{table.path}: no confound {name} to censor by{hint(name, known)}; there are "
            f"{listing(known, COLUMNS_SHOWN) or 'none'}; correct the model's Censor"
        ),
    )
    out = np.zeros(run.n_scans, dtype=np.bool_)
    for name in names:
        out |= confound_values(table, name, first_missing=True) != 0
    return tuple(int(scan) for scan in np.flatnonzero(out))


def _meant(
    patterns: Sequence[str], known: Sequence[str], refusal: Callable[[str], DataError]
) -> tuple[str, ...]:
    """Columns that names and globs mean, each once; a name that is none is refused."""
    names: dict[str, None] = {}
    for pattern in patterns:
        found = matching(pattern, known)
        if not found and not is_glob(pattern):
            raise refusal(pattern)
        names |= dict.fromkeys(found)
    return tuple(names)


def _no_confound(run: Run, name: str, known: Sequence[str]) -> DataError:
    if run.confounds is None:
        return DataError(
            f"{run.bold}: no desc-confounds_timeseries.tsv for it with {name}{hint(name, known)}; rerun "
            "fMRIPrep or take the confounds out of the model (--confounds, X)"
        )
    meant = SYNONYMS.get(name.lower(), "")
    said = f"; did you mean {meant}?" if meant else hint(name, (*known, *PRESETS))
    return DataError(
        f"{run.confounds}: no confound {name}{said}, nor do the events have such a column; there are "
        f"{listing(known, COLUMNS_SHOWN)}; "
        "correct --confounds or the model's X"
    )


def _refuse_cosines(path: Path, names: Sequence[str], high_pass: float) -> None:
    cosines = matching(COSINES, names)
    if cosines:
        raise DataError(
            f"{path}: {listing(cosines, NAMES_SHOWN)} together with the model's high-pass filter of "
            f"{high_pass:g} s would "
            "filter twice; take the cosines out of the model or set HighPassFilterCutoffHz to 0"
        )


def _notes(file: str, replaced: Sequence[str], constant: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if replaced:
        notes.append(f"{file}: n/a before the first value was set to 0 in {listing(replaced, NAMES_SHOWN)}")
    if constant:
        notes.append(f"{file}: the same value in all scans in {listing(constant, NAMES_SHOWN)}")
    return tuple(notes)
