"""What the transformations of a run leave behind: variables of pybids as conditions and series."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bidsglm.data import Condition
from bidsglm.dataset.collection import UNKNOWN_TIME
from bidsglm.dataset.sampling import series
from bidsglm.dataset.tsv import LARGEST_NUMBER
from bidsglm.errors import DataError
from bidsglm.model import TRIAL_TYPE, Floats
from bidsglm.statsmodel.transformations import FACTORED

if TYPE_CHECKING:
    from bids.variables import BIDSRunVariableCollection


class Transformed(NamedTuple):
    """What the transformations of a model leave behind in one run."""

    conditions: Mapping[str, Condition]
    """Variables made of events, by regressor name; only those with events."""
    series: Mapping[str, Condition]
    """Variables over time."""
    missing: Mapping[str, int]
    """Events that a variable lacks because their value or duration is n/a: how many, where there are any."""
    words: tuple[str, ...] = ()
    """Variables made of events whose values are text."""
    notes: tuple[str, ...] = ()
    """What instructions did not do."""


def transformed(collection: "BIDSRunVariableCollection", origin: Path) -> Transformed:
    """Sort the variables of a collection, whose events' file is named if one cannot be used."""
    conditions: dict[str, Condition] = {}
    over_time: dict[str, Condition] = {}
    missing: dict[str, int] = {}
    for name, variable in collection.variables.items():
        try:
            if not hasattr(variable, "onset"):
                over_time[name] = series_of(variable)
            elif name != FACTORED and (condition := condition_of(name, variable)) is not None:
                conditions[name] = condition
                missing[name] = int(_lacking(variable).sum())
        except Exception as error:
            raise DataError(
                f"{origin}: the model's transformations leave {name}, which cannot be used: {error}"
            ) from error
    return Transformed(
        conditions,
        over_time,
        {name: count for name, count in missing.items() if count},
        tuple(name for name, variable in collection.variables.items() if _is_text(variable)),
    )


def _is_text(variable: Any) -> bool:
    return hasattr(variable, "onset") and any(isinstance(value, str) for value in variable.values)


def _lacking(variable: Any) -> Any:
    """Events without a value, or of a height but without a time, (n_events,)."""
    heights = np.asarray(variable.values, dtype=np.float64).ravel()
    times = np.asarray(variable.onset, dtype=float) + np.asarray(variable.duration, dtype=float)
    return np.isnan(heights) | (np.isnan(times) & (heights != 0))


def series_of(variable: Any) -> Condition:
    """A variable over time, in steps of its own; what it lacks in the first scans is 0."""
    values = np.asarray(variable.values.fillna(0.0), dtype=np.float64).ravel()
    return series(variable.name, values, 1.0 / variable.sampling_rate)


def condition_of(name: str, variable: Any) -> Condition | None:
    """Events with a height other than 0, of unknown time too (`is_undated`).

    None where there are none, or where the values are text.
    """
    try:
        heights = np.asarray(variable.values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        return None
    onsets, durations = (np.asarray(x, dtype=np.float64) for x in (variable.onset, variable.duration))
    kept = np.flatnonzero(np.isfinite(heights) & (heights != 0) & ~_lacking(variable))
    known = (onsets[kept] != UNKNOWN_TIME) & (durations[kept] != UNKNOWN_TIME)
    _check_times(onsets[kept][known], durations[kept][known])
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


def is_undated(condition: Condition) -> bool:
    """Whether the onset or duration of an event is n/a."""
    return bool(((condition.onsets == UNKNOWN_TIME) | (condition.durations == UNKNOWN_TIME)).any())


def _check_times(onsets: Floats, durations: Floats) -> None:
    """Check what instructions may have assigned to onsets and durations."""
    if not ((np.abs(onsets) < LARGEST_NUMBER) & (durations >= 0) & (durations < LARGEST_NUMBER)).all():
        raise ValueError("it has an onset or a duration that is no time in s")
