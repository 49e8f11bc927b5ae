"""What a script of AFNI reads beside the images: stimulus times, confounds, censored scans, linear tests.

Timing files have one row for each run. Events that 3dDeconvolve would drop, because they begin before the
first scan or after the last, are left out: what it averages over events is then the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.afni.baseline import demeaned
from bidsglm.afni.design import Baseline, Stimulus
from bidsglm.afni.regressors import EventTrain, within_run
from bidsglm.afni.timeline import Timeline
from bidsglm.export.literals import number, rows_text
from bidsglm.model import Floats

NO_EVENTS = "*"
BEFORE_THE_RUN = "-1000"
"""Onset of an event that is dropped: married files need one event to show what is married"""


class TimingFile(NamedTuple):
    """A timing file and the option that reads it."""

    label: str
    option: str
    response: str
    """3dDeconvolve's notation"""
    content: str
    columns: int
    """That 3dDeconvolve makes of it"""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Name its columns as -gltsym does."""
        if self.columns == 1:
            return (self.label,)
        return tuple(f"{self.label}[{k}]" for k in range(self.columns))


def timing_files(
    stimulus: Stimulus, label: str, timeline: Timeline, subtract: float = 0.0
) -> tuple[TimingFile, ...]:
    """Write a condition's events, in as many files as it takes.

    3dDeconvolve has no heights (AM1) beside modulators (AM2), and modulated sets of several functions are
    written out too, so that the order of the columns is ours: such a condition becomes one AM1 file for its
    main effect and one for each modulator less its mean.

    Parameters
    ----------
    stimulus
        Its onsets count from the moment that the scans stand for.
    label
        Of the condition.
    timeline
        The scans.
    subtract
        s that the script subtracts from all onsets (-stim_times_subtract)
    """
    trains = [counted(train, n, timeline) for train, n in zip(stimulus.trains, timeline.n_scans, strict=True)]
    plain = all(train.heights is None or (train.heights == 1).all() for train in trains)
    trains = [
        train._replace(onsets=train.onsets + subtract, heights=None if plain else train.heights)
        for train in trains
    ]
    functions = len(stimulus.response.functions)
    modulators = max(train.modulation.shape[1] for train in trains)
    heights = any(train.heights is not None for train in trains)
    if modulators and (heights or functions > 1):
        return tuple(
            _file(stimulus, label if not k else f"{label}__mod{k}", part, "AM1")
            for k, part in enumerate(_apart(trains, modulators))
        )
    kind = "AM2" if modulators else "AM1" if heights or stimulus.response.by_duration else ""
    return (_file(stimulus, label, trains, kind),)


def counted(train: EventTrain, n_scans: int, timeline: Timeline) -> EventTrain:
    """Leave the events that 3dDeconvolve takes."""
    some = within_run(train.onsets, n_scans, timeline.repetition_time)
    return EventTrain(*(None if values is None else values[some] for values in train))  # type: ignore[arg-type]


def _apart(trains: Sequence[EventTrain], modulators: int) -> list[list[EventTrain]]:
    """Return the main effect, then each modulator less its mean, as heights."""
    together = np.vstack([train.modulation for train in trains if train.modulation.shape[1]])
    means = together.mean(axis=0)
    return [
        [
            train._replace(
                heights=_heights(train)
                if not k or not len(train.onsets)
                else _heights(train) * (train.modulation[:, k - 1] - means[k - 1]),
                modulators=None,
            )
            for train in trains
        ]
        for k in range(modulators + 1)
    ]


def _heights(train: EventTrain) -> Floats:
    return np.ones(len(train.onsets)) if train.heights is None else train.heights


def _file(stimulus: Stimulus, label: str, trains: Sequence[EventTrain], kind: str) -> TimingFile:
    by_duration = stimulus.response.by_duration
    rows = [_row(train, kind, by_duration) for train in trains]
    modulators = max(train.modulation.shape[1] for train in trains)
    if kind and not any(rows):
        married = "*" + ",".join(["1"] * max(modulators, 1)) if kind == "AM2" or not by_duration else ""
        rows[0] = BEFORE_THE_RUN + married + ":1" * by_duration
    return TimingFile(
        label,
        f"-stim_times_{kind}" if kind else "-stim_times",
        stimulus.response.model.notation,
        "".join(f"{row or NO_EVENTS}\n" for row in rows),
        len(stimulus.response.functions) * (1 + modulators),
    )


def _row(train: EventTrain, kind: str, by_duration: bool) -> str:
    """Events of a run: onset*height:duration, of which only what is needed."""
    married = train.modulation if kind == "AM2" else np.empty((len(train.onsets), 0))
    if kind == "AM1" and (train.heights is not None or not by_duration):
        married = _heights(train)[:, None]
    parts = []
    for i, onset in enumerate(train.onsets):
        values = ",".join(number(value) for value in married[i])
        duration = f":{number(train.durations[i])}" if by_duration and train.durations is not None else ""
        parts.append(number(onset) + (f"*{values}" if values else "") + duration)
    return " ".join(parts)


def confound_files(baseline: Baseline) -> tuple[str, ...]:
    """Write confounds less their means over a run as -ortvec takes them: columns, in one row for each scan.

    Each run has a file of its own, 0 in the other runs, or there is one file for all.
    """
    if not baseline.confounds or not any(run.names for run in baseline.confounds):
        return ()
    values = demeaned([run.values for run in baseline.confounds], baseline.confounds_per_run)
    if not baseline.confounds_per_run:
        return (rows_text(values),)
    ends = np.cumsum([len(run.names) for run in baseline.confounds])[:-1]
    return tuple(rows_text(part) if part.shape[1] else "" for part in np.split(values, ends, axis=1))


def censor_file(timeline: Timeline) -> str:
    """Write 1 for every scan that is kept and 0 for others; empty where all are kept."""
    kept = timeline.kept_rows
    return "" if kept.all() else "".join(f"{int(one)}\n" for one in kept)


def symbolic(row: Floats, addresses: Sequence[str]) -> str:
    """Write a row of a linear test over stimulus columns as -gltsym does.

    >>> symbolic(np.array([1.0, -0.5, 0.0]), ["face", "house[0]", "house[1]"])
    '+face -0.5*house[0]'
    """
    terms = []
    for weight, address in zip(row.tolist(), addresses, strict=True):
        if weight:
            size = "" if abs(weight) == 1 else f"{number(abs(weight))}*"
            terms.append(f"{'-' if weight < 0 else '+'}{size}{address}")
    return " ".join(terms)
