"""A participant's page is made while the next participant is fitted, where a core is idle."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bidsglm.participant
from bidsglm.cli import main
from bidsglm.errors import ReadWriteError
from bidsglm.process import cores
from bidsglm.unit.preparation import Prepared
from tests import tiny

PATIENCE = 60.0
"""s for another thread to get its turn"""
EX_IOERR = 74


@pytest.fixture(autouse=True)
def one_core_afterwards() -> Iterator[None]:
    yield
    cores.use_cores(1)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_study(tmp_path_factory.mktemp("study"), participants=("01", "02", "03"))


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What began and ended, in its order, and where pages are written."""
    found: list[str] = []
    prepare, write = bidsglm.participant.prepare, bidsglm.participant.write_participant_page

    def prepared(unit: object, *given: object) -> Prepared:
        found.append(f"fit {unit.participant}")  # type: ignore[attr-defined]
        return prepare(unit, *given)  # type: ignore[arg-type]

    def written(output_dir: Path, participant: str) -> None:
        found.append(f"page {participant} in {threading.current_thread().name}")
        write(output_dir, participant)
        found.append(f"page {participant} ended")

    monkeypatch.setattr(bidsglm.participant, "prepare", prepared)
    monkeypatch.setattr(bidsglm.participant, "write_participant_page", written)
    return found


def run(study: Path, out: Path, *options: str) -> int:
    return main([str(study), str(out), "participant", "-q", "--backends", "spm", *options])


def test_a_page_is_written_while_the_next_participant_is_fitted(
    study: Path, tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, next_began = bidsglm.participant.write_participant_page, threading.Event()
    prepare = bidsglm.participant.prepare

    def told(unit: object, *given: object) -> Prepared:
        if unit.participant == "02":  # type: ignore[attr-defined]
            next_began.set()
        return prepare(unit, *given)  # type: ignore[arg-type]

    def once_the_next_began(output_dir: Path, participant: str) -> None:
        assert participant != "01" or next_began.wait(PATIENCE)
        write(output_dir, participant)

    monkeypatch.setattr(bidsglm.participant, "prepare", told)
    monkeypatch.setattr(bidsglm.participant, "write_participant_page", once_the_next_began)
    assert run(study, tmp_path / "out", "--omp-nthreads", "2") == 0
    assert [each for each in events if each.startswith("page")] == [
        text for n in ("01", "02", "03") for text in (f"page {n} in core", f"page {n} ended")
    ]
    assert events.index("fit 02") < events.index("page 01 ended")
    # no more than one page at a time: that of 02 waits until that of 01 is told
    assert events.index("page 01 ended") < events.index("page 02 in core")
    assert all((tmp_path / f"out/sub-{label}.html").exists() for label in ("01", "02", "03"))
    assert not list((tmp_path / "out/logs/claims").glob("*.json"))


def test_one_core_writes_each_page_before_the_next_fit(
    study: Path, tmp_path: Path, events: list[str]
) -> None:
    assert run(study, tmp_path / "out", "--n-procs", "1") == 0
    assert events == [
        text
        for n in ("01", "02", "03")
        for text in (f"fit {n}", f"page {n} in MainThread", f"page {n} ended")
    ]


def failing(label: str) -> Callable[[Path, str], None]:
    write = bidsglm.participant.write_participant_page

    def fail(output_dir: Path, participant: str) -> None:
        if participant == label:
            raise ReadWriteError("no page today")
        write(output_dir, participant)

    return fail


@pytest.mark.parametrize("n_cores", ["1", "2"])
def test_a_page_that_fails_is_its_participants_failure_alone(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    n_cores: str,
) -> None:
    monkeypatch.setattr(bidsglm.participant, "write_participant_page", failing("01"))
    assert run(study, tmp_path / "out", "--omp-nthreads", n_cores) == EX_IOERR
    said = capsys.readouterr().err
    assert "sub-01: report: no page today" in said
    assert "2 finished, 0 already there, 1 failed" in said
    assert sorted(path.name for path in (tmp_path / "out").glob("sub-*.html")) == [
        "sub-02.html",
        "sub-03.html",
    ]


def test_nobody_is_begun_after_a_failing_page_where_the_first_failure_ends_the_run(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bidsglm.participant, "write_participant_page", failing("01"))
    options = ("--omp-nthreads", "2", "--stop-on-first-crash")
    assert run(study, tmp_path / "out", *options) == EX_IOERR
    assert "2 not started" in capsys.readouterr().err
    assert not (tmp_path / "out/sub-02").exists()


def test_pages_beside_have_ended_when_the_run_fails_otherwise(
    study: Path, tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(settings: object, label: str, *given: object) -> object:
        if label == "02":
            raise KeyError(label)
        return fit(settings, label, *given)  # type: ignore[arg-type]

    from bidsglm.execution import fits

    fit = fits.fit_participant
    monkeypatch.setattr(fits, "fit_participant", dies)
    assert run(study, tmp_path / "out", "--omp-nthreads", "2") != 0
    assert events[-1] == "page 01 ended"
