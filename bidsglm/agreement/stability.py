"""How far maps of a group change from resample to resample, and from package to package.

Sums over voxels are kept for every resample while voxels go by, so that memory does not grow with them.
What counts as above a threshold has a sign: voxels above it in either tail, in the same one in both maps.
Maps are correlated as z: t of few participants has long tails, and its correlation follows a few voxels.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats


class Rule(NamedTuple):
    """When two maps lead to the same conclusion."""

    shape: float
    """Correlation from which it is the same"""
    extent: float
    """Dice at each threshold from which it is the same"""
    fewest: int
    """Voxels from which a Dice is judged"""
    corrected: frozenset[str] = frozenset()
    """Thresholds that both maps pass, or neither does"""


class Compared(NamedTuple):
    """Pairs of maps of every resample compared."""

    r: Floats
    """(n_resamples,) correlation of the z maps"""
    dice: dict[str, Floats]
    """Threshold -> (n_resamples,), of both tails together"""
    passing: dict[str, NDArray[np.intp]]
    """Threshold -> (2, 3, n_resamples): in each tail, the voxels beyond it in either map and in both"""
    peaks: NDArray[np.intp]
    """(n_resamples, 2) columns of the highest voxels"""

    def same(self, rule: Rule) -> NDArray[np.bool_]:
        """Resamples whose two maps lead to the same conclusion, in each tail (n_resamples,)."""
        found = self.r >= rule.shape
        for key, tails in self.passing.items():
            for one, other, common in tails:
                # the overlap of a handful of voxels says nothing
                many = np.maximum(one, other) >= rule.fewest
                found = found & (~many | (_dice(one, other, common) >= rule.extent))
                if key in rule.corrected:
                    found = found & ((one > 0) == (other > 0))
        return np.asarray(found)


def _dice(one: NDArray[np.intp], other: NDArray[np.intp], common: NDArray[np.intp]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * common / (one + other))


class Tally:
    """Compares two maps of every resample, voxels after voxels."""

    def __init__(self, n_resamples: int, levels: Sequence[str]) -> None:
        self._n = 0
        self._sums = np.zeros((5, n_resamples))
        self._above = {key: np.zeros((2, 3, n_resamples), dtype=np.intp) for key in levels}
        self._heights = np.full((2, n_resamples), -np.inf)
        self._peaks = np.zeros((2, n_resamples), dtype=np.intp)

    def add(
        self,
        pair: tuple[Floats, Floats],
        thresholds: tuple[dict[str, Floats], dict[str, Floats]],
        columns: NDArray[np.intp],
        shapes: tuple[Floats, Floats] | None = None,
    ) -> None:
        """Take some voxels.

        Parameters
        ----------
        pair
            (n_resamples, n_voxels), or (1, n_voxels) of a map that all are compared with
        thresholds
            Of each: name -> (n_resamples,) or (1,)
        columns
            (n_voxels,) where they stand among all
        shapes
            Maps to correlate, where they are not those that thresholds are of
        """
        if not columns.size:
            return
        # a voxel that a resample cannot test is no peak and passes no threshold
        a, b = (np.nan_to_num(each, nan=0.0, posinf=0.0, neginf=0.0) for each in pair)
        self._n += columns.size
        self._correlate(*(np.nan_to_num(each, nan=0.0) for each in shapes or (a, b)))
        for key, counts in self._above.items():
            # by tails: a voxel that is high in one map and low in the other is no overlap
            first, second = (_signed(x, t[key]) for x, t in zip((a, b), thresholds, strict=True))
            for tail, sign in enumerate((1, -1)):
                one, other = first == sign, second == sign
                for place, passed in enumerate((one, other, one & other)):
                    counts[tail, place] += np.count_nonzero(passed, axis=1)
        for place, x in enumerate((a, b)):
            highest = x.argmax(axis=1)
            # against the highest so far: of equal ones the first stays, as argmax has it
            height = np.broadcast_to(x[np.arange(len(x)), highest], self._heights[place].shape)
            better = height > self._heights[place]
            self._heights[place][better] = height[better]
            at = np.broadcast_to(columns[highest], self._peaks[place].shape)
            self._peaks[place][better] = at[better]

    def _correlate(self, a: Floats, b: Floats) -> None:
        each = (a.sum(axis=1), b.sum(axis=1), _squares(a), _squares(b), np.einsum("kv,kv->k", *_alike(a, b)))
        for place, values in enumerate(each):
            self._sums[place] += values

    def compared(self) -> Compared:
        """What all voxels together say."""
        n = max(self._n, 1)
        sum_a, sum_b, aa, bb, ab = self._sums
        with np.errstate(divide="ignore", invalid="ignore"):
            # Pearson's r from sums, so that no resample's map is kept
            # a z map's mean is no more than some of its standard deviations: no difference loses its digits
            variances = (aa - sum_a**2 / n) * (bb - sum_b**2 / n)
            r = (ab - sum_a * sum_b / n) / np.sqrt(np.maximum(variances, 0))
        dice = {key: _dice(*above.sum(axis=0)) for key, above in self._above.items()}
        return Compared(np.clip(r, -1, 1), dice, self._above, self._peaks.T)


def _squares(values: Floats) -> Floats:
    return np.asarray(np.einsum("kv,kv->k", values, values))


def _alike(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    one, other = np.broadcast_arrays(a, b)
    return np.asarray(one), np.asarray(other)


def _signed(values: Floats, threshold: Floats) -> NDArray[np.int8]:
    """1 above a threshold, -1 below its negative, 0 between."""
    height = np.asarray(threshold)[:, None]
    return (values > height).astype(np.int8) - (values < -height).astype(np.int8)


def heights(p: float | Floats, dof: Floats, test: str, n_tested: int) -> Floats:
    """Heights of a statistic with an upper tail of p, (n_resamples,).

    >>> heights(0.001, np.array([10.0]), "t", 1).round(4)
    array([4.1437])
    """
    if test == "t":
        return np.asarray(scipy.stats.t.isf(p, dof))
    return np.asarray(scipy.stats.f.isf(p, n_tested, dof))


GRID = np.concatenate([[0.0], np.geomspace(1e-4, 1e6, 8000)])
"""Heights between which z is interpolated: a third of a percent apart."""
TINIEST = 1e-300
"""Smallest p that z is taken of, as in nilearn."""


def z_scores(values: Floats, dof: Floats, test: str, n_tested: int) -> Floats:
    """Turn a statistic into z of the same tail, interpolated between those of a fine grid.

    Parameters
    ----------
    values
        (n_resamples, n_voxels)
    dof
        (n_resamples,) residual
    test, n_tested
        t or F, and the degrees of freedom that F tests

    >>> z_scores(np.array([[4.1437, 0.0, -4.1437]]), np.array([10.0]), "t", 1).round(3)
    array([[ 3.09,  0.  , -3.09]])
    """
    found = np.empty(values.shape)
    for free in np.unique(dof):
        rows = dof == free
        # interpolated: the exact transform of every voxel of every resample would take minutes
        z = _z_of_grid(float(free), test, n_tested)
        height = values[rows]
        found[rows] = (
            np.sign(height) * np.interp(np.abs(height), GRID, z)
            if test == "t"
            else np.interp(height, GRID, z)
        )
    return found


@lru_cache(maxsize=16)
def _z_of_grid(dof: float, test: str, n_tested: int) -> Floats:
    if test == "t":
        return np.asarray(scipy.stats.norm.isf(np.maximum(scipy.stats.t.sf(GRID, dof), TINIEST)))
    upper = scipy.stats.norm.isf(np.maximum(scipy.stats.f.sf(GRID, n_tested, dof), TINIEST))
    # of p near 1 the other tail has the digits
    lower = scipy.stats.norm.ppf(np.maximum(scipy.stats.f.cdf(GRID, n_tested, dof), TINIEST))
    return np.asarray(np.where(lower < 0, lower, upper))


def spread(values: Floats) -> dict[str, float]:
    """Lowest, quartiles and highest of what is defined; NaN where nothing is.

    >>> spread(np.array([0.1, 0.3, np.nan]))["median"]
    0.2
    """
    known = values[np.isfinite(values)]
    names = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")
    found = np.quantile(known, (0, 0.25, 0.5, 0.75, 1)) if known.size else np.full(5, np.nan)
    return dict(zip(names, map(float, found), strict=True))
