"""One variance for each group of images: unequal variances of SPM's second level.

    Cov(e) = sum_g h_g Q_g        Q_g: ones on the diagonal for the images of group g

The h are those of ReML on the pooled covariance of the data, ``Cy = sum_v y_v y_v' (n - rank) / RSS_v / q``,
over the q voxels whose F of all columns of the design passes p < 0.001. There is one V for all voxels, scaled
to a mean variance of 1, and the weights are W = V^(-1/2). The degrees of freedom are those of equal
variances: nothing is corrected for h being estimated.

Source: SPM12 r7771.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.design_space import Factors, factors
from bidsglm.model import Floats
from bidsglm.spm.components import Diagonal
from bidsglm.spm.covariance import SELECTION_P
from bidsglm.spm.estimation import ROUNDING
from bidsglm.spm.probability import f_quantile
from bidsglm.spm.reml import reml
from bidsglm.spm.whitening import ridge

FEWEST = 2
"""Groups whose variances may differ, and images of each: with a single one SPM takes equal variances."""


class NoSignificantVoxelError(ValueError):
    """No voxel passes the F test: there is nothing to estimate the variances from, and SPM stops."""


class GroupVariances(NamedTuple):
    """Variances of groups of images."""

    hyperparameters: Floats
    """(n_groups,) as ReML leaves them"""
    variances: Floats
    """(n_groups,) over their mean over all images"""
    weights: Floats
    """(n_images,) diagonal of W, by which data and design are multiplied"""
    n_pooled: int
    """Voxels that they were estimated from"""


def can_differ(groups: Sequence[int] | NDArray[np.intp]) -> bool:
    """Whether SPM estimates variances of groups: of two and more, none of them a single image.

    >>> can_differ([0, 0, 1, 1]), can_differ([0, 0, 1]), can_differ([0, 0])
    (True, False, False)
    """
    sizes = np.unique(np.asarray(groups, dtype=np.intp), return_counts=True)[1]
    return sizes.size >= FEWEST and int(sizes.min()) >= FEWEST


def pooled_images(parts: Iterable[NDArray[np.generic]], design: Floats) -> tuple[Floats, int]:
    """Average of the scaled data's outer products over the voxels that pass the F test.

    Parameters
    ----------
    parts : the images in some voxels of the mask after the other, (n_images, n_voxels)
    design : (n_images, n_regressors)

    Returns
    -------
    (n_images, n_images) covariance, and how many voxels were pooled

    Raises
    ------
    NoSignificantVoxelError
        None passes.
    ValueError
        There is no voxel at all.

    Examples
    --------
    >>> images = np.array([[5.0, 0.1], [5.1, -0.2], [4.9, 0.2], [5.0, -0.1]])
    >>> pooled_images([images], np.ones((4, 1)))[1]
    1
    """
    space = factors(design)
    total, n_found, n_seen = np.zeros((len(design),) * 2), 0, 0
    for part in parts:
        y = part.astype(np.float64)
        weights = _weights(y, space)
        # sum_v w_v y_v y_v' as one product of the scaled images
        root = y * np.sqrt(weights)
        total += root @ root.T
        n_found += int(np.count_nonzero(weights))
        n_seen += weights.size
    if not n_seen:
        raise ValueError("no voxel has data in all subjects")
    if not n_found:
        raise NoSignificantVoxelError(
            f"no voxel passes the F test of the design at p < {SELECTION_P:g}, from which SPM estimates the "
            "groups' variances"
        )
    return total / n_found, n_found


def _weights(y: Floats, space: Factors) -> Floats:
    """1 / residual variance of the voxels that pass, 0 for the others."""
    n, rank = len(y), space.singular.size
    scores = space.left.T @ y
    residual = ((y - space.left @ scores) ** 2).sum(axis=0)
    # all columns, the groups' means among them: spm_spm tests what is neither block nor nuisance
    passed = (scores**2).sum(axis=0) / rank > f_quantile(SELECTION_P, rank, n - rank) * residual / (n - rank)
    weights: Floats = np.zeros_like(residual)
    # a voxel that the design explains fully would outweigh all others
    exact = residual <= ROUNDING * (y**2).sum(axis=0)
    np.divide(n - rank, residual, out=weights, where=passed & ~exact)
    return weights


def group_variances(pooled: tuple[Floats, int], design: Floats, groups: NDArray[np.intp]) -> GroupVariances:
    """Fit the groups' variances to the pooled covariance, as far as SPM does.

    Parameters
    ----------
    pooled : from `pooled_images`
    design : (n_images, n_regressors)
    groups : (n_images,) from 0, without gap

    Raises
    ------
    ValueError
        A variance is not positive.

    Examples
    --------
    >>> images = np.random.default_rng(0).normal(9, [[1]] * 6 + [[3]] * 6, (12, 500))
    >>> groups = np.repeat([0, 1], 6)
    >>> design = np.eye(2)[groups]
    >>> found = group_variances(pooled_images([images], design), design, groups)
    >>> bool(5 < found.variances[1] / found.variances[0] < 13), round(float(found.variances.mean()), 9)
    (True, 1.0)
    """
    (covariance, n_pooled), n_groups = pooled, int(groups.max()) + 1
    h = reml(covariance, design, Diagonal.of_groups(groups, n_groups)).hyperparameters
    if not np.all(h > 0):
        raise ValueError("the estimated variance of a group is not positive")
    variances = h * len(groups) / float(h[groups].sum())
    own = variances[groups]
    # spm_inv's trace of ridge; a diagonal V has the rows' sums as its diagonal
    weights = 1 / np.sqrt(own + ridge(float(own.max()), len(own)))
    return GroupVariances(h, variances, weights, n_pooled)
