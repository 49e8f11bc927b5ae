"""A table is ours as its schema has it, cell by cell, or it is refused by name."""

import json
import math
from pathlib import Path

import pytest

from bidsglm.agreement import spread
from bidsglm.attribution.engine import CLOSURE_NILEARN, CLOSURE_SPM
from bidsglm.errors import ReadWriteError
from bidsglm.outputs.columns import Column
from bidsglm.outputs.group_tables import AGREEMENT_SUMMARY, ATTRIBUTION_SUMMARY, OUTLIER_RULE
from bidsglm.outputs.schema import Schema

SCHEMA = Schema(
    "<p>_desc-x_metrics",
    (
        Column("session_id", "label", "Session", missing="without sessions", optional=True),
        Column("contrast", "label", "Contrast"),
        Column("step", "text", "Step", levels={"": "none", "noise": "the noise model"}),
        Column("n", "integer", "Voxels", missing="for F"),
        Column("r", "number", "Correlation", missing="for a constant map"),
        Column("vif", "number", "Inflation", "1", infinite="for a sum of others"),
        Column("same", "truth", "Whether it is", missing="without a test"),
    ),
    open=Column("share_[a-z]+", "number", "Share of a step"),
)
HEADER = (*SCHEMA.names[1:], "share_noise")
ROW = {
    "contrast": "go",
    "step": "",
    "n": 3,
    "r": math.nan,
    "vif": math.inf,
    "same": None,
    "share_noise": -1.5e-300,
}


def written(path: Path, *changes: tuple[str, str]) -> Path:
    """A table with one row, in whose text something is changed."""
    SCHEMA.write(path, [ROW], header=HEADER)
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_what_was_written_is_read_with_its_types(tmp_path: Path) -> None:
    path = written(tmp_path / "t.tsv")
    assert path.read_text().splitlines()[1] == "go\t\t3\tn/a\tinf\tn/a\t-1.5e-300"
    (found,) = SCHEMA.read(path)
    assert list(found) == list(HEADER)
    assert repr(found) == repr(ROW)


def test_whole_numbers_stay_whole_when_a_table_is_written_again(tmp_path: Path) -> None:
    path = written(tmp_path / "t.tsv")
    SCHEMA.write(tmp_path / "again.tsv", SCHEMA.read(path), header=HEADER)
    assert (tmp_path / "again.tsv").read_bytes() == path.read_bytes()


def test_optional_columns_stand_where_a_row_has_them(tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key != "share_noise"}
    for name, rows in {"with": [row, {**row, "session_id": "ses-1"}], "without": [row]}.items():
        SCHEMA.write(tmp_path / f"{name}.tsv", rows)
        assert ("session_id" in SCHEMA.read(tmp_path / f"{name}.tsv")[0]) == (name == "with")


def test_sidecar_says_of_each_column_what_it_holds(tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key != "share_noise"}
    SCHEMA.write(tmp_path / "t.tsv", [row], {"RandomSeed": 5})
    sidecar = json.loads((tmp_path / "t.json").read_text())
    assert list(sidecar) == [*SCHEMA.names[1:], "RandomSeed"]
    assert sidecar["vif"] == {"Description": "Inflation; inf for a sum of others", "Units": "1"}
    assert sidecar["step"]["Levels"] == {"": "none", "noise": "the noise model"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("go\t", "../etc/passwd\t"),
            "line 2, column 'contrast': '../etc/passwd' cannot stand in a file's name",
        ),
        (("go\t\t", "go\tluck\t"), "line 2, column 'step': 'luck' is none of '', 'noise'"),
        (("\t3\t", "\tthree\t"), "line 2, column 'n': 'three' is no whole number"),
        (("\t3\t", "\t3.0\t"), "line 2, column 'n': '3.0' is no whole number"),
        (("n/a\tinf", "much\tinf"), "line 2, column 'r': 'much' is no number"),
        (("n/a\tinf", "1_0\tinf"), "line 2, column 'r': '1_0' is no number"),
        (("n/a\tinf", "nan\tinf"), "line 2, column 'r': 'nan' is no number"),
        (("n/a\tinf", "\tinf"), "line 2, column 'r': '' is no number"),
        (("n/a\tinf", "inf\tinf"), "line 2, column 'r': 'inf' is infinite"),
        (("n/a\tinf", "1e999\tinf"), "line 2, column 'r': '1e999' is no number"),
        (("\tinf\t", "\tn/a\t"), "line 2, column 'vif': 'n/a' is no number"),
        (("inf\tn/a", "inf\tyes"), "line 2, column 'same': 'yes' is neither true nor false"),
        (("share_noise", "share_2"), "it has a column 'share_2'"),
        (("share_noise", "vif"), "it has two columns 'vif'"),
        (("same\t", "other\t"), "it has a column 'other'"),
        (("contrast\t", "session_id\t"), "it has no column 'contrast'"),
        (("e-300\n", "e-300"), "is truncated or damaged"),
        (("\t3\t", "\t"), "is truncated or damaged"),
    ],
)
def test_foreign_and_damaged_tables_are_refused_by_name(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    path = written(tmp_path / "t.tsv", change)
    with pytest.raises(ReadWriteError) as caught:
        SCHEMA.read(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert str(caught.value).endswith("run the participant again (--overwrite)")
    assert caught.value.exit_code == 74


def test_row_that_the_schema_does_not_know_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no column \['luck'\]"):
        SCHEMA.write(tmp_path / "t.tsv", [{**ROW, "luck": 1}], header=HEADER)
    assert not (tmp_path / "t.tsv").exists()


def test_descriptions_give_the_numbers_that_are_used() -> None:
    for number in (spread.FAR, spread.MAD_TO_SD, spread.FEWEST, f"{spread.ROUNDING:g}"):
        assert f" {number} " in OUTLIER_RULE.replace("(", " ")
    interval = AGREEMENT_SUMMARY["ci_lower"].text
    assert f"{spread.CONFIDENCE:.0%}" in interval
    assert f"({spread.RESAMPLES} resamples" in interval
    closing = ATTRIBUTION_SUMMARY["n_closing"].text
    assert f"{CLOSURE_NILEARN:g} of nilearn's range and {CLOSURE_SPM:g} of SPM's" in closing


@pytest.mark.parametrize("last", [{}, {"r": 0.5, "vif": 2.0, "n": 4, "same": True}])
def test_long_table_is_read_as_its_rows_one_by_one(tmp_path: Path, last: dict[str, object]) -> None:
    rows = [{**ROW, "n": i, "share_noise": i / 7, "r": 0.25, "vif": 1.0 + i} for i in range(40)]
    rows.append({**ROW, **last})
    SCHEMA.write(tmp_path / "p_desc-x_metrics.tsv", rows, header=HEADER)
    found = []
    for i, row in enumerate(rows):
        SCHEMA.write(tmp_path / f"{i}.tsv", [row], header=HEADER)
        found += SCHEMA.read(tmp_path / f"{i}.tsv")
    assert repr(SCHEMA.read(tmp_path / "p_desc-x_metrics.tsv")) == repr(found)


@pytest.mark.parametrize("cell", ["1e999", "1_0", "inf", "n/a", ""])
def test_bad_number_of_a_long_table_is_named_with_its_line(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "p_desc-x_metrics.tsv"
    SCHEMA.write(path, [{**ROW, "share_noise": 0.25}] * 40, header=HEADER)
    lines = path.read_text().split("\n")
    lines[33] = lines[33].removesuffix("0.25") + cell
    path.write_text("\n".join(lines))
    with pytest.raises(ReadWriteError, match="line 34, column 'share_noise'"):
        SCHEMA.read(path)
