"""Brain mask and grand-mean scaling: FEAT's use of ``fslstats -p``, ``fslmaths -thr`` and ``-dilF``.

With ``p_q`` the value at place ``floor(q N)`` (from 0) of the N sorted values of a run, the brain is where
every scan reaches ``p_.02 + (p_.98 - p_.02) / 10``, dilated by one voxel, and its values are multiplied by
``10000 / g``, g the median before dilation (FEAT user guide, "Pre-Stats").
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

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
"""float32 is sorted by its upper and then by its lower half."""
N_KEYS = 1 << HALF_BITS
ZERO = 1 << 31
"""Key of 0"""
FINITE = slice(0x0080, 0xFF80)
"""Upper halves of finite values"""


def percentiles(chunks: Chunks, shares: Sequence[float], n_zeros: int = 0) -> list[float]:
    """Values at given shares of all sorted values, without sorting or holding them.

    Parameters
    ----------
    chunks
        Gives the values in parts of any shape, the same each time it is called; values that are
        not finite are left out.
    shares
        From 0 to 1.
    n_zeros
        Values of 0 that count beside these, as those outside a mask.

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
    # in two passes of 16 bits each, so that 65,536 counts stand for all values of a run
    upper = np.zeros(N_KEYS, dtype=np.int64)
    for part in chunks():
        upper += np.bincount(_keys(part) >> HALF_BITS, minlength=N_KEYS)
    # what is not finite has the greatest exponents
    upper[FINITE.stop :] = upper[: FINITE.start] = 0
    upper[ZERO >> HALF_BITS] += n_zeros
    total = int(upper.sum())
    if not total:
        raise ValueError("no value is finite")
    # fslstats takes the value at place floor(q N), with no interpolation
    places = np.minimum(np.floor(np.multiply(shares, total)).astype(np.int64), total - 1)
    halves = np.searchsorted(np.cumsum(upper), places, side="right")
    within = places - (np.cumsum(upper) - upper)[halves]
    lower = _lower_halves(chunks, set(halves.tolist()))
    if ZERO >> HALF_BITS in lower:
        lower[ZERO >> HALF_BITS][0] += n_zeros
    found = []
    for half, place in zip(halves.tolist(), within.tolist(), strict=True):
        rest = int(np.searchsorted(np.cumsum(lower[half]), place, side="right"))
        found.append(round(_value(half << HALF_BITS | rest), DECIMALS))
    return found


def _lower_halves(chunks: Chunks, halves: set[int]) -> dict[int, NDArray[np.int64]]:
    """How often each lower half follows some upper ones."""
    counts = {half: np.zeros(N_KEYS, dtype=np.int64) for half in halves}
    for part in chunks():
        keys = _keys(part)
        upper = keys >> HALF_BITS
        for half, count in counts.items():
            count += np.bincount(keys[upper == half] & np.uint32(N_KEYS - 1), minlength=N_KEYS)
    return counts


def _keys(values: Singles) -> NDArray[np.uint32]:
    """Whole numbers in the order of the values."""
    bits = np.ascontiguousarray(values).ravel().view(np.int32)
    # positive values get their sign bit set, negative ones all bits turned
    turned = bits ^ ((bits >> 31) | np.int32(-(2**31)))
    return turned.view(np.uint32)


def _value(key: int) -> float:
    bits = key ^ ZERO if key >= ZERO else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])


def brain_threshold(low: float, high: float) -> float:
    """Value that a brain voxel has in every scan.

    >>> brain_threshold(0.0, 1000.0)
    100.0
    """
    # theta = p_.02 + 0.1 (p_.98 - p_.02): of the robust range, as one bright voxel would set a plain one
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
    # every scan must reach it: a voxel that the head leaves once is no brain in all of them
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
    # dilated only after g is known: the edge that is added would pull the median down
    return np.asarray(scipy.ndimage.maximum_filter(mask, size=3, mode="constant", cval=0), dtype=np.bool_)


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
    # one factor for the run: effects are hundredths of a per cent of the brain's median
    return Y * np.float32(GRAND_MEAN / median)
