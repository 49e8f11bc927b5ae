"""Transformations of a BIDS Stats Model (pybids-transforms-v1), applied by pybids to one run."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bidsglm.dataset.confounds import confound_values, read_confounds_table
from bidsglm.dataset.tsv import LARGEST_NUMBER, MISSING, Table, number, numbers
from bidsglm.errors import DataError
from bidsglm.model import TRIAL_TYPE, Condition, Floats, Run
from bidsglm.statsmodel.globs import is_glob, matching
from bidsglm.statsmodel.limits import MOST_VARIABLES

if TYPE_CHECKING:
    from bids.variables import BIDSRunVariableCollection, BIDSVariable

DENSE_RATE = 10.0
"""Hz at which pybids represents events that it must sample."""
FACTOR: Mapping[str, object] = {"Name": "Factor", "Input": ["trial_type"]}


class Transformed(NamedTuple):
    """What the transformations of a model leave behind in one run."""

    conditions: Mapping[str, Condition]
    """By regressor name; only those with events."""
    confounds: Mapping[str, Floats]
    """(n_scans,) each"""


def transform(run: Run, events: Table, instructions: Sequence[Mapping[str, object]]) -> Transformed:
    """Apply the instructions of a model to the events and confounds of one run.

    Parameters
    ----------
    run
        The run.
    events
        Its events.
    instructions
        Without Convolve. Where none of them factors trial_type, that is done first.

    Raises
    ------
    DataError
        Naming the transformation that pybids cannot apply, or a value in a table that is no number.
    """
    from bids.modeling.transformations import TransformerManager

    collection = _collection(run, events, instructions)
    if not any(_factors_trial_type(item) for item in instructions) and "trial_type" in collection.variables:
        instructions = [FACTOR, *instructions]
    manager = TransformerManager(keep_history=False)
    for instruction in instructions:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _apply(manager, collection, instruction)
        except Exception as error:
            raise DataError(
                f"{events.path}: the model's transformation {_brief(instruction)} cannot be applied: "
                f"{' '.join(str(error).split())}"
            ) from error
    return _transformed(run, collection, events.path)


def _apply(manager: Any, collection: "BIDSRunVariableCollection", instruction: Mapping[str, object]) -> None:
    """Apply one instruction, Filter and Split in our own way, and none that would make too many variables."""
    from bids.utils import convert_JSON

    from bidsglm.dataset import instructions

    own = {"Filter": instructions.Filter, "Split": instructions.Split}.get(str(instruction["Name"]))
    if instruction["Name"] == "Factor":
        _check_levels(collection, instruction)
    if own is None:
        manager.transform(collection, [dict(instruction)])
    else:
        arguments = convert_JSON(dict(instruction))
        arguments.pop("name")
        own(collection, arguments.pop("input"), **arguments)
    if len(collection.variables) > MOST_VARIABLES:
        raise ValueError(f"makes more than {MOST_VARIABLES} variables")


def _check_levels(collection: "BIDSRunVariableCollection", instruction: Mapping[str, object]) -> None:
    """Refuse to factor what has as many levels as a measurement has values: pandas makes a table of both."""
    inputs = instruction.get("Input")
    for pattern in inputs if isinstance(inputs, list) else [inputs]:
        for name in matching(str(pattern), collection.variables):
            levels = collection.variables[name].values.nunique()
            if np.max(levels) > MOST_VARIABLES:
                raise ValueError(f"{name} has more than {MOST_VARIABLES} levels")


def _collection(
    run: Run, events: Table, instructions: Sequence[Mapping[str, object]]
) -> "BIDSRunVariableCollection":
    from bids.variables import BIDSRunVariableCollection
    from bids.variables.entities import RunInfo

    info = RunInfo(
        dict(run.entities), run.n_scans * run.repetition_time, run.repetition_time, str(run.bold), run.n_scans
    )
    found = chain(_sparse_variables(events, info), _dense_variables(run, info, instructions))
    variables = list(islice(found, MOST_VARIABLES + 1))
    if len(variables) > MOST_VARIABLES:
        raise DataError(
            f"{events.path}: the transformations of the model meet more than {MOST_VARIABLES} columns of "
            "events and confounds; name those that are needed"
        )
    return BIDSRunVariableCollection(variables, sampling_rate=DENSE_RATE)


def _sparse_variables(events: Table, info: Any) -> Iterator["BIDSVariable"]:
    """Make a variable of every column of the events: numbers where all cells but n/a are numbers."""
    import pandas as pd
    from bids.variables import SparseRunVariable

    for name in events.columns:
        rows = [i for i, cell in enumerate(events.columns[name]) if cell not in MISSING]
        if name in ("onset", "duration") or not rows:
            continue
        cells = [events.columns[name][row] for row in rows]
        values = [number(cell) for cell in cells]
        numeric = name != "trial_type" and bool(np.isfinite(values).all())
        data = pd.DataFrame(
            {
                "onset": numbers(events, "onset", rows, "give it in s or remove the event"),
                "duration": numbers(events, "duration", rows, "give it in s (0 for an impulse)"),
                "amplitude": pd.Series(values if numeric else cells, dtype=float if numeric else object),
            }
        )
        entities = {
            key: value for key, value in info.entities.items() if key in ("subject", "session", "run")
        }
        yield SparseRunVariable(name, data.assign(**entities), info, "events")


def _dense_variables(
    run: Run, info: Any, instructions: Sequence[Mapping[str, object]]
) -> Iterator["BIDSVariable"]:
    """Those confounds that the instructions mention."""
    from bids.variables import DenseRunVariable

    if run.confounds is None:
        return
    table = read_confounds_table(run)
    mentioned = list(_texts(list(instructions)))
    joined, globs = "\n".join(mentioned), [text for text in mentioned if is_glob(text)]
    for name in table.columns:
        if name in joined or any(matching(glob, [name]) for glob in globs):
            values = confound_values(table, name)
            variable = DenseRunVariable(name, values, info, "regressors", 1.0 / run.repetition_time)
            # pybids' Scale takes a series only, although it keeps dense variables as frames
            variable.values = variable.values[0].rename(name)
            yield variable


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _transformed(run: Run, collection: "BIDSRunVariableCollection", origin: Path) -> Transformed:
    conditions: dict[str, Condition] = {}
    confounds: dict[str, Floats] = {}
    for name, variable in collection.variables.items():
        try:
            if not hasattr(variable, "onset"):
                confounds[name] = _at_scans(run, variable)
            elif (condition := _condition(name, variable)) is not None:
                conditions[name] = condition
        except Exception as error:
            raise DataError(
                f"{origin}: the model's transformations leave {name}, which cannot be used: {error}"
            ) from error
    return Transformed(conditions, confounds)


def _condition(name: str, variable: Any) -> Condition | None:
    """Events with a height other than 0; None where there are none, or where the values are text."""
    try:
        heights = np.asarray(variable.values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None
    onsets, durations = (np.asarray(x, dtype=np.float64) for x in (variable.onset, variable.duration))
    kept = np.flatnonzero(np.isfinite(heights) & (heights != 0))
    _check_times(onsets[kept], durations[kept])
    kept = kept[np.argsort(onsets[kept], kind="stable")]
    if kept.size == 0:
        return None
    return Condition(
        name.removeprefix(TRIAL_TYPE),
        onsets[kept],
        durations[kept],
        amplitudes=None if (heights[kept] == 1).all() else heights[kept],
        prefix=TRIAL_TYPE if name.startswith(TRIAL_TYPE) else "",
    )


def _check_times(onsets: Floats, durations: Floats) -> None:
    """Check what instructions may have assigned to onsets and durations."""
    if not ((np.abs(onsets) < LARGEST_NUMBER) & (durations >= 0) & (durations < LARGEST_NUMBER)).all():
        raise ValueError("it has an onset or a duration that is no time in s")


def _at_scans(run: Run, variable: Any) -> Floats:
    values = np.asarray(variable.values, dtype=np.float64).ravel()
    if values.size != run.n_scans:
        values = np.asarray(variable.resample("TR").values, dtype=np.float64).ravel()
    return values


def _factors_trial_type(instruction: Mapping[str, object]) -> bool:
    inputs = instruction.get("Input")
    return instruction.get("Name") == "Factor" and "trial_type" in (
        inputs if isinstance(inputs, list) else [inputs]
    )


def _brief(instruction: Mapping[str, object]) -> str:
    return f"{instruction.get('Name')} of {json.dumps(instruction.get('Input'))}"
