"""Where the data lie, seen from the code: relative wherever that can be."""

import os
from pathlib import Path
from typing import NamedTuple


class DataRoot(NamedTuple):
    """The one folder that has to be changed in the code when data or code move."""

    folder: Path
    """Absolute, without links"""
    from_code: str
    """The same as the code writes it: from its own folder, or absolute when the two have nothing in common"""

    @property
    def is_relative(self) -> bool:
        """Whether data and code can be moved together."""
        return not self.from_code.startswith("/")

    def below(self, path: Path) -> str:
        """A file as seen from the root; a link to its content stays a link."""
        return Path(os.path.relpath(path.parent.resolve() / path.name, self.folder)).as_posix()

    def holds(self, path: Path) -> bool:
        """Whether a file lies below the root."""
        return not self.below(path).startswith("..")


def data_root(code: Path, raw: Path, bold: Path, participant: str) -> DataRoot:
    """The folder that raw and preprocessed data share, or else that of the preprocessed data.

    >>> data_root(Path("/s/out/sub-1/code/x"), Path("/s"), Path("/s/prep/sub-1/func/b.nii.gz"), "1").from_code
    '../../../..'
    >>> data_root(Path("/out/sub-1/code/x"), Path("/data"), Path("/prep/sub-1/func/b.nii.gz"), "1").from_code
    '/prep'
    """
    preprocessed = next((p.parent for p in bold.parents if p.name == f"sub-{participant}"), bold.parent)
    folder = _shared(raw.resolve(), preprocessed.resolve()) or preprocessed.resolve()
    here = code.resolve()
    related = _shared(folder, here)
    return DataRoot(folder, Path(os.path.relpath(folder, here)).as_posix() if related else folder.as_posix())


def _shared(a: Path, b: Path) -> Path | None:
    """Deepest folder that holds both; none if only the file system's root does."""
    shared = Path(os.path.commonpath([a, b]))
    return None if shared == Path(shared.anchor) else shared
