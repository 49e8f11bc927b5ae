"""A run's brain by its robust range, before any smoothing, and the median of the values in it.

FEAT looks at the values of a whole image, or with a mask at those inside and at zeros outside; so the runs'
files are read for it where no mask says what is held in memory, or where what is held is smoothed.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import TimeSeries
from bidsglm.dataset.nifti import Header, volumes
from bidsglm.dataset.nifti_writing import fortran_positions
from bidsglm.fsl.scaling import HIGH, LOW, MEDIAN, Singles, brain, brain_threshold, percentiles
from bidsglm.model import Mask

SCANS = 16
"""Scans at once: a copy of some MB."""

Places = NDArray[np.intp]
Blocks = Callable[[Places], Iterable[Singles]]
"""Gives the values of some places (n, n_places), block by block over the scans, the same each time"""


class Brain(NamedTuple):
    """What a run is scaled by."""

    voxels: Mask
    """(x, y, z) before dilation"""
    median: float
    """NaN where it is not known yet, or there is no such voxel"""


def in_memory(run: TimeSeries) -> Blocks:
    """Columns of a run that has been read.

    >>> run = TimeSeries(np.array([[1, 2], [3, 4]], dtype=np.int16), 0.5, 0.0, np.zeros(2))
    >>> [block.tolist() for block in in_memory(run)(np.array([1]))]
    [[[1.0], [2.0]]]
    """

    def blocks(columns: Places) -> Iterator[Singles]:
        for start in range(0, len(run.stored), SCANS):
            stored = run.stored[start : start + SCANS].take(columns, axis=1)
            if (run.slope, run.intercept) != (1.0, 0.0):
                # scaled in float64 first, as a file's slope is not exact in float32
                stored = stored.astype(np.float64) * run.slope + run.intercept
            yield stored.astype(np.float32, copy=False)

    return blocks


def in_file(header: Header) -> Blocks:
    """Voxels of a file, by their positions in it."""

    def blocks(positions: Places) -> Iterator[Singles]:
        for stored in volumes(header):
            yield header.scaled(stored[positions]).astype(np.float32)[np.newaxis]

    return blocks


def brain_places(blocks: Blocks, inside: Places, n_beyond: int) -> Places:
    """Places whose value is above a tenth of the robust range in every scan.

    Beside the values inside, so many zeros beyond count.

    >>> values = np.tile(np.float32([[2, 90, 800, 1000]]), (3, 1))
    >>> brain_places(lambda places: [values[:, places]], np.arange(4), 0).tolist()
    [2, 3]
    """
    least = np.full(inside.size, np.inf, dtype=np.float32)

    def seen() -> Iterator[Singles]:
        for block in blocks(inside):
            np.minimum(least, block.min(axis=0), out=least)
            yield block

    try:
        threshold = brain_threshold(*percentiles(seen, [LOW, HIGH], n_beyond))
    except ValueError:
        return inside[:0]
    return inside[brain(least[np.newaxis], threshold)]


def median_of(blocks: Blocks, places: Places) -> float:
    """Median over places and scans, NaN where there is none."""
    return percentiles(lambda: blocks(places), [MEDIAN])[0] if places.size else float("nan")


def read_brain(header: Header, explicit: Mask | None, with_median: bool) -> Brain:
    """Find the brain of a file, within a mask (x, y, z) where one is given.

    For the median the file is read twice more.

    Raises
    ------
    ReadWriteError
        If the file is damaged.
    """
    x, y, z = header.shape[:3]
    whole = np.ones((x, y, z), dtype=np.bool_)
    inside = np.sort(fortran_positions(whole if explicit is None else explicit))
    blocks = in_file(header)
    core = brain_places(blocks, inside, header.n_volumes * (whole.size - inside.size))
    voxels = np.zeros(whole.size, dtype=np.bool_)
    voxels[core] = True
    median = median_of(blocks, core) if with_median else float("nan")
    return Brain(voxels.reshape(whole.shape, order="F"), median)


def brain_of(run: TimeSeries, inside: Mask, n_beyond: int) -> tuple[Mask, float]:
    """Find the brain among the columns of a run in memory, and its median.

    Inside is (n_voxels,) the mask that is given; so many voxels of the image are beyond it.

    >>> run = TimeSeries(np.tile(np.int16([2, 90, 800, 1000]), (3, 1)), 1.0, 0.0, np.zeros(3))
    >>> brain_of(run, np.array([True, True, True, True]), 9)
    (array([False, False,  True,  True]), 1000.0)
    """
    blocks = in_memory(run)
    core = brain_places(blocks, np.flatnonzero(inside), len(run.stored) * n_beyond)
    voxels = np.zeros(inside.size, dtype=np.bool_)
    voxels[core] = True
    return voxels, median_of(blocks, core)
