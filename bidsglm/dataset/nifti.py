"""NIfTI files as streams of volumes.

A compressed run is decompressed once, volume by volume, so that it never stands in memory whole.
Decompression is ISA-L's where python-isal is installed (two to three times as fast), else zlib's.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import nibabel as nib
import numpy as np
from nibabel.imageglobals import LoggingOutputSuppressor
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from bidsglm.errors import DataError, NoInputError, ReadWriteError
from bidsglm.inputs import Kind, file_size, unreadable
from bidsglm.model import Floats
from bidsglm.process.cores import borrowed_core

_gzip: Any = gzip
_zlib: Any = zlib
_gzip_beside: Any = None
try:
    from isal import igzip as _gzip
    from isal import igzip_threaded as _gzip_beside
    from isal import isal_zlib as _zlib
except ImportError:
    pass

_zlib_error: type[Exception] = _zlib.error
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, _zlib_error)
GZIP_MAGIC = b"\x1f\x8b"
MOST_COMPRESSED = 1032
"""Bytes that one byte of deflate can stand for, at most."""
READ_AHEAD = 2**20
BLOCK = 2**21
"""Bytes that another thread decompresses at a time: fewer make the two wait for each other"""

LARGEST_GRID = 2**26
"""Voxels of a volume: more than the MNI template has at half a millimetre."""
LONGEST_SERIES = 200_000
"""Volumes: a day and a night at a repetition time of half a second."""
LARGEST_OFFSET = 2**24
"""Bytes between header and values: there is room for much text, but no image."""

LARGEST_FACTOR = 1e15
"""Factor of a header's scaling: beyond it, maps overflow float32."""

EVERYWHERE = (slice(None), slice(None), slice(None))
IMAGE = Kind(
    NoInputError,
    DataError,
    "there is no such file; correct the path, or make the file again",
    "give a NIfTI file",
)

_HEADERS: Any = {b"n+1\0": nib.Nifti1Header, b"n+2\0": nib.Nifti2Header}
_MAGIC = {348: 344, 540: 4}
"""Size of the header -> where it says which kind of NIfTI it is."""


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
    header = nifti_header(path)
    shape = tuple(int(n) for n in header.get_data_shape())
    while len(shape) > 4 and shape[-1] == 1:
        shape = shape[:-1]
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise DataError(f"{path}: stores values of type {dtype}; convert it to real numbers")
    try:
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
        slope, intercept = header.get_slope_inter()
    except (HeaderDataError, ValueError) as error:
        raise DataError(f"{path}: its header is not valid ({error}); write the image again") from error
    if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine) < len(affine):
        raise DataError(f"{path}: the affine in its header is not invertible; write the image again")
    _check_dimensions(path, shape)
    if not all(abs(factor) < LARGEST_FACTOR for factor in (slope or 1.0, intercept or 0.0)):
        raise DataError(f"{path}: scl_slope or scl_inter in its header is implausibly large; write it again")
    offset = _checked_offset(path, header, prod(shape) * dtype.itemsize)
    scaling = 1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)
    return Header(path, shape, affine, dtype, offset, *scaling)


def nifti_header(path: Path) -> Any:
    """Nibabel's header of a NIfTI file; nothing behind it is read, as its extensions may be of any size.

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        If the file is absent, damaged, or not a NIfTI file.
    """
    file_size(path, IMAGE)
    try:
        with path.open("rb") as stream:
            if path.suffix.lower() == ".gz" and stream.read(2) != GZIP_MAGIC:
                raise ReadWriteError(f"{path}: is not a gzip file as its name says; copy or re-run it")
        with _open(path) as stream:
            content = stream.read(max(_MAGIC))
    except DAMAGED as error:
        raise _damage(path) from error
    except OSError as error:
        raise unreadable(path, error) from error
    kinds = {content[at : at + 4]: size for size, at in _MAGIC.items()}
    magic = next((magic for magic in kinds if magic in _HEADERS), None)
    if b"ni1\0" in kinds or b"ni2\0" in kinds:
        raise DataError(f"{path}: is half of a pair of header and image; convert it to .nii.gz")
    if magic is None or len(content) < kinds[magic]:
        raise _damage(path)
    try:
        with LoggingOutputSuppressor():
            return _HEADERS[magic](content[: kinds[magic]])
    except (HeaderDataError, ValueError) as error:
        raise _damage(path) from error


def _check_dimensions(path: Path, shape: tuple[int, ...]) -> None:
    size = " x ".join(f"{n}" for n in shape)
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise DataError(f"{path}: has dimensions {size}; an image of three or four dimensions is needed")
    if prod(shape[:3]) > LARGEST_GRID or prod(shape[3:]) > LONGEST_SERIES:
        raise DataError(
            f"{path}: its header says {size}, more voxels or volumes than an image of a head has; "
            "write the image again"
        )


def _checked_offset(path: Path, header: Any, n_bytes: int) -> int:
    """Where the values begin, in a file that can hold them.

    Raises
    ------
    DataError, ReadWriteError
        If the place makes no sense, or the file is too short for what its header promises.
    """
    offset = float(header["vox_offset"])
    if not (offset == 0 or header.single_vox_offset <= offset <= LARGEST_OFFSET):
        raise DataError(f"{path}: vox_offset in its header is {offset:g}; write the image again")
    room = file_size(path, IMAGE) * (MOST_COMPRESSED if path.suffix.lower() == ".gz" else 1)
    if offset + n_bytes > room:
        raise ReadWriteError(
            f"{path}: is truncated or damaged: its header promises {n_bytes:,} bytes of values, more than "
            "the file can hold; copy or re-run it"
        )
    return int(header.get_data_offset())


def _damage(path: Path) -> ReadWriteError:
    return ReadWriteError(f"{path}: is truncated or damaged; copy or re-run it")


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], _gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


@contextmanager
def _open_beside(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that is decompressed in another thread where a core is idle."""
    with borrowed_core() as has_core:
        beside = has_core and _gzip_beside is not None and path.suffix.lower() == ".gz"
        with _gzip_beside.open(path, "rb", block_size=BLOCK) if beside else _open(path) as stream:
            yield stream


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
        with _open_beside(header.path) as stream:
            stream.read(header.offset)  # bounded by read_header
            for _ in range(header.n_volumes):
                _fill(stream, memoryview(buffer))
                yield stored.astype(header.dtype.newbyteorder("="), copy=False)
            # At the end of the file gzip compares its checksum.
            while stream.read(READ_AHEAD):
                pass
    except DAMAGED as error:
        raise _damage(header.path) from error
    except OSError as error:
        raise unreadable(header.path, error) from error


def _fill(stream: IO[bytes], buffer: memoryview) -> None:
    filled = 0
    while filled < len(buffer):
        n_read = cast(io.BufferedIOBase, stream).readinto(buffer[filled:])
        if not n_read:
            raise EOFError
        filled += n_read


def read_map(path: Path, part: tuple[slice, slice, slice] = EVERYWHERE) -> tuple[Floats, Floats]:
    """Read the header-scaled values of a small image.

    Parameters
    ----------
    path : a .nii or .nii.gz file
    part : of the grid, where not all of it is needed

    Returns
    -------
    (x, y, z) or (x, y, z, n_volumes) float64 values, of the part, and the whole image's (4, 4) affine

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        As `read_header` and `volumes`.
    """
    header = read_header(path)
    grid, further = header.shape[:3], header.shape[3:]
    sizes = [len(range(*place.indices(n))) for place, n in zip(part, grid, strict=True)]
    values = np.empty((*sizes, header.n_volumes), order="F")
    for i, stored in enumerate(volumes(header)):
        values[..., i] = stored.reshape(grid, order="F")[part]
    # in place: a map's pages are asked for once
    values *= header.slope
    values += header.intercept
    return values.reshape((*sizes, *further), order="F"), header.affine
