"""Contrasts of the parameters: SPM12's ``spm_contrasts``, ``spm_FcUtil`` and ``spm_conman``.

``t = c' beta / sqrt(s2 c' Bcov c)`` and ``F = |H beta|^2 / tr(M V) / s2`` with ``H = B' D V'``,
B an orthonormal basis of ``D^-1 V' c``, and numerator degrees of freedom ``tr(M V)^2 / tr(M V M V)``
(J.-B. Poline et al., in *Statistical Parametric Mapping*, 2007, chapter 9).

Weights are given run by run, as arrays (n_regressors, n_rows of the contrast).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.design_space import Decomposition, decomposition
from bidsglm.model import Floats

Singles = NDArray[np.float32]


class TContrastMaps(NamedTuple):
    """A t contrast."""

    effect: Floats
    """(n_voxels,) rounded to float32 as in SPM's con image"""
    variance: Floats
    """(n_voxels,)"""
    t: Floats
    """(n_voxels,) rounded to float32 as in SPM's spmT image"""


class FContrastMaps(NamedTuple):
    """An F contrast."""

    extra: Floats
    """(n_voxels,) extra sum of squares, rounded to float32 as in SPM's ess image"""
    F: Floats
    """(n_voxels,) rounded to float32 as in SPM's spmF image"""


class FTest(NamedTuple):
    """What an F contrast needs from the design."""

    roots: tuple[Floats, ...]
    """(n_rows, n_regressors) H of every run"""
    trace: float
    """tr(M V)"""
    squared_trace: float
    """tr(M V M V)"""

    @property
    def dof(self) -> float:
        """Numerator degrees of freedom."""
        return self.trace**2 / self.squared_trace


def placed(weights: Floats, conditions: Sequence[str], names: Sequence[str]) -> Floats:
    """Weights over all columns of a design (n_rows, n_regressors).

    Parameters
    ----------
    weights
        (n_rows, n_conditions) or (n_conditions,)
    conditions
        Names of its columns; the weights of one that is named twice add up.
    names
        Columns of the design, the conditions among them.

    >>> placed(np.array([1.0, -1.0]), ("go", "stop"), ("stop", "go", "constant")).tolist()
    [[-1.0, 1.0, 0.0]]
    """
    given = np.atleast_2d(weights)
    rows = np.zeros((len(given), len(names)))
    for condition, column in zip(conditions, given.T, strict=True):
        rows[:, names.index(condition)] += column
    return rows


def cleaned(weights: Sequence[Floats], tolerance: float) -> tuple[Floats, ...]:
    """Weights with those below the tolerance set to zero.

    >>> cleaned([np.array([[1.0], [1e-20]])], 1e-12)[0].tolist()
    [[1.0], [0.0]]
    """
    return tuple(np.where(np.abs(c) < tolerance, 0.0, c) for c in weights)


def effect_covariance(weights: Sequence[Floats], parameter_covariances: Sequence[Floats]) -> Floats:
    """Covariance c' Bcov c of the effects for unit error variance, (n_rows, n_rows).

    >>> effect_covariance([np.ones((2, 1))], [np.eye(2)]).tolist()
    [[2.0]]
    """
    parts = [c.T @ B @ c for c, B in zip(weights, parameter_covariances, strict=True)]
    return np.asarray(sum(parts))


def t_maps(
    weights: Sequence[Floats], betas: Sequence[Singles], error: Floats, variance: float
) -> TContrastMaps:
    """Effect, variance and t of a contrast of one row.

    Parameters
    ----------
    weights
        (n_regressors, 1) of every run
    betas
        (n_regressors, n_voxels) float32 of every run
    error
        (n_voxels,) residual mean square
    variance
        c' Bcov c

    >>> maps = t_maps([np.array([[2.0]])], [np.array([[3.0]], dtype=np.float32)], np.array([4.0]), 1.0)
    >>> [m.tolist() for m in maps]
    [[6.0], [4.0], [3.0]]
    """
    # spm_contrasts adds up float32 beta images and writes a float32 con image, which t then reads
    effect = single(_combined([c.T for c in weights], betas)[0])
    spread = error * variance
    with np.errstate(divide="ignore", invalid="ignore"):
        return TContrastMaps(effect, spread, single(effect / np.sqrt(spread)))


def f_test(weights: Sequence[Floats], design: Decomposition, design_covariances: Sequence[Floats]) -> FTest:
    """Root of the extra sum of squares and the traces of an F contrast.

    Parameters
    ----------
    weights
        (n_regressors, n_rows) of every run
    design
        Whitened, filtered design.
    design_covariances
        (r, r) U' K W V W' K' U of every run

    >>> X = np.eye(4)[:, :2]
    >>> test = f_test([np.array([[1.0, 2.0], [0.0, 0.0]])], decomposition([X]), [np.eye(2)])
    >>> round(test.dof, 9)
    1.0
    """
    parts = [f.right.T @ c / f.singular[:, None] for f, c in zip(design.runs, weights, strict=True)]
    # spm_sp's rule: entries below the tolerance are zero, lest rounding add a row to the test
    z = np.vstack([np.where(np.abs(part) < design.tolerance, 0.0, part) for part in parts])
    # redundant rows fall out here: F is of the space that the rows span
    left = decomposition([z]).runs[0].left
    ends = np.cumsum([f.singular.size for f in design.runs])[:-1]
    bases = np.split(left, ends)
    # H = B' D V', so that |H beta|² is the extra sum of squares without a fit of the reduced design
    roots = tuple((B.T * f.singular) @ f.right.T for B, f in zip(bases, design.runs, strict=True))
    G = np.zeros((z.shape[1],) * 2)[: left.shape[1], : left.shape[1]]
    for B, inner in zip(bases, design_covariances, strict=True):
        G = G + B.T @ inner @ B
    # tr(M V) and tr(M V M V) of the projector M on the tested space (spm_SpUtil 'trMV')
    return FTest(roots, float(np.trace(G)), float((G * G.T).sum()))


def f_maps(test: FTest, betas: Sequence[Singles], error: Floats) -> FContrastMaps:
    """Extra sum of squares and F.

    Parameters
    ----------
    test
        Roots and traces.
    betas
        (n_regressors, n_voxels) float32 of every run
    error
        (n_voxels,) residual mean square

    >>> test = FTest((np.array([[2.0]]),), 1.0, 1.0)
    >>> [m.tolist() for m in f_maps(test, [np.array([[3.0]], dtype=np.float32)], np.array([4.0]))]
    [[36.0], [9.0]]
    """
    extra = single((_combined(test.roots, betas) ** 2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        # tr(M V) is the expected sum of squares per unit of variance, whatever V is
        return FContrastMaps(extra, single(extra / test.trace / error))


def single(values: Floats) -> Floats:
    """Values rounded to float32, as float64.

    >>> float(single(np.array([0.1]))[0])
    0.10000000149011612
    """
    return values.astype(np.float32).astype(np.float64)


def _combined(rows: Sequence[Floats], betas: Sequence[Singles]) -> Floats:
    """Sum of rows times parameters over runs, without the parameters of weight zero."""
    total = np.zeros((len(rows[0]), betas[0].shape[1]))
    for row, beta in zip(rows, betas, strict=True):
        # spm_contrasts adds up the images whose weight is not 0
        used = np.flatnonzero(row.any(axis=0))
        total += row[:, used] @ beta[used].astype(np.float64)
    return total
