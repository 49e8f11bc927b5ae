"""The group's page is made of the numbers that the run has, and they are those of its files."""

from pathlib import Path

import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.outputs.schema import Row, Schema
from tests import finished
from tests.group.test_rois import add_maps, regions, shifted

pytestmark = pytest.mark.usefixtures("plain_figures")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three participants with maps, and an atlas."""
    finished.write_dataset(tmp_path, ["01", "02", "03"])
    for seed, label in enumerate(("01", "02", "03")):
        finished.write_participant(tmp_path / "out", label, {"go": shifted(seed)})
        add_maps(tmp_path / "out", label, shifted(seed))
    finished.write_image(tmp_path / "atlas.nii.gz", regions())
    return tmp_path


def test_page_of_this_runs_numbers_is_the_page_of_its_files(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    read = Schema.read

    def noted(self: Schema, path: Path) -> list[Row]:
        opened.append(path)
        return read(self, path)

    monkeypatch.setattr(Schema, "read", noted)
    words = [str(study / "bids"), str(study / "out"), "group", "-q", "--random-seed", "7"]
    assert main([*words, "--atlas", str(study / "atlas.nii.gz")]) == 0
    assert [path for path in opened if path.parent.name == "group"] == []
    first = (study / "out/group.html").read_bytes()
    opened.clear()
    assert main([*words, "--reports-only"]) == 0
    kinds = {path.name.rsplit("_", 2)[1] for path in opened if path.parent.name == "group"}
    assert {"desc-groupAgreement", "desc-roiAgreement", "desc-spm", "desc-nilearn"} <= kinds
    assert len(cells(first)) > 30
    assert cells((study / "out/group.html").read_bytes()) == cells(first)


def cells(page: bytes) -> list[bytes]:
    """Lines of the page that hold cells of tables."""
    return [line for line in page.splitlines() if b"<td" in line]


def test_medians_on_the_page_are_those_of_the_table(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    from bidsglm.agreement import spread

    summary = spread.summary

    def counted(*arguments: object, **named: object) -> object:
        calls.append(1)
        return summary(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(spread, "summary", counted)
    assert main([str(study / "bids"), str(study / "out"), "group", "-q"]) == 0
    assert calls == [1]
    table = finished.read_rows(study / f"out/group/{finished.NAME}_desc-agreementSummary_metrics.tsv")
    row = next(r for r in table if (r["map"], r["metric"]) == ("t", "pearson_r"))
    assert f"{float(row['median']):.3f}" in (study / "out/group.html").read_text()
    assert np.isfinite(float(row["ci_lower"]))
