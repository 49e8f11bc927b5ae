"""Brain mask and grand-mean scaling: FEAT's use of ``fslstats -p``, ``fslmaths -thr`` and ``-dilF``.

With ``p_q`` the value at place ``floor(q N)`` (from 0) of the N sorted values of a run, the brain is where
every scan reaches ``p_.02 + (p_.98 - p_.02) / 10``, dilated by one voxel, and its values are multiplied by
``10000 / g``, g the median before dilation (FEAT user guide, "Pre-Stats").
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from bidsglm.model import Mask

Singles = NDArray[np.float32]
Chunks = Callable[[], Iterable[Singles]]

GRAND_MEAN = 10_000.0
LOW, HIGH, MEDIAN = 0.02, 0.98, 0.5
"""Shares of the sorted values."""
BRAIN_SHARE = 0.1
"""Share of the robust range that a brain voxel exceeds in every scan."""
DECIMALS = 6
"""The programs hand their numbers on as text."""
HALF_BITS = 16
"""float32 is sorted by its upper and then by its lower half, with one count for each of 65536 keys."""


def percentiles(chunks: Chunks, shares: Sequence[float]) -> list[float]:
    """Values at given shares of all sorted values, without sorting or holding them.

    Parameters
    ----------
    chunks
        Gives the values in parts of any shape, the same each time it is called; values that are
        not finite are left out.
    shares
        From 0 to 1.

    Returns
    -------
    rounded as printed

    Raises
    ------
    ValueError
        There is no finite value.

    >>> percentiles(lambda: [np.arange(5, dtype=np.float32), np.float32([-7.25])], [0, 0.5, 1])
    [-7.25, 2.0, 4.0]
    """
    upper = np.zeros(1 << HALF_BITS, dtype=np.int64)
    for part in chunks():
        upper += _counted(_keys(part) >> np.uint32(HALF_BITS))
    total = int(upper.sum())
    if not total:
        raise ValueError("no value is finite")
    places = [min(int(np.floor(share * total)), total - 1) for share in shares]
    ends = np.cumsum(upper)
    halves = [int(np.searchsorted(ends, place, side="right")) for place in places]
    lower = dict.fromkeys(halves, np.zeros(1 << HALF_BITS, dtype=np.int64))
    for part in chunks():
        keys = _keys(part)
        for half in lower:
            within = keys[keys >> np.uint32(HALF_BITS) == half]
            lower[half] = lower[half] + _counted(within & np.uint32((1 << HALF_BITS) - 1))
    found = []
    for place, half in zip(places, halves, strict=True):
        rest = place - (int(ends[half - 1]) if half else 0)
        key = half << HALF_BITS | int(np.searchsorted(np.cumsum(lower[half]), rest, side="right"))
        found.append(round(float(_values(np.array([key], dtype=np.uint32))[0]), DECIMALS))
    return found


def _counted(halves: NDArray[np.uint32]) -> NDArray[np.int64]:
    return np.bincount(halves.astype(np.int64), minlength=1 << HALF_BITS)


def _keys(values: Singles) -> NDArray[np.uint32]:
    """Integers in the order of the values."""
    finite = values[np.isfinite(values)]
    # 0 and -0 are one value
    bits = (finite + np.float32(0)).view(np.uint32)
    sign = np.uint32(1 << 31)
    return np.where(bits & sign, ~bits, bits | sign)


def _values(keys: NDArray[np.uint32]) -> Singles:
    sign = np.uint32(1 << 31)
    return np.where(keys & sign, keys ^ sign, ~keys).view(np.float32)


def brain_threshold(low: float, high: float) -> float:
    """Value that a brain voxel has in every scan.

    >>> brain_threshold(0.0, 1000.0)
    100.0
    """
    return low + BRAIN_SHARE * (high - low)


def brain(Y: Singles, threshold: float) -> Mask:
    """Voxels that reach the threshold in every scan.

    Parameters
    ----------
    Y
        (n_scans, n_voxels)

    >>> brain(np.float32([[100, 99], [101, 500]]), 100.0).tolist()
    [True, False]
    """
    least = Y.min(axis=0)
    # a threshold of 0 or less leaves voxels without data outside all the same
    return np.asarray((least >= np.float32(threshold)) & (least > 0))


def dilated(mask: Mask) -> Mask:
    """Mask and its neighbours, corners among them.

    Parameters
    ----------
    mask
        (x, y, z)

    >>> one = np.zeros((5, 5, 5), dtype=bool)
    >>> one[0, 2, 2] = True
    >>> int(dilated(one).sum())
    18
    """
    return np.asarray(maximum_filter(mask, size=3, mode="constant", cval=0), dtype=np.bool_)


def scaled(Y: Singles, median: float) -> Singles:
    """Data with a grand mean of 10,000.

    Parameters
    ----------
    Y
        (n_scans, n_voxels)
    median
        Of the brain before dilation.

    Raises
    ------
    ValueError
        The median is not a positive number.

    >>> scaled(np.float32([[800.0]]), 800.0).tolist()
    [[10000.0]]
    """
    if not median > 0 or not np.isfinite(median):
        raise ValueError(f"the brain's median of {median:g} is not a positive number")
    return Y * np.float32(GRAND_MEAN / median)
