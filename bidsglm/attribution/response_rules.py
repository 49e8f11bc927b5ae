"""Regressors of mixed rules: one package's response functions on another's events, sampled by either's rule.

A stimulus of height 1 that lasts has a response of 1 in the end in SPM, nilearn and FSL, whose functions have
unit sum on the grid in use. AFNI's have a given height instead: an impulse of unit area, or a block of the
duration that stands in the notation, has its largest value 1 (``GAM``, ``BLOCK(d,1)``), or what the notation
says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import scipy

from bidsglm.afni.responses import (
    BLOCK_TAIL,
    BOXED_DEVIATIONS,
    GAMMA_DEVIATIONS,
    GAMMA_END,
    GAMMA_SCALE,
    GAMMA_SHAPE,
    LONG_BLOCK,
    SPM_END,
    Response,
    block_peak,
    gamma,
    spm_dispersion_derivative,
    spm_response,
    spm_time_derivative,
)
from bidsglm.attribution.crossing import gamma_set, successively_orthogonal
from bidsglm.attribution.drawing_rules import AfniEvents, EventsRule, FslEvents, SamplingRule
from bidsglm.data import Condition
from bidsglm.fsl.regressors import convolved
from bidsglm.fsl.response import RESPONSES
from bidsglm.model import Floats, Hrf
from bidsglm.spm.hrf import basis_functions
from bidsglm.spm.regressors import orthogonalised

WIDENING_STEP = 0.01
"""s, of the grid on which the height of a widened response is found"""


class ResponseRule(Protocol):
    """A set of response functions."""

    def kernels(self, condition: Condition, dt: float) -> Floats:
        """Sample the functions, (n_taps, n_functions), for stimuli of a height at each step of dt s."""
        ...

    def finished(self, blocks: Sequence[Floats], condition: Condition) -> Floats:
        """Orthogonalise sampled columns, given for each weight."""
        ...


@dataclass(frozen=True)
class SpmResponse:
    """SPM's set, orthogonalised by its rule."""

    hrf: Hrf

    def kernels(self, condition: Condition, dt: float) -> Floats:
        """Sample the functions."""
        return basis_functions(self.hrf, dt)

    def finished(self, blocks: Sequence[Floats], condition: Condition) -> Floats:
        """Orthogonalise modulated columns to those before them, where the model asks for it."""
        return orthogonalised(blocks, condition)


@dataclass(frozen=True)
class NilearnResponse:
    """nilearn's set, orthogonalised by its rule."""

    hrf: Hrf

    def kernels(self, condition: Condition, dt: float) -> Floats:
        """Sample the functions."""
        return gamma_set(self.hrf, dt)

    def finished(self, blocks: Sequence[Floats], condition: Condition) -> Floats:
        """Orthogonalise a response's derivatives to it."""
        return np.hstack([successively_orthogonal(block) for block in blocks])


@dataclass(frozen=True)
class FslResponse:
    """One of feat_model's; a temporal derivative is made of the filtered column later."""

    name: str

    def kernels(self, condition: Condition, dt: float) -> Floats:
        """Sample the function."""
        shape, length = RESPONSES[self.name]
        # a whole number of steps must not become one less by rounding
        n_taps = int(length / dt * (1 + 4 * np.finfo(float).eps))
        h = shape(np.asarray(np.arange(n_taps) * dt, dtype=np.float64))
        # unit sum, as feat_model divides by it: a stimulus that lasts has a response of 1 on any grid
        return np.asarray(h / h.sum())[:, np.newaxis]

    def finished(self, blocks: Sequence[Floats], condition: Condition) -> Floats:
        """Leave columns as they are."""
        return np.hstack(blocks)


class Impulse(NamedTuple):
    """What an impulse of unit area gives, by the notation of a response."""

    shapes: tuple[partial[Floats], ...]
    """Functions of time"""
    end: float
    """s"""
    height: float = 1.0
    """Factor of all"""
    duration: float | None = 0.0
    """s that every event lasts by the notation; None for its own"""
    tallest: bool = False
    """Whether each function is scaled to the largest value 1 for that duration"""


@dataclass(frozen=True)
class AfniResponse:
    """Models in 3dDeconvolve's notation."""

    responses: Mapping[str, Response]
    """Condition -> its model"""

    def kernels(self, condition: Condition, dt: float) -> Floats:
        """Sample the functions.

        Raises
        ------
        ValueError
            The model has no impulse response.
        """
        form = impulse(self.responses[condition.weight_names[0]])
        if form is None:
            raise ValueError("the response model has no impulse response")
        t = np.asarray(np.arange(int(form.end / dt) + 1) * dt, dtype=np.float64)
        # an impulse of unit area: samples times the step sum up to the integral
        heights = [dt * form.height / _tallest(shape, form) for shape in form.shapes]
        return np.column_stack(
            [height * shape(t) for shape, height in zip(form.shapes, heights, strict=True)]
        )

    def finished(self, blocks: Sequence[Floats], condition: Condition) -> Floats:
        """Leave columns as they are."""
        return np.hstack(blocks)


def _tallest(shape: partial[Floats], form: Impulse) -> float:
    """Largest value of a widened function."""
    if not form.tallest or not form.duration:
        return 1.0
    narrow = shape(np.asarray(np.arange(0, form.end, WIDENING_STEP)))
    # as `boxed` does on the same grid: the notation scales the widened function, not the impulse
    box = np.ones(max(round(form.duration / WIDENING_STEP), 1))
    return float(np.abs(scipy.signal.fftconvolve(narrow, box)).max() * WIDENING_STEP)


def impulse(response: Response) -> Impulse | None:
    """Impulse response of a model; None for one that has none, or heights by each event's duration.

    >>> from bidsglm.afni.responses import response
    >>> impulse(response("BLOCK(20,1)")).duration, impulse(response("TENT(0,10,6)"))
    (20.0, None)
    """
    maker = FORMS.get(response.model.name)
    return maker(response.model.numbers) if maker else None


def _gamma(numbers: tuple[float, ...]) -> Impulse:
    p, q = numbers[:2] or (GAMMA_SHAPE, GAMMA_SCALE)
    # where 3dDeconvolve cuts its gamma functions: earlier where a box widens them afterwards
    deviations = BOXED_DEVIATIONS if len(numbers) > 2 else GAMMA_DEVIATIONS
    end = p * q + deviations * np.sqrt(p) * q if numbers else GAMMA_END
    return Impulse((partial(gamma, p=p, q=q, end=end),), end, 1.0, *_box(numbers[2:]))


def _box(duration: tuple[float, ...]) -> tuple[float, bool]:
    return (duration[0], True) if duration else (0.0, False)


def _powers(t: Floats, power: int) -> Floats:
    # g(u) = u^k exp(-u) / (k^k exp(-k)), the kernel of `block`, is a gamma function of p = k and q = 1
    return gamma(t, power, 1.0, BLOCK_TAIL)


def _block(power: int, numbers: tuple[float, ...]) -> Impulse:
    duration, *height = numbers
    # BLOCK(d,p) scales its own block to the peak p; BLOCK(d) is the integral, and grows with d
    factor = height[0] / float(block_peak(np.array(duration), power)) if height else 1.0
    return Impulse((partial(_powers, power=power),), BLOCK_TAIL, factor, duration)


def _plateau(numbers: tuple[float, ...]) -> Impulse:
    duration, *height = numbers
    # UBLOCK takes a negative height for none, where dmUBLOCK reads a duration in it
    if height and height[0] > 0:
        return _block(4, numbers)
    plateau = float(block_peak(np.array(LONG_BLOCK)))
    return Impulse((partial(_powers, power=4),), BLOCK_TAIL, 1 / plateau, duration)


def _married(numbers: tuple[float, ...]) -> Impulse | None:
    # one height for all durations is a factor of each event, no response to an impulse
    return None if numbers and numbers[0] else Impulse((partial(_powers, power=4),), BLOCK_TAIL, 1.0, None)


def _married_plateau(numbers: tuple[float, ...]) -> Impulse:
    reference = -numbers[0] if numbers and numbers[0] else LONG_BLOCK
    return Impulse((partial(_powers, power=4),), BLOCK_TAIL, 1 / float(block_peak(np.array(reference))), None)


def _spm(n_functions: int, numbers: tuple[float, ...]) -> Impulse:
    shapes = (partial(spm_response), partial(spm_time_derivative), partial(spm_dispersion_derivative))
    return Impulse(shapes[:n_functions], SPM_END, 1.0, *_box(numbers))


FORMS: Mapping[str, Callable[[tuple[float, ...]], Impulse | None]] = {
    "GAM": _gamma,
    "BLOCK": partial(_block, 4),
    "BLOCK4": partial(_block, 4),
    "BLOCK5": partial(_block, 5),
    "UBLOCK": _plateau,
    "dmBLOCK": _married,
    "dmUBLOCK": _married_plateau,
    "SPMG1": partial(_spm, 1),
    "SPMG2": partial(_spm, 2),
    "SPMG3": partial(_spm, 3),
}


class Drawing(NamedTuple):
    """Whose rule makes which part of the regressors."""

    response: ResponseRule
    events: EventsRule
    sampling: SamplingRule


def drawn(conditions: Sequence[Condition], rules: Drawing, run: int) -> Floats:
    """Columns of a run's conditions, (n_scans, n_columns): weights outside, functions inside.

    Raises
    ------
    ValueError
        A response has no counterpart on another package's grid.
    """
    return np.hstack([_columns(condition, rules, run) for condition in conditions])


def _columns(condition: Condition, rules: Drawing, run: int) -> Floats:
    response, events, sampling = rules
    if isinstance(response, AfniResponse) and isinstance(events, AfniEvents):
        return _in_continuous_time(condition, response, events, sampling.times(run), run)
    grid = events.grid(condition, run)
    kernels = response.kernels(condition, grid.dt)
    blocks = []
    for values in grid.stimuli.T:
        if isinstance(response, FslResponse) and isinstance(events, FslEvents):
            # feat_model divides by what it has used of the function, which takes its own grid's start
            functions = convolved(values - values.mean(), kernels[:, 0])[:, np.newaxis]
        else:
            functions = np.column_stack(
                [scipy.signal.fftconvolve(values, k)[: len(values)] for k in kernels.T]
            )
        blocks.append(sampling.sampled(grid, functions, run))
    return response.finished(blocks, condition)


def _in_continuous_time(
    condition: Condition, response: AfniResponse, events: AfniEvents, times: Floats, run: int
) -> Floats:
    """AFNI's own sum of responses, at any moments."""
    train = events.trains[condition.weight_names[0]][run]
    functions = response.responses[condition.weight_names[0]].functions
    t = times[:, np.newaxis] - train.onsets
    # 3dDeconvolve has no grid: each event's response is evaluated at the scan itself
    values = [function(t, train.durations) for function in functions]
    return np.column_stack([h @ weights for weights in train.weights.T for h in values])
