"""A run's data as FILM gets them: FEAT's mask, scaling and filter."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import TimeSeries, Volume
from bidsglm.fsl import scaling
from bidsglm.fsl.film import BLOCK
from bidsglm.fsl.highpass import filtered
from bidsglm.model import Floats, Mask

CHUNK_VALUES = 200_000
"""Values scaled and filtered at once, of which some copies are made: they stay in the processor's cache."""

Columns = NDArray[np.intp]


def run_mask(run: TimeSeries, volume: Volume | None) -> Mask:
    """FEAT's mask of a run among the columns."""
    if run.brain is None:
        return np.ones(run.n_voxels, dtype=np.bool_)
    if volume is None:
        return run.brain
    return scaling.dilated(volume.filled(run.brain))[volume.voxels]


def median_of(run: TimeSeries) -> float:
    """Value that a run's scaling sets to 10,000; of all columns where nobody looked at the brain."""
    if run.brain is not None:
        return run.median
    return scaling.percentiles(lambda: [run.values(slice(None)).astype(np.float32)], [scaling.MEDIAN])[0]


def on_grid(columns: Columns, volume: Volume) -> Mask:
    """(x, y, z) voxels of some columns.

    >>> volume = Volume((1, 1, 3), np.eye(4), np.array([[[True, False, True]]]))
    >>> on_grid(np.array([1]), volume).ravel().tolist()
    [False, False, True]
    """
    inside = np.zeros(int(np.count_nonzero(volume.voxels)), dtype=np.bool_)
    inside[columns] = True
    return volume.filled(inside)


def _span(columns: Columns) -> slice | Columns:
    """Columns, as a slice where none between is left out: that is no copy."""
    span = slice(int(columns[0]), int(columns[-1]) + 1)
    return span if span.stop - span.start == columns.size else columns


def data_chunks(
    run: TimeSeries, columns: Columns, L: Floats | None
) -> Callable[[], Iterator[NDArray[np.float32]]]:
    """Scaled and filtered data, part after part.

    Raises
    ------
    ValueError
        When they are asked for, where the median is no positive number.

    >>> run = TimeSeries(np.full((4, 2), 800.0), 1.0, 0.0, np.ones(4))
    >>> [part.max().item() for part in data_chunks(run, np.arange(2), None)()]
    [10000.0]
    """
    median = median_of(run)
    size = BLOCK * max(1, CHUNK_VALUES // (BLOCK * len(run.stored)))

    def chunks() -> Iterator[NDArray[np.float32]]:
        for start in range(0, columns.size, size):
            values = run.values(_span(columns[start : start + size])).astype(np.float32)
            yield filtered(scaling.scaled(values, median), L)

    return chunks
