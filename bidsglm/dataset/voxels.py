"""What the values of a run's voxels are like, looked at while they are read, before any smoothing."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats, Mask

SHORT = 2
"""Bytes of integers that are added in 32 bits, in half the time"""
MOST_SHORTS = 2**15
"""So many of them are added, 65,535 at most each, before the sum would leave 32 bits"""
SAME = 4 * float(np.finfo(np.float32).eps)
"""Share of a value by which resampling in float32 lets a voxel vary that holds one value."""


class VoxelFacts(NamedTuple):
    """Voxels of one run, header-scaled; what is not finite counts as 0, as both packages take it."""

    constant: Mask
    """(n_voxels,) one value in every scan"""
    not_finite: Mask
    """(n_voxels,) NaN or infinite in some scan"""
    mean: Floats
    """(n_voxels,) over the scans"""
    ends: NDArray[np.generic]
    """(2, n_voxels) smallest and largest over the scans, as stored"""

    @property
    def ends_of_numbers(self) -> NDArray[np.generic] | None:
        """The smallest and the largest, where nothing is not finite."""
        return None if self.not_finite.any() else self.ends

    @property
    def mean_of_numbers(self) -> Floats | None:
        """The mean, where it is that of the values as they stand: nothing in them is not finite."""
        return None if self.not_finite.any() or not np.isfinite(self.mean).all() else self.mean


class VoxelCounter:
    """Collects the facts volume by volume.

    >>> counter = VoxelCounter(3)
    >>> counter.add(np.array([1.0, 2.0, np.nan]))
    >>> counter.add(np.array([1.0, 3.0, 0.0]))
    >>> facts = counter.facts(1.0, 0.0)
    >>> facts.constant.tolist(), facts.not_finite.tolist(), facts.mean.tolist()
    ([True, False, True], [False, False, True], [1.0, 2.5, 0.0])
    """

    def __init__(self, n_voxels: int) -> None:
        self._low: NDArray[np.generic] | None = None
        self._high: NDArray[np.generic] | None = None
        self._total = np.zeros(n_voxels)
        self._shorts = np.zeros(n_voxels, dtype=np.int32)
        """What is not yet in the total, of integers that are short"""
        self._bad = np.zeros(n_voxels, dtype=np.bool_)
        self._n_scans = 0

    def add(self, stored: NDArray[np.generic]) -> None:
        """Take the values of one volume, (n_voxels,) as stored."""
        with np.errstate(over="ignore", invalid="ignore"):
            doubtful = stored.dtype.kind == "f" and not np.isfinite(stored.sum())
        if doubtful:
            finite = np.isfinite(stored)
            self._bad |= ~finite
            stored = np.where(finite, stored, np.zeros_like(stored))
        if self._low is None or self._high is None:
            self._low, self._high = stored.copy(), stored.copy()
        else:
            np.minimum(self._low, stored, out=self._low)
            np.maximum(self._high, stored, out=self._high)
        self._n_scans += 1
        if stored.dtype.kind not in "iu" or stored.dtype.itemsize > SHORT:
            self._total += stored.astype(np.float64)
            return
        self._shorts += stored.astype(np.int32)
        if self._n_scans % MOST_SHORTS == 0:
            self._total += self._shorts
            self._shorts[:] = 0

    def facts(self, slope: float, intercept: float) -> VoxelFacts:
        """Say what was seen, with the scaling of the file's header."""
        assert self._low is not None, "no volume was added"
        assert self._high is not None
        low, high = self._low.astype(np.float64), self._high.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            size = np.maximum(np.abs(low), np.abs(high)) if self._low.dtype.kind == "f" else 0.0
            constant = high - low <= SAME * size
            mean = (self._total + self._shorts) / max(self._n_scans, 1) * slope + intercept
        ends = np.stack([self._low, self._high])
        return VoxelFacts(np.asarray(constant), self._bad, np.asarray(mean), ends)
