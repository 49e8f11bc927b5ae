"""What a known signal looks like in the data.

The packages' regressors differ, and none is the truth: the simulated response is their mean, each divided by
its height. An effect of x % of a contrast is a change of x % of the voxel's mean at the height of its
conditions' responses, divided among the conditions as the contrast weighs them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bidsglm.data import DesignMatrix
from bidsglm.model import ContrastSpecification, Floats

Designs = Mapping[str, Sequence[DesignMatrix]]


def _columns(contrast: ContrastSpecification, design: DesignMatrix) -> Floats:
    """Regressors that a contrast weighs, (n_scans, n_conditions)."""
    return design.matrix[:, [design.names.index(name) for name in contrast.conditions]]


def height(contrast: ContrastSpecification, designs: Sequence[DesignMatrix], runs: Sequence[int]) -> float:
    """Mean height of the regressors that a t contrast weighs, in the runs that it averages.

    >>> x = DesignMatrix(("a", "b"), np.array([[0.0, 1], [2, 0]]), np.empty((2, 0)))
    >>> height(ContrastSpecification("a", "a", ("a", "b"), np.array([[1.0, 0.0]])), [x], [0])
    2.0
    """
    heights = np.max([np.abs(_columns(contrast, designs[run])).max(axis=0) for run in runs], axis=0)
    return float(heights[contrast.weights[0] != 0].mean())


def response(
    contrast: ContrastSpecification, designs: Designs, run: int, heights: Mapping[str, float]
) -> Floats:
    """Change of the signal in a run for an effect of 1 of a t contrast, (n_scans,) without its mean.

    The heights are each backend's `height`.
    """
    weights = contrast.weights[0] / (contrast.weights[0] ** 2).sum()
    shapes = [_columns(contrast, made[run]) @ weights / heights[name] for name, made in designs.items()]
    mean = np.mean(shapes, axis=0)
    return np.asarray(mean - mean.mean())
