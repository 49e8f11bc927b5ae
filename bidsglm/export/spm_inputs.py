"""What an SPM batch reads beside its images: conditions, regressors, and where a contrast's weights stand."""

import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.io import savemat

from bidsglm.data import Condition, DesignMatrix, Paradigm
from bidsglm.export.record import Averaged
from bidsglm.model import CONSTANT, Floats, Hrf, ModelSpecification
from bidsglm.spm.regressors import microtime_onset

MAT_TEXT = b"MATLAB 5.0 MAT-file, conditions of one run for SPM12"
MAT_TEXT_LENGTH = 116
"""Bytes of a MAT-file's header that are free text, in which scipy writes the time."""


class SessionInputs(NamedTuple):
    """A run as a session of SPM."""

    conditions: tuple[Condition, ...]
    """That SPM makes regressors of"""
    ready: tuple[str, ...]
    """Regressors of conditions that a batch cannot describe"""
    confounds: tuple[str, ...]
    regressors: Floats
    """(n_scans, n_ready + n_confounds)"""
    names: tuple[str, ...]
    """Columns of the session in SPM's order, without its constant"""


class Weight(NamedTuple):
    """One weight of a contrast, by SPM's count from 1."""

    row: int
    column: int
    value: float
    run: int
    """From 0"""
    regressor: str


def session_inputs(
    paradigms: Sequence[Paradigm], designs: Sequence[DesignMatrix], model: ModelSpecification
) -> tuple[SessionInputs, ...]:
    """Divide the columns of each run's design between conditions and ready-made regressors.

    A batch knows no heights of events and no continuous variables, and one timing for all runs: what has its
    own becomes a regressor. A modulator without variance stays a modulator: SPM itself leaves nothing of it,
    while a ready-made column is centred, which moves the constant.
    """
    timings = [(p.repetition_time, microtime_onset(p, model)) for p in paradigms]
    return tuple(
        _session(paradigm, design, model.hrf, timing == timings[0])
        for paradigm, design, timing in zip(paradigms, designs, timings, strict=True)
    )


def _session(paradigm: Paradigm, design: DesignMatrix, hrf: Hrf, same_timing: bool) -> SessionInputs:
    described = tuple(c for c in paradigm.conditions if same_timing and c.amplitudes is None)
    others = [c for c in paradigm.conditions if c not in described]
    ready = tuple(_columns(others, hrf))
    columns = [design.names.index(name) for name in ready]
    regressors = np.column_stack([design.matrix[:, columns], paradigm.confounds])
    names = (*_columns(described, hrf), *ready, *paradigm.confound_names)
    return SessionInputs(described, ready, paradigm.confound_names, regressors, names)


def _columns(conditions: Sequence[Condition], hrf: Hrf) -> Iterator[str]:
    for condition in conditions:
        for weight in condition.weight_names:
            yield from (weight + suffix for suffix in hrf.suffixes)


def conditions_mat(conditions: Sequence[Condition]) -> bytes:
    """SPM's multiple-conditions file; the same conditions make the same bytes.

    Examples
    --------
    >>> from scipy.io import loadmat
    >>> go = Condition("go", np.array([0.0, 9.0]), np.zeros(2))
    >>> loadmat(io.BytesIO(conditions_mat([go])), squeeze_me=True)["onsets"]
    array([0., 9.])
    """
    content: dict[str, Any] = {
        "names": _cell([c.name for c in conditions]),
        "onsets": _cell([c.onsets for c in conditions]),
        "durations": _cell([c.durations for c in conditions]),
        "tmod": _cell([float(c.time_modulation) for c in conditions]),
        "orth": _cell([np.bool_(c.orthogonalize) for c in conditions]),
    }
    if any(c.modulators for c in conditions):
        content["pmod"] = _modulators(conditions)
    stream = io.BytesIO()
    savemat(stream, content, oned_as="column")
    return MAT_TEXT.ljust(MAT_TEXT_LENGTH) + stream.getvalue()[MAT_TEXT_LENGTH:]


def _cell(values: Sequence[object]) -> np.ndarray[Any, Any]:
    """A row of cells."""
    cells = np.empty((1, len(values)), dtype=object)
    for i, value in enumerate(values):
        cells[0, i] = value
    return cells


def _modulators(conditions: Sequence[Condition]) -> np.ndarray[Any, Any]:
    """SPM's structure array pmod, one element for each condition."""
    modulators = np.empty((1, len(conditions)), dtype=[("name", object), ("param", object), ("poly", object)])
    for i, condition in enumerate(conditions):
        modulators["name"][0, i] = _cell([m.name for m in condition.modulators])
        modulators["param"][0, i] = _cell([m.values for m in condition.modulators])
        modulators["poly"][0, i] = _cell([float(m.order) for m in condition.modulators])
    return modulators


def placed_weights(contrast: Averaged, names: Sequence[Sequence[str]]) -> tuple[Weight, ...]:
    """Weights of a contrast over the columns of SPM's joint design, averaged over its runs.

    Parameters
    ----------
    contrast
        Rows without any weight are left out.
    names
        Columns of each session; its constant stands behind those of all sessions.

    Examples
    --------
    >>> from bidsglm.model import ContrastSpecification
    >>> go = ContrastSpecification("go", "go", ("trial_type.go",), np.ones((1, 1)))
    >>> [(w.column, w.value) for w in placed_weights(Averaged(go, (0, 1)), [["trial_type.go", "x"]] * 2)]
    [(1, 0.5), (3, 0.5)]
    """
    starts = np.cumsum([0, *map(len, names)]).tolist()
    specification, share = contrast.specification, len(contrast.runs)
    rows = specification.weights[specification.weights.any(axis=1)]
    placed = []
    for row, weights in enumerate(rows, start=1):
        for run in contrast.runs:
            for name, weight in zip(specification.conditions, weights.tolist(), strict=True):
                place = starts[-1] + run if name == CONSTANT else starts[run] + names[run].index(name)
                if weight:
                    placed.append(Weight(row, place + 1, weight / share, run, name))
    return tuple(placed)
