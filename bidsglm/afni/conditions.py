"""Response model of 3dDeconvolve for each condition.

``Software.AFNI.ResponseModel`` says so itself. Without it the model's HRF decides: ``spm`` is SPMG1, 2 or 3,
with the duration of the events in brackets (``SPMG1(20)``) where they have one; ``fir`` is TENT where both
are the same. With ``--settings native`` and no HRF in the model it is what users of afni_proc.py choose:
BLOCK by duration, dmUBLOCK where durations differ, GAM for events without duration.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.afni.notation import response_model
from bidsglm.afni.regressors import within_run
from bidsglm.afni.responses import Response, response
from bidsglm.data import Condition, Paradigm
from bidsglm.errors import DataError, FaultyModelError, UnsupportedModelError
from bidsglm.model import Floats, Hrf, ModelSpecification

KEY = "Software.AFNI.ResponseModel"
REMEDY = f"choose one of AFNI's response models in {KEY}"
SAME_DURATION = 1e-3
"""s; durations and onsets that differ by less were measured, not meant."""
SPM_SUFFIXES = ("", "_derivative", "_dispersion")


class ConditionResponse(NamedTuple):
    """How a condition's events are turned into columns."""

    response: Response
    suffixes: tuple[str, ...]
    """What follows the condition in the names of the columns, one for each function"""
    deviates: str = ""
    """What the model asks for that AFNI does otherwise; empty where it does not"""

    @property
    def notation(self) -> str:
        """Name it as 3dDeconvolve does."""
        return self.response.model.notation


def check_responses(model: ModelSpecification) -> None:
    """Refuse response models that are none, and HRFs that AFNI has no form of.

    Raises
    ------
    FaultyModelError
        A notation is wrong.
    DataError
        AFNI has no such HRF.
    """
    asked = model.afni.response_model
    for condition, notation in ({"": asked} if isinstance(asked, str) else asked or {}).items():
        try:
            response_model(notation)
        except ValueError as error:
            raise FaultyModelError(f"{KEY}{condition and f'.{condition}'}: {error}") from error
    # the HRF counts only where neither a notation nor the events' durations decide
    if asked is None and not model.afni.by_duration and (problem := _hrf_problem(model.hrf)):
        raise DataError(f"{problem}; change HRF, or {REMEDY}")


def _hrf_problem(hrf: Hrf) -> str:
    """Why AFNI has nothing like an HRF; empty where it may have."""
    if hrf.model not in ("spm", "fir"):
        return f"AFNI has no {hrf.model} response functions"
    if hrf.dispersion and not hrf.derivative:
        return "AFNI has the dispersion derivative only with the time derivative (SPMG3)"
    return ""


def condition_responses(
    paradigms: Sequence[Paradigm], model: ModelSpecification
) -> dict[str, ConditionResponse]:
    """Choose the response model of every condition, by its regressor name.

    Parameters
    ----------
    paradigms
        All runs; durations are looked at over all of them.
    model
        With AFNI's settings.

    Raises
    ------
    UnsupportedModelError
        AFNI has no response model for these events.
    """
    trains: dict[str, list[tuple[Condition, Floats]]] = {}
    for paradigm in paradigms:
        for condition in paradigm.conditions:
            events = counted_events(condition, paradigm)
            trains.setdefault(condition.prefix + condition.name, []).append((condition, events))
    # one reference for all conditions, so that their effects are on one scale
    typical = _typical_duration([events for found in trains.values() for _, events in found])
    return {
        name: _chosen(found[0][0], np.vstack([events for _, events in found]), paradigms, (model, typical))
        for name, found in trains.items()
    }


def counted_events(condition: Condition, paradigm: Paradigm) -> Floats:
    """Onset (s from the moment that a scan stands for) and duration of the events that AFNI counts.

    Returns
    -------
    (n_events, 2)
    """
    onsets = condition.onsets - (paradigm.start_time or 0.0)
    inside = within_run(onsets, paradigm.n_scans, paradigm.repetition_time)
    # 3dDeconvolve leaves an event out by its onset, even where it lasts into the run
    return np.column_stack([onsets, condition.durations])[inside]


def _typical_duration(trains: Sequence[Floats]) -> float:
    """Median duration over the events of all conditions, to which dmUBLOCK refers."""
    # impulses have no duration that a height could refer to
    durations = np.concatenate([events[:, 1] for events in trains])
    return float(np.median(durations[durations > 0])) if (durations > 0).any() else 0.0


def _chosen(
    condition: Condition,
    events: Floats,
    paradigms: Sequence[Paradigm],
    asked: tuple[ModelSpecification, float],
) -> ConditionResponse:
    model, typical = asked
    name = condition.prefix + condition.name
    if condition.continuous:
        raise UnsupportedModelError(
            f"AFNI's 3dDeconvolve convolves events only, and {name} is a continuous variable"
        )
    written = model.afni.response_model
    # what the model asks for in AFNI's own notation goes before every translation
    notation = written if isinstance(written, str) else (written or {}).get(condition.name)
    if notation is not None:
        return _with_names(_checked(response(notation), events, name))
    try:
        if model.afni.by_duration:
            return _by_duration(events[:, 1], typical)
        return _after_hrf(model.hrf, events, paradigms)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"AFNI cannot express {name}: {error}; {REMEDY}") from None


def _checked(chosen: Response, events: Floats, name: str) -> Response:
    if chosen.by_duration and not (events[:, 1] > 0).all():
        raise UnsupportedModelError(
            f"AFNI's {chosen.model.notation} needs events that last longer than 0 s, and {name} has others;"
            f" use GAM or SPMG1 for it in {KEY}"
        )
    return chosen


def _with_names(chosen: Response, deviates: str = "") -> ConditionResponse:
    n_functions = len(chosen.functions)
    if chosen.model.name == "TENT":
        return ConditionResponse(chosen, tuple(f"_delay_{i}" for i in range(n_functions)), deviates)
    return ConditionResponse(chosen, SPM_SUFFIXES[:n_functions], deviates)


def same_duration(durations: Floats) -> float | None:
    """Return the duration of all events, None where they differ.

    >>> same_duration(np.array([20.0, 20.0004])), same_duration(np.array([1.0, 2.0]))
    (20.0, None)
    """
    if not durations.size:
        return 0.0
    if np.ptp(durations) > SAME_DURATION:
        return None
    # milliseconds keep the notation short; a duration of less than half of one stays as it is
    duration = float(np.median(durations))
    return round(duration, 3) or duration


def _response(notation: str) -> Response:
    """Response model of a notation that was made here of numbers in the events."""
    try:
        return response(notation)
    except ValueError as error:
        raise UnsupportedModelError(str(error)) from error


def _by_duration(durations: Floats, typical: float) -> ConditionResponse:
    """What users of afni_proc.py choose."""
    shared = same_duration(durations)
    if shared == 0:
        # a block of no length has an integral of 0; GAM answers an impulse, with a peak of 1
        return _with_names(_response("GAM"))
    if shared is not None:
        # the second number sets the peak to 1: effects of blocks of any length are per cent at it
        return _with_names(_response(f"BLOCK({shared:.10g},1)"))
    if not (durations > 0).all():
        # dmUBLOCK of an event of no length is 0: such events would silently leave the design
        raise UnsupportedModelError("some of its events have a duration and others have none")
    # negative: the duration whose response peaks at 1, here that of a typical event (3dDeconvolve -help)
    return _with_names(_response(f"dmUBLOCK({-round(typical, 3):.10g})"))


def _after_hrf(hrf: Hrf, events: Floats, paradigms: Sequence[Paradigm]) -> ConditionResponse:
    if problem := _hrf_problem(hrf):
        raise UnsupportedModelError(problem)
    if hrf.model == "fir":
        return _tents(hrf, events, paradigms)
    # SPMG1, SPMG2 and SPMG3: the response, with its time and its dispersion derivative
    family = f"SPMG{1 + hrf.derivative + hrf.dispersion}"
    shared = same_duration(events[:, 1])
    if shared is not None:
        return _with_names(_response(f"{family}({shared:.10g})" if shared > 0 else family))
    if hrf.derivative:
        raise UnsupportedModelError(f"{family} has one duration for all events, and these differ")
    if not (events[:, 1] > 0).all():
        # as for native settings: dmUBLOCK draws nothing for an event of no length
        raise UnsupportedModelError("some of its events have a duration and others have none")
    # dmUBLOCK takes the duration of each event from the timing file (married timing)
    words = "SPMG1 has one duration for all events, and these differ: dmUBLOCK is used in its place"
    return _with_names(_response("dmUBLOCK"), words)


def _tents(hrf: Hrf, events: Floats, paradigms: Sequence[Paradigm]) -> ConditionResponse:
    """Tents whose knots are a TR apart equal FIR bins of one TR, seen from events that begin with a scan."""
    (TR,) = {paradigm.repetition_time for paradigm in paradigms}
    delays = _delays(hrf, TR)
    if len(delays) < 2 or list(delays) != list(range(delays[0], delays[0] + len(delays))):
        raise UnsupportedModelError("TENT needs two or more FIR bins in a row")
    # a triangle is a bin only as the scans see it: one knot is at 1 there, all others at 0
    scans = events[:, 0] / TR
    if events[:, 1].any() or (np.abs(scans - scans.round()) * TR > SAME_DURATION).any():
        raise UnsupportedModelError(
            "TENT is a FIR set only for events without duration that begin with a scan"
        )
    notation = f"TENT({delays[0] * TR:.10g},{delays[-1] * TR:.10g},{len(delays)})"
    return ConditionResponse(_response(notation), tuple(f"_delay_{delay}" for delay in delays))


def _delays(hrf: Hrf, TR: float) -> tuple[int, ...]:
    if hrf.fir_delays is not None:
        return hrf.fir_delays
    width = (hrf.length or 0) / (hrf.order or 1)
    # tents are known at their knots, which scans meet only where knots are a TR apart
    if abs(width - TR) > SAME_DURATION:
        raise UnsupportedModelError(f"a FIR bin must last one TR ({TR:g} s), not {width:g} s")
    return tuple(range(hrf.order or 1))


def deviations(responses: Mapping[str, ConditionResponse]) -> Iterator[str]:
    """Say for which conditions AFNI does otherwise than the model asks."""
    texts: dict[str, list[str]] = {}
    for name, found in responses.items():
        if found.deviates:
            texts.setdefault(found.deviates, []).append(name)
    for text, names in texts.items():
        yield f"{', '.join(names)}: {text}"
