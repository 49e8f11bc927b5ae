"""Add-ons are added to a finished unit, each on its own, and never cause another fit."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bidsglm import participant, requested
from bidsglm.add_ons import AddOn, FinishedUnit, Written
from bidsglm.cli import main
from bidsglm.errors import DataError
from bidsglm.outputs.names import write_text
from bidsglm.settings import Settings
from tests import tiny

P = f"sub-01_task-{tiny.TASK}_space-{tiny.SPACE}"
SUMMARY = f"sub-01/func/{P}_desc-bidsglm_summary.json"
MAP = f"sub-01/func/{P}_contrast-move_stat-t_desc-nilearn_statmap.nii.gz"

Run = Callable[..., int]


def added(name: str, digest: str, *files: str) -> AddOn:
    """Writes those files, its digest in each, and what it saw of the unit."""

    def write(finished: FinishedUnit) -> Written:
        for file in files:
            write_text(finished.settings.output_dir / file, digest)
        seen = {"contrasts": len(finished.summary["contrasts"]), "model": finished.model.name}
        return Written(files, {"participant": finished.unit.participant, **seen})

    return AddOn(name, digest, write)


def failing(name: str, digest: str) -> AddOn:
    def write(finished: FinishedUnit) -> Written:
        raise DataError(f"{finished.unit.prefix}.nii.gz: is wrong; right it")

    return AddOn(name, digest, write)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_study(tmp_path_factory.mktemp("study"), participants=("01",))


def command(study: Path, out: Path) -> list[str]:
    options = ["--no-attribution", "--backends", "nilearn", "-q"]
    return [str(study), str(out), "participant", *options]


@pytest.fixture(scope="module")
def fitted(study: Path) -> Path:
    """Results without add-ons; tests work on copies."""
    assert main(command(study, study.parent / "out")) == 0
    return study.parent / "out"


@pytest.fixture
def run(study: Path, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the finished participant with some add-ons asked for; returns the exit code."""
    shutil.copytree(fitted, tmp_path / "out")

    def once(*add_ons: AddOn, options: tuple[str, ...] = ()) -> int:
        requests = tuple(lambda _, s=s: s for s in add_ons)
        monkeypatch.setattr(requested, "REQUESTS", (*requests, lambda _: None))
        return main([*command(study, tmp_path / "out"), *options])

    return once


def forbid_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(participant, "estimated", refuse)


def summary(out: Path) -> dict[str, Any]:
    return json.loads((out / SUMMARY).read_text())


def test_add_on_is_written_after_a_fit_and_noted_with_its_facts(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(added("rois", "a", "sub-01/x.tsv"), options=("--overwrite",)) == 0
    expected = {"participant": "01", "contrasts": 3, "model": tiny.TASK}
    assert summary(out)["supplements"] == {"rois": {**expected, "digest": "a", "files": ["sub-01/x.tsv"]}}
    assert (out / "sub-01/x.tsv").read_text() == "a"


def test_finished_unit_gets_what_is_missing_without_a_fit(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    stamp = (out / MAP).stat().st_mtime_ns
    forbid_fits(monkeypatch)
    assert run(added("rois", "a", "x.tsv")) == 0
    assert run(added("rois", "a", "x.tsv"), added("code", "b", "y.py")) == 0
    assert set(summary(out)["supplements"]) == {"rois", "code"}
    assert (out / MAP).stat().st_mtime_ns == stamp
    page = (out / "sub-01.html").stat().st_mtime_ns
    assert run(failing("rois", "a"), failing("code", "b")) == 0
    assert (out / "sub-01.html").stat().st_mtime_ns == page, "nothing was missing: skipped entirely"


def test_lost_file_is_written_again(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(added("rois", "a", "x.tsv")) == 0
    forbid_fits(monkeypatch)
    (tmp_path / "out" / "x.tsv").unlink()
    assert run(added("rois", "a", "x.tsv")) == 0
    assert (tmp_path / "out" / "x.tsv").read_text() == "a"


def test_another_digest_replaces_the_files_and_removes_stale_ones(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run(added("rois", "a", "x.tsv", "y.tsv")) == 0
    forbid_fits(monkeypatch)
    assert run(added("rois", "b", "x.tsv", "z.tsv")) == 0
    assert summary(out)["supplements"]["rois"]["files"] == ["x.tsv", "z.tsv"]
    assert (out / "x.tsv").read_text() == "b"
    assert not (out / "y.tsv").exists()


def test_failure_leaves_fit_earlier_version_and_others_and_is_tried_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(added("rois", "a", "x.tsv")) == 0
    forbid_fits(monkeypatch)
    assert run(failing("rois", "b"), added("code", "c", "y.py")) == DataError.exit_code
    said = [line for line in capsys.readouterr().err.splitlines() if "is wrong; right it" in line]
    assert len(said) == 1
    now = summary(out)
    assert now["status"] == "finished"
    assert now["errors"] == []
    assert now["supplements"]["rois"]["files"] == ["x.tsv"]
    assert now["supplements"]["rois"]["digest"] == "a"
    assert now["supplements"]["code"]["files"] == ["y.py"]
    assert (out / "x.tsv").read_text() == "a"
    assert "is wrong; right it" in (out / "sub-01.html").read_text()
    assert run(added("rois", "b", "x.tsv")) == 0
    assert "error" not in summary(out)["supplements"]["rois"]
    assert "is wrong; right it" not in (out / "sub-01.html").read_text()


def test_error_goes_when_the_add_on_is_no_longer_asked_for(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(failing("rois", "b")) == DataError.exit_code
    assert run() == 0
    assert summary(out)["supplements"] == {}
    assert "is wrong; right it" not in (out / "sub-01.html").read_text()


def test_not_asked_for_stays_until_the_unit_is_fitted_again(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(added("rois", "a", "x.tsv"), added("code", "c", "y.py")) == 0
    assert run() == 0
    assert set(summary(out)["supplements"]) == {"rois", "code"}
    assert (out / "x.tsv").exists()
    assert run(added("code", "c", "y.py"), options=("--overwrite",)) == 0
    assert set(summary(out)["supplements"]) == {"code"}
    assert not (out / "x.tsv").exists()
    assert (out / "y.py").exists()


def test_what_a_request_cannot_use_is_told_before_any_fit(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def request(_: Settings) -> AddOn:
        raise DataError("atlas.nii.gz: holds no regions; choose another")

    forbid_fits(monkeypatch)
    monkeypatch.setattr(requested, "REQUESTS", (request,))
    assert main(command(study, tmp_path / "new")) == DataError.exit_code
    assert capsys.readouterr().err == "bidsglm: atlas.nii.gz: holds no regions; choose another\n"
    assert not (tmp_path / "new").exists()


def test_folders_of_files_that_go_do_not_stay_empty(run: Run, tmp_path: Path) -> None:
    assert run(added("code", "a", f"sub-01/code/{P}/x.m", f"sub-01/code/{P}/y.m")) == 0
    assert run(added("code", "b", f"sub-01/code/{P}/y.m")) == 0
    assert (tmp_path / f"out/sub-01/code/{P}/y.m").exists()
    assert run(added("code", "c", "sub-01/func/x.tsv")) == 0
    assert not (tmp_path / "out/sub-01/code").exists()
    assert run(added("code", "d", "sub-01/code/z.m")) == 0
    assert run(options=("--overwrite",)) == 0
    assert not (tmp_path / "out/sub-01/code").exists()


def test_page_is_there_before_a_long_add_on_begins_and_renewed_after_it(run: Run, tmp_path: Path) -> None:
    page, seen = tmp_path / "out/sub-01.html", []
    page.unlink()

    def write(finished: FinishedUnit) -> Written:
        seen.append((page.stat().st_mtime_ns, finished.summary["supplements"].keys()))
        return Written([])

    assert run(AddOn("long", "a", write, is_slow=True), added("short", "a", "sub-01/x.txt")) == 0
    ((written, earlier),) = seen
    assert "short" in earlier
    assert page.stat().st_mtime_ns > written


def test_failure_of_a_quick_add_on_is_told_once_beside_a_long_one(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = added("long", "a", "sub-01/x.txt")._replace(is_slow=True)
    assert run(failing("broken", "a"), long) == 65
    assert capsys.readouterr().err.count("right it") == 1
    assert (tmp_path / "out/sub-01/x.txt").exists()
