"""Transformations of a BIDS Stats Model (pybids-transforms-v1), applied by pybids to one run."""

import glob
import json
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bidsglm.data import Run
from bidsglm.dataset.collection import DENSE_RATE, collected, texts, tidy
from bidsglm.dataset.sampling import held, sample_times
from bidsglm.dataset.transformed import Transformed, condition_of, is_undated, series_of, transformed
from bidsglm.dataset.tsv import Table, number
from bidsglm.errors import DataError
from bidsglm.statsmodel.globs import is_glob, matches, matching
from bidsglm.statsmodel.limits import MOST_VARIABLES
from bidsglm.statsmodel.transformations import OUTPUTS, snake

if TYPE_CHECKING:
    from bids.variables import BIDSRunVariableCollection, BIDSVariable


ON_ONE_GRID = ("And", "Or", "Product", "Sum")
"""Instructions that combine variables sample by sample."""
OVER_TIME = ("Resample", "ToDense")
WITHOUT_MISSING = ("Copy", "Delete", "Demean", "Rename", "Replace", "Scale", "Select")
"""Instructions that leave n/a in the first rows of a confound alone; for all others it is 0."""
NAMING = ("input", "target", "by", "other")
"""Arguments that name variables."""


def transform(
    run: Run,
    events: Table,
    instructions: Sequence[Mapping[str, object]],
    wanted: Sequence[str] = (),
    levels: Collection[str] = (),
) -> Transformed:
    """Apply the instructions of a model to the events and confounds of one run.

    Levels of a column that an instruction or the model names (``trial_type.go``) are made when they are first
    needed, without a Factor instruction; the column itself stays.

    Parameters
    ----------
    run
        The run.
    events
        Its events.
    instructions
        Without Convolve.
    wanted
        Names and globs of the model's X.
    levels
        Levels of columns that others have: where this run has none, they are events that never happen.

    Raises
    ------
    DataError
        Naming the transformation that cannot be applied, or a value in a table that is no number.
    """
    collection = collected(run, events, instructions)
    notes: list[str] = []
    factored: dict[str, Any] = {}
    for i, instruction in enumerate(instructions):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _make_levels(collection, named_by(instruction), factored)
                _add_missing(collection, [name for name in named_by(instruction) if name in levels])
                notes += _nothing_found(collection, instruction, events)
                notes += _numbers_kept(collection, instruction, events)
                notes += _given_to_all(collection, instruction, events)
                _apply(run, collection, instruction, instructions[i + 1 :])
        except Exception as error:
            raise DataError(
                f"{events.path}: the model's transformation {in_brief(instruction)} cannot be applied: "
                f"{' '.join(str(error).split())}"
            ) from error
    _make_levels(collection, wanted, factored)
    return transformed(collection, events.path)._replace(notes=tuple(notes))


def _nothing_found(
    collection: "BIDSRunVariableCollection", instruction: Mapping[str, object], events: Table
) -> list[str]:
    """Say which patterns of an instruction no variable has."""
    return [
        f"{events.path.name}: {instruction['Name']} finds no variable like {pattern!r}"
        for pattern in texts(_argument(instruction, "input"))
        if is_glob(pattern) and not matching(pattern, collection.variables)
    ]


def _numbers_kept(
    collection: "BIDSRunVariableCollection", instruction: Mapping[str, object], events: Table
) -> list[str]:
    """Say which numbers a Replace names: its keys are text, which pybids and FitLins find in no number."""
    keys = _argument(instruction, "replace")
    if instruction["Name"] != "Replace" or not isinstance(keys, Mapping):
        return []
    if _argument(instruction, "attribute") not in (None, "value"):
        return []
    wanted = {number(key) for key in keys}
    return [
        f"{events.path.name}: Replace finds nothing in {name}: its keys are text, the values are numbers (as "
        "in pybids); make levels of them by Factor and give these other names by Rename"
        for name in _inputs(instruction, collection.variables)
        if (values := collection.variables[name].values).dtype.kind in "if"
        and not wanted.isdisjoint(np.unique(values).tolist())
    ]


def _given_to_all(
    collection: "BIDSRunVariableCollection", instruction: Mapping[str, object], events: Table
) -> list[str]:
    """Say where Assign gives values to events that a variable has not: its zeros, those of other levels."""
    if instruction["Name"] != "Assign" or _argument(instruction, "target_attr") not in (None, "amplitude"):
        return []
    targets = [collection.variables.get(name) for name in texts(_argument(instruction, "target"))]
    return [
        f"{events.path.name}: Assign gives values to all {len(target.values)} events of {target.name}, "
        f"{int((target.values == 0).sum())} of which were 0 (other levels, say), as in pybids; Product of "
        "both variables keeps them 0"
        for target in targets
        if target is not None and hasattr(target, "onset") and (target.values == 0).any()
    ]


def _apply(
    run: Run,
    collection: "BIDSRunVariableCollection",
    instruction: Mapping[str, object],
    later: Sequence[Mapping[str, object]],
) -> None:
    """Carry out one instruction, by pybids unless it changes how variables are sampled."""
    if instruction["Name"] not in WITHOUT_MISSING:
        _fill_first_scans(collection, named_by(instruction))
    before = dict(collection.variables)
    if instruction["Name"] in OVER_TIME:
        _sample_anew(run, collection, instruction, later)
        return
    if instruction["Name"] in ON_ONE_GRID or _argument(instruction, "dense"):
        _put_on_one_grid(run, collection, instruction)
    by_pybids(collection, instruction)
    changed = {name: v for name, v in collection.variables.items() if v is not before.get(name)}
    if any(_argument(instruction, key) for key in OUTPUTS):
        for name in set(_inputs(instruction, before)) - set(texts(_argument(instruction, "output"))):
            if name in changed:
                collection.variables[name] = before[name]
    for variable in changed.values():
        tidy(variable, binary=bool(_argument(instruction, "binarize")))


def _fill_first_scans(collection: "BIDSRunVariableCollection", names: Sequence[str]) -> None:
    """Set what confounds lack in the first scans to 0."""
    for name, variable in collection.variables.items():
        if not hasattr(variable, "onset") and matches(name, names):
            variable.values = variable.values.fillna(0.0)


def by_pybids(collection: "BIDSRunVariableCollection", instruction: Mapping[str, object]) -> None:
    """Apply one instruction, some in our own way, and none that would make too many variables."""
    from bids.modeling.transformations import TransformerManager
    from bids.utils import convert_JSON

    from bidsglm.dataset import instructions

    instruction = {
        key: _escaped(value, collection.variables) if snake(key) in NAMING else value
        for key, value in instruction.items()
    }
    own = instructions.OWN.get(str(instruction["Name"]))
    if instruction["Name"] == "Factor":
        _check_levels(collection, instruction)
    if own is None:
        TransformerManager(keep_history=False).transform(collection, [dict(instruction)])
    else:
        arguments = convert_JSON(dict(instruction))
        arguments.pop("name")
        own(collection, arguments.pop("input"), **arguments)
    if len(collection.variables) > MOST_VARIABLES:
        raise ValueError(f"makes more than {MOST_VARIABLES} variables")


def _escaped(value: object, names: Collection[str]) -> object:
    """Names as pybids takes them, which would see a pattern in the brackets of a variable's own name.

    >>> _escaped(["rt.side[left]", "rt.*"], ("rt.side[left]",))
    ['rt.side[[]left]', 'rt.*']
    """
    if isinstance(value, list):
        return [_escaped(item, names) for item in value]
    return glob.escape(value) if isinstance(value, str) and value in names else value


def _check_levels(collection: "BIDSRunVariableCollection", instruction: Mapping[str, object]) -> None:
    """Refuse to factor what has as many levels as a measurement has values: pandas makes a table of both."""
    for name in _inputs(instruction, collection.variables):
        levels = collection.variables[name].values.nunique()
        if np.max(levels) > MOST_VARIABLES:
            raise ValueError(f"{name} has more than {MOST_VARIABLES} levels")


def _make_levels(
    collection: "BIDSRunVariableCollection", names: Iterable[str], factored: dict[str, Any]
) -> None:
    """Make the levels of columns that are named although nothing has made them; the columns stay.

    A level that there is, or that instructions have taken away, is not made again: it may have been changed.
    Columns whose levels were made are remembered.
    """
    for name in names:
        if matching(name, collection.variables):
            continue
        column = next((s for s in stems(name) if hasattr(collection.variables.get(s), "onset")), None)
        if column is None or factored.get(column) is collection.variables[column]:
            continue
        before = dict(collection.variables)
        variable = collection.variables[column].clone()
        by_pybids(collection, {"Name": "Factor", "Input": [column]})
        collection.variables.update({**before, column: variable})
        factored[column] = variable


def _add_missing(collection: "BIDSRunVariableCollection", names: Iterable[str]) -> None:
    """Make variables that are 0 at each event, so that instructions find what happens to others only."""
    import pandas as pd

    for name in names:
        alike = {k: v for k, v in collection.variables.items() if hasattr(v, "onset")}
        column = name.rpartition(".")[0]
        template = next((v for k, v in alike.items() if k.startswith(f"{column}.")), None)
        template = template or next(iter(alike.values()), None)
        if template is not None and name not in collection.variables:
            never = template.clone()
            never.name, never.values = name, pd.Series(0.0, index=template.values.index, name=name)
            collection.variables[name] = never


def stems(name: str) -> list[str]:
    """Columns that a name may be a level of.

    >>> stems("side.left.1")
    ['side', 'side.left']
    """
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


def _sample_anew(
    run: Run,
    collection: "BIDSRunVariableCollection",
    instruction: Mapping[str, object],
    later: Sequence[Mapping[str, object]],
) -> None:
    """Carry out ToDense or Resample.

    Events that no later instruction needs as a series stay events: each package draws them on its own grid.
    """
    names = _inputs(instruction, collection.variables)
    if not names:
        raise ValueError("no such variable")
    if any(_argument(instruction, key) for key in OUTPUTS):
        before = dict(collection.variables)
        naming = {key: value for key, value in instruction.items() if snake(key) in ("input", *OUTPUTS)}
        by_pybids(collection, {**naming, "Name": "Copy"})
        names = [name for name, v in collection.variables.items() if v is not before.get(name)]
    rate = _argument(instruction, "sampling_rate")
    hertz = 1 / run.repetition_time if rate == "TR" else float(rate or DENSE_RATE)
    needed = [name for other in later for name in named_by(other)]
    for name in names:
        variable = collection.variables[name]
        if not hasattr(variable, "onset") or matches(name, needed):
            collection.variables[name] = _sampled(run, variable, hertz)


def _put_on_one_grid(
    run: Run, collection: "BIDSRunVariableCollection", instruction: Mapping[str, object]
) -> None:
    """Sample the inputs of an instruction alike, unless all are events."""
    variables = [collection.variables[name] for name in _inputs(instruction, collection.variables)]
    rates = {getattr(variable, "sampling_rate", None) for variable in variables}
    if rates == {None} and not _argument(instruction, "dense"):
        return
    if len(rates) > 1 or None in rates:
        hertz = max(DENSE_RATE, *(rate or 0.0 for rate in rates))
        for variable in variables:
            collection.variables[variable.name] = _sampled(run, variable, hertz)


def _sampled(run: Run, variable: Any, hertz: float) -> "BIDSVariable":
    """Dense variable with the values of another at a rate."""
    from bids.variables import DenseRunVariable

    times = sample_times(run, hertz)
    if hasattr(variable, "onset"):
        events = condition_of(variable.name, variable)
        if events is not None and is_undated(events):
            raise ValueError(f"an event of {variable.name!r} has no onset or no duration (n/a)")
        if events is not None and not (events.durations > 0).any():
            raise ValueError(
                f"the events of {variable.name!r} have no duration, and no value over time: give them one"
            )
        values = held(events, times) if events is not None else np.zeros_like(times)
    else:
        values = series_of(variable).at(times)
    dense = DenseRunVariable(variable.name, values, variable.run_info, variable.source, float(hertz))
    tidy(dense, binary=False)
    return dense


def _argument(instruction: Mapping[str, object], name: str) -> Any:
    """Argument of an instruction, by the name that pybids has for it inside."""
    return next((value for key, value in instruction.items() if snake(key) == name), None)


def named_by(instruction: Mapping[str, object]) -> list[str]:
    """Variables that an instruction names."""
    return [name for key in NAMING for name in texts(_argument(instruction, key))]


def _inputs(instruction: Mapping[str, object], names: Iterable[str]) -> list[str]:
    known = tuple(names)
    return [name for text in texts(_argument(instruction, "input")) for name in matching(text, known)]


def in_brief(instruction: Mapping[str, object]) -> str:
    """An instruction in a message."""
    return f"{instruction.get('Name')} of {json.dumps(instruction.get('Input'))}"
