"""Maps in the page are the maps on disk, up to the stated rounding."""

from dataclasses import replace

import numpy as np
import pytest

from bidsglm.report.slices import reoriented
from bidsglm.report.volumes import STEPS_PER_SD, packed_contrast, packed_regions, scene
from tests.report.unpacking import unpacked, unpacked_numbers

from .records import SHAPE, ball, volumes

ROUNDING = 0.51 / STEPS_PER_SD
"""Half a step, in standard deviations, and the rounding of the step."""


def in_order(images, backend, of):
    """The map as the viewer should have it."""
    inside = np.where(images.masks[backend], images.maps["t"][backend], np.nan)
    return reoriented(inside, images.affine)[of.box].ravel(order="F")[of.mask.ravel(order="F")]


def test_unpacked_values_are_those_of_the_maps():
    images = volumes()
    of = scene(images)
    found = unpacked(packed_contrast(images, of)["maps"][0])
    for values, backend in zip(found, images.backends, strict=True):
        expected = in_order(images, backend, of)
        assert np.array_equal(np.isnan(values), np.isnan(expected))
        tolerance = 2 * ROUNDING * np.nanstd(expected)
        np.testing.assert_allclose(values, expected, rtol=0, atol=tolerance)


def test_difference_keeps_its_digits_however_small_it_is():
    images = volumes()
    nearly = {"spm": images.maps["t"]["spm"], "nilearn": images.maps["t"]["spm"] + 1e-4 * ball(3)}
    images = replace(images, maps={**images.maps, "t": nearly})
    of = scene(images)
    first, second = unpacked(packed_contrast(images, of)["maps"][0])
    expected = in_order(images, "nilearn", of) - in_order(images, "spm", of)
    np.testing.assert_allclose(second - first, expected, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_maps_without_content_are_packed_all_the_same(value):
    images = volumes()
    flat = {name: dict.fromkeys(maps, np.full(SHAPE, value)) for name, maps in images.maps.items()}
    images = replace(images, maps=flat, background=np.full(SHAPE, value))
    packed = packed_contrast(images, scene(images))
    assert [m["name"] for m in packed["maps"]] == ["t", "effect"]


def test_single_backend_and_f_are_packed_without_effect_or_difference():
    images = volumes(test="F", backends=("spm",))
    (packed,) = packed_contrast(images, scene(images))["maps"]
    assert packed["name"] == "F"
    assert not packed["signed"]
    assert len(packed["backends"]) == 1


def test_scene_is_cropped_to_the_masks_and_knows_where_it_is():
    images = volumes()
    of = scene(images)
    assert of.mask.sum() == images.either.sum()
    assert np.prod(of.shape) < np.prod(SHAPE)
    voxel = np.argwhere(of.mask)[0]
    mm = of.affine @ [*voxel, 1]
    there = np.linalg.solve(images.affine, mm)[:3].round().astype(int)
    assert images.either[tuple(there)]


@pytest.mark.filterwarnings("error")
def test_a_scene_without_any_voxel_is_the_whole_grid() -> None:
    images = volumes()
    nothing = dict.fromkeys(images.masks, np.zeros(SHAPE, dtype=bool))
    of = scene(replace(images, masks=nothing))
    assert of.shape == SHAPE
    assert not of.mask.any()
    # the grid's corner is at its place in mm, whichever axes are turned round
    corners = {
        tuple(images.affine @ [x, y, z, 1])
        for x in (0, SHAPE[0] - 1)
        for y in (0, SHAPE[1] - 1)
        for z in (0, SHAPE[2] - 1)
    }
    assert tuple(of.affine[:, 3]) in corners


def test_peak_is_the_largest_value_of_the_first_backend():
    images = volumes()
    of = scene(images)
    start = packed_contrast(images, of)["maps"][0]["peaks"][0]
    values = np.where(images.masks["spm"], images.maps["t"]["spm"], np.nan)
    assert reoriented(values, images.affine)[of.box][tuple(start)] == np.nanmax(values)


def test_regions_on_the_grid_come_back_by_name_however_many_the_atlas_has():
    names = [f"region {i}" for i in range(1, 20_001)]
    places = np.zeros((3, 4, 5), dtype=np.int64)
    places[0, 1, 2], places[2, 3, 4], places[1, 1, 1] = 7, 20_000, 300
    packed = packed_regions(places, names)
    found = unpacked_numbers(packed["regions"]).reshape(places.shape, order="F")
    assert np.array_equal(found > 0, places > 0)
    told = {
        voxel: packed["region_names"][found[voxel] - 1] for voxel in zip(*np.nonzero(places), strict=True)
    }
    expected = {(0, 1, 2): "region 7", (2, 3, 4): "region 20000", (1, 1, 1): "region 300"}
    assert told == expected


def test_an_atlas_without_a_voxel_in_the_scene_takes_no_room():
    assert packed_regions(np.zeros((2, 2, 2), dtype=np.int64), ["V1"]) == {}
