"""Maps as the bytes of compressed NIfTI files, by ISA-L where python-isal is installed, else by zlib."""

import zlib
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike, NDArray

from bidsglm.data import Volume
from bidsglm.model import Floats

_zlib: Any = zlib
try:  # noqa: SIM105
    from isal import isal_zlib as _zlib
except ImportError:
    pass

GZIP_FRAMING = 31
"""zlib's wbits for a gzip header of the fixed kind: no time, no file name."""
COMPRESSION_LEVEL = 1
"""Fast, about a tenth larger than the slowest; zlib and ISA-L both know it."""

SCANNER_ANATOMICAL, ALIGNED_ANATOMICAL, TALAIRACH, MNI_152 = 1, 2, 3, 4
"""NIfTI's codes for the space of an affine."""

_new_header: Any = nib.Nifti1Header


def map_bytes(
    values: NDArray[np.generic],
    volume: Volume,
    outside: float,
    dtype: DTypeLike = np.float32,
    space: str = "",
    positions: NDArray[np.intp] | None = None,
) -> bytes:
    """Make a compressed NIfTI file of the columns' values; the same values make the same bytes.

    Parameters
    ----------
    values : (n_voxels,) for a volume, (k, n_voxels) for k volumes
    volume : the grid that the columns come from
    outside : value of the voxels without a column
    dtype : as stored
    space : BIDS label of the space, none for the scanner's
    positions : `fortran_positions` of the volume, where they are known from another map

    Examples
    --------
    >>> import gzip
    >>> volume = Volume((2, 1, 1), np.eye(4), np.array([True, False]).reshape(2, 1, 1))
    >>> content = gzip.decompress(map_bytes(np.array([7.0]), volume, outside=0))
    >>> np.frombuffer(content, np.float32, offset=352)
    array([7., 0.], dtype=float32)
    """
    rows = np.atleast_2d(values)
    shape = volume.shape if np.ndim(values) == 1 else (*volume.shape, len(rows))
    positions = fortran_positions(volume.voxels) if positions is None else positions
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

    >>> fortran_positions(np.ones((2, 2, 1), dtype=bool))
    array([0, 2, 1, 3])
    """
    return np.ravel_multi_index(np.nonzero(voxels), voxels.shape, order="F")
