"""Weights of FILM's smoothing for some voxels: those by which FILM smooths all."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bidsglm.attribution.tissue import Tissue, around, blocks, weights
from bidsglm.data import Volume
from bidsglm.fsl.smoothing import smoothed

SHAPES = ((7, 6, 5), (9, 9, 8))
"""Fewer than 400 voxels, where only the same intensity counts as one tissue, and more"""
SINGLE = 2e-6
"""FILM's own sums are in float32."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["far from zero", "from zero on", "one level but for a voxel"])
def test_rows_are_what_film_smooths_by(kind: str, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(5)
    intensity = {
        "far from zero": 10_000 + 300 * rng.standard_normal(shape),
        "from zero on": np.abs(500 * rng.standard_normal(shape)),
        "one level but for a voxel": np.full(shape, 10_000.0),
    }[kind]
    if kind.startswith("one"):
        intensity[3, 3, 2] = 12_000
    inside = np.ones(shape, dtype=bool)
    volume = Volume(shape, np.diag([3.0, 3, 3, 1]), inside)
    maps = rng.standard_normal((3, inside.sum()))
    every = np.arange(inside.sum())
    W = weights(Tissue(intensity.ravel(), inside.ravel()), every, every, volume)
    assert_allclose((W @ maps.T).T, smoothed(maps, intensity, inside, (3.0, 3.0, 3.0)), atol=SINGLE)


def test_some_voxels_have_the_weights_that_all_have_and_none_from_outside_the_mask() -> None:
    rng = np.random.default_rng(6)
    shape, zooms = (9, 9, 8), (3.0, 4.0, 5.0)
    voxels = rng.random(shape) < 0.95
    intensity = np.where(voxels, 10_000 + 300 * rng.standard_normal(shape), 0)
    fitted = voxels & (rng.random(shape) < 0.9)
    affine = np.diag([*zooms, 1.0])
    # whatever way the axes are turned
    affine[:2, :2] = [[0, -4.0], [3.0, 0]]
    volume = Volume(shape, affine, voxels)
    tissue = Tissue(intensity[voxels], fitted[voxels])
    columns = np.arange(voxels.sum())
    wanted = rng.choice(np.flatnonzero(tissue.mask), 300, replace=False)
    maps = rng.standard_normal((2, int(voxels.sum())))
    whole = smoothed(maps[:, tissue.mask], intensity, fitted, zooms)
    expected = np.zeros_like(maps)
    expected[:, tissue.mask] = whole
    W = weights(tissue, wanted, columns, volume)
    # voxels outside the mask have values here, and no say
    assert_allclose((W @ maps.T).T, expected[:, wanted], atol=SINGLE)
    near = np.flatnonzero(around(wanted[:3], volume))
    few = weights(tissue, wanted[:3], near, volume)
    assert few.shape == (3, near.size)
    assert_allclose((few @ maps[:, near].T).T, expected[:, wanted[:3]], atol=SINGLE)


def test_blocks_are_whole_cubes_of_six_in_a_seeded_order() -> None:
    volume = Volume((18, 12, 6), np.eye(4), np.ones((18, 12, 6), dtype=bool))
    inside = np.ones(18 * 12 * 6, dtype=bool)
    cube = (np.argwhere(volume.voxels) // 6) @ np.array([2, 1, 1])
    for n_voxels, n_cubes in ((1, 1), (216, 1), (217, 2), (10_000, 6)):
        found = blocks(inside, volume, n_voxels, 4)
        numbers, sizes = np.unique(cube[found], return_counts=True)
        assert (len(numbers), set(sizes.tolist())) == (n_cubes, {216})
        assert (np.diff(found) > 0).all()
    assert blocks(inside, volume, 1, 4).tolist() == blocks(inside, volume, 1, 4).tolist()
    assert len({blocks(inside, volume, 1, seed)[0] for seed in range(20)}) == 6
    # only what is inside counts
    inside[cube != 3] = False
    inside[np.flatnonzero(cube == 3)[:200]] = False
    assert blocks(inside, volume, 100, 4).tolist() == np.flatnonzero(inside).tolist()
    assert not blocks(np.zeros_like(inside), volume, 5, 4).size
