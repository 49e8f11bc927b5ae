"""Confounds and high-pass filters that two designs do not share."""

from collections.abc import Iterator, Sequence

import numpy as np

from bidsglm.check.columns import DIGITS, SAME, is_among
from bidsglm.check.condition_columns import extra_confounds
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.runs import ComparedRun
from bidsglm.model import CONSTANT
from bidsglm.report.check import SettingPair
from bidsglm.sentences import joined


def confounds(runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
    """Confounds, run by run."""
    for number, run in enumerate(runs, start=1):
        own = set(run.session.regressors)
        other = [m for m in run.columns.matches if m.spm in own and not abs(m.r) > SAME and m.spm != CONSTANT]
        missing = [name for name in run.columns.only_spm if name in own]
        extra = extra_confounds(run)
        if not (other or missing or extra) or not (own or extra) or _span_the_same(run, extra):
            continue
        where = f" of session {number}" if len(runs) > 1 else ""
        yield SettingPair(
            f"confounds{where}",
            joined(list(run.session.regressors)) or "none",
            _other_confounds(runs, number - 1) or f"{joined(extra) if extra else 'fewer or other columns'}",
            "what confounds explain is noise elsewhere: effects and t change",
            "give both the same columns of the same run",
        )


def _span_the_same(run: ComparedRun, extra: Sequence[str]) -> bool:
    """Whether the confounds of both take out the same, whatever their order, units or axes.

    Where the filters agree, drifts in confounds are of no account.
    """
    names = [m.nilearn for m in run.columns.matches if m.spm in run.session.regressors]
    theirs = run.design.columns([*names, *extra])
    ours = run.session.values
    if not (ours.size and theirs.size):
        return False
    drifts = run.session.filter_basis if run.columns.filters_agree else np.empty((len(ours), 0))
    parts = (ours, theirs), (theirs, ours)
    return all(is_among(column, np.hstack([others, drifts])) for one, others in parts for column in one.T)


def _other_confounds(runs: Sequence[ComparedRun], at: int) -> str:
    """Say that a run has the columns of another, where it has."""
    run = runs[at]
    theirs = run.design.columns(m.nilearn for m in run.columns.matches if m.spm in run.session.regressors)
    for number, other in enumerate(runs):
        values = other.session.values
        n = min(len(values), len(theirs))
        if number == at or values.shape[1] != theirs.shape[1] or not values.size:
            continue
        if np.allclose(values[:n], theirs[:n], rtol=DIGITS, atol=1e-6 * np.abs(values).max()):
            return f"those of session {number + 1}, the first {n} rows"
    return ""


def filters(nilearn: NilearnAnalysis, runs: Sequence[ComparedRun]) -> Iterator[SettingPair]:
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
        asked, drift = nilearn.given.get("high_pass"), nilearn.given.get("drift_model", "cosine")
        theirs = f"{columns.n_drifts} drift columns"
        if not columns.n_drifts:
            theirs = "none: the design has no drift columns"
            if drift is None and isinstance(asked, int | float):
                theirs = f"none: drift_model=None, so the high_pass={asked:g} that was given has no effect"
        cutoff = run.session.high_pass
        if run.session.n_filters > 1:
            yield _of_concatenated(run, theirs)
            return
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


def _of_concatenated(run: ComparedRun, theirs: str) -> SettingPair:
    """The filters of runs that SPM has as one session, where nilearn has other drifts."""
    session = run.session
    return SettingPair(
        "high-pass",
        f"cosines ({session.high_pass:g} s) and a constant for each of {session.n_filters} concatenated runs"
        f" ({run.columns.n_cosines} functions beside the first constant)",
        theirs,
        "filter and constant of one run go on into the next: effects and t differ everywhere",
        "nilearn: fit the runs as runs, or give design_matrices with cosines and a constant of each run",
    )
