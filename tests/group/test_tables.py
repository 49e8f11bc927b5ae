"""The group's tables hold what the participants' tables say, and its spread."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bidsglm.cli import main
from tests.finished import NAME, read_rows, write_group

pytestmark = pytest.mark.usefixtures("plain_figures")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bids, out = write_group(tmp_path_factory.mktemp("group"), 6)
    assert main([str(bids), str(out), "group", "-q", "--random-seed", "5"]) == 0
    return out / "group"


def table(folder: Path, kind: str) -> list[dict[str, str]]:
    return read_rows(folder / f"{NAME}_desc-{kind}_metrics.tsv")


def test_every_table_describes_its_columns(folder: Path) -> None:
    kinds = ("agreement", "agreementSummary", "agreementOutliers", "attribution", "attributionSummary")
    for kind in kinds:
        path = folder / f"{NAME}_desc-{kind}_metrics.tsv"
        columns = path.read_text().splitlines()[0].split("\t")
        described = json.loads(path.with_suffix(".json").read_text())
        assert set(columns) == set(described), kind
    assert "3.5 robust standard deviations" in described_rule(folder)


def described_rule(folder: Path) -> str:
    path = folder / f"{NAME}_desc-agreementSummary_metrics.json"
    return str(json.loads(path.read_text())["n_outlying"]["Description"])


def test_summary_is_of_the_values_in_the_table(folder: Path) -> None:
    rows = [row for row in table(folder, "agreement") if row["map"] == "t"]
    values = np.array([float(row["rmsd"]) for row in rows])
    (found,) = (r for r in table(folder, "agreementSummary") if (r["map"], r["metric"]) == ("t", "rmsd"))
    assert int(found["n"]) == len(values) == 6
    np.testing.assert_allclose(float(found["median"]), np.median(values))
    np.testing.assert_allclose(float(found["upper_quartile"]), np.quantile(values, 0.75))
    assert values.min() <= float(found["ci_lower"]) <= float(found["median"]) <= float(found["ci_upper"])


def test_attribution_counts_the_step_that_is_largest(folder: Path) -> None:
    assert len(table(folder, "attribution")) == 6 * 4
    found = {row["step"]: row for row in table(folder, "attributionSummary")}
    assert {step: row["n_largest"] for step, row in found.items()} == {
        "scaling": "0",
        "regressors": "0",
        "filter": "0",
        "noise": "6",
    }
    np.testing.assert_allclose(float(found["noise"]["share_median"]), 0.6)


@pytest.mark.parametrize("left", [0, 0.7])
def test_table_cut_off_names_its_participant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], left: float
) -> None:
    bids, out = write_group(tmp_path, 3)
    (path,) = out.glob("sub-02/func/*_desc-agreement_metrics.tsv")
    text = path.read_text()
    path.write_text(text[: int(left * len(text))].rsplit("\t", 1)[0])
    assert main([str(bids), str(out), "group", "-q"]) == 74
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert str(path) in line
    assert "run the participant again" in line
    assert {row["participant_id"] for row in table(out / "group", "agreement")} == {"sub-01", "sub-03"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("\tslope\t", "\tslopes\t"), "it has a column 'slopes'"),
        (lambda text: text.replace("\teffect\t", "\tguess\t", 1), "line 2, column 'map': 'guess' is none of"),
        (lambda text: text.replace("\n", "\tluck\n"), "it has a column 'luck'"),
        (lambda text: with_first_number(text, "inf"), "line 2, column 'n_both': 'inf' is no whole number"),
        (lambda text: with_first_number(text, "many"), "line 2, column 'n_both': 'many' is no whole number"),
    ],
)
def test_foreign_table_is_named_by_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[str], str], said: str
) -> None:
    bids, out = write_group(tmp_path, 3)
    (path,) = out.glob("sub-02/func/*_desc-agreement_metrics.tsv")
    path.write_text(change(path.read_text()))
    assert main([str(bids), str(out), "group", "-q"]) == 74
    line = next(line for line in capsys.readouterr().err.splitlines() if str(path) in line)
    assert said in line
    assert {row["participant_id"] for row in table(out / "group", "agreement")} == {"sub-01", "sub-03"}


def with_first_number(text: str, cell: str) -> str:
    """A table in whose first row another cell stands for n_both."""
    header, first, *rest = text.split("\n")
    cells = first.split("\t")
    cells[header.split("\t").index("n_both")] = cell
    return "\n".join([header, "\t".join(cells), *rest])


def test_a_table_that_was_cut_between_two_lines_is_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = write_group(tmp_path, 3)
    path = next((out / "sub-02").rglob("*_desc-agreement_metrics.tsv"))
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))
    assert main([str(bids), str(out), "group", "--random-seed", "5"]) == 74
    said = capsys.readouterr().err
    assert f"{path}: lacks the t map of" in said
    assert "run the participant again (--overwrite)" in said
    assert "2 of 3 participants compared" in said
    assert {row["participant_id"] for row in table(out / "group", "agreement")} == {"sub-01", "sub-03"}
