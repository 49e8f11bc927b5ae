"""A real scheduler and workers of its own, over the loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bidsglm.cli import main
from bidsglm.execution import dask_cluster
from bidsglm.execution.dask_worker import MEMORY, Admission, reason_against, versions
from bidsglm.settings import Settings
from tests import tiny

distributed = pytest.importorskip("distributed")

DEADLINE = 600.0
"""s; hours would mean that a lost worker's participant is never given to another"""


def until(true: Callable[[], Any], what: str) -> Any:
    """First result that counts as true; fails after the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.2)
    pytest.fail(f"{what} did not happen within {DEADLINE:g} s")


class Cluster:
    """A scheduler and its workers, as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, []
        file = folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        until(lambda: file.exists() and file.stat().st_size, "a scheduler")
        self.address: str = json.loads(file.read_text())["address"]

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:], "--no-dashboard"]
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env={**os.environ, **environment}
            )
        self.processes.append(process)
        return process

    def worker(self, *words: str) -> "subprocess.Popen[bytes]":
        place = ("--local-directory", str(self.folder / "space"), "--no-nanny", "--nthreads", "1")
        return self.start("worker", self.address, *place, *words)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        for _ in range(2):
            started.worker()
        with distributed.Client(started.address, set_as_default=False) as client:
            until(lambda: len(client.nthreads()) == 2, "two workers")
        yield started
    finally:
        started.stop()


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in lists for word in path.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def worker_of(client: Any, participant: str) -> tuple[int, int] | None:
    """Process of the worker that has a participant in work, and the process that fits it."""
    pids = client.run(os.getpid)
    for address, keys in client.processing().items():
        if any(str(key).startswith(f"bidsglm-{participant}-") for key in keys) and children(pids[address]):
            return pids[address], children(pids[address])[0]
    return None


def test_a_caller_keeps_the_default_client_that_it_had(tmp_path: Path, cluster: Cluster) -> None:
    settings = Settings(tmp_path, tmp_path / "out", "participant", scheduler=cluster.address)
    with distributed.Client(cluster.address) as own, dask_cluster._connected(settings) as ours:
        assert ours is not own
        assert ours.nthreads() == own.nthreads()
        # what a program of Python computes beside the run goes where it did
        assert distributed.default_client() is own
    # and one without a client gets none
    with dask_cluster._connected(settings), pytest.raises(ValueError, match="No clients found"):
        distributed.default_client()


def test_worker_that_cannot_do_the_work_is_one_clear_line(
    tmp_path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    monkeypatch.setattr(dask_cluster, "versions", lambda: {**versions(), "bidsglm": "9.9"})
    command = [str(study), str(tmp_path / "out"), "participant", "-q", "--scheduler", cluster.address]
    assert main(command) == 74
    open_port, line = capsys.readouterr().err.strip().splitlines()
    assert "not encrypted" in open_port
    assert f"bidsglm {versions()['bidsglm']}, not 9.9" in line
    monkeypatch.undo()
    assert main([*command, "--mem", "100M"]) == 75
    said = capsys.readouterr().err
    assert "needs about" in said
    assert "the largest worker's 100 MB" in said
    with distributed.Client(cluster.address, set_as_default=False) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
    assert [worker["resources"] for worker in workers] == [{MEMORY: 100_000_000}] * 2


def test_lost_worker_is_replaced_and_a_bad_participant_harms_nobody(
    tmp_path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny.write_study(tmp_path)
    (study / "sub-02/func" / f"sub-02_task-{tiny.TASK}_events.tsv").write_text("no events\n")
    model = tmp_path / "model.json"
    model.write_text(json.dumps(tiny.model()))
    options = ["-m", str(model), "--backends", "spm", "-q"]
    out, local = tmp_path / "out", tmp_path / "local"
    command = [str(study), str(out), "participant", *options, "--scheduler", cluster.address]
    with ThreadPoolExecutor(1) as thread, distributed.Client(cluster.address, set_as_default=False) as client:
        run = thread.submit(main, command)
        worker, fitting = until(lambda: worker_of(client, "01"), "a participant on a worker")
        os.kill(worker, signal.SIGKILL)
        until(lambda: not alive(fitting), "the end of the process that the worker had started")
        assert run.result(DEADLINE) == 65
    said = capsys.readouterr().err
    assert "events.tsv: no column onset" in said
    assert "1 finished, 0 already there, 1 failed" in said
    assert "no column onset" in (out / "sub-02.html").read_text()
    assert main([str(study), str(local), "participant", *options, "--participant-label", "01"]) == 0
    maps = sorted(local.rglob("*statmap.nii.gz"))
    assert len(maps) > 5
    for path in maps:
        assert (out / path.relative_to(local)).read_bytes() == path.read_bytes(), path.name
    assert not list(out.rglob("*.tmp"))


def test_nobody_listening_is_one_line_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    started = time.monotonic()
    command = [str(study), str(tmp_path / "out"), "participant", "-q", "--scheduler", f"127.0.0.1:{port}"]
    assert main(command) == 74
    assert time.monotonic() - started < dask_cluster.PATIENCE
    _, line = capsys.readouterr().err.strip().splitlines()
    assert f"tcp://127.0.0.1:{port}: no Dask scheduler" in line


def test_missing_dask_says_how_to_install_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    monkeypatch.setitem(sys.modules, "distributed", None)
    command = [str(study), str(tmp_path / "out"), "participant", "-q", "--scheduler", "tcp://127.0.0.1:1"]
    assert main(command) == 64
    assert "pip install 'bidsglm[dask]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_reasons_against_a_worker_name_what_is_wrong(tmp_path: Path) -> None:
    there, absent = tmp_path, tmp_path / "absent"
    assert reason_against(Admission(versions(), (there,), there, None)) == ""
    assert f"does not see {absent}" in reason_against(Admission(versions(), (absent,), there, None))
    assert f"cannot write to {absent}" in reason_against(Admission(versions(), (there,), absent, None))
    assert "has numpy" in reason_against(Admission({**versions(), "numpy": "0"}, (), there, None))
    no_module = dask_cluster._reason(ModuleNotFoundError("No module named 'bidsglm'"))
    assert no_module.startswith("has no bidsglm")
