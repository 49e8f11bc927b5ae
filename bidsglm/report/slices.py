"""Axial slices of a volume, side by side, in the order and orientation that people read.

Neurological convention: the left of the picture is the left of the brain. Nothing is resampled:
axes are flipped and swapped to the orientation nearest to RAS, as `nibabel.as_closest_canonical`
does, so slices of an oblique scan are the scan's own.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import NDArray

from bidsglm.model import Floats, Mask

Number = TypeVar("Number", bound=np.generic)

Box = tuple[slice, slice, slice]
MARGIN = 2
"""Voxels around the mask that stay visible, so that its border is not the border of the picture."""


SMALLEST_AREA = 0.2
"""Share of the largest slice's voxels; smaller slices are shown only for a peak."""


class View(NamedTuple):
    """Which slices of which grid, cropped how."""

    affine: Floats
    """(4, 4) of the volumes as they are in the files"""
    shape: tuple[int, int, int]
    rows: slice
    """Positions on the second axis after reorientation (posterior to anterior)."""
    columns: slice
    """Positions on the first axis after reorientation (left to right)."""
    slices: tuple[int, ...]
    """Positions on the third axis after reorientation (inferior to superior)."""


def _orientation(affine: Floats) -> Floats:
    """Axes nearest to right, anterior, superior, found once for each affine (4, 4)."""
    return _orientation_of(np.ascontiguousarray(affine, dtype=np.float64).tobytes())


@lru_cache(maxsize=64)
def _orientation_of(affine: bytes) -> Floats:
    found: Floats = io_orientation(np.frombuffer(affine).reshape(4, 4))
    return found


def reoriented(volume: NDArray[Number], affine: Floats) -> NDArray[Number]:
    """Volume (x, y, z) with its axes nearest to right, anterior, superior.

    >>> flipped = np.diag([-1.0, 1, 1, 1])
    >>> reoriented(np.arange(2).reshape(2, 1, 1), flipped).ravel().tolist()
    [1, 0]
    """
    result: NDArray[Number] = apply_orientation(volume, _orientation(affine))
    return result


def reoriented_affine(affine: Floats, shape: tuple[int, ...]) -> Floats:
    """Voxel -> mm (4, 4) of a volume after `reoriented`.

    >>> reoriented_affine(np.diag([-2.0, 2, 2, 1]), (3, 3, 3))[0].tolist()
    [2.0, 0.0, 0.0, -4.0]
    """
    result: Floats = affine @ inv_ornt_aff(_orientation(affine), shape)
    return result


def box_around(mask: Mask, multiple_of: int = 1) -> Box:
    """Part of a volume (x, y, z) that pictures of a mask show; it begins at a multiple of so many voxels.

    >>> box_around(np.arange(9).reshape(9, 1, 1) == 5, 2)
    (slice(2, 8, None), slice(0, 1, None), slice(0, 1, None))
    """
    found = []
    for axis, n in enumerate(mask.shape):
        others = tuple(other for other in range(3) if other != axis)
        shown = _extent(np.asarray(mask.any(axis=others)))
        stop = min(-(-shown.stop // multiple_of) * multiple_of, n)
        found.append(slice(shown.start // multiple_of * multiple_of, stop))
    return found[0], found[1], found[2]


def affine_of_part(affine: Floats, box: Box) -> Floats:
    """Voxel -> mm (4, 4) of a part of a volume.

    >>> affine_of_part(np.eye(4), (slice(1, 3), slice(None), slice(0, 1)))[:, 3].tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ [part.start or 0 for part in box]
    return moved


def _extent(occupied: Mask) -> slice:
    where = np.flatnonzero(occupied)
    if not len(where):
        return slice(0, len(occupied))
    return slice(max(int(where[0]) - MARGIN, 0), int(where[-1]) + MARGIN + 1)


def spread_slices(occupied: Sequence[int], wanted: Iterable[int], n_slices: int) -> tuple[int, ...]:
    """At most n_slices of the occupied slices, spread evenly, the wanted ones among them.

    Parameters
    ----------
    occupied
        Slices worth showing, ascending.
    wanted
        Slices that must be there, the most important first; each takes the place of the nearest
        slice that is not itself wanted.

    Examples
    --------
    >>> spread_slices(range(11), [4], 3)
    (0, 4, 10)
    """
    places = np.linspace(0, len(occupied) - 1, min(n_slices, len(occupied))).round().astype(int)
    chosen = [occupied[i] for i in places]
    kept: set[int] = set()
    for level in wanted:
        free = [i for i, c in enumerate(chosen) if c not in kept]
        if level not in chosen and free:
            chosen[min(free, key=lambda i: abs(chosen[i] - level))] = level
        kept.add(level)
    return tuple(sorted(set(chosen)))


def view(mask: Mask, affine: Floats, peaks: Iterable[NDArray[np.floating]] = (), n_slices: int = 7) -> View:
    """Slices through a mask (x, y, z) that hold the highest voxel of each map in peaks."""
    upright = reoriented(mask, affine)
    levels = [level for peak in peaks if (level := _highest(reoriented(peak, affine))) is not None]
    areas = upright.sum(axis=(0, 1))
    occupied = np.flatnonzero(areas >= SMALLEST_AREA * max(areas.max(), 1)).tolist() or range(
        upright.shape[2]
    )
    return View(
        affine=affine,
        shape=(mask.shape[0], mask.shape[1], mask.shape[2]),
        rows=_extent(np.asarray(upright.any(axis=(0, 2)))),
        columns=_extent(np.asarray(upright.any(axis=(1, 2)))),
        slices=spread_slices(occupied, levels, n_slices),
    )


def _highest(peak: NDArray[np.floating]) -> int | None:
    """The slice with the highest value of a map (x, y, z); None where there is none."""
    top = np.fmax.reduce(peak, axis=None)
    if not (np.isfinite(top) or np.isfinite(peak).any()):
        return None
    return int(np.argmax((peak == top).any(axis=(0, 1))))


def cropped(of: View, mask: Mask) -> View:
    """The same slices without what no slice of the mask (x, y, z) reaches."""
    shown = reoriented(mask, of.affine)[:, :, list(of.slices)]
    rows, columns = (_extent(np.asarray(shown.any(axis=others))) for others in ((0, 2), (1, 2)))
    return of._replace(rows=rows, columns=columns)


def montage(volume: NDArray[Number], of: View) -> NDArray[Number]:
    """Slices of a view in a row, (height, width of all): row 0 is posterior, column 0 is left.

    >>> volume = np.arange(8).reshape(2, 2, 2)
    >>> montage(volume, View(np.eye(4), (2, 2, 2), slice(0, 2), slice(0, 2), (0, 1))).tolist()
    [[0, 4, 1, 5], [2, 6, 3, 7]]
    """
    upright = reoriented(volume, of.affine)
    tiles = [upright[of.columns, of.rows, level].T for level in of.slices]
    return np.concatenate(tiles, axis=1)


def _reoriented_shape(of: View) -> tuple[int, int, int]:
    moved = _orientation(of.affine)[:, 0].astype(int)
    shape = [0, 0, 0]
    for source, target in enumerate(moved):
        shape[target] = of.shape[source]
    return (shape[0], shape[1], shape[2])


def heights(of: View) -> tuple[float, ...]:
    """Height z in mm of the middle of each slice.

    >>> heights(View(np.diag([2.0, 2, 2, 1]), (3, 3, 3), slice(0, 3), slice(0, 3), (0, 2)))
    (0.0, 4.0)
    """
    shape = _reoriented_shape(of)
    affine = reoriented_affine(of.affine, of.shape)
    middle = [(shape[0] - 1) / 2, (shape[1] - 1) / 2]
    return tuple(float((affine @ [*middle, level, 1])[2]) for level in of.slices)


def pixel_aspect(of: View) -> float:
    """Height of a pixel of the montage over its width."""
    sizes = np.linalg.norm(reoriented_affine(of.affine, of.shape)[:3, :3], axis=0)
    return float(sizes[1] / sizes[0])
