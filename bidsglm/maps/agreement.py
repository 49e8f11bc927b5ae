"""Two maps compared: the voxels of both, how well they agree, and what passes thresholds."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.ndimage import affine_transform

from bidsglm.agreement.coefficients import MIN_VOXELS, false_discovery_threshold
from bidsglm.agreement.maps import (
    FALSE_DISCOVERIES,
    P_UNCORRECTED,
    BothMaps,
    MapPair,
    Row,
    agreement,
    map_agreement,
    peak_distance,
)
from bidsglm.check.data import support
from bidsglm.data import ContrastMaps, Volume
from bidsglm.dataset.masks import Grid
from bidsglm.errors import DataError
from bidsglm.maps.kinds import UNKNOWN, MapKind, height_of, p_values
from bidsglm.maps.reading import MapImage, check_grids
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.outputs.map_tables import FIRST_AND_SECOND


class MapSide(NamedTuple):
    """One of the two."""

    label: str
    image: MapImage
    kind: MapKind


class MapChoice(NamedTuple):
    """What of the maps is compared."""

    contrast: str = ""
    """Name of the contrast, empty where there is none"""
    mask: MapImage | None = None
    """Voxels to look at; None for those of the maps"""
    resample: bool = False
    """Whether what is on another grid is brought onto the first map's"""


class ComparedMaps(NamedTuple):
    """What was found."""

    sides: tuple[MapSide, MapSide]
    """On one grid"""
    contrast: str
    kind: str
    """t, F, z, effect ...; map where the two differ"""
    masks: tuple[Mask, Mask]
    """(x, y, z) voxels with a result"""
    p: tuple[Floats, Floats] | None
    """(x, y, z) of each statistic, 1 outside; None where they are not known"""
    heights: tuple[Mapping[str, float | None], Mapping[str, float | None]]
    """Threshold -> value that passes it, None where nothing does"""
    row: Row
    """By the columns of the table"""
    notes: tuple[str, ...]

    @property
    def grid(self) -> Grid:
        """Grid of both."""
        return self.sides[0].image.grid

    @property
    def both(self) -> Mask:
        """(x, y, z) voxels that both have a result in."""
        return np.asarray(self.masks[0] & self.masks[1])

    @property
    def difference(self) -> Floats:
        """(x, y, z) first minus second, NaN where one of them has no result."""
        first, second = (side.image.values for side in self.sides)
        return np.where(self.both, first - second, np.nan)


def compared_maps(first: MapSide, second: MapSide, choice: MapChoice) -> ComparedMaps:
    """Compare two maps.

    Raises
    ------
    DataError
        They are on other grids, hold nothing, or share too few voxels.
    """
    second, notes = _on_one_grid(first, second, choice)
    sides, told = _completed((first, second))
    masks = _masks(sides, choice)
    either = np.asarray(masks[0] | masks[1])
    values = [side.image.values[either] for side in sides]
    inside = [mask[either] for mask in masks]
    pair = MapPair(values[0], values[1], inside[0], inside[1])
    kind = sides[0].kind.kind if sides[0].kind.kind == sides[1].kind.kind else UNKNOWN
    coordinates = Volume(*first.image.grid, either).coordinates
    tested = _tested(sides, pair)
    found = tested and next(iter(agreement(tested, coordinates)))
    row = found or {
        **map_agreement(pair, FIRST_AND_SECOND),
        "peak_distance_mm": peak_distance(pair, coordinates),
    }
    labels = {"first": sides[0].label, "second": sides[1].label}
    return ComparedMaps(
        sides,
        choice.contrast,
        kind,
        masks,
        _spread_p(tested, either),
        (_heights(sides[0].kind, tested, 0), _heights(sides[1].kind, tested, 1)),
        {**row, "contrast": choice.contrast, "map": kind, **labels},
        (*notes, *told, *_notes(sides, masks, pair)),
    )


def _on_one_grid(first: MapSide, second: MapSide, choice: MapChoice) -> tuple[MapSide, tuple[str, ...]]:
    """Bring the second map onto the first one's grid, where that is wanted and needed."""
    try:
        check_grids(first.image, second.image)
    except DataError:
        if not choice.resample:
            raise
    else:
        return second, ()
    moved = second._replace(image=resampled(second.image, first.image.grid))
    return moved, (
        f"{second.label} was on another grid and was resampled (trilinear) onto that of {first.label}: values"
        " are smoothed by it, and part of the difference is.",
    )


def _completed(sides: tuple[MapSide, MapSide]) -> tuple[tuple[MapSide, MapSide], tuple[str, ...]]:
    """Degrees of freedom of one t or F map for the other, where they stand nowhere."""
    one, other = sides
    if one.kind.kind != other.kind.kind or one.kind.kind not in ("t", "F"):
        return sides, ()
    if bool(one.kind.dof) == bool(other.kind.dof):
        return sides, ()
    known, unknown = (one, other) if one.kind.dof else (other, one)
    note = f"The degrees of freedom of {unknown.label} are not known; those of {known.label} are used."
    made = [side._replace(kind=side.kind._replace(dof=known.kind.dof)) for side in sides]
    return (made[0], made[1]), (note,)


def _masks(sides: Sequence[MapSide], choice: MapChoice) -> tuple[Mask, Mask]:
    allowed = _allowed(sides[0].image, choice)
    masks = []
    for side in sides:
        found = support(side.image.values)
        if not found.any():
            raise DataError(
                f"{side.image.name}: holds no value but 0 and NaN where it could be compared; look at the map"
            )
        if not (found & allowed).any():
            raise DataError(f"{side.image.name}: has no voxel inside the mask; give another --mask")
        masks.append(np.asarray(found & allowed))
    n_both = int(np.count_nonzero(masks[0] & masks[1]))
    if n_both < MIN_VOXELS:
        raise DataError(
            f"{sides[1].image.name}: shares {n_both} voxel{'s' * (n_both != 1)} with {sides[0].image.name};"
            f" {MIN_VOXELS} or more are needed, so look at both maps and the mask"
        )
    return masks[0], masks[1]


def _allowed(image: MapImage, choice: MapChoice) -> Mask:
    """(x, y, z) voxels of the mask; all where there is none."""
    mask = choice.mask
    if mask is None:
        return np.ones(image.grid.shape, dtype=np.bool_)
    inside = np.asarray(np.nan_to_num(mask.values) > 0)
    if not inside.any():
        raise DataError(f"{mask.name}: the mask holds no voxel above 0; give another --mask")
    try:
        check_grids(image, mask)
    except DataError:
        if not choice.resample:
            raise
        return resampled_mask(inside, mask.grid, image.grid)
    return inside


def _tested(sides: Sequence[MapSide], pair: MapPair) -> BothMaps | None:
    """Both as maps of a contrast with their p; None where these are not known."""
    kinds = [side.kind for side in sides]
    families = {"F" if kind.kind == "F" else "t" for kind in kinds}
    if not all(kind.is_tested for kind in kinds) or len(families) > 1:
        return None
    test: Literal["t", "F"] = "F" if "F" in families else "t"
    named = ContrastSpecification("", "", (), np.ones((1, 1)), test)
    masks = pair.first_mask, pair.reference_mask
    made = []
    for kind, values, mask in zip(kinds, (pair.first, pair.reference), masks, strict=True):
        stat = np.where(mask, values, 0.0)
        p = np.where(mask, p_values(kind, stat), 1.0)
        # z is t of infinitely many degrees of freedom
        made.append(ContrastMaps(named, (0,), None, None, stat, stat, p, kind.dof or (np.inf,)))
    return BothMaps(made[0], made[1], masks, FIRST_AND_SECOND)


def _spread_p(tested: BothMaps | None, either: Mask) -> tuple[Floats, Floats] | None:
    if tested is None:
        return None
    spread = []
    for maps in (tested.first, tested.reference):
        spread.append(np.ones(either.shape))
        spread[-1][either] = maps.p
    return spread[0], spread[1]


def _heights(kind: MapKind, tested: BothMaps | None, place: int) -> dict[str, float | None]:
    """Values from which a map passes the thresholds of its upper tail."""
    if tested is None:
        return {}
    maps, mask = tested[:2][place], tested.masks[place]
    passing = maps.stat[mask & (maps.p <= false_discovery_threshold(maps.p[mask], FALSE_DISCOVERIES))]
    return {"p001": height_of(kind, P_UNCORRECTED), "fdr05": float(passing.min()) if passing.size else None}


def _notes(sides: Sequence[MapSide], masks: Sequence[Mask], pair: MapPair) -> list[str]:
    """What a reader of the numbers should know."""
    notes = []
    kinds = [side.kind for side in sides]
    if kinds[0].kind != kinds[1].kind:
        notes.append(
            f"The maps are of two kinds: {sides[0].label} is {_article(kinds[0])}, {sides[1].label} is"
            f" {_article(kinds[1])}."
        )
    if any(kind.kind in ("t", "F") and not kind.is_tested for kind in kinds):
        notes.append("The degrees of freedom are not known, so there are no thresholds.")
    both = pair.both
    if np.array_equal(pair.first[both], pair.reference[both]):
        notes.append("Both maps hold the same numbers in every voxel that they share.")
    sizes = [int(np.count_nonzero(mask)) for mask in masks]
    if min(sizes) < np.count_nonzero(both) * 2 and max(sizes) > 2 * min(sizes):
        notes.append(
            "One map has a result in more than twice as many voxels as the other: compare the masks."
        )
    return notes


def _article(kind: MapKind) -> str:
    if kind.kind == UNKNOWN:
        return "of an unknown kind"
    return f"{kind.kind} (by {kind.told_by})"


HALF = 0.5
"""Part of a new voxel that must be inside the map."""


def resampled(image: MapImage, grid: Grid) -> MapImage:
    """Bring a map onto a grid by trilinear interpolation; 0 where less than half of a voxel is inside it.

    >>> values = np.zeros((3, 3, 3)); values[1:] = 4.0
    >>> image = MapImage("a", values, Grid((3, 3, 3), np.eye(4)), ())
    >>> half = np.eye(4); half[0, 3] = 0.75
    >>> resampled(image, Grid((2, 1, 1), half)).values.ravel().tolist()
    [4.0, 4.0]
    """
    inside = support(image.values)
    share = _interpolated(inside.astype(np.float64), image.grid, grid)
    total = _interpolated(np.where(inside, image.values, 0.0), image.grid, grid)
    kept = share >= HALF
    values = np.divide(total, share, out=np.zeros_like(total), where=kept)
    return image._replace(values=values, grid=grid)


def resampled_mask(mask: Mask, own: Grid, grid: Grid) -> Mask:
    """Bring a mask onto a grid: voxels at least half of which are inside it."""
    return np.asarray(_interpolated(mask.astype(np.float64), own, grid) >= HALF)


def _interpolated(values: Floats, own: Grid, grid: Grid) -> Floats:
    places = np.linalg.inv(own.affine) @ grid.affine
    found = affine_transform(values, places[:3, :3], places[:3, 3], grid.shape, order=1, mode="grid-constant")
    return np.asarray(found, dtype=np.float64)
