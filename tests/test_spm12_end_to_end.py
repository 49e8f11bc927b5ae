"""The whole program, from BIDS files to maps, against SPM12's own files."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from tests.conftest import PROJECT, find_shared
from tests.spm12_reference import CASES

COMMITTED = PROJECT / "tests" / "data" / "end_to_end"
IMAGE_RTOL = 5e-7
"""Of a map's range: SPM's maps are float32, whose rounding is 6e-8."""
DESIGN_ATOL = 1e-12
DEAD_COLUMN = 1e-10
"""Largest beta of a column that is zero or wholly redundant in SPM: rounding noise, which none can match."""


def bids_form(case: str, folder: Path) -> Path:
    """A case with its expected maps: committed, or laid out from the whole reference."""
    if (COMMITTED / case).is_dir():
        return COMMITTED / case
    shared = find_shared()
    if shared is None:
        pytest.skip("not in the committed part of the reference, which is alone here")
    reference = shared / "spm12-reference"
    command = [sys.executable, "-B", "to_bids.py", case, str(folder / case), "--expected"]
    subprocess.run(command, cwd=reference, check=True, capture_output=True)
    return folder / case


def read(path: Path) -> np.ndarray:
    return nib.load(path).get_fdata(dtype=np.float64)


def largest_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of all volumes, relative to the range of SPM's."""
    worst = 0.0
    for volume in np.ndindex(theirs.shape[3:]):
        a, b = ours[(..., *volume)], theirs[(..., *volume)]
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        inside = np.isfinite(b)
        if np.abs(b[inside]).max() < DEAD_COLUMN:
            assert np.abs(a[inside]).max() < DEAD_COLUMN
        else:
            worst = max(worst, float(np.abs(a - b)[inside].max() / np.ptp(b[inside])))
    return worst


def compare(ours: Path, theirs: Path) -> None:
    assert ours.exists(), ours.name
    if theirs.suffix == ".tsv":
        names, expected = (path.read_text().splitlines()[0] for path in (ours, theirs))
        assert names == expected
        values = [np.loadtxt(path, skiprows=1, ndmin=2) for path in (ours, theirs)]
        np.testing.assert_allclose(*values, rtol=0, atol=DESIGN_ATOL)
    elif "_mask.nii" in theirs.name:
        np.testing.assert_array_equal(read(ours), read(theirs))
    else:
        assert largest_difference(read(ours), read(theirs)) <= IMAGE_RTOL, theirs.name


@pytest.mark.parametrize("case", CASES)
def test_files_equal_those_of_spm12(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
    source, out = bids_form(case, tmp_path), tmp_path / "out"
    model = source / "model_smdl.json"
    command = [
        str(source / "bids"),
        str(out),
        "participant",
        "--backends",
        "spm",
        "--model",
        str(model),
        "-q",
    ]
    assert main(command) == 0
    expected = sorted(path for path in (source / "expected").rglob("*.*") if path.name != "expected.json")
    assert len(expected) >= 5
    for path in expected:
        compare(out / path.relative_to(source / "expected"), path)
    facts = json.loads((source / "expected" / "expected.json").read_text())
    for contrast in facts["contrasts"]:
        pattern = f"*_contrast-{contrast['name']}_stat-{contrast['test']}_desc-spm_statmap.json"
        sidecar = json.loads(next(out.rglob(pattern)).read_text())
        dof = np.atleast_1d(contrast["df"])[-1]
        np.testing.assert_allclose(sidecar["DegreesOfFreedom"], dof, rtol=1e-8)
