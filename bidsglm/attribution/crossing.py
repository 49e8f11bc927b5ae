"""Regressors by the rules of either package, mixed: response x events x sampling.

Events are drawn on a fine grid, convolved with the response's functions and sampled at the scans. SPM12
draws them on ``TR / 16`` bins (`bidsglm.spm.regressors`); nilearn 0.14 on ``TR / 50`` steps from 24 s
before the first scan on, an event covering the grid's points from its onset on and before its end, at
least one. nilearn's response is a difference of gamma densities that start one step late, on
``rint(32 s / step)`` points from 0 to 32 s, of unit sum.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import Condition
from bidsglm.densities import gamma_density
from bidsglm.model import Floats, Hrf
from bidsglm.spm.hrf import basis_functions
from bidsglm.spm.regressors import PAD_BINS, Microtime, event_weights, orthogonalised, stimulus_functions

OVERSAMPLING = 50
"""Steps of nilearn's grid in a TR."""
EARLIEST = -24.0
"""Seconds from the first scan to the start of nilearn's grid."""
KERNEL_LENGTH = 32.0
DERIVATIVE_STEP = 0.1
DISPERSION_STEP = 0.01


class Rules(NamedTuple):
    """Whose rule is used: False is nilearn's, True SPM's."""

    response: bool
    events: bool
    sampling: bool


class Columns(NamedTuple):
    """Named columns of a design."""

    names: tuple[str, ...]
    matrix: Floats
    """(n_scans, n_columns)"""


class Clock(NamedTuple):
    """When the scans of a run are, in both packages' terms."""

    timing: Microtime
    """SPM's"""
    slice_time_ref: float
    """nilearn's, as a fraction of the TR"""

    @property
    def frame_times(self) -> Floats:
        """Times (s) of nilearn's samples, (n_scans,)."""
        TR = self.timing.repetition_time
        return np.asarray(np.arange(self.timing.n_scans) * TR + self.slice_time_ref * TR)

    @property
    def bin_times(self) -> Floats:
        """Times (s) of SPM's samples, (n_scans,)."""
        # SPM's microtime onset T0 counts bins from 1: scan i lies at (i T + T0 - 1) dt
        scans = np.arange(self.timing.n_scans) * self.timing.resolution + self.timing.onset - 1
        return np.asarray(scans * self.timing.dt)


class Shape(NamedTuple):
    """Two gamma densities."""

    delay: float
    undershoot: float
    dispersion: float
    undershoot_dispersion: float
    ratio: float


# nilearn writes 0.167 for the 1/6 of SPM, so that even the spm shape is not SPM's
SHAPES: Mapping[str, Shape] = {
    "spm": Shape(6.0, 16.0, 1.0, 1.0, 0.167),
    "glover": Shape(6.0, 12.0, 0.9, 0.9, 0.48),
}


def gamma_difference(shape: Shape, dt: float, onset: float = 0.0) -> Floats:
    """Nilearn's response, sampled at a step of dt s.

    Returns
    -------
    (n_bins,) of unit sum

    >>> h = gamma_difference(SHAPES["spm"], 0.125)
    >>> h.size, round(float(h.sum()), 12), round(float(h.argmax() * 32 / 255), 2)
    (256, 1.0, 5.15)
    """
    # the end point is among them, so that nilearn's samples lie a little farther apart than dt; less dt, as
    # nilearn's densities have loc = dt and begin one step late
    t = np.linspace(0, KERNEL_LENGTH, int(np.rint(KERNEL_LENGTH / dt))) - onset - dt
    peak = gamma_density(t, shape.delay / shape.dispersion, 1 / shape.dispersion)
    rate = 1 / shape.undershoot_dispersion
    h = peak - shape.ratio * gamma_density(t, shape.undershoot * rate, rate)
    # unit sum, as in SPM: the response to a long block is 1 whatever the step
    return np.asarray(h / h.sum())


def gamma_set(hrf: Hrf, dt: float) -> Floats:
    """Nilearn's response with its derivatives, sampled at a step of dt s.

    Parameters
    ----------
    hrf
        spm or glover.

    Returns
    -------
    (n_bins, n_functions)

    Notes
    -----
    Both dispersion derivatives keep the undershoot of dispersion 1, as in nilearn.

    >>> gamma_set(Hrf("glover", derivative=True), 0.1).shape
    (320, 2)
    """
    shape = SHAPES[hrf.model]
    # nilearn's set: the derivatives are differences over a small step, not analytical
    h = gamma_difference(shape, dt)
    functions = [h]
    if hrf.derivative:
        functions.append((h - gamma_difference(shape, dt, DERIVATIVE_STEP)) / DERIVATIVE_STEP)
    if hrf.dispersion:
        # nilearn widens the peak alone, and starts from an undershoot of dispersion 1
        base = shape._replace(undershoot_dispersion=1.0)
        wider = base._replace(dispersion=base.dispersion + DISPERSION_STEP)
        functions.append((gamma_difference(base, dt) - gamma_difference(wider, dt)) / DISPERSION_STEP)
    return np.column_stack(functions)


class EventGrid(NamedTuple):
    """Events on a fine grid."""

    times: Floats
    """(n_bins,) s"""
    dt: float
    """Nominal step in s, of the response's samples."""
    stimuli: Floats
    """(n_bins, n_weights)"""


def spm_grid(condition: Condition, timing: Microtime) -> EventGrid:
    """Events as SPM draws them.

    >>> spm_grid(Condition("go", np.array([1.0]), np.array([0.0])), Microtime(2.0, 4)).stimuli.max()
    np.float64(8.0)
    """
    times = (np.arange(timing.n_bins) - PAD_BINS) * timing.dt
    return EventGrid(np.asarray(times, dtype=np.float64), timing.dt, stimulus_functions(condition, timing))


def fine_grid(condition: Condition, clock: Clock) -> EventGrid:
    """Events as nilearn draws them, every weight column like a condition with that modulation.

    >>> grid = fine_grid(Condition("go", np.array([1.0]), np.array([0.5])), Clock(Microtime(2.0, 4), 0.0))
    >>> grid.times.size, float(grid.stimuli.sum())
    (801, 13.0)
    """
    frames, TR = clock.frame_times, clock.timing.repetition_time
    n = len(frames)
    end = frames[-1] * (1 + 1 / (n - 1))
    # nilearn's formula for the length of its grid, the frame times shifted by slice_time_ref among it
    n_bins = (n - 1) / (frames[-1] - frames[0]) * (end - frames[0] - EARLIEST) * OVERSAMPLING + 1
    times: Floats = np.linspace(frames[0] + EARLIEST, end, int(np.rint(n_bins)))
    if condition.continuous:
        return EventGrid(times, TR / OVERSAMPLING, condition.at(times)[:, np.newaxis])
    last = len(times) - 1
    # the first point not before the time, where SPM rounds to the nearest bin
    on = np.minimum(np.searchsorted(times, condition.onsets), last)
    off = np.minimum(np.searchsorted(times, condition.onsets + condition.durations), last)
    # an event between two points of the grid must not vanish: nilearn gives it one step
    off = np.where((off == on) & (off < last), off + 1, off)
    weights = event_weights(condition)
    steps: Floats = np.zeros((len(times), weights.shape[1]))
    # events that overlap add up, in nilearn as in SPM
    np.add.at(steps, on, weights)
    np.add.at(steps, off, -weights)
    stimuli: Floats = np.cumsum(steps, axis=0)
    return EventGrid(times, TR / OVERSAMPLING, stimuli)


def _sampled(grid: EventGrid, functions: Floats, clock: Clock, by_spm: bool) -> list[Floats]:
    """Convolved weight columns at the scans, each (n_scans, n_functions)."""
    convolved = [
        np.column_stack([np.convolve(stimulus, f)[: len(grid.times)] for f in functions.T])
        for stimulus in grid.stimuli.T
    ]
    # SPM takes the bin of a scan's moment (spm_fMRI_design), nilearn interpolates at it
    if by_spm:
        places = nearest(grid.times, clock.bin_times)
        return [columns[places] for columns in convolved]
    frames = clock.frame_times
    return [np.column_stack([np.interp(frames, grid.times, c) for c in columns.T]) for columns in convolved]


def nearest(times: Floats, wanted: Floats) -> NDArray[np.intp]:
    """Places of the times that are nearest to those wanted; both ascend.

    >>> nearest(np.array([0.0, 1.0, 2.0]), np.array([0.4, 0.5, 1.9])).tolist()
    [0, 0, 2]
    """
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    # the earlier one where both are equally near
    return np.asarray(after - (wanted - times[after - 1] <= times[after] - wanted))


def successively_orthogonal(columns: Floats) -> Floats:
    """Every column minus its projection on those before it, as nilearn does."""
    result = columns.copy()
    for i in range(1, result.shape[1]):
        before = result[:, :i]
        # pinv: of a column of zeros, as a modulator without variance leaves it, there is no inverse
        result[:, i] -= before @ (np.linalg.pinv(before) @ result[:, i])
    return result


def _condition_columns(
    condition: Condition, clock: Clock, responses: tuple[Hrf, Hrf], rules: Rules
) -> Floats:
    grid = spm_grid(condition, clock.timing) if rules.events else fine_grid(condition, clock)
    hrf = responses[rules.response]
    functions = basis_functions(hrf, grid.dt) if rules.response else gamma_set(hrf, grid.dt)
    blocks = _sampled(grid, functions, clock, rules.sampling)
    # nilearn makes functions of a condition orthogonal one after the other, never modulators
    if not rules.response:
        return np.hstack([successively_orthogonal(block) for block in blocks])
    return orthogonalised(blocks, condition)


def crossed_regressors(
    conditions: Sequence[Condition], clock: Clock, responses: tuple[Hrf, Hrf]
) -> dict[Rules, Columns]:
    """Regressors of a run's conditions by all eight mixtures of the packages' rules.

    Parameters
    ----------
    conditions
        Those of one run.
    clock
        Its scans.
    responses
        nilearn's, which is spm or glover, and SPM's, which is spm.

    >>> go = Condition("go", np.array([2.0]), np.array([4.0]))
    >>> mixed = crossed_regressors([go], Clock(Microtime(2.0, 12), 7 / 16), (Hrf(), Hrf()))
    >>> len(mixed), mixed[Rules(True, True, True)].names
    (8, ('trial_type.go',))
    """
    result = {}
    # 2^3 combinations of who draws events, whose response, and who samples
    for rules in (Rules(*flags) for flags in product((False, True), repeat=3)):
        suffixes = responses[rules.response].suffixes
        names = [weight + s for c in conditions for weight in c.weight_names for s in suffixes]
        blocks = [_condition_columns(c, clock, responses, rules) for c in conditions]
        empty = np.zeros((clock.timing.n_scans, 0))
        result[rules] = Columns(tuple(names), np.hstack([empty, *blocks]))
    return result
