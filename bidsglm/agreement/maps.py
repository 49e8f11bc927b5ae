"""How well two packages' maps of one contrast agree.

Differences are SPM minus nilearn throughout; of the two maps x is nilearn's and y is SPM's.
The choice of metrics follows Bowring, Maumet & Nichols (2019, Human Brain Mapping 40: 3362-3384).
What is undefined (a constant map, fewer than three voxels, an empty set) is NaN, never an exception.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from bidsglm.agreement.coefficients import (
    MIN_VOXELS,
    concordance,
    false_discovery_threshold,
    limits_of_agreement,
    overlap,
    pearson_r,
    principal_axis,
    spearman_rho,
)
from bidsglm.model import ContrastMaps, Floats, Mask

Row = dict[str, str | int | float]

P_UNCORRECTED = 0.001
FALSE_DISCOVERIES = 0.05
LARGEST_DOF = 1e10
"""As nilearn has it where it turns t into p"""


@dataclass(frozen=True)
class MapPair:
    """The same map from both packages, over the same columns of voxels."""

    spm: Floats
    """(n_voxels,)"""
    nilearn: Floats
    """(n_voxels,)"""
    spm_mask: Mask
    """(n_voxels,)"""
    nilearn_mask: Mask
    """(n_voxels,)"""

    @property
    def both(self) -> Mask:
        """Voxels of both masks (n_voxels,)."""
        return self.spm_mask & self.nilearn_mask


class FweThresholds(NamedTuple):
    """Each package's own statistic threshold for a familywise error of 0.05."""

    spm: float
    nilearn: float
    two_sided: bool = False
    """Whether all thresholds give each tail of t half of the error"""


def peak_distance(pair: MapPair, coordinates: Floats) -> float:
    """Distance in mm between the highest voxels of the two maps, each in its own mask.

    Parameters
    ----------
    pair
        Maps of t or F.
    coordinates
        (n_voxels, 3) mm

    Examples
    --------
    >>> inside = np.ones(2, bool)
    >>> pair = MapPair(np.array([3.0, 1.0]), np.array([1.0, 3.0]), inside, inside)
    >>> peak_distance(pair, np.array([[0.0, 0, 0], [3, 4, 0]]))
    5.0
    """
    peaks = []
    for values, mask in ((pair.spm, pair.spm_mask), (pair.nilearn, pair.nilearn_mask)):
        usable = mask & np.isfinite(values)
        # a flat map has no peak
        if not usable.any() or np.ptp(values[usable]) == 0:
            return float("nan")
        peaks.append(int(np.argmax(np.where(usable, values, -np.inf))))
    return float(np.linalg.norm(coordinates[peaks[0]] - coordinates[peaks[1]]))


def map_agreement(pair: MapPair) -> Row:
    """Columns n_both to sign_agreement of one pair of maps.

    Voxels where either map is not finite count in n_both and are left out of the metrics.

    >>> inside = np.ones(4, bool)
    >>> same = np.array([1.0, -2.0, 3.0, 0.0])
    >>> row = map_agreement(MapPair(same, same, inside, inside))
    >>> row["n_both"], row["slope"], row["rmsd"], row["sign_agreement"]
    (4, 1.0, 0.0, 1.0)
    """
    # a voxel that one package could not estimate has nothing to be compared with
    usable = pair.both & np.isfinite(pair.spm) & np.isfinite(pair.nilearn)
    x, y = (values[usable].astype(np.float64) for values in (pair.nilearn, pair.spm))
    # both maps carry error, so total least squares instead of a regression of one on the other
    line, limits = principal_axis(x, y), limits_of_agreement(x, y)
    enough = len(x) >= MIN_VOXELS
    return {
        "n_both": int(pair.both.sum()),
        "n_spm_only": int((pair.spm_mask & ~pair.nilearn_mask).sum()),
        "n_nilearn_only": int((pair.nilearn_mask & ~pair.spm_mask).sum()),
        "pearson_r": pearson_r(x, y),
        "spearman_rho": spearman_rho(x, y),
        "concordance": concordance(x, y),
        "slope": line.slope,
        "intercept": line.intercept,
        "rmsd": float(np.sqrt(np.mean((y - x) ** 2))) if enough else float("nan"),
        "mean_difference": limits.mean_difference,
        "loa_lower": limits.lower,
        "loa_upper": limits.upper,
        "sign_agreement": float(np.mean(np.sign(x) == np.sign(y))) if enough else float("nan"),
    }


def _suprathreshold(
    maps: ContrastMaps, mask: Mask, fwe: float | None, tail: tuple[int, float]
) -> dict[str, Mask]:
    """Voxels of a tail beyond each threshold by the package's own p and statistic.

    A tail is its sign, and its part of the error.
    """
    sign, share = tail
    # the lower tail's p from t: 1 - p would lose the digits of small ones
    p = maps.p if sign > 0 else stats.t.cdf(maps.stat, min(maps.dof[-1], LARGEST_DOF))
    sets = {
        "p001": mask & (p < P_UNCORRECTED * share),
        "fdr05": mask & (p <= false_discovery_threshold(p[mask], FALSE_DISCOVERIES * share)),
    }
    return sets if fwe is None else sets | {"fwe05": mask & (sign * maps.stat > fwe)}


def _threshold_agreement(
    spm: ContrastMaps, nilearn: ContrastMaps, masks: tuple[Mask, Mask], fwe: FweThresholds | None
) -> Row:
    is_t = spm.specification.test == "t"
    share = 0.5 if is_t and fwe is not None and fwe.two_sided else 1.0
    row: Row = {}
    for name, sign in {"": 1, **({"lower_": -1} if is_t else {})}.items():
        first = _suprathreshold(spm, masks[0], fwe.spm if fwe else None, (sign, share))
        second = _suprathreshold(nilearn, masks[1], fwe.nilearn if fwe else None, (sign, share))
        for key in first:
            sets = overlap(first[key], second[key], *masks)
            row |= {f"{column}_{name}{key}": value for column, value in sets._asdict().items()}
    return row


def agreement(
    spm: ContrastMaps,
    nilearn: ContrastMaps,
    spm_mask: Mask,
    nilearn_mask: Mask,
    coordinates: Floats,
    fwe: FweThresholds | None = None,
) -> tuple[Row, ...]:
    """Rows of the agreement table for one contrast: effect, t (or F) and z.

    Parameters
    ----------
    spm, nilearn
        Maps over the same columns of voxels.
    spm_mask, nilearn_mask
        (n_voxels,) analysis mask of each package
    coordinates
        (n_voxels, 3) mm
    fwe
        Adds the columns ``_fwe05`` where the thresholds are given.

    Returns
    -------
    tuple of rows
        Keys in the order of the table's columns, the same in every row. What has no meaning for a map
        is NaN: overlap and peaks outside the t (or F) row, the sign of F.
    """
    test = spm.specification.test
    pairs = {"effect": (spm.effect, nilearn.effect), test: (spm.stat, nilearn.stat), "z": (spm.z, nilearn.z)}
    masks = (spm_mask, nilearn_mask)
    thresholds = _threshold_agreement(spm, nilearn, masks, fwe)
    # papers report the peaks of the statistic, not of the effect
    distances = {"peak_distance_mm": MapPair(spm.stat, nilearn.stat, *masks)}
    if test == "t":
        distances["peak_distance_lower_mm"] = MapPair(-spm.stat, -nilearn.stat, *masks)
    rows = []
    for name, (first, second) in pairs.items():
        if first is None or second is None:
            continue
        pair = MapPair(first, second, *masks)
        row: Row = {"contrast": spm.specification.name, "map": name, **map_agreement(pair)}
        row |= dict.fromkeys(sorted([*thresholds, *distances], key=_is_lower), float("nan"))
        if name == test:
            row |= thresholds | {key: peak_distance(two, coordinates) for key, two in distances.items()}
        if name == "F":
            row["sign_agreement"] = float("nan")
        rows.append(row)
    return tuple(rows)


def _is_lower(column: str) -> bool:
    return "_lower_" in column


def metric_names(rows: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Columns that hold numbers, in their order.

    >>> metric_names([{"map": "t", "slope": 1.0, "n_both": 9}])
    ('slope', 'n_both')
    """
    found = dict.fromkeys(key for row in rows for key, value in row.items() if isinstance(value, int | float))
    return tuple(found)
