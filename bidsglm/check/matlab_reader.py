"""MATLAB files read: v5 to v7 by scipy, v7.3 (HDF5) by h5py; nothing in them is run.

Objects and function handles are passed over (None); sparse matrices stay sparse. Whole numbers, which MATLAB
stores in as few bytes as they need, become float64 at once: arithmetic on uint8 would wrap.
"""

import pickle
import resource
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.io import loadmat
from scipy.io.matlab import mat_struct

from bidsglm.check.matlab_hdf5 import DEEPEST, LARGEST_CONTENT, MOST_ITEMS, Tree, read_hdf5
from bidsglm.errors import BidsglmError, DataError, NoInputError, ReadWriteError
from bidsglm.inputs import Kind, file_size

MAT_FILE = Kind(NoInputError, DataError, "there is no such file", "give an SPM.mat")
LARGEST_FILE = 2**30
"""Bytes (1 GiB) of a file that is read as a whole: the largest designs take a hundredth of it."""
MOST_MEMORY = 2**33
"""Bytes (8 GiB) of address space: twice the content as doubles"""
MOST_SECONDS = 300
"""Computing time (s): an SPM.mat of 10,000 scans takes some ten"""
HDF5 = b"\x89HDF\r\n\x1a\n"
LEVEL_5 = b"MATLAB 5.0 MAT-file"
HEADER_BYTES = 128
COMPRESSED = 15
"""Type of a compressed element."""
PIECE = 2**20


def main(path: str, name: str) -> None:
    """Read one variable within bounds, and write it, or the error, as a pickle to the standard output."""
    for kind, most in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CPU, MOST_SECONDS)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    found: Tree
    try:
        found = read_here(Path(path), name)
    except BidsglmError as error:
        found = error
    pickle.dump(found, sys.stdout.buffer)


def read_here(path: Path, name: str) -> Tree:
    """Read one variable in this process; returns and errors as `bidsglm.check.matlab.read_mat`."""
    size = file_size(path, MAT_FILE)
    with path.open("rb") as stream:
        start = stream.read(HEADER_BYTES)
    # a v7.3 file begins with 512 bytes of text before the HDF5 superblock
    if start.startswith((HDF5, b"MATLAB 7.3 MAT-file")):
        return read_hdf5(path, name)
    if not start.startswith(LEVEL_5):
        raise DataError(f"{path}: is no MATLAB file (v5 to v7.3); give an SPM.mat")
    if size > LARGEST_FILE:
        raise DataError(
            f"{path}: is larger than {LARGEST_FILE >> 30} GiB; save it in the format of which only what is "
            "needed is read, in MATLAB: load SPM; save('SPM.mat', 'SPM', '-v7.3')"
        )
    try:
        _check_inflated(path)
        found = loadmat(path, struct_as_record=False, squeeze_me=True, variable_names=[name])
    except BidsglmError:
        raise
    except Exception as error:  # scipy's reader raises whatever the bytes lead it to
        raise ReadWriteError(
            f"{path}: is damaged or cut short ({' '.join(str(error).split())[:80]}); copy it again"
        ) from error
    if name not in found:
        raise DataError(f"{path}: holds no variable {name}; give an SPM.mat")
    return _Reader(path).plain(found[name], DEEPEST)


def _check_inflated(path: Path) -> None:
    """Refuse elements that a few bytes blow up to more than a machine's memory."""
    total = 0
    with path.open("rb") as stream:
        order = "<" if stream.read(HEADER_BYTES)[126:128] == b"IM" else ">"
        while len(head := stream.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", head)
            if kind != COMPRESSED:
                stream.seek(size, 1)
                continue
            inflater, left = zlib.decompressobj(), size
            while left and (data := stream.read(min(PIECE, left))):
                left -= len(data)
                while data:
                    total += len(inflater.decompress(data, PIECE))
                    data = inflater.unconsumed_tail
                    if total > LARGEST_CONTENT:
                        raise DataError(
                            f"{path}: unpacks to more than {LARGEST_CONTENT >> 30} GiB, "
                            "which no SPM.mat does; give an SPM.mat"
                        )


class _Reader:
    """Turns scipy's objects into plain ones, of bounded number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left = MOST_ITEMS

    def plain(self, value: Any, depth: int) -> Tree:
        self.left -= 1
        if depth < 0 or self.left < 0:
            raise DataError(f"{self.path}: holds more structures than an SPM.mat; give an SPM.mat")
        if isinstance(value, mat_struct):
            names = getattr(value, "_fieldnames", None) or ()
            return {name: self.plain(getattr(value, name), depth - 1) for name in names}
        if isinstance(value, str):
            return value
        if sparse.issparse(value):
            return value
        if isinstance(value, np.ndarray):
            return self._array(value, depth)
        return np.float64(value) if isinstance(value, int | float | np.number | np.bool_) else None

    def _array(self, value: NDArray[Any], depth: int) -> Tree:
        if type(value) is not np.ndarray or value.dtype.names:
            return None  # an object, or a function handle
        if value.dtype.kind == "O":
            return [self.plain(item, depth - 1) for item in value.ravel(order="F")]
        if value.dtype.kind in "US":
            return [str(item) for item in value.ravel(order="F")] if value.size else ""
        if value.dtype.kind in "biufc":
            return np.asarray(value.real if value.dtype.kind == "c" else value, dtype=np.float64)
        return None
