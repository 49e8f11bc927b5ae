"""Schedulers that let nobody in without a certificate: real ones, over the loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bidsglm.cli import main
from tests import tiny
from tests.conftest import PROJECT

distributed = pytest.importorskip("distributed")
pytest.importorskip("cryptography", reason="cryptography, which makes the certificates, is not installed")

DEADLINE = 300.0
"""s"""


def certificates(folder: Path) -> tuple[str, str, str]:
    """Files of an authority, a certificate and its key: here one certificate that is its own authority."""
    folder.mkdir()
    made = distributed.Security.temporary()
    for name, text in (
        ("ca", made.tls_ca_file),
        ("cert", made.tls_client_cert),
        ("key", made.tls_client_key),
    ):
        (folder / f"{name}.pem").write_text(text)
    return tuple(str(folder / f"{name}.pem") for name in ("ca", "cert", "key"))


def started(log: Path, *words: str) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        command = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}", *words[1:], "--no-dashboard"]
        return subprocess.Popen(command, stdout=file, stderr=file, cwd=log.parent)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Address of a scheduler with one worker, and the files that it wants to see."""
    folder = tmp_path_factory.mktemp("cluster")
    files = certificates(folder / "good")
    tls = [f"--tls-{name}={path}" for name, path in zip(("ca-file", "cert", "key"), files, strict=True)]
    file = folder / "scheduler.json"
    place = ["--protocol", "tls", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)]
    processes = [started(folder / "scheduler.log", "scheduler", *place, *tls)]
    try:
        end = time.monotonic() + DEADLINE
        while not (file.exists() and file.stat().st_size) and time.monotonic() < end:
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        worker = ["--no-nanny", "--nthreads", "1", "--local-directory", str(folder / "space")]
        processes.append(started(folder / "worker.log", "worker", address, *worker, *tls))
        yield address, files
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    study = tiny.write_study(tmp_path, participants=("01",))
    return [str(study), str(tmp_path / "out"), "participant", "--backends", "spm", "--skip-bids-validation"]


def test_address_of_a_scheduler_with_tls_says_so(cluster) -> None:
    assert cluster[0].startswith("tls://127.0.0.1:")


def test_participant_is_fitted_over_tls(cluster, command: list[str], capsys) -> None:
    address, files = cluster
    # a bare address with certificates is an encrypted one
    bare = address.removeprefix("tls://")
    assert main([*command, "--scheduler", bare, "--scheduler-tls", *files]) == 0, capsys.readouterr().err
    assert (Path(command[1]) / "sub-01.html").exists()
    said = capsys.readouterr().err
    assert "encrypted" not in said
    assert "1 finished" in said


def test_certificates_may_be_those_of_dasks_configuration(cluster, command: list[str], capsys) -> None:
    import dask

    address, (ca, cert, key) = cluster
    tls = "distributed.comm.tls."
    with dask.config.set({tls + "ca-file": ca, tls + "client.cert": cert, tls + "client.key": key}):
        assert main([*command, "--scheduler", address]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("kind", ["stranger", "none", "plain"])
def test_nobody_gets_in_without_the_certificate(
    kind: str, cluster, command: list[str], tmp_path: Path, capsys
) -> None:
    address = cluster[0] if kind != "plain" else cluster[0].replace("tls://", "tcp://")
    stranger = ("--scheduler-tls", *certificates(tmp_path / "stranger")) if kind == "stranger" else ()
    code = main([*command, "-q", "-q", "--scheduler", address, *stranger])
    assert code == (64 if kind == "none" else 74)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert address in line
    assert ("needs certificates" if kind == "none" else "does not answer as a Dask scheduler") in line


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--scheduler", "tcp://node7:8786"], 64, "can run commands as you"),
        (["--scheduler", "192.0.2.1:8786"], 64, "give tls://host:port and --scheduler-tls"),
        (["--scheduler-tls", "a", "b", "c"], 64, "--scheduler-tls: needs --scheduler"),
        (["--scheduler", "tls://127.0.0.1:1", "--scheduler-tls", "a", "b", "c"], 66, "a: no such file"),
        (
            ["--scheduler", "tls://127.0.0.1:1", "--scheduler-tls", "{bad}", "{bad}", "{bad}"],
            65,
            "cannot be used",
        ),
    ],
)
def test_what_would_not_be_safe_is_refused_in_one_line(
    words: list[str], code: int, text: str, command: list[str], tmp_path: Path, capsys
) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n")
    assert main([*command, *(word.format(bad=bad) for word in words)]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert text in line
    assert not Path(command[1]).exists()


def test_plain_scheduler_of_this_machine_is_warned_of(command: list[str], capsys) -> None:
    assert main([*command, "--scheduler", "tcp://127.0.0.1:1"]) == 74
    assert "every user of this machine can run commands as you" in capsys.readouterr().err


SBATCH = """\
#!/bin/sh
for script; do :; done
cp "$script" "$JOBS/script.$$"
setsid sh "$JOBS/script.$$" >"$JOBS/log.$$" 2>&1 &
echo "$!" >>"$JOBS/pids"
echo "Submitted batch job $!"
"""


def test_slurm_script_makes_certificates_that_only_its_run_has(command: list[str], tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    tools, jobs, home = (tmp_path / name for name in ("bin", "jobs", "home"))
    for folder in (tools, jobs, home):
        folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", "#!/bin/sh\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "JOBS": str(jobs),
        "HOME": str(home),
    }
    words = ["--interface", "lo", *command[:2], *command[3:]]
    script = [sys.executable, str(PROJECT / "hpc" / "dask_slurm.py"), *words]
    try:
        done = subprocess.run(
            script, env=environment, cwd=home, capture_output=True, text=True, timeout=DEADLINE
        )
    finally:
        for pid in (jobs / "pids").read_text().split() if (jobs / "pids").exists() else []:
            try:
                os.killpg(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
    assert done.returncode == 0, done.stderr
    assert "1 finished" in done.stderr
    job = next(jobs.glob("script.*")).read_text()
    assert "tls://127.0.0.1:" in job
    assert "--tls-key" in job
    assert "--interface lo" in job
    assert list(home.glob(".bidsglm-tls-*")) == []


def test_key_of_the_slurm_script_is_for_its_owner_only(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    scope: dict[str, object] = {"__name__": "dask_slurm"}
    exec(compile((PROJECT / "hpc" / "dask_slurm.py").read_text(), "dask_slurm.py", "exec"), scope)
    for path in scope["write_certificate"](tmp_path):  # type: ignore[operator]
        assert path.stat().st_mode & 0o777 == 0o600
