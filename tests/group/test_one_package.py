"""A group that only one package fitted has that package's maps and a page, and compares nothing."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

from bidsglm.cli import main
from bidsglm.outputs.calibration_tables import CALIBRATION
from tests import tiny
from tests.finished import (
    AFFINE,
    NAME,
    SHAPE,
    change_summary,
    effects,
    read_rows,
    write_dataset,
    write_image,
    write_participant,
)
from tests.report.test_calibration import INFLATION, rows

pytestmark = pytest.mark.usefixtures("plain_figures")


def study(root: Path, package: str, n: int = 4) -> tuple[Path, Path]:
    """Participants of whom one package's maps are there."""
    labels = [f"{i:02d}" for i in range(1, n + 1)]
    bids, out = write_dataset(root, labels), root / "out"
    for seed, label in enumerate(labels):
        folder = write_participant(out, label, {"go": effects(seed)})
        for path in folder.iterdir():
            if (
                path.name.endswith("_metrics.tsv")
                or f"desc-{({'spm', 'nilearn'} - {package}).pop()}_" in path.name
            ):
                path.unlink()
        change_summary(out, label, backends=[package], attribution=None)
    return bids, out


@pytest.mark.parametrize("package", ["spm", "nilearn"])
def test_maps_of_the_only_package_are_made_and_shown(tmp_path: Path, package: str) -> None:
    bids, out = study(tmp_path, package)
    assert main([str(bids), str(out), "group", "-q"]) == 0
    written = {path.name for path in (out / "group").glob(f"*_desc-{package}_statmap.nii.gz")}
    other = ({"spm", "nilearn"} - {package}).pop()
    assert not list((out / "group").glob(f"*_desc-{other}*"))
    assert (
        written
        == {
            f"{NAME}_contrast-go_stat-{s}_desc-{package}_statmap.nii.gz"
            for s in ("effect", "t", "z", "p", "variance")
        }
        & written
    )
    assert len(written) >= 4
    t = nib.load(out / "group" / f"{NAME}_contrast-go_stat-t_desc-{package}_statmap.nii.gz").get_fdata()
    each = np.array([effects(seed)[package] for seed in range(4)], float)
    inside = np.isfinite(each).all(axis=0)
    expected = stats.ttest_1samp(each[:, inside], 0).statistic
    np.testing.assert_allclose(t[inside], expected, rtol=1e-4)
    page = (out / "group.html").read_text()
    title = {"spm": "SPM", "nilearn": "nilearn"}[package]
    assert f"Only {title} was fitted" in page
    assert 'id="group-maps"' in page
    assert 'id="agreement"' not in page
    assert "were compared" not in page


def test_page_is_written_again_and_a_dry_run_names_the_members(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path, "spm")
    assert main([str(bids), str(out), "group", "-q"]) == 0
    (out / "group.html").unlink()
    assert main([str(bids), str(out), "group", "-q", "--reports-only"]) == 0
    assert "Only SPM was fitted" in (out / "group.html").read_text()
    capsys.readouterr()
    assert main([str(bids), str(out), "group", "-q", "--dry-run"]) == 0
    assert f"{NAME}: sub-01, sub-02, sub-03, sub-04" in capsys.readouterr().out


def test_both_levels_work_with_one_package(tmp_path: Path) -> None:
    bids, out = tiny.write_study(tmp_path), tmp_path / "out"
    common = [str(bids), str(out)]
    assert main([*common, "participant", "-q", "--backends", "spm", "--skip-bids-validation"]) == 0
    assert main([*common, "group", "-q"]) == 0
    assert list((out / "group").glob("*_contrast-move_stat-t_desc-spm_statmap.nii.gz"))
    for page in ("sub-01.html", "group.html"):
        assert "SPM" in (out / page).read_text()


def test_a_wrong_command_of_once_is_not_said_of_a_participant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = tiny.write_study(tmp_path), tmp_path / "out"
    command = [str(bids), str(out), "participant", "-q", "--backends", "spm", "--skip-bids-validation"]
    assert main(command) == 0
    assert main([*command, "--space", "T1w"]) == 18
    capsys.readouterr()
    assert main([str(bids), str(out), "group", "-q"]) == 0
    said = capsys.readouterr().err + (out / "group.html").read_text()
    assert "matches no preprocessed run" not in said


def test_two_versions_of_fmriprep_do_not_concern_the_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path, "spm")
    for name in ("fmriprep-20", "fmriprep-23"):
        func = bids / "derivatives" / name / "sub-01/func"
        func.mkdir(parents=True)
        (func / "sub-01_task-tap_desc-preproc_bold.nii.gz").write_bytes(b"")
    assert main([str(bids), str(out), "group", "-q"]) == 0
    assert "fmriprep-20" not in capsys.readouterr().err


def test_regions_of_the_only_package_are_tested_and_shown(tmp_path: Path) -> None:
    bids, out = study(tmp_path, "nilearn")
    regions = np.zeros(SHAPE, dtype=np.int16)
    regions[2:4, 2:6, 2:5], regions[4:6, 2:6, 2:5] = 1, 2
    atlas = tmp_path / "atlas.nii.gz"
    nib.save(nib.Nifti1Image(regions, AFFINE), atlas)
    for seed in range(4):
        folder = out / f"sub-{seed + 1:02d}" / "func"
        prefix = f"sub-{seed + 1:02d}_{NAME}"
        values = effects(seed)["nilearn"]
        write_image(folder / f"{prefix}_desc-nilearn_mask.nii.gz", np.isfinite(values).astype(np.uint8))
        write_image(folder / f"{prefix}_contrast-go_stat-t_desc-nilearn_statmap.nii.gz", values)
    assert main([str(bids), str(out), "group", "-q", "--atlas", str(atlas)]) == 0
    found = read_rows(out / "group" / f"{NAME}_desc-roiAgreement_metrics.tsv")
    assert [row["region"] for row in found] == ["1", "2"]
    means = np.array([np.nanmean(effects(seed)["nilearn"][regions == 1]) for seed in range(4)])
    expected = stats.ttest_1samp(means, 0)
    assert float(found[0]["nilearn_t"]) == pytest.approx(expected.statistic, rel=1e-5)
    assert float(found[0]["nilearn_p"]) == pytest.approx(expected.pvalue, rel=1e-4)
    assert {found[0][key] for key in ("spm_t", "bias", "icc_a1", "same_conclusion")} == {"n/a"}
    page = (out / "group.html").read_text()
    assert 'id="regions"' in page
    assert "z shift" not in page


def test_calibrations_of_the_only_package_are_collected(tmp_path: Path) -> None:
    bids, out = study(tmp_path, "nilearn")
    name = f"sub-01/func/sub-01_{NAME}_desc-calibration_metrics.tsv"
    made = [
        {**row, "contrast": "go"}
        for row in rows(dict.fromkeys(("white", "ar1", "surrogate", "physiological"), INFLATION))
    ]
    CALIBRATION.write(out / name, made)
    change_summary(out, "01", supplements={"calibration": {"files": [name]}})
    assert main([str(bids), str(out), "group", "-q"]) == 0
    assert (out / "group" / f"{NAME}_desc-calibration_metrics.tsv").exists()
    assert 'id="which-to-trust"' in (out / "group.html").read_text()
