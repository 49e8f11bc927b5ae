"""One map of each of many participants, on disk: read once, then given back voxels by voxels.

Memory holds one map at a time. The scratch file takes 4 bytes for each participant and voxel of the first
map's mask; it has no name in its folder, so it is gone when the program ends, however it ends.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import Volume
from bidsglm.dataset.masks import Grid, grid_of, is_same_grid
from bidsglm.dataset.nifti import read_header, volumes
from bidsglm.dataset.nifti_writing import fortran_positions
from bidsglm.errors import DataError, ReadWriteError

STORED = np.dtype(np.float32)


class OtherGridError(DataError):
    """A map has other voxels than the one that it is to be compared with."""


class MapStack:
    """Maps of participants, behaving like an array (n_participants, n_voxels).

    ``stack[i]`` is a participant's map, ``stack[:, start:stop]`` all participants' in some voxels. Voxels are
    those in which the first map is finite.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        # Without buffer: reads jump from map to map. It is closed with the stack.
        self._file: Any = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._n_maps = 0
        self._first: Path | None = None
        self._grid: Grid | None = None
        self._positions: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self.voxels: NDArray[np.bool_] = np.empty((0, 0, 0), dtype=np.bool_)
        """(x, y, z) True where a column stands"""

    def __enter__(self) -> Self:
        """Give the stack itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the disk back."""
        self._file.close()

    @property
    def shape(self) -> tuple[int, int]:
        """(n_participants, n_voxels)."""
        return self._n_maps, len(self._positions)

    @property
    def volume(self) -> Volume:
        """The grid that the columns come from."""
        assert self._grid is not None, "no map has been added"
        return Volume(self._grid.shape, self._grid.affine, self.voxels)

    def expect(self, path: Path) -> None:
        """Take the grid of a map for that of all; without, it is that of the first one read.

        Raises
        ------
        NoInputError, ReadWriteError, DataError
            When the file is missing, damaged or no map.
        """
        self._grid, self._first = grid_of(read_header(path)), path

    def read(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        """Read a participant's map, the mean over several files; the stack stays as it is.

        Returns
        -------
        (x * y * z,) with x running fastest; NaN where any file has no value

        Raises
        ------
        OtherGridError
            When a file has another grid than the first map of the stack, or of these.
        NoInputError, ReadWriteError, DataError
            When a file is missing, damaged or no map.
        """
        total: NDArray[np.float64] | None = None
        for path in paths:
            values = self._values(path)
            total = values if total is None else total + values
        assert total is not None, "a participant without files"
        return (total / len(paths)).astype(STORED)

    def _values(self, path: Path) -> NDArray[np.float64]:
        header = read_header(path)
        if header.n_volumes != 1:
            raise DataError(f"{path}: has {header.n_volumes} volumes; a map of one is needed")
        if self._grid is None:
            self._grid, self._first = grid_of(header), path
        if not is_same_grid(grid_of(header), self._grid):
            raise OtherGridError(
                f"{path}: its grid differs from that of {self._first}; a group needs one space and one "
                "resolution: preprocess these participants alike, or leave some out (--participant-label)"
            )
        (stored,) = (header.scaled(values) for values in volumes(header))
        return stored

    def add(self, values: NDArray[np.float32]) -> None:
        """Add what `read` gave as the next participant.

        Raises
        ------
        ReadWriteError
            When the disk is full.
        """
        assert self._grid is not None
        if not self._n_maps:
            self.voxels = np.isfinite(values).reshape(self._grid.shape, order="F")
            self._positions = fortran_positions(self.voxels)
        try:
            self._file.seek(0, 2)
            self._write(memoryview(values[self._positions].tobytes()))
        except OSError as error:
            where = self._folder or tempfile.gettempdir()
            needed = (self._n_maps + 1) * len(self._positions) * STORED.itemsize / 2**20
            raise ReadWriteError(
                f"{where}: cannot hold the maps of {self._n_maps + 1} participants, {needed:.0f} MiB "
                f"({error.strerror}); give a larger folder by --work-dir"
            ) from error
        self._n_maps += 1

    def _write(self, content: memoryview) -> None:
        """Write all of it; an unbuffered file may take less at once."""
        while content:
            content = content[self._file.write(content) :]

    def __getitem__(self, key: Any, /) -> NDArray[np.float32]:
        """One map (n_voxels,), or a slice of voxels of all maps (n_participants, n_chosen)."""
        n_maps, n_voxels = self.shape
        if isinstance(key, int | np.integer):
            return self._part(int(key), 0, n_voxels)
        rows, columns = key
        assert rows == slice(None), "all maps or one"
        start, stop, _ = columns.indices(n_voxels)
        block = np.empty((n_maps, max(stop - start, 0)), dtype=STORED)
        for i in range(n_maps):
            block[i] = self._part(i, start, stop)
        return block

    def _part(self, i: int, start: int, stop: int) -> NDArray[np.float32]:
        n_voxels = self.shape[1]
        self._file.seek((i * n_voxels + start) * STORED.itemsize)
        content = bytearray(max(stop - start, 0) * STORED.itemsize)
        view = memoryview(content)
        while view:
            n_read = cast(int, self._file.readinto(view))
            if not n_read:
                raise ReadWriteError(
                    f"{self._folder or tempfile.gettempdir()}: the scratch file is gone; run again"
                )
            view = view[n_read:]
        return np.frombuffer(content, dtype=STORED)
