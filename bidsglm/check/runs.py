"""Runs of both analyses, with their columns matched and explained."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from bidsglm.check.columns import MatchedRun, match_run
from bidsglm.check.explaining import ColumnExplanation, ExplainedColumn, explained, nilearn_columns
from bidsglm.check.models import designs_of, hrf_of, sampled_at
from bidsglm.check.nilearn_designs import NilearnDesign
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.spm_records import SpmAnalysis, SpmSession
from bidsglm.errors import DataError
from bidsglm.model import Floats


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


def compared_runs(spm: SpmAnalysis, nilearn: NilearnAnalysis) -> tuple[ComparedRun, ...]:
    """Match and explain the columns of every run; as many designs as sessions, of equal lengths."""
    made = []
    suffixes = hrf_of(spm).suffixes
    designs = in_order_of(spm, nilearn)
    for session, ours, theirs in zip(spm.sessions, designs_of(spm), designs, strict=True):
        columns = match_run(ours, theirs, suffixes)
        explanations = dict(_explanations(spm, session, theirs, columns))
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
    spm: SpmAnalysis, session: SpmSession, design: NilearnDesign, columns: MatchedRun
) -> Iterator[tuple[str, ColumnExplanation]]:
    """Explain the first column of each condition, where the set has a canonical response."""
    if hrf_of(spm).model != "spm":
        return
    offset = frame_offset(design)
    for condition in session.conditions:
        partner = columns.partners.get(f"{condition.name}*bf(1)")
        if partner is None or not condition.onsets.size:
            continue
        values = design.columns([partner])[:, 0]
        column = ExplainedColumn(condition, values, spm.repetition_time, sampled_at(spm), offset)
        yield condition.name, explained(column)


def frame_offset(design: NilearnDesign) -> float | None:
    """Share of the TR at which nilearn sampled the regressors, where the file tells it."""
    times = design.frame_times
    return None if times is None else float(times[0] / (times[1] - times[0]))
