"""From events and confounds to what the backends make design matrices of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from bidsglm.dataset.confounds import Confounds, read_confounds, read_confounds_table
from bidsglm.dataset.elsewhere import Elsewhere
from bidsglm.dataset.events import event_values, events_of, moved, read_events, trial_types, trial_types_of
from bidsglm.dataset.tsv import Table
from bidsglm.dataset.variables import Transformed, transform
from bidsglm.errors import DataError
from bidsglm.model import TRIAL_TYPE, Condition, ModelSpecification, Modulator, Paradigm, Run, Unit
from bidsglm.statsmodel.globs import is_glob, matching
from bidsglm.statsmodel.nearest import hint

__all__ = ["Paradigms", "paradigms", "trial_types"]


class Paradigms(NamedTuple):
    """The paradigms of a unit's runs, and what there is to say about them."""

    paradigms: tuple[Paradigm, ...]
    """One for each run."""
    notes: tuple[str, ...]
    elsewhere: Elsewhere
    """Conditions that somebody in the data set has."""


class Variables(NamedTuple):
    """What X can name in one run."""

    run: Run
    events: Table
    conditions: tuple[str, ...]
    """Regressor names."""
    transformed: Transformed | None
    """None where the model transforms nothing."""


def paradigms(unit: Unit, model: ModelSpecification) -> Paradigms:
    """Resolve a model against the events and confounds of a unit's runs.

    Parameters
    ----------
    unit
        The runs.
    model
        Its X, transformations and modulations.

    Returns
    -------
    Paradigms
        Conditions and confounds in the order of X; a condition without events in a run has no place there.

    Raises
    ------
    ReadWriteError
        A table cannot be read.
    DataError
        X names something that nobody's runs (a condition) or some run (a confound) lacks, or a value in a
        table cannot be used.
    """
    runs = [_variables(run, model) for run in unit.runs]
    others = Elsewhere(unit, model, lambda run: _variables(run, model).conditions)
    resolved = _resolved(unit, model, runs, others)
    known = _known(runs)
    _check_modulations(model, (*resolved.conditions, *resolved.absent))
    confounds = [
        read_confounds(
            variables.run,
            resolved.confounds,
            model.high_pass,
            variables.transformed.confounds if variables.transformed else None,
            known,
        )
        for variables in runs
    ]
    notes = [note for found in confounds for note in found.notes]
    return Paradigms(
        tuple(
            _paradigm(variables, found, resolved.conditions, model)
            for variables, found in zip(runs, confounds, strict=True)
        ),
        tuple(dict.fromkeys((*resolved.notes, *(note for run in unit.runs for note in run.notes), *notes))),
        others,
    )


class Resolved(NamedTuple):
    """X, sorted into what it names."""

    conditions: tuple[str, ...]
    """Regressor names in the order of the model."""
    confounds: tuple[str, ...]
    """Names and globs in the order of the model."""
    absent: tuple[str, ...]
    """Conditions and globs of which this participant has no events."""
    notes: tuple[str, ...]


def _known(runs: Iterable[Variables]) -> list[str]:
    return sorted({name for variables in runs for name in variables.conditions})


def _resolved(
    unit: Unit, model: ModelSpecification, runs: Sequence[Variables], others: Elsewhere
) -> Resolved:
    known = _known(runs)
    conditions: list[str] = []
    confounds: list[str] = []
    absent: list[str] = []
    for pattern in model.x:
        found = matching(pattern, known)
        conditions += found
        if not found and (pattern.startswith(TRIAL_TYPE) or _never_made(pattern, runs, others)):
            absent.append(pattern)
        elif not pattern.startswith(TRIAL_TYPE) and (is_glob(pattern) or not found):
            confounds.append(pattern)
    literal = [pattern for pattern in absent if not is_glob(pattern)]
    misspelt = [] if model.automatic else [name for name in literal if not others(name)]
    if misspelt or (absent and not conditions and not (known and any(map(others, literal)))):
        name = (misspelt or literal or absent)[0]
        raise DataError(
            f"{unit.runs[0].events}: no events of {name}, nor in another run of {unit.prefix}"
            f"{'' if unit.raw is None else ' or of another participant'}"
            f"{hint(name, (*known, *sorted(others.names)))}; correct the model's X or the events"
        )
    notes = tuple(f"{unit.prefix}: no events of {name} in any run; left out" for name in absent)
    return Resolved(tuple(dict.fromkeys(conditions)), tuple(dict.fromkeys(confounds)), tuple(absent), notes)


def _never_made(name: str, runs: Sequence[Variables], others: Elsewhere) -> bool:
    """Whether a name is that of a condition which transformations made of the events of others only."""
    if is_glob(name) or not any(variables.transformed for variables in runs):
        return False
    return not any(_has_column(variables, name) for variables in runs) and others(name)


def _has_column(variables: Variables, name: str) -> bool:
    """Whether a run has a confound of that name, its own or made."""
    run, made = variables.run, variables.transformed
    return (made is not None and name in made.confounds) or (
        run.confounds is not None and name in read_confounds_table(run).columns
    )


def _variables(run: Run, model: ModelSpecification) -> Variables:
    if run.events is None:
        raise DataError(f"{run.bold}: no events for it; add an events.tsv or exclude the run (--run-label)")
    table = moved(read_events(run.events), run.dropped * run.repetition_time)
    if model.transformations:
        transformed = transform(run, table, model.transformations)
        return Variables(run, table, tuple(transformed.conditions), transformed)
    needed = any(pattern.startswith(TRIAL_TYPE) for pattern in model.x)
    names = trial_types_of(table) if needed or "trial_type" in table.columns else ()
    return Variables(run, table, tuple(TRIAL_TYPE + name for name in names), None)


def _paradigm(
    variables: Variables, confounds: Confounds, names: Iterable[str], model: ModelSpecification
) -> Paradigm:
    return Paradigm(
        repetition_time=variables.run.repetition_time,
        n_scans=variables.run.n_scans,
        start_time=variables.run.start_time,
        conditions=tuple(
            _condition(variables, name, model) for name in names if name in variables.conditions
        ),
        confound_names=confounds.names,
        confounds=confounds.values,
    )


def _condition(variables: Variables, regressor: str, model: ModelSpecification) -> Condition:
    name = regressor.removeprefix(TRIAL_TYPE)
    if variables.transformed:
        plain = variables.transformed.conditions[regressor]
    else:
        events = events_of(variables.events, name)
        plain = Condition(name, events.onsets, events.durations)
    return replace(
        plain,
        modulators=_modulators(variables.events, plain, model),
        time_modulation=max(
            (m.order for m in model.time_modulations if _modulates(m.conditions, name)), default=0
        ),
        orthogonalize=_orthogonalize(model.orthogonalize, name),
    )


def _modulators(table: Table, condition: Condition, model: ModelSpecification) -> tuple[Modulator, ...]:
    wanted = [m for m in model.modulations if _modulates(m.conditions, condition.name)]
    if not wanted:
        return ()
    events = events_of(table, condition.name)
    if events.onsets.tolist() != condition.onsets.tolist():
        raise DataError(
            f"{table.path}: transformations change the events of {condition.name}, which "
            f"ParametricModulations {wanted[0].name} needs as they are; use one or the other"
        )
    return tuple(
        Modulator(m.name, event_values(table, m.column, events, condition.name), m.order) for m in wanted
    )


def _check_modulations(model: ModelSpecification, conditions: Sequence[str]) -> None:
    names = [condition.removeprefix(TRIAL_TYPE) for condition in conditions]
    for patterns in [m.conditions for m in model.modulations] + [
        m.conditions for m in model.time_modulations
    ]:
        for pattern in patterns:
            if not matching(pattern.removeprefix(TRIAL_TYPE), names):
                raise DataError(
                    f"{model.name}: modulates {pattern}, which is none of its conditions"
                    f"{hint(pattern, names)}; correct ParametricModulations, TimeModulations or X"
                )


def _modulates(patterns: Iterable[str], name: str) -> bool:
    return any(matching(pattern.removeprefix(TRIAL_TYPE), [name]) for pattern in patterns)


def _orthogonalize(requested: bool | Mapping[str, bool], name: str) -> bool:
    if isinstance(requested, bool):
        return requested
    return requested.get(name, requested.get(TRIAL_TYPE + name, True))
