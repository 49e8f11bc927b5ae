"""MATLAB files of version 7.3, written as MATLAB writes them: HDF5 behind 512 bytes of text."""

from pathlib import Path

import h5py
import numpy as np

HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 ."


class Mat73:
    """A file under construction."""

    def __init__(self, file: h5py.File) -> None:
        self.references = file.create_group("#refs#")
        self.count = 0

    def put(self, group: h5py.Group, name: str, value: np.ndarray) -> None:
        """Write a value as scipy's loadmat gives it: structures, cells, characters or numbers."""
        value = np.atleast_2d(value)
        kind = {"O": "cell", "U": "char", "f": "double", "V": "struct"}.get(
            value.dtype.kind, value.dtype.name
        )
        if kind == "struct":
            self._structures(group.create_group(name), value)
            return
        if not value.size or (kind == "char" and not "".join(value.ravel())):
            made = group.create_dataset(name, data=np.zeros(2, np.uint64))
            made.attrs["MATLAB_empty"] = np.uint8(1)
        elif kind == "cell":
            made = self._cells(group, name, value)
        elif kind == "char":
            width = max(map(len, value.ravel()))
            rows = [[ord(c) for c in str(row).ljust(width)] for row in value.ravel()]
            made = group.create_dataset(name, data=np.array(rows, np.uint16).T)
        else:
            made = group.create_dataset(name, data=value.T)
        made.attrs["MATLAB_class"] = np.bytes_(kind)

    def _cells(self, group: h5py.Group, name: str, items: np.ndarray) -> h5py.Dataset:
        """References, in MATLAB's order, to values of their own."""
        found = np.empty(items.T.shape, dtype=h5py.ref_dtype)
        for i, item in enumerate(items.ravel(order="F")):
            self.count += 1
            self.put(self.references, f"v{self.count}", item)
            found.flat[i] = self.references[f"v{self.count}"].ref
        return group.create_dataset(name, data=found, dtype=h5py.ref_dtype)

    def _structures(self, group: h5py.Group, value: np.ndarray) -> None:
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for name in value.dtype.names:
            if value.size == 1:
                self.put(group, name, value[name].flat[0])
            else:
                self._cells(group, name, value[name])


def write_mat73(path: Path, name: str, value: np.ndarray) -> None:
    """Write one variable, with a function handle among the fields of a structure."""
    with h5py.File(path, "w", userblock_size=512) as file:
        Mat73(file).put(file, name, value)
        handle = file[name].create_group("handle")
        handle.attrs["MATLAB_class"] = np.bytes_("function_handle")
    with path.open("r+b") as stream:
        stream.write(HEADER)
