import json

import nibabel as nib
import numpy as np
import pytest

from bidsglm.spm.smoothing import (
    FWHM_PER_SIGMA,
    apply_separable,
    finite,
    kernel,
    smoothing_matrices,
)
from tests.spm.extras import find_extra, find_extras
from tests.spm.smoothed import implicitly_masked, smooth, stored_values

KERNEL_RTOL = 1e-12
"""Rounding of erf and exp in two implementations."""
FLOAT32_RTOL = 6e-8
"""Half a unit in the last place of a float32, of the largest value."""
ROUNDING = 1e-12
"""Float64 sums in another order."""

INPUTS = (
    "float32_3mm",
    "float32_oblique_2.5x3x4mm",
    "int16_slope1_3mm",
    "int16_slope_inter_6x6x6.6mm",
)
WIDTHS = ("4-6-8_im-0", "6-6-6_im-0", "6-6-6_im-1", "8-8-8_im-0")
OUTPUTS = tuple(f"smooth/outputs/{name}_fwhm-{width}.nii.gz" for name in INPUTS for width in WIDTHS)


def test_every_smoothed_file_of_spm_is_tested():
    assert set(find_extras("smooth/outputs/*.nii.gz")) <= set(OUTPUTS)
    assert len(OUTPUTS) == 16


def read_stored(path):
    image = nib.load(path)
    stored = np.asanyarray(image.dataobj.get_unscaled())
    return image, stored.reshape(*stored.shape[:3], -1)


@pytest.mark.parametrize("name", OUTPUTS)
def test_smoothed_files_equal_spm(name):
    stem, width, implicit = name.removesuffix(".nii.gz").removeprefix("smooth/outputs/").rsplit("_", 2)
    image, before = read_stored(find_extra(f"smooth/inputs/{stem}.nii.gz"))
    _, expected = read_stored(find_extra(name))
    fwhm = tuple(float(mm) for mm in width.removeprefix("fwhm-").split("-"))
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    sizes = np.linalg.norm(image.affine[:3, :3], axis=0)
    for i in range(before.shape[3]):
        volume = before[..., i] * float(slope) + float(intercept)
        smoothed = smooth(volume, fwhm, sizes)
        if implicit == "im-1":
            smoothed = implicitly_masked(smoothed, volume, before.dtype)
        ours, theirs = stored_values(smoothed, before.dtype, slope, intercept), expected[..., i]
        assert ours.dtype == theirs.dtype
        tolerance = FLOAT32_RTOL * np.nanmax(np.abs(theirs)) if theirs.dtype.kind == "f" else 0
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def test_kernels_equal_spm():
    references = json.loads(find_extra("smooth/outputs/kernels.json").read_text())
    assert len(references) == 7
    for reference in references:
        expected = np.atleast_1d(reference["kernel"])
        np.testing.assert_allclose(kernel(reference["fwhm_voxels"]), expected, rtol=KERNEL_RTOL, atol=1e-16)


@pytest.mark.parametrize("fwhm", [0.0, 0.1, 1.0, 2.5, 6.0])
def test_kernel_is_symmetric_and_sums_to_one(fwhm):
    weights = kernel(fwhm)
    np.testing.assert_allclose(weights.sum(), 1, rtol=ROUNDING)
    np.testing.assert_allclose(weights, weights[::-1], rtol=0, atol=0)


@pytest.mark.parametrize("fwhm", [2.0, 4.0, 7.3])
def test_kernel_is_wider_than_its_gaussian_by_a_sixth_of_a_squared_voxel(fwhm):
    weights = kernel(fwhm)
    x = np.arange(len(weights)) - len(weights) // 2
    variance = (fwhm / FWHM_PER_SIGMA) ** 2 + 1 / 6
    # six standard deviations cut off less than 1e-6 of the variance
    np.testing.assert_allclose(np.sum(weights * x**2), variance, rtol=1e-6)


def test_no_smoothing_leaves_the_volume():
    volume = np.random.default_rng(0).standard_normal((4, 5, 6))
    np.testing.assert_array_equal(smooth(volume, 0, (3, 3, 3)), volume)


def test_values_fall_off_along_x_and_y_but_not_along_z():
    smoothed = smooth(np.ones((30, 30, 6)), 6, (2, 2, 2))
    np.testing.assert_allclose(smoothed[15, 15], 1, rtol=ROUNDING)
    assert smoothed[0, 15, 3] < 0.7
    assert smoothed[15, 0, 3] < 0.7


def test_smoothing_matches_a_naive_convolution():
    volume = np.random.default_rng(1).standard_normal((7, 8, 5))
    weights = [kernel(width) for width in (1.5, 2.0, 1.0)]
    naive = np.zeros(volume.shape)
    for target in np.ndindex(volume.shape):
        total = 0.0
        for source in np.ndindex(volume.shape):
            steps = [t - s + len(w) // 2 for t, s, w in zip(target, source, weights, strict=True)]
            if all(0 <= step < len(w) for step, w in zip(steps, weights, strict=True)):
                total += volume[source] * np.prod([w[step] for step, w in zip(steps, weights, strict=True)])
        z = target[2] - np.arange(volume.shape[2]) + len(weights[2]) // 2
        naive[target] = total / weights[2][z[(z >= 0) & (z < len(weights[2]))]].sum()
    np.testing.assert_allclose(smooth(volume, (3, 8, 2), (2, 4, 2)), naive, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("order", ["C", "F"])
def test_box_gives_that_part_of_the_whole(order):
    volume = np.asarray(np.random.default_rng(2).standard_normal((9, 10, 11)), order=order)
    box = (slice(2, 7), slice(0, 4), slice(5, 11))
    part = apply_separable(smoothing_matrices(volume.shape, 6, (3, 3, 3), box), volume)
    np.testing.assert_allclose(part, smooth(volume, 6, (3, 3, 3))[box], rtol=0, atol=ROUNDING)


def test_missing_values_count_as_zero_and_do_not_spread():
    volume = np.ones((5, 5, 5))
    volume[2, 2, 2] = np.nan
    zeroed = np.where(np.isnan(volume), 0, volume)
    np.testing.assert_array_equal(finite(volume), zeroed)
    np.testing.assert_array_equal(smooth(volume, 6, (3, 3, 3)), smooth(zeroed, 6, (3, 3, 3)))


def test_precision_is_that_of_the_matrices():
    x, y, z = (matrix.astype(np.float32) for matrix in smoothing_matrices((4, 4, 4), 6, (3, 3, 3)))
    assert apply_separable((x, y, z), np.ones((4, 4, 4))).dtype == np.float32


@pytest.mark.parametrize("fwhm", [-1.0, np.nan, np.inf])
def test_impossible_width_is_an_error(fwhm):
    with pytest.raises(ValueError, match="smoothing width"):
        kernel(fwhm)


@pytest.mark.parametrize("shape", [(7, 6, 5), (6, 1, 1), (1, 1, 5)])
def test_order_in_memory_does_not_matter(shape):
    whole = np.random.default_rng(0).standard_normal((2 * shape[0], *shape[1:]))
    matrices = smoothing_matrices(shape, 6, (3, 3, 3))
    volume = np.ascontiguousarray(whole[::2])
    expected = np.einsum("ax,by,cz,xyz->abc", *matrices, volume)
    for each in (volume, np.asfortranarray(volume), whole[::2], np.asfortranarray(whole)[::2]):
        np.testing.assert_allclose(apply_separable(matrices, each), expected, atol=1e-12)
