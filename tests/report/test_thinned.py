"""A page of many contrasts holds fewer voxels, and those are voxels of the maps."""

import numpy as np
import pytest

from bidsglm.report.thinning import stride, thinned
from bidsglm.report.volumes import packed_contrast, scene

from .records import volumes
from .unpacking import unpacked


def test_every_block_has_the_values_of_one_of_its_voxels_and_the_peak_stays():
    images = volumes()
    small = thinned(images, 2)
    for name in ("t",):
        for backend in images.backends:
            inside = small.masks[backend]
            assert np.isin(
                small.maps[name][backend][inside], images.maps[name][backend][images.masks[backend]]
            ).all()
    for peak in (images, small):
        peak.maps["t"]["spm"][~peak.masks["spm"]] = -np.inf
    assert small.maps["t"]["spm"].max() == images.maps["t"]["spm"].max()


def test_a_block_lies_where_its_voxels_lie():
    images = volumes()
    small = thinned(images, 2)
    corners = images.affine @ [0.5, 0.5, 0.5, 1]
    np.testing.assert_allclose(small.affine @ [0, 0, 0, 1], corners)
    np.testing.assert_allclose(np.linalg.norm(small.affine[:3, :3], axis=0), 6.0)


def test_thinned_volumes_are_packed_as_others_are():
    small = thinned(volumes(), 3)
    packed = packed_contrast(small, scene(small))
    first, second = unpacked(packed["maps"][0])
    assert np.isfinite(first).any()
    assert np.isfinite(second).any()


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (12, 2), (40, 3)])
def test_pages_of_many_contrasts_at_two_millimetres_hold_blocks(n, expected):
    assert stride(230_000, n) == expected
