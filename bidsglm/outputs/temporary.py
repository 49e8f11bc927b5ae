"""Temporary names of files being written, and what processes that were killed left under them.

Several jobs may write into one folder, from several machines and containers, so a name tells which
process it belongs to. Only atomic renames within a folder are relied on, no locks: NFS and Lustre keep
the first, and not always the second.
"""

import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from bidsglm.outputs.confinement import is_confined

SUFFIX = ".tmp"
NAME = re.compile(rf"\.\w+-\d+-\w+{re.escape(SUFFIX)}")
"""Name of a temporary file: where, which process, which file."""
ABANDONED = 24 * 3600.0
"""s; no file takes that long to write, even on a machine whose clock is hours off."""
ABANDONED_FOLDER = 60 * 24 * 3600.0
"""s; no run, which may keep a folder until its end, takes that long."""


@cache
def place() -> str:
    """Eight characters for the machine (since its start) and the container that process ids count in."""
    parts = []
    for read in (_boot_id, _process_namespace):
        try:
            parts.append(read())
        except OSError:  # not Linux: the name of the machine must do
            parts.append(os.uname().nodename)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:8]


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _process_namespace() -> str:
    return os.readlink("/proc/self/ns/pid")


def temporary_path(path: Path) -> Path:
    """Name beside a file's final one, of this process and of nobody else.

    >>> temporary_path(Path("a/b.json")).parent
    PosixPath('a')
    """
    return path.with_name(f".{place()}-{os.getpid()}-{uuid.uuid4().hex}{SUFFIX}")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_left_over(
    name: str, age: float, limit: float = ABANDONED, lives: Callable[[int], bool] = _lives
) -> bool:
    """Whether nobody will ever rename a temporary file.

    Parameters
    ----------
    name
        Of the file.
    age
        s since it was last written to.
    limit
        s after which nobody can be at it any more, wherever.
    lives
        Whether a process id of this machine and container is in use.

    Examples
    --------
    >>> is_left_over(f".{place()}-12-ab.tmp", age=1.0, lives=lambda pid: pid != 12)
    True
    >>> is_left_over(".elsewhere-12-ab.tmp", age=1.0)
    False
    >>> is_left_over(".elsewhere-12-ab.tmp", age=2 * ABANDONED)
    True
    """
    if age > limit:
        return True
    where, _, rest = name.removeprefix(".").partition("-")
    pid = rest.partition("-")[0]
    return where == place() and pid.isdigit() and not lives(int(pid))


def remove_left_over(paths: Iterable[Path]) -> None:
    """Remove what killed processes left; other names than those of temporary files are passed over."""
    for path in paths:
        if not (NAME.fullmatch(path.name) and is_confined(path.parent)):
            continue
        try:
            _remove_if_left_over(path)
        except OSError:  # another job was faster, or the file is not ours to remove
            continue


def _remove_if_left_over(path: Path) -> None:
    age = time.time() - path.lstat().st_mtime
    if path.is_dir() and not path.is_symlink():
        if is_left_over(path.name, age, ABANDONED_FOLDER):
            shutil.rmtree(path)
    elif is_left_over(path.name, age):
        path.unlink()
