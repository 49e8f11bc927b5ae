"""Variables over time: events held over their durations, and series between their samples."""

import math

import numpy as np

from bidsglm.data import Condition, Run
from bidsglm.model import TRIAL_TYPE, Floats

SAME_TIME = 5e-4
"""s: onsets and durations are taken to the millisecond, as pybids does, so rounding decides no scan."""


def scan_times(run: Run) -> Floats:
    """Start of each scan in s, (n_scans,): where the values of confounds count, as in pybids and FitLins."""
    return np.asarray(np.arange(run.n_scans) * run.repetition_time, dtype=np.float64)


def sample_times(run: Run, rate: float) -> Floats:
    """Times in s of samples taken all over a run at a rate in Hz.

    >>> from pathlib import Path
    >>> run = Run({}, Path("bold.nii.gz"), None, None, None, 3, 2.0, None)
    >>> sample_times(run, 1.0).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    return np.arange(math.ceil(round(run.n_scans * run.repetition_time * rate, 6))) / rate


def held(condition: Condition, times: Floats) -> Floats:
    """Height of the event that lasts at each time, 0 where none does; a later event covers an earlier one.

    Parameters
    ----------
    condition
        Made of events.
    times
        Increasing, s.

    Examples
    --------
    >>> go = Condition("go", np.array([1.0, 4.0]), np.array([2.0, 1.0]), amplitudes=np.array([3.0, 5.0]))
    >>> held(go, np.arange(6.0)).tolist()
    [0.0, 3.0, 3.0, 0.0, 5.0, 0.0]
    """
    values = np.zeros_like(times)
    first = np.searchsorted(times, condition.onsets - SAME_TIME)
    behind = np.searchsorted(times, condition.onsets + condition.durations - SAME_TIME)
    for start, stop, height in zip(first, behind, condition.heights, strict=True):
        values[start:stop] = height
    return values


def series(name: str, values: Floats, step: float) -> Condition:
    """Continuous variable of values every step seconds from the run's start; missing ones count 0.

    >>> series("fd", np.array([np.nan, 0.2]), 2.0).heights.tolist()
    [0.0, 0.2]
    """
    return Condition(
        name.removeprefix(TRIAL_TYPE),
        np.asarray(np.arange(len(values)) * step, dtype=np.float64),
        np.full(len(values), step),
        amplitudes=np.nan_to_num(values, nan=0.0),
        prefix=TRIAL_TYPE if name.startswith(TRIAL_TYPE) else "",
        continuous=True,
    )
