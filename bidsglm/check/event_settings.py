"""Events that two designs do not share: onsets, durations, modulators, conditions."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.columns import is_among
from bidsglm.check.condition_columns import columns_of, is_modulator, is_of_a_condition, looks_convolved
from bidsglm.check.explaining import Changed, ColumnExplanation, modulator_is_there
from bidsglm.check.models import hrf_of, sampled_at
from bidsglm.check.runs import ComparedRun, frame_offset
from bidsglm.check.spm_records import SpmAnalysis, SpmSession
from bidsglm.check.task_columns import nilearn_columns_of, nilearn_name
from bidsglm.data import Condition
from bidsglm.model import Floats, Hrf
from bidsglm.report.check import SettingPair
from bidsglm.sentences import joined

SHOWN = 6
"""Onsets that a cell lists."""
IDENTICAL = 0.9999
"""Correlation from which a modulator's column is that which SPM's events give"""
MOVED = 0.02
"""Share of a modulator's column in its condition's: values that were rounded leave less"""


def events(runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Onsets and durations, condition by condition."""
    by_setting: dict[str, dict[str, tuple[SpmSession, ColumnExplanation]]] = {"onsets": {}, "durations": {}}
    for run in runs:
        for name, found in run.explanations.items():
            if found.changed is None:
                by_setting["onsets"].setdefault(name, (run.session, found))
            for setting in found.changed.what if found.changed is not None else ():
                if setting in by_setting:
                    by_setting[setting].setdefault(name, (run.session, found))
        for name in run.columns.only_spm:
            condition = name.rsplit("*bf(1)", 1)[0]
            known = condition in {c.name for c in run.session.conditions}
            if name.endswith("*bf(1)") and known and not columns_of(run, condition):
                by_setting["onsets"].setdefault(condition, (run.session, ColumnExplanation(None, 0.0)))
    for setting, conditions in by_setting.items():
        if conditions:
            yield _event_pair(setting, conditions)


def _event_pair(setting: str, conditions: Mapping[str, tuple[SpmSession, ColumnExplanation]]) -> SettingPair:
    name, (session, found) = next(iter(conditions.items()))
    condition = next(c for c in session.conditions if c.name == name)
    ours = condition.onsets if setting == "onsets" else np.unique(condition.durations)
    exchanged = {each: e.taken_from for each, (_, e) in conditions.items() if e.taken_from}
    theirs = _theirs(setting, ours, found.changed)
    if exchanged and setting == "onsets":
        theirs = joined([f"{each} has {whose}" for each, whose in exchanged.items()])
    shift = found.changed.shift if found.changed is not None else None
    consequence = (
        f"the regressor comes {abs(shift):g} s {'later' if shift > 0 else 'earlier'} in nilearn"
        if setting == "onsets" and shift
        else "the regressors have another shape, and effects another height"
    )
    units = "seconds in nilearn; SPM's Units for design say seconds or scans"
    return SettingPair(
        f"{setting} of {joined(list(conditions))} (s)",
        listed_values(ours),
        theirs,
        consequence,
        f"give both the same {setting}, in {units}",
    )


def _theirs(setting: str, ours: Floats, changed: Changed | None) -> str:
    if changed is None:
        return "others: no shift, duration or response that was tried gives nilearn's column"
    if setting == "onsets":
        factor = 1.0 if changed.onset_factor is None else changed.onset_factor
        return listed_values(ours * factor + (changed.shift or 0.0))
    if changed.duration is not None:
        return f"{changed.duration:g}"
    return listed_values(ours * (changed.duration_factor or 1.0))


def listed_values(values: Floats) -> str:
    """Write the first few of some times in s.

    >>> listed_values(np.array([1.0, 2.5]))
    '1, 2.5'
    """
    shown = ", ".join(f"{round(float(v), 3):g}" for v in values[:SHOWN])
    return shown + ", ..." * (len(values) > SHOWN)


def modulators(spm: SpmAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Modulators of SPM that no columns of nilearn's span."""
    missing: list[str] = []
    for run in runs:
        offset = frame_offset(run.design)
        timing = spm.repetition_time, sampled_at(spm) if offset is None else offset
        for condition in run.session.conditions:
            names = [name.removeprefix(condition.prefix) for name in condition.weight_names[1:]]
            if names:
                there = modulator_is_there(condition, names, run.design.matrix, timing, hrf_of(spm))
                missing += [name for name, is_there in there.items() if not is_there]
    if missing:
        told = joined(list(dict.fromkeys(missing)))
        yield SettingPair(
            f"modulators: {told}",
            told,
            "no such column, alone or together with others",
            "what the modulator explains is noise in nilearn, or in the effect of the condition",
            "nilearn: one trial_type more, with the centred values in the column modulation of the events",
        )


def centring(spm: SpmAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Modulators of the same space with another zero: the effect of their condition is another one."""
    found = {c.name: c for run in runs for c in run.session.conditions if _is_moved(run, c, hrf_of(spm))}
    if not found:
        return
    at_mean, at_zero = "at the mean of its modulators", "where its modulators are 0"
    told = (
        (
            f"orthogonalised: the effect of the condition is that {at_mean}",
            f"not centred: it is that {at_zero}",
        ),
        (
            f"not orthogonalised: the effect of the condition is that {at_zero}",
            f"centred: it is that {at_mean}",
        ),
    )
    is_raw = not next(iter(found.values())).orthogonalize
    yield SettingPair(
        f"modulators of {joined(list(found))}",
        *told[is_raw],
        "the columns explain the same, but effect and t of the condition answer another question",
        "SPM: orthogonalise modulations; or nilearn: modulators as they are, not centred"
        if is_raw
        else "nilearn: subtract the modulator's mean over the events of the condition",
    )


def _is_moved(run: ComparedRun, condition: Condition, hrf: Hrf) -> bool:
    """Whether nilearn's coefficient of a condition takes up some of what is its modulators' in SPM."""
    explanation = run.explanations.get(condition.name)
    modulated = condition.modulators or condition.time_modulation
    if not modulated or explanation is None or explanation.changed is None or not run.expected.size:
        return False
    if set(explanation.changed.what) - {"sampling"}:
        return False  # its own columns are others, which is told
    names = [each for c in run.session.conditions if c.onsets.size for each in c.weight_names]
    n_functions = len(hrf.suffixes)
    own = [names.index(name) * n_functions for name in condition.weight_names]
    task = nilearn_columns_of(run).task
    at = task.names.index(f"{condition.name}*bf(1)")
    E = run.expected[:, own[1:]]
    coefficients, *_ = np.linalg.lstsq(task.matrix, E, rcond=None)
    inside = [is_among(column, task.matrix) for column in E.T]
    part = np.abs(coefficients[at]) * np.linalg.norm(task.matrix[:, at]) / np.linalg.norm(E, axis=0)
    return bool((part[inside] > MOVED).any())


def shares_with_later(run: ComparedRun, name: str, hrf: Hrf) -> bool:
    """Whether a modulator's column of nilearn's loses to later modulators what SPM leaves with it.

    SPM orthogonalises modulators one after the other: the first keeps what it shares with the others. Without
    that, none has it.
    """
    task = nilearn_columns_of(run).task
    if not run.expected.size or nilearn_name(run, name) not in task.names:
        return False
    names = [each for c in run.session.conditions if c.onsets.size for each in c.weight_names]
    at = task.names.index(nilearn_name(run, name))
    for condition in run.session.conditions:
        own = [
            names.index(each) * len(hrf.suffixes) for each in condition.weight_names if condition.onsets.size
        ]
        E = run.expected[:, own[1:]]
        mine = [k for k in range(E.shape[1]) if abs(pearson_r(E[:, k], task.matrix[:, at])) > IDENTICAL]
        if mine and mine[0] + 1 < E.shape[1]:
            later = E[:, mine[0] + 1 :]
            coefficients, *_ = np.linalg.lstsq(task.matrix, later, rcond=None)
            inside = [is_among(column, task.matrix) for column in later.T]
            part = (
                np.abs(coefficients[at]) * np.linalg.norm(task.matrix[:, at]) / np.linalg.norm(later, axis=0)
            )
            return bool((part[inside] > MOVED).any())
    return False


def extra_conditions(runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Conditions that nilearn has alone."""
    extra = [
        name
        for run in runs
        for name in run.columns.only_nilearn
        if not (is_of_a_condition(run, name) or is_modulator(run, name)) and looks_convolved(run.design, name)
    ]
    if extra:
        told = joined(list(dict.fromkeys(extra)))
        yield SettingPair(
            f"onsets of {told} (s)",
            "not modelled",
            "a condition of its own",
            "one design explains what is noise in the other",
            "model the same conditions in both",
        )
