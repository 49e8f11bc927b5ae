"""What one percent of a voxel's mean is in the unit of each package's effects."""

from collections.abc import Sequence

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.data import TimeSeries
from bidsglm.diagnosis.intensity_checks import without_unit
from bidsglm.model import Floats
from bidsglm.unit.fit import Fitted

AT_ONCE = 20_000
"""Columns of which a float64 copy is made."""


def percent_units(fitted: Fitted) -> dict[str, list[Floats]]:
    """Package -> 1 % of each voxel's mean in the unit of its effects, (n_voxels,) of every run.

    Empty where images have no mean to be a percentage of. Packages that fit the same images share their
    means.
    """
    if without_unit(fitted.review.runs, fitted.prepared.model, tuple(BACKENDS)):
        return {}
    means: dict[tuple[int, ...], list[Floats]] = {}
    found = {}
    for name in fitted.fits:
        series = fitted.data.series[name]
        key = tuple(map(id, series))
        if key not in means:
            means[key] = [voxel_means(run) for run in series]
        found[name] = BACKENDS[name].one_percent(series, means[key], fitted.prepared.model)
    return found


def voxel_means(run: TimeSeries) -> Floats:
    """Mean over the scans of every column; 0 where that is no number."""
    if run.mean is not None:
        return run.mean
    parts: Sequence[Floats] = [
        run.values(slice(start, start + AT_ONCE)).mean(axis=0) for start in range(0, run.n_voxels, AT_ONCE)
    ]
    return np.asarray(np.nan_to_num(np.concatenate(parts), nan=0.0, posinf=0.0, neginf=0.0))
