"""fMRIPrep's T1w image behind the maps: in the same space, on their grid, and only where it is asked for."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.data import Run, Unit
from bidsglm.dataset.masks import Grid
from bidsglm.regions.anatomy import resampled, t1w_of
from tests import tiny

PREFIX = f"sub-01_task-{tiny.TASK}_space-{tiny.SPACE}"
UNDERLAY = f"sub-01/func/{PREFIX}_desc-underlay_T1w.nii.gz"


def test_a_resampled_image_has_the_values_of_its_places():
    values = np.indices((30, 30, 30))[0].astype(float)
    coarse = np.diag([3.0, 3, 3, 1])
    coarse[:3, 3] = [1, 4, 4]
    found = resampled(values, np.eye(4), Grid((5, 4, 4), coarse))
    np.testing.assert_allclose(found[1:, 1, 1], 1 + 3 * np.arange(1, 5), atol=1e-9)


def test_an_image_on_its_own_grid_is_not_smoothed_nor_one_on_a_finer_grid() -> None:
    values = np.zeros((7, 7, 7))
    values[3, 3, 3] = 1
    np.testing.assert_allclose(resampled(values, np.eye(4), Grid((7, 7, 7), np.eye(4))), values, atol=1e-12)
    fine = resampled(values, np.eye(4), Grid((13, 13, 13), np.diag([0.5, 0.5, 0.5, 1])))
    assert fine[6, 6, 6] == pytest.approx(1)
    assert fine[5:8, 6, 6] == pytest.approx([0.5, 1, 0.5])


def test_an_image_whose_origin_is_elsewhere_is_moved_and_not_smoothed() -> None:
    values = np.random.default_rng(4).standard_normal((24, 24, 24))
    moved = np.eye(4)
    moved[:3, 3] = [11, 7, 5]
    found = resampled(values, np.eye(4), Grid((12, 12, 12), moved))
    np.testing.assert_allclose(found, values[11:23, 7:19, 5:17], atol=1e-12)
    # the same places by millimetres, as far from the scanner's centre as fMRIPrep's images are
    far = np.eye(4)
    far[:3, 3] = [-91, -126, -72]
    np.testing.assert_allclose(resampled(values, far, Grid((12, 12, 12), far @ moved)), found, atol=1e-12)


def test_what_lies_in_one_large_voxel_is_averaged_along_each_axis_by_itself() -> None:
    values = np.random.default_rng(3).standard_normal((12, 12, 12))
    wide = np.diag([3.0, 1, 1, 1])
    found = resampled(values, np.eye(4), Grid((4, 12, 12), wide))
    np.testing.assert_allclose(found[1], values[2:5].mean(axis=0), atol=1e-12)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_study(tmp_path_factory.mktemp("anatomy"), ("01",))


def run(study: Path, *options: str) -> Path:
    out = study.parent / "out"
    assert main([str(study), str(out), "participant", "-q", "--no-attribution", *options]) == 0
    return out


def test_without_an_image_in_the_space_of_the_maps_pages_show_the_mean_bold(study: Path) -> None:
    anat = study / "derivatives" / "fmriprep" / "sub-01" / "anat"
    tiny.write_image(anat / "sub-01_space-MNI152NLin6Asym_desc-preproc_T1w.nii.gz", tiny.brain())
    out = run(study, "--underlay", "t1w")
    assert not (out / UNDERLAY).exists()
    assert "over the mean bold image" in (out / "sub-01.html").read_text()


def test_the_image_is_put_on_the_grid_of_the_maps_and_pages_lay_them_on_it(study: Path) -> None:
    anat = study / "derivatives" / "fmriprep" / "sub-01" / "anat"
    fine = tiny.AFFINE @ np.diag([1 / 3, 1 / 3, 1 / 3, 1])
    values = np.kron(tiny.brain(), np.ones((3, 3, 3))) * 500
    tiny.write_image(anat / f"sub-01_space-{tiny.SPACE}_desc-preproc_T1w.nii.gz", values, fine)
    out = run(study, "--underlay", "t1w", "--overwrite")
    image = nib.load(out / UNDERLAY)
    assert image.shape == tiny.SHAPE
    np.testing.assert_allclose(image.affine, tiny.AFFINE, atol=1e-6)
    assert image.get_fdata()[4, 5, 4] == pytest.approx(500)
    assert "over the T1w image" in (out / "sub-01.html").read_text()


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("T1w", "sub-01_desc-preproc_T1w.nii.gz"),
        (tiny.SPACE, f"sub-01_space-{tiny.SPACE}_desc-preproc_T1w.nii.gz"),
        ("MNI152NLin6Asym", None),
        ("", "sub-01_desc-preproc_T1w.nii.gz"),
    ],
)
@pytest.mark.parametrize("session", ["", "ses-a"])
def test_the_image_is_fmripreps_in_the_space_of_the_maps(
    tmp_path: Path, space: str, expected: str | None, session: str
) -> None:
    person = tmp_path / "sub-01"
    anat, func = person / "anat", person / session / "func"
    for folder in (anat, func):
        folder.mkdir(parents=True)
    for name in ("_desc-preproc_T1w", f"_space-{tiny.SPACE}_desc-preproc_T1w", "_desc-other_T1w", "_T1w"):
        (anat / f"sub-01{name}.nii.gz").touch()
    (anat / f"sub-01_space-{tiny.SPACE}_desc-preproc_T1w.json").touch()
    run = Run({}, func / "sub-01_bold.nii.gz", None, None, None, 10, 2.0, None)
    entities = {"space": space} if space else {}
    found = t1w_of(Unit("01", entities, "sub-01", "sub-01/func", (run,), ("sub-01",)))
    assert found == (expected and anat / expected)
