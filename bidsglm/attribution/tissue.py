"""Smoothing of FILM's autocorrelations for some voxels only: their neighbours, and the weights of these.

A voxel's autocorrelations are a mean over the box around it (`bidsglm.fsl.smoothing`). A sample is therefore
either of FILM's voxels at random, with all as neighbours, or of compact blocks, whose neighbours are few.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.data import Volume
from bidsglm.fsl.smoothing import LEAST_LOG, SIGMA, contrast, neighbourhood
from bidsglm.model import Floats, Mask

BLOCK_SIDE = 6
"""Voxels along a side of a block of the sample"""
AT_ONCE = 256
"""Voxels whose weights are made at once"""
NOWHERE = -1e12
"""Intensity, in steps, beyond the edge of the grid: without weight anywhere"""
ALL_OR_NOTHING = -1e12
"""Logarithm of a weight a step apart, where intensities that differ at all have none"""

Whole = NDArray[np.intp]


class Tissue(NamedTuple):
    """What FILM tells tissues of a run by."""

    intensity: Floats
    """(n_columns,) the filtered scan from the middle of the run, with its mean"""
    mask: Mask
    """(n_columns,) the voxels that FILM fits"""


def blocks(inside: Mask, volume: Volume, n_voxels: int, seed: int) -> Whole:
    """Choose voxels in compact blocks around seeded ones, whole blocks until there are enough.

    Parameters
    ----------
    inside
        (n_columns,) voxels to choose from
    volume
        Where the columns stand.
    n_voxels
        Number at least, all where there are fewer.
    seed
        Of the random order.

    >>> whole = Volume((9, 9, 9), np.eye(4), np.ones((9, 9, 9), dtype=bool))
    >>> blocks(np.ones(729, dtype=bool), whole, 10, 0).size > 100
    True
    """
    places = np.argwhere(volume.voxels)
    corner = places // BLOCK_SIDE
    # compact blocks, since SUSAN reads the neighbours of every voxel that is fitted
    block = np.unique(corner, axis=0, return_inverse=True)[1].reshape(-1)
    chosen: list[Whole] = []
    for number in np.random.default_rng(seed).permutation(np.unique(block[inside])):
        # whole blocks: a half has nearly as many neighbours, whose autocorrelations are needed too
        chosen.append(np.flatnonzero((block == number) & inside))
        if sum(map(len, chosen)) >= n_voxels:
            break
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.intp)


def around(wanted: Whole, volume: Volume) -> Mask:
    """Columns within the reach of the weights, the wanted ones among them, (n_columns,).

    >>> whole = Volume((9, 1, 1), np.diag([5.0, 5, 5, 1]), np.ones((9, 1, 1), dtype=bool))
    >>> around(np.array([4]), whole).nonzero()[0].tolist()
    [2, 3, 4, 5, 6]
    """
    marked = np.zeros(volume.shape, dtype=np.bool_)
    marked[tuple(np.argwhere(volume.voxels)[wanted].T)] = True
    # a smoothed value is exact only with the raw ones of all that have a weight in it
    size = [2 * reach + 1 for reach in neighbourhood(volume.voxel_sizes).reach]
    return np.asarray(scipy.ndimage.maximum_filter(marked, size=size, mode="constant", cval=0)[volume.voxels])


def weights(tissue: Tissue, wanted: Whole, neighbours: Whole, volume: Volume) -> scipy.sparse.csr_array:
    """Weights of the neighbours' autocorrelations in those of the wanted voxels.

    Parameters
    ----------
    tissue
        Of the run.
    wanted
        (n_wanted,) columns
    neighbours
        (n_neighbours,) columns, all of FILM's mask that the weights reach among them

    Returns
    -------
    (n_wanted, n_neighbours); what lies outside FILM's mask counts as 0, so that a row may sum to less than 1

    >>> whole = Volume((9, 9, 9), np.diag([3.0, 3, 3, 1]), np.ones((9, 9, 9), dtype=bool))
    >>> flat = Tissue(np.full(729, 1e4), np.ones(729, dtype=bool))
    >>> round(float(weights(flat, np.array([364]), np.arange(729), whole).sum()), 6)
    1.0
    """
    intensity = volume.filled(tissue.intensity)
    kind = contrast(intensity, volume.filled(tissue.mask))
    reach = neighbourhood(volume.voxel_sizes).reach
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij")).reshape(3, -1)
    # exp(-|u - v|^2 / 2 s^2) in mm, over the box of two s that film_gls reads
    spatial = np.exp(
        -((offsets * np.array(volume.voxel_sizes)[:, np.newaxis]) ** 2).sum(axis=0) / (2 * SIGMA**2)
    )
    margins = [(r, r) for r in reach]
    # SUSAN compares intensities in steps of its table; without contrast all are alike
    levels = intensity / kind.step if kind.step > 0 else np.zeros_like(intensity)
    steps = np.pad(levels, margins, constant_values=NOWHERE)
    # exp(-(I(u) - I(v))^2 / tau^2), with the difference counted in steps
    spread = -((kind.step / kind.tau) ** 2) if kind.tau > 0 else ALL_OR_NOTHING
    place = np.full(volume.shape, -1, dtype=np.intp)
    numbered = np.full(len(tissue.mask), -1, dtype=np.intp)
    numbered[neighbours] = np.arange(len(neighbours))
    numbered[~tissue.mask] = -1
    place[volume.voxels] = numbered
    place = np.pad(place, margins, constant_values=-1)
    centres = np.argwhere(volume.voxels)[wanted] + np.array(reach)
    rows, columns, values = [], [], []
    for start in range(0, len(centres), AT_ONCE):
        centre = centres[start : start + AT_ONCE]
        near = tuple(centre[:, axis, np.newaxis] + offsets[axis] for axis in range(3))
        # differences are cut to whole steps, as SUSAN looks weights up in a table
        different = np.trunc(steps[near] - steps[tuple(centre.T)][:, np.newaxis])
        w = np.exp(np.maximum(different**2 * spread, LEAST_LOG)) * spatial
        # over the whole neighbourhood: what lies outside FILM's mask pulls towards 0, as in FILM
        w /= w.sum(axis=1, keepdims=True)
        inner, which = np.nonzero(place[near] >= 0)
        rows.append(inner + start)
        columns.append(place[near][inner, which])
        values.append(w[inner, which])
    return scipy.sparse.csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(wanted), len(neighbours)),
    )
