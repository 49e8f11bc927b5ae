"""Who is in the group, and what is said of the others."""

from dataclasses import asdict
from pathlib import Path

import pytest

from bidsglm.cli import main
from bidsglm.diagnosis.advice import Finding
from bidsglm.group.members import named
from bidsglm.report.filled_runs import FILLED
from tests.finished import (
    CONFIGURATION,
    NAME,
    RUN,
    change_summary,
    effects,
    read_rows,
    write_dataset,
    write_group,
    write_participant,
)

pytestmark = pytest.mark.usefixtures("plain_figures")

Said = pytest.CaptureFixture[str]


def group(bids: Path, out: Path, *options: str) -> int:
    return main([str(bids), str(out), "group", *options])


def members(out: Path) -> list[str]:
    rows = read_rows(out / "group" / f"{NAME}_desc-agreement_metrics.tsv")
    return list(dict.fromkeys(row["participant_id"] for row in rows))


def test_participants_who_were_run_alike_are_taken_together(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 3)
    assert group(bids, out) == 0
    assert members(out) == ["sub-01", "sub-02", "sub-03"]


def test_other_settings_are_named_and_stop_the_group(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 4)
    change_summary(out, "03", configuration={**CONFIGURATION, "high-pass cut-off (s)": 64.0})
    assert group(bids, out) == 65
    line = capsys.readouterr().err.splitlines()[-1]
    for part in ("sub-03", "high-pass cut-off (s): 64.0 instead of 128.0", "--allow-mixed"):
        assert part in line
    assert "sub-01" not in line
    assert not (out / "group").exists()


@pytest.mark.parametrize(("package", "other"), [("bidsglm", "0.0.1"), ("nilearn", "0.12.0")])
def test_other_versions_are_other_settings(tmp_path: Path, capsys: Said, package: str, other: str) -> None:
    bids, out = write_group(tmp_path, 3)
    change_summary(out, "01", configuration={**CONFIGURATION, package: other})
    assert group(bids, out) == 65
    assert f"sub-01 ({package}: {other} instead of" in capsys.readouterr().err


def test_with_allow_mixed_the_largest_set_goes_on_and_the_page_says_who_is_left_out(
    tmp_path: Path, capsys: Said
) -> None:
    bids, out = write_group(tmp_path, 5)
    for label, smoothing in (("01", 4.0), ("02", 4.0), ("03", 8.0)):
        change_summary(out, label, configuration={**CONFIGURATION, "smoothing (mm)": smoothing})
    change_summary(out, "03", configuration={**CONFIGURATION, "smoothing (mm)": 4.0})
    assert group(bids, out, "--allow-mixed") == 0
    assert members(out) == ["sub-01", "sub-02", "sub-03"]
    assert "sub-04, sub-05 (smoothing (mm): 0.0 instead of 4.0)" in capsys.readouterr().err
    assert "smoothing (mm): 0.0 instead of 4.0" in (out / "group.html").read_text()


def test_number_of_runs_may_differ_and_is_noted(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 3)
    change_summary(out, "02", runs=[{**RUN, "prefix": f"sub-02_task-tap_run-{n}"} for n in (1, 2)])
    assert group(bids, out) == 0
    assert members(out) == ["sub-01", "sub-02", "sub-03"]
    assert "participants have 1 to 2 runs" in capsys.readouterr().err


def test_results_without_a_record_of_settings_are_a_set_of_their_own(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 3)
    change_summary(out, "02", configuration=None, bidsglm_version="0.0.9")
    assert group(bids, out) == 65
    line = capsys.readouterr().err.splitlines()[-1]
    assert "sub-02 (run by bidsglm 0.0.9, which kept no record of its settings)" in line


def test_a_whole_folder_of_an_older_version_is_used_with_a_warning(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 2)
    for label in ("01", "02"):
        change_summary(out, label, configuration=None, bidsglm_version="0.0.9", attribution=None)
    assert group(bids, out) == 0
    said = capsys.readouterr().err
    assert "written by bidsglm 0.0.9" in said
    assert "cannot be checked" in said
    assert not list((out / "group").glob("*attribution*"))


def test_damaged_summary_is_named_and_harms_nobody_else(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 3)
    (path,) = (out / "sub-02").rglob("*_summary.json")
    path.write_text(path.read_text()[:50])
    assert group(bids, out) == 74
    assert members(out) == ["sub-01", "sub-03"]
    assert str(path) in capsys.readouterr().err
    assert path.name in (out / "group.html").read_text()


def test_summary_of_another_shape_is_named_and_harms_nobody_else(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 3)
    change_summary(out, "01", contrasts=[{"name": "go"}])
    change_summary(out, "02", folder=None)
    assert group(bids, out) == 74
    said = capsys.readouterr().err
    assert "is not as bidsglm" in said
    assert "has no 'folder'" in said
    assert members(out) == ["sub-03"]


def test_values_of_another_kind_in_summaries_are_named_and_harm_nobody_else(
    tmp_path: Path, capsys: Said
) -> None:
    bids, out = write_group(tmp_path, 8)
    wrong = {"backends": 5, "entities": [], "configuration": 5, "runs": 5, "prefix": 7, "participant": 3}
    for number, (key, value) in enumerate(wrong.items(), start=1):
        change_summary(out, f"{number:02d}", **{key: value})
    assert group(bids, out) == 74
    said = capsys.readouterr().err.splitlines()
    assert sum("ERROR failed" in line and "is not as bidsglm" in line for line in said) == len(wrong)
    assert members(out) == ["sub-07", "sub-08"]


@pytest.mark.parametrize("kind", ["agreement", "attribution"])
def test_damaged_table_is_named_and_harms_nobody_else(tmp_path: Path, capsys: Said, kind: str) -> None:
    bids, out = write_group(tmp_path, 3)
    (path,) = (out / "sub-02").rglob(f"*_desc-{kind}_metrics.tsv")
    path.write_text(path.read_text().replace("rmsd", "r\x00", 1)[:-9] + "x.y")
    assert group(bids, out) == 74
    assert str(path) in capsys.readouterr().err
    rows = read_rows(out / "group" / f"{NAME}_desc-{kind}_metrics.tsv")
    assert {row["participant_id"] for row in rows} == {"sub-01", "sub-03"}


def test_missing_table_is_named(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 2)
    (path,) = (out / "sub-01").rglob("*_desc-agreement_metrics.tsv")
    path.unlink()
    assert group(bids, out) == 74
    assert path.name in capsys.readouterr().err
    assert members(out) == ["sub-02"]


def test_unfinished_participants_are_named_without_an_error(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 2)
    change_summary(out, "01", status="failed", errors=["sub-01: no events"])
    (out / "sub-03").mkdir()
    assert group(bids, out) == 0
    said = capsys.readouterr().err
    assert "sub-01: no events" in said
    assert "sub-03: not run yet" in said


def test_dry_run_says_who_would_be_in_the_group_and_writes_nothing(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 3)
    change_summary(out, "02", status="failed", errors=["sub-02: no events"])
    assert group(bids, out, "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"{NAME}: sub-01, sub-03" in said
    assert "sub-02: no events" in said
    assert not (out / "group").exists()


def test_nobody_finished_is_no_input(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 1)
    change_summary(out, "01", status="failed", errors=["sub-01: no events"])
    assert group(bids, out) == 66
    line = capsys.readouterr().err.splitlines()[-1]
    assert "no finished participant" in line
    assert "sub-01: no events" in line


def test_filters_choose_tasks_and_say_what_there_is(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 2)
    assert group(bids, out, "--task-label", "rest") == 18
    assert "there are tap" in capsys.readouterr().err
    assert group(bids, out, "--task-label", "task-tap", "--space", "MNI152NLin2009cAsym") == 0


def test_sessions_fitted_apart_have_a_column(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 1)
    for session in ("a", "b"):
        write_participant(out, "02", {"go": effects(7)}, session=session)
    assert group(bids, out) == 0
    rows = read_rows(out / "group" / f"{NAME}_desc-agreement_metrics.tsv")
    assert [(row["participant_id"], row["session_id"]) for row in rows[::3]] == [
        ("sub-01", "n/a"),
        ("sub-02", "ses-a"),
        ("sub-02", "ses-b"),
    ]


@pytest.mark.parametrize("n_filled", [1, 2])
def test_page_leaves_out_what_the_designs_of_half_of_the_participants_make_arbitrary(
    tmp_path: Path, n_filled: int
) -> None:
    bids = write_dataset(tmp_path, ["01", "02", "03", "04"])
    out = tmp_path / "out"
    fills = asdict(Finding("serious", FILLED, "", "", "", ("go", "rest")))
    both = {"test": "t", "conditions": ["go", "rest"]}
    weights = {"go": [1.0, 0.0], "pair": [1.0, -1.0]}
    contrasts = [{**both, "name": name, "label": name, "weights": each} for name, each in weights.items()]
    for i in range(4):
        maps = {name: effects(10 * i + j) for j, name in enumerate(weights)}
        found = [fills] * (i < n_filled)
        write_participant(out, f"{i + 1:02d}", maps, findings=found)
        change_summary(out, f"{i + 1:02d}", contrasts=contrasts)
    assert group(bids, out) == 0
    said = (
        "1 of 2 contrasts (go) is left out of the verdict and its medians" in (out / "group.html").read_text()
    )
    assert said == (n_filled == 2)


def test_participants_are_named_up_to_a_dozen() -> None:
    labels = [f"{i:02d}" for i in range(1, 15)]
    assert named(labels[:12]).endswith("sub-11, sub-12")
    assert named(labels).endswith("sub-11, sub-12 and 2 more")
