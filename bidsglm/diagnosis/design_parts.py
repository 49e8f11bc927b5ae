"""The columns of a design by what they are for: conditions and confounds, the constant, drifts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.design_space import basis, directions, lengths, squares
from bidsglm.model import CONSTANT, Floats, Mask
from bidsglm.spm.highpass import remove

DRIFT = re.compile(r"drift_\d+|cosine_?\d+")
"""nilearn's drift terms, and fMRIPrep's where a model takes them as confounds."""
MOTION = re.compile(r"(trans|rot)_[xyz].*|framewise_displacement|rmsd")
"""fMRIPrep's motion parameters, their expansions and sums."""
NOTHING_LEFT = 1e-10
"""A column of which a smaller share of the squares is left is a sum of others: rounding leaves 1e-30, and
regressors that anyone could tell apart more than 1e-6."""
ROUNDING = 1e-12
"""Columns this much smaller than what they were made of are zero but for rounding."""


@dataclass(frozen=True)
class Parts:
    """The columns of a design, sorted by what they are for."""

    names: tuple[str, ...]
    """Conditions, then confounds."""
    matrix: Floats
    """(n_scans, n_names); confounds mean-centred where there is a constant"""
    is_condition: Mask
    """(n_names,)"""
    constant: Floats
    """(n_scans, 1), or no column"""
    drifts: Floats
    """(n_scans, n_drifts) drift terms or cosines of the high-pass filter"""
    before: Floats | None = None
    """(n_scans, n_names) before a filter that went over the columns themselves; None where none did"""

    @property
    def unfiltered(self) -> Floats:
        """(n_scans, n_names) with all that is slow in them."""
        return self.matrix if self.before is None else self.before

    @cached_property
    def filtered(self) -> Floats:
        """(n_scans, n_names) without the constant and the drifts: what the fit sees of the regressors."""
        return remove(self.matrix, basis(np.hstack([self.constant, self.drifts])))

    @cached_property
    def directions(self) -> Floats:
        """(n_scans, n_names) these filtered columns scaled to length 1; zeros where nothing is left."""
        # a direction of rounding would correlate with anything
        left = squares(self.filtered) > NOTHING_LEFT * squares(self.matrix)
        return np.asarray(np.where(left, directions(self.filtered), 0.0))

    @cached_property
    def whole(self) -> Floats:
        """(n_scans, n_columns) all columns."""
        return np.hstack([self.matrix, self.constant, self.drifts])


def parts(design: DesignMatrix, paradigm: Paradigm) -> Parts:
    """Sort the columns of a design.

    Parameters
    ----------
    design
        Design of one run, of either backend.
    paradigm
        That it was made of, which knows the confounds.

    >>> run = Paradigm(2.0, 4, None, (), ("csf",), np.arange(4.0)[:, None])
    >>> X = np.column_stack([np.eye(4)[0], np.arange(4.0), np.ones(4)])
    >>> parts(DesignMatrix(("trial_type.go", "csf", "constant"), X, np.zeros((4, 0))), run).names
    ('trial_type.go', 'csf')
    """
    names = np.array(design.names, dtype=object)
    is_drift = np.array([DRIFT.fullmatch(name) is not None for name in design.names], dtype=bool)
    is_constant = names == CONSTANT
    # fMRIPrep's cosines in a model filter like its own drifts, and what they take must count as filtered
    is_confound = np.isin(names, list(paradigm.confound_names)) & ~is_drift
    is_condition = ~(is_drift | is_constant | is_confound)
    conditions, confounds = design.matrix[:, is_condition], design.matrix[:, is_confound]
    if is_constant.any():
        # against the confound as it was given: what centring leaves of a constant is rounding
        given = paradigm.confounds[:, [paradigm.confound_names.index(n) for n in names[is_confound]]]
        confounds = _cleared(confounds - confounds.mean(axis=0), lengths(given))
    return Parts(
        (*names[is_condition], *names[is_confound]),
        # against the largest: what orthogonalisation leaves of an idle modulator is rounding of other columns
        np.hstack([_cleared(conditions, lengths(conditions).max(initial=0.0)), confounds]),
        np.arange(is_condition.sum() + is_confound.sum()) < is_condition.sum(),
        design.matrix[:, is_constant],
        # nilearn's drifts are columns, SPM's cosines a projection: both take the same space
        np.hstack([design.matrix[:, is_drift], design.high_pass_basis]),
        None
        if design.unfiltered is None
        else np.hstack([design.unfiltered[:, is_condition], design.unfiltered[:, is_confound]]),
    )


def _cleared(X: Floats, scale: Floats | float) -> Floats:
    """Zeros for columns of which only rounding is left: constant confounds, modulators that do not vary."""
    return np.asarray(np.where(lengths(X) > ROUNDING * scale, X, 0.0))


def function_columns(names: Sequence[str], weight_name: str) -> list[int]:
    """Places of a condition's or modulator's first function, or of all functions of a set such as FIR.

    >>> function_columns(("trial_type.go", "trial_type.go_derivative", "constant"), "trial_type.go")
    [0]
    >>> function_columns(("trial_type.go_delay_0", "trial_type.go_delay_1"), "trial_type.go")
    [0, 1]
    """
    if weight_name in names:
        return [list(names).index(weight_name)]
    # of a set no function stands for the condition: a FIR bin is one moment of the response
    member = re.compile(re.escape(weight_name) + r"_(delay|fourier|gamma)_\d+")
    return [i for i, name in enumerate(names) if member.fullmatch(name)]


def primary_columns(columns: Parts, paradigm: Paradigm) -> dict[str, list[int]]:
    """Conditions and modulators with the places of their first functions, or of all those of a set."""
    names = [name for condition in paradigm.conditions for name in condition.weight_names]
    found = {name: function_columns(columns.names, name) for name in names}
    return {name: places for name, places in found.items() if places}
