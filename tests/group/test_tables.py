"""The group's tables hold what the participants' tables say, and its spread."""

import json
from pathlib import Path

import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.dataset.outputs import write_table
from tests.finished import NAME, change_summary, read_rows, write_group


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


def test_calibrations_stand_below_each_other(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 3)
    columns = ("analysis", "noise", "effect_size", "p_threshold", "rate", "contrast")
    for label, rate in (("01", 0.001), ("03", 0.004)):
        (summary,) = (out / f"sub-{label}").rglob("*_summary.json")
        path = summary.with_name(summary.name.replace("bidsglm_summary.json", "calibration_metrics.tsv"))
        write_table(path, columns, [("spm-ar1", "white", 0.0, 0.001, rate, "go")])
        change_summary(out, label, supplements={"calibration": {"files": [path.name]}})
    assert main([str(bids), str(out), "group", "-q"]) == 0
    rows = table(out / "group", "calibration")
    assert [(row["participant_id"], row["rate"]) for row in rows] == [
        ("sub-01", "0.001"),
        ("sub-03", "0.004"),
    ]
    assert list(rows[0]) == ["participant_id", *columns]
    assert not list((tmp_path / "out" / "group").glob("*sub-02*"))


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
