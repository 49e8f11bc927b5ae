"""Maps packed small enough to travel inside a page: what the slice viewer unpacks.

Of several backends the reference is stored as it is, and each other as its difference from the reference, all
rounded to a fraction of their own spread, so that the difference keeps its digits however alike the maps are.
One whose values are of another size, as effects in other units are, is stored as it is too. Values stand in
the order of the mask, first axis fastest, in the orientation nearest to right, anterior, superior; low bytes
before high bytes, deflated.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats, Mask
from bidsglm.pairs import base_of, every_pair
from bidsglm.report.contrast_images import ContrastImages, colour_limit, limits_of
from bidsglm.report.slices import reoriented, reoriented_affine
from bidsglm.report.thinning import thinned
from bidsglm.report.wording import THRESHOLDS

STEPS_PER_SD = 50
"""Rounding to a fiftieth of the spread: no one sees it, and it costs 8 bits a voxel."""
LARGEST = 32_000
NOTHING = -32_768
"""The backend does not analyse this voxel."""
ALONE = -32_767
"""In the difference: the reference does not analyse this voxel; the value is in a list of its own."""
MARGIN = 1
"""Voxels around the mask that stay visible."""
GREYS = 63
"""Greys of the background; more are not told apart behind a map."""
LEVEL = 6
"""Level of zlib; higher ones gain one per cent."""


@dataclass(frozen=True)
class Scene:
    """The grid that the maps of a unit share, and what lies behind them."""

    box: tuple[slice, slice, slice]
    """Part of the reoriented volume."""
    shape: tuple[int, int, int]
    affine: Floats
    """(4, 4) voxel of the box -> mm"""
    mask: Mask
    """(x, y, z) of the box: voxels that have values"""
    background: NDArray[np.uint8]
    """(x, y, z) of the box"""

    def packed(self) -> dict[str, object]:
        """What the page holds of it."""
        return {
            "shape": self.shape,
            "affine": np.round(self.affine, 4).tolist(),
            "mask": _deflated(np.packbits(self.mask.ravel(order="F"), bitorder="little")),
            "background": _deflated(self.background.ravel(order="F")),
            "greys": GREYS,
        }


def scene(images: ContrastImages) -> Scene:
    """Crop the grid of a contrast's volumes to its masks."""
    mask = reoriented(images.either, images.affine)
    box = tuple(_extent(np.asarray(mask.any(axis=others))) for others in ((1, 2), (0, 2), (0, 1)))
    affine = reoriented_affine(images.affine, images.either.shape).copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    behind = np.nan_to_num(reoriented(images.background, images.affine)[box])
    brightest = float(np.quantile(behind[mask[box]], 0.995)) * 1.15 if mask.any() else 0.0
    grey = np.clip(behind / (brightest or 1.0) * GREYS, 0, GREYS).round().astype(np.uint8)
    x, y, z = mask[box].shape
    return Scene((box[0], box[1], box[2]), (x, y, z), affine, mask[box], grey)


def packed_regions(places: NDArray[np.integer[Any]], names: Sequence[str]) -> dict[str, object]:
    """What the page holds of an atlas beside a scene; nothing where no voxel of it is in a region.

    Parameters
    ----------
    places
        (x, y, z) of the scene's box: 0 for the background, else one more than the region's place
    names
        Name of each region by its place
    """
    present = np.unique(places[places > 0])
    if not present.size:
        return {}
    numbers = np.zeros(len(names) + 1, dtype=np.int16)
    numbers[present] = np.arange(1, present.size + 1)
    named = [names[int(place) - 1] for place in present]
    return {"regions": _shuffled(numbers[places].ravel(order="F")), "region_names": named}


def _extent(occupied: Mask) -> slice:
    where = np.flatnonzero(occupied)
    if not len(where):
        return slice(0, len(occupied))
    return slice(max(int(where[0]) - MARGIN, 0), min(int(where[-1]) + MARGIN + 1, len(occupied)))


def packed_contrast(
    images: ContrastImages, of: Scene, thresholds: Mapping[str, Mapping[str, float | None]] | None = None
) -> dict[str, object]:
    """What the page holds of a contrast's maps: statistic first, then the effect.

    Parameters
    ----------
    images
        On the grid of the scene.
    of
        The unit's scene.
    thresholds
        Backend -> threshold's name as in the agreement table -> height on the scale of the statistic; None
        where nothing passes
    """
    return {
        "thresholds": _heights(images, thresholds or {}),
        "titles": [images.title(name) for name in images.backends],
        "pairs": [
            {"title": images.difference(pair), "places": [images.backends.index(name) for name in pair]}
            for pair in every_pair(images.backends, images.reference)
        ],
        "maps": [{"name": name, **_packed_map(images, name, of)} for name in images.stats],
    }


def held(
    images: ContrastImages, of: Scene, thresholds: Mapping[str, Mapping[str, float | None]], by: int
) -> dict[str, object]:
    """What the page holds of a contrast's maps, each block of voxels as one; the scene is of such blocks."""
    return {**packed_contrast(thinned(images, by), of, thresholds), "stride": by}


def _heights(
    images: ContrastImages, thresholds: Mapping[str, Mapping[str, float | None]]
) -> list[dict[str, object]]:
    """Thresholds that all backends of the maps have, with the height in each; null where nothing passes."""
    given = [thresholds.get(backend, {}) for backend in images.backends]
    return [
        {"title": title, "heights": [_finite(each[key]) for each in given]}
        for key, title in THRESHOLDS.items()
        if all(key in each for each in given)
    ]


def _finite(height: float | None) -> float | None:
    return height if height is not None and np.isfinite(height) else None


def shown_first(volumes: Mapping[str, Any]) -> list[str]:
    """Titles of the panels that the viewer has at first: a pair and its difference, or a single map.

    >>> shown_first({"titles": ["A", "B"], "pairs": [{"title": "B − A", "places": [1, 0]}]})
    ['B', 'A', 'B − A']
    """
    if not volumes["pairs"]:
        return [str(volumes["titles"][0])]
    first = volumes["pairs"][0]
    return [*(str(volumes["titles"][place]) for place in first["places"]), str(first["title"])]


class PackedBackend(NamedTuple):
    """One backend's map of those of a contrast."""

    step: float
    codes: str
    whole: bool = True
    """Values themselves, not their difference from the reference"""
    alone: str = ""
    """Values of the voxels that the reference does not analyse, in steps of the reference"""


def _packed_map(images: ContrastImages, name: str, of: Scene) -> dict[str, object]:
    values = {backend: _in_scene(images, name, backend, of) for backend in images.backends}
    limits = limits_of(values)
    base = base_of(images.backends, images.reference)
    codes, step = _rounded(values[base])
    packed = {base: PackedBackend(step, _shuffled(np.where(np.isfinite(values[base]), codes, NOTHING)))}
    for backend in images.backends:
        if backend != base:
            alike = limits[backend] == limits[base]
            packed[backend] = _beside(values[backend], values[base] if alike else None, step)
    pairs = every_pair(images.backends, images.reference)
    differences = [values[pair.first] - values[pair.reference] for pair in pairs]
    return {
        "signed": name != "F",
        "base": images.backends.index(base),
        "backends": [packed[backend]._asdict() for backend in images.backends],
        "limits": [limits[backend] for backend in images.backends],
        "peaks": [_peak(values[backend], of) for backend in images.backends],
        "differences": [
            {"limit": colour_limit([each]), "farthest": _peak(np.abs(each), of)} for each in differences
        ],
    }


def _beside(values: Floats, base: Floats | None, step: float) -> PackedBackend:
    """A backend by its difference from the reference; by itself where there is none to compare it with."""
    if base is None:
        codes, own = _rounded(values)
        return PackedBackend(own, _shuffled(np.where(np.isfinite(values), codes, NOTHING)))
    known, alone = np.isfinite(values), np.isfinite(values) & ~np.isfinite(base)
    codes, fine = _rounded(values - base)
    codes[alone] = ALONE
    codes[~known] = NOTHING
    apart = (values[alone] / step).round().clip(-LARGEST, LARGEST).astype(np.int16)
    return PackedBackend(fine, _shuffled(codes), False, _shuffled(apart))


def _in_scene(images: ContrastImages, name: str, backend: str, of: Scene) -> Floats:
    """Values (n_voxels,) in the order of the scene's mask; NaN outside the backend's."""
    inside = np.where(images.masks[backend], images.maps[name][backend], np.nan)
    upright = reoriented(inside, images.affine)[of.box]
    return np.asarray(upright.ravel(order="F")[of.mask.ravel(order="F")])


def _peak(values: Floats, of: Scene) -> list[int]:
    """Voxel of the box with the largest value; the middle where there is none."""
    if not np.isfinite(values).any():
        return [n // 2 for n in of.shape]
    place = np.flatnonzero(of.mask.ravel(order="F"))[np.nanargmax(values)]
    return [int(i) for i in np.unravel_index(place, of.shape, order="F")]


def _rounded(values: Floats) -> tuple[NDArray[np.int16], float]:
    """Values in steps of a fraction of their spread, and the step; 0 where they are not finite."""
    known = values[np.isfinite(values)]
    spread = float(known.std()) if known.size else 0.0
    largest = float(np.abs(known).max(initial=0.0))
    step = max(spread / STEPS_PER_SD, largest / LARGEST) or 1.0
    # a step of few digits makes a shorter page and no worse a picture
    step = float(f"{step:.3g}")
    return np.nan_to_num(values / step).round().clip(-LARGEST - 700, LARGEST + 700).astype(np.int16), step


def _shuffled(codes: NDArray[np.int16]) -> str:
    return _deflated(codes.astype("<i2").view(np.uint8).reshape(-1, 2).T)


def _deflated(content: NDArray[np.uint8]) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(content).tobytes(), LEVEL)).decode("ascii")
