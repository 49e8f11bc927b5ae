"""Sizes of regions on a grid, those without voxels among them."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from bidsglm.regions.values import _Labelled


def test_last_region_without_voxels_has_the_size_zero() -> None:
    atlas: Any = SimpleNamespace(indices=(3, 5, 8))
    labelled = _Labelled(np.array([1, 1, 2]), np.ones(3, dtype=bool), {}, atlas)
    assert labelled.sizes.tolist() == [2, 1, 0]
