"""A file made from others that other jobs may be writing: made again until they are unchanged.

Two jobs that each finish a session of one participant both write that participant's page from all
sessions that they find. Whoever writes last has looked after the other's session was there, or looks again:
without locks, which shared file systems do not always keep, both sessions end up on the page.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

Snapshot = dict[Path, tuple[int, int]]

TRIES = 20
"""More jobs than these never finish the parts of one page in the time that it takes to draw it."""


def snapshot(paths: Iterable[Path]) -> Snapshot:
    """Time of change (ns) and size (bytes) of the files that exist.

    >>> snapshot([Path("/no/such/file")])
    {}
    """
    found = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def until_unchanged(make: Callable[[], None], look: Callable[[], Snapshot]) -> None:
    """Make a file, and again as long as what it is made from has changed meanwhile.

    Parameters
    ----------
    make
        Writes the file; what it raises counts only when nothing has changed meanwhile.
    look
        State of all that the file is made from.

    Examples
    --------
    >>> states = [{Path("a"): (1, 1)}, {Path("a"): (2, 1)}, {Path("a"): (2, 1)}]
    >>> until_unchanged(lambda: print("made"), lambda: states.pop(0))
    made
    made
    """
    seen = look()
    for _ in range(TRIES):
        error = None
        try:
            make()
        except Exception as raised:
            error = raised
        now = look()
        if now == seen:
            if error is not None:
                raise error
            return
        seen = now
    if error is not None:
        raise error
