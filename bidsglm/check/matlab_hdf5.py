"""MATLAB files of version 7.3, which are HDF5."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from bidsglm.errors import DataError, ReadWriteError

LARGEST_CONTENT = 2**31
"""Bytes (2 GiB) after decompression."""
LARGEST_ARRAY = 2**28
"""Bytes (256 MiB): the design of 10,000 scans and 1,000 columns has a third of it."""
DEEPEST = 40
"""Structures within structures: SPM.mat has about eight."""
MOST_ITEMS = 5_000_000
"""Fields and cells; a session of 10,000 scans has some 100,000."""
Tree = Any
"""Dictionaries, lists, texts, float64 arrays and None"""
ADVICE = "in MATLAB: load SPM; save('SPM.mat', 'SPM', '-v7')"


def read_hdf5(path: Path, name: str) -> Tree:
    """Read one variable; returns and errors as `bidsglm.check.matlab.read_mat`."""
    try:
        import h5py
    except ImportError:
        raise DataError(
            f"{path}: is of version 7.3; install bidsglm[matlab73], or save it anew {ADVICE}"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            if name not in file:
                raise DataError(f"{path}: holds no variable {name}; give an SPM.mat")
            # a link may lead into another file
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise DataError(f"{path}: its {name} is a link; give an SPM.mat that MATLAB wrote")
            return _Reader(path, file).plain(file[name], DEEPEST)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ReadWriteError(f"{path}: is damaged or cut short ({str(error)[:80]}); copy it again") from error


class _Reader:
    """Turns HDF5's groups, references and arrays into plain objects, of bounded number and size."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self.file = path, file
        self.items, self.bytes = MOST_ITEMS, LARGEST_CONTENT

    def plain(self, node: Any, depth: int) -> Tree:
        self.items -= 1
        if depth < 0 or self.items < 0:
            raise DataError(f"{self.path}: holds more structures than an SPM.mat; give an SPM.mat")
        if hasattr(node, "keys"):
            return self._structure(node, depth)
        kind = _class_of(node)
        if node.attrs.get("MATLAB_empty"):
            return "" if kind == "char" else np.empty(0)
        if node.external or node.is_virtual:
            raise DataError(f"{self.path}: keeps values in other files; give an SPM.mat that MATLAB wrote")
        size = int(node.size) * node.dtype.itemsize
        # files of several GiB are so for whitened designs and covariances, which nobody asks for here
        if size > LARGEST_ARRAY:
            return None
        self.bytes -= size
        if self.bytes < 0:
            raise DataError(f"{self.path}: unpacks to more than {LARGEST_CONTENT >> 30} GiB; give an SPM.mat")
        if node.dtype.kind == "O":
            references = node[()]
            return _bare([self.plain(self.file[r], depth - 1) for r in references.ravel()])
        if node.dtype.kind not in "biuf":
            return None
        # MATLAB writes columns first: what HDF5 gives is the transpose
        values = np.asarray(node[()]).T
        if kind == "char":
            return _characters(values)
        return np.squeeze(values.astype(np.float64))[()]

    def _sparse(self, node: Any) -> Tree:
        """Compressed columns, as MATLAB keeps them."""
        columns = self.plain(node["jc"], 0)
        if columns is None or not isinstance(columns, np.ndarray):
            return None
        rows = self.plain(node["ir"], 0) if "ir" in node else np.empty(0)
        values = self.plain(node["data"], 0) if "data" in node else np.empty(0)
        parts = [np.atleast_1d(each) for each in (values, rows.astype(np.int64), columns.astype(np.int64))]
        shape = (int(node.attrs["MATLAB_sparse"]), len(columns) - 1)
        return sparse.csc_array((parts[0], parts[1], parts[2]), shape=shape)

    def _structure(self, node: Any, depth: int) -> Tree:
        if "MATLAB_sparse" in node.attrs:
            return self._sparse(node)
        if _class_of(node) not in ("", "struct"):
            return None
        names = [name for name in node if not name.startswith("#") and _is_own(node, name)]
        columns = {name: self.plain(node[name], depth - 1) for name in names}
        # an array of structures has, for each field, an array of references to the values
        counts = {
            node[name].size for name in names if not hasattr(node[name], "keys") and _is_referring(node[name])
        }
        if len(counts) == 1 and all(_is_referring(node[name]) for name in names) and counts != {1}:
            (count,) = counts
            return [{name: columns[name][i] for name in names} for i in range(count)]
        return columns


def _is_own(node: Any, name: str) -> bool:
    """Whether a field is in this file: links, which may lead into another, are none of MATLAB's."""
    return type(node.get(name, getlink=True)).__name__ == "HardLink"


def _is_referring(node: Any) -> bool:
    """Whether it is an array of references that is no cell: the fields of an array of structures."""
    return not hasattr(node, "keys") and node.dtype.kind == "O" and _class_of(node) != "cell"


def _class_of(node: Any) -> str:
    found = node.attrs.get("MATLAB_class", b"")
    return found.decode() if isinstance(found, bytes) else str(found)


def _bare(items: list[Tree]) -> Tree:
    """A value as scipy gives it: an array of one element as the element."""
    return items[0] if len(items) == 1 else items


def _characters(values: Any) -> Tree:
    rows = np.atleast_2d(values)
    if rows.shape[1] == 1:  # some writers leave a line of text untransposed; nobody has files of one letter
        rows = rows.T
    return _bare(["".join(map(chr, row)) for row in rows])
