"""Forms of summaries key by key, tables and temporary files at their limits, and files made again."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bidsglm.errors import ReadWriteError
from bidsglm.outputs import dataset_files, names, summary_form, temporary, unchanged
from bidsglm.outputs.columns import LONG, Column
from bidsglm.outputs.failures import Outcome
from bidsglm.outputs.group_form import GroupForm
from bidsglm.outputs.schema import Schema
from bidsglm.outputs.summary_form import AddOnForm, ConfigurationForm, FindingForm, PartForm, SummaryForm
from bidsglm.outputs.summary_reading import read_group_summary, write_summary
from bidsglm.outputs.typed import typed

LABEL, GROUP_LABEL = "x" * 255, "contrast-" + "x" * 246
UNIT: dict[str, Any] = {
    "participant": "01",
    "entities": {"task": "go"},
    "prefix": "sub-01",
    "folder": "sub-01/func",
    "backends": ["spm"],
    "contrasts": [{"name": "go", "label": "go", "test": "t"}],
}
GROUP_CONTRAST: dict[str, Any] = {
    "label": "go",
    "contrast": "go",
    "name": "go",
    "group_contrast": "mean",
    "test": "t",
    "participants": ["01"],
    "n": 1,
    "left_out": {},
    "dof": {"spm": [1.0]},
    "thresholds": {"spm": {"fwe05": None}},
    "n_voxels": {"spm": 5},
    "design": {"columns": ["mean"], "weights": [1.0]},
}
FINDING: dict[str, Any] = {
    "severity": "note",
    "code": "c",
    "title": "t",
    "text": "x",
    "remedy": "r",
    "columns": [],
    "backends": [],
    "runs": [],
    "size": 1.0,
}


@pytest.mark.parametrize("record", [AddOnForm, ConfigurationForm, PartForm, GroupForm])
def test_a_record_of_which_any_part_may_lack_takes_nothing_and_more(record: Any) -> None:
    assert typed({}, record) == {}
    assert typed({"own": 1}, record) == {"own": 1}


def test_what_is_read_keeps_its_order_at_every_depth() -> None:
    """Pages and tables follow the order in a file, and a summary that is written again is the same file."""
    contrasts = [
        {
            "own": 1,
            "test": "t",
            "label": "b",
            "thresholds": {"spm": {"fwe05": 4.5, "p001": 3.1}},
            "name": "b",
        },
        {"label": "a", "dof": {"spm": [9.0], "nilearn": [8.0]}, "name": "a", "test": "F"},
    ]
    parts = {**{key: UNIT[key] for key in reversed(UNIT)}, "contrasts": contrasts}
    assert json.dumps(typed(parts, SummaryForm)) == json.dumps(parts)
    group = {"own": [[{"z": 1, "a": 2}]], "contrasts": [dict(reversed(GROUP_CONTRAST.items()))]}
    assert json.dumps(typed(group, GroupForm)) == json.dumps(group)


@pytest.mark.parametrize("key", sorted(UNIT))
def test_a_unit_has_these_keys(key: str) -> None:
    assert typed({**UNIT, "own": 1}, SummaryForm) == {**UNIT, "own": 1}
    with pytest.raises(ValueError, match=f"has no '{key}'"):
        typed({name: value for name, value in UNIT.items() if name != key}, SummaryForm)


@pytest.mark.parametrize("key", sorted(FINDING))
def test_a_finding_has_these_keys_and_no_others(key: str) -> None:
    assert typed(FINDING, FindingForm) == FINDING
    with pytest.raises(ValueError, match=f"has no '{key}'"):
        typed({name: value for name, value in FINDING.items() if name != key}, FindingForm)
    with pytest.raises(ValueError, match="own is '1'"):
        typed({**FINDING, "own": 1}, FindingForm)


@pytest.mark.parametrize("key", sorted(GROUP_CONTRAST))
def test_a_contrast_of_the_group_has_these_keys(tmp_path: Path, key: str) -> None:
    path = tmp_path / "group_desc-bidsglm_summary.json"
    write_summary(path, {"contrasts": [GROUP_CONTRAST], "files": ["group/a.nii.gz"]})
    assert read_group_summary(path)["contrasts"] == [GROUP_CONTRAST]
    lacking = {name: value for name, value in GROUP_CONTRAST.items() if name != key}
    write_summary(path, {"contrasts": [lacking]})
    with pytest.raises(ReadWriteError, match=f"has no 'contrasts.0.{key}'"):
        read_group_summary(path)


def test_files_of_the_group_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summary(path, {"files": ["x" * 90 + "/y"]})
    with pytest.raises(ReadWriteError) as error:
        read_group_summary(path)
    assert str(error.value) == (
        f"{path}: is not as bidsglm writes it (files has '{'x' * 80}'); "
        "remove it and run the group level again"
    )


@pytest.mark.parametrize(
    ("record", "content", "refused"),
    [
        (SummaryForm, {**UNIT, "participant": LABEL}, {**UNIT, "participant": f"{LABEL}x"}),
        (SummaryForm, {**UNIT, "participant": "a+B"}, {**UNIT, "participant": "a-b"}),
        (SummaryForm, {**UNIT, "prefix": LABEL}, {**UNIT, "prefix": f"{LABEL}x"}),
        (SummaryForm, {**UNIT, "prefix": "x"}, {**UNIT, "prefix": ""}),
        (SummaryForm, {**UNIT, "folder": "x" * 100_000}, {**UNIT, "folder": "x" * 100_001}),
        (SummaryForm, {**UNIT, "backends": ["spm"]}, {**UNIT, "backends": []}),
        (SummaryForm, {**UNIT, "automatic": True}, {**UNIT, "automatic": 1}),
        (SummaryForm, {**UNIT, "configuration": None}, {**UNIT, "configuration": 0}),
        (ConfigurationForm, {"smoothing (mm)": 0.0}, {"smoothing (mm)": -0.5}),
        (ConfigurationForm, {"settings": "native"}, {"settings": "other"}),
        (FindingForm, {**FINDING, "severity": "serious"}, {**FINDING, "severity": "odd"}),
        (FindingForm, {**FINDING, "size": 0.5}, {**FINDING, "size": "0.5"}),
        (
            GroupForm,
            {"contrasts": [{**GROUP_CONTRAST, "label": GROUP_LABEL}]},
            {"contrasts": [{**GROUP_CONTRAST, "label": f"{GROUP_LABEL}x"}]},
        ),
        (
            GroupForm,
            {"contrasts": [{**GROUP_CONTRAST, "contrast": ""}]},
            {"contrasts": [{**GROUP_CONTRAST, "contrast": "a-b"}]},
        ),
    ],
)
def test_a_value_is_taken_up_to_its_limit(
    record: Any, content: dict[str, Any], refused: dict[str, Any]
) -> None:
    assert typed(content, record) == content
    with pytest.raises(ValueError, match=" is '"):
        typed(refused, record)


def test_what_is_wrong_is_shown_in_forty_characters() -> None:
    with pytest.raises(ValueError, match=r"^participant is '-{40}'$"):
        typed({**UNIT, "participant": "-" * 50}, SummaryForm)


def test_infinite_numbers_are_words_both_ways(tmp_path: Path) -> None:
    contrast = {**GROUP_CONTRAST, "thresholds": {"spm": {"a": float("inf"), "b": float("-inf"), "c": None}}}
    write_summary(tmp_path / "a.json", {"contrasts": [contrast]})
    text = (tmp_path / "a.json").read_text()
    assert '"a": "inf"' in text
    assert '"b": "-inf"' in text
    assert read_group_summary(tmp_path / "a.json")["contrasts"] == [contrast]


def test_a_summary_is_finished_only_by_its_word() -> None:
    assert summary_form.is_finished({"status": "finished"})
    assert not summary_form.is_finished({})
    assert not summary_form.has_fit({"status": "finished"})


def test_an_outcome_by_itself_is_held_by_nobody() -> None:
    assert Outcome("01", "failed", 1, "").held is False


# tables

TABLE = Schema(
    "<p>_x",
    (Column("same", "truth", "Whether", missing="where not"), Column("r", "number", "Correlation")),
)


@pytest.mark.parametrize("n_rows", [1, LONG - 1, LONG, LONG + 1])
def test_short_and_long_tables_are_read_alike(tmp_path: Path, n_rows: int) -> None:
    rows = [{"same": (True, False, None)[i % 3], "r": i / 7} for i in range(n_rows)]
    path = tmp_path / "t.tsv"
    TABLE.write(path, rows)
    assert path.read_text().splitlines()[1] == "true\t0.0"
    assert TABLE.read(path) == rows
    path.write_text(path.read_text() + f"true\t{'x' * 50}\n")
    with pytest.raises(ReadWriteError) as error:
        TABLE.read(path)
    assert f"line {n_rows + 2}, column 'r': '{'x' * 40}' is no number" in str(error.value)


@pytest.mark.parametrize("text", ["", "\n", "same\n", "same\tr"])
def test_a_table_without_its_header_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(ReadWriteError, match=r"truncated or damaged|it has (a|no) column"):
        TABLE.read(tmp_path / "t.tsv")


def test_a_column_with_a_long_name_is_shown_in_forty_characters(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text(f"same\tr\t{'x' * 50}\n")
    with pytest.raises(ReadWriteError, match=f"it has a column '{'x' * 40}'"):
        TABLE.read(tmp_path / "t.tsv")


def test_what_is_ours_is_read_to_a_quarter_of_a_gigabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(names.inputs, "read_text", lambda path, largest, kind: asked.append(largest) or "")
    monkeypatch.setattr(names.inputs, "read_json", lambda path, kind, largest: asked.append(largest) or {})
    names.read_text(Path("a"))
    names.read_json(Path("a"))
    assert asked == [268_435_456] * 2


def test_json_of_ours_is_indented_by_two_and_keeps_letters() -> None:
    assert names.json_text({"é": [1, None], "p": Path("a")}) == (
        '{\n  "é": [\n    1,\n    null\n  ],\n  "p": "a"\n}\n'
    )


# temporary files


@pytest.mark.parametrize(
    ("name", "age", "left"),
    [
        (f".{temporary.place()}-1-a.tmp", 1.0, False),
        (f".{temporary.place()}-{2**22 + 1}-a.tmp", 1.0, True),
        (f".{temporary.place()}-x-a.tmp", 1.0, False),
        (".elsewhere-1-a.tmp", 86_400.0, False),
        (".elsewhere-1-a.tmp", 86_400.5, True),
    ],
)
def test_a_temporary_file_is_left_over_by_its_process_or_its_age(name: str, age: float, left: bool) -> None:
    assert temporary.is_left_over(name, age) is left


@pytest.mark.parametrize(
    ("days", "is_folder", "stays"),
    [(0.9, False, True), (1.1, False, False), (1.1, True, True), (59.9, True, True), (60.1, True, False)],
)
def test_files_go_after_a_day_and_folders_after_two_months(
    tmp_path: Path, days: float, is_folder: bool, stays: bool
) -> None:
    path = tmp_path / ".elsewhere-1-a.tmp"
    if is_folder:
        (path / "inside").mkdir(parents=True)
    else:
        path.touch()
    then = path.stat().st_mtime - days * 86_400
    os.utime(path, (then, then))
    temporary.remove_left_over([path])
    assert path.exists() is stays


def test_a_process_is_asked_and_not_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    assert temporary._lives(12)
    assert sent == [(12, 0)]

    def foreign(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", foreign)
    assert temporary._lives(12)


# files made from others


def test_a_file_is_made_again_at_most_twenty_times() -> None:
    made: list[int] = []
    unchanged.until_unchanged(lambda: made.append(1), lambda: {Path("a"): (len(made), 0)})
    assert len(made) == unchanged.TRIES == 20


def test_what_fails_on_files_that_have_changed_is_tried_again(tmp_path: Path) -> None:
    states = [{Path("a"): (1, 1)}, {Path("a"): (2, 1)}, {Path("a"): (2, 1)}]
    made: list[int] = []

    def make() -> None:
        made.append(1)
        if len(made) == 1:
            raise ValueError("half a file")

    unchanged.until_unchanged(make, lambda: states.pop(0))
    assert len(made) == 2

    def fail() -> None:
        raise ValueError("a whole one")

    with pytest.raises(ValueError, match="a whole one"):
        unchanged.until_unchanged(fail, lambda: {})
    changing = iter(range(100))
    with pytest.raises(ValueError, match="a whole one"):
        unchanged.until_unchanged(fail, lambda: {Path("a"): (next(changing), 0)})


def test_a_snapshot_has_the_change_and_the_size_of_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("12345")
    status = path.stat()
    assert unchanged.snapshot([path, tmp_path / "b"]) == {path: (status.st_mtime_ns, 5)}


# the root of the results


def test_a_foreign_readme_stays_and_ours_is_renewed(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# My study\n")
    dataset_files.write_own_readme(path)
    assert path.read_text() == "# My study\n"
    path.write_text("# bidsglm derivatives\n\nOf an earlier version.\n")
    dataset_files.write_own_readme(path)
    assert path.read_text() == dataset_files.README


@pytest.mark.parametrize("image", [None, "bidsglm/bidsglm:1"])
def test_the_description_names_sources_and_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str | None
) -> None:
    for name in (dataset_files.IMAGE_VARIABLE, *dataset_files.APPTAINER_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    if image:
        monkeypatch.setenv(dataset_files.IMAGE_VARIABLE, image)
    dataset_files.write_dataset_files(tmp_path / "out", {"raw": tmp_path / "bids"})
    found = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    (made,) = found["GeneratedBy"]
    assert made.get("Container") == ({"Type": "docker", "Tag": image} if image else None)
    assert found["SourceDatasets"] == [{"URL": (tmp_path / "bids").resolve().as_uri()}]
    assert found["DatasetLinks"] == {"raw": (tmp_path / "bids").resolve().as_uri()}
    assert (tmp_path / "out" / ".bidsignore").read_text() == dataset_files.BIDSIGNORE


def test_cells_are_words_of_one_line_or_numbers_in_full() -> None:
    import numpy as np

    values = (np.float64(1 / 3), np.int64(5), np.bool_(False), "a\n b", float("inf"), "")
    assert [names.cell_text(value) for value in values] == [repr(1 / 3), "5", "false", "a b", "inf", ""]
