"""How far maps of a group change from resample to resample, and from package to package.

Sums over voxels are kept for every resample while voxels go by, so that memory does not grow with them.
What counts as above a threshold has a sign: voxels above it in either tail, in the same one in both maps.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bidsglm.model import Floats


class Rule(NamedTuple):
    """When two maps lead to the same conclusion."""

    shape: float
    """Correlation from which it is the same"""
    extent: float
    """Dice at each threshold from which it is the same"""
    fewest: int
    """Voxels from which a Dice is judged"""


class Compared(NamedTuple):
    """Pairs of maps of every resample compared."""

    r: Floats
    """(n_resamples,) correlation of the statistic"""
    dice: dict[str, Floats]
    """Threshold -> (n_resamples,)"""
    n_voxels: dict[str, NDArray[np.intp]]
    """Threshold -> (n_resamples, 2) voxels above it in either map"""
    peaks: NDArray[np.intp]
    """(n_resamples, 2) columns of the highest voxels"""

    def same(self, rule: Rule) -> NDArray[np.bool_]:
        """Resamples whose two maps lead to the same conclusion (n_resamples,)."""
        found = self.r >= rule.shape
        for key, dice in self.dice.items():
            judged = self.n_voxels[key].max(axis=1) >= rule.fewest
            found = found & (~judged | (dice >= rule.extent))
        return np.asarray(found)


class Tally:
    """Compares two maps of every resample, voxels after voxels."""

    def __init__(self, n_resamples: int, levels: Sequence[str]) -> None:
        self._n = 0
        self._sums = np.zeros((5, n_resamples))
        self._above = {key: np.zeros((3, n_resamples), dtype=np.intp) for key in levels}
        self._heights = np.full((2, n_resamples), -np.inf)
        self._peaks = np.zeros((2, n_resamples), dtype=np.intp)

    def add(
        self,
        pair: tuple[Floats, Floats],
        thresholds: tuple[dict[str, Floats], dict[str, Floats]],
        columns: NDArray[np.intp],
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
        """
        if not columns.size:
            return
        a, b = (np.nan_to_num(each, nan=0.0, posinf=0.0, neginf=0.0) for each in pair)
        self._n += columns.size
        each = (a.sum(axis=1), b.sum(axis=1), _squares(a), _squares(b), np.einsum("kv,kv->k", *_alike(a, b)))
        for place, values in enumerate(each):
            self._sums[place] += values
        for key, counts in self._above.items():
            first, second = (_signed(x, t[key]) for x, t in zip((a, b), thresholds, strict=True))
            counts[0] += np.count_nonzero(first, axis=1)
            counts[1] += np.count_nonzero(second, axis=1)
            counts[2] += np.count_nonzero((first == second) & (first != 0), axis=1)
        for place, x in enumerate((a, b)):
            highest = x.argmax(axis=1)
            height = np.broadcast_to(x[np.arange(len(x)), highest], self._heights[place].shape)
            better = height > self._heights[place]
            self._heights[place][better] = height[better]
            at = np.broadcast_to(columns[highest], self._peaks[place].shape)
            self._peaks[place][better] = at[better]

    def compared(self) -> Compared:
        """What all voxels together say."""
        n = max(self._n, 1)
        sum_a, sum_b, aa, bb, ab = self._sums
        with np.errstate(divide="ignore", invalid="ignore"):
            # Pearson's r from sums, so that no resample's map is kept
            variances = (aa - sum_a**2 / n) * (bb - sum_b**2 / n)
            r = (ab - sum_a * sum_b / n) / np.sqrt(np.maximum(variances, 0))
            dice = {key: 2 * common / (one + other) for key, (one, other, common) in self._above.items()}
        counts = {key: above[:2].T for key, above in self._above.items()}
        return Compared(np.clip(r, -1, 1), dice, counts, self._peaks.T)


def _squares(values: Floats) -> Floats:
    return np.asarray(np.einsum("kv,kv->k", values, values))


def _alike(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    one, other = np.broadcast_arrays(a, b)
    return np.asarray(one), np.asarray(other)


def _signed(values: Floats, threshold: Floats) -> NDArray[np.int8]:
    """1 above a threshold, -1 below its negative, 0 between."""
    height = np.asarray(threshold)[:, None]
    return (values > height).astype(np.int8) - (values < -height).astype(np.int8)


def heights(p: float, dof: Floats, test: str, n_tested: int) -> Floats:
    """Heights of a statistic with an upper tail of p, (n_resamples,).

    >>> heights(0.001, np.array([10.0]), "t", 1).round(4)
    array([4.1437])
    """
    if test == "t":
        return np.asarray(stats.t.isf(p, dof))
    return np.asarray(stats.f.isf(p, n_tested, dof))


def spread(values: Floats) -> dict[str, float]:
    """Lowest, quartiles and highest of what is defined; NaN where nothing is.

    >>> spread(np.array([0.1, 0.3, np.nan]))["median"]
    0.2
    """
    known = values[np.isfinite(values)]
    names = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")
    found = np.quantile(known, (0, 0.25, 0.5, 0.75, 1)) if known.size else np.full(5, np.nan)
    return dict(zip(names, map(float, found), strict=True))
