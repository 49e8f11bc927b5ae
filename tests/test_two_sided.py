"""--two-sided gives each tail half of the error, at both levels, and is a setting of the fit."""

import json
from pathlib import Path

import pytest
from scipy import stats

from bidsglm.cli import main
from tests import tiny
from tests.finished import read_rows

pytestmark = pytest.mark.usefixtures("plain_figures")


def heights(out: Path, pattern: str) -> dict[str, tuple[float, float, str]]:
    """Package -> height of p < 0.001, residual degrees of freedom, and how the sidecar calls it."""
    found = {}
    for package in ("spm", "nilearn"):
        facts = json.loads(next(out.glob(f"{pattern}_desc-{package}_clusters.json")).read_text())
        dof = float(facts["DegreesOfFreedom"])
        found[package] = float(facts["Thresholds"]["p001"]), dof, str(facts["HeightControl"])
    return found


def test_thresholds_are_two_sided_where_asked_at_both_levels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, out = tiny.write_study(tmp_path, ("01", "02", "03")), tmp_path / "out"
    tiny.write_json(tmp_path / "smdl.json", tiny.model())
    options = ["--model", str(tmp_path / "smdl.json"), "--no-attribution"]
    for share, more in ((1.0, []), (0.5, ["--two-sided"])):
        assert main([str(study), str(out), "participant", "-q", *options, *more]) == 0
        assert main([str(study), str(out), "group", "-q", *more]) == 0
        for pattern in ("sub-01/func/*_contrast-move*", "group/*_contrast-move*"):
            for height, dof, words in heights(out, pattern).values():
                assert height == pytest.approx(stats.t.isf(0.001 * share, dof), rel=1e-5)
                assert ("two-sided" in words) is bool(more)
        (table,) = out.glob("sub-01/func/*_desc-agreement_metrics.tsv")
        t = next(row for row in read_rows(table) if row["map"] == "t")
        assert t["n_spm_lower_p001"].isdigit()
        assert "below 0" in (out / "sub-01.html").read_text()
    assert main([str(study), str(out), "group", "-q", "--model", str(tmp_path / "smdl.json")]) == 0
