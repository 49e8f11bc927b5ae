"""From a unit's files to what its simulations are made from."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bidsglm.calibration.experiment import Source
from bidsglm.dataset.images import read_data, read_map
from bidsglm.model import Mask, ModelSpecification, Unit
from bidsglm.packages import base_of
from bidsglm.unit.preparation import prepare


def measured(
    unit: Unit, model: ModelSpecification, masks: Mapping[str, Path]
) -> tuple[Source, NDArray[np.intp]]:
    """Read a fitted unit's tables and images.

    Parameters
    ----------
    unit, model
        As fitted.
    masks
        Backend -> its analysis mask, as the fit wrote it.

    Returns
    -------
    What simulations are made from, and the voxels that every backend analysed.

    Raises
    ------
    DataError, ReadWriteError
        When a file cannot be read.
    """
    backends = tuple(masks)
    prepared = prepare(unit, model, backends)
    data = read_data(unit.runs, backends, model.spm.mask_threshold, model.smoothing_fwhm)
    inside: Mask = np.logical_and.reduce([read_map(path)[0] > 0 for path in masks.values()])
    # Smoothed data differ a little between the packages; all analyses get the same noise.
    series = data.series[base_of(masks)]
    source = Source(
        model,
        prepared.designs,
        prepared.contrasts,
        frozenset(name for paradigm in prepared.paradigms for name in paradigm.confound_names),
        series,
        tuple(run.repetition_time for run in unit.runs),
    )
    return source, np.flatnonzero(inside[data.volume.voxels])
