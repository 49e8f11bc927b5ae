"""Standard streams that are closed, full, or read by nobody any more; a working folder that is gone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bidsglm.process.workplace import START
from tests import tiny
from tests.conftest import PROJECT

BIDSGLM = f"{sys.executable} -m bidsglm"


def shell(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = ["bash", "-c", line]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("{} --help | head -1; exit ${{PIPESTATUS[0]}}", 0, ""),
        ("{} --bids-exec-spec | head -1; exit ${{PIPESTATUS[0]}}", 0, ""),
        (
            "{} --bids-exec-spec > /dev/full",
            74,
            "standard output: cannot be written (No space left on device)",
        ),
        ("{} --help > /dev/full", 74, "standard output: cannot be written (No space left on device)"),
        ("{} --version >&-", 0, ""),
        ("{} --nothing 2>&-", 64, ""),
        ("{} --nothing 2> /dev/full", 64, ""),
        ("mkdir gone; cd gone; rmdir ../gone; {} a b participant", 66, "the working folder no longer exists"),
    ],
)
def test_stream_that_nobody_reads_is_no_traceback(line: str, code: int, said: str, tmp_path: Path) -> None:
    done = shell(line.format(BIDSGLM), tmp_path)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.strip().splitlines()) == bool(said)
    assert said in done.stderr


def test_fit_with_closed_error_output_writes_its_results(tmp_path: Path) -> None:
    """Nothing that is opened later becomes standard error: no message stands in a result."""
    study = tiny.write_study(tmp_path, participants=("01",))
    line = f"{BIDSGLM} {study} out participant --backends spm --skip-bids-validation 2>&-"
    assert shell(line, tmp_path).returncode == 0
    assert (tmp_path / "out/sub-01.html").exists()
    assert "WARNING" not in (tmp_path / "out/dataset_description.json").read_text()


def test_what_a_killed_run_left_among_temporary_files_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "TMPDIR": str(scratch)}
    work = (
        "import pathlib, time; from bidsglm.process.workplace import work_dir_in_use\n"
        "with work_dir_in_use(None, pathlib.Path('bids'), None):\n"
        "    print('ready', flush=True); time.sleep(600)"
    )
    first, second = (
        subprocess.Popen([sys.executable, "-c", work], env=environment, stdout=subprocess.PIPE) for _ in "ab"
    )
    for run in (first, second):
        run.stdout.readline()
    assert len(list(scratch.iterdir())) == 2
    first.send_signal(signal.SIGKILL)
    first.wait()
    (scratch / f"{START}of-another-program").mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", work.replace("time.sleep(600)", "pass")], env=environment, capture_output=True
    )
    assert ended.returncode == 0
    left = {path.name for path in scratch.iterdir()}
    second.kill()
    assert len(left) == 2
    assert f"{START}of-another-program" in left
    assert any(f"-{second.pid}-" in name for name in left)
