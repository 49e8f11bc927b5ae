"""Which models FEAT has, and the columns that FILM fits: convolved, filtered and without their means."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bidsglm.data import Condition, DesignMatrix, Paradigm
from bidsglm.errors import DataError, UnsupportedModelError
from bidsglm.fsl import highpass, regressors
from bidsglm.fsl.response import response
from bidsglm.model import CONSTANT, TRIAL_TYPE, Floats, ModelSpecification
from bidsglm.spm.regressors import event_weights

FEAT_RESPONSE = "double-gamma"
"""FEAT's function with two gammas, which is SPM's canonical one (means 6 and 16 s, ratio 6)."""
DERIVATIVE = "_derivative"
MIDDLE = 0.5
"""Share of the TR that FEAT takes a scan to stand for."""
SHORTEST_CUTOFF = 2
"""Scans; no signal of a shorter period is in the data."""
ROUNDING = 1e-9
"""s"""


def check(model: ModelSpecification) -> None:
    """Refuse what FEAT cannot express.

    Raises
    ------
    DataError
        Naming the setting and what to use instead.

    >>> check(ModelSpecification("well", ("trial_type.go",)))
    """
    problem = _response_problem(model) or _setting_problem(model) or _contrast_problem(model)
    if problem:
        raise DataError(f"model {model.name}: {problem}")


def _response_problem(model: ModelSpecification) -> str:
    hrf = model.hrf
    if model.fsl.hrf is not None:
        return ""
    if hrf.model != "spm":
        return (
            f"FEAT cannot express HRF {hrf.model} here; use spm or Software.FSL.HRF (double-gamma, gamma,"
            " gaussian), or leave FSL out of --backends"
        )
    if hrf.dispersion:
        return (
            "FEAT's regressors have no dispersion derivative; use HRF spm or spm + derivative, or"
            " Software.FSL.HRF, or leave FSL out of --backends"
        )
    return ""


def _setting_problem(model: ModelSpecification) -> str:
    cutoff = high_pass(model)
    if not cutoff > 0:
        return f"a high-pass period of {cutoff:g} s is not positive; set HighPassFilterCutoffHz 0"
    if not model.intercept:
        return "FEAT always takes the mean out of the data; add 1 to X, or leave FSL out of --backends"
    return ""


def _contrast_problem(model: ModelSpecification) -> str:
    for contrast in model.contrasts:
        if CONSTANT in contrast.conditions:
            return (
                f"contrast {contrast.name!r} asks for the constant, which FSL's designs have not: data and"
                " regressors lose their means; leave it out, or leave FSL out of --backends"
            )
        derivative = next((name for name in contrast.conditions if _is_derivative(name)), "")
        if derivative and not has_derivative(model):
            return (
                f"contrast {contrast.name!r} asks for {derivative}, and Software.FSL.TemporalDerivative is"
                " false: set it true, or leave FSL out of --backends"
            )
    if CONSTANT in model.dummy_contrasts:
        return "DummyContrasts ask for the constant, which FSL's designs have not; leave it out"
    return ""


def _is_derivative(name: str) -> bool:
    return name.startswith(TRIAL_TYPE) and name.endswith(DERIVATIVE)


def with_noise_model(model: ModelSpecification, noise_model: str) -> ModelSpecification:
    """Return the model with another noise model for FSL: FILM, or none.

    >>> with_noise_model(ModelSpecification("m", ()), "none").fsl.prewhitening
    False
    """
    return replace(model, fsl=replace(model.fsl, prewhitening=noise_model != "none"))


def response_name(model: ModelSpecification) -> str:
    """Name FEAT's convolution of a model.

    >>> response_name(ModelSpecification("m", ()))
    'double-gamma'
    """
    return model.fsl.hrf or FEAT_RESPONSE


def has_derivative(model: ModelSpecification) -> bool:
    """Whether each regressor has its temporal derivative beside it."""
    own = model.fsl.temporal_derivative
    return model.hrf.derivative if own is None else own


def high_pass(model: ModelSpecification) -> float:
    """High-pass cut-off (s), infinite for none."""
    return model.high_pass if model.fsl.high_pass is None else model.fsl.high_pass


def filter_words(model: ModelSpecification) -> str:
    """Say what the high-pass filter is; empty for none."""
    cutoff = high_pass(model)
    return "" if math.isinf(cutoff) else f"local straight line, cut-off {cutoff:g} s, of data and columns"


def line_filter(model: ModelSpecification, n_scans: int, repetition_time: float) -> Floats | None:
    """Matrix of FEAT's high-pass filter for a run, None for no filter.

    Raises
    ------
    UnsupportedModelError
        The cut-off is shorter than two scans.
    """
    cutoff = high_pass(model)
    if cutoff < SHORTEST_CUTOFF * repetition_time:
        raise UnsupportedModelError(
            f"a high-pass cut-off of {cutoff:g} s is shorter than two scans of {repetition_time:g} s, and"
            " FSL's filter leaves nothing; lower HighPassFilterCutoffHz"
        )
    try:
        return highpass.line_filter(n_scans, repetition_time, cutoff)
    except ValueError as error:
        raise UnsupportedModelError(f"{error}; lower HighPassFilterCutoffHz") from error


def moment(paradigm: Paradigm) -> float:
    """Share of the TR after its start that a scan stands for: fMRIPrep's StartTime, else FEAT's middle.

    >>> moment(Paradigm(2.0, 10, 0.5, (), (), np.empty((10, 0))))
    0.25
    """
    return MIDDLE if paradigm.moment is None else paradigm.moment


def shift(paradigm: Paradigm) -> float:
    """Seconds by which events are moved, as FEAT knows no other moment than the middle of a scan.

    >>> shift(Paradigm(2.0, 10, 0.5, (), (), np.empty((10, 0))))
    0.5
    """
    return (MIDDLE - moment(paradigm)) * paradigm.repetition_time


def design(paradigm: Paradigm, model: ModelSpecification) -> DesignMatrix:
    """Design matrix of one run as it enters FILM: conditions, their derivatives, then confounds; no constant.

    Raises
    ------
    DataError
        The filter makes no sense at this repetition time.

    >>> go = Condition("go", np.array([9.0]), np.array([4.0]))
    >>> run = Paradigm(2.0, 40, None, (go,), (), np.empty((40, 0)))
    >>> made = design(run, ModelSpecification("m", ()))
    >>> made.names, bool(abs(made.matrix.mean()) < 1e-9)
    (('trial_type.go',), True)
    """
    timing = regressors.Timing(paradigm.repetition_time, paradigm.n_scans)
    L = line_filter(model, timing.n_scans, timing.repetition_time)
    suffixes = ("", DERIVATIVE) if has_derivative(model) else ("",)
    names = [
        weight + suffix
        for condition in paradigm.conditions
        for weight in condition.weight_names
        for suffix in suffixes
    ]
    plain = plain_columns(paradigm, model, timing)
    levels = np.zeros(len(names) + len(paradigm.confound_names))
    levels[: len(names) : len(suffixes)] = _levels(paradigm, timing, plain)
    return DesignMatrix(
        (*names, *paradigm.confound_names),
        _columns(plain, paradigm, L, has_derivative(model)),
        np.empty((timing.n_scans, 0)),
        timing.repetition_time,
        filtered=filter_words(model),
        unfiltered=None if L is None else _columns(plain, paradigm, None, has_derivative(model)),
        levels=levels,
    )


def _levels(paradigm: Paradigm, timing: regressors.Timing, plain: Sequence[Floats]) -> list[float]:
    """Means over scans of the convolved columns; FEAT takes the stimulus' first, and then what is left."""
    later = shift(paradigm)
    grids = [grid for condition in paradigm.conditions for grid in _grids(condition, timing, later)]
    return [float(grid.mean() + column.mean()) for grid, column in zip(grids, plain, strict=True)]


def plain_columns(paradigm: Paradigm, model: ModelSpecification, timing: regressors.Timing) -> list[Floats]:
    """Convolved columns before the filter, each (n_scans,)."""
    kernel, later = response(response_name(model)), shift(paradigm)
    return [
        regressors.regressor(grid, kernel, timing)
        for condition in paradigm.conditions
        for grid in _grids(condition, timing, later)
    ]


def _columns(plain: Sequence[Floats], paradigm: Paradigm, L: Floats | None, derivative: bool) -> Floats:
    """All columns of a design, filtered or not."""
    blocks = [np.empty((paradigm.n_scans, 0)), *(regressors.columns(x, L, derivative) for x in plain)]
    if paradigm.confound_names:
        blocks.append(regressors.confounds(paradigm.confounds, L))
    return np.hstack(blocks)


def _grids(condition: Condition, timing: regressors.Timing, later: float) -> list[Floats]:
    """Stimulus functions of a condition's main effect and of each of its modulators, moved."""
    if condition.continuous:
        return [condition.at(timing.times - later)]
    return [
        regressors.stimulus(condition.onsets + later, condition.durations, heights, timing)
        for heights in event_weights(condition).T
    ]


def column_names(
    paradigms: Sequence[Paradigm], model: ModelSpecification
) -> tuple[tuple[str, ...], ...] | None:
    """Leave the names of regressors to the designs, which are quick to make and may fail."""
    return None


def designs(paradigms: Sequence[Paradigm], model: ModelSpecification) -> tuple[DesignMatrix, ...]:
    """Make the design matrix of every run, and say where events overlap; errors as `design`."""
    for number, paradigm in enumerate(paradigms, start=1):
        where = f" of run {number}" if len(paradigms) > 1 else ""
        for condition in paradigm.of_events:
            if n := n_overlapping(condition):
                warnings.warn(
                    f"FSL: {n} event{'s' * (n > 1)} of {condition.name}{where} begin{'s' * (n == 1)} before"
                    " an earlier one ends; FEAT lets the later row hold there, where other packages add both",
                    UserWarning,
                    stacklevel=2,
                )
    return tuple(design(paradigm, model) for paradigm in paradigms)


def n_overlapping(condition: Condition) -> int:
    """Count the events that begin before an earlier one has ended.

    >>> n_overlapping(Condition("go", np.array([0.0, 1.0, 9.0]), np.array([2.0, 2.0, 2.0])))
    1
    """
    order = np.argsort(condition.onsets, kind="stable")
    ends = np.maximum.accumulate((condition.onsets + condition.durations)[order])
    return int(np.count_nonzero(condition.onsets[order][1:] < ends[:-1] - ROUNDING))
