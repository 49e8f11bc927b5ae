"""A unit is claimed before it is fitted, so that no two jobs write the same results at the same time.

A claim is a file in ``logs/claims`` that says who holds it. It is made under a temporary name and linked to
its own, which either happens or does not, on local disks and on NFS; where there are no hard links it is
created exclusively, which NFS does too since version 3. Nothing rests on `flock`, which some file systems
only pretend to have.

A killed job leaves its claim. On the same machine its process is seen to be gone; from another one, its
claim is no longer touched, which living jobs do every `HEARTBEAT` seconds. Ages are told by the file
system's own clock: that of a file just written beside the claim.
"""

import os
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bidsglm.errors import CannotCreateError, HeldError
from bidsglm.outputs.temporary import temporary_path
from bidsglm.outputs.writes import create_folder
from bidsglm.process.holders import Holder, holder_text, lives, read_holder, this_process
from bidsglm.process.signals import REMOVED_AT_END

FOLDER = ("logs", "claims")
"""Below the output folder: one folder, so that one look finds all jobs at work."""
HEARTBEAT = 20.0
"""s between two signs of life; a hundred jobs make five small requests a second, which NFS does not feel."""
EXPIRY = 180.0
"""s without one after which a job on another machine counts as dead: twice the time that NFS clients may keep
old attributes, and a minute to spare."""
POLL = 1.0
"""s between two looks at a claim that another job holds"""
MAX_BYTES = 4096
"""A claim's file has 400."""

Tell = Callable[[str], None]


class _Found(NamedTuple):
    """A claim's file."""

    holder: Holder | None
    """None where it does not say"""
    touched: float
    """s, by the clock of the file system"""


class Claim:
    """One claim of this process."""

    def __init__(self, path: Path, digest: str) -> None:
        self.path = path
        self.holder = this_process(
            uuid.uuid4().hex, digest, f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
        )

    @property
    def stands(self) -> bool:
        """Whether it is still ours: a job that was suspended for minutes may have lost it."""
        found = _found(self.path)
        return found is not None and found.holder is not None and found.holder.token == self.holder.token

    def confirm(self) -> None:
        """Refuse to write results under a claim that another job has taken over.

        Raises
        ------
        HeldError
            When it has.
        """
        if not self.stands:
            raise HeldError(
                f"{self.path}: this job stood still for so long that another one took over; "
                "run the same command again once that has ended"
            )

    def touch(self) -> None:
        """Give a sign of life."""
        with suppress(OSError):
            if self.stands:
                os.utime(self.path)

    def release(self) -> None:
        """Let others have it."""
        with suppress(OSError):
            if self.stands:
                self.path.unlink()


@contextmanager
def claimed(output_dir: Path, wanted: Mapping[str, str], tell: Tell) -> Iterator[Mapping[str, Claim]]:
    """Hold claims while the block runs.

    A job that makes the same is waited for; one that makes something else is not.

    Parameters
    ----------
    output_dir
        Of the results.
    wanted
        What is made (a unit's prefix) -> digest of everything that its results depend on.
    tell
        Called with a line for the user before it waits.

    Raises
    ------
    HeldError
        When another job, with another digest, holds one of them; then none is held.
    CannotCreateError
        When the file system does not let us.
    """
    folder = output_dir.joinpath(*FOLDER)
    create_folder(folder)
    with ExitStack() as held:
        claims: dict[str, Claim] = {}
        for name in sorted(wanted):  # the same order in all jobs, so that no two wait for each other
            claim = Claim(folder / f"{name}.json", wanted[name])
            _take(claim, tell)
            REMOVED_AT_END.add(str(claim.path))
            held.callback(_let_go, claim)
            claims[name] = claim
        held.enter_context(_heartbeat(tuple(claims.values())))
        yield claims


def _let_go(claim: Claim) -> None:
    claim.release()
    REMOVED_AT_END.discard(str(claim.path))


@contextmanager
def _heartbeat(claims: tuple[Claim, ...]) -> Iterator[None]:
    """Touch the claims now and then, in a thread of its own."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT):
            for claim in claims:
                claim.touch()

    thread = threading.Thread(target=beat, name="claims", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _take(claim: Claim, tell: Tell) -> None:
    """Take a claim, once the process that holds it for the same work has ended.

    Raises
    ------
    HeldError, CannotCreateError
        See `claimed`.
    """
    own = temporary_path(claim.path)
    waits = False
    try:
        while True:
            now = _write(own, claim)
            if _create(own, claim):
                return
            found = _found(claim.path)
            if found is None:
                continue
            if _is_dead(found, now):
                _take_over(own, claim, found, now)
                continue
            if found.holder is None or found.holder.digest != claim.holder.digest:
                raise HeldError(_refusal(claim.path, found.holder))
            if not waits:
                tell(f"{claim.path.stem}: waits for the job that makes the same ({found.holder})")
                waits = True
            time.sleep(POLL)
    finally:
        with suppress(OSError):
            own.unlink(missing_ok=True)


def _refusal(path: Path, holder: Holder | None) -> str:
    return (
        f"{path.stem}: held by another job with other settings ({holder or f'see {path}'}); "
        "let it end and try later, or use another output folder"
    )


def _write(own: Path, claim: Claim) -> float:
    """Write our name under a temporary name; what the file system's clock says (s)."""
    try:
        own.write_text(holder_text(claim.holder), encoding="utf-8")
        return own.stat().st_mtime
    except OSError as error:
        raise _cannot(claim.path, error) from error


def _cannot(path: Path, error: OSError) -> CannotCreateError:
    return CannotCreateError(
        f"{path}: cannot be claimed ({error.strerror}); choose an output folder you may write to"
    )


def _create(own: Path, claim: Claim) -> bool:
    """Make the claim's file unless there is one; whether we made it."""
    try:
        os.link(own, claim.path)
    except FileExistsError:
        return claim.stands  # NFS may repeat a request that had worked
    except OSError:
        return claim.stands or _create_exclusively(claim)
    return True


def _create_exclusively(claim: Claim) -> bool:
    """`_create` for file systems without hard links."""
    try:
        descriptor = os.open(claim.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    except OSError as error:
        raise _cannot(claim.path, error) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(holder_text(claim.holder))
    return True


def _found(path: Path) -> _Found | None:
    """Read a claim's file; None where there is none.

    Opened anew each time: that is when NFS asks the server.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        return _Found(None, _touched(path))
    try:
        status = os.fstat(descriptor)
        text = os.read(descriptor, MAX_BYTES) if stat.S_ISREG(status.st_mode) else b""
    finally:
        os.close(descriptor)
    return _Found(read_holder(text.decode("utf-8", "replace")), status.st_mtime)


def _touched(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _is_dead(found: _Found, now: float) -> bool:
    """Whether the process that made a claim is gone for good.

    A time in the future is no sign of life, since the file system's clock made both.
    """
    alive = lives(found.holder) if found.holder else None
    return not alive if alive is not None else abs(now - found.touched) > EXPIRY


def _take_over(own: Path, claim: Claim, dead: _Found, now: float) -> None:
    """Put our name in place of a dead one; who of several may do so, a second link decides.

    Whoever holds that link looks again: only then nobody else can have replaced the claim meanwhile.
    """
    token = dead.holder.token if dead.holder else "unreadable"
    right = claim.path.with_name(f".{claim.path.stem}-{token[:40]}.takeover")
    try:
        os.link(own, right)
    except FileExistsError:
        if abs(now - _touched(right)) > EXPIRY:  # whoever had it was killed too
            with suppress(OSError):
                right.unlink()
        time.sleep(POLL / 10)
        return
    except OSError:
        pass  # no hard links here: who takes over in the same instant confirms its claim before it writes
    try:
        if _found(claim.path) == dead:
            _remove(claim.path)
    finally:
        with suppress(OSError):
            right.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot(path, error) from error
