"""Maps of fewer voxels for a page of many contrasts: each block of voxels becomes one."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bidsglm.report.contrast_images import ContrastImages

MOST_VALUES = 430_000
"""Voxels times contrasts that a page holds of two packages as they are: about 2.5 MB."""
LARGEST_STRIDE = 6


def stride(n_voxels: int, n_contrasts: int, n_packages: int = 2) -> int:
    """Voxels along each axis that become one in the viewer, so that a page of many contrasts stays small.

    >>> stride(230_000, 1), stride(230_000, 12), stride(230_000, 40)
    (1, 2, 3)
    """
    n_values = n_voxels * n_contrasts * max(n_packages, 2) / 2
    fitting = (k for k in range(1, LARGEST_STRIDE) if n_values <= MOST_VALUES * k**3)
    return next(fitting, LARGEST_STRIDE)


def thinned(images: ContrastImages, by: int) -> ContrastImages:
    """Statistic in which each block of voxels is the one of them where either package's is largest.

    Parameters
    ----------
    images
        Of a contrast.
    by
        Length of a block along each axis, in voxels
    """
    if by == 1:
        return images
    stat = images.maps[images.test]
    heights = [np.where(images.masks[b], np.abs(stat[b]), -1.0) for b in images.backends]
    picked = {
        b: [_members(stat[b], by, np.nan), _members(images.masks[b], by, False)] for b in images.backends
    }
    found = {b: [each[0].copy() for each in members] for b, members in picked.items()}
    top = np.full(found[images.backends[0]][0].shape, -np.inf)
    for i, height in enumerate(_members(np.fmax.reduce(heights), by, -1.0)):
        larger = height > top
        np.copyto(top, height, where=larger)
        for b, members in picked.items():
            for chosen, each in zip(found[b], members, strict=True):
                np.copyto(chosen, each[i], where=larger)
    affine = images.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.full(3, (by - 1) / 2)
    affine[:3, :3] *= by
    return replace(
        images,
        maps={images.test: {b: values for b, (values, _) in found.items()}},
        masks={b: mask for b, (_, mask) in found.items()},
        background=np.mean(_members(np.nan_to_num(images.background), by, 0.0), axis=0),
        affine=affine,
    )


def _members(volume: NDArray[Any], by: int, fill: float) -> list[NDArray[Any]]:
    """First, second, ... voxels (x, y, z) of all blocks of a volume, filled up where it ends within one."""
    if any(n % by for n in volume.shape):
        volume = np.pad(volume, [(0, -n % by) for n in volume.shape], constant_values=fill)
    return [volume[i::by, j::by, k::by] for i, j, k in product(range(by), repeat=3)]
