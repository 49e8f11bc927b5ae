"""How far many maps are from one reference, in the metrics of the attribution."""

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats, Mask
from bidsglm.spm.probability import f_quantile

P_UNCORRECTED = 0.001

RMSD = "rmsd"
"""Root mean square difference, in the unit of the map."""
SLOPE = "slope-1"
"""Slope of the total least squares line against nilearn's map, minus 1."""
CORRELATION = "1-r"
"""1 minus Pearson's correlation."""
DICE = "1-dice"
"""1 minus the Dice overlap of the voxels of p < 0.001, each with its own degrees of freedom.

All four are 0 for equal maps."""


def distances(reference: Floats, maps: Floats) -> dict[str, Floats]:
    """RMSD, slope - 1 and 1 - r of maps against a reference.

    Parameters
    ----------
    reference
        (n_voxels,)
    maps
        (n_maps, n_voxels)

    Returns
    -------
    metric -> (n_maps,); NaN where the maps have no variance

    Notes
    -----
    The slope is that of the first principal axis, as in `bidsglm.agreement.maps.principal_axis`.

    >>> far = distances(np.array([0.0, 1.0, 2.0]), np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 4.0]]))
    >>> far["slope-1"].round(9).tolist(), far["1-r"].round(9).tolist()
    ([0.0, 1.0], [0.0, 0.0])
    """
    x = reference - reference.mean()
    y = maps - maps.mean(axis=1, keepdims=True)
    sxx, sxy, syy = x @ x, y @ x, np.einsum("mv,mv->m", y, y)
    # first principal axis: tan 2θ = 2 s_xy / (s_xx - s_yy)
    excess, twice = sxx - syy, 2 * sxy
    length = np.hypot(excess, twice)
    with np.errstate(divide="ignore", invalid="ignore"):
        # the same tangent of the half angle, in the form that subtracts no near-equal numbers
        slope = np.where(excess >= 0, twice / (length + excess), (length - excess) / twice)
        r = sxy / np.sqrt(sxx * syy)
    return {
        RMSD: np.sqrt(np.mean((maps - reference) ** 2, axis=1)),
        SLOPE: slope - 1,
        CORRELATION: 1 - r,
    }


def threshold(dof: tuple[float, ...]) -> float:
    """Value of t (one degree of freedom given) or F (two) at p = 0.001.

    >>> round(threshold((100.0,)), 4), round(threshold((1.0, 100.0)), 4)
    (3.1737, 11.4954)
    """
    if len(dof) == 1:
        return float(scipy.special.stdtrit(dof[0], 1 - P_UNCORRECTED))
    return f_quantile(P_UNCORRECTED, *dof)


def unlikeness(reference: Mask, sets: NDArray[np.bool_]) -> Floats:
    """1 - Dice of sets of voxels; two empty sets are alike.

    Parameters
    ----------
    reference
        (n_voxels,)
    sets
        (n_sets, n_voxels)

    >>> unlikeness(np.array([True, False]), np.array([[True, False], [True, True]])).round(3).tolist()
    [0.0, 0.333]
    """
    total = reference.sum() + sets.sum(axis=1)
    common = (sets & reference).sum(axis=1)
    return np.where(total > 0, 1 - 2 * common / np.maximum(total, 1), 0.0)
