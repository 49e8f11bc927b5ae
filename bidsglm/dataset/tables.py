"""From events and confounds to what the backends make design matrices of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bidsglm.data import Condition, Modulator, Paradigm, Unit
from bidsglm.dataset.confounds import (
    COSINES,
    NAMES_SHOWN,
    Confounds,
    censored_scans,
    read_confounds,
    read_confounds_table,
)
from bidsglm.dataset.design_size import check_conditions, check_modulated, check_names
from bidsglm.dataset.elsewhere import Elsewhere, levels_elsewhere
from bidsglm.dataset.events import event_values, events_of
from bidsglm.dataset.named import (
    Variables,
    check_vanished,
    columns_at_scans,
    condition_of,
    known_names,
    nothing_to_convolve,
    resolved,
    variables_of,
)
from bidsglm.dataset.spelling import alike
from bidsglm.dataset.tsv import Table
from bidsglm.errors import DataError
from bidsglm.model import TRIAL_TYPE, ModelSpecification
from bidsglm.sentences import listing
from bidsglm.statsmodel.globs import matches, matching
from bidsglm.statsmodel.nearest import hint

NOT_AVAILABLE = "NA"
"""What R writes for n/a."""
MOST_COMPARED = 100
"""Trial types whose spellings are compared; a condition for each trial has hundreds, counted by numbers."""
LARGEST_POWER = 1e100
"""Power of a modulator's values: their squares are still finite."""


class Paradigms(NamedTuple):
    """The paradigms of a unit's runs, and what there is to say about them."""

    paradigms: tuple[Paradigm, ...]
    """One for each run."""
    notes: tuple[str, ...]
    elsewhere: Elsewhere
    """Conditions that somebody in the data set has."""


def paradigms(unit: Unit, model: ModelSpecification) -> Paradigms:
    """Resolve a model against the events and confounds of a unit's runs.

    Conditions and confounds are in the order of X; a condition without events in a run has no place there.

    Raises
    ------
    ReadWriteError
        A table cannot be read.
    DataError
        X names something that nobody's runs (a condition) or some run (a confound) lacks, or a value in a
        table cannot be used.
    """
    levels = levels_elsewhere(unit, model)
    runs = [variables_of(run, model, levels) for run in unit.runs]
    others = Elsewhere(unit, model, lambda run: variables_of(run, model, levels).conditions)
    known = known_names(runs)
    x = resolved(unit, model, runs, others)
    check_conditions(runs, x.conditions, model)
    _check_modulations(model, (*x.conditions, *x.absent))
    check_vanished(runs, model, known)
    _check_words(runs, x.confounds)
    idle = nothing_to_convolve(unit, model, x)
    made = [columns_at_scans(variables, x) for variables in runs]
    confounds = [
        read_confounds(variables.run, x.confounds, model.high_pass, columns, known)
        for variables, columns in zip(runs, made, strict=True)
    ]
    notes = (
        *x.notes,
        *idle,
        *_series_notes(unit, runs, x.conditions),
        *_missing_notes(unit, runs, x.conditions),
        *_unlabelled_notes(unit, runs),
        *_spelling_notes(unit, x.conditions),
        *(note for variables in runs if variables.transformed for note in variables.transformed.notes),
        *(note for run in unit.runs for note in run.notes),
        *(note for found in confounds for note in found.notes),
        *_filter_notes(unit, model, confounds),
    )
    of_all = tuple(
        _paradigm(variables, found, x.conditions, model)
        for variables, found in zip(runs, confounds, strict=True)
    )
    for variables, paradigm in zip(runs, of_all, strict=True):
        check_modulated(variables.run, paradigm, model)
        check_names(variables.run, paradigm, model)
    return Paradigms(of_all, tuple(dict.fromkeys(notes)), others)


def _check_words(runs: Sequence[Variables], names: Sequence[str]) -> None:
    """Refuse text where X needs numbers, unless a confound has the name."""
    for variables in runs:
        made, columns = variables.transformed, variables.events.columns
        words = {*(made.words if made else ()), *({"trial_type"} & columns.keys())}
        for name in words.intersection(names):
            if name not in read_confounds_table(variables.run).columns:
                raise DataError(
                    f"{variables.events.path}: {name} of X holds text: name its levels there "
                    f"({name}.<level>, or {name}.* for all)"
                )


def _series_notes(unit: Unit, runs: Sequence[Variables], conditions: Sequence[str]) -> tuple[str, ...]:
    """Say what is convolved although it is no events."""
    found = [name for name in conditions if any(name in variables.series for variables in runs)]
    return (
        f"{unit.prefix}: {listing(found, NAMES_SHOWN)}: values over time and not of events, convolved on "
        "each package's own fine grid after linear interpolation; missing values count as 0",
    ) * bool(found)


def _missing_notes(unit: Unit, runs: Sequence[Variables], conditions: Sequence[str]) -> tuple[str, ...]:
    """Say of which events a condition's value or duration is n/a, so that they are not in it."""
    counts = {
        name: sum(v.transformed.missing.get(name, 0) for v in runs if v.transformed) for name in conditions
    }
    return tuple(
        f"{unit.prefix}: {name} lacks {count} event{'s' * (count > 1)} whose value or duration is n/a; "
        'if one was meant, give it in events.tsv or by Replace ({"n/a": 0})'
        for name, count in counts.items()
        if count
    )


def _unlabelled_notes(unit: Unit, runs: Sequence[Variables]) -> tuple[str, ...]:
    """Say which events a word that may be somebody's condition leaves without one."""
    count = sum(v.events.columns.get("trial_type", ()).count(NOT_AVAILABLE) for v in runs)
    return (
        f"{unit.prefix}: {count} event{'s' * (count > 1)} with the trial_type {NOT_AVAILABLE}, which R and "
        "pandas take for a missing one, are of no condition; if it is one, call it something else",
    ) * bool(count)


def _spelling_notes(unit: Unit, conditions: Sequence[str]) -> tuple[str, ...]:
    """Say which trial types may be one that is spelt in two ways."""
    names = [name.removeprefix(TRIAL_TYPE) for name in conditions if name.startswith(TRIAL_TYPE)]
    return tuple(
        f"{unit.prefix}: trial types {pair.first!r} and {pair.second!r} look like one and are fitted as two; "
        "if one was meant, write them alike in events.tsv"
        for pair in alike(names[:MOST_COMPARED])
        if pair.is_certain
    )


def _filter_notes(unit: Unit, model: ModelSpecification, confounds: Sequence[Confounds]) -> tuple[str, ...]:
    """Say where the cosines that should be the filter are missing."""
    if not model.own_cosines:
        return ()
    return tuple(
        f"{prefix}: no cosines among its confounds: no high-pass filter at all"
        for prefix, found in zip(unit.run_prefixes, confounds, strict=True)
        if not matching(COSINES, found.names)
    )


def _paradigm(
    variables: Variables, confounds: Confounds, names: Iterable[str], model: ModelSpecification
) -> Paradigm:
    return Paradigm(
        repetition_time=variables.run.repetition_time,
        n_scans=variables.run.n_scans,
        start_time=variables.run.start_time,
        conditions=tuple(
            _condition(variables, name, model)
            for name in names
            if name in variables.conditions or name in variables.series
        ),
        confound_names=confounds.names,
        confounds=confounds.values,
        censored=censored_scans(variables.run, model.afni.censor),
        source=variables.run.events.name if variables.run.events else "",
    )


def _condition(variables: Variables, regressor: str, model: ModelSpecification) -> Condition:
    plain = condition_of(variables, regressor)
    name = plain.name
    if plain.continuous:
        _refuse_modulation(plain, model)
        return plain
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
    made = tuple(
        Modulator(m.name, event_values(table, m.column, events, condition.name), m.order) for m in wanted
    )
    for modulator, asked in zip(made, wanted, strict=True):
        size = float(np.abs(modulator.values).max(initial=0))
        if size > LARGEST_POWER ** (1 / modulator.order):
            raise DataError(
                f"{table.path}: {asked.column} is up to {size:g}, and its power of {modulator.order} too "
                "large to compute with; scale it, or lower PolynomialExpansion"
            )
    return made


def _check_modulations(model: ModelSpecification, conditions: Sequence[str]) -> None:
    names = [condition.removeprefix(TRIAL_TYPE) for condition in conditions]
    for patterns in model.modulated:
        for pattern in patterns:
            if not matching(pattern.removeprefix(TRIAL_TYPE), names):
                raise DataError(
                    f"{model.name}: modulates {pattern}, which is not one of its conditions"
                    f"{hint(pattern, names)}; correct ParametricModulations, TimeModulations or X"
                )


def _refuse_modulation(condition: Condition, model: ModelSpecification) -> None:
    if any(_modulates(conditions, condition.name) for conditions in model.modulated):
        raise DataError(
            f"{model.origin}: modulates {condition.prefix}{condition.name}, a variable over time and "
            "not of events; correct ParametricModulations or TimeModulations"
        )


def _modulates(patterns: Iterable[str], name: str) -> bool:
    return matches(name, (pattern.removeprefix(TRIAL_TYPE) for pattern in patterns))


def _orthogonalize(requested: bool | Mapping[str, bool], name: str) -> bool:
    if isinstance(requested, bool):
        return requested
    return requested.get(name, requested.get(TRIAL_TYPE + name, True))
