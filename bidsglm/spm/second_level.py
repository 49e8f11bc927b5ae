"""A linear model over subjects (SPM's second level: ``spm_spm`` with V = I, or a variance for each group).

One-sample t tests have a column of ones, and the covariates less their means; two-sample t tests have a
column for each group. A voxel is in the mask where every subject's image is finite and the images are not
all equal; zeros are data.

    A = W X        β = A⁺ W Y        ResMS = Σ e² / (n - rank)        t = c β / √(ResMS c (AᵀA)⁺ cᵀ)

W is I where errors have one variance, else V^(-1/2) of `bidsglm.spm.group_variance`; e are the residuals of
W Y.

β and effects are rounded to float32, as SPM's files are, before they are used further.

Source: SPM12 r7771.

Notes
-----
Everything here is SPM in its fMRI modality; in others it adds a thousandth of the largest ResMS.
Errors are independent. As in SPM, weights leave the degrees of freedom as they are.
The fit stands beside the first level's (`bidsglm.spm.estimation`), which takes the residual squares of long
series from their sum and not from the residuals: either way in both would move the last bits of the other.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import Images, column_parts
from bidsglm.design_space import Factors, decomposition, estimable, factors
from bidsglm.model import Floats, Mask
from bidsglm.spm.group_variance import GroupVariances, can_differ, group_variances, pooled_images
from bidsglm.spm.smoothness import residual_scans

CHUNK_VALUES = 2_000_000
"""Values in float64 at a time: 16 MB, whatever the number of subjects."""


class GroupEstimate(NamedTuple):
    """A second-level model fitted in every voxel."""

    design: Floats
    """(n_subjects, n_regressors)"""
    mask: Mask
    """(n_voxels,)"""
    betas: NDArray[np.float32]
    """(n_regressors, n_voxels), NaN outside the mask"""
    residual_mean_square: Floats
    """(n_voxels,), NaN outside the mask"""
    dof: float
    variances: GroupVariances | None = None
    """None where errors have one variance"""

    @property
    def weighted(self) -> Floats:
        """W X, (n_subjects, n_regressors)."""
        return self.design if self.variances is None else self.variances.weights[:, None] * self.design


class SecondLevelMaps(NamedTuple):
    """Maps of a contrast over the group; effect and variance NaN, stat 0 outside the mask."""

    effect: NDArray[np.float32] | None
    """(n_voxels,); None for F, as variance"""
    variance: Floats | None
    stat: NDArray[np.float32]
    dof: tuple[float, ...]
    """(residual,) for t, (numerator, residual) for F"""


def group_mask(images: NDArray[np.generic], explicit: Mask | None = None) -> Mask:
    """Voxels with data in every subject.

    Parameters
    ----------
    images : (n_subjects, n_voxels) header-scaled values
    explicit : (n_voxels,) mask on top

    Returns
    -------
    (n_voxels,)

    Examples
    --------
    >>> group_mask(np.array([[1.0, np.nan, 0.0, 5.0], [2.0, 1.0, 3.0, 5.0]]))
    array([ True, False,  True, False])
    """
    # spm_spm leaves constant voxels out, whose residuals would divide by zero; zeros are data in float images
    inside = np.isfinite(images).all(axis=0) & (images != images[0]).any(axis=0)
    return np.asarray(inside if explicit is None else inside & explicit)


def group_estimate(
    images: Images, design: Floats, explicit: Mask | None = None, groups: NDArray[np.intp] | None = None
) -> GroupEstimate:
    """Fit a model in chunks of voxels.

    Parameters
    ----------
    images : (n_subjects, n_voxels) effects of one contrast, float32 as stored
    design : (n_subjects, n_regressors)
    explicit : (n_voxels,) mask on top of the data's own
    groups : (n_subjects,) from 0, whose variances may differ; equal where SPM cannot estimate them

    Raises
    ------
    NoSignificantVoxelError
        If variances of groups are asked for and there is no voxel to estimate them from.
    ValueError
        If there are no more subjects than the rank of the design, or no voxel has data in all of them.

    Examples
    --------
    >>> fit = group_estimate(np.array([[1.0, 0.0], [2.0, np.nan], [3.0, 1.0]]), np.ones((3, 1)))
    >>> fit.betas, fit.residual_mean_square, fit.dof
    (array([[ 2., nan]], dtype=float32), array([ 1., nan]), 2.0)
    """
    n_subjects, n_voxels = images.shape
    rank = factors(design).singular.size
    # no degree of freedom is left to estimate the variance from
    if n_subjects <= rank:
        raise ValueError(f"{n_subjects} subjects are too few for a model of {rank} independent columns")
    parts = column_parts(images.shape, CHUNK_VALUES)
    variances = None
    if groups is not None and can_differ(groups):
        pooled = pooled_images((_inside_part(images, explicit, part)[1] for part in parts), design)
        variances = group_variances(pooled, design, groups)
    mask = np.zeros(n_voxels, dtype=np.bool_)
    betas = np.full((design.shape[1], n_voxels), np.nan, dtype=np.float32)
    mean_square = np.full(n_voxels, np.nan)
    fit = GroupEstimate(design, mask, betas, mean_square, float(n_subjects - rank), variances)
    space = factors(fit.weighted)
    for part in parts:
        mask[part], values = _inside_part(images, explicit, part)
        y = _weighted(values, fit)
        scores = space.left.T @ y
        # V D^-1 U' y: of minimum norm where the columns depend on each other
        betas[:, part][:, mask[part]] = (space.right / space.singular) @ scores
        residuals = y - space.left @ scores
        mean_square[part][mask[part]] = (residuals**2).sum(axis=0) / fit.dof
    if not mask.any():
        raise ValueError("no voxel has data in all subjects")
    return fit


def _inside_part(images: Images, explicit: Mask | None, part: slice) -> tuple[Mask, NDArray[np.generic]]:
    """Which of some voxels are in the mask, and the images there."""
    block = images[:, part]
    inside = group_mask(block, None if explicit is None else explicit[part])
    return inside, block[:, inside]


def _weighted(images: NDArray[np.generic], fit: GroupEstimate) -> Floats:
    """W Y in float64, (n_subjects, n_voxels)."""
    y: Floats = images.astype(np.float64)
    return y if fit.variances is None else fit.variances.weights[:, None] * y


def is_estimable(design: Floats, weights: Floats) -> bool:
    """Whether a design determines a contrast that tests something, by SPM's tolerance.

    Parameters
    ----------
    design : (n_subjects, n_regressors)
    weights : (n_regressors,) or (n_rows, n_regressors)

    Examples
    --------
    >>> groups = np.array([[1.0, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1]])
    >>> is_estimable(groups, np.array([0.0, 1, -1])), is_estimable(groups, np.array([0.0, 1, 0]))
    (True, False)
    """
    rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    return bool(np.any(rows)) and estimable([rows.T], decomposition([design]))


def dependent(design: Floats) -> NDArray[np.intp]:
    """Columns that are combinations of each other, or zero.

    Examples
    --------
    >>> dependent(np.array([[1.0, 1, 0, 5], [1, 1, 0, 6], [1, 0, 1, 8]])).tolist()
    [0, 1, 2]
    """
    lost = 1 - (factors(design).right ** 2).sum(axis=1)
    # a column outside the row space loses a share of its length, rounding loses some eps
    return np.flatnonzero(lost > np.sqrt(np.finfo(np.float64).eps))


def group_contrast(estimate: GroupEstimate, weights: Floats) -> SecondLevelMaps:
    """Compute t for one row of weights, F for several.

    Parameters
    ----------
    weights : (n_regressors,) for t or (n_rows, n_regressors) for F

    Raises
    ------
    ValueError
        If the contrast cannot be estimated from the design.

    Examples
    --------
    >>> fit = group_estimate(np.array([[1.0], [2.0], [3.0]]), np.ones((3, 1)))
    >>> maps = group_contrast(fit, np.array([1.0]))
    >>> float(maps.stat[0]) == float(np.float32(2 / np.sqrt(1 / 3))), maps.dof
    (True, (2.0,))
    """
    rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    # by SPM's rule in the weighted space, whose rows span the same
    if not is_estimable(estimate.weighted, rows):
        raise ValueError("the contrast cannot be estimated from the subjects' covariates")
    space = factors(estimate.weighted)
    # the shape tells t from F, as an F of one row is two-sided
    if np.ndim(weights) == 1:
        return _t_contrast(estimate, space, rows[0])
    return _f_contrast(estimate, space, rows)


def _t_contrast(estimate: GroupEstimate, space: Factors, weights: Floats) -> SecondLevelMaps:
    """Effect, its variance and t."""
    # effects come from the float32 betas without those of weight 0, as spm_contrasts adds them
    used = np.flatnonzero(weights)
    effect = (weights[used] @ estimate.betas[used].astype(np.float64)).astype(np.float32)
    # c (A'A)+ c' = |c V D^-1|²: with W V W' = I there are no traces to take
    scale = float(np.sum((weights @ space.right / space.singular) ** 2))
    variance = estimate.residual_mean_square * scale
    stat = _inside(estimate.mask, effect, np.sqrt(variance))
    return SecondLevelMaps(effect, variance, stat, (estimate.dof,))


def _f_contrast(estimate: GroupEstimate, space: Factors, weights: Floats) -> SecondLevelMaps:
    """F of the subspace that the rows span; the extra sum of squares is rounded to float32 as SPM's is."""
    # basis of D^-1 V' c, so that redundant rows test nothing twice
    directions = factors((weights @ space.right / space.singular).T).left
    # H = B' D V' of spm_FcUtil: |H beta|² is the extra sum of squares
    projector = directions.T @ (space.right * space.singular).T
    extra = np.zeros(estimate.mask.shape, dtype=np.float32)
    for part in column_parts((len(weights), len(extra)), CHUNK_VALUES):
        scores = projector @ estimate.betas[:, part].astype(np.float64)
        extra[part] = (scores**2).sum(axis=0)
    numerator = float(directions.shape[1])
    stat = _inside(estimate.mask, extra / numerator, estimate.residual_mean_square)
    return SecondLevelMaps(None, None, stat, (numerator, estimate.dof))


def _inside(mask: Mask, numerator: NDArray[np.floating], denominator: Floats) -> NDArray[np.float32]:
    """Ratio inside the mask, 0 outside."""
    ratio = np.zeros(mask.shape)
    # SPM's statistic images are 0 outside the mask, its others NaN
    np.divide(numerator, denominator, out=ratio, where=mask)
    return ratio.astype(np.float32)


def standardised_residuals(images: Images, estimate: GroupEstimate) -> Iterator[Floats]:
    """Yield subjects' weighted residuals inside the mask over √ResMS, for the smoothness of the field.

    They are those of all subjects up to 64, else of 64 spread evenly, as SPM's (`residual_scans`).

    Parameters
    ----------
    images : (n_subjects, n_voxels) as they were fitted

    Yields
    ------
    (n_mask_voxels,)

    Examples
    --------
    >>> y = np.array([[1.0], [2.0], [3.0]])
    >>> [round(float(image[0])) for image in standardised_residuals(y, group_estimate(y, np.ones((3, 1))))]
    [-1, 0, 1]
    """
    left = factors(estimate.weighted).left
    mask, n_subjects = estimate.mask, len(left)
    parts = [part for part in column_parts((n_subjects, len(mask)), CHUNK_VALUES) if mask[part].any()]
    scores = np.hstack([left.T @ _weighted(images[:, part][:, mask[part]], estimate) for part in parts])
    deviation = np.sqrt(estimate.residual_mean_square[mask])
    weights = np.ones(n_subjects) if estimate.variances is None else estimate.variances.weights
    # one subject at a time: all residuals together would be another copy of the data
    for subject in map(int, residual_scans(n_subjects)):
        yield (weights[subject] * images[subject][mask] - left[subject] @ scores) / deviation
