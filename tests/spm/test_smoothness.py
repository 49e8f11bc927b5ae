import json
from itertools import product

import nibabel as nib
import numpy as np
import pytest

from bidsglm.spm.smoothness import resel_counts, residual_scans, smoothness
from tests.spm.extras import find_extra, read_volume
from tests.spm12_reference import CASES

FLOAT64_RTOL = 1e-10
"""Both sides in float64; the determinant cancels a few digits."""


def test_every_reference_case_is_tested(shared_dir):
    folders = {path.parent.name for path in (shared_dir / "spm12-reference").glob("*/spec.json")}
    assert folders == set(CASES)


def whitened_filtered(folder, spm, mask) -> np.ndarray:
    """K W Y from SPM's own matrices."""
    names = json.loads((folder / "spec.json").read_text())["bold"]
    data = np.vstack([nib.load(folder / name).get_fdata()[mask].T for name in names])
    data = spm["W"] @ (data * spm["gSF"].reshape(-1, 1))
    for run in range(1, len(names) + 1):
        rows = spm[f"rows_{run}"]
        basis = spm[f"X0_{run}"].reshape(len(rows), -1)
        data[rows] -= basis @ (basis.T @ data[rows])
    return data


@pytest.mark.parametrize("case", CASES)
def test_smoothness_equals_spm_from_its_own_residuals(case, shared_dir):
    folder = shared_dir / "spm12-reference" / case
    spm = np.load(folder / "reference" / "spm.npz")
    mask = read_volume(folder / "reference" / "mask.nii.gz") > 0
    data = whitened_filtered(folder, spm, mask)
    left, values, _ = np.linalg.svd(spm["KWX"], full_matrices=False)
    left = left[:, values > spm["KWX_tol"]]
    residuals = data - left @ (left.T @ data)
    n_scans, rank = left.shape
    deviation = np.sqrt((residuals**2).sum(axis=0) / (n_scans - rank))
    images = (residuals[scan] / deviation for scan in residual_scans(n_scans))
    estimated = smoothness(images, mask, n_scans, rank)
    expected = read_volume(folder / "reference" / "RPV.nii.gz")[mask]
    np.testing.assert_allclose(estimated.resels_per_voxel, expected, rtol=FLOAT64_RTOL)
    np.testing.assert_allclose(estimated.search.fwhm_voxels, spm["FWHM"], rtol=FLOAT64_RTOL)
    np.testing.assert_allclose(estimated.search.resels, spm["R"], rtol=FLOAT64_RTOL)
    assert estimated.search.n_voxels == int(spm["S"])


def test_resels_of_one_slice_equal_spm():
    reference = json.loads(find_extra("inference/real_haxby_1slice_2D.json").read_text())
    mask = read_volume(find_extra("inference/real_haxby_1slice_2D_maps/mask.nii.gz")) > 0
    counts = resel_counts(mask, reference["FWHM"])
    np.testing.assert_allclose(counts, reference["R"], rtol=FLOAT64_RTOL, atol=FLOAT64_RTOL)


def test_resels_match_a_naive_count_of_cells():
    mask = np.random.default_rng(0).random((5, 6, 4)) < 0.8
    rates = np.array([0.5, 0.4, 0.25])
    expected = np.zeros(4)
    for step in product((0, 1), repeat=3):
        number = sum(
            all(mask[tuple(slice(i, i + s + 1) for i, s in zip(corner, step, strict=True))].ravel())
            for corner in np.ndindex(*(n - s for n, s in zip(mask.shape, step, strict=True)))
        )
        axes = [axis for axis in range(3) if step[axis]]
        for kept in product((0, 1), repeat=len(axes)):
            chosen = [axis for axis, keep in zip(axes, kept, strict=True) if keep]
            expected[len(chosen)] += (-1) ** (len(axes) - len(chosen)) * number * np.prod(rates[chosen])
    np.testing.assert_allclose(resel_counts(mask, tuple(1 / rates)), expected, rtol=1e-12)


def test_a_full_box_has_the_resels_of_its_edges():
    np.testing.assert_allclose(
        resel_counts(np.ones((11, 21, 31), bool), (2.0, 4.0, 5.0)), (1, 16, 5 * 5 + 5 * 6 + 5 * 6, 150)
    )


def test_width_of_smoothed_noise_is_found_again():
    rng = np.random.default_rng(1)
    sigma = 4 / np.sqrt(8 * np.log(2))
    frequency = np.meshgrid(*[np.fft.fftfreq(24)] * 3, indexing="ij")
    transfer = np.exp(-2 * (np.pi * sigma) ** 2 * sum(f**2 for f in frequency))
    noise = np.fft.ifftn(
        np.fft.fftn(rng.standard_normal((40, 24, 24, 24)), axes=(1, 2, 3)) * transfer, axes=(1, 2, 3)
    )
    images = noise.real.reshape(40, -1)
    images /= np.sqrt((images**2).sum(axis=0) / 40)
    estimated = smoothness(images, np.ones((24, 24, 24), bool), 40, 0)
    # differences over a whole voxel widen the estimate by about 3 % at this width, sampling by as much
    np.testing.assert_allclose(estimated.search.fwhm_voxels, 4, rtol=0.08)


def test_one_slice_uses_two_dimensions():
    noise = np.random.default_rng(2).standard_normal((20, 400))
    estimated = smoothness(noise, np.ones((20, 20, 1), bool), 20, 0)
    assert estimated.search.fwhm_voxels[2] == 1
    assert estimated.search.resels[3] == 0
    np.testing.assert_allclose(np.nanmean(estimated.resels_per_voxel), estimated.search.resels_per_voxel)


def test_voxels_without_a_whole_cell_are_left_out():
    mask = np.ones((4, 4, 4), bool)
    mask[2, 2, 2] = False
    noise = np.random.default_rng(3).standard_normal((10, 63))
    rpv = np.zeros(mask.shape)
    rpv[mask] = smoothness(noise, mask, 10, 1).resels_per_voxel
    assert np.isnan(rpv[1:3, 1:3, 1:3][mask[1:3, 1:3, 1:3]]).all()
    assert np.count_nonzero(np.isnan(rpv)) == 7


def test_at_most_64_residual_images_from_first_to_last():
    np.testing.assert_array_equal(residual_scans(64), np.arange(64))
    scans = residual_scans(1000)
    assert len(scans) == 64
    assert scans[0] == 0
    assert scans[-1] == 999


def test_unestimable_smoothness_is_an_error():
    lonely = np.zeros((3, 3, 3), bool)
    lonely[1, 1, 1] = True
    with pytest.raises(ValueError, match="no voxel"):
        smoothness(np.ones((2, 1)), lonely, 2, 1)
    with pytest.raises(ValueError, match="do not vary in space"):
        smoothness(np.ones((4, 27)), np.ones((3, 3, 3), bool), 4, 1)
    two = np.random.default_rng(0).standard_normal((1, 27)) * np.array([[1.0], [-1]])
    with pytest.raises(ValueError, match="1 residual degrees of freedom are too few for 3 dimensions"):
        smoothness(two, np.ones((3, 3, 3), bool), 2, 1)
