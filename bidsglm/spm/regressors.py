"""Regressors of a condition: SPM12's ``spm_get_ons``, ``spm_Volterra`` and ``spm_orth``.

The stimulus function of a weight column ``U_j`` over events is a sum of boxes on a grid of
microtime bins of ``dt = TR / T`` s, and its regressors are its convolutions with the basis
functions, one sample kept for each scan. The algorithm is described in K. Friston et al. (eds),
*Statistical Parametric Mapping*, 2007, chapters 8 and 14.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.data import Condition, Paradigm
from bidsglm.design_space import rank
from bidsglm.model import Floats, ModelSpecification

PAD_BINS = 32
"""Bins before time 0, so that an event shortly before the run still has its effect in it."""
TAIL_BINS = 128
"""Bins that SPM's grid has beyond the scans, the pad included; the last one is never used."""
ROUNDING = 16 * np.finfo(float).eps
"""Residual of a column, relative to the column, that is no more than rounding."""
ACCEPTED_NORM = np.exp(-32)
"""Sum of absolute values that a column must keep after orthogonalisation."""


class Microtime(NamedTuple):
    """The scans of a run and the microtime grid that they are sampled from."""

    repetition_time: float
    """s"""
    n_scans: int
    resolution: int = 16
    """microtime bins per scan"""
    onset: int = 8
    """1-based bin of the scan that its sample is taken from"""

    @property
    def dt(self) -> float:
        """Length of a microtime bin in s."""
        return self.repetition_time / self.resolution

    @property
    def n_bins(self) -> int:
        """Length of a stimulus function."""
        return self.n_scans * self.resolution + PAD_BINS


def rounded(x: Floats) -> Floats:
    """Nearest integers, halves away from zero.

    >>> rounded(np.array([-1.5, 0.5, 2.5])).tolist()
    [-2.0, 1.0, 3.0]
    """
    # SPM rounds halves away from zero; numpy rounds them to even numbers
    whole = np.trunc(x)
    return np.asarray(whole + np.sign(x) * (np.abs(x - whole) >= 0.5))


def microtime_onset(paradigm: Paradigm, model: ModelSpecification) -> int:
    """SPM's bin (from 1) that a scan's sample is taken from.

    >>> microtime_onset(Paradigm(2.0, 9, 0.5, (), (), np.empty((9, 0))), ModelSpecification("m", ()))
    5
    """
    resolution = model.spm.microtime_resolution
    if model.spm.microtime_onset is not None or paradigm.start_time is None:
        return model.spm.onset
    bins = rounded(np.array(paradigm.start_time * resolution / paradigm.repetition_time))
    # SPM counts bins from 1
    return int(np.clip(bins + 1, 1, resolution))


def orthogonalise(X: Floats) -> Floats:
    """Orthogonalise columns one after the other, as ``spm_orth`` does with padding.

    Each column loses its projection on those before it and is not normalised. Columns that are
    zero, or become so, are zero at the end.

    Parameters
    ----------
    X
        (n, n_columns)

    Returns
    -------
    (n, n_columns)

    Notes
    -----
    As in SPM, columns behind an all-zero column move one place to the left. Deliberate deviation: a residual
    at the level of rounding counts as zero whatever the number of rows; SPM's absolute limit lets through
    that of a constant modulator of some fifty events, which then costs a real modulator its place.

    >>> orthogonalise(np.array([[1.0, 1.0], [1.0, 3.0]])).round(9).tolist()
    [[1.0, -1.0], [1.0, 1.0]]
    """
    result = np.zeros_like(X)
    columns = X[:, np.any(X != 0, axis=0)]
    if not columns.size:
        return result
    most = rank(columns)
    accepted = [0]
    result[:, 0] = columns[:, 0]
    for i in range(1, columns.shape[1]):
        # spm_orth stops at the rank, whatever a further column would still leave
        if len(accepted) == most:
            break
        residual = _residual(columns[:, i], result[:, accepted])
        rounding = ROUNDING * np.abs(columns[:, i]).sum()
        if np.abs(residual).sum() > max(ACCEPTED_NORM, rounding):
            result[:, i] = residual
            accepted.append(i)
    return result


def _residual(column: Floats, basis: Floats) -> Floats:
    inverse = np.linalg.pinv(basis, rcond=max(basis.shape) * np.finfo(float).eps)
    return np.asarray(column - basis @ (inverse @ column))


def event_weights(condition: Condition, dt: float = 1.0) -> Floats:
    """Heights of the events: main effect, then powers of time and of the modulators.

    Parameters
    ----------
    condition
        Events and modulators of one condition.
    dt
        Length of a microtime bin in s, for impulses with an area of one second; 1 leaves their heights.

    Returns
    -------
    (n_events, n_weights)

    >>> from bidsglm.data import Modulator
    >>> two = Condition("go", np.array([0.0, 9.0]), np.ones(2), (Modulator("rt", np.array([1.0, 3.0])),))
    >>> event_weights(two, 0.125).round(9).tolist()
    [[1.0, -1.0], [1.0, 1.0]]
    """
    weights = condition.weights
    if condition.orthogonalize:
        # behind the main effect of ones this centres the modulators
        weights = orthogonalise(weights)
    # spm_get_ons gives an impulse the area of one second, only where no event of the condition lasts
    return weights / dt if np.all(condition.durations == 0) else weights


def stimulus_functions(condition: Condition, timing: Microtime) -> Floats:
    """Boxes of the events on the microtime grid, one function for each weight column.

    An event of duration d covers round(d / dt) + 1 bins; simultaneous events add up; what starts
    before the pad is clipped to it. A continuous variable has its interpolated height in each bin.

    Returns
    -------
    (n_scans T + 32, n_weights); time 0 is bin 32.

    >>> impulse = Condition("go", np.array([1.0]), np.array([0.0]))
    >>> stimulus = stimulus_functions(impulse, Microtime(2.0, 4))
    >>> stimulus.shape, np.flatnonzero(stimulus).tolist(), float(stimulus.max())
    ((96, 1), [40], 8.0)
    """
    if condition.continuous:
        bins = np.asarray((np.arange(timing.n_bins) - PAD_BINS) * timing.dt, dtype=np.float64)
        return condition.at(bins)[:, np.newaxis]
    weights = event_weights(condition, timing.dt)
    on = rounded(condition.onsets / timing.dt) + PAD_BINS
    # the duration is rounded by itself, and the bin of the offset still belongs to the event
    off = rounded(condition.durations / timing.dt) + on + 1
    end = timing.n_bins - PAD_BINS + TAIL_BINS
    edges = np.clip(np.column_stack([on, off]), 0, end).astype(int)
    grid = np.zeros((end + 1, weights.shape[1]))
    steps = np.stack([weights, -weights], axis=1)
    # spm_get_ons never uses the last bin of its grid
    inside = edges < end - 1
    # edges that fall into one bin add up, and the running sum draws the boxes
    np.add.at(grid, edges[inside], steps[inside])
    return np.asarray(np.cumsum(grid, axis=0)[: timing.n_bins])


def condition_regressors(condition: Condition, basis: Floats, timing: Microtime) -> Floats:
    """Convolve the stimulus functions with the basis, sample at the scans and orthogonalise.

    Parameters
    ----------
    condition
        Events and modulators of one condition.
    basis
        (n_bins, n_functions) at microtime
    timing
        Scans and microtime grid.

    Returns
    -------
    (n_scans, n_weights n_functions), functions inside weights.

    >>> block = Condition("go", np.array([2.0]), np.array([4.0]))
    >>> condition_regressors(block, np.ones((1, 1)), Microtime(2.0, 5))[:, 0].tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0]
    """
    stimuli = stimulus_functions(condition, timing)
    # bins from 0 here, onset from 1, and the pad in front
    scans = np.arange(timing.n_scans) * timing.resolution + timing.onset + PAD_BINS - 1
    blocks = [
        np.column_stack([np.convolve(stimulus, function)[scans] for function in basis.T])
        for stimulus in stimuli.T
    ]
    return orthogonalised(blocks, condition)


def orthogonalised(blocks: Sequence[Floats], condition: Condition) -> Floats:
    """Orthogonalise the columns of each weight, or of all together where the model asks for modulators so.

    Parameters
    ----------
    blocks
        (n_scans, n_functions) of every weight
    condition
        Whose they are.
    """
    if condition.orthogonalize:
        return orthogonalise(np.hstack(blocks))
    return np.hstack([orthogonalise(block) for block in blocks])
