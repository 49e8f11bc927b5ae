"""How much of the cores' time the control groups of a container or of a batch job leave to this process."""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MOUNT = Path("/sys/fs/cgroup")
"""Where Linux shows control groups, of both versions."""
MEMBERSHIP = Path("/proc/self/cgroup")
"""Which groups this process is in."""


def cpu_quota() -> float:
    """Cores whose time may be used up, by the narrowest of all groups; infinite without a bound.

    >>> cpu_quota() > 0
    True
    """
    return min((found for folder in _folders() for found in _quotas(folder)), default=math.inf)


def _folders() -> Iterator[Path]:
    """Folders of this process's groups, and of those above them, whose bounds hold for it too."""
    # inside a container the mount itself is its group, whatever path the membership tells
    yield from (MOUNT, MOUNT / "cpu")
    for line in _text(MEMBERSHIP).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = PurePosixPath("/", path)
        if ".." in group.parts:  # outside of what is mounted
            continue
        for mount in (MOUNT / controllers, MOUNT / "cpu") if controllers else (MOUNT,):
            yield from (mount / place.relative_to("/") for place in (group, *group.parents))


def _quotas(folder: Path) -> Iterator[float]:
    """Bounds of a group: in the second version's words, in the first's."""
    # microseconds in each period: "max 100000" or "150000 100000"
    yield from _cores(_text(folder / "cpu.max").split())
    yield from _cores([_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")])


def _cores(words: list[str]) -> Iterator[float]:
    """Quota over period, where both are numbers; -1 and max are no bound.

    >>> list(_cores(["150000", "100000"])), list(_cores(["max", "100000"])), list(_cores(["-1", "100000"]))
    ([1.5], [], [])
    """
    if len(words) == 2 and all(word.isdecimal() and int(word) > 0 for word in words):
        yield int(words[0]) / int(words[1])


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):  # not there, or not text
        return ""
