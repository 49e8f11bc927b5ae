"""Runs of both analyses, with their columns matched and explained."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from bidsglm.check.columns import ALIKE, LATER, MatchedRun, correlations, match_run
from bidsglm.check.explaining import (
    ColumnExplanation,
    ExplainedColumn,
    explained,
    nilearn_columns,
    of_others,
)
from bidsglm.check.models import designs_of, hrf_of, sampled_at
from bidsglm.check.nilearn_designs import NilearnDesign
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.spm_records import SpmAnalysis, SpmSession
from bidsglm.data import Condition, DesignMatrix
from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, Floats


class ComparedRun(NamedTuple):
    """One run of both."""

    session: SpmSession
    design: NilearnDesign
    columns: MatchedRun
    explanations: Mapping[str, ColumnExplanation]
    """By condition of SPM"""
    expected: Floats
    """(n_scans, n) columns that nilearn makes of SPM's conditions and modulators"""


def in_order_of(spm: SpmAnalysis, nilearn: NilearnAnalysis) -> tuple[NilearnDesign, ...]:
    """Nilearn's designs in the order of SPM's sessions: by their lengths, which are the same."""
    left = list(nilearn.designs)
    ordered = []
    for session in spm.sessions:
        at = next(i for i, design in enumerate(left) if len(design.matrix) == session.n_scans)
        ordered.append(left.pop(at))
    return tuple(ordered)


def by_their_columns(
    ours: Sequence[DesignMatrix], theirs: tuple[NilearnDesign, ...]
) -> tuple[NilearnDesign, ...]:
    """Designs of one length in another order, where each of them has another session's columns, all of them.

    Runs that were given in another order are the same runs.
    """
    likeness = np.array([[_likeness(one, other) for other in theirs] for one in ours])
    best = linear_sum_assignment(likeness, maximize=True)[1]
    moved = np.flatnonzero(best != np.arange(len(best)))
    if moved.size and all(likeness[i, i] < ALIKE <= likeness[i, best[i]] for i in moved):
        return tuple(theirs[i] for i in best)
    return theirs


def _likeness(ours: DesignMatrix, theirs: NilearnDesign) -> float:
    """How alike the least alike column of SPM's is to any of nilearn's; -1 for other lengths.

    Where that is a further function of a condition, which nilearn may lack, it does not count.
    """
    if len(ours.matrix) != len(theirs.matrix):
        return -1.0
    kept = [i for i, name in enumerate(ours.names) if name != CONSTANT and not LATER.search(name)]
    if not kept or not theirs.others:
        return -1.0
    r = np.abs(correlations(ours.matrix[:, kept], theirs.matrix[:, list(theirs.others)]))
    return float(r.max(axis=1).min())


def compared_runs(spm: SpmAnalysis, nilearn: NilearnAnalysis) -> tuple[ComparedRun, ...]:
    """Match and explain the columns of every run; as many designs as sessions, of equal lengths."""
    made = []
    suffixes = hrf_of(spm).suffixes
    designs = by_their_columns(designs_of(spm), in_order_of(spm, nilearn))
    for session, ours, given in zip(spm.sessions, designs_of(spm), designs, strict=True):
        theirs = given._replace(blocks=session.blocks)
        columns = match_run(ours, theirs, suffixes)
        explanations = dict(_explanations(spm, (session, theirs), columns))
        made.append(ComparedRun(session, theirs, columns, explanations, _expected(spm, session, theirs)))
    return tuple(made)


def _expected(spm: SpmAnalysis, session: SpmSession, design: NilearnDesign) -> Floats:
    offset = frame_offset(design)
    at = sampled_at(spm) if offset is None else offset
    conditions = [each for each in session.conditions if each.onsets.size]
    n_scans = len(design.matrix)
    if not conditions or hrf_of(spm).model not in ("spm", "fir"):
        return np.empty((n_scans, 0))
    try:
        return nilearn_columns(conditions, spm.repetition_time, n_scans, at, hrf_of(spm))
    except (DataError, ValueError):
        return np.empty((n_scans, 0))


def _explanations(
    spm: SpmAnalysis, run: tuple[SpmSession, NilearnDesign], columns: MatchedRun
) -> Iterator[tuple[str, ColumnExplanation]]:
    """Explain the first column of each condition, where the set has a canonical response."""
    if hrf_of(spm).model != "spm":
        return
    session, design = run
    offset = frame_offset(design)
    for condition in session.conditions:
        partner = columns.partners.get(f"{condition.name}*bf(1)")
        if partner is None or not condition.onsets.size:
            continue
        values = design.columns([partner])[:, 0]
        column = ExplainedColumn(condition, values, spm.repetition_time, sampled_at(spm), offset)
        found = explained(column)
        if found.changed is None:
            found = found._replace(taken_from=of_others(column, _others(spm, session, condition.name)))
        yield condition.name, found


def _others(spm: SpmAnalysis, session: SpmSession, name: str) -> dict[str, Condition]:
    """Conditions whose events may have been taken for one's: all of its session, its own of the others."""
    found = {other.name: other for other in session.conditions if other.name != name}
    for number, another in enumerate(spm.sessions, start=1):
        if another is not session:
            found |= {f"session {number}": other for other in another.conditions if other.name == name}
    return found


def frame_offset(design: NilearnDesign) -> float | None:
    """Share of the TR at which nilearn sampled the regressors, where the file tells it."""
    times = design.frame_times
    return None if times is None else float(times[0] / (times[1] - times[0]))
