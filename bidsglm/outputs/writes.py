"""Writes that leave nothing half-written behind, whatever happens to the process or beside it."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from bidsglm.errors import CannotCreateError, ReadWriteError
from bidsglm.outputs.confinement import check_confined
from bidsglm.outputs.temporary import temporary_path

CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
"""No permission, or a read-only file system"""


def create_folder(path: Path) -> None:
    """Make a folder and its parents.

    Raises
    ------
    CannotCreateError
        Where the file system does not let us, or a link leads out of the output folder.
    """
    check_confined(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotCreateError(
            f"{path}: cannot create this folder ({error.strerror}); choose an output folder you may write to"
        ) from error


def check_free(out: Path, mark: str, earlier: str, overwrite: bool) -> None:
    """Refuse a folder that holds anything but results that may be replaced.

    Parameters
    ----------
    out
        The folder, which need not exist.
    mark
        File that stands in every folder of such results.
    earlier
        What these results are called.
    overwrite
        Whether they may be replaced.

    Raises
    ------
    CannotCreateError
        With what to do.
    """
    if not out.is_dir() or not any(out.iterdir()):
        return
    is_ours = (out / mark).is_file()
    if not (overwrite and is_ours):
        remedy = f"--overwrite replaces an earlier {earlier}" if is_ours else "give a new folder"
        raise CannotCreateError(f"{out}: is not empty; {remedy}")


Content = bytes | Iterable[bytes]
"""What a file holds; in pieces, so that a long one need not be in memory"""


class Batch:
    """Files that stand under temporary names until `commit` renames them all."""

    def __init__(self) -> None:
        self._staged: dict[Path, Path] = {}

    def add(self, path: Path, content: Content) -> None:
        """Write a file's content under a temporary name.

        Raises
        ------
        ReadWriteError
            When it cannot be written.
        """
        temporary = temporary_path(path)
        earlier, self._staged[path] = self._staged.get(path), temporary
        if earlier is not None:
            _remove(earlier)
        _write_temporary(temporary, path, content)

    def commit(self, first: Path | None = None) -> None:
        """Give all files their final names.

        Parameters
        ----------
        first
            The file that goes before the others, if any.

        Raises
        ------
        ReadWriteError
            When one cannot be renamed.
        """
        try:
            while self._staged:
                path = first if first in self._staged else next(iter(self._staged))
                _rename(self._staged[path], path)
                del self._staged[path]
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove whatever has no final name."""
        for temporary in self._staged.values():
            _remove(temporary)
        self._staged.clear()


_batch: ContextVar[Batch | None] = ContextVar("batch", default=None)


@contextmanager
def together() -> Iterator[Batch]:
    """Keep back the final names of all files that are written inside the block.

    A failure inside the block removes them; what stood under the final names before is untouched.
    """
    batch = Batch()
    token = _batch.set(batch)
    try:
        yield batch
    except BaseException:
        batch.discard()
        raise
    finally:
        _batch.reset(token)


def _write_temporary(temporary: Path, path: Path, content: Content) -> None:
    create_folder(path.parent)
    try:
        if isinstance(content, bytes):
            temporary.write_bytes(content)
        else:
            with temporary.open("wb") as file:
                file.writelines(content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _remove(temporary: Path) -> None:
    """Remove what may be there; that it cannot be must not hide why it had to be."""
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def _rename(temporary: Path, path: Path) -> None:
    try:
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> CannotCreateError | ReadWriteError:
    """Say why: a place that is closed to us is another matter than one that is full or fails."""
    if error.errno in CLOSED:
        return CannotCreateError(
            f"{path}: cannot be written ({error.strerror}); choose an output folder you may write to"
        )
    return ReadWriteError(f"{path}: cannot be written ({error.strerror}); free space or check permissions")


def write_bytes(path: Path, content: Content) -> None:
    """Write a file, at once or piece by piece, under a temporary name beside its final one, then rename it.

    Inside `together` the renaming waits for the other files.

    Raises
    ------
    ReadWriteError
        On any failure, a full disk among them; a file that stood there before is untouched.
    """
    batch = _batch.get()
    if batch is not None:
        batch.add(path, content)
        return
    temporary = temporary_path(path)
    try:
        _write_temporary(temporary, path, content)
        _rename(temporary, path)
    finally:
        _remove(temporary)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for text in UTF-8."""
    write_bytes(path, text.encode())


def write_shared(path: Path, text: str) -> None:
    """`write_text` for a file that every job writes alike; one that is there already stays as it is."""
    try:
        same = path.is_file() and path.read_bytes() == text.encode()
    except OSError:
        same = False
    if not same:
        write_text(path, text)
