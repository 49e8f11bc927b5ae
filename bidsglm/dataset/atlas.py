"""Atlases: images whose voxels hold the number of a region, and the names of the regions."""

import hashlib
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.dataset.atlas_labels import LARGEST_INDEX, NAMES_SHOWN, find_labels, read_labels
from bidsglm.dataset.masks import Grid, grid_of, is_same_grid
from bidsglm.dataset.nifti import Header, read_header, volumes
from bidsglm.errors import DataError, NoInputError
from bidsglm.inputs import Kind, file_size
from bidsglm.model import Floats
from bidsglm.sentences import listing

WHOLE = 1e-4
"""Whole numbers that were stored scaled are off by the rounding of the scale."""
BLOCK = 2**20
"""Voxels that are looked at together: the whole atlas stands in memory once, as it is stored."""
MOST_REGIONS = 20_000
"""Each gets a row in a table for every contrast; the finest parcellations have a thousand."""
ATLAS = Kind(NoInputError, DataError, "there is no such atlas; check --atlas", "give a NIfTI file")


class Atlas(NamedTuple):
    """A labelled image; its regions by their place in the order of their numbers."""

    path: Path
    labels: Path | None
    """The file with the names."""
    grid: Grid
    places: NDArray[np.int32]
    """(x, y, z) 0 for the background, else one more than the region's place"""
    indices: tuple[int, ...]
    """Number of each region in the image, ascending"""
    names: tuple[str, ...]
    digest: str
    """Changes when the content of the image or of the labels file does"""
    notes: tuple[str, ...]
    """Regions without a name, names without a region"""

    @property
    def space(self) -> str:
        """Space that its file name states; empty when it states none."""
        found = re.search(r"(?:^|_)(?:space|tpl)-([0-9A-Za-z]+)", self.path.name)
        return found[1] if found else ""


def read_atlas(path: Path, labels: Path | None = None) -> Atlas:
    """Read a labelled image and its labels, given or found beside it.

    Raises
    ------
    NoInputError, ReadWriteError
        When a file is missing or damaged.
    DataError
        When the image holds no regions, several volumes, or values that number none; or the labels are wrong.
    """
    if path.is_dir():
        raise NoInputError(f"{path}: is a folder; --atlas takes a NIfTI file")
    file_size(path, ATLAS)
    chosen = labels or find_labels(path)
    stamps = tuple(
        (file.stat().st_size, file.stat().st_mtime_ns) for file in (path, chosen) if file and file.is_file()
    )
    return _read(path, chosen, stamps)


@lru_cache(maxsize=2)
def _read(path: Path, labels: Path | None, _: tuple[tuple[int, int], ...]) -> Atlas:
    """Read once for all participants of this process, as long as the files stay what they are."""
    header = read_header(path)
    if header.n_volumes > 1:
        raise DataError(
            f"{path}: has {header.n_volumes} volumes; an atlas needs one, with the number of a region in "
            "each voxel (of a probabilistic atlas, take the maximum probability image)"
        )
    grid = grid_of(header)
    found, places = _regions(header)
    indices = tuple(int(index) for index in found if index)
    if not indices:
        raise DataError(f"{path}: holds no region, every voxel is 0; choose another atlas")
    given = read_labels(labels) if labels else {}
    names = tuple(given.get(index, str(index)) for index in indices)
    content = [_digest(file) for file in (path, labels) if file]
    shaped = places.reshape(grid.shape, order="F")
    notes = _notes(path, labels, indices, given)
    return Atlas(path, labels, grid, shaped, indices, names, "-".join(content), notes)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _regions(header: Header) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Numbers in an image, 0 included, ascending; and for each voxel, x fastest, the place of its number.

    Raises
    ------
    DataError
        When a value is no region's number, or there are too many.
    """
    (stored,) = volumes(header)
    blocks = [slice(start, start + BLOCK) for start in range(0, stored.size, BLOCK)]
    found = np.zeros(1, dtype=np.int64)
    for block in blocks:
        found = np.union1d(found, _whole_numbers(header.path, header.scaled(stored[block])))
        if found.size > MOST_REGIONS:
            raise DataError(
                f"{header.path}: holds more than {MOST_REGIONS:,} different numbers; an atlas has one for "
                "each region (is it a statistical map?)"
            )
    places = np.empty(stored.size, dtype=np.int32)
    for block in blocks:
        numbers = _whole_numbers(header.path, header.scaled(stored[block]))
        places[block] = np.searchsorted(found, numbers)
    return found, places


def _whole_numbers(path: Path, values: Floats) -> NDArray[np.int64]:
    """Values of a labelled image; what is no number counts as background.

    Raises
    ------
    DataError
        When a value is not whole, negative or too large.
    """
    values = np.where(np.isnan(values), 0.0, values)
    if not (np.abs(values) <= LARGEST_INDEX).all():
        raise DataError(
            f"{path}: holds values beyond {LARGEST_INDEX}, which number no region; is it a statistical map?"
        )
    rounded = np.rint(values)
    uneven = np.abs(values - rounded) > WHOLE
    if uneven.any():
        value = float(values[uneven][0])
        raise DataError(
            f"{path}: holds {value:.4g}, which numbers no region; an atlas has whole numbers only "
            "(was it resampled with interpolation, or is it a statistical map?)"
        )
    if rounded.min() < 0:
        raise DataError(
            f"{path}: holds {rounded.min():.0f}; regions are numbered from 1, and 0 is the background"
        )
    return rounded.astype(np.int64)


def _notes(path: Path, labels: Path | None, indices: Sequence[int], given: dict[int, str]) -> tuple[str, ...]:
    """What does not go together in image and labels file."""
    if labels is None:
        return (f"{path.name} has no labels file beside it; its regions go by their numbers",)
    nameless = [str(index) for index in indices if index not in given]
    absent = [f"{name} ({index})" for index, name in given.items() if index not in set(indices)]
    notes = []
    if nameless:
        unnamed = listing(nameless, NAMES_SHOWN)
        notes.append(f"{labels.name} has no name for {unnamed} of {path.name}; these go by number")
    if absent:
        notes.append(f"{labels.name} names regions that {path.name} lacks: {listing(absent, NAMES_SHOWN)}")
    return tuple(notes)


def places_on(atlas: Atlas, grid: Grid) -> NDArray[np.intp]:
    """The atlas' regions at the voxels of another grid: those of the nearest voxels of the atlas.

    Parameters
    ----------
    atlas
        In the same space.
    grid
        Of the maps.

    Returns
    -------
    (x, y, z) as `Atlas.places`; 0 outside the atlas
    """
    if is_same_grid(atlas.grid, grid):
        return atlas.places.astype(np.intp)
    if not _overlap(atlas.grid, grid):
        return np.zeros(grid.shape, dtype=np.intp)  # nilearn refuses what has nothing in common
    import nibabel as nib
    from nilearn.image import resample_img

    # scipy, which does the work, takes nothing beyond the centre of the outermost voxels: hence an empty rim
    rim = atlas.grid.affine.copy()
    rim[:3, 3] -= rim[:3, :3].sum(axis=1)
    image: Any = nib.Nifti1Image(np.pad(atlas.places, 1), rim)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice to programmers on nilearn's defaults
        moved = resample_img(
            image,
            target_affine=grid.affine,
            target_shape=grid.shape,
            interpolation="nearest",
            copy_header=True,
            force_resample=True,
        )
    return np.asarray(moved.dataobj).astype(np.intp)


def _overlap(first: Grid, second: Grid) -> bool:
    """Whether the boxes around two grids meet; half a voxel around the outermost centres belongs to them."""
    corners = np.array(list(product((0.0, 1.0), repeat=3)))
    shape = np.array(second.shape)
    here = np.linalg.inv(first.affine) @ second.affine
    ends = (corners * shape - 0.5) @ here[:3, :3].T + here[:3, 3]
    return bool(((ends.max(axis=0) > -0.5) & (ends.min(axis=0) < np.array(first.shape) - 0.5)).all())
