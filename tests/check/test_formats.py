"""Formats in which SPM has left analyses: MATLAB's version 7.3, and SPM8's pairs of .img and .hdr."""

import gzip
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat, savemat

from bidsglm.check.matlab import read_mat
from bidsglm.check.nilearn_folder import read_nilearn
from bidsglm.check.spm_folder import read_spm
from bidsglm.cli import main
from bidsglm.errors import DataError

from .mat73 import write_mat73
from .test_bad_files import N_SCANS, Given


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return Given(tmp_path_factory.mktemp("given"))


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        for name in one.keys() & other.keys():
            assert_same(one[name], other[name])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    elif isinstance(one, str):
        assert one.rstrip() == other.rstrip()
    else:
        np.testing.assert_array_equal(one, other)


def test_a_file_of_version_73_reads_as_one_of_version_5(given: Given, tmp_path: Path) -> None:
    write_mat73(tmp_path / "SPM.mat", "SPM", loadmat(given.spm / "SPM.mat")["SPM"])
    found, plain = (read_mat(folder / "SPM.mat", "SPM") for folder in (tmp_path, given.spm))
    assert found.keys() == plain.keys() | {"handle"}
    assert found["handle"] is None
    assert_same(found, plain)
    assert read_spm(tmp_path).scans == read_spm(given.spm).scans


@pytest.mark.parametrize(
    ("name", "separator", "decimal"),
    [
        ("design.csv", ";", ","),
        ("design.csv", ";", "."),
        ("design.csv", "\t", "."),
        ("DESIGN.TSV", "\t", ","),
        ("design.tsv", ",", "."),
        ("matrix.csv.gz", ",", "."),
        ("run-1_design.tsv.gz", "\t", "."),
    ],
)
def test_a_design_is_read_however_its_table_was_written(
    name: str, separator: str, decimal: str, given: Given, tmp_path: Path
) -> None:
    table = pd.read_csv(given.nilearn / "design.csv", index_col=0)
    text = table.to_csv(sep=separator, decimal=decimal).encode("utf-8-sig")
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    (found,) = read_nilearn(tmp_path).designs
    assert found.names == ("go", "constant")
    np.testing.assert_allclose(found.matrix, table.to_numpy(), rtol=1e-12)
    assert found.frame_times is not None
    np.testing.assert_allclose(found.frame_times, table.index)


def test_a_packed_design_of_too_much_text_is_none(tmp_path: Path) -> None:
    (tmp_path / "design.csv.gz").write_bytes(gzip.compress(b"a,constant\n" + b"1,1\n" * 2**25))
    with pytest.raises(DataError, match="is no design matrix"):
        read_nilearn(tmp_path)


def test_pairs_of_img_and_hdr_are_read_and_come_out_again(given: Given, tmp_path: Path) -> None:
    spm, func = tmp_path / "spm", tmp_path / "func"
    spm.mkdir()
    func.mkdir()
    for path in given.spm.glob("*.nii"):
        nib.Nifti1Pair.from_image(nib.load(path)).to_filename(spm / f"{path.stem}.img")
    series = nib.load(next((given.root / "func").glob("*.nii")))
    names = [f"swvol_{i + 1:04d}.img" for i in range(N_SCANS)]
    for i, name in enumerate(names):
        nib.Nifti1Pair(np.asarray(series.dataobj[..., i]), series.affine).to_filename(func / name)
    fields = given.structure(SPMid="SPM8: spm_spm ($Rev: 4290 $)")
    scans = {name: fields["xY"][name][0, 0] for name in fields["xY"].dtype.names}
    scans["P"] = np.array([f"/old/func/{name},1" for name in names])
    for i, name in enumerate(names):
        scans["VY"][0, i]["fname"] = f"/old/func/{name}"
    (contrast,) = fields["xCon"][0]
    for part in ("Vcon", "Vspm"):
        contrast[part] = {"fname": str(contrast[part]["fname"][0, 0][0]).replace(".nii", ".img")}
    savemat(spm / "SPM.mat", {"SPM": fields | {"xY": scans}})
    words = ["--nilearn", str(given.nilearn), "--scans", str(tmp_path)]
    assert main(["check", str(tmp_path / "out"), "--spm", str(spm), *words]) == 0
    found = json.loads((tmp_path / "out" / "check.json").read_text())
    assert [Path(each["spm"]).name for each in found["spm_reproduced"]] == ["con_0001.img", "spmT_0001.img"]
    assert all(each["is_reproduced"] for each in found["spm_reproduced"])
