"""Second-level models of any design and covariance: SPM12's ``spm_spm`` without filter.

    Cov(e) = sum_i h_i Q_i        V = Cov(e) n / tr Cov(e)        W = V^(-1/2)

The components Q are variances of some images and covariances between images of one subject. Their h are
those of ReML on the pooled data of the voxels whose F of the effects of interest passes
(`bidsglm.spm.covariance`). Everything else is as at the first level with one run.

Source: SPM12 r7771.

Notes
-----
`bidsglm.spm.second_level` fits one-sample and two-sample designs in less memory.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import column_parts
from bidsglm.model import Floats, Mask
from bidsglm.spm.components import Dense
from bidsglm.spm.contrasts import FContrastMaps, TContrastMaps, effect_covariance, f_maps, f_test, t_maps
from bidsglm.spm.covariance import SELECTION_P, criterion, pooled_covariance
from bidsglm.spm.estimation import Dispersion, JointModel, dispersion, joint_model
from bidsglm.spm.reml import reml
from bidsglm.spm.whitening import normalised, whitening

CHUNK_VALUES = 2_000_000
"""float64 values at a time: 16 MB."""
SHRINKAGE = 1e-3
"""Share of the largest ResMS that SPM adds to all, when it was started for another modality than fMRI."""


class LevelModel(NamedTuple):
    """A design and what is known of its errors."""

    design: Floats
    """(n_images, n_columns)"""
    nuisance: tuple[int, ...] = ()
    """Columns that the F of the selected voxels does not test: blocks and globals"""
    components: Floats | None = None
    """(n_components, n_images, n_images); None for a covariance that is known"""
    covariance: Floats | None = None
    """(n_images, n_images) where it is known; None for independent errors of one variance"""
    selection_p: float = SELECTION_P
    adds_to_variance: bool = False
    """Whether a thousandth of the largest ResMS is added, as SPM does for PET and EEG"""


class LevelFit(NamedTuple):
    """A second-level model fitted in the voxels of a mask."""

    betas: NDArray[np.float32]
    """(n_columns, n_voxels)"""
    mean_square: Floats
    """(n_voxels,) ResMS"""
    model: JointModel
    dispersion: Dispersion
    hyperparameters: Floats
    """(n_components,), empty where none were estimated"""
    covariance: Floats | None
    """(n_images, n_images) V; None for the identity"""
    n_pooled: int
    """Voxels that the hyperparameters are from"""


def analysis_mask(images: Iterable[Floats], thresholds: Sequence[float], implicit: Sequence[bool]) -> Mask:
    """Voxels that SPM analyses, before an explicit mask.

    Parameters
    ----------
    images
        One after the other, (n_voxels,) scaled
    thresholds
        What a value of each must exceed; -inf for none
    implicit
        Of each, whether zeros are no data: images of whole numbers under implicit masking

    >>> images = np.array([[1.0, 0.0, 5.0, np.nan], [2.0, 1.0, 5.0, 1.0]])
    >>> analysis_mask(images, [-np.inf] * 2, [True, True]).tolist()
    [True, False, False, False]
    """
    first, inside, differs = np.empty(0), np.empty(0, dtype=np.bool_), np.empty(0, dtype=np.bool_)
    for number, (values, threshold, masks) in enumerate(zip(images, thresholds, implicit, strict=True)):
        if not number:
            first, inside = values, np.ones(values.shape, dtype=np.bool_)
            differs = ~inside
        with np.errstate(invalid="ignore"):
            inside &= np.isfinite(values) & (values > threshold)
            # a threshold at or above zero takes the place of the implicit mask
            if masks and threshold < 0:
                inside &= np.abs(values) > np.finfo(float).eps
        differs |= values != first
    return np.asarray(inside & differs)


def fitted(images: Floats, model: LevelModel) -> LevelFit:
    """Fit a model.

    Parameters
    ----------
    images
        (n_images, n_voxels) of the mask
    model
        Design and covariance.

    Raises
    ------
    ValueError
        Nothing is left to estimate the variance from, or the covariance cannot be estimated.

    >>> fit = fitted(np.array([[1.0], [2.0], [3.0]]), LevelModel(np.ones((3, 1))))
    >>> fit.betas.tolist(), fit.mean_square.tolist(), round(fit.dispersion.dof, 9)
    ([[2.0]], [1.0], 2.0)
    """
    h, n_pooled, V = np.empty(0), 0, model.covariance
    if model.components is not None:
        h, n_pooled, V = _estimated_covariance(images, model)
    W = None if V is None else whitening([V])[0]
    joint = joint_model([model.design], [_no_filter(model)], [W])
    spread = dispersion(joint, [V])
    if not spread.trace > 0.5:
        raise ValueError("the design leaves no residual degree of freedom")
    betas = np.empty((model.design.shape[1], images.shape[1]), dtype=np.float32)
    residual = np.empty(images.shape[1])
    for part in column_parts(images.shape, CHUNK_VALUES):
        mean = images[:, part].mean(axis=0)
        projection = joint.runs[0].projection(images[:, part] - mean, mean)
        betas[:, part] = joint.runs[0].parameters(projection)
        residual[part] = projection.residual
    mean_square = residual / spread.trace
    if model.adds_to_variance:
        mean_square = mean_square + SHRINKAGE * mean_square.max()
    return LevelFit(betas, mean_square, joint, spread, h, V, n_pooled)


def level_contrast(fit: LevelFit, weights: Floats, test: str) -> TContrastMaps | FContrastMaps:
    """Effect, variance and t of one row of weights, or extra sum of squares and F.

    Parameters
    ----------
    fit
        The model.
    weights
        (n_rows, n_columns)
    test
        T or F

    >>> fit = fitted(np.array([[1.0], [2.0], [3.0]]), LevelModel(np.ones((3, 1))))
    >>> round(float(level_contrast(fit, np.ones((1, 1)), "F").F[0]), 5)
    12.0
    """
    columns = [weights.T]
    if test == "F":
        roots = f_test(columns, fit.model.decomposition, fit.dispersion.design_covariances)
        return f_maps(roots, [fit.betas], fit.mean_square)
    variance = float(effect_covariance(columns, fit.dispersion.parameter_covariances)[0, 0])
    return t_maps(columns, [fit.betas], fit.mean_square, variance)


def _estimated_covariance(images: Floats, model: LevelModel) -> tuple[Floats, int, Floats]:
    assert model.components is not None
    plain = joint_model([model.design], [_no_filter(model)], [None])
    test = criterion(plain, [model.nuisance], model.selection_p)
    # pooling takes the means out of what it is given, so it gets copies
    parts = ([images[:, part].copy()] for part in column_parts(images.shape, CHUNK_VALUES))
    pooled = pooled_covariance(test, parts)
    found = reml(pooled.covariances[0], model.design, Dense(model.components))
    (V,) = normalised([found.covariance])
    return found.hyperparameters, int(np.count_nonzero(pooled.selected)), V


def _no_filter(model: LevelModel) -> Floats:
    return np.zeros((len(model.design), 0))
