"""Two jobs in one folder: units are claimed before they are fitted, and the dead hold nothing."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bidsglm import participant
from bidsglm.cli import main
from bidsglm.errors import HeldError
from bidsglm.process import claims
from bidsglm.process.claims import FOLDER, Claim, claimed
from bidsglm.process.holders import holder_text, read_holder, this_process
from tests import tiny
from tests.execution.test_interrupted import DEADLINE, FORK, contents, until, words, write_model

PAIRS = 8


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tiny.write_study(tmp_path_factory.mktemp("study"), participants=("01", "02"))
    write_model(study, "model", [1, -1])
    write_model(study, "other", [1, 0])
    return study


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "POLL", 0.05)


def ignore(_: str) -> None:
    """Records that it waits."""


def path_of(out: Path, name: str) -> Path:
    return out.joinpath(*FOLDER, f"{name}.json")


def test_of_eight_pairs_with_different_settings_one_job_fits_and_the_other_stops_in_one_line(
    study: Path, tmp_path: Path
) -> None:
    """The job that holds the unit does not go on before the other has ended, so that they do meet."""

    def run(command: list[str], log: Path, ended: Any, other: Any) -> None:
        fit = participant._fit_unit

        def fit_late(*arguments: Any) -> None:
            other.wait(DEADLINE)
            fit(*arguments)

        participant._fit_unit = fit_late
        sys.stderr = log.open("w")
        code = main(command)
        ended.set()
        os._exit(code)

    jobs = []
    for pair in range(PAIRS):
        out, events = tmp_path / str(pair) / "out", [FORK.Event(), FORK.Event()]
        out.parent.mkdir()
        for i, model in enumerate(("model", "other")):
            log = out.parent / f"{model}.log"
            arguments = (words(study, out, "01", model=model), log, events[i], events[1 - i])
            jobs.append((FORK.Process(target=run, args=arguments), out, log, model))
    for process, *_ in jobs:
        process.start()
    until(lambda: all(job[0].exitcode is not None for job in jobs), "the end of all jobs")
    for pair in range(PAIRS):
        both = jobs[2 * pair : 2 * pair + 2]
        assert sorted(process.exitcode for process, *_ in both) == [0, 75]
        (winner,) = (job for job in both if job[0].exitcode == 0)
        (loser,) = (job for job in both if job[0].exitcode == 75)
        (line,) = (text for text in loser[2].read_text().splitlines() if "held by another job" in text)
        assert f"process {winner[0].pid} on {os.uname().nodename}" in line
        assert "Traceback" not in loser[2].read_text()
        (summary,) = winner[1].glob("sub-01/func/*_summary.json")
        found = json.loads(summary.read_text())
        assert found["status"] == "finished"
        assert len(found["contrasts"]) == len({c["label"] for c in found["contrasts"]})
        toml = (winner[1] / "bidsglm.toml").read_text()
        assert f"{winner[3]}.json" in toml
        assert list(winner[1].joinpath(*FOLDER).iterdir()) == []


def test_a_run_that_meets_another_starts_nobody_else(study: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    prefix = f"sub-01_task-{tiny.TASK}_space-{tiny.SPACE}"
    with claimed(out, {prefix: "of another analysis"}, ignore):
        assert main(words(study, out, "01", "02")) == 75
    assert not list(out.glob("sub-*"))
    said = capsys.readouterr().err
    assert f"{prefix}: held by another job with other settings" in said
    assert "1 failed, 1 not started" in said


def test_same_data_by_another_path_are_the_same_data(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    out, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to(study.parent)
    assert main(words(study, out, "01")) == 0
    before = contents(out)
    monkeypatch.chdir(study)
    model = os.path.relpath(study.parent / "model.json")
    linked = str(link / study.name), str(link / "model.json")
    for bids, path in ((".", model), (f"../{study.name}", model), linked):
        command = words(Path(bids), out, "01")
        command[command.index("-m") + 1] = path
        command[command.index("-q")] = "-v"
        assert main(command) == 0
        assert "already there" in capsys.readouterr().err, (bids, path)
    assert {name for name, text in contents(out).items() if before.get(name) != text} <= {
        "bidsglm.toml",
        "dataset_description.json",
    }


def in_process(run: Callable[[], object]) -> Any:
    process = FORK.Process(target=run)
    process.start()
    return process


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[Path, Any]]:
    """A claim, and the process that holds it until it is told to end."""
    go = tmp_path / "go"

    def hold() -> None:
        with claimed(tmp_path, {"unit": "same"}, ignore):
            until(go.exists, "the end")

    process = in_process(hold)
    path = path_of(tmp_path, "unit")
    until(path.exists, "a claim")
    yield path, process
    go.touch()
    process.join()


def test_job_with_the_same_settings_waits_and_is_told_for_whom(tmp_path: Path, other, quick) -> None:
    path, process = other
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        (tmp_path / "go").touch()

    with claimed(tmp_path, {"unit": "same"}, tell):
        assert read_holder(path.read_text()).pid == os.getpid()
    (line,) = said
    assert f"process {process.pid} on {os.uname().nodename}" in line
    assert not path.exists()


def test_job_with_other_settings_does_not_wait_and_holds_nothing(tmp_path: Path, other) -> None:
    path, process = other
    with (
        pytest.raises(HeldError, match=rf"unit: held by another job .*process {process.pid} on "),
        claimed(tmp_path, {"a": "mine", "unit": "different"}, ignore),
    ):
        pass
    assert [found.name for found in path.parent.iterdir()] == ["unit.json"]


def test_claim_of_a_killed_job_is_taken_over(tmp_path: Path, other) -> None:
    path, process = other
    process.kill()
    process.join()
    assert path.exists()
    with claimed(tmp_path, {"unit": "different"}, ignore) as mine:
        assert mine["unit"].stands
    assert list(path.parent.iterdir()) == []


def test_process_id_that_was_given_again_does_not_keep_a_claim_alive(tmp_path: Path) -> None:
    """The claim names this living process, but one that began at another time."""
    holder = this_process("token", "digest", "yesterday")
    written(tmp_path, holder_text(holder._replace(started=holder.started + 1)))
    with claimed(tmp_path, {"unit": "different"}, ignore) as mine:
        assert mine["unit"].stands
    written(tmp_path, holder_text(holder))
    with pytest.raises(HeldError), claimed(tmp_path, {"unit": "different"}, ignore):
        pass


def written(out: Path, text: str, age: float = 0.0) -> Path:
    path = path_of(out, "unit")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))
    return path


@pytest.mark.parametrize("age", [claims.EXPIRY + 5, -claims.EXPIRY - 5])
def test_claim_from_another_machine_dies_without_signs_of_life(tmp_path: Path, age: float) -> None:
    elsewhere = this_process("token", "digest", "yesterday")._replace(
        place="elsewhere", host="node7", job="12"
    )
    written(tmp_path, holder_text(elsewhere))
    with (
        pytest.raises(HeldError, match=r"on node7, job 12, since yesterday"),
        claimed(tmp_path, {"unit": "different"}, ignore),
    ):
        pass
    written(tmp_path, holder_text(elsewhere), age)
    with claimed(tmp_path, {"unit": "different"}, ignore) as mine:
        assert mine["unit"].stands


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"pid": -1}', "\x1b[2J", json.dumps({"token": "a", "host": "\x1b[2J"})]
)
def test_claim_that_cannot_be_read_is_respected_for_a_while_and_shown_to_nobody(
    tmp_path: Path, text: str
) -> None:
    path = written(tmp_path, text)
    with (
        pytest.raises(HeldError, match=re.escape(str(path))) as raised,
        claimed(tmp_path, {"unit": "x"}, ignore),
    ):
        pass
    assert str(raised.value).isprintable()
    written(tmp_path, text, claims.EXPIRY + 5)
    with claimed(tmp_path, {"unit": "x"}, ignore) as mine:
        assert mine["unit"].stands


def test_living_job_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "HEARTBEAT", 0.05)
    path = path_of(tmp_path, "unit")
    with claimed(tmp_path, {"unit": "x"}, ignore):
        os.utime(path, (0, 0))
        until(lambda: path.stat().st_mtime > 0, "a sign of life")


def test_job_that_lost_its_claim_writes_nothing(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """As one that was suspended for hours would, while another took over and fits."""
    out = tmp_path / "out"
    fit = participant._fit_unit

    def lose(work: Any, settings: Any, claim: Claim) -> None:
        claim.path.write_text(holder_text(claim.holder._replace(token="another")))
        fit(work, settings, claim)

    monkeypatch.setattr(participant, "_fit_unit", lose)
    assert main(words(study, out, "01")) == 75
    assert "another one took over" in capsys.readouterr().err
    assert not list(out.glob("sub-01/func/*"))
    assert not list(out.glob("sub-01.html"))
    assert [path.name[:6] for path in out.joinpath(*FOLDER).iterdir()] == ["sub-01"]


def test_without_hard_links_claims_are_made_exclusively(
    tmp_path: Path, other, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, process = other

    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(HeldError), claimed(tmp_path, {"unit": "different"}, ignore):
        pass
    process.kill()
    process.join()
    with claimed(tmp_path, {"unit": "different", "second": "x"}, ignore) as mine:
        assert mine["unit"].stands
        assert mine["second"].stands
    assert list(path.parent.iterdir()) == []


def test_a_dead_claim_goes_to_one_of_many(tmp_path: Path, quick) -> None:
    """Every job counts those that hold the claim beside it."""
    inside = tmp_path / "inside"
    inside.mkdir()
    dead = this_process("token", "digest", "yesterday")._replace(pid=2**31, started=1)

    def run(number: int) -> None:
        with claimed(tmp_path, {"unit": "same"}, ignore):
            mark = inside / str(number)
            mark.touch()
            alone = [path.name for path in inside.iterdir()] == [mark.name]
            mark.unlink()
        os._exit(0 if alone else 1)

    for _ in range(5):
        written(tmp_path, holder_text(dead))
        jobs = [in_process(lambda number=number: run(number)) for number in range(PAIRS)]
        for job in jobs:
            job.join(DEADLINE)
        assert [job.exitcode for job in jobs] == [0] * PAIRS


def test_group_that_another_job_makes_otherwise_is_left_to_it(study: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert main(words(study, out, "01", "02")) == 0
    command = [str(study), str(out), "group", "-q"]
    with claimed(out, {"group": "of another analysis"}, ignore):
        assert main(command) == 75
    assert "group: held by another job with other settings" in capsys.readouterr().err
    assert not (out / "group.html").exists()
    assert main(command) == 0
    assert (out / "group.html").exists()
