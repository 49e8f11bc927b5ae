"""Settings of time and response that show in the designs: repetition time, functions, sampling."""

import re
from collections.abc import Iterator, Sequence

from bidsglm.check.condition_columns import columns_of
from bidsglm.check.models import hrf_of, sampled_at
from bidsglm.check.runs import ComparedRun, frame_offset
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.report.check import SettingPair
from bidsglm.sentences import joined

SHOWN = 6
"""Columns that a cell lists."""

BIN = re.compile(r"\*bf\(([4-9]|\d\d+)\)$")
"""Function of a set that has more than a response and its derivatives"""
TIME_TOLERANCE = 1e-4
"""s"""


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
    matched = run.columns.partners.values()
    found = [n for c in missing for n in columns_of(run, c) if n not in matched]
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
