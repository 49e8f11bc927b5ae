"""``--smoothing-fwhm`` gives each backend what its own package's smoother gives it."""

import json
import shutil
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel

from bidsglm.cli import main
from tests import tiny
from tests.spm.smoothed import smooth

pytestmark = pytest.mark.usefixtures("plain_figures")

FWHM = 6.0
PREFIX = f"sub-01_task-{tiny.TASK}"
P = f"{PREFIX}_space-{tiny.SPACE}"
STATS = ("effect", "variance", "t", "z", "p")
NILEARN_RTOL = 1e-6
"""Of a map's range."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_study(tmp_path_factory.mktemp("study"), participants=("01",))


def bold_path(study: Path) -> Path:
    return study / "derivatives" / "fmriprep" / "sub-01" / "func" / f"{P}_desc-preproc_bold.nii.gz"


def fitted(study: Path, out: Path, *options: str) -> Path:
    assert main([str(study), str(out), "participant", "-q", *options]) == 0
    return out / "sub-01" / "func"


@pytest.fixture(scope="module")
def smoothed(study: Path) -> Path:
    """Results of the smoothed data."""
    return fitted(study, study.parent / "smoothed", "--smoothing-fwhm", str(FWHM))


@pytest.fixture(scope="module")
def plain(study: Path) -> Path:
    """Results of the data as they are."""
    return fitted(study, study.parent / "plain")


def read_map(folder: Path, stat: str, backend: str) -> np.ndarray:
    return nib.load(folder / f"{P}_contrast-move_stat-{stat}_desc-{backend}_statmap.nii.gz").get_fdata()


def test_spm_maps_are_those_of_files_that_spm_smoothed(study, smoothed, tmp_path):
    by_hand = tmp_path / "bids"
    shutil.copytree(study, by_hand)
    img = nib.load(bold_path(study))
    sizes = np.linalg.norm(img.affine[:3, :3], axis=0)
    volumes = [smooth(volume, FWHM, sizes) for volume in np.moveaxis(img.get_fdata(), -1, 0)]
    tiny.write_image(bold_path(by_hand), np.stack(volumes, axis=-1).astype(np.float32))
    unsmoothed = fitted(by_hand, tmp_path / "out", "--backends", "spm")
    for stat in STATS:
        np.testing.assert_array_equal(read_map(smoothed, stat, "spm"), read_map(unsmoothed, stat, "spm"))


def test_nilearn_maps_are_those_of_a_first_level_model_that_smooths(study, smoothed):
    design = pd.read_csv(smoothed / f"{P}_desc-nilearn_design.tsv", sep="\t")
    mask_img = bold_path(study).with_name(f"{P}_desc-brain_mask.nii.gz")
    model = FirstLevelModel(mask_img=mask_img, smoothing_fwhm=FWHM, noise_model="ar1", signal_scaling=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*Generation of a mask.*")
        model.fit(bold_path(study), design_matrices=design)
    weights = (design.columns == "trial_type.move").astype(float)
    theirs = model.compute_contrast(weights, output_type="all")
    inside = nib.load(mask_img).get_fdata() > 0
    for stat, key in (("effect", "effect_size"), ("t", "stat"), ("z", "z_score")):
        expected = theirs[key].get_fdata()[inside]
        ours = read_map(smoothed, stat, "nilearn")[inside]
        np.testing.assert_allclose(ours, expected, rtol=0, atol=NILEARN_RTOL * np.ptp(expected))


@pytest.mark.parametrize("backend", ["spm", "nilearn"])
def test_smoothing_lowers_the_noise_of_the_effects(smoothed, plain, backend):
    effects = [read_map(folder, "effect", backend) for folder in (smoothed, plain)]
    both = np.isfinite(effects[0]) & np.isfinite(effects[1])
    assert effects[0][both].std() < effects[1][both].std()


def test_smoothness_of_the_residuals_grows_with_the_kernel(smoothed, plain):
    sidecars = [folder / f"{P}_contrast-move_desc-spm_clusters.json" for folder in (smoothed, plain)]
    wide, narrow = (np.array(json.loads(path.read_text())["FWHM"]) for path in sidecars)
    assert np.all(wide > narrow)
    assert np.all(wide > FWHM)
