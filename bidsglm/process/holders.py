"""Who holds a claim: a process, told apart from every other by machine, process id and time of its start."""

import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.outputs.temporary import place

PLAIN = re.compile(r"[\w.:+ -]{1,80}")
"""What may be shown of a claim: it may come from a stranger, and a terminal obeys some characters."""
START_FIELD = 19
"""Field of /proc/<pid>/stat, counted behind the program's name: clock ticks from the machine's start."""


class Holder(NamedTuple):
    """A process that holds a claim, as its file says."""

    token: str
    """Mark of this claim and no other"""
    digest: str
    """Digest of what is made under the claim: two with the same make the same"""
    host: str
    place: str
    """Machine since its start, and container, in which the process id counts"""
    pid: int
    started: int
    """Clock ticks; a process id may be given again, not at the same time"""
    since: str
    job: str = ""
    """Number in the batch system, where there is one"""

    def __str__(self) -> str:
        """Name it in a message."""
        job = f", job {self.job}" if self.job else ""
        return f"process {self.pid} on {self.host}{job}, since {self.since}"


def this_process(token: str, digest: str, since: str) -> Holder:
    """Describe the process that asks."""
    job = os.environ.get("SLURM_JOB_ID") or os.environ.get("PBS_JOBID") or os.environ.get("JOB_ID") or ""
    pid = os.getpid()
    return Holder(token, digest, socket.gethostname(), place(), pid, start_time(pid), since, job)


def start_time(pid: int) -> int:
    """Clock ticks from the machine's start to that of a process; 0 where it is not known, -1 without one.

    >>> start_time(os.getpid()) >= 0
    True
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        state, *fields = text.rpartition(")")[2].split()
        return -1 if state in "ZX" else int(fields[START_FIELD - 1])
    except FileNotFoundError:
        return -1 if Path("/proc/self/stat").exists() else 0
    except (OSError, ValueError, IndexError):
        return 0


def lives(holder: Holder) -> bool | None:
    """Whether a holder's process still runs; None where that cannot be seen from here."""
    if holder.place != place():
        return None
    started = start_time(holder.pid)
    return None if started == 0 else started == holder.started


def holder_text(holder: Holder) -> str:
    """Content of a claim's file."""
    return json.dumps(holder._asdict(), indent=2) + "\n"


def read_holder(text: str) -> Holder | None:
    """Process that a claim's file names; None where the file is not a claim, or not yet written.

    >>> read_holder('{"token": 5}')
    >>> here = this_process("a", "b", "2026-01-01")
    >>> read_holder(holder_text(here)) == here
    True
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not _is_whole(content):
        return None
    return Holder(**{name: content[name] for name in Holder._fields})


def _is_whole(content: Mapping[str, Any]) -> bool:
    numbers = [content.get(name) for name in ("pid", "started")]
    texts = [content.get(name) for name in Holder._fields if name not in ("pid", "started", "job")]
    job = content.get("job")
    return (
        all(isinstance(number, int) and 0 <= number < 2**63 for number in numbers)
        and all(isinstance(text, str) and PLAIN.fullmatch(text) for text in texts)
        and (job == "" or (isinstance(job, str) and bool(PLAIN.fullmatch(job))))
    )
