"""Columns of a run of both analyses, told apart: what belongs to conditions, and confounds."""

from typing import NamedTuple

import numpy as np

from bidsglm.attribution.crossing import Columns
from bidsglm.check.condition_columns import extra_confounds
from bidsglm.check.runs import ComparedRun
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.model import CONSTANT, Floats


class OwnColumns(NamedTuple):
    """What one program has in a run, without drifts and constant; named as in SPM where both have it."""

    task: Columns
    confounds: Columns
    """Without their means"""


def spm_columns(spm: SpmAnalysis, run: ComparedRun) -> OwnColumns:
    """Take SPM's columns of a session out of its matrix."""
    session = run.session
    start = spm.names[session.columns[0]].split(" ")[0] + " " if session.columns else ""
    names = [spm.names[column].removeprefix(start) for column in session.columns]
    matrix = spm.matrix[session.rows][:, list(session.columns)]
    return _parted(names, matrix, set(session.regressors))


def nilearn_columns_of(run: ComparedRun) -> OwnColumns:
    """Take nilearn's columns of a run out of its design, in the order of SPM's; what SPM lacks is last."""
    partners = {ours: theirs for ours, theirs in run.columns.partners.items() if ours != CONSTANT}
    called = {theirs: ours for ours, theirs in partners.items()}
    design = run.design
    others = [design.names[i] for i in design.others]
    ordered = [*partners.values(), *(name for name in others if name not in called)]
    confounds = {
        *(ours for ours in partners if ours in run.session.regressors),
        *(f"{name} (nilearn)" for name in extra_confounds(run)),
    }
    return _parted(
        [called.get(name, f"{name} (nilearn)") for name in ordered], design.columns(ordered), confounds
    )


def nilearn_name(run: ComparedRun, name: str) -> str:
    """Name that `nilearn_columns_of` gives a column of nilearn's design."""
    called = {m.nilearn: m.spm for m in run.columns.matches}
    return called.get(name, f"{name} (nilearn)")


def _parted(names: list[str], matrix: Floats, confounds: set[str]) -> OwnColumns:
    aside = np.array([name in confounds for name in names], dtype=np.bool_)
    values = matrix[:, aside]
    centred = values - values.mean(axis=0) if values.size else values
    return OwnColumns(
        Columns(tuple(n for n, c in zip(names, aside, strict=True) if not c), matrix[:, ~aside]),
        Columns(tuple(n for n, c in zip(names, aside, strict=True) if c), centred),
    )
