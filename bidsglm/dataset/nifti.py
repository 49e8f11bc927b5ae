"""NIfTI files as streams of volumes, and maps as the bytes of such files.

A compressed run is decompressed once, volume by volume, so that it never stands in memory whole.
Decompression is ISA-L's where python-isal is installed (two to three times as fast), else zlib's.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import DTypeLike, NDArray

from bidsglm.dataset.content import absent_content
from bidsglm.errors import DataError, NoInputError, ReadWriteError
from bidsglm.model import Floats, Volume

_gzip: Any = gzip
_zlib: Any = zlib
try:
    from isal import igzip as _gzip
    from isal import isal_zlib as _zlib
except ImportError:
    pass

_zlib_error: type[Exception] = _zlib.error
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, _zlib_error)
GZIP_MAGIC = b"\x1f\x8b"
READ_AHEAD = 2**20
GZIP_FRAMING = 31
"""zlib's wbits for a gzip header of the fixed kind: no time, no file name."""
COMPRESSION_LEVEL = 1
"""Fast, about a tenth larger than the slowest; zlib and ISA-L both know it."""

SCANNER_ANATOMICAL, ALIGNED_ANATOMICAL, TALAIRACH, MNI_152 = 1, 2, 3, 4
"""NIfTI's codes for the space of an affine."""

_new_header: Any = nib.Nifti1Header


class Header(NamedTuple):
    """What is needed to read the values of a NIfTI file."""

    path: Path
    shape: tuple[int, ...]
    """(x, y, z) or (x, y, z, n_scans)"""
    affine: Floats
    dtype: np.dtype[np.generic]
    """As stored, with its byte order."""
    offset: int
    slope: float
    intercept: float

    @property
    def n_volumes(self) -> int:
        """Number of volumes in the file."""
        return self.shape[3] if len(self.shape) == 4 else 1

    @property
    def is_scaled(self) -> bool:
        """Whether values differ from what is stored."""
        return (self.slope, self.intercept) != (1.0, 0.0)

    def scaled(self, stored: NDArray[np.generic]) -> Floats:
        """Header-scaled float64 values."""
        values = stored.astype(np.float64)
        return values * self.slope + self.intercept if self.is_scaled else values


def read_header(path: Path) -> Header:
    """Read where the values of a NIfTI file stand and how they are stored.

    Parameters
    ----------
    path : a .nii or .nii.gz file of three or four dimensions

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        If the file is absent, damaged, or not a NIfTI file of real numbers.
    """
    image = _load(path)
    stored = image.dataobj
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 4 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise DataError(f"{path}: has dimensions {shape}; an image of three or four dimensions is needed")
    if stored.dtype.kind not in "iuf":
        raise DataError(f"{path}: stores values of type {stored.dtype}; convert it to real numbers")
    slope, intercept = float(stored.slope), float(stored.inter)
    affine = np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine) < len(affine):
        raise DataError(f"{path}: the affine in its header places no voxel; write the image anew")
    return Header(path, shape, affine, stored.dtype, int(stored.offset), slope, intercept)


def _load(path: Path) -> Any:
    if absent := absent_content(path):
        raise ReadWriteError(f"{path}: {absent}")
    if not path.is_file():
        raise NoInputError(f"{path}: there is no such file")
    with path.open("rb") as stream:
        if path.suffix == ".gz" and stream.read(2) != GZIP_MAGIC:
            raise ReadWriteError(f"{path}: is not a gzip file as its name says; copy or re-run it")
    try:
        image: Any = nib.load(path)
    except (*DAMAGED, ImageFileError, HeaderDataError) as error:
        raise _damage(path) from error
    if not isinstance(image, nib.Nifti1Image):
        raise DataError(f"{path}: is not a NIfTI file; convert it to .nii.gz")
    return image


def _damage(path: Path) -> ReadWriteError:
    return ReadWriteError(f"{path}: is truncated or damaged; copy or re-run it")


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], _gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def volumes(header: Header) -> Iterator[NDArray[np.generic]]:
    """Read one volume after the other.

    Parameters
    ----------
    header : of the file

    Yields
    ------
    (x * y * z,) stored values with x running fastest, in the machine's byte order; the same memory
    each time

    Raises
    ------
    ReadWriteError
        If the file ends too early or its checksum is wrong.
    """
    n_voxels = int(np.prod(header.shape[:3]))
    buffer = bytearray(n_voxels * header.dtype.itemsize)
    stored = np.frombuffer(buffer, dtype=header.dtype)
    try:
        with _open(header.path) as stream:
            stream.read(header.offset)
            for _ in range(header.n_volumes):
                _fill(stream, memoryview(buffer))
                yield stored.astype(header.dtype.newbyteorder("="), copy=False)
            # At the end of the file gzip compares its checksum.
            while stream.read(READ_AHEAD):
                pass
    except DAMAGED as error:
        raise _damage(header.path) from error


def _fill(stream: IO[bytes], buffer: memoryview) -> None:
    filled = 0
    while filled < len(buffer):
        n_read = cast(io.BufferedIOBase, stream).readinto(buffer[filled:])
        if not n_read:
            raise EOFError
        filled += n_read


def read_map(path: Path) -> tuple[Floats, Floats]:
    """Read the header-scaled values of a small image.

    Parameters
    ----------
    path : a .nii or .nii.gz file

    Returns
    -------
    (x, y, z) or (x, y, z, n_volumes) float64 values and the (4, 4) affine

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        As `read_header` and `volumes`.
    """
    header = read_header(path)
    values = np.empty((header.n_volumes, int(np.prod(header.shape[:3]))))
    for row, stored in zip(values, volumes(header), strict=True):
        row[:] = stored
    values = values * header.slope + header.intercept
    return values.T.reshape(header.shape, order="F"), header.affine


def map_bytes(
    values: NDArray[np.generic],
    volume: Volume,
    outside: float,
    dtype: DTypeLike = np.float32,
    space: str = "",
) -> bytes:
    """Make a compressed NIfTI file of the columns' values; the same values make the same bytes.

    Parameters
    ----------
    values : (n_voxels,) for a volume, (k, n_voxels) for k volumes
    volume : the grid that the columns come from
    outside : value of the voxels without a column
    dtype : as stored
    space : BIDS label of the space, none for the scanner's

    Examples
    --------
    >>> volume = Volume((2, 1, 1), np.eye(4), np.array([True, False]).reshape(2, 1, 1))
    >>> content = gzip.decompress(map_bytes(np.array([7.0]), volume, outside=0))
    >>> np.frombuffer(content, np.float32, offset=352)
    array([7., 0.], dtype=float32)
    """
    rows = np.atleast_2d(values)
    shape = volume.shape if np.ndim(values) == 1 else (*volume.shape, len(rows))
    positions = fortran_positions(volume.voxels)
    compressor = _zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, GZIP_FRAMING)
    parts = [compressor.compress(_map_header(shape, volume.affine, dtype, space_code(space)))]
    content = np.full(volume.voxels.size, outside, dtype=dtype)
    for row in rows:
        content[positions] = row
        parts.append(compressor.compress(content))
    parts.append(compressor.flush())
    return b"".join(parts)


def _map_header(shape: tuple[int, ...], affine: Floats, dtype: DTypeLike, code: int) -> bytes:
    header = _new_header()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    header.set_sform(affine, code=code)
    header.set_qform(affine, code=code, strip_shears=True)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(1, 0)
    header["magic"], header["vox_offset"] = b"n+1", header.single_vox_offset
    no_extensions = bytes(header.single_vox_offset - len(header.binaryblock))
    return bytes(header.binaryblock) + no_extensions


def space_code(space: str) -> int:
    """NIfTI's code for a BIDS space.

    Examples
    --------
    >>> [space_code(space) for space in ("MNI152NLin2009cAsym", "T1w", "")]
    [4, 2, 1]
    """
    if space.startswith("MNI"):
        return MNI_152
    if space.startswith("Talairach"):
        return TALAIRACH
    return ALIGNED_ANATOMICAL if space else SCANNER_ANATOMICAL


def fortran_positions(voxels: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions of the columns' voxels in a file, where x runs fastest.

    Examples
    --------
    >>> fortran_positions(np.ones((2, 2, 1), dtype=bool))
    array([0, 2, 1, 3])
    """
    return np.ravel_multi_index(np.nonzero(voxels), voxels.shape, order="F")
