"""Contrasts of FILM's parameters: FSL's ``contrast_mgr``.

``t = c beta / sqrt(s^2 c (X'X)^+ c')`` and ``F = (C beta)' [s^2 C (X'X)^+ C']^-1 C beta / q``, X the
whitened design and q the rows of C (M. Woolrich et al., NeuroImage 14:1370-1386, 2001).
"""

from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats


class TMaps(NamedTuple):
    """A t contrast."""

    effect: Floats
    """(n_voxels,) ``cope``"""
    variance: Floats
    """(n_voxels,) ``varcope``"""
    t: Floats


def t_maps(weights: Floats, effects: Floats, covariance: Floats, variance: Floats) -> TMaps:
    """Effect, variance and t of a contrast.

    Parameters
    ----------
    weights
        (n_rows,) over combinations of betas
    effects
        (n_rows, n_voxels)
    covariance
        (n_rows, n_rows, n_voxels) for unit variance
    variance
        (n_voxels,) of the residuals

    >>> t_maps(np.ones(1), np.array([[6.0]]), np.array([[[1.0]]]), np.array([4.0])).t.tolist()
    [3.0]
    """
    effect = weights @ effects
    # s^2 c (X'X)^+ c', with an X of each voxel, as FILM whitens the design anew in each
    of_effect = np.einsum("i,ijv,j->v", weights, covariance, weights) * variance
    return TMaps(effect, of_effect, ratio(effect, of_effect))


def ratio(effect: Floats, variance: Floats) -> Floats:
    """Effect over its standard error, 0 where there is none.

    >>> ratio(np.array([6.0, 1.0]), np.array([4.0, 0.0])).tolist()
    [3.0, 0.0]
    """
    safe = np.sqrt(np.where(variance > 0, variance, np.inf))
    return np.asarray(effect / safe)


def f_map(weights: Floats, effects: Floats, covariance: Floats, variance: Floats) -> Floats:
    """F of the rows of a contrast, which must be independent.

    Parameters
    ----------
    weights
        (n_contrast_rows, n_rows)
    effects, covariance, variance
        As of `t_maps`.

    >>> f_map(np.eye(1), np.array([[6.0]]), np.array([[[1.0]]]), np.array([4.0])).tolist()
    [9.0]
    """
    rows = (weights @ effects).T
    # C (X'X)^+ C' is each voxel's own, for each has whitened the design its own way
    within = np.einsum("ai,ijv,bj->vab", weights, covariance, weights)
    solved = np.linalg.solve(within, rows[..., np.newaxis])[..., 0]
    # over q and s^2, for degrees of freedom (q, n - p - 1) with p the number of columns
    squares = np.einsum("va,va->v", rows, solved) / len(weights)
    return np.asarray(squares / np.where(variance > 0, variance, np.inf))
