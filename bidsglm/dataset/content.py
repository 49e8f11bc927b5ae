"""Whether the content of a file is here, which DataLad and git-annex fetch only when they are asked."""

import os
from pathlib import Path

LARGEST_POINTER = 32 * 1024
"""Bytes; git-annex itself takes no longer file for a pointer."""
POINTERS = (b"/annex/objects/", b"version https://git-lfs")
"""How the small text begins that stands in place of content: unlocked annexed files, Git LFS."""


def absent_content(path: Path) -> str:
    """Say in the words of a message why a file that is listed has no content; empty when it has.

    Parameters
    ----------
    path
        A file or a link to one.

    Returns
    -------
    str
        What is wrong and what to do, without the path.
    """
    if path.is_symlink() and not path.exists():
        return f"its content is not here, the link leads nowhere ({os.readlink(path)}); {_remedy()}"
    try:
        with path.open("rb") as stream:
            start = stream.read(max(map(len, POINTERS)))
        small = path.stat().st_size <= LARGEST_POINTER
    except OSError:
        return ""
    if small and start.startswith(POINTERS):
        return f"its content is not here, only a pointer to it; {_remedy()}"
    return ""


def _remedy() -> str:
    return "fetch it (datalad get, git annex get) or remove it"
