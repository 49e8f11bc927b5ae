"""A signal ends a program at once: its workers and what is temporary go, one line and a code say why."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # whoever started the tests may have switched them off
from pathlib import Path
from bidsglm.process.signals import REMOVED_AT_END, ended_by_signals
folder, file = Path(sys.argv[1]), Path(sys.argv[2])
REMOVED_AT_END.update({str(folder), str(file)})
with ended_by_signals():
    if sys.argv[3] == "workers":
        import multiprocessing
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        worker.start()
        print(worker.pid, flush=True)
    else:
        print(0, flush=True)
    time.sleep(600)
"""
DEADLINE = 30.0
"""s for a process to be gone on a busy machine"""


def is_there(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked for its code does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look for processes in")
@pytest.mark.parametrize("workers", ["workers", "none"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_a_program_with_its_workers_and_folders(
    tmp_path: Path, number: signal.Signals, workers: str
) -> None:
    folder, file = tmp_path / "temporary", tmp_path / "claim"
    (folder / "deep").mkdir(parents=True)
    file.touch()
    command = [sys.executable, "-c", PROGRAM, str(folder), str(file), workers]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        worker = int(process.stdout.readline())
        process.send_signal(number)
        try:
            _, said = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert said.count("\n") == 1
    assert f"({number.name}); finished participants are kept" in said
    assert not folder.exists()
    assert not file.exists()
    until = time.monotonic() + DEADLINE
    try:
        while worker and is_there(worker):
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        if worker and is_there(worker):
            os.kill(worker, signal.SIGKILL)
