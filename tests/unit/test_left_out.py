"""A package that cannot fit the data at hand is left out with its reason, and the others are compared."""

import html
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.outputs.names import read_json
from tests import tiny

pytestmark = pytest.mark.usefixtures("plain_figures")

SCANWISE = "motion_outlier"
DIM_SCAN = 30
BRIGHT_OR_NOT = {"InclusiveMaskingThreshold": "-Inf", "SerialCorrelation": "none"}
"""SPM can fit voxels that are dark in a scan."""


def study(root: Path, **software: dict[str, Any]) -> Path:
    """One participant, and a model with settings of packages."""
    tiny.write_study(root, ("01",))
    document = tiny.model()
    document["Nodes"][0]["Model"]["Software"] = software  # type: ignore[index]
    tiny.write_json(root / "smdl.json", document)
    return root


def fitted(root: Path, *options: str) -> int:
    arguments = [str(root / "bids"), str(root / "out"), "participant", "-q", "--no-attribution"]
    return main([*arguments, "--model", str(root / "smdl.json"), *options])


def summary(root: Path) -> dict[str, Any]:
    (path,) = (root / "out").glob("sub-01/func/*_summary.json")
    return read_json(path)


def page(root: Path) -> str:
    text = (root / "out" / "sub-01.html").read_text(encoding="utf-8")
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def dim_scan(root: Path) -> None:
    """Darken a scan of the images, so that no voxel stands out in every scan."""
    (path,) = (root / "bids").glob("derivatives/fmriprep/sub-01/func/*_bold.nii.gz")
    values = np.asarray(nib.load(path).dataobj).copy()  # type: ignore[attr-defined]
    values[..., DIM_SCAN] /= 100
    tiny.write_image(path, values)


def outliers(root: Path, n: int) -> None:
    """Give the confounds scan-wise columns of the first scans."""
    (path,) = (root / "bids").glob("derivatives/fmriprep/sub-01/func/*_timeseries.tsv")
    header, *lines = path.read_text().splitlines()
    names = [f"{SCANWISE}{i:02d}" for i in range(n)]
    rows = ["\t".join([line, *(str(int(i == scan)) for i in range(n))]) for scan, line in enumerate(lines)]
    path.write_text("\n".join(["\t".join([header, *names]), *rows]) + "\n")


def check_left_out(root: Path, name: str, title: str, reason: str, kept: list[str]) -> None:
    found = summary(root)
    assert found["backends"] == kept
    assert list(found["estimates"]) == kept
    (said,) = (text for text in found["warnings"] if text.startswith(f"{title} is left out: "))
    assert reason in said
    assert said in page(root)
    names = [path.name for path in (root / "out").rglob("sub-01_*")]
    assert not [text for text in names if f"desc-{name}" in text]
    assert [text for text in names if "desc-agreement_metrics" in text]
    assert all(row[0] != f"n_censored_{name}" for row in found["settings"])


def test_afni_out_of_degrees_of_freedom_is_left_out(tmp_path: Path) -> None:
    root = study(tmp_path, AFNI={"Censor": [f"{SCANWISE}*"]})
    outliers(root, tiny.N_SCANS - 6)
    assert fitted(root, "--backends", "all") == 0
    reason = "scans that 64 censored ones leave leave no residual degrees of freedom"
    check_left_out(root, "afni", "AFNI", reason, ["spm", "nilearn", "fsl"])
    assert not [text for text in summary(root)["warnings"] if "are left out (Censor)" in text]
    assert not [text for text in summary(root)["warnings"] if text.startswith("AFNI: ")]


@pytest.fixture(scope="module")
def without_fsl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit of the others, with what is added to it."""
    root = study(tmp_path_factory.mktemp("dim"), SPM=BRIGHT_OR_NOT)
    dim_scan(root)
    assert fitted(root, "--backends", "all", "--export-code", "--calibrate", "1") == 0
    return root


def test_fsl_without_a_voxel_in_its_mask_is_left_out(without_fsl: Path) -> None:
    reason = "no voxel exceeds a tenth of the robust range in every scan"
    check_left_out(without_fsl, "fsl", "FSL", reason, ["spm", "nilearn", "afni"])


def test_a_package_without_a_voxel_in_a_mask_of_its_own_is_left_out(tmp_path: Path) -> None:
    root = study(tmp_path, SPM=BRIGHT_OR_NOT)
    dim_scan(root)
    (mask,) = (root / "bids").glob("derivatives/fmriprep/sub-01/func/*_mask.nii.gz")
    mask.unlink()
    assert fitted(root, "--backends", "all") == 0
    check_left_out(root, "fsl", "FSL", "FSL finds no voxel for its mask", ["spm", "nilearn", "afni"])


def test_less_than_two_packages_left_are_an_error_that_names_the_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = study(tmp_path)
    dim_scan(root)
    assert fitted(root, "--backends", "fsl", "nilearn") == 65
    said = capsys.readouterr().err
    assert "_bold.nii.gz: FSL's mask is empty: no voxel exceeds a tenth of the robust range" in said


def test_what_is_left_out_of_a_fit_is_left_out_of_what_is_added_to_it(without_fsl: Path) -> None:
    assert set(summary(without_fsl)["supplements"]["code"]["scripts"]) == {"spm", "nilearn", "afni"}
    (table,) = (without_fsl / "out").glob("sub-01/func/*_desc-calibration_metrics.tsv")
    analyses = {line.split("\t")[0] for line in table.read_text().splitlines()[1:]}
    assert "afni-arma11" in analyses
    assert not [name for name in analyses if name.startswith("fsl")]


def test_a_finished_fit_without_a_package_stands(without_fsl: Path) -> None:
    before = summary(without_fsl)["finished"], summary(without_fsl)["seconds"]
    assert fitted(without_fsl, "--backends", "all") == 0
    assert (summary(without_fsl)["finished"], summary(without_fsl)["seconds"]) == before


@pytest.mark.parametrize(("backends", "code"), [(("spm", "nilearn"), 0), (("spm", "afni"), 65)])
def test_scans_to_censor_are_looked_up_only_where_afni_is_fitted(
    tmp_path: Path, backends: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    root = study(tmp_path, AFNI={"Censor": ["nowhere"]})
    assert fitted(root, "--backends", *backends) == code
    assert ("no confound nowhere to censor by" in capsys.readouterr().err) is bool(code)
