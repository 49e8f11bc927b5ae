"""Maps of any program: one volume of real numbers, with what its header says of it."""

from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.imageglobals import LoggingOutputSuppressor
from nibabel.spatialimages import HeaderDataError

from bidsglm.dataset.masks import Grid, is_same_grid
from bidsglm.dataset.nifti import LARGEST_GRID, nifti_header, read_header, read_map
from bidsglm.errors import DataError, NoInputError, ReadWriteError
from bidsglm.inputs import Kind, file_size
from bidsglm.model import Floats

SINGLE, PAIRED = (".nii", ".nii.gz"), (".img", ".hdr", ".img.gz", ".hdr.gz")
FILE = Kind(NoInputError, DataError, "there is no such file", "give a map in a NIfTI file")
LARGEST_HEADER = 2**24
"""Bytes of a .hdr with its extensions"""
SHOWN = 120
"""Characters of another library's message"""


class HeaderFacts(NamedTuple):
    """What a header says of the numbers behind it."""

    intent: int = 0
    """NIfTI's code of the statistic, 0 for none"""
    parameters: tuple[float, ...] = ()
    """Numbers of the statistic's distribution"""
    description: str = ""


class MapImage(NamedTuple):
    """A map in memory."""

    name: str
    """As messages name it"""
    values: Floats
    """(x, y, z)"""
    grid: Grid
    facts: HeaderFacts


def read_image(path: Path) -> MapImage:
    """Read a map from a NIfTI file, or from a pair of header and image.

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        It is absent, damaged, no image of this kind, or not one volume.
    """
    if path.name.lower().endswith(PAIRED):
        return _of_pair(path)
    file_size(path, FILE)
    if not path.name.lower().endswith(SINGLE):
        raise DataError(
            f"{path}: is no NIfTI file by its name; give .nii, .nii.gz, or one of a pair .hdr and .img"
        )
    header = read_header(path)
    _check_volumes(path, header.shape)
    values, affine = read_map(path)
    return MapImage(
        str(path),
        values.reshape(header.shape[:3]),
        _grid(path, header.shape, affine),
        _facts(nifti_header(path)),
    )


def _of_pair(path: Path) -> MapImage:
    """Read a pair of header and image, NIfTI's or Analyze's, by either name."""
    if file_size(path, FILE) > LARGEST_HEADER and ".hdr" in path.suffixes:
        raise DataError(f"{path}: is larger than any header; give one of a pair .hdr and .img")
    try:
        with LoggingOutputSuppressor():  # what nibabel says of a bad header is in its error too
            image: Any = nib.load(path)
        shape, dtype = tuple(int(n) for n in image.shape), image.get_data_dtype()
        if dtype.kind not in "iuf":
            raise DataError(f"{path}: stores values of type {dtype}; convert it to real numbers")
        _check_volumes(path, shape)
        values = np.asarray(image.dataobj, dtype=np.float64)
        affine = np.asarray(image.affine, dtype=np.float64)
    except FileNotFoundError as error:
        raise NoInputError(
            f"{path}: the other file of the pair is not beside it; copy both .hdr and .img"
        ) from error
    except (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, TypeError) as error:
        raise ReadWriteError(
            f"{path}: cannot be read as a pair of header and image ({str(error)[:SHOWN]}); copy both again"
        ) from error
    return MapImage(str(path), values.reshape(shape[:3]), _grid(path, shape, affine), _facts(image.header))


def map_of(image: Any, name: str) -> MapImage:
    """Take one of nibabel's images; messages call it by the name.

    Raises
    ------
    DataError
        It is not one volume of real numbers.

    >>> map_of(nib.Nifti1Image(np.ones((2, 2, 2)), np.eye(4)), "first").grid.shape
    (2, 2, 2)
    """
    shape = tuple(int(n) for n in image.shape)
    _check_volumes(name, shape)
    values = np.asarray(image.dataobj)
    if values.dtype.kind not in "iufb":
        raise DataError(f"{name}: holds values of type {values.dtype}; convert it to real numbers")
    grid = _grid(name, shape, np.asarray(image.affine, dtype=np.float64))
    return MapImage(name, values.astype(np.float64).reshape(grid.shape), grid, _facts(image.header))


def _grid(name: object, shape: tuple[int, ...], affine: Floats) -> Grid:
    """Grid of an image, whose affine must place its voxels."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or np.linalg.matrix_rank(affine) < len(affine):
        raise DataError(f"{name}: its affine is not invertible; write the image again")
    x, y, z = shape[:3]
    return Grid((x, y, z), affine)


def _check_volumes(name: object, shape: tuple[int, ...]) -> None:
    size = " x ".join(map(str, shape))
    if len(shape) < 3 or min(shape) < 1 or np.prod(shape[:3]) > LARGEST_GRID:
        raise DataError(f"{name}: has dimensions {size}; a map of a brain in three dimensions is needed")
    n_volumes = int(np.prod(shape[3:]))
    if n_volumes > 1:
        raise DataError(f"{name}: has {n_volumes} volumes ({size}); take one of them out and give that")


def _facts(header: Any) -> HeaderFacts:
    if not isinstance(header, nib.Nifti1Header | nib.Nifti2Header):
        return HeaderFacts()
    parameters = tuple(float(header[f"intent_p{i}"]) for i in (1, 2, 3))
    text = bytes(header["descrip"].item()).split(b"\0")[0].decode("ascii", "replace")
    return HeaderFacts(int(header["intent_code"]), parameters, text)


def check_grids(one: MapImage, other: MapImage) -> None:
    """Refuse two images whose voxels are not the same places.

    Raises
    ------
    DataError
        With both grids.
    """
    if not is_same_grid(one.grid, other.grid):
        raise DataError(
            f"{other.name}: is on another grid ({in_words(other.grid)}) than {one.name}"
            f" ({in_words(one.grid)}); --resample brings it onto that grid"
        )


def in_words(grid: Grid) -> str:
    """Shape and affine of a grid.

    >>> in_words(Grid((2, 3, 4), np.diag([3.0, 3, 3, 1])))
    '2 x 3 x 4 voxels, affine [3 0 0 0; 0 3 0 0; 0 0 3 0]'
    """
    rows = "; ".join(" ".join(f"{value:.6g}" for value in row) for row in grid.affine[:3])
    return f"{' x '.join(map(str, grid.shape))} voxels, affine [{rows}]"
