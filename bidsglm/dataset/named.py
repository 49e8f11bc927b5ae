"""What X names in each run: conditions to be convolved, and columns that stand among the confounds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bidsglm.data import Condition, Run, Unit
from bidsglm.dataset.collection import UNKNOWN_TIME
from bidsglm.dataset.confounds import NAMES_SHOWN, confound_values, read_confounds_table
from bidsglm.dataset.elsewhere import Elsewhere
from bidsglm.dataset.events import events_of, moved, read_events, trial_types_of
from bidsglm.dataset.sampling import held, scan_times, series
from bidsglm.dataset.transformed import Transformed, is_undated
from bidsglm.dataset.tsv import MISSING, Table, number
from bidsglm.dataset.variables import stems, transform
from bidsglm.errors import DataError
from bidsglm.model import TRIAL_TYPE, Floats, ModelSpecification
from bidsglm.sentences import listing
from bidsglm.statsmodel.globs import is_glob, matches, matching
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.responses import is_named


class Variables(NamedTuple):
    """What X can name in one run."""

    run: Run
    events: Table
    conditions: tuple[str, ...]
    """Regressor names of variables made of events."""
    transformed: Transformed | None
    """None where the model takes trial types only, as they are."""
    series: Mapping[str, Condition]
    """Variables over time that X names and the model convolves."""


class Resolved(NamedTuple):
    """X, sorted into what it names."""

    conditions: tuple[str, ...]
    """Regressor names in the order of the model."""
    confounds: tuple[str, ...]
    """Names and globs in the order of the model."""
    held: tuple[str, ...]
    """Variables made of events that are not convolved: confounds as far as a design goes."""
    absent: tuple[str, ...]
    """Conditions and globs of which this participant has no events."""
    notes: tuple[str, ...]


def known_names(runs: Iterable[Variables]) -> list[str]:
    """Names of all runs' conditions and convolved series, in alphabetical order."""
    return sorted({name for variables in runs for name in (*variables.conditions, *variables.series)})


def resolved(unit: Unit, model: ModelSpecification, runs: Sequence[Variables], others: Elsewhere) -> Resolved:
    """Sort X into conditions, which others of the data set may have, and confounds.

    Raises
    ------
    DataError
        A condition that nobody has.
    """
    known = known_names(runs)
    conditions: list[str] = []
    held: list[str] = []
    confounds: list[str] = []
    absent: list[str] = []
    for pattern in model.x:
        found = matching(pattern, known)
        convolved = [name for name in found if _is_convolved(name, model)]
        conditions += convolved
        held += [name for name in found if name not in convolved]
        if not found and (pattern.startswith(TRIAL_TYPE) or _never_made(pattern, runs, others)):
            absent.append(pattern)
        elif len(convolved) < len(found) or not found or _may_be_confound(pattern):
            confounds.append(pattern)
    notes = [f"{unit.prefix}: no events of {name} in any run; left out" for name in absent]
    if held:
        notes.append(
            f"{unit.prefix}: the model does not convolve {listing(dict.fromkeys(held), NAMES_SHOWN)}, made "
            "of events: the column is the event's value at each scan; name it in HRF.Variables (or Convolve) "
            "if it stands for a response"
        )
    x = Resolved(
        tuple(dict.fromkeys(conditions)),
        tuple(dict.fromkeys(confounds)),
        tuple(dict.fromkeys(held)),
        tuple(absent),
        tuple(notes),
    )
    _check_absent(unit, model, x, known, others)
    return x


def nothing_to_convolve(unit: Unit, model: ModelSpecification, x: Resolved) -> tuple[str, ...]:
    """Say which names of HRF.Variables or Convolve, although X may mean them, found no events.

    Raises
    ------
    DataError
        When that leaves nothing to convolve at all.
    """
    missing = [
        name
        for name in model.convolved or ()
        if not matching(name, x.conditions) and name not in x.absent and is_named(name, model.x)
    ]
    if model.automatic or not missing:
        return ()
    said = f"X finds no events for {listing(missing, NAMES_SHOWN)}, which the model convolves"
    if not x.conditions and not x.absent:
        raise DataError(
            f"{unit.runs[0].events}: {said}; write it in X as in HRF.Variables or Convolve: trial_type.*, or "
            "<column>.* for the levels of another column"
        )
    return (f"{unit.prefix}: {said}",)


def _check_absent(
    unit: Unit, model: ModelSpecification, x: Resolved, known: Sequence[str], others: Elsewhere
) -> None:
    """Refuse a condition that nobody in the data set has."""
    literal = [pattern for pattern in x.absent if not is_glob(pattern)]
    misspelt = [] if model.automatic else [name for name in literal if not others(name)]
    has_some = x.conditions or x.held or (known and any(map(others, literal)))
    if misspelt or (x.absent and not has_some):
        name = (misspelt or literal or x.absent)[0]
        raise DataError(
            f"{unit.runs[0].events}: no events of {name}, nor in another run of {unit.prefix}"
            f"{'' if unit.raw is None else ' or of another participant'}"
            f"{hint(name, (*known, *sorted(others.names)))}; correct the model's X or the events"
        )


def _never_made(name: str, runs: Sequence[Variables], others: Elsewhere) -> bool:
    """Whether a name is that of a condition which transformations made of the events of others only."""
    if is_glob(name) or not any(variables.transformed for variables in runs):
        return False
    return not any(_has_column(variables, name) for variables in runs) and others(name)


def _has_column(variables: Variables, name: str) -> bool:
    """Whether a run has a confound of that name, its own or made."""
    run, made = variables.run, variables.transformed
    return (made is not None and name in made.series) or name in read_confounds_table(run).columns


def _may_be_confound(pattern: str) -> bool:
    return is_glob(pattern) and not pattern.startswith(TRIAL_TYPE)


def _is_convolved(name: str, model: ModelSpecification) -> bool:
    """Whether a model convolves a variable; one that says nothing convolves its trial types."""
    if model.convolved is None:
        return name.startswith(TRIAL_TYPE)
    return name in model.convolved or matches(name, _globs(model.convolved))


@lru_cache
def _globs(patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(is_glob, patterns))


def variables_of(run: Run, model: ModelSpecification, levels: Collection[str] = ()) -> Variables:
    """Variables of one run, after the model's transformations; for the levels see `transform`.

    Raises
    ------
    ReadWriteError
        A table cannot be read.
    DataError
        There are no events, or a transformation cannot be applied to them.
    """
    if run.events is None:
        raise DataError(f"{run.bold}: no events for it; add an events.tsv or exclude the run (--run-label)")
    table = moved(read_events(run.events), run.dropped * run.repetition_time)
    if model.transformations or _names_columns(model, table):
        transformed = transform(run, table, model.transformations, model.x, levels)
        return Variables(
            run, table, tuple(transformed.conditions), transformed, _series(run, model, transformed)
        )
    needed = any(pattern.startswith(TRIAL_TYPE) for pattern in model.x)
    names = trial_types_of(table) if needed or "trial_type" in table.columns else ()
    conditions = tuple(TRIAL_TYPE + name for name in names)
    return Variables(run, table, conditions, None, _series(run, model, Transformed({}, {}, {})))


def _names_columns(model: ModelSpecification, table: Table) -> bool:
    """Whether X names columns of events.tsv beside the trial types, or their levels."""
    others = dict.fromkeys(name for name in table.columns if name not in ("onset", "duration", "trial_type"))
    names = [pattern for pattern in model.x if not pattern.startswith(TRIAL_TYPE)]
    return any(
        name in others or matching(name, others) or not others.keys().isdisjoint(stems(name))
        for name in names
    )


def _series(run: Run, model: ModelSpecification, made: Transformed) -> dict[str, Condition]:
    """Variables over time that X names and the model convolves: made by transformations, and confounds."""
    patterns = [p for p in model.convolved or () if not p.startswith(TRIAL_TYPE) or made.series]
    if not patterns:
        return {}
    wanted = [name for name in made.series if _is_wanted(name, model)]
    found = {name: made.series[name] for name in wanted}
    table = read_confounds_table(run)
    for name in table.columns:
        if name not in found and name not in made.conditions and _is_wanted(name, model):
            found[name] = series(name, confound_values(table, name, missing=0.0), run.repetition_time)
    return found


def _is_wanted(name: str, model: ModelSpecification) -> bool:
    named = name in model.x or matches(name, _globs(model.x))
    return named and _is_convolved(name, model)


def columns_at_scans(variables: Variables, resolved: Resolved) -> dict[str, Floats]:
    """Columns at the scans, (n_scans,) each, that stand among the confounds: what is not convolved."""
    times = scan_times(variables.run)
    made = {name: np.zeros_like(times) for name in resolved.held}
    if variables.transformed:
        over_time = variables.transformed.series.items()
        made |= {name: one.at(times) for name, one in over_time if name not in variables.series}
    for name in resolved.held:
        if name in variables.conditions:
            made[name] = held(condition_of(variables, name), times)
    return made


def check_vanished(runs: Sequence[Variables], model: ModelSpecification, known: Sequence[str]) -> None:
    """Refuse transformations that leave nothing of what a glob of X would have found before them."""
    if not model.transformations:
        return
    series = {name for variables in runs if variables.transformed for name in variables.transformed.series}
    for pattern in filter(is_glob, model.x):
        for variables in runs:
            columns = variables.events.columns
            before = [TRIAL_TYPE + name for name in set(columns.get("trial_type", ())) - MISSING]
            before += [name for name in columns if name not in ("onset", "duration", "trial_type")]
            lost = matching(pattern, before)
            if lost and not matching(pattern, (*known, *series)):
                raise DataError(
                    f"{variables.events.path}: {pattern} of X finds nothing after the Transformations, "
                    f"although there are events of {sorted(lost)[0]}; correct Transformations or X"
                )


def condition_of(variables: Variables, regressor: str) -> Condition:
    """A variable without its modulators."""
    if regressor in variables.series:
        return variables.series[regressor]
    if variables.transformed:
        found = variables.transformed.conditions[regressor]
        if is_undated(found):
            raise _undated(variables.events, regressor, found)
        return found
    name = regressor.removeprefix(TRIAL_TYPE)
    events = events_of(variables.events, name)
    return Condition(name, events.onsets, events.durations)


def _undated(table: Table, regressor: str, condition: Condition) -> DataError:
    """Error for the first event of a condition whose onset or duration is n/a in the table."""
    lasting = condition.onsets[condition.durations == UNKNOWN_TIME].tolist()
    times = zip(table.columns["onset"], table.columns["duration"], table.lines, strict=True)
    found = (
        f"line {line}: {'onset' if onset in MISSING else 'duration'} is n/a"
        for onset, duration, line in times
        if onset in MISSING or (duration in MISSING and number(onset) in lasting)
    )
    return DataError(
        f"{table.path}: {next(found, 'an onset or a duration is n/a')}; give that of the {regressor} event "
        "in s, or replace it (Replace with Attribute)"
    )
