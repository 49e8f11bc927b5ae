"""Jobs that are killed, and jobs that write one folder at the same time."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.errors import ReadWriteError
from bidsglm.outputs.temporary import temporary_path
from bidsglm.unit.writing import check_alone
from tests import tiny

pytestmark = pytest.mark.usefixtures("plain_figures")

FORK = multiprocessing.get_context("fork")
DEADLINE = 600.0
"""s, on a machine with much else to do"""
N_MOMENTS = 3
VARIES = (".html", "_summary.json")
"""They tell when they were made, and by which command."""


def until(true: Callable[[], Any], what: str) -> Any:
    """First result that counts as true; fails after the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.01)
    pytest.fail(f"{what} did not happen within {DEADLINE:g} s")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tiny.write_study(tmp_path_factory.mktemp("study"))
    write_model(study, "model", [1, -1])
    write_model(study, "other", [1, 0])
    return study


def write_model(study: Path, name: str, weights: list[int]) -> None:
    document = tiny.model()
    document["Nodes"][0]["Contrasts"][0] |= {"Name": name, "Weights": weights}
    (study.parent / f"{name}.json").write_text(json.dumps(document))


def words(study: Path, out: Path, *labels: str, model: str = "model") -> list[str]:
    """Command line of a fit that takes a second."""
    options = ["--backends", "spm", "-q", "-m", str(study.parent / f"{model}.json")]
    return [str(study), str(out), "participant", *options, "--participant-label", *labels]


@pytest.fixture(scope="module")
def undisturbed(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert main(words(study, out, "01", "02")) == 0
    return out


def contents(out: Path) -> dict[str, bytes]:
    """Files that do not tell when they were made, by name; the logs of single runs left out."""
    found = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {
        name: b"" if name.endswith(VARIES) else path.read_bytes().replace(str(out).encode(), b"OUT")
        for name, path in found.items()
        if not name.startswith("logs/2")
    }


def killed_at(number: int, command: list[str]) -> None:
    """Run a command line in a process that is killed when it gives its n-th file its name."""

    def run() -> None:
        replace, left = os.replace, iter(range(number))

        def counted(*paths: Any, **options: Any) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*paths, **options)

        os.replace = counted
        main(command)

    process = FORK.Process(target=run)
    process.start()
    process.join(DEADLINE)
    assert process.exitcode == -signal.SIGKILL


def test_next_run_completes_what_a_killed_one_left(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    wanted = {name: text for name, text in contents(undisturbed).items() if "sub-02" not in name}
    moments = np.random.default_rng(0).integers(4, len(wanted) - 1, N_MOMENTS)
    for moment in (*moments, len(wanted) - 2):
        out = tmp_path / str(moment)
        killed_at(int(moment), words(study, out, "01"))
        assert contents(out).keys() != wanted.keys()
        assert main(words(study, out, "01")) == 0
        assert contents(out) == wanted, f"killed at file {moment}"


def test_results_that_a_killed_run_half_replaced_are_fitted_again(
    study: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    killed_at(8, words(study, out, "01", model="other"))
    (summary,) = out.glob("sub-01/func/*_summary.json")
    assert json.loads(summary.read_text())["status"] == "unfinished"
    assert list(out.glob("sub-01/func/.*.tmp"))
    assert main(words(study, out, "01")) == 0
    (out / "model-tiny_smdl.json").write_bytes((undisturbed / "model-tiny_smdl.json").read_bytes())
    assert contents(out) == contents(undisturbed)


def together(commands: list[list[str]], meanwhile: Callable[[], None]) -> None:
    """Run command lines at the same time, each in a process; all of them must end well."""
    start = FORK.Barrier(len(commands))

    def run(command: list[str]) -> None:
        start.wait()
        os._exit(main(command))

    processes = [FORK.Process(target=run, args=(command,)) for command in commands]
    for process in processes:
        process.start()

    def ended() -> bool:
        meanwhile()
        return all(process.exitcode is not None for process in processes)

    until(ended, "the end of all jobs")
    assert [process.exitcode for process in processes] == [0] * len(processes)


def test_eight_jobs_on_one_folder_leave_what_one_would(
    study: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out, wanted = tmp_path / "out", contents(undisturbed)
    root = [name for name in wanted if "/" not in name and not name.endswith(VARIES)]
    root.append("logs/CITATION.md")
    seen: dict[str, set[bytes]] = {name: set() for name in root}

    def look() -> None:
        for name in root:
            if (out / name).exists():
                seen[name].add((out / name).read_bytes().replace(str(out).encode(), b"OUT"))

    together([words(study, out, label) for label in ("01", "02") * 4], look)
    assert contents(out) == wanted
    for name, texts in seen.items():
        assert texts <= {wanted[name]}, f"{name} was another, or half-written"
    assert len(list(out.glob("logs/2*"))) == 8


def with_sessions(study: Path) -> Path:
    """Copy of the first participant's data in two sessions."""
    copy = study.parent / "sessions" / "bids"
    for path in study.rglob("*"):
        place = path.relative_to(study)
        if path.is_dir() or "sub-02" in place.parts:
            continue
        for session in ("ses-a", "ses-b") if "sub-01" in place.parts else ("",):
            parts = [part if part != "sub-01" else f"sub-01/{session}" for part in place.parts]
            parts[-1] = parts[-1].replace("sub-01_", f"sub-01_{session}_")
            target = copy.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return copy


def test_sessions_fitted_at_the_same_time_are_both_on_the_page(study: Path, tmp_path: Path) -> None:
    sessions, out = with_sessions(study), tmp_path / "out"
    options = ["--backends", "spm", "-q", "--no-attribution"]
    commands = [[str(sessions), str(out), "participant", *options, "--session-label", s] for s in "ab"]
    together(commands, lambda: None)
    page = (out / "sub-01.html").read_text()
    for session in ("ses-a", "ses-b"):
        assert f"sub-01_{session}_task-{tiny.TASK}_space-{tiny.SPACE}" in page
    assert "not yet all written" not in page
    assert not list(out.rglob("*.tmp"))


def test_runs_with_other_settings_that_meet_in_a_unit_both_notice(tmp_path: Path) -> None:
    path = tmp_path / "unit_summary.json"
    path.write_text(json.dumps({"status": "unfinished", "digest": "mine"}))
    check_alone(path, "mine")
    with pytest.raises(ReadWriteError, match="another run with other settings"):
        check_alone(path, "other")
    with pytest.raises(ReadWriteError, match="another run with other settings"):
        check_alone(path, "mine")


def test_left_over_files_go_and_those_of_living_jobs_stay(
    study: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    ended = FORK.Process(target=int)
    ended.start()
    ended.join()
    living = temporary_path(out / "sub-01/func/any")
    dead = living.with_name(living.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
    elsewhere, old = (living.with_name(f".elsewhere-1-{name}.tmp") for name in ("new", "old"))
    for path in (living, dead, elsewhere, old):
        path.write_text("half")
    os.utime(old, (0, 0))
    assert main(words(study, out, "01")) == 0
    assert [path.exists() for path in (living, elsewhere, dead, old)] == [True, True, False, False]


def children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in lists for word in path.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("sent", "to_all", "code"),
    [(signal.SIGTERM, False, 143), (signal.SIGINT, True, 130), (signal.SIGKILL, False, -9)],
)
def test_signal_ends_the_run_with_its_workers_in_one_line(
    study: Path, tmp_path: Path, sent: signal.Signals, to_all: bool, code: int
) -> None:
    command = [sys.executable, "-m", "bidsglm", *words(study, tmp_path / "out", "01", "02"), "--n-procs", "2"]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch)}
    run = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )
    # the tracker of multiprocessing and both workers
    started = until(lambda: len(children(run.pid)) == 3 and children(run.pid), "two workers")
    (os.killpg if to_all else os.kill)(run.pid, sent)
    sent_at = time.monotonic()
    run.wait(DEADLINE)
    until(lambda: not any(map(alive, started)), "the end of the workers")
    said = run.communicate()[1].strip().splitlines()
    assert run.returncode == code
    if sent is not signal.SIGKILL:
        assert time.monotonic() - sent_at < 10
        assert len(said) == 1
        assert f"({sent.name}); finished participants are kept" in said[0]
    assert list(scratch.iterdir()) == []
