"""Who may start, who is let in, what is said of whom, without a scheduler and without a fit."""

import asyncio
import logging
import re
import ssl
import tomllib
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from bidsglm.errors import (
    ClusterError,
    DataError,
    NoInputError,
    NothingMatchedError,
    TryLaterError,
    UsageError,
)
from bidsglm.execution import dask_cluster, dask_security, dask_worker, fits, level, memory, processes, recap
from bidsglm.execution.dask_worker import MEMORY, Admission, WorkerAnswer
from bidsglm.execution.memory import Demand, MemoryBound, Need
from bidsglm.execution.settings_file import OF_THE_JOB, settings_toml
from bidsglm.outputs.failures import Outcome
from bidsglm.settings import Settings

ADDRESS = "tcp://127.0.0.1:8786"


def prepared(folder: Path) -> Path:
    """A folder that counts as preprocessed data."""
    (folder / "prep" / "sub-01" / "func").mkdir(parents=True, exist_ok=True)
    return folder / "prep"


def settings_of(folder: Path, **changes: Any) -> Settings:
    return Settings(folder / "bids", folder / "out", "participant", **changes)


def outcome(label: str, state: str = "finished", code: int = 0, **more: Any) -> Outcome:
    return Outcome(label, state, code, f"sub-{label}: {state}", **more)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("bidsglm"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("bidsglm"), "handlers", [])
    caplog.set_level(logging.INFO, "bidsglm")
    return caplog


# memory


@pytest.fixture
def three_thousand(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every participant takes 3,000 bytes; those that were looked at."""
    looked: list[str] = []

    def found(settings: Settings, label: str, alone: bool) -> Demand:
        looked.append(f"{label}{' alone' * alone}")
        return Demand(Need(3_000), ())

    monkeypatch.setattr(memory, "demand", found)
    return looked


def test_exactly_as_much_as_there_is_may_start(tmp_path: Path, three_thousand: list[str]) -> None:
    for mem, may in ((6_000, True), (5_999, False)):
        bound = MemoryBound(settings_of(tmp_path, mem=mem))
        assert bound.may_start("02", ["01"]) is may
        assert bound.may_start("02", [])
    assert MemoryBound(settings_of(tmp_path, mem=3_000)).refusal("01") is None
    assert MemoryBound(settings_of(tmp_path)).refusal("01") is None


def test_a_participant_is_looked_at_once_and_its_units_are_given_away(
    tmp_path: Path, three_thousand: list[str]
) -> None:
    bound = MemoryBound(settings_of(tmp_path, mem=9_000), alone=True)
    assert bound.units("01") is None
    bound.need("01")
    assert bound.need("01") == Need(3_000)
    assert bound.units("01") == ()
    assert bound.units("01") is None
    assert three_thousand == ["01 alone"]
    free = MemoryBound(settings_of(tmp_path))
    assert free.need("01") == Need(0)
    assert free.units("01") is None
    assert three_thousand == ["01 alone"]


def test_that_fewer_start_than_asked_for_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "demand", lambda *_: Demand(Need(3_000_000)))
    bound = MemoryBound(settings_of(tmp_path, mem=7_000_000, n_procs=4))
    bound.may_start("02", ["01"])
    assert not said.messages
    for label in ("03", "04"):
        bound.may_start(label, ["01", "02"])
    assert said.messages == ["--mem 7 MB: fewer participants at once than --n-procs 4, about 3 MB each"]


def test_a_participant_who_does_not_fit_is_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, three_thousand: list[str]
) -> None:
    noted: list[tuple[Any, ...]] = []
    monkeypatch.setattr("bidsglm.execution.memory.record_death", lambda *given: noted.append(given))
    settings = settings_of(tmp_path, mem=2_999)
    found = MemoryBound(settings).refusal("01")
    assert found is not None
    assert (found.participant, found.state, found.exit_code) == ("01", "failed", TryLaterError.exit_code)
    assert found.message.startswith("sub-01: needs about 0 MB of memory, more than --mem 0 MB; fit ")
    assert noted == [(settings, "01", found.message, TryLaterError.exit_code)]


def test_who_cannot_be_read_counts_as_small(tmp_path: Path) -> None:
    assert memory.demand(settings_of(tmp_path), "01") == Demand(Need(303_000_000), None)


# the recap


@pytest.mark.parametrize(
    ("found", "stop", "total", "n_done"),
    [
        ([outcome("01"), outcome("02", "failed", 65), outcome("03")], False, 3, 3),
        ([outcome("01"), outcome("02", "failed", 65), outcome("03")], True, 3, 2),
        ([outcome("01"), outcome("02")], True, 2, 2),
        ([outcome("01", "failed", 75, held=True), outcome("02")], False, 2, 1),
    ],
)
def test_outcomes_are_told_as_they_come_until_one_ends_the_run(
    said: pytest.LogCaptureFixture, found: list[Outcome], stop: bool, total: int, n_done: int
) -> None:
    assert recap.collected(iter(found), total, stop) == found[:n_done]
    told = [(record.levelname, record.message) for record in said.records]
    assert told == [("ERROR" if each.state == "failed" else "INFO", each.message) for each in found[:n_done]]


@pytest.mark.parametrize(
    ("found", "total", "code", "lines"),
    [
        ([outcome("01")], 1, 0, [("INFO", "1 finished, 0 already there, 0 failed")]),
        (
            [outcome("01"), outcome("02", "skipped"), outcome("03", "skipped")],
            5,
            0,
            [("INFO", "1 finished, 2 already there, 0 failed, 2 not started")],
        ),
        ([outcome("01", "failed", 65)], 1, 65, [("WARNING", "0 finished, 0 already there, 1 failed")]),
        (
            [outcome("01", "failed", 65), outcome("02", "failed", 65), outcome("03")],
            3,
            65,
            [
                ("WARNING", "1 finished, 0 already there, 2 failed"),
                ("ERROR", "failed: sub-01: failed"),
                ("ERROR", "failed: sub-02: failed"),
            ],
        ),
        (
            [outcome("01", "failed", 65), outcome("02", "failed", 74)],
            2,
            1,
            [
                ("WARNING", "0 finished, 0 already there, 2 failed"),
                ("ERROR", "failed: sub-01: failed"),
                ("ERROR", "failed: sub-02: failed"),
            ],
        ),
    ],
)
def test_the_recap_counts_and_names_and_has_the_code_that_failures_agree_on(
    said: pytest.LogCaptureFixture, found: list[Outcome], total: int, code: int, lines: list[tuple[str, str]]
) -> None:
    assert recap.recap(found, total) == code
    assert [(record.levelname, record.message) for record in said.records] == lines


# settings as TOML


def test_settings_are_toml_with_what_is_not_set_as_comments(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, derivatives=(prepared(tmp_path),), n_procs=3)
    text = settings_toml(settings)
    content = tomllib.loads(text)
    assert content["bids_dir"] == str(tmp_path / "bids")
    assert content["derivatives"] == [str(tmp_path / "prep")]
    assert content["n_procs"] == 3
    assert "# mem: not set\n" in text
    assert "Of each job" not in text
    assert "mem" not in content


def test_what_each_job_has_for_itself_is_named_and_left_out(tmp_path: Path) -> None:
    texts = {
        settings_toml(settings_of(tmp_path, derivatives=(prepared(tmp_path),), n_procs=n), OF_THE_JOB)
        for n in (1, 2)
    }
    (text,) = texts
    (line,) = [line for line in text.splitlines() if "Of each job" in line]
    assert line.startswith("# Of each job, see logs/*/bidsglm.toml: level, ")
    named = line.partition("toml: ")[2].split(", ")
    assert sorted(named) == sorted(OF_THE_JOB)
    assert not set(named) & set(tomllib.loads(text))
    assert "# mem:" not in text


# participants


def test_participants_are_those_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(level, "find_participants", lambda _: ("01", "02", "03"))
    model: Any = SimpleNamespace(inputs={"subject": ["sub-03", "01", "09"]})
    settings = settings_of(tmp_path, model=Path("m.json"))
    assert level._participants(settings, model) == ("01", "03")
    assert level._participants(settings, None) == ("01", "02", "03")
    model.inputs = {}
    assert level._participants(settings, model) == ("01", "02", "03")
    model.inputs = {"subject": [f"x{i}" for i in range(1, 7)]}
    monkeypatch.setattr(level, "find_participants", lambda _: tuple("abcdefg"))
    with pytest.raises(NothingMatchedError) as error:
        level._participants(settings, model)
    assert str(error.value) == (
        "m.json: Input.subject lists x1, x2, x3, x4, x5, of whom none is among the participants "
        "(a, b, c, d, e); correct one of them"
    )


def test_what_fails_without_a_fit_is_a_line_and_a_code(said: pytest.LogCaptureFixture) -> None:
    told = []

    def tell(label: str) -> None:
        told.append(label)
        if label == "02":
            raise DataError("no scans")

    assert level._without_fit(["01", "02", "03"], tell) == DataError.exit_code
    assert told == ["01", "02", "03"]
    shown = [record for record in said.records if not getattr(record, "file_only", False)]
    assert [record.message for record in shown] == ["sub-02: no scans"]
    assert level._without_fit(["01"], tell) == 0


@pytest.mark.parametrize(("labels", "alone"), [(["01"], True), (["01", "02"], False)])
def test_who_does_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: list[str], alone: bool
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(fits, "over_processes", lambda *given: asked.append(given) or "processes")
    monkeypatch.setattr(fits, "_in_turn", lambda *given: asked.append(given) or "in turn")
    monkeypatch.setattr(fits, "rewrite_report", lambda settings, label: label)
    settings = settings_of(tmp_path, n_procs=2)
    expected: Any = "in turn" if alone else "processes"
    assert fits._outcomes(settings, labels, tmp_path) == expected
    assert asked[0][-1]._alone is alone
    assert fits._outcomes(settings_of(tmp_path, n_procs=1), labels, tmp_path) == "in turn"
    again = settings_of(tmp_path, n_procs=2, reports_only=True)
    assert list(fits._outcomes(again, labels, tmp_path)) == labels


def test_settings_of_the_folder_are_written_with_the_first_result(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, derivatives=(prepared(tmp_path),))
    settings.output_dir.mkdir()
    file = settings.output_dir / "bidsglm.toml"
    there = []
    for each in fits._with_settings(iter([outcome("01", "failed", 65), outcome("02")]), settings):
        there.append((each.participant, file.exists()))
    assert there == [("01", False), ("02", True)]
    file.unlink()
    again = settings_of(tmp_path, derivatives=(prepared(tmp_path),), reports_only=True)
    assert len(list(fits._with_settings(iter([outcome("01")]), again))) == 1
    assert not file.exists()


def test_a_log_folder_has_the_time_and_a_mark_of_its_own(tmp_path: Path) -> None:
    first, second = fits.new_log_dir(tmp_path), fits.new_log_dir(tmp_path)
    assert first != second
    assert first.parent == second.parent == tmp_path / "logs"
    assert re.fullmatch(r"\d{8}-\d{6}_[0-9a-f-]{36}", first.name)
    assert first.is_dir()


# processes


def future_of(result: object = None, error: BaseException | None = None) -> "Future[Any]":
    made: Future[Any] = Future()
    if error:
        made.set_exception(error)
    else:
        made.set_result(result)
    return made


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            BrokenProcessPool("gone"),
            "sub-01: its process was killed (out of memory? give it more, or fewer --n-procs)",
        ),
        (ValueError("odd"), "sub-01: its process failed: odd"),
    ],
)
def test_a_process_that_died_is_an_outcome(error: Exception, message: str) -> None:
    assert processes._outcome(future_of(error=error), "01") == Outcome("01", "failed", 1, message)
    assert processes._outcome(future_of(outcome("01")), "01") == outcome("01")


class Pool:
    """A worker that does its work at once."""

    made: ClassVar[list["Pool"]] = []

    def __init__(self) -> None:
        self.stopped: list[dict[str, bool]] = []
        Pool.made.append(self)

    def shutdown(self, **how: bool) -> None:
        self.stopped.append(how)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What is handed over to pools; sub-02's process dies."""
    handed: list[tuple[str, object]] = []

    def hand_over(pool: Pool, work: object, settings: Settings, label: str, units: object) -> "Future[Any]":
        assert not pool.stopped
        handed.append((label, units))
        return future_of(outcome(label)) if label != "02" else future_of(error=BrokenProcessPool())

    Pool.made.clear()
    monkeypatch.setattr(processes, "worker_pool", lambda n, start, given: Pool() if n == 1 else None)
    monkeypatch.setattr(processes, "hand_over", hand_over)
    monkeypatch.setattr(processes, "record_death", lambda *given: handed.append(("dead", given[1])))
    return handed


def test_a_worker_that_dies_is_replaced_and_all_are_stopped(
    tmp_path: Path, pools: list[tuple[str, object]]
) -> None:
    settings = settings_of(tmp_path, n_procs=2)
    done = list(processes.over_processes(settings, ["01", "02", "03", "04"], tmp_path, MemoryBound(settings)))
    assert {each.participant: each.state for each in done} == {
        "01": "finished",
        "02": "failed",
        "03": "finished",
        "04": "finished",
    }
    assert ("dead", "02") in pools
    assert len(Pool.made) == 3, "two, and one in place of that which died"
    stops = sorted(str(pool.stopped) for pool in Pool.made)
    assert stops == sorted([*[str([{"wait": True, "cancel_futures": True}])] * 2, str([{"wait": False}])])


def test_no_more_workers_than_participants(tmp_path: Path, pools: list[tuple[str, object]]) -> None:
    settings = settings_of(tmp_path, n_procs=8)
    list(processes.over_processes(settings, ["01", "03"], tmp_path, MemoryBound(settings)))
    assert len(Pool.made) == 2


def test_who_does_not_fit_is_refused_and_the_others_go_on(
    tmp_path: Path, pools: list[tuple[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def needs(settings: Settings, label: str, alone: bool) -> Demand:
        return Demand(Need(9 if label == "03" else 1), (label,))  # type: ignore[arg-type]

    monkeypatch.setattr(memory, "demand", needs)
    monkeypatch.setattr("bidsglm.participant.record_death", lambda *given: None)
    settings = settings_of(tmp_path, n_procs=2, mem=5)
    labels = ["01", "03", "04"]
    done = list(processes.over_processes(settings, labels, tmp_path, MemoryBound(settings)))
    assert sorted((each.participant, each.state) for each in done) == [
        ("01", "finished"),
        ("03", "failed"),
        ("04", "finished"),
    ]
    assert pools == [("01", ("01",)), ("04", ("04",))]


# Dask


def test_a_worker_must_have_the_versions_see_the_data_and_write(tmp_path: Path) -> None:
    here = dask_worker.versions()
    assert dask_worker.reason_against(Admission(here, (tmp_path,), tmp_path, None)) == ""
    other = {**here, "numpy": "0.1", "bidsglm": "0.2"}
    assert dask_worker.reason_against(Admission(other, (), tmp_path, None)) == (
        f"has bidsglm {here['bidsglm']}, not 0.2; numpy {here['numpy']}, not 0.1: "
        "install the same versions on all workers"
    )
    unseen = (tmp_path, tmp_path / "a", tmp_path / "b")
    assert dask_worker.reason_against(Admission(here, unseen, tmp_path, None)).startswith(
        f"does not see {tmp_path / 'a'}: the data must be"
    )
    closed = Admission(here, (), tmp_path / "none", None)
    assert dask_worker.reason_against(closed).startswith(f"cannot write to {tmp_path / 'none'}: ")


def test_versions_have_two_numbers_of_python_and_a_word_for_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_worker, "PACKAGES", ("numpy", "no-such-package"))
    found = dask_worker.versions()
    assert re.fullmatch(r"3\.\d+", found["Python"])
    assert found["no-such-package"] == "none"
    assert found["numpy"][0].isdigit()


@pytest.mark.parametrize(("limit", "mem", "expected"), [(500, None, 500), (500, 300, 300), (500, 900, 500)])
def test_a_worker_tells_what_it_has_for_participants(
    tmp_path: Path, limit: int, mem: int | None, expected: int
) -> None:
    pytest.importorskip("distributed")
    told = {}

    async def set_resources(**given: int) -> None:
        told.update(given)

    worker = SimpleNamespace(memory_manager=SimpleNamespace(memory_limit=limit), set_resources=set_resources)
    wanted = Admission(dask_worker.versions(), (), tmp_path, mem)
    assert asyncio.run(dask_worker.admit(wanted, worker)) == WorkerAnswer(expected, "")
    assert told == {MEMORY: expected}
    refused = asyncio.run(dask_worker.admit(wanted._replace(writable=tmp_path / "none"), worker))
    assert refused.memory == 0
    assert refused.reason.startswith("cannot write")


def on_a_cluster(folder: Path, **changes: Any) -> Settings:
    return settings_of(folder, scheduler=ADDRESS, derivatives=(prepared(folder),), **changes)


class Client:
    """A scheduler's client with workers that answer as they are told."""

    def __init__(self, answers: dict[str, object]) -> None:
        self.answers, self.asked = answers, list[list[str]]()

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.answers, 1)

    def run(
        self, work: object, wanted: Admission, workers: Sequence[str], on_error: str
    ) -> dict[str, object]:
        assert on_error == "return"
        self.asked.append(list(workers))
        return {worker: self.answers[worker] for worker in workers}


def test_a_crew_takes_in_who_comes_and_forgets_who_goes(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    client = Client({})
    settings = settings_of(
        tmp_path, scheduler=ADDRESS, derivatives=(prepared(tmp_path),), model=tmp_path / "m"
    )
    crew = dask_cluster._Crew(client, settings)
    assert crew.wanted.readable == (tmp_path / "bids", tmp_path / "prep", tmp_path / "m")
    assert crew.wanted.writable == tmp_path / "out"
    assert not crew.welcome()
    assert not crew.welcome()
    assert said.messages == [f"{ADDRESS}: has no worker; waiting for one"]
    assert crew.largest == 0
    client.answers = {"a": WorkerAnswer(5, ""), "b": WorkerAnswer(7, ""), "c": WorkerAnswer(0, "is odd")}
    assert crew.welcome()
    assert said.messages[1:] == ["worker c is not used: it is odd"]
    assert (crew.memory, crew.largest) == ({"a": 5, "b": 7, "c": 0}, 7)
    assert not crew.welcome()
    assert client.asked == [["a", "b", "c"]]
    del client.answers["b"]
    client.answers["d"] = WorkerAnswer(0, "is late")
    assert not crew.welcome()
    assert crew.largest == 5
    assert client.asked[1:] == [["d"]]


def test_a_crew_without_anybody_who_can_ends_in_one_line(tmp_path: Path) -> None:
    client = Client({"a": WorkerAnswer(0, "is odd"), "b": ValueError("no\n  way")})
    crew = dask_cluster._Crew(client, on_a_cluster(tmp_path))
    with pytest.raises(ClusterError) as error:
        crew.welcome()
    assert str(error.value) == f"{ADDRESS}: none of its 2 workers can do the work; a is odd"


def test_a_scheduler_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    crew = dask_cluster._Crew(Client({}), on_a_cluster(tmp_path))

    def busy() -> dict[str, int]:
        raise OSError("busy")

    crew.client.nthreads = busy
    assert crew.welcome() is False


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (WorkerAnswer(0, "is odd"), "is odd"),
        (ImportError("No module named 'bidsglm'"), "has no bidsglm: install the same version on all workers"),
        (ImportError("No module named 'other'"), "cannot be asked (No module named 'other')"),
        (ValueError("bidsglm\n  failed"), "cannot be asked (bidsglm failed)"),
        (ValueError(), "cannot be asked (ValueError)"),
    ],
)
def test_why_an_answer_is_none(answer: object, reason: str) -> None:
    assert dask_cluster._reason(answer) == reason


class Task:
    """A future of Dask."""

    def __init__(self, status: str, result: object = None, key: str = "") -> None:
        self.status, self.key, self._result, self.cancelled = status, key, result, list[bool]()

    def result(self) -> object:
        return self._result

    def exception(self, timeout: float) -> object:
        assert timeout == dask_cluster.PATIENCE
        return self._result

    def cancel(self, force: bool) -> None:
        self.cancelled.append(force)


def test_a_task_without_a_result_is_told_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    noted: list[str] = []
    monkeypatch.setattr(dask_cluster, "record_death", lambda settings, label, message: noted.append(message))
    settings = settings_of(tmp_path)
    assert dask_cluster._outcome(Task("finished", outcome("01")), "01", settings) == outcome("01")
    assert not noted
    killed = distributed.KilledWorker("task", SimpleNamespace(address="a"), 3)
    for task, said_of_it in (
        (Task("error", killed), "every worker that fitted it died (out of memory? give the workers more)"),
        (Task("error", ValueError("odd")), "its task failed: cannot be asked (odd)"),
        (Task("lost"), "the scheduler lost it (stopped, or out of reach); run the same command again"),
    ):
        expected = Outcome("01", "failed", ClusterError.exit_code, f"sub-01: {said_of_it}")
        assert dask_cluster._outcome(task, "01", settings) == expected
        assert noted.pop() == expected.message


def test_those_for_whom_no_worker_is_large_enough_do_not_wait() -> None:
    large, fitting = Task("pending"), Task("pending")
    needs = {"01": 8, "02": 7}
    for largest, taken in ((0, []), (8, []), (7, ["01"])):
        futures: dict[Any, str] = {large: "01", fitting: "02"}
        assert dask_cluster._too_large(futures, needs, largest) == taken
        assert len(futures) == 2 - len(taken)
    assert large.cancelled == [True]
    assert not fitting.cancelled


def test_only_what_waits_is_submitted_again() -> None:
    waiting, working, done = Task("pending", key="a"), Task("pending", key="b"), Task("finished", key="c")
    futures: dict[Any, str] = {waiting: "01", working: "02", done: "03"}
    client = SimpleNamespace(processing=lambda: {"worker": ["b"]})
    dask_cluster._submit_again(futures, client, lambda label: f"again {label}")
    assert futures == {"again 01": "01", working: "02", done: "03"}
    assert (waiting.cancelled, working.cancelled, done.cancelled) == ([True], [], [])


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("tcp://localhost:1", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://10.0.0.1:1", False),
        ("tcp://node:1", False),
        ("nothing", False),
    ],
)
def test_only_this_machine_is_spoken_to_without_encryption(
    tmp_path: Path, said: pytest.LogCaptureFixture, address: str, loopback: bool
) -> None:
    pytest.importorskip("distributed")
    settings = settings_of(tmp_path, scheduler=address)
    assert dask_security.is_loopback(address) is loopback
    if loopback:
        assert dask_security.security(settings).require_encryption is not True
    else:
        with pytest.raises(UsageError, match="is not encrypted"):
            dask_security.security(settings)
    dask_security.warn_if_open(settings)
    assert len(said.messages) == 1
    assert said.messages[0].startswith(f"{address}: is not encrypted, so every user")


@pytest.mark.parametrize("scheme", ["tls", "wss"])
def test_an_encrypted_address_needs_certificates_that_can_be_read(
    tmp_path: Path, said: pytest.LogCaptureFixture, scheme: str
) -> None:
    pytest.importorskip("distributed")
    address = f"{scheme}://node:1"
    with pytest.raises(UsageError, match=f"--scheduler {address}: needs certificates"):
        dask_security.security(settings_of(tmp_path, scheduler=address))
    files = tuple(tmp_path / name for name in ("ca", "cert", "key"))
    for file in files[:2]:
        file.write_text("none")
    settings = settings_of(tmp_path, scheduler=address, scheduler_tls=files)
    with pytest.raises(NoInputError, match=f"--scheduler-tls {files[2]}: no such file"):
        dask_security.security(settings)
    files[2].write_text("none")
    with pytest.raises(DataError) as error:
        dask_security.security(settings)
    assert str(error.value).startswith(f"{files[0]}, {files[1]}, {files[2]}: cannot be used as CA, cert")
    assert "\n" not in str(error.value)
    assert isinstance(error.value.__cause__, ssl.SSLError)
    dask_security.warn_if_open(settings)
    assert not said.messages


def test_nobody_listening_is_told_at_once(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(
        ClusterError, match=r"tcp://127\.0\.0\.1:1: no Dask scheduler can be reached there \("
    ):
        dask_cluster.check_reachable(settings_of(tmp_path, scheduler="tcp://127.0.0.1:1"))
