"""Claims, holders, cores and folders at their limits, and what is left behind when something fails."""

import errno
import io
import json
import os
import signal
import stat
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from bidsglm.errors import CannotCreateError, HeldError, ReadWriteError, UsageError
from bidsglm.outputs.temporary import place
from bidsglm.process import claims, cores, holders, signals, streams, workers, workplace
from bidsglm.process.claims import EXPIRY, Claim, claimed
from bidsglm.process.holders import holder_text, read_holder, this_process
from bidsglm.settings import Settings

JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "JOB_ID")


def ignore(text: str) -> None:
    pass


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return Claim(tmp_path / "unit.json", "digest")


# holders


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_named_by_its_batch_system(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in JOBS:
        monkeypatch.delenv(other, raising=False)
    assert this_process("t", "d", "s").job == ""
    monkeypatch.setenv(name, "77")
    holder = this_process("t", "d", "yesterday")
    assert holder.job == "77"
    assert str(holder) == f"process {os.getpid()} on {os.uname().nodename}, job 77, since yesterday"
    assert ", job" not in str(holder._replace(job=""))
    assert (holder.token, holder.digest, holder.pid, holder.place) == ("t", "d", os.getpid(), place())
    assert holder.started == holders.start_time(os.getpid()) > 0


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({}, True),
        ({"job": "a-1.b"}, True),
        ({"job": "x" * 80}, True),
        ({"job": "x" * 81}, False),
        ({"job": None}, False),
        ({"pid": 0, "started": 2**63 - 1}, True),
        ({"pid": 2**63}, False),
        ({"pid": -1}, False),
        ({"started": -1}, False),
        ({"pid": "1"}, False),
        ({"token": ""}, False),
        ({"token": "x" * 80}, True),
        ({"token": "x" * 81}, False),
        ({"host": "a\x1b[2J"}, False),
        ({"digest": 5}, False),
        ({"since": None}, False),
    ],
)
def test_a_claims_file_is_ours_with_plain_words_and_whole_numbers(
    changes: dict[str, Any], ours: bool
) -> None:
    content = {**this_process("t", "d", "s")._asdict(), "job": "", **changes}
    found = read_holder(json.dumps({**content, "more": 1}))
    assert (found is not None) is ours
    assert found is None or found._asdict() == content


@pytest.mark.parametrize("text", ["", "[]", "5", "{", "[" * 100_000])
def test_what_is_no_claims_file_names_nobody(text: str) -> None:
    assert read_holder(text) is None


def test_a_process_that_has_ended_began_never() -> None:
    assert holders.start_time(2**22 + 1) == -1
    holder = this_process("t", "d", "s")
    assert holders.lives(holder._replace(pid=2**22 + 1)) is False


# claims


@pytest.mark.parametrize(
    ("age", "dead"), [(EXPIRY, False), (EXPIRY + 0.5, True), (-EXPIRY, False), (-EXPIRY - 0.5, True)]
)
def test_a_claim_of_whom_nothing_is_known_is_dead_after_three_minutes(age: float, dead: bool) -> None:
    assert EXPIRY == 180.0
    elsewhere = this_process("t", "d", "s")._replace(place="elsewhere")
    for holder in (None, elsewhere):
        assert claims._is_dead(claims._Found(holder, 1000.0), 1000.0 + age) is dead
    here = this_process("t", "d", "s")
    assert claims._is_dead(claims._Found(here, 0.0), 1e9) is False
    gone = here._replace(started=here.started + 1)
    assert claims._is_dead(claims._Found(gone, 1000.0), 1000.0) is True


def test_a_claim_stands_as_long_as_its_file_names_it(claim: Claim) -> None:
    assert not claim.stands
    claim.path.write_text(holder_text(claim.holder))
    assert claim.stands
    claim.confirm()
    os.utime(claim.path, (0, 0))
    claim.touch()
    assert claim.path.stat().st_mtime > 0
    claim.path.write_text(holder_text(claim.holder._replace(token="other")))
    os.utime(claim.path, (0, 0))
    assert not claim.stands
    claim.touch()
    assert claim.path.stat().st_mtime == 0
    claim.release()
    assert claim.path.exists()
    with pytest.raises(HeldError) as error:
        claim.confirm()
    assert str(error.value) == (
        f"{claim.path}: this job stood still for so long that another one took over; "
        "run the same command again once that has ended"
    )
    claim.path.write_text("{")
    assert not claim.stands
    claim.path.write_text(holder_text(claim.holder))
    claim.release()
    assert not claim.path.exists()


def test_a_claims_file_is_read_to_its_usual_length_and_no_link_is_followed(
    tmp_path: Path, claim: Claim
) -> None:
    text = holder_text(claim.holder)
    path = claim.path
    path.write_text(text.rstrip("\n").ljust(claims.MAX_BYTES))
    found = claims._found(path)
    assert found is not None
    assert found.holder == claim.holder
    assert found.touched == path.stat().st_mtime
    path.write_text(text.rstrip("\n").ljust(claims.MAX_BYTES) + "x")
    assert claims._found(path).holder == claim.holder  # type: ignore[union-attr]
    path.write_text(" " * claims.MAX_BYTES + text)
    assert claims._found(path).holder is None  # type: ignore[union-attr]
    link = tmp_path / "link.json"
    link.symlink_to(path)
    followed = claims._found(link)
    assert followed is not None
    assert followed.holder is None
    assert followed.touched == link.lstat().st_mtime
    os.mkfifo(tmp_path / "pipe.json")
    assert claims._found(tmp_path / "pipe.json").holder is None  # type: ignore[union-attr]
    assert claims._found(tmp_path / "none.json") is None
    assert claims._touched(tmp_path / "none.json") == 0.0


def test_claims_are_held_inside_the_block_and_removed_by_a_signal_too(tmp_path: Path) -> None:
    with claimed(tmp_path, {"b": "1", "a": "2"}, ignore) as held:
        assert list(held) == ["a", "b"]
        paths = {str(each.path) for each in held.values()}
        assert paths == {str(tmp_path / "logs" / "claims" / f"{name}.json") for name in "ab"}
        assert paths <= signals.REMOVED_AT_END
        assert {name: each.holder.digest for name, each in held.items()} == {"a": "2", "b": "1"}
        assert [thread for thread in threading.enumerate() if thread.name == "claims"]
        mode = stat.S_IMODE((tmp_path / "logs/claims/a.json").stat().st_mode)
        assert mode & 0o400
    assert not paths & signals.REMOVED_AT_END
    assert list((tmp_path / "logs" / "claims").iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "claims"]


def test_a_place_that_cannot_be_written_is_one_line(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: object, **more: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    said = f"{claim.path}: cannot be claimed (Permission denied); choose an output folder you may write to"
    own = claim.path.with_name("own")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", refused)
        with pytest.raises(CannotCreateError) as error:
            claims._write(own, claim)
        assert str(error.value) == said
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        with pytest.raises(CannotCreateError) as error:
            claims._remove(claim.path)
        assert str(error.value) == said
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(CannotCreateError) as error:
        claims._create_exclusively(claim)
    assert str(error.value) == said


@pytest.mark.parametrize("links", [True, False])
def test_a_claim_is_made_once(claim: Claim, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        monkeypatch.setattr(os, "link", lambda *given: (_ for _ in ()).throw(PermissionError(1, "no")))
    own = claim.path.with_name("own")
    claims._write(own, claim)
    assert claims._create(own, claim)
    assert claims._create(own, claim), "asked again, as NFS may"
    other, beside = Claim(claim.path, "digest"), claim.path.with_name("beside")
    claims._write(beside, other)
    assert not claims._create(beside, other)
    assert claim.stands


@pytest.mark.parametrize(("age", "removed"), [(EXPIRY - 1, False), (EXPIRY + 1, True)])
def test_the_right_to_take_over_lapses(
    claim: Claim, monkeypatch: pytest.MonkeyPatch, age: float, removed: bool
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(claims.time, "sleep", waited.append)
    own = claim.path.with_name("own")
    now = claims._write(own, claim)
    dead = this_process("dead" * 20, "d", "s")._replace(started=1)
    claim.path.write_text(holder_text(dead))
    right = claim.path.with_name(f".unit-{('dead' * 20)[:40]}.takeover")
    right.touch()
    os.utime(right, (now - age, now - age))
    found = claims._found(claim.path)
    assert found is not None
    claims._take_over(own, claim, found, now)
    assert right.exists() is not removed
    assert claim.path.exists()
    assert waited == [0.1]
    right.unlink(missing_ok=True)
    claims._take_over(own, claim, found, now)
    assert not claim.path.exists()
    assert not right.exists()
    assert len(waited) == 1


def test_a_claim_that_changed_meanwhile_is_not_taken_over(claim: Claim) -> None:
    own = claim.path.with_name("own")
    now = claims._write(own, claim)
    claim.path.write_text(holder_text(this_process("other", "d", "s")))
    claims._take_over(own, claim, claims._Found(None, 0.0), now)
    assert claim.path.exists()
    assert sorted(path.name for path in claim.path.parent.iterdir()) == ["own", "unit.json"]


def test_who_waits_is_told_once_and_looks_again_every_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    slept: list[float] = []
    folder = tmp_path / "logs" / "claims"
    folder.mkdir(parents=True)
    holder = this_process("other", "same", "yesterday")
    (folder / "unit.json").write_text(holder_text(holder))

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            (folder / "unit.json").unlink()

    monkeypatch.setattr(claims.time, "sleep", sleep)
    with claimed(tmp_path, {"unit": "same"}, said.append):
        pass
    assert said == [f"unit: waits for the job that makes the same ({holder})"]
    assert slept == [1.0] * 3


def test_a_refusal_names_the_holder_or_the_file() -> None:
    holder = this_process("t", "d", "yesterday")
    path = Path("claims/unit.json")
    for who, words in ((holder, str(holder)), (None, f"see {path}")):
        assert claims._refusal(path, who) == (
            f"unit: held by another job with other settings ({words}); "
            "let it end and try later, or use another output folder"
        )


# cores


@pytest.mark.parametrize(
    ("n_procs", "omp", "n_participants", "expected"),
    [
        (8, None, 1, 8),
        (8, None, 3, 2),
        (8, 1, 1, 1),
        (8, 3, 2, 3),
        (8, 9, 2, 4),
        (2, None, 9, 1),
        (2, 4, 9, 1),
        (None, 5, 4, 5),
        (None, None, 0, 6),
        (None, None, 9, 6),
    ],
)
def test_cores_are_shared_equally(
    monkeypatch: pytest.MonkeyPatch, n_procs: int | None, omp: int | None, n_participants: int, expected: int
) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 6)
    settings = Settings(Path(), Path(), "participant", n_procs=n_procs, omp_nthreads=omp)
    assert cores.cores_of_each(settings, n_participants) == expected


def test_cores_are_those_the_process_may_run_on_or_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 2, 3} if pid == 0 else set())
    assert cores.available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    for count, expected in ((5, 5), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert cores.available_cores() == expected


def test_a_borrowed_core_is_given_back() -> None:
    cores.use_cores(2)
    try:
        for _ in range(2):
            with cores.borrowed_core() as has, cores.borrowed_core() as another:
                assert (has, another) == (True, False)
    finally:
        cores.use_cores(1)
    with cores.borrowed_core() as has:
        assert has is False


# streams


@pytest.mark.parametrize(("end", "code"), [(None, 0), (0, 0), (3, 3), ("words", 1), (True, 1)])
def test_a_program_that_ends_itself_has_its_own_code(end: object, code: int) -> None:
    def run() -> int:
        raise SystemExit(end)  # type: ignore[arg-type]

    assert streams._ended(run) == code
    assert streams._ended(lambda: 5) == 5


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.EPIPE, 0), (errno.ENOSPC, 74), (errno.EIO, 74), (errno.EBADF, 74)],
)
def test_an_output_that_takes_nothing_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    silenced: list[str] = []
    monkeypatch.setattr(streams, "_silence", silenced.append)

    def run() -> int:
        raise OSError(number, "full\nup")

    assert streams.with_streams(run) == code
    assert silenced == ["stdout"]
    said = "bidsglm: standard output: cannot be written (full up); free space\n"
    assert capsys.readouterr().err == said * (code != 0)
    assert ReadWriteError.exit_code == 74


@pytest.mark.parametrize("error", [OSError(errno.EPIPE, "x", "file"), OSError(errno.EACCES, "x")])
def test_other_failures_of_files_are_not_those_of_the_output(error: OSError) -> None:
    def run() -> int:
        raise error

    with pytest.raises(OSError, match="x"):
        streams.with_streams(run)


def test_nobody_to_be_told_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.EPIPE, "closed")

        def flush(self) -> None:
            raise OSError(errno.EPIPE, "closed")

    silenced: list[str] = []
    monkeypatch.setattr(streams, "_silence", silenced.append)
    monkeypatch.setattr(sys, "stderr", Closed())
    assert streams.with_streams(lambda: 3) == 3
    assert silenced == ["stderr"]
    streams.say("a line")
    assert silenced == ["stderr", "stderr"]


@pytest.mark.parametrize(("name", "descriptor"), [("stdout", 1), ("stderr", 2)])
def test_what_is_left_of_a_stream_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch, name: str, descriptor: int
) -> None:
    seen: list[tuple[bool, int]] = []
    closed: list[int] = []
    monkeypatch.setattr(
        os,
        "dup2",
        lambda one, other: seen.append((os.path.samestat(os.fstat(one), os.stat(os.devnull)), other)),
    )
    close = os.close
    monkeypatch.setattr(os, "close", lambda number: closed.append(number) or close(number))
    streams._silence(name)
    assert seen == [(True, descriptor)]
    assert len(closed) == 1


def test_missing_streams_are_opened_in_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    fstat = os.fstat

    def missing(descriptor: int) -> os.stat_result:
        if descriptor in (0, 2):
            raise OSError(errno.EBADF, "closed")
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", missing)
    monkeypatch.setattr(os, "open", lambda *given: 2)
    monkeypatch.setattr(os, "dup2", lambda *given: made.append(given))
    monkeypatch.setattr(os, "close", lambda number: made.append(number))
    monkeypatch.setattr(streams, "open", lambda *given, **more: (*given, more["closefd"]), raising=False)
    with monkeypatch.context() as patch:
        for name in ("stdin", "stdout", "stderr"):
            patch.setattr(sys, name, None)
        streams.open_missing_streams()
        opened = sys.stdin, sys.stdout, sys.stderr
    assert made == [(2, 0), 2]
    assert opened == ((0, "r", False), (1, "w", False), (2, "w", False))


# signals and workers


def test_signals_that_were_switched_off_stay_so_and_others_come_back() -> None:
    # a shell's background job starts with SIGINT switched off, too
    here = {each: signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        before = signal.getsignal(signal.SIGTERM)
        with signals.ended_by_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is signals._end
            assert signal.getsignal(signal.SIGINT) is signals._end
        assert signal.getsignal(signal.SIGTERM) is before
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for number, handler in here.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "words", "code"),
    [
        (signal.SIGINT, "interrupted (SIGINT)", 130),
        (signal.SIGTERM, "terminated (SIGTERM)", 143),
        (signal.SIGHUP, "hung up (SIGHUP)", 129),
    ],
)
@pytest.mark.parametrize("terminal", [True, False])
def test_a_signal_says_one_line_and_ends_with_the_shells_code(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, words: str, code: int, terminal: bool
) -> None:
    said: list[tuple[int, bytes]] = []
    ended: list[int] = []
    switched: list[Any] = []
    monkeypatch.setattr(signals.signal, "signal", lambda *given: switched.append(given))
    monkeypatch.setattr(os, "write", lambda *given: said.append(given))
    monkeypatch.setattr(os, "isatty", lambda descriptor: terminal and descriptor == 2)
    monkeypatch.setattr(signals, "end_at_once", ended.append)
    monkeypatch.setattr(signals, "_kill_workers", lambda: ended.append(-1))
    signals._end(number, None)
    line = f"bidsglm: {words}; finished participants are kept, run the same command to go on\n"
    assert said == [(2, (("\x1b[?25h" if terminal else "") + line).encode())]
    assert ended == [-1, code]
    assert {given[0] for given in switched} == {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert {given[1] for given in switched} == {signal.SIG_IGN}


def test_folders_and_files_go_with_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    (tmp_path / "file").touch()
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    paths = {str(tmp_path / name) for name in ("folder", "file", "gone")}
    monkeypatch.setattr(signals, "REMOVED_AT_END", paths)
    signals.end_at_once(9)
    assert ended == [9]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("earlier", [None, "error"])
def test_warnings_of_the_tracker_alone_are_switched_off(
    monkeypatch: pytest.MonkeyPatch, earlier: str | None
) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(
        workers.resource_tracker, "ensure_running", lambda: seen.append(os.environ["PYTHONWARNINGS"])
    )
    if earlier is None:
        monkeypatch.delenv("PYTHONWARNINGS", raising=False)
    else:
        monkeypatch.setenv("PYTHONWARNINGS", earlier)
    workers._start_tracker()
    assert seen == ["ignore:resource_tracker"]
    assert os.environ.get("PYTHONWARNINGS") == earlier


def test_a_worker_is_set_up_with_what_it_removes_for_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "REMOVED_AT_END", set())
    monkeypatch.setattr(workers, "_end_with_parent", lambda: None)
    given: list[tuple[object, ...]] = []
    workers._set_up(frozenset({"a"}), lambda *words: given.append(words), (1, 2))
    workers._set_up(frozenset({"b"}), None, ())
    assert given == [(1, 2)]
    assert {"a", "b"} == workers.REMOVED_AT_END


# the workplace


def test_a_work_folder_in_the_raw_data_is_refused(tmp_path: Path) -> None:
    for inside in (tmp_path, tmp_path / "work"):
        with (
            pytest.raises(UsageError, match="must not lie in the raw data; name another"),
            workplace.work_dir_in_use(inside, tmp_path, None),
        ):
            pass
    assert not (tmp_path / "work").exists()


def test_a_work_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CannotCreateError, match=r"file/work: cannot be used as work folder \("),
        workplace.work_dir_in_use(tmp_path / "file" / "work", tmp_path / "bids", None),
    ):
        pass


def test_the_environment_is_as_before_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    before = dict(os.environ)
    with workplace.work_dir_in_use(tmp_path / "work", tmp_path / "bids", None):
        assert os.environ["MPLCONFIGDIR"] == str(tmp_path / "work" / "matplotlib")
        assert os.environ["TMPDIR"] == str(tmp_path / "work")
        assert tempfile.gettempdir() == str(tmp_path / "work")
    assert dict(os.environ) == before
    assert tempfile.gettempdir() != str(tmp_path / "work")


def test_the_folder_of_a_run_goes_by_a_signal_too_and_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with workplace.work_dir_in_use(None, tmp_path / "bids", None):
        (folder,) = tmp_path.iterdir()
        assert folder.name.startswith(f"bidsglm-{place()}-{os.getpid()}-")
        assert str(folder) in signals.REMOVED_AT_END
        assert {path.name for path in folder.iterdir()} == {"matplotlib", "joblib", "numba"}
    assert str(folder) not in signals.REMOVED_AT_END


def test_folders_of_dead_runs_of_this_machine_go_and_others_stay(tmp_path: Path) -> None:
    dead = 2**22 + 1
    names = {
        f"bidsglm-{place()}-{dead}-a": False,
        f"bidsglm-{place()}-{os.getpid()}-a": True,
        f"bidsglm-elsewhere-{dead}-a": True,
        f"other-{place()}-{dead}-a": True,
    }
    for name in names:
        (tmp_path / name / "inside").mkdir(parents=True)
    (tmp_path / f"bidsglm-{place()}-{dead}-link").symlink_to(tmp_path / f"other-{place()}-{dead}-a")
    workplace._remove_left_over(tmp_path)
    assert {name: (tmp_path / name).exists() for name in names} == names
    assert (tmp_path / f"bidsglm-{place()}-{dead}-link").is_symlink()


def test_threads_are_bounded_in_every_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in workplace.THREAD_VARIABLES:
        monkeypatch.setenv(name, "9")
    asked: list[int] = []
    monkeypatch.setattr("threadpoolctl.threadpool_limits", asked.append)
    workplace.bound_threads(3)
    assert {os.environ[name] for name in workplace.THREAD_VARIABLES} == {"3"}
    assert asked == [3]
