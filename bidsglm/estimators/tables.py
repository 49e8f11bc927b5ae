"""Events and confounds as nilearn's first level takes them: data frames, arrays or files."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bidsglm.data import Condition, RunConfounds
from bidsglm.inputs import INPUT, LARGEST_TEXT, file_size
from bidsglm.model import Floats, Mask

UNNAMED = "dummy"
"""nilearn's name of the condition where events have no trial_type."""


def per_run(given: Any, n_runs: int, name: str) -> list[Any]:
    """One item for each run, from a list or from what stands for a single run.

    Raises
    ------
    ValueError
        There are not as many as runs.

    >>> per_run("events.tsv", 1, "events")
    ['events.tsv']
    """
    items = list(given) if isinstance(given, list | tuple) else [given]
    if len(items) != n_runs:
        raise ValueError(f"{name}: {len(items)} given for {n_runs} run{'s' * (n_runs > 1)}")
    return items


def conditions(events: Any, name: str) -> tuple[Condition, ...]:
    """Conditions of a run, in the alphabetical order of nilearn's designs.

    Parameters
    ----------
    events
        A data frame with onset and duration (s), and trial_type and modulation where there are any; or the
        path of a table.
    name
        What to call it in messages.

    Raises
    ------
    ValueError
        A column is missing, or a value in it is none.

    >>> conditions(pd.DataFrame({"onset": [4, 0], "duration": 2, "trial_type": ["b", "a"]}), "events")[0].name
    'a'
    """
    table = _frame(events, name)
    for column in ("onset", "duration"):
        if column not in table:
            raise ValueError(f"{name}: no column {column!r}; there are {', '.join(map(str, table.columns))}")
    types = table["trial_type"] if "trial_type" in table else pd.Series(UNNAMED, index=table.index)
    if types.isna().any():
        raise ValueError(f"{name}: row {_first(types.isna().to_numpy())} has no trial_type")
    onsets, durations = (_column(table, column, name) for column in ("onset", "duration"))
    if (durations < 0).any():
        raise ValueError(f"{name}: row {_first(durations < 0)} has a negative duration")
    heights = _column(table, "modulation", name) if "modulation" in table else None
    found = []
    for each in sorted(set(types.astype(str))):
        rows = np.flatnonzero(types.astype(str) == each)
        rows = rows[np.argsort(onsets[rows], kind="stable")]
        amplitudes = None if heights is None else heights[rows]
        found.append(Condition(each, onsets[rows], durations[rows], amplitudes=amplitudes))
    return tuple(found)


def confound_columns(given: Any, n_scans: int, name: str) -> RunConfounds:
    """Confounds of a run, by nilearn's names where an array has none.

    Raises
    ------
    ValueError
        There is not one row for each scan, or a value is missing.

    >>> confound_columns(np.zeros((3, 2)), 3, "confounds").names
    ('confound_0', 'confound_1')
    """
    if given is None:
        return RunConfounds((), np.empty((n_scans, 0)))
    if isinstance(given, np.ndarray):
        array = given if given.ndim > 1 else given[:, np.newaxis]
        table = pd.DataFrame(array, columns=[f"confound_{i}" for i in range(array.shape[1])])
    else:
        table = _frame(given, name)
    if len(table) != n_scans:
        raise ValueError(f"{name}: {len(table)} rows for {n_scans} scans")
    names = tuple(map(str, table.columns))
    if len(set(names)) < len(names):
        raise ValueError(f"{name}: two columns have one name")
    columns = [_column(table, column, name) for column in table.columns]
    return RunConfounds(names, np.column_stack(columns) if columns else np.empty((n_scans, 0)))


def kept_scans(given: Any, n_scans: int, name: str) -> Mask:
    """Scans of a run that are kept, (n_scans,), from their numbers or from truth values.

    Raises
    ------
    ValueError
        They are neither, or not of this run.

    >>> kept_scans(np.array([0, 2]), 3, "sample_masks")
    array([ True, False,  True])
    """
    if given is None:
        return np.ones(n_scans, dtype=np.bool_)
    values = np.asarray(given)
    if values.dtype == np.bool_ and values.shape == (n_scans,):
        return values
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ValueError(f"{name}: numbers of scans from 0, or one truth value for each of {n_scans} scans")
    strange = values[(values < 0) | (values >= n_scans)]
    if strange.size:
        raise ValueError(f"{name}: scan {strange[0]} of {n_scans}, which count from 0")
    kept = np.zeros(n_scans, dtype=np.bool_)
    kept[values] = True
    return kept


def _frame(given: Any, name: str) -> pd.DataFrame:
    if isinstance(given, pd.DataFrame):
        return given
    if not isinstance(given, str | PathLike):
        raise ValueError(f"{name}: must be a data frame or the path of a table, not {type(given).__name__}")
    path = Path(given)
    if file_size(path, INPUT) > LARGEST_TEXT:
        raise ValueError(f"{path}: larger than any table of events or confounds")
    separator = "," if path.suffix == ".csv" else "\t"
    try:
        return pd.read_csv(path, sep=separator)
    except (ValueError, UnicodeDecodeError) as error:  # pandas' errors of parsing are ValueErrors
        raise ValueError(f"{path}: is no table with columns between {separator!r} ({error})") from error


def _column(table: pd.DataFrame, column: str, name: str) -> Floats:
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(f"{name}: column {column!r}, row {_first(bad)} is no number")
    return np.asarray(values)


def _first(rows: Mask) -> int:
    """Number, from 1, of the first row that is marked."""
    return int(np.flatnonzero(rows)[0]) + 1
