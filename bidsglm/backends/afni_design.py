"""Which models AFNI has, and the design matrices that 3dDeconvolve makes of one.

The design is one for all runs; each run gets its rows of it, in the order and by the names that all packages
have. Onsets count from the moment that a scan stands for: fMRIPrep's StartTime is subtracted from them, as
``-stim_times_subtract`` does.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bidsglm.afni.baseline import automatic_degree
from bidsglm.afni.conditions import (
    ConditionResponse,
    check_responses,
    condition_responses,
    counted_events,
)
from bidsglm.afni.design import Baseline, JointDesign, Stimulus, joint_design
from bidsglm.afni.regressors import EventTrain
from bidsglm.afni.timeline import Timeline
from bidsglm.backends.afni_joint import DRIFT, JointRuns
from bidsglm.data import Condition, DesignMatrix, Paradigm, RunConfounds
from bidsglm.errors import DataError, UnsupportedModelError
from bidsglm.model import CONSTANT, ModelSpecification
from bidsglm.sentences import listing

SHOWN = 6
"""Columns named in a note."""


def check(model: ModelSpecification) -> None:
    """Refuse what AFNI has no setting for.

    Raises
    ------
    DataError
        Naming the setting and what to use instead.
    """
    if not model.intercept:
        raise DataError("AFNI's baseline always has a constant in each run; add 1 to X")
    check_responses(model)


def with_noise_model(model: ModelSpecification, noise_model: str) -> ModelSpecification:
    """Return the model with another noise model for AFNI.

    >>> with_noise_model(ModelSpecification("m", ()), "none").afni.noise_model
    'none'
    """
    settings: dict[str, Any] = {"noise_model": noise_model}
    return replace(model, afni=replace(model.afni, **settings))


def column_names(
    paradigms: Sequence[Paradigm], model: ModelSpecification
) -> tuple[tuple[str, ...], ...] | None:
    """Leave the names of regressors to the designs, which are quick to make and may fail."""
    return None


def designs(paradigms: Sequence[Paradigm], model: ModelSpecification) -> tuple[DesignMatrix, ...]:
    """Make the design of all runs, and give each run its rows.

    What AFNI does otherwise than the model asks, or than its readers expect, is warned of.

    Raises
    ------
    UnsupportedModelError
        It has no response model for these events, or no regression of these runs.
    DataError
        A run is too short for its polynomials.
    """
    if len({paradigm.repetition_time for paradigm in paradigms}) > 1:
        raise UnsupportedModelError(
            "AFNI fits all runs as one series, which has one repetition time; these runs differ in theirs"
        )
    responses = condition_responses(paradigms, model)
    timeline = Timeline(paradigms[0].repetition_time, tuple(p.n_scans for p in paradigms))
    made = _joint(paradigms, responses, model, timeline)
    degree = max((c.number for c in made.columns if c.kind == "baseline"), default=0)
    rows = zip(paradigms, timeline.slices, strict=True)
    found = tuple(
        _run_design(paradigm, responses, (made, degree), (run, part), model.afni.motion_per_run)
        for run, (paradigm, part) in enumerate(rows)
    )
    for text in (*_event_notes(paradigms), *_column_notes(found)):
        warnings.warn(f"AFNI: {text}", stacklevel=2)
    return found


def _joint(
    paradigms: Sequence[Paradigm],
    responses: dict[str, ConditionResponse],
    model: ModelSpecification,
    timeline: Timeline,
) -> JointDesign:
    degree = model.afni.polort
    if (degree or 0) >= min(timeline.n_scans):
        raise DataError(
            f"AFNI's Polort {degree} needs runs of more than {degree} scans, and one has"
            f" {min(timeline.n_scans)}; lower Software.AFNI.Polort"
        )
    baseline = baseline_of(paradigms, model)
    confounds = baseline.confounds
    if not model.afni.motion_per_run and len({run.names for run in confounds}) > 1:
        raise UnsupportedModelError(
            "AFNI's MotionPerRun false puts confounds in columns through all runs, and these runs differ in"
            " theirs"
        )
    try:
        return joint_design(stimuli(paradigms, responses), baseline, timeline)
    except ValueError as error:
        raise UnsupportedModelError(f"AFNI cannot make this design: {error}") from error


def stimuli(
    paradigms: Sequence[Paradigm], responses: Mapping[str, ConditionResponse]
) -> tuple[Stimulus, ...]:
    """Say what 3dDeconvolve convolves: conditions in all runs, with their response models."""
    return tuple(
        Stimulus(weight, responses[stem].response, tuple(trains))
        for stem in responses
        for weight, trains in _trains(stem, paradigms)
    )


def baseline_of(paradigms: Sequence[Paradigm], model: ModelSpecification) -> Baseline:
    """Say what is in the design beside stimuli."""
    confounds = tuple(RunConfounds(p.confound_names, p.confounds) for p in paradigms)
    return Baseline(model.afni.polort, confounds, model.afni.motion_per_run)


def _trains(stem: str, paradigms: Sequence[Paradigm]) -> Iterator[tuple[str, list[EventTrain]]]:
    """Events of a condition in all runs, by the first of the weight columns that they give.

    Modulators are AFNI's AM2, less their mean over all runs, with the main effect; those that the model does
    not orthogonalise are columns of their own, as ``-stim_times_AM1`` makes them.
    """
    here = [{c.prefix + c.name: c for c in paradigm.conditions}.get(stem) for paradigm in paradigms]
    one = next(condition for condition in here if condition is not None)
    starts = [paradigm.start_time or 0.0 for paradigm in paradigms]
    if one.orthogonalize:
        yield stem, [_train(c, start, modulated=True) for c, start in zip(here, starts, strict=True)]
        return
    for number, name in enumerate(one.weight_names):
        yield name, [_train(c, start, number) for c, start in zip(here, starts, strict=True)]


def _train(condition: Condition | None, start: float, number: int = 0, modulated: bool = False) -> EventTrain:
    if condition is None:
        return EventTrain(np.empty(0))
    weights = condition.weights
    heights = weights[:, 0] * (weights[:, number] if number else 1.0)
    modulators = weights[:, 1:] if modulated else None
    return EventTrain(condition.onsets - start, condition.durations, heights, modulators)


def _run_design(
    paradigm: Paradigm,
    responses: dict[str, ConditionResponse],
    of_all: tuple[JointDesign, int],
    place: tuple[int, slice],
    confounds_per_run: bool,
) -> DesignMatrix:
    """Rows and columns of a run: conditions, confounds, polynomials from degree 1, the constant."""
    (made, degree), (run, rows) = of_all, place
    stimuli = [i for c in paradigm.conditions for i in _places(made, c)]
    names = [
        weight + suffix
        for c in paradigm.conditions
        for weight in c.weight_names
        for suffix in responses[c.prefix + c.name].suffixes
    ]
    own = {(c.kind, c.name, c.number): i for i, c in enumerate(made.columns) if c.run in (run, None)}
    confounds = [own["confound", name, 0] for name in paradigm.confound_names]
    drifts = [own["baseline", "", d] for d in (*range(1, degree + 1), 0)]
    return DesignMatrix(
        (
            *names,
            *paradigm.confound_names,
            *(f"{DRIFT}{d}" for d in range(1, degree + 1)),
            CONSTANT,
        ),
        made.matrix[rows][:, [*stimuli, *confounds, *drifts]],
        np.empty((paradigm.n_scans, 0)),
        paradigm.repetition_time,
        joint=(*names, *(() if confounds_per_run else paradigm.confound_names)),
        censored=paradigm.censored,
    )


def _places(made: JointDesign, condition: Condition) -> Iterator[int]:
    """Columns of a condition, in the order of its weight columns."""
    stem, *others = condition.weight_names
    for name in (stem,) if condition.orthogonalize else (stem, *others):
        yield from made.places(name)


def _event_notes(paradigms: Sequence[Paradigm]) -> Iterator[str]:
    """Events that 3dDeconvolve leaves out (its PSFB warning)."""
    for run, paradigm in enumerate(paradigms, start=1):
        lost = {
            c.prefix + c.name: len(c.onsets) - len(counted_events(c, paradigm)) for c in paradigm.of_events
        }
        if not any(lost.values()):
            continue
        which = ", ".join(f"{number} of {name}" for name, number in lost.items() if number)
        yield (
            f"{paradigm.source or f'run {run}'}: 3dDeconvolve leaves out events before the first scan and"
            f" behind the start of the last one: {which}"
        )


def _column_notes(found: Sequence[DesignMatrix]) -> Iterator[str]:
    """Columns that the fit cannot have."""
    runs = JointRuns(found)
    if not len(runs.matrix):
        return
    empty = {runs.columns[i] for i in np.flatnonzero(~runs.matrix.any(axis=0))}
    dependent = [column for column in runs.left_out if column not in empty]
    for columns, why in (
        (sorted(empty, key=str), "zero in all scans"),
        (dependent, "combinations of others"),
    ):
        if columns:
            names = listing(map(str, columns), SHOWN)
            yield f"columns that are {why} are left out, their betas are 0: {names}"


def polynomial_degree(paradigms: Sequence[Paradigm], model: ModelSpecification) -> int:
    """Return the degree of the baseline's polynomials.

    >>> run = Paradigm(2.0, 150, None, (), (), np.empty((150, 0)))
    >>> polynomial_degree([run], ModelSpecification("m", ()))
    3
    """
    if model.afni.polort is not None:
        return model.afni.polort
    return automatic_degree(Timeline(paradigms[0].repetition_time, tuple(p.n_scans for p in paradigms)))
