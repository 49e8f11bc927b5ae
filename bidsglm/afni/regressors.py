"""Columns of a condition: 3dDeconvolve's ``-stim_times``, ``-stim_times_AM1`` and ``-stim_times_AM2``.

With the events of run r, their heights a, onsets o and the responses h of `responses`,

    X[k] = sum_events a h(k TR - o; d)     over the scans k of run r,

evaluated at the start of each scan; no response runs into the next run. An event counts if
``0 <= o <= (n_r - 1) TR``. Modulators add columns ``sum (m - mean m) h``, the mean over all events of all
runs that count (``3dDeconvolve -help``).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.afni.responses import Response
from bidsglm.afni.timeline import Timeline
from bidsglm.model import Floats, Mask

BATCH = 256
"""Events evaluated at once over all scans of a run."""


class EventTrain(NamedTuple):
    """The events of a condition in one run."""

    onsets: Floats
    """(n_events,) s from the start of the run's first scan"""
    durations: Floats | None = None
    """(n_events,) s, for responses by duration"""
    heights: Floats | None = None
    """(n_events,) AM1; None for 1"""
    modulators: Floats | None = None
    """(n_events, n_modulators) AM2; None for none"""

    @property
    def modulation(self) -> Floats:
        """Modulators, of which there may be none."""
        return np.empty((len(self.onsets), 0)) if self.modulators is None else self.modulators


def within_run(onsets: Floats, n_scans: int, repetition_time: float) -> Mask:
    """Events that count: between the first scan's start and the last one's.

    >>> within_run(np.array([-0.001, 0.0, 118.0, 118.5]), 60, 2.0).tolist()
    [False, True, True, False]
    """
    # single precision, in which 49 times 0.8 s is 39.2 s
    last = np.float32((n_scans - 1) * repetition_time)
    return np.asarray((onsets >= 0) & (onsets.astype(np.float32) <= last))


def condition_columns(response: Response, trains: Sequence[EventTrain], timeline: Timeline) -> Floats:
    """Columns of one condition over all runs, before censoring.

    Parameters
    ----------
    response
        Its response functions.
    trains
        Its events in every run; a run may have none.
    timeline
        The scans.

    Returns
    -------
    (n_rows, n_functions (1 + n_modulators)): the functions, then the functions for each modulator

    Raises
    ------
    ValueError
        Numbers of runs, events and modulators do not fit, values are not finite, or a duration is missing.

    >>> from bidsglm.afni.responses import response
    >>> tents, runs = response("TENT(0,4,3)"), Timeline(2.0, (3, 2))
    >>> condition_columns(tents, [EventTrain(np.array([2.0])), EventTrain(np.array([0.0]))], runs).tolist()
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    if len(trains) != len(timeline.n_scans):
        raise ValueError(f"events of {len(trains)} runs for {len(timeline.n_scans)} runs of scans")
    # 3dDeconvolve drops events outside the scans of their run, and counts the others' modulators only
    counted = [
        _counted(train, n, timeline, response) for train, n in zip(trains, timeline.n_scans, strict=True)
    ]
    # modulators are centred over all runs, as -stim_times_AM2 does
    means = _modulator_means(counted)
    X = np.zeros((timeline.n_rows, len(response.functions) * (1 + len(means))))
    for train, rows in zip(counted, timeline.slices, strict=True):
        # in batches: events times rows of a long run would not fit in memory
        for start in range(0, len(train.onsets), BATCH):
            some = _part(train, slice(start, start + BATCH))
            X[rows] += _summed(response, some, means, rows, timeline.repetition_time)
    return X


def _modulator_means(trains: Sequence[EventTrain]) -> Floats:
    """Means over all events, (n_modulators,)."""
    values = [train.modulation for train in trains if len(train.onsets) or train.modulation.shape[1]]
    if len({run.shape[1] for run in values}) > 1:
        raise ValueError("a condition needs the same modulators in every run")
    together = np.vstack(values) if values else np.empty((0, 0))
    return np.asarray(together.sum(axis=0) / max(len(together), 1))


def _summed(response: Response, train: EventTrain, means: Floats, rows: slice, TR: float) -> Floats:
    """Weighted responses of some events at the scans of their run, (n_scans, n_columns)."""
    # 3dDeconvolve reckons in scans since the first run and in single precision, some 0.01 ms
    single = np.float32(TR)
    onsets = train.onsets.astype(np.float32) / single + np.float32(rows.start)
    scans = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    # h(k TR - o) at the scan's own start: no microtime grid, and no onset is rounded to one
    t = (single * (scans - onsets)).astype(np.float64)
    durations = np.zeros(len(onsets)) if train.durations is None else train.durations
    heights = np.ones(len(onsets)) if train.heights is None else train.heights
    weights = np.column_stack([np.ones(len(onsets)), train.modulation - means]) * heights[:, None]
    values = [function(t, durations) for function in response.functions]
    # AM2: the plain columns come first, then those of each modulator less its mean
    return np.column_stack([h @ weight for weight in weights.T for h in values])


def _counted(train: EventTrain, n_scans: int, timeline: Timeline, response: Response) -> EventTrain:
    """Events that count, checked."""
    given = [values for values in train if values is not None]
    if any(len(values) != len(train.onsets) for values in given):
        raise ValueError("onsets, durations, heights and modulators of a run differ in number")
    if not all(np.isfinite(values).all() for values in given):
        raise ValueError("onsets, durations, heights and modulators must be finite")
    part = _part(train, within_run(train.onsets, n_scans, timeline.repetition_time))
    durations = np.zeros(len(part.onsets)) if part.durations is None else part.durations
    # the integral over a block of no length is 0, and so would be the column
    if response.by_duration and not (durations > 0).all():
        raise ValueError(f"the response {response.model.notation} needs events that last longer than 0 s")
    return part


def _part(train: EventTrain, some: Mask | slice) -> EventTrain:
    onsets, *others = (None if values is None else values[some] for values in train)
    return EventTrain(np.asarray(onsets), *others)
