"""Scans of an analysis that were found again, as series of voxels."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.imageglobals import LoggingOutputSuppressor
from nibabel.spatialimages import HeaderDataError

from bidsglm.check.spm_records import Scan
from bidsglm.data import TimeSeries, Volume
from bidsglm.dataset.images import global_level
from bidsglm.dataset.masks import Grid
from bidsglm.dataset.nifti import LARGEST_GRID, LONGEST_SERIES
from bidsglm.errors import DataError, ReadWriteError
from bidsglm.model import Floats, Mask

NIFTI_MAGIC = slice(344, 348)
"""Bytes of a header that say that it is NIfTI's"""


class ScanPlace(NamedTuple):
    """A volume in a file that is there."""

    path: Path
    volume: int
    """From 1"""


def places(scans: Sequence[Scan], found: dict[str, Path]) -> tuple[ScanPlace, ...]:
    """Where the volumes of a session are now; empty where one is missing."""
    made = [ScanPlace(found[s.path], s.volume) for s in scans if s.path in found]
    return tuple(made) if len(made) == len(scans) else ()


def load_image(path: Path) -> Any:
    """Open an image without reading its values.

    Raises
    ------
    ReadWriteError, DataError
        It is damaged, or larger than any image of the brain.
    """
    _check_pair(path)
    try:
        with LoggingOutputSuppressor():  # what nibabel says of a bad header is in its error too
            image: Any = nib.load(path)
    except (ImageFileError, HeaderDataError, OSError, ValueError, TypeError, EOFError) as error:
        reason = "" if str(path) in str(error) else f" ({str(error)[:80]})"
        raise ReadWriteError(f"{path}: is damaged, cut short or no image{reason}; copy it again") from error
    shape = image.shape
    if len(shape) not in (3, 4):
        raise DataError(f"{path}: has the shape {shape}; give an image of three or four dimensions")
    if np.prod(shape[:3], dtype=float) > LARGEST_GRID or max(shape) > LONGEST_SERIES:
        raise ReadWriteError(
            f"{path}: its header says {' x '.join(map(str, shape))}, more than any brain has; copy it again"
        )
    if min(shape) < 1:
        raise DataError(f"{path}: has the shape {shape}, no voxel at all; give an image with voxels")
    if image.get_data_dtype().kind not in "biuf":
        raise DataError(
            f"{path}: holds {image.get_data_dtype()}, no real numbers; give a map of real numbers"
        )
    return image


def _check_pair(path: Path) -> None:
    """Refuse an image of two files (.hdr, .img) whose place in space stands in a MATLAB file beside it.

    SPM8 writes NIfTI pairs, which hold it themselves. Without that, and without such a file, an Analyze image
    has its left on the right, as SPM's default is.
    """
    header, matlab = path.with_suffix(".hdr"), path.with_suffix(".mat")
    if path.suffix != ".img" or not matlab.exists() or not header.is_file():
        return
    with header.open("rb") as stream:
        is_nifti = stream.read(NIFTI_MAGIC.stop)[NIFTI_MAGIC] == b"ni1\0"
    if not is_nifti:
        raise DataError(
            f"{path}: is an Analyze image whose place in space is in {matlab.name}, which is not read; "
            "save it as NIfTI"
        )


def grid_of(image: Any) -> Grid:
    """Grid of an image."""
    x, y, z = (int(n) for n in image.shape[:3])
    return Grid((x, y, z), np.asarray(image.affine, dtype=np.float64))


def values_of(path: Path) -> tuple[Floats, Grid]:
    """Values (x, y, z) of a map and its grid; NaN where there are none.

    Raises
    ------
    ReadWriteError, DataError
        It is damaged, or no map of three dimensions.
    """
    image = load_image(path)
    if len(image.shape) == 4 and image.shape[3] > 1:
        raise DataError(f"{path}: has {image.shape[3]} volumes; give a map of one contrast")
    try:
        values = np.asarray(image.dataobj, dtype=np.float64).reshape(image.shape[:3])
    except (OSError, EOFError, ValueError) as error:
        raise ReadWriteError(f"{path}: is damaged ({str(error)[:80]}); copy it again") from error
    return values, grid_of(image)


def support(values: Floats) -> Mask:
    """Voxels of a map that have a result: programs write NaN or 0 outside their masks.

    >>> support(np.array([0.0, np.nan, 2.0]))
    array([False, False,  True])
    """
    return np.asarray(np.isfinite(values) & (values != 0))


def volumes(scans: Sequence[ScanPlace]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the volumes one after the other, (x, y, z) in the order of the scans."""
    image, last = None, None
    for place in scans:
        if place.path != last:
            image, last = load_image(place.path), place.path
        assert image is not None
        data = image.dataobj
        if len(image.shape) == 3:
            yield np.asanyarray(data)
            continue
        if place.volume > image.shape[3]:
            raise DataError(
                f"{place.path}: has {image.shape[3]} volumes, and SPM.mat names volume {place.volume}"
            )
        yield np.asanyarray(data[..., place.volume - 1])


def read_series(scans: Sequence[ScanPlace], volume: Volume) -> TimeSeries:
    """Read the voxels of a volume from all scans of a session.

    Raises
    ------
    ReadWriteError, DataError
        A file is damaged or on another grid.
    """
    stored, levels = None, np.empty((len(scans), 2))
    try:
        for i, values in enumerate(volumes(scans)):
            if values.shape != volume.shape:
                raise DataError(f"{scans[i].path}: has the grid {values.shape}, other scans {volume.shape}")
            columns = values[volume.voxels]
            if stored is None:
                kind = (
                    columns.dtype if columns.dtype.kind in "iu" and columns.dtype.itemsize < 4 else np.float32
                )
                stored = np.empty(
                    (len(scans), columns.size), dtype=np.float64 if values.dtype == np.float64 else kind
                )
            if columns.dtype != stored.dtype:
                stored = stored.astype(np.float64)
            stored[i] = columns
            levels[i] = global_level(values)
    except (OSError, EOFError, ValueError) as error:
        raise ReadWriteError(f"{scans[0].path}: is damaged ({str(error)[:80]}); copy it again") from error
    assert stored is not None
    finite = np.nan_to_num(stored.astype(np.float64)) if stored.dtype.kind == "f" else stored
    still: Mask = np.asarray(finite.max(axis=0) == finite.min(axis=0))
    return TimeSeries(stored, 1.0, 0.0, levels[:, 0], still, float(levels[:, 1].mean()))


def smoothed_series(scans: Sequence[ScanPlace], volume: Volume, fwhm: float) -> TimeSeries:
    """Read a session as nilearn smooths it; errors as `read_series`."""
    # a volume at a time: no array of the data's size is held
    rows = [smoothed(_single(values), volume.affine, fwhm)[volume.voxels] for values in volumes(scans)]
    stored = np.array(rows)
    still: Mask = np.asarray(stored.max(axis=0) == stored.min(axis=0))
    return TimeSeries(stored, 1.0, 0.0, np.full(len(rows), np.nan), still)


def smoothed(values: np.ndarray[Any, Any], affine: Floats, fwhm: float) -> np.ndarray[Any, Any]:
    """Smooth a volume (x, y, z) by nilearn's own filter."""
    from nilearn.image import smooth_img

    return np.asanyarray(smooth_img(nib.Nifti1Image(values, affine), fwhm).dataobj)


def _single(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """As nilearn's masker loads it: single precision, unless the file holds doubles."""
    return values if values.dtype == np.float64 else values.astype(np.float32)
