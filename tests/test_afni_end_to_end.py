"""The whole program, from BIDS files to maps, against AFNI's own files."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.afni.design import JointColumn
from bidsglm.cli import main

from .afni.reference import CASES, AfniCase, case
from .afni.to_bids import SPACE, TASK, bids, contrasts, regressor

CLOSE = 5e-6
"""Of the largest value of an image; AFNI's files are float32, as ours"""


class Results:
    """Maps of a run of the program, over the voxels of the case."""

    def __init__(self, out: Path, reference: AfniCase) -> None:
        self.folder = out / "sub-01" / "func"
        self.reference = reference

    def read(self, pattern: str) -> np.ndarray:
        values = nib.load(next(self.folder.glob(pattern))).get_fdata()
        return values.reshape(self.reference.mask.size, -1)[self.reference.mask].T.squeeze()

    def betas(self, column: JointColumn) -> np.ndarray:
        """A column of 3dREMLfit's -Rbeta."""
        run = 0 if column.run is None else column.run
        names, (volumes, _) = self.design(run)
        return volumes[names.index(regressor(column))]

    def design(self, run: int) -> tuple[list[str], tuple[np.ndarray, np.ndarray]]:
        """Names, betas and matrix of a run."""
        label = f"_run-{run + 1}" if len(self.reference.runs) > 1 else ""
        table = next(self.folder.glob(f"sub-01_task-{TASK}{label}_space-{SPACE}_desc-afni_design.tsv"))
        betas = self.read(f"sub-01_task-{TASK}{label}_space-{SPACE}_stat-beta_desc-afni_statmap.nii.gz")
        return table.read_text().split("\n")[0].split("\t"), (betas, np.loadtxt(table, skiprows=1))


def assert_close(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    assert np.abs(ours - theirs).max() <= CLOSE * np.abs(theirs).max(), what


@pytest.fixture(scope="module", params=CASES)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    reference = case(request.param)
    if reference is None:
        pytest.skip("not in the committed part of the reference, which is alone here")
    folder = tmp_path_factory.mktemp(request.param)
    root, out = bids(reference, folder), folder / "out"
    command = [str(root), str(out), "participant", "--backends", "afni", "-q"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
        assert main([*command, "--model", str(folder / "model.json")]) == 0
    return Results(out, reference)


def test_noise_of_every_voxel_is_afnis(results: Results) -> None:
    a, b = results.reference.maps("REML_var")[:2]
    np.testing.assert_allclose(results.read("*_stat-ar_desc-afni_statmap.nii.gz"), a, rtol=0, atol=1e-6)
    np.testing.assert_allclose(results.read("*_stat-ma_desc-afni_statmap.nii.gz"), b, rtol=0, atol=1e-6)


def test_betas_and_residual_variance_are_afnis(results: Results) -> None:
    theirs = results.reference.maps("REML_beta")
    for column, beta in zip(results.reference.design.columns, theirs, strict=True):
        assert_close(results.betas(column), beta, column.label)
    sigma = results.reference.maps("REML_var")[3]
    assert_close(np.sqrt(results.read("*_stat-resms_desc-afni_statmap.nii.gz")), sigma, "sigma")


def test_contrasts_are_afnis(results: Results) -> None:
    bucket = results.reference.maps("REML_bucket")
    stats = {"t": ("effect", "t"), "F": ("F",)}
    maps = [
        results.read(f"*_contrast-{name}_stat-{stat}_desc-afni_statmap.nii.gz")
        for name, _, _, test in contrasts(results.reference)
        for stat in stats[test]
    ]
    for number, (ours, theirs) in enumerate(zip(maps, bucket, strict=True)):
        assert_close(ours, theirs, f"map {number}")


def test_written_designs_are_those_of_3ddeconvolve(results: Results) -> None:
    theirs = results.reference.xmat.matrix
    n_scans = results.reference.xmat.timeline.n_scans
    assert [len(results.design(run)[1][1]) for run in range(len(n_scans))] == list(n_scans)
    kept = results.reference.xmat.timeline.kept_rows
    for j, column in enumerate(results.reference.design.columns):
        if column.kind == "stimulus":
            parts = []
            for run in range(len(n_scans)):
                names, (_, X) = results.design(run)
                parts.append(X[:, names.index(regressor(column))])
            assert_close(np.concatenate(parts)[kept], theirs[:, j], column.label)
