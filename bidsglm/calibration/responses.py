"""What a known signal looks like in the data, and what effect each package should then report.

The packages' regressors differ a little, and neither is the truth: the simulated response is the mean of the
two, each divided by its height. An effect of x % of a contrast is a change of x % of the voxel's mean at the
height of its conditions' responses, divided among the conditions as the contrast weighs them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bidsglm.model import ContrastSpecification, DesignMatrix, Floats, ModelSpecification, TimeSeries
from bidsglm.spm.scaling import scale_factors

Designs = Mapping[str, Sequence[DesignMatrix]]


def _columns(contrast: ContrastSpecification, design: DesignMatrix) -> Floats:
    """Regressors that a contrast weighs, (n_scans, n_conditions)."""
    return design.matrix[:, [design.names.index(name) for name in contrast.conditions]]


def height(contrast: ContrastSpecification, designs: Sequence[DesignMatrix], runs: Sequence[int]) -> float:
    """Mean height of the regressors that a contrast weighs.

    Parameters
    ----------
    contrast
        For t.
    designs
        Of all runs.
    runs
        Those that the contrast averages.

    >>> x = DesignMatrix(("a", "b"), np.array([[0.0, 1], [2, 0]]), np.empty((2, 0)))
    >>> height(ContrastSpecification("a", "a", ("a", "b"), np.array([[1.0, 0.0]])), [x], [0])
    2.0
    """
    heights = np.max([np.abs(_columns(contrast, designs[run])).max(axis=0) for run in runs], axis=0)
    return float(heights[contrast.weights[0] != 0].mean())


def response(
    contrast: ContrastSpecification, designs: Designs, run: int, heights: Mapping[str, float]
) -> Floats:
    """Change of the signal in a run for an effect of 1, without its mean.

    Parameters
    ----------
    contrast
        For t.
    designs
        Backend -> designs of all runs.
    run
        Index of the run.
    heights
        Backend -> see `height`

    Returns
    -------
    (n_scans,)
    """
    weights = contrast.weights[0] / (contrast.weights[0] ** 2).sum()
    shapes = [_columns(contrast, made[run]) @ weights / heights[name] for name, made in designs.items()]
    mean = np.mean(shapes, axis=0)
    return np.asarray(mean - mean.mean())


def units(
    backend: str, series: Sequence[TimeSeries], means: Sequence[Floats], model: ModelSpecification
) -> list[Floats]:
    """What a change of 1 % of a voxel's mean is in the units of a backend's effects.

    Parameters
    ----------
    backend
        spm or nilearn
    series
        Of all runs, for the globals that SPM scales by.
    means
        (n_voxels,) of all runs
    model
        With the scaling of both.

    Returns
    -------
    (n_voxels,) of every run
    """
    if backend == "spm":
        kind = model.spm.global_normalization
        factors = [float(scale_factors(run.global_means, kind).mean()) for run in series]
        return [mean / 100 * factor for mean, factor in zip(means, factors, strict=True)]
    scaling = model.nilearn.signal_scaling
    if scaling is False:
        return [mean / 100 for mean in means]
    if scaling == 0:
        return [mean / np.maximum(mean, 1) for mean in means]
    return [mean / max(float(mean.mean()), 1.0) for mean in means]
