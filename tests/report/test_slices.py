"""Slices: orientation, choice and geometry."""

import nibabel as nib
import numpy as np
import pytest

from bidsglm.report.slices import heights, montage, pixel_aspect, reoriented, spread_slices, view

OBLIQUE = np.array([[-2.9, 0.2, 0.1, 30], [0.2, 0.3, 2.9, -40], [0.1, 3.8, -0.4, -20], [0, 0, 0, 1.0]])
"""Left, superior, anterior, and tilted."""


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([-2.0, 2, 3, 1]), OBLIQUE])
def test_orientation_is_that_of_nibabels_closest_canonical(affine):
    volume = np.random.default_rng(1).normal(size=(4, 5, 6))
    expected = nib.as_closest_canonical(nib.Nifti1Image(volume, affine)).get_fdata()
    np.testing.assert_array_equal(reoriented(volume, affine), expected)


def test_montage_has_left_at_the_left_and_front_at_the_top():
    volume = np.zeros((5, 5, 3))
    volume[0, 4, 1] = 1.0  # with x flipped, the first column is the rightmost
    of = view(np.ones(volume.shape, bool), np.diag([-2.0, 2, 2, 1]), n_slices=3)
    row, column = np.argwhere(montage(volume, of))[0]
    width = montage(volume, of).shape[1] // len(of.slices)
    assert (row, column - width) == (4, 4)


def test_slices_hold_the_peak_of_every_map():
    mask = np.ones((6, 6, 40), bool)
    peaks = [np.zeros(mask.shape), np.zeros(mask.shape)]
    peaks[0][3, 3, 17], peaks[1][3, 3, 38] = 1.0, 1.0
    of = view(mask, np.eye(4), peaks)
    assert {17, 38} <= set(of.slices)
    assert len(of.slices) == 7


def test_peaks_of_maps_without_values_are_skipped():
    of = view(np.ones((4, 4, 4), bool), np.eye(4), [np.full((4, 4, 4), np.nan)], n_slices=2)
    assert of.slices == (0, 3)


def test_an_empty_mask_shows_the_whole_volume():
    of = view(np.zeros((4, 5, 6), bool), np.eye(4), n_slices=2)
    assert montage(np.zeros((4, 5, 6)), of).shape == (5, 8)


def test_fewer_slices_than_asked_for_are_all_shown():
    assert spread_slices([3, 4], [4], 7) == (3, 4)


def test_wanted_slices_never_push_each_other_out():
    assert {4, 5, 6} <= set(spread_slices(range(20), [5, 4, 6], 3))


def test_heights_and_aspect_follow_the_reoriented_affine():
    mask = np.ones((4, 5, 6), bool)
    of = view(mask, OBLIQUE, n_slices=7)
    canonical = nib.as_closest_canonical(nib.Nifti1Image(mask.astype(np.uint8), OBLIQUE))
    middle = [(n - 1) / 2 for n in canonical.shape[:2]]
    expected = [(canonical.affine @ [*middle, k, 1])[2] for k in of.slices]
    np.testing.assert_allclose(heights(of), expected, rtol=1e-12)
    sizes = canonical.header.get_zooms()
    np.testing.assert_allclose(pixel_aspect(of), sizes[1] / sizes[0], rtol=1e-6)  # zooms are float32
