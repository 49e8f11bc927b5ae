"""Events as nilearn takes them: each weight column of a condition as a condition under an internal name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bidsglm.data import Condition
from bidsglm.model import Floats
from bidsglm.spm.regressors import event_weights

if TYPE_CHECKING:
    import pandas as pd


def internal_name(position: int) -> str:
    """Name of a weight column within nilearn.

    Examples
    --------
    >>> internal_name(7)
    'weight000007'
    """
    return f"weight{position:06d}"


def events_of(conditions: Sequence[Condition], frame_times: Floats) -> "pd.DataFrame | None":
    """Make the table of events that nilearn takes; none without conditions, as it wants it."""
    import pandas as pd

    tables: list[pd.DataFrame] = []
    for condition in conditions:
        drawn = drawn_events(condition, frame_times)
        for weights in event_weights(drawn).T:
            events = {"onset": drawn.onsets, "duration": drawn.durations, "modulation": weights}
            tables.append(pd.DataFrame({**events, "trial_type": internal_name(len(tables))}))
    if not tables:
        return None
    table = pd.concat(tables, ignore_index=True)
    # nilearn takes 1 without the column; with it, it walks the stack of all callers to print a message
    return table.drop(columns="modulation") if (table["modulation"] == 1).all() else table


def drawn_events(condition: Condition, frame_times: Floats) -> Condition:
    """Condition whose events nilearn draws on its grid as they are meant.

    nilearn knows events only. A continuous variable becomes one event for each point of the grid that it
    convolves on; each begins half a step before its point, so that rounding cannot move it to the next.

    Parameters
    ----------
    condition
        Of one run.
    frame_times
        (n_scans,) s

    Examples
    --------
    >>> ramp = Condition("ramp", np.array([0.0, 8.0]), np.full(2, 8.0), continuous=True)
    >>> drawn = drawn_events(replace(ramp, amplitudes=np.array([0.0, 1.0])), np.arange(5) * 2.0)
    >>> drawn.continuous, len(drawn.onsets), round(float(drawn.durations[0]), 6)
    (False, 251, 0.04)
    """
    if not condition.continuous:
        return condition
    from nilearn.glm.first_level.hemodynamic_models import _sample_condition

    grid = _sample_condition((np.zeros(0), np.zeros(0), np.zeros(0)), frame_times)[1]
    step = float(grid[1] - grid[0])
    grid = grid[grid >= condition.onsets[0]]
    return replace(
        condition,
        onsets=grid - step / 2,
        durations=np.full(grid.size, step),
        amplitudes=condition.at(grid),
        continuous=False,
    )
