"""Nothing outside the output folder is written or removed, whatever stands in it.

An output folder may come from somebody else: the names that its summaries list, and the links that lie in
it, are theirs. Names are followed only when they could be ours, and never through a link that leads out.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from bidsglm.errors import CannotCreateError
from bidsglm.messages import LOG

OWN_NAME = re.compile(r"[\w+][\w+.%-]*")
"""A file's or folder's name as we make them: no separator, no dot in front."""

OF_ALL = (".html", ".json", ".md", ".toml")
"""Endings of the files at the root, which belong to nobody alone."""

_root: ContextVar[Path | None] = ContextVar("root", default=None)


@contextmanager
def confined_to(output_dir: Path) -> Iterator[None]:
    """Refuse, inside the block, to write through a link that leads out of a folder."""
    token = _root.set(output_dir.absolute())
    try:
        yield
    finally:
        _root.reset(token)


def check_confined(folder: Path) -> None:
    """Refuse a folder that is named as one of the output folder's and lies elsewhere.

    Raises
    ------
    CannotCreateError
        When it does.
    """
    if not is_confined(folder):
        raise CannotCreateError(
            f"{folder}: leads out of the output folder by a link; put a folder in its place, "
            "or choose another output folder"
        )


def is_confined(folder: Path) -> bool:
    """Whether a folder that is named as one of the output folder's lies there; any other is free."""
    root = _root.get()
    return root is None or not folder.absolute().is_relative_to(root) or lies_below(root, folder)


def lies_below(root: Path, path: Path) -> bool:
    """Whether a path is that of a folder or of something in it, links followed.

    >>> lies_below(Path("/a"), Path("/a/b/../c")), lies_below(Path("/a"), Path("/a/../c"))
    (True, False)
    """
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return False


def is_own_name(name: object, folder: str) -> bool:
    """Whether a name relative to the output folder may be that of a file that bidsglm writes.

    >>> is_own_name("sub-01/func/sub-01_task-x_mask.json", "sub-01")
    True
    >>> [is_own_name(name, "sub-01") for name in ("/etc/passwd", "sub-01/../x", "sub-02/x", "README.md", 5)]
    [False, False, False, False, False]
    """
    if not isinstance(name, str):
        return False
    parts = name.split("/")
    if not all(map(OWN_NAME.fullmatch, parts)):
        return False
    return parts[0] == folder if len(parts) > 1 else not name.endswith(OF_ALL)


def remove_own(output_dir: Path, folder: str, names: Iterable[object]) -> None:
    """Remove files that bidsglm wrote and folders that this leaves empty; other files and links stay.

    Parameters
    ----------
    output_dir
        Of the results.
    folder
        Of it, below which the files lie: a participant's, or that of the group.
    names
        Relative to the output folder, as a summary lists them.
    """
    for name in names:
        path = output_dir / str(name)
        if not is_own_name(name, folder) or not lies_below(output_dir, path.parent):
            LOG.warning(
                "%r: is listed among the files of %s, but is not one of them; it stays",
                name,
                folder,
            )
            continue
        try:
            path.unlink(missing_ok=True)
            _remove_empty(path.parent, output_dir)
        except OSError as error:
            LOG.warning("%s: cannot be removed (%s)", path, error.strerror)


def _remove_empty(folder: Path, output_dir: Path) -> None:
    """Remove a folder, and those around it, unless they hold something; the output folder stays."""
    while folder != output_dir:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
