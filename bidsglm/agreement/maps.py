"""How well two packages' maps of one contrast agree.

Differences are SPM minus nilearn throughout; of the two maps x is nilearn's and y is SPM's.
The choice of metrics follows Bowring, Maumet & Nichols (2019, Human Brain Mapping 40: 3362-3384).
What is undefined (a constant map, fewer than three voxels, an empty set) is NaN, never an exception.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

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


def _suprathreshold(maps: ContrastMaps, mask: Mask, fwe: float | None) -> dict[str, Mask]:
    """Voxels above each threshold by the package's own p and statistic."""
    sets = {
        "p001": mask & (maps.p < P_UNCORRECTED),
        "fdr05": mask & (maps.p <= false_discovery_threshold(maps.p[mask])),
    }
    return sets if fwe is None else sets | {"fwe05": mask & (maps.stat > fwe)}


def _threshold_agreement(
    spm: ContrastMaps, nilearn: ContrastMaps, masks: tuple[Mask, Mask], fwe: FweThresholds | None
) -> Row:
    first = _suprathreshold(spm, masks[0], fwe.spm if fwe else None)
    second = _suprathreshold(nilearn, masks[1], fwe.nilearn if fwe else None)
    row: Row = {}
    for key in first:
        sets = overlap(first[key], second[key], *masks)
        row |= {f"{column}_{key}": value for column, value in sets._asdict().items()}
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
    rows = []
    for name, (first, second) in pairs.items():
        if first is None or second is None:
            continue
        pair = MapPair(first, second, *masks)
        row: Row = {"contrast": spm.specification.name, "map": name, **map_agreement(pair)}
        row |= dict.fromkeys([*thresholds, "peak_distance_mm"], float("nan"))
        if name == test:
            row |= thresholds | {"peak_distance_mm": peak_distance(pair, coordinates)}
        if name == "F":
            row["sign_agreement"] = float("nan")
        rows.append(row)
    return tuple(rows)


def metric_names(rows: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Columns that hold numbers, in their order.

    >>> metric_names([{"map": "t", "slope": 1.0, "n_both": 9}])
    ('slope', 'n_both')
    """
    found = dict.fromkeys(key for row in rows for key, value in row.items() if isinstance(value, int | float))
    return tuple(found)
