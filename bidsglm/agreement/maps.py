"""How well two packages' maps of one contrast agree.

Differences are the first package minus the reference; of the two maps x is the reference's.
The choice of metrics follows Bowring, Maumet & Nichols (2019, Human Brain Mapping 40: 3362-3384).
What is undefined (a constant map, fewer than three voxels, an empty set) is NaN, never an exception.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy

from bidsglm.agreement.coefficients import (
    MIN_VOXELS,
    MapOverlap,
    concordance,
    false_discovery_threshold,
    limits_of_agreement,
    overlap,
    pearson_r,
    principal_axis,
    spearman_rho,
)
from bidsglm.data import ContrastMaps
from bidsglm.model import Floats, Mask
from bidsglm.pairs import DEFAULT_PAIR, Pair

Row = dict[str, str | int | float]

P_UNCORRECTED = 0.001
FALSE_DISCOVERIES = 0.05
LARGEST_DOF = 1e10
"""As nilearn has it where it turns t into p"""
NEAR = -1.0
"""From here on t has a lower tail of more than 0.15 at any degrees of freedom, beyond all thresholds on p"""


@dataclass(frozen=True)
class MapPair:
    """The same map from both packages, over the same columns of voxels."""

    first: Floats
    """(n_voxels,)"""
    reference: Floats
    """(n_voxels,)"""
    first_mask: Mask
    """(n_voxels,)"""
    reference_mask: Mask
    """(n_voxels,)"""

    @property
    def both(self) -> Mask:
        """Voxels of both masks (n_voxels,)."""
        return self.first_mask & self.reference_mask

    @property
    def usable(self) -> Mask:
        """Those of them that both packages could estimate (n_voxels,)."""
        return self.both & np.isfinite(self.first) & np.isfinite(self.reference)

    @property
    def usable_values(self) -> tuple[Floats, Floats]:
        """Values there in float64, the reference's first."""
        usable = self.usable
        return self.reference[usable].astype(np.float64), self.first[usable].astype(np.float64)


class FweThresholds(NamedTuple):
    """Each package's own statistic threshold for a familywise error of 0.05."""

    first: float
    reference: float
    two_sided: bool = False
    """Whether all thresholds give each tail of t half of the error"""


class BothMaps(NamedTuple):
    """One contrast in two packages."""

    first: ContrastMaps
    reference: ContrastMaps
    masks: tuple[Mask, Mask]
    """(n_voxels,) analysis mask of each package"""
    pair: Pair = DEFAULT_PAIR

    def maps(self) -> dict[str, MapPair]:
        """Pairs of maps by name: effect (not of F), t or F, and z."""
        one, other = self.first, self.reference
        found = {
            "effect": (one.effect, other.effect),
            one.specification.test: (one.stat, other.stat),
            "z": (one.z, other.z),
        }
        return {
            name: MapPair(a, b, *self.masks)
            for name, (a, b) in found.items()
            if a is not None and b is not None
        }


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
    for values, mask in ((pair.first, pair.first_mask), (pair.reference, pair.reference_mask)):
        usable = mask & np.isfinite(values)
        # a flat map has no peak
        if not usable.any() or np.ptp(values[usable]) == 0:
            return float("nan")
        # outside the mask and where a package has no result no value may win
        peaks.append(int(np.argmax(np.where(usable, values, -np.inf))))
    return float(np.linalg.norm(coordinates[peaks[0]] - coordinates[peaks[1]]))


def map_agreement(pair: MapPair, names: Pair = DEFAULT_PAIR) -> Row:
    """Columns n_both to sign_agreement of one pair of maps, by whose names those of the masks are called.

    Voxels where either map is not finite count in n_both and are left out of the metrics.

    >>> inside = np.ones(4, bool)
    >>> same = np.array([1.0, -2.0, 3.0, 0.0])
    >>> row = map_agreement(MapPair(same, same, inside, inside))
    >>> row["n_both"], row["slope"], row["rmsd"], row["sign_agreement"]
    (4, 1.0, 0.0, 1.0)
    """
    x, y = pair.usable_values
    # both maps carry error, so total least squares instead of a regression of one on the other
    line, limits = principal_axis(x, y), limits_of_agreement(x, y)
    enough = len(x) >= MIN_VOXELS
    return {
        "n_both": int(pair.both.sum()),
        f"n_{names.first}_only": int((pair.first_mask & ~pair.reference_mask).sum()),
        f"n_{names.reference}_only": int((pair.reference_mask & ~pair.first_mask).sum()),
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
    p = maps.p if sign > 0 else _lower_p(maps.stat, min(maps.dof[-1], LARGEST_DOF))
    sets = {
        "p001": mask & (p < P_UNCORRECTED * share),
        # over the package's own mask: the number of tests is its own, not that of the voxels in common
        "fdr05": mask & (p <= false_discovery_threshold(p[mask], FALSE_DISCOVERIES * share)),
    }
    return sets if fwe is None else sets | {"fwe05": mask & (sign * maps.stat > fwe)}


def _lower_p(t: Floats, dof: float) -> Floats:
    """P of the lower tail; 1 where it is beyond every threshold.

    >>> _lower_p(np.array([-3.0, 3.0]), 10.0).round(4)
    array([0.0067, 1.    ])
    """
    p, far = np.where(np.isnan(t), np.nan, 1.0), t < NEAR
    p[far] = scipy.special.stdtr(dof, t[far])
    return np.asarray(p)


def _threshold_agreement(both: BothMaps, fwe: FweThresholds | None) -> Row:
    is_t = both.first.specification.test == "t"
    # of a two-sided test each tail has half of the error
    share = 0.5 if is_t and fwe is not None and fwe.two_sided else 1.0
    row: Row = {}
    for tail, sign in {"": 1, **({"lower_": -1} if is_t else {})}.items():
        one, other = (
            _suprathreshold(maps, mask, height, (sign, share))
            for maps, mask, height in zip(
                both[:2], both.masks, (fwe.first, fwe.reference) if fwe else (None, None), strict=True
            )
        )
        for key in one:
            sets = overlap(one[key], other[key], *both.masks)
            row |= {f"{c}_{tail}{key}": value for c, value in _columns(sets, both.pair).items()}
    return row


def dice_p001(both: BothMaps, two_sided: bool) -> float:
    """Dice of the voxels of p < 0.001 in the upper tail, as the agreement table has it."""
    share = 0.5 if two_sided and both.first.specification.test == "t" else 1.0
    one, other = (maps.p < P_UNCORRECTED * share for maps in (both.first, both.reference))
    return overlap(one, other, *both.masks).dice


def _columns(sets: MapOverlap, pair: Pair) -> Row:
    """An overlap by the columns of the table."""
    return {
        "dice": sets.dice,
        "jaccard": sets.jaccard,
        f"dark_dice_{pair.first}": sets.dark_first,
        f"dark_dice_{pair.reference}": sets.dark_reference,
        f"n_{pair.first}": sets.n_first,
        f"n_{pair.reference}": sets.n_reference,
    }


def agreement(both: BothMaps, coordinates: Floats, fwe: FweThresholds | None = None) -> tuple[Row, ...]:
    """Rows of the agreement table for one contrast: effect, t (or F) and z.

    Parameters
    ----------
    both
        Maps over the same columns of voxels
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
    first, reference, masks = both.first, both.reference, both.masks
    test = first.specification.test
    thresholds = _threshold_agreement(both, fwe)
    # papers report the peaks of the statistic, not of the effect
    distances = {"peak_distance_mm": MapPair(first.stat, reference.stat, *masks)}
    if test == "t":
        # the lowest voxel is the highest of the negated map
        distances["peak_distance_lower_mm"] = MapPair(-first.stat, -reference.stat, *masks)
    rows = []
    for name, pair in both.maps().items():
        row: Row = {"contrast": first.specification.name, "map": name, **map_agreement(pair, both.pair)}
        # all rows have all columns, in one order: those that mean nothing for a map are n/a in its row
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
