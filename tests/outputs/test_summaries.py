"""Summaries: what is written is read again, and what is not ours is refused by name."""

import math
from pathlib import Path
from typing import Any

import pytest

from bidsglm.errors import NoInputError, ReadWriteError, TryLaterError
from bidsglm.outputs import failures, summaries
from bidsglm.outputs.failures import Failure, failure_of, record_failure
from bidsglm.outputs.summary_form import SummaryForm
from bidsglm.outputs.summary_reading import SUMMARY, read_group_summary, read_summary, write_summary
from bidsglm.outputs.typed import typed
from bidsglm.pairs import Pair

FINISHED: dict[str, Any] = {
    "status": "finished",
    "participant": "01",
    "entities": {"task": "go"},
    "prefix": "sub-01_task-go",
    "folder": "sub-01/func",
    "backends": ["spm"],
    "contrasts": [
        {"name": "go", "label": "go", "test": "t", "thresholds": {"spm": {"fwe05": math.inf, "p001": 3.1}}}
    ],
    "warnings": [],
    "own": "kept",
}


def unit(root: Path, folder: str = "sub-01/func", prefix: str = "sub-01_task-go", **changes: Any) -> Path:
    path = root / folder / f"{prefix}{SUMMARY}"
    write_summary(path, {**FINISHED, "folder": folder, "prefix": prefix, **changes})
    return path


def test_what_is_written_is_read_again_infinite_thresholds_too(tmp_path: Path) -> None:
    assert read_summary(unit(tmp_path)) == FINISHED


@pytest.mark.parametrize("depth", ["sub-01/func", "sub-01/ses-a/func", "sub-01"])
def test_a_summary_knows_its_folder(tmp_path: Path, depth: str) -> None:
    assert read_summary(unit(tmp_path, depth))["folder"] == depth
    path = unit(tmp_path, depth)
    write_summary(path, {**FINISHED, "folder": "sub-02"})
    with pytest.raises(ReadWriteError, match=f"'folder' is 'sub-02' instead of '{depth}'"):
        read_summary(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"participant": "02"}, "'participant' is '02' instead of '01'"),
        ({"prefix": "sub-01_task-stop"}, "'prefix' is 'sub-01_task-stop' instead of 'sub-01_task-go'"),
        ({"participant": "x" * 61}, f"'participant' is '{'x' * 60}' instead of '01'"),
        ({"backends": []}, r"backends is '[]'"),
        ({"contrasts": [{"name": "go", "label": "go"}]}, "has no 'contrasts.0.test'"),
        ({"contrasts": ["x" * 41]}, f"contrasts.0 is '{'x' * 40}'"),
    ],
)
def test_a_summary_of_another_place_or_form_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = unit(tmp_path)
    write_summary(path, {**FINISHED, **changes})
    with pytest.raises(ReadWriteError) as error:
        read_summary(path)
    assert str(error.value) == (
        f"{path}: is not as bidsglm writes it ({said}); run the participant again (--overwrite)"
    )


def test_a_unit_that_failed_has_little_more_than_its_errors_unless_an_earlier_fit_is_there(
    tmp_path: Path,
) -> None:
    path = unit(tmp_path)
    failed = {"status": "failed", "errors": ["no scans"]}
    write_summary(path, failed)
    assert read_summary(path) == failed
    write_summary(path, {**failed, "estimates": {}})
    with pytest.raises(ReadWriteError, match="has no 'participant'"):
        read_summary(path)


def test_what_a_summary_may_lack_is_not_made_up() -> None:
    bare = {key: FINISHED[key] for key in SummaryForm.__required_keys__}
    assert sorted(bare) == ["backends", "contrasts", "entities", "folder", "participant", "prefix"]
    assert typed(bare, SummaryForm) == bare
    assert typed({**bare, "configuration": {}}, SummaryForm)["configuration"] == {}


def test_a_group_lists_files_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "group" / "summary.json"
    content = {"notes": ["n"], "files": ["group/a.nii.gz"], "contrasts": []}
    write_summary(path, content)
    assert read_group_summary(path) == content
    for name in ("sub-01/a.nii.gz", "../" + "x" * 100):
        write_summary(path, {**content, "files": ["group/a.nii.gz", name]})
        with pytest.raises(ReadWriteError) as error:
            read_group_summary(path)
        assert str(error.value) == (
            f"{path}: is not as bidsglm writes it (files has {name[:80]!r}); remove it and run the group "
            "level again"
        )


def test_summaries_of_a_participant_are_found_in_order_with_and_without_sessions(tmp_path: Path) -> None:
    places = ["sub-01/func", "sub-01/ses-b/func", "sub-01/ses-a/func", "sub-011/func"]
    for place in places:
        prefix = "_".join([*place.split("/")[:-1], "task-go"])
        unit(tmp_path, place, prefix, participant=place[4 : place.index("/")])
    found = [str(path.parent.relative_to(tmp_path)) for path in summaries.summary_paths(tmp_path, "01")]
    assert found == ["sub-01/func", "sub-01/ses-a/func", "sub-01/ses-b/func"]
    assert len(summaries.summary_paths(tmp_path)) == 4
    assert [s["folder"] for s in summaries.unit_summaries(tmp_path, "01")] == found


def test_an_earlier_summary_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    path = unit(tmp_path)
    assert summaries.earlier_summary(path) == FINISHED
    path.write_text("{")
    assert summaries.earlier_summary(path) == {}
    assert summaries.earlier_summary(tmp_path / "none") == {}


def test_packages_are_compared_with_the_reference_that_a_summary_names() -> None:
    backends = ["afni", "spm", "nilearn"]
    assert summaries.compared({"backends": backends, "reference": "spm"})[-1].reference == "spm"
    for without in ({}, {"reference": ""}, {"reference": None}):
        pairs = summaries.compared({"backends": backends, **without})
        assert pairs == (Pair("spm", "nilearn"), Pair("afni", "nilearn"))
    assert summaries.compared({"backends": ["spm"]}) == ()


def test_a_failure_is_noted_beside_what_an_earlier_run_left(tmp_path: Path) -> None:
    path = summaries.failure_path(tmp_path, "01")
    path.parent.mkdir()
    path.write_text('{"digest": "d", "files": ["sub-01/a"]}')
    record_failure(path, Failure(65, "sub-01: no scans"))
    assert read_summary(path) == {
        "digest": "d",
        "files": ["sub-01/a"],
        "status": "failed",
        "errors": ["sub-01: no scans"],
        "exit_code": 65,
    }


def test_a_failure_that_cannot_be_noted_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "sub-01").write_text("a file")
    record_failure(summaries.failure_path(tmp_path, "01"), Failure(65, "no scans"))
    assert "cannot create this folder" in caplog.text


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (NoInputError("a.tsv: not there"), Failure(66, "sub-01: a.tsv: not there")),
        (
            MemoryError(),
            Failure(TryLaterError.exit_code, "sub-01: out of memory; give it more, or fewer --n-procs"),
        ),
        (KeyError("x"), Failure(1, "sub-01: unexpected KeyError: 'x' (traceback in the log folder)")),
        (ValueError("a\nb"), Failure(1, "sub-01: unexpected ValueError: a b (traceback in the log folder)")),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(error: Exception, failure: Failure) -> None:
    assert failure_of("sub-01", error) == failure


def test_an_outcome_is_held_by_nobody_unless_said() -> None:
    assert not failures.Outcome("01", "finished", 0, "").held
