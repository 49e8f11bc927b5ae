"""The modelling step that makes most of the difference of t at every voxel."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.corner_designs import Designs
from bidsglm.attribution.corners import CornerMaps
from bidsglm.attribution.games import coarse, corner_of, players
from bidsglm.attribution.models import Evidence, Pair
from bidsglm.attribution.shapley import shapley_values
from bidsglm.attribution.steps import COARSE_STEPS, Step

NEGLIGIBLE = 1e-3
"""Differences of t or F below it have no dominant step."""


def dominant_steps(
    designs: Designs, steps: Sequence[Step], evidence: Evidence
) -> dict[str, NDArray[np.int8]]:
    """Step with the largest Shapley value of |t(S) - t(nilearn)| at every voxel.

    Parameters
    ----------
    designs
        Of the models.
    steps
        The parts of the regressors play as one.
    evidence
        Data and maps.

    Returns
    -------
    contrast label -> (n_voxels,) over the columns of the maps; 0 none, else one more than the index into
    `COARSE_STEPS`
    """
    maps = {
        pair.spm.specification.label: np.zeros(evidence.masks.both.size, np.int8) for pair in evidence.pairs
    }
    together = coarse(steps)
    for chunk in evidence.chunks:
        corners = CornerMaps(designs, chunk, every_rule=False)
        for index, pair in enumerate(evidence.pairs):
            label = pair.spm.specification.label
            maps[label][chunk.columns] = _dominant(corners, together, index, pair)
    return maps


def _dominant(corners: CornerMaps, steps: Sequence[Step], contrast: int, pair: Pair) -> NDArray[np.int8]:
    columns = corners.block.columns
    playing = players(steps, "t", len(corners.designs.models.runs), bool(corners.block.scans))
    if not playing:
        return np.zeros(columns.size, np.int8)
    first = pair.nilearn.stat[columns]
    # the pure corners are the packages' own maps
    ends = {0: np.zeros(columns.size), len(playing): np.abs(pair.spm.stat[columns] - first)}
    moved = [
        ends[sum(joined)]
        if sum(joined) in ends
        else np.abs(corners.maps(corner_of(playing, joined), contrast).stat - first)
        for joined in product((0, 1), repeat=len(playing))
    ]
    shares = shapley_values(np.stack(moved).reshape((2,) * len(playing) + (columns.size,)), len(playing))
    numbers = np.array([COARSE_STEPS.index(name) + 1 for name in playing], dtype=np.int8)
    return np.where(shares.max(axis=0) > NEGLIGIBLE, numbers[shares.argmax(axis=0)], 0).astype(np.int8)
