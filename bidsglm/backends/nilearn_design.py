"""What nilearn's design matrix is made from, and the names of its regressors in DESIGN's vocabulary.

Every weight column of a condition (main effect, modulator) is a condition of its own to nilearn, under an
internal name that keeps the order: nilearn sorts conditions by name.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bidsglm.backends.nilearn_events import drawn_events, events_of, internal_name
from bidsglm.backends.nilearn_start import without_checks
from bidsglm.data import Condition, DesignMatrix, Paradigm
from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, NO_FILTER, Floats, Hrf, ModelSpecification
from bidsglm.spm.regressors import event_weights

SAME_TIME = 1e-6
"""s"""
POLYNOMIAL_ORDER = 1
"""Degree of nilearn's polynomial drifts, where nothing else is asked for."""
HIGHEST_FREQUENCY = 0.5
"""Cycles a scan; a sampled series has none that are faster."""


def hrf_name(hrf: Hrf) -> str:
    """Name response functions as nilearn does.

    Raises
    ------
    DataError
        If it has no such set.

    Examples
    --------
    >>> hrf_name(Hrf("glover", derivative=True))
    'glover + derivative'
    """
    if hrf.model not in ("spm", "glover", "fir"):
        raise DataError(f"nilearn has no {hrf.model} set of response functions; use --backends spm")
    if hrf.model == "fir":
        return "fir"
    return hrf.notation


def design(paradigm: Paradigm, model: ModelSpecification) -> DesignMatrix:
    """Design matrix of one run, as FirstLevelModel makes it, with the cosines among its columns.

    Raises
    ------
    DataError
        If nilearn has no such response functions, or FIR bins are not as long as the TR.
    """
    with without_checks():
        from nilearn.glm.first_level import make_first_level_design_matrix

    arguments = design_arguments(paradigm, model)
    # It announces on the standard output that it uses a modulation.
    with _own_names_in_warnings(paradigm), contextlib.redirect_stdout(io.StringIO()):
        matrix = make_first_level_design_matrix(**arguments).to_numpy(dtype=np.float64)
    n_columns = matrix.shape[1] - (not model.intercept)
    names = regressor_names(paradigm, model, matrix.shape[1])
    return DesignMatrix(names[:n_columns], matrix[:, :n_columns], np.empty((paradigm.n_scans, 0)))


def condition_columns(paradigm: Paradigm, model: ModelSpecification) -> Floats:
    """Make the columns of a run's conditions alone, (n_scans, n_columns), as `design` has them.

    Without nilearn's tables, whose checks take most of a design's time: for those who make hundreds.

    Raises
    ------
    DataError
        If nilearn has no such response functions, or FIR bins are not as long as the TR.
    """
    with without_checks():
        from nilearn.glm.first_level import compute_regressor

    hrf, frame_times = model.nilearn.hrf or model.hrf, _frame_times(paradigm, model)
    delays = _fir_delays(hrf, paradigm.repetition_time)
    columns = [np.empty((paradigm.n_scans, 0))]
    for condition in paradigm.conditions:
        drawn = drawn_events(condition, frame_times)
        for heights in event_weights(drawn).T:
            events = (drawn.onsets, drawn.durations, heights)
            columns.append(compute_regressor(events, hrf_name(hrf), frame_times, fir_delays=delays)[0])
    return np.hstack(columns)


def designs(paradigms: Sequence[Paradigm], model: ModelSpecification) -> tuple[DesignMatrix, ...]:
    """Make the design matrix of every run; errors as `design`."""
    return tuple(design(paradigm, model) for paradigm in paradigms)


@contextlib.contextmanager
def _own_names_in_warnings(paradigm: Paradigm) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        text = str(warning.message)
        for i, name in enumerate(weight_names(paradigm.conditions)):
            text = text.replace(internal_name(i), name)
        warnings.warn(text, warning.category, stacklevel=4)


def design_arguments(paradigm: Paradigm, model: ModelSpecification) -> dict[str, Any]:
    """Arguments of nilearn's make_first_level_design_matrix, as FirstLevelModel would choose them.

    Parameters
    ----------
    paradigm : conditions and confounds of one run
    model : with nilearn's response functions, filter and slice-time reference

    Raises
    ------
    DataError
        If nilearn has no such functions, or FIR bins are not as long as the TR.
    """
    hrf = model.nilearn.hrf or model.hrf
    n_confounds = len(paradigm.confound_names)
    frame_times = _frame_times(paradigm, model)
    return {
        "frame_times": frame_times,
        "events": events_of(paradigm.conditions, frame_times),
        "hrf_model": hrf_name(hrf),
        **_drift_arguments(model),
        "fir_delays": _fir_delays(hrf, paradigm.repetition_time),
        "add_regs": paradigm.confounds if n_confounds else None,
        "add_reg_names": [f"confound_{i}" for i in range(n_confounds)] or None,
    }


def _frame_times(paradigm: Paradigm, model: ModelSpecification) -> Floats:
    start = slice_time_ref(paradigm, model) * paradigm.repetition_time
    stop = start + (paradigm.n_scans - 1) * paradigm.repetition_time
    return np.linspace(start, stop, paradigm.n_scans)


def _drift_arguments(model: ModelSpecification) -> dict[str, Any]:
    high_pass = model.high_pass if model.nilearn.high_pass is None else model.nilearn.high_pass
    drifts = None if high_pass == NO_FILTER else model.nilearn.drift_model
    return {"drift_model": drifts, "high_pass": 1 / high_pass}


def column_names(
    paradigms: Sequence[Paradigm], model: ModelSpecification
) -> tuple[tuple[str, ...], ...] | None:
    """Name the regressors of every run without nilearn, which takes seconds to import.

    None where nilearn may refuse the design or no residual degrees of freedom may be left.

    Examples
    --------
    >>> run = Paradigm(2.0, 120, None, (), ("trans_x",), np.empty((120, 1)))
    >>> column_names([run], ModelSpecification("m", (), high_pass=128.0))
    (('trans_x', 'drift_1', 'drift_2', 'drift_3', 'constant'),)
    """
    if (model.nilearn.hrf or model.hrf).model not in ("spm", "glover"):
        return None
    found = []
    for paradigm in paradigms:
        n_drifts = _count_drifts(paradigm, model)
        n_others = len(regressor_names(paradigm, model, 0))
        if n_drifts is None or paradigm.n_scans <= n_others + n_drifts:
            return None
        found.append(regressor_names(paradigm, model, n_others + n_drifts)[: None if model.intercept else -1])
    return tuple(found)


def _count_drifts(paradigm: Paradigm, model: ModelSpecification) -> int | None:
    """Columns beside the constant that nilearn's filter has; None where it would span all frequencies."""
    drifts = _drift_arguments(model)
    if drifts["drift_model"] != "cosine":
        return 0 if drifts["drift_model"] is None else POLYNOMIAL_ORDER
    times = _frame_times(paradigm, model)
    step = (times[-1] - times[0]) / (times.size - 1)
    if drifts["high_pass"] * step >= HIGHEST_FREQUENCY:
        return None
    # as it rounds: the product of the same numbers in the same order
    return min(times.size - 1, int(np.floor(2 * times.size * drifts["high_pass"] * step)))


def regressor_names(paradigm: Paradigm, model: ModelSpecification, n_columns: int) -> tuple[str, ...]:
    """Names of the design matrix made with `design_arguments`.

    Parameters
    ----------
    paradigm, model : of the design
    n_columns : of the design matrix; those that are nothing else are drifts

    Examples
    --------
    >>> run = Paradigm(2.0, 10, None, (Condition("go", np.zeros(1), np.zeros(1)),), (), np.empty((10, 0)))
    >>> regressor_names(run, ModelSpecification("m", ()), 3)
    ('trial_type.go', 'drift_1', 'constant')
    """
    hrf = model.nilearn.hrf or model.hrf
    names = [weight + basis for weight in weight_names(paradigm.conditions) for basis in hrf.suffixes]
    names += paradigm.confound_names
    drifts = (f"drift_{i + 1}" for i in range(n_columns - len(names) - 1))
    return (*names, *drifts, CONSTANT)


def weight_names(conditions: Sequence[Condition]) -> list[str]:
    """Name the weight columns of all conditions, in nilearn's order.

    Examples
    --------
    >>> weight_names([Condition("go", np.zeros(1), np.zeros(1), time_modulation=1)])
    ['trial_type.go', 'trial_type.go_x_time^1']
    """
    return [name for condition in conditions for name in condition.weight_names]


def slice_time_ref(paradigm: Paradigm, model: ModelSpecification) -> float:
    """Time within a scan that its regressors are sampled at, as a fraction of the TR.

    The first that is given: nilearn's setting, SPM's microtime onset, the data's StartTime, SPM's default.

    Examples
    --------
    >>> run = Paradigm(2.0, 10, 0.5, (), (), np.empty((10, 0)))
    >>> slice_time_ref(run, ModelSpecification("m", ()))
    0.25
    """
    if model.nilearn.slice_time_ref is not None:
        return model.nilearn.slice_time_ref
    if model.spm.microtime_onset is None and paradigm.moment is not None:
        return paradigm.moment
    return model.spm.moment


def _fir_delays(hrf: Hrf, repetition_time: float) -> list[int] | None:
    if hrf.model != "fir":
        return None
    if hrf.fir_delays is not None:
        return list(hrf.fir_delays)
    width = (hrf.length or 0) / (hrf.order or 1)
    if abs(width - repetition_time) > SAME_TIME:
        raise DataError(
            f"nilearn's FIR bins last one TR ({repetition_time:g} s), not Length/Order = {width:g} s; "
            "change HRF.Parameters or use --backends spm"
        )
    return list(range(hrf.order or 1))
