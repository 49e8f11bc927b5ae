"""Weights of FILM's smoothing for some voxels: those by which FILM smooths all."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bidsglm.attribution.tissue import Tissue, weights
from bidsglm.fsl.smoothing import smoothed
from bidsglm.model import Volume

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
