"""Settings that show in the designs: time, response, sampling, events, modulators, confounds, filter."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.columns import SAME, is_among, plain
from bidsglm.check.explaining import Changed, ColumnExplanation, modulator_is_there
from bidsglm.check.models import condition_of, hrf_of, sampled_at
from bidsglm.check.nilearn_folder import NilearnAnalysis, NilearnDesign
from bidsglm.check.runs import ComparedRun, frame_offset
from bidsglm.check.setting_pair import SettingPair
from bidsglm.check.spm_records import SpmAnalysis, SpmSession
from bidsglm.diagnosis.advice import joined
from bidsglm.model import CONSTANT, Floats

SHOWN = 6
"""Onsets that a cell lists."""
BIN = re.compile(r"\*bf\(([4-9]|\d\d+)\)$")
"""Function of a set that has more than a response and its derivatives"""
TIME_TOLERANCE = 1e-4
"""s"""
STARTS_LOW, LOWEST, SMOOTH = 0.05, -0.3, 0.5
"""A convolved column: its first and lowest value over the highest, and its autocorrelation"""
FUNCTION_WORDS = re.compile(r"_(derivative|dispersion|delay_\d+)$")
"""How nilearn ends the names of a condition's further functions."""


def times(spm: SpmAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Repetition times, where the design's file holds them."""
    for run in runs:
        times = run.design.frame_times
        step = float(times[1] - times[0]) if times is not None else None
        if step is not None and abs(step - spm.repetition_time) > TIME_TOLERANCE:
            yield SettingPair(
                "repetition time",
                f"{spm.repetition_time:g} s",
                f"{step:g} s",
                "regressors and filter are of another time scale",
                "take the repetition time of the scans in both: SPM's Interscan interval, nilearn's t_r",
            )
            return


def basis(spm: SpmAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Response functions."""
    suffixes = hrf_of(spm).suffixes
    glover = any(e.changed is not None and e.changed.kernel for r in runs for e in r.explanations.values())
    if glover:
        yield SettingPair(
            "basis functions",
            spm.basis,
            "glover",
            "another response shape: effects and t change everywhere a little",
            "nilearn: hrf_model='spm'; SPM has no Glover response",
        )
    if any(_other_set(run) for run in runs):
        yield SettingPair(
            "basis functions",
            f"{spm.basis} ({len(suffixes)} column{'s' * (len(suffixes) > 1)} a condition)",
            "another set of functions: "
            + joined(list(dict.fromkeys(n for r in runs for n in _other_set(r)))[:SHOWN]),
            "the conditions have other columns, so effects mean something else",
            "take the same set in both: SPM's FIR is hrf_model='fir' with fir_delays 0, 1, 2 ...",
        )
        return
    functions = [f"*bf({i + 1})" for i in range(len(suffixes))]
    missing = [
        name
        for run in runs
        for name in run.columns.only_spm
        if name.endswith(tuple(functions[1:]))
        and any(m.spm == f"{name.rsplit('*', 1)[0]}{functions[0]}" for m in run.columns.matches)
    ]
    extra = [
        name
        for run in runs
        for name in run.columns.only_nilearn
        if name.endswith(("_derivative", "_dispersion"))
    ]
    if missing or extra:
        n_theirs = (
            len(suffixes)
            - len({name.rsplit("*", 1)[1] for name in missing})
            + len({e.rsplit("_", 1)[1] for e in extra})
        )
        yield SettingPair(
            "basis functions",
            f"{spm.basis} ({len(suffixes)} column{'s' * (len(suffixes) > 1)} a condition)",
            f"{n_theirs} column{'s' * (n_theirs > 1)} a condition",
            "derivatives take up shifts of the response: without them, residuals and t differ",
            "nilearn: hrf_model with + derivative (+ dispersion); SPM: model derivatives",
        )


def _other_set(run: ComparedRun) -> list[str]:
    """Columns of nilearn's for a condition of which no column is SPM's, or which SPM has more of."""
    missing = {name.rsplit("*bf(", 1)[0] for name in run.columns.only_spm if name.endswith("*bf(1)")}
    matched = {m.nilearn for m in run.columns.matches}
    found = [n for c in missing for n in _of_condition(run, c) if n not in matched]
    delays = [n for n in run.columns.only_nilearn if "_delay_" in n]
    short = [m.nilearn for m in run.columns.matches if "_delay_" in m.nilearn] if _lacks_bins(run) else []
    return found or delays or short


def _lacks_bins(run: ComparedRun) -> bool:
    """Whether nilearn has fewer bins of a FIR set than SPM."""
    return any(BIN.search(name) for name in run.columns.only_spm)


def sampling(spm: SpmAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Moment of a scan at which regressors are sampled."""
    own = sampled_at(spm)
    for run in runs:
        offset = frame_offset(run.design)
        told = [e.changed.sampled_at for e in run.explanations.values() if e.changed is not None]
        at = offset if offset is not None else next((v for v in told if v is not None), None)
        if at is not None and abs(at - own) > 1e-3:
            first, last = spm.microtime_onset, spm.microtime_resolution
            yield SettingPair(
                "sampling of the regressors",
                f"T0 = {first} of {last}: ({first} - 1)/{last} of TR = {own:g}",
                f"slice_time_ref = {at:g}",
                f"regressors are {abs(at - own) * spm.repetition_time:.3g} s apart",
                f"nilearn: slice_time_ref={own:g}; or SPM: microtime onset {round(at * last) + 1}",
            )
            return


def events(spm: SpmAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
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
            if name.endswith("*bf(1)") and known and not _of_condition(run, condition):
                by_setting["onsets"].setdefault(condition, (run.session, ColumnExplanation(None, 0.0)))
    for setting, conditions in by_setting.items():
        if conditions:
            yield _event_pair(setting, spm, conditions)


def _of_condition(run: ComparedRun, condition: str) -> list[str]:
    """Columns of nilearn's that carry a condition's name, alone or with a function's behind."""
    start = plain(condition)
    return [
        name
        for name in run.design.names
        if plain(name) == start or (plain(name).startswith(start) and FUNCTION_WORDS.search(name))
    ]


def _event_pair(
    setting: str, spm: SpmAnalysis, conditions: Mapping[str, tuple[SpmSession, ColumnExplanation]]
) -> SettingPair:
    name, (session, found) = next(iter(conditions.items()))
    condition = next(c for c in session.conditions if c.name == name)
    ours = condition.onsets if setting == "onsets" else np.unique(condition.durations)
    theirs = _theirs(setting, ours, found.changed)
    shift = found.changed.shift if found.changed is not None else None
    consequence = (
        f"the regressor comes {abs(shift):g} s {'later' if shift > 0 else 'earlier'} in nilearn"
        if setting == "onsets" and shift
        else "the regressors have another shape, and effects another height"
    )
    units = "seconds in nilearn; SPM's Units for design say seconds or scans"
    return SettingPair(
        f"{setting} of {joined(list(conditions))} (s)",
        _listed(ours),
        theirs,
        consequence,
        f"give both the same {setting}, in {units}",
    )


def _theirs(setting: str, ours: Floats, changed: Changed | None) -> str:
    if changed is None:
        return "others: no shift, duration or response that was tried gives nilearn's column"
    if setting == "onsets":
        factor = 1.0 if changed.onset_factor is None else changed.onset_factor
        return _listed(ours * factor + (changed.shift or 0.0))
    if changed.duration is not None:
        return f"{changed.duration:g}"
    return _listed(ours * (changed.duration_factor or 1.0))


def _listed(values: Floats) -> str:
    shown = ", ".join(f"{round(float(v), 3):g}" for v in values[:SHOWN])
    return shown + ", ..." * (len(values) > SHOWN)


def modulators(spm: SpmAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Modulators of SPM that no columns of nilearn's span."""
    missing: list[str] = []
    for run in runs:
        offset = frame_offset(run.design)
        timing = spm.repetition_time, sampled_at(spm) if offset is None else offset
        for condition in run.session.conditions:
            made = condition_of(condition)
            names = [name.removeprefix(made.prefix) for name in made.weight_names[1:]]
            if names:
                there = modulator_is_there(made, names, run.design.matrix, timing, hrf_of(spm))
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


def extra_conditions(runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Conditions that nilearn has alone."""
    extra = [
        name
        for run in runs
        for name in run.columns.only_nilearn
        if not _of_any_condition(run, name) and _is_condition(run.design, name)
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


def _of_any_condition(run: ComparedRun, name: str) -> bool:
    return any(name in _of_condition(run, condition.name) for condition in run.session.conditions)


def _is_condition(design: NilearnDesign, name: str) -> bool:
    """Whether a column looks convolved: it begins at next to nothing, is smooth and seldom below."""
    if FUNCTION_WORDS.search(name):
        return False
    column = design.matrix[:, design.names.index(name)]
    highest = float(column.max())
    begins = abs(column[0]) <= STARTS_LOW * highest
    smooth = pearson_r(column[1:], column[:-1]) > SMOOTH
    return bool(highest > 0 and begins and column.min() > LOWEST * highest and smooth)


def confounds(runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Confounds, run by run."""
    for number, run in enumerate(runs, start=1):
        own = set(run.session.regressors)
        other = [m for m in run.columns.matches if m.spm in own and not abs(m.r) > SAME and m.spm != CONSTANT]
        missing = [name for name in run.columns.only_spm if name in own]
        extra = extra_confounds(run)
        if not (other or missing or extra) or not (own or extra):
            continue
        where = f" of session {number}" if len(runs) > 1 else ""
        yield SettingPair(
            f"confounds{where}",
            joined(list(run.session.regressors)) or "none",
            _other_confounds(runs, number - 1) or f"{joined(extra) if extra else 'fewer or other columns'}",
            "what confounds explain is noise elsewhere: effects and t change",
            "give both the same columns of the same run",
        )


def extra_confounds(run: ComparedRun) -> list[str]:
    """Columns of nilearn's alone that belong to no condition."""
    return [
        name
        for name in run.columns.only_nilearn
        if not _of_any_condition(run, name)
        and not _is_condition(run.design, name)
        and not FUNCTION_WORDS.search(name)
        and not _is_modulator(run, name)
    ]


def _is_modulator(run: ComparedRun, name: str) -> bool:
    """Whether a column is one of a modulated condition: what nilearn makes of it has this one too."""
    modulated = any(c.modulators or c.time_order for c in run.session.conditions)
    column = run.design.matrix[:, run.design.names.index(name)]
    return modulated and is_among(column, run.expected)


def _other_confounds(runs: Sequence[ComparedRun], at: int) -> str:
    """Say that a run has the columns of another, where it has."""
    run = runs[at]
    theirs = run.design.matrix[
        :, [run.design.names.index(m.nilearn) for m in run.columns.matches if m.spm in run.session.regressors]
    ]
    for number, other in enumerate(runs):
        values = other.session.values
        n = min(len(values), len(theirs))
        if number == at or values.shape[1] != theirs.shape[1] or not values.size:
            continue
        if np.allclose(values[:n], theirs[:n], atol=1e-6 * np.abs(values).max()):
            return f"those of session {number + 1}, the first {n} rows"
    return ""


def filters(spm: SpmAnalysis, nilearn: NilearnAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """High-pass filters."""
    for run in runs:
        columns = run.columns
        if columns.filters_agree:
            continue
        ours = (
            f"cosine filter, {run.session.high_pass:g} s ({columns.n_cosines} functions)"
            if columns.n_cosines
            else "none"
        )
        asked = nilearn.hints.get("high_pass", nilearn.stated.get("high_pass"))
        drift = nilearn.hints.get("drift_model", nilearn.stated.get("drift_model", "cosine"))
        theirs = f"{columns.n_drifts} drift columns"
        if not columns.n_drifts:
            theirs = "none: the design has no drift columns"
            if drift is None and isinstance(asked, int | float):
                theirs = f"none: drift_model=None, so the high_pass={asked:g} that was given has no effect"
        cutoff = run.session.high_pass
        yield SettingPair(
            "high-pass",
            ours,
            theirs,
            "slow drifts are signal or noise in one of them: effects and t differ everywhere",
            f"nilearn: drift_model='cosine', high_pass=1/{cutoff:g}"
            if columns.n_cosines
            else "nilearn: drift_model=None; or give SPM a high-pass filter",
        )
        return
