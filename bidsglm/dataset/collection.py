"""Columns of events and confounds as the variables that pybids' instructions work on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from bidsglm.data import Run
from bidsglm.dataset.confounds import confound_values, leading_missing, read_confounds_table
from bidsglm.dataset.tsv import LARGEST_NUMBER, MISSING, Table, number, numbers
from bidsglm.errors import DataError
from bidsglm.model import Floats
from bidsglm.statsmodel.globs import is_glob, matches
from bidsglm.statsmodel.limits import MOST_VARIABLES
from bidsglm.statsmodel.transformations import FACTORED

if TYPE_CHECKING:
    from bids.variables import BIDSRunVariableCollection, BIDSVariable

DENSE_RATE = 10.0
"""Hz at which pybids represents events that it must sample."""
BINARY = "is_binary"
"""Mark of a variable whose values are 0, 1 and missing: its levels are 0 and 1, not 0.0 and 1.0."""
UNKNOWN_TIME = -LARGEST_NUMBER
"""Onset or duration that is n/a, which only matters where the event is used; pybids holds numbers alone."""
TRUTH = {"true": True, "false": False}
WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}")
"""One that fits into 64 bits."""


def collected(
    run: Run, events: Table, instructions: Sequence[Mapping[str, object]]
) -> "BIDSRunVariableCollection":
    """Variables of a run: columns of its events, and those confounds that the instructions mention.

    Raises
    ------
    DataError
        More columns than can be worked on, or a value that is no number.
    """
    from bids.variables import BIDSRunVariableCollection
    from bids.variables.entities import RunInfo

    info = RunInfo(
        dict(run.entities), run.n_scans * run.repetition_time, run.repetition_time, str(run.bold), run.n_scans
    )
    found = chain(_sparse_variables(events, info), _dense_variables(run, info, instructions))
    variables = list(islice(found, MOST_VARIABLES + 1))
    if len(variables) > MOST_VARIABLES:
        raise DataError(
            f"{events.path}: the transformations of the model work on more than {MOST_VARIABLES} columns of "
            "events and confounds; name those that are needed"
        )
    return BIDSRunVariableCollection(variables, sampling_rate=DENSE_RATE)


def _sparse_variables(events: Table, info: Any) -> Iterator["BIDSVariable"]:
    """Make a variable of every column of the events."""
    import pandas as pd
    from bids.variables import SparseRunVariable

    columns = {name: cells for name, cells in events.columns.items() if name not in ("onset", "duration")}
    rows = [i for i in range(len(events.lines)) if any(cells[i] not in MISSING for cells in columns.values())]
    if not rows:
        return
    onsets = _times(events, "onset", rows)
    durations = _times(events, "duration", rows)
    entities = {key: value for key, value in info.entities.items() if key in ("subject", "session", "run")}
    for name, cells in columns.items():
        values = _cells(name, [cells[row] for row in rows])
        data = pd.DataFrame({"onset": onsets, "duration": durations, "amplitude": values})
        if data["amplitude"].notna().any():
            yield SparseRunVariable(name, data.assign(**entities), info, "events")


def _times(events: Table, column: str, rows: Sequence[int]) -> Floats:
    """Onsets or durations of some rows (n_rows,); where they are n/a, UNKNOWN_TIME."""
    cells = events.columns[column]
    given = [row for row in rows if cells[row] not in MISSING]
    found = dict(zip(given, numbers(events, column, given, "correct it (a time in s, or n/a)"), strict=True))
    return np.array([found.get(row, UNKNOWN_TIME) for row in rows])


def _cells(name: str, cells: Sequence[str]) -> Any:
    """Cells of a column as pandas would read them; trial types stay text, whatever they look like.

    Whole numbers are integers where no cell of the column is missing, so that their levels are 1, not 1.0.

    >>> _cells("correct", ["1", "0"]).tolist(), _cells("correct", ["1", "n/a"]).tolist()
    ([1, 0], [1.0, nan])
    >>> _cells("rt", ["0.5", "1"]).tolist(), _cells("side", ["1", "left", ""]).tolist()
    ([0.5, 1.0], ['1', 'left', nan])
    """
    import pandas as pd

    present = [cell for cell in cells if cell not in MISSING]
    whole = len(present) == len(cells)
    if name != FACTORED:
        if whole and all(WHOLE_NUMBER.fullmatch(cell) for cell in cells):
            return pd.Series([int(cell) for cell in cells])
        if whole and all(cell.lower() in TRUTH for cell in cells):
            return pd.Series([TRUTH[cell.lower()] for cell in cells])
        if bool(np.isfinite([number(cell) for cell in present]).all()):
            return pd.Series([np.nan if cell in MISSING else number(cell) for cell in cells])
    return pd.Series([np.nan if cell in MISSING else cell for cell in cells], dtype=object)


def _dense_variables(
    run: Run, info: Any, instructions: Sequence[Mapping[str, object]]
) -> Iterator["BIDSVariable"]:
    """Those confounds that the instructions mention."""
    from bids.variables import DenseRunVariable

    table = read_confounds_table(run)
    mentioned = list(texts(list(instructions)))
    joined, globs = "\n".join(mentioned), [text for text in mentioned if is_glob(text)]
    for name in table.columns:
        if name in joined or matches(name, globs):
            values = confound_values(table, name)
            values[: leading_missing(name, table.columns[name])] = np.nan
            variable = DenseRunVariable(name, values, info, "regressors", 1.0 / run.repetition_time)
            tidy(variable, binary=False)
            yield variable


def tidy(variable: "BIDSVariable", binary: bool) -> None:
    """Leave a variable as the next instruction needs it."""
    import pandas as pd

    if isinstance(variable.values, pd.DataFrame):
        # pybids' Scale takes a series only, although it keeps dense variables as frames
        variable.values = variable.values.iloc[:, 0].rename(variable.name)
    if binary and variable.values.notna().all():
        # levels are then 0 and 1, not 0.0 and 1.0
        variable.values = variable.values.astype(int)
    elif binary:
        setattr(variable, BINARY, True)


def texts(value: object) -> Iterator[str]:
    """All texts in a value of a document, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
