"""MATLAB files as plain Python: dictionaries, lists, texts and float64 arrays; nothing in them is run.

Formats v5 to v7 are read by scipy, v7.3 (HDF5) by h5py. Objects and function handles are passed over (None);
sparse matrices stay sparse until `dense` is asked for them. Whole numbers, which MATLAB stores in as few
bytes as they need, become float64 at once: arithmetic on uint8 would wrap.
"""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.io import loadmat
from scipy.io.matlab import MatReadError, mat_struct

from bidsglm.check.matlab_hdf5 import DEEPEST, LARGEST_CONTENT, MOST_ITEMS, Tree, read_hdf5
from bidsglm.errors import DataError, NoInputError, ReadWriteError
from bidsglm.inputs import Kind, file_size

MAT_FILE = Kind(NoInputError, DataError, "there is no such file", "give an SPM.mat")
LARGEST_FILE = 2**30
"""Bytes (1 GiB): the largest designs take a hundredth of it."""
HDF5 = b"\x89HDF\r\n\x1a\n"
LEVEL_5 = b"MATLAB 5.0 MAT-file"
HEADER_BYTES = 128
COMPRESSED = 15
"""Type of a compressed element."""
PIECE = 2**20


def read_mat(path: Path, name: str) -> Tree:
    """Read one variable of a MATLAB file.

    Parameters
    ----------
    path
        The file.
    name
        The variable.

    Returns
    -------
    Structures as dictionaries, arrays of structures and cells as lists (one of length 1 is its only item),
    character arrays as texts (several rows as a list), numbers as float64 arrays without axes of length 1

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        The file is absent, damaged, too large, or holds no such variable.
    """
    if file_size(path, MAT_FILE) > LARGEST_FILE:
        raise DataError(f"{path}: larger than {LARGEST_FILE >> 30} GiB, which no SPM.mat is; give an SPM.mat")
    with path.open("rb") as stream:
        start = stream.read(HEADER_BYTES)
    # a v7.3 file begins with 512 bytes of text before the HDF5 superblock
    if start.startswith((HDF5, b"MATLAB 7.3 MAT-file")):
        return read_hdf5(path, name)
    if not start.startswith(LEVEL_5):
        raise DataError(f"{path}: is no MATLAB file (v5 to v7.3); give an SPM.mat")
    try:
        _check_inflated(path)
        found = loadmat(path, struct_as_record=False, squeeze_me=True, variable_names=[name])
    except (
        MatReadError,
        ValueError,
        TypeError,
        EOFError,
        OSError,
        zlib.error,
        struct.error,
        MemoryError,
    ) as error:
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
                            f"{path}: unpacks to more than {LARGEST_CONTENT >> 30} GiB, which no SPM.mat does"
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


def listed(value: Tree) -> list[Tree]:
    """Items of an array of structures or cells, which MATLAB's readers give bare where there is one.

    >>> listed({"name": "go"}), listed(None), listed(np.empty(0))
    ([{'name': 'go'}], [], [])
    """
    if value is None or (isinstance(value, np.ndarray) and not value.size):
        return []
    return value if isinstance(value, list) else [value]


def numbers(value: Tree) -> NDArray[np.float64]:
    """Numbers as a vector, empty where there are none.

    >>> numbers(np.float64(2.0)), numbers("text")
    (array([2.]), array([], dtype=float64))
    """
    if isinstance(value, np.ndarray | np.float64):
        return np.asarray(value, dtype=np.float64).ravel(order="F")
    return np.empty(0)


def dense(value: Tree, n: int) -> NDArray[np.float64] | None:
    """Square matrix of that size, sparse in the file or not; None where there is no such matrix.

    >>> dense(sparse.csc_array(np.eye(2)), 2).tolist(), dense(np.ones(3), 2)
    ([[1.0, 0.0], [0.0, 1.0]], None)
    """
    if sparse.issparse(value):
        if value.shape != (n, n):
            return None
        # indices of a damaged file would lead outside the memory of the array
        value.check_format(full_check=True)
        return np.asarray(value.toarray().real, dtype=np.float64)
    found = np.asarray(value, dtype=np.float64) if isinstance(value, np.ndarray | np.float64) else np.empty(0)
    return found.reshape(n, n) if found.size == n * n and found.ndim != 1 else None


def text(value: Tree) -> str:
    """Text without the blanks that pad rows of characters; empty where there is none.

    >>> text("mask.nii  "), text(np.empty(0))
    ('mask.nii', '')
    """
    return value.rstrip(" \0") if isinstance(value, str) else ""


def texts(value: Tree) -> list[str]:
    """Rows of a character array, or cells of texts.

    >>> texts(["a.nii,1  ", "b.nii,1"]), texts("a.nii")
    (['a.nii,1', 'b.nii,1'], ['a.nii'])
    """
    return [text(item) for item in (value if isinstance(value, list) else [value]) if text(item)]


def field(value: Tree, *names: str) -> Tree:
    """Field of a field of a structure; None where one is missing.

    >>> field({"xBF": {"T": np.float64(16)}}, "xBF", "T").item(), field({}, "xBF", "T")
    (16.0, None)
    """
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
