"""The tables on units and noise say what the maps, the images and SPM's own numbers say."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm.cli import main
from bidsglm.spm.covariance import components
from tests import tiny

EXACT = 1e-5
"""Maps and the scaled mean image are float32."""
SETTINGS = {"0": 0, "grand mean": [0, 1], "none": False}


@pytest.fixture(scope="module", params=SETTINGS)
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A participant of two runs, with one of nilearn's scalings."""
    root = tmp_path_factory.mktemp("scales")
    study, out = tiny.write_study(root, ("01",), ("run-1", "run-2")), root / "out"
    assert main(["model", str(study), str(root / "model.json")]) == 0
    model = json.loads((root / "model.json").read_text())
    software = model["Nodes"][0]["Model"].setdefault("Software", {})
    software.setdefault("Nilearn", {})["SignalScaling"] = SETTINGS[request.param]
    (root / "model.json").write_text(json.dumps(model))
    words = ["--no-attribution", "--model", str(root / "model.json")]
    assert main([str(study), str(out), "participant", "-qq", *words]) == 0
    return out / "sub-01/func"


def table(folder: Path, kind: str) -> pd.DataFrame:
    return pd.read_csv(next(folder.glob(f"*_desc-{kind}_metrics.tsv")), sep="\t")


def volume(folder: Path, name: str) -> np.ndarray:
    return nib.load(next(folder.glob(f"{name}.nii.gz"))).get_fdata()


def series(folder: Path) -> list[np.ndarray]:
    raw = folder.parents[2] / "bids/derivatives/fmriprep/sub-01/func"
    return [nib.load(path).get_fdata() for path in sorted(raw.glob("*desc-preproc_bold.nii.gz"))]


def test_levels_are_those_of_the_images(fitted: Path) -> None:
    brain = volume(fitted, "*desc-nilearn_mask") > 0
    for row, data in zip(table(fitted, "intensity").itertuples(), series(fitted), strict=True):
        scans = np.moveaxis(data, -1, 0)
        bright = [scan > scan.mean() / 8 for scan in scans]
        level = np.mean([scan[above].mean() for scan, above in zip(scans, bright, strict=True)])
        assert row.spm_global == pytest.approx(level)
        assert row.n_global_voxels == pytest.approx(np.mean([above.sum() for above in bright]))
        assert row.scaled_mask_mean == pytest.approx(100 * data[brain].mean() / level)
        assert row.to_brain_percent == pytest.approx(100 / row.scaled_mask_mean)


def test_parts_are_those_of_the_maps(fitted: Path) -> None:
    scaled = volume(fitted, "*desc-spmscaled_boldref")
    brain = volume(fitted, "*desc-nilearn_mask") > 0
    for row in table(fitted, "scale").itertuples():
        spm, nilearn = (
            volume(fitted, f"*contrast-{row.contrast}_stat-effect_desc-{b}_statmap")
            for b in ("spm", "nilearn")
        )
        both = np.isfinite(spm) & np.isfinite(nilearn)
        assert row.mean_spm == pytest.approx(spm[both].mean(), rel=EXACT)
        assert row.sd_ratio == pytest.approx(spm[both].std() / nilearn[both].std(), rel=EXACT)
        assert row.by_level * row.by_brightness * row.by_rest == pytest.approx(row.sd_ratio)
        unit = row.by_level
        if row.by_brightness != pytest.approx(1, abs=1e-9):
            assert unit == pytest.approx(scaled[brain].mean() / 100, rel=EXACT)
            unit = scaled[both] / 100
        converted = spm[both] / unit
        assert row.sd_spm_converted == pytest.approx(converted.std(), rel=EXACT)
        assert row.pearson_r_converted == pytest.approx(
            np.corrcoef(converted, nilearn[both])[0, 1], rel=EXACT
        )
        assert row.slope_converted == pytest.approx(1, abs=0.2)


def test_noise_is_that_of_both_packages_fits(fitted: Path) -> None:
    summary = json.loads(next(fitted.glob("*_summary.json")).read_text())
    noise = {name: facts["noise"] for name, facts in summary["estimates"].items()}
    rows = table(fitted, "autocorrelation").groupby("run")
    for i, (_, lags) in enumerate(rows):
        first = components("AR(1)", tiny.N_SCANS, 2.0).T @ noise["spm"]["hyperparameters"][i]
        np.testing.assert_allclose(lags["spm"], (first / first[0])[lags["lag"]], atol=1e-12)
        found = noise["nilearn"]["autoregression"][i]
        each = np.repeat(np.ravel(found["coefficients"]), found["voxels"])
        assert each.size == summary["estimates"]["nilearn"]["n_voxels"]
        at_one = lags[lags["lag"] == 1].iloc[0]
        assert at_one["nilearn_median"] == pytest.approx(np.median(each), abs=0.011)
        assert at_one["share_below_spm"] == pytest.approx(np.mean(each < at_one["spm"]))


def test_page_is_written_without_a_high_pass_filter(tmp_path: Path) -> None:
    study, out = tiny.write_study(tmp_path, ("01",)), tmp_path / "out"
    words = ["--high-pass", "0", "--no-attribution", "-qq"]
    assert main([str(study), str(out), "participant", *words]) == 0
    assert "filter" in (out / "sub-01.html").read_text()
