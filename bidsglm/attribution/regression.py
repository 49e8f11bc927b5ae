"""Least squares of series that are whitened voxel by voxel, over one run or over several as one regression.

Of a whitened design B (what is projected off after whitening among its columns) and whitened data y a fit
needs ``A = B'B``, ``b = B'y`` and ``y'y``, which add up over runs:

    effects = c A^-1 b,   RSS = y'y - b' A^-1 b,   covariance of effects for unit variance = c A^-1 c'.

Voxels that are whitened alike share A.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.attribution.crossproducts import span
from bidsglm.attribution.runs import UnscaledFit
from bidsglm.model import Floats

SINGULAR = 1e8
"""Entries of an inverse of normal equations with orthonormal columns that show a lack of rank."""

Whole = NDArray[np.intp]


class RunPart(NamedTuple):
    """One run of a regression."""

    X: Floats
    """(n_scans, n_columns) columns of the whole regression in this run"""
    projected: Floats
    """(n_scans, m) orthonormal columns that are projected off after whitening"""
    Y: Floats
    """(n_scans, n_voxels) without their means; voxels around those that are wanted may follow"""
    run: int


class Regression(NamedTuple):
    """What is fitted together: one run, or several that share parameters."""

    parts: tuple[RunPart, ...]
    bases: tuple[Floats, ...]
    """(n_scans, q) of every part: an orthonormal basis of the whole design"""
    projected: tuple[Floats, ...]
    """(n_scans, m) of every part: projected columns of all parts, zero in the others"""
    rows: Floats
    """(n_rows, q + m) contrasts on basis and projected columns"""
    ordinary: tuple[Floats, ...]
    """(n_scans, r) of every part: an orthonormal basis of design and projected columns"""
    n_columns: int
    """Columns of the design as they are counted, the projected ones among them"""

    @property
    def n_scans(self) -> int:
        """Scans of all parts."""
        return sum(len(part.X) for part in self.parts)

    @property
    def rank(self) -> int:
        """Rank of design and projected columns."""
        return int(self.ordinary[0].shape[1])

    def residuals(self, n_voxels: int | None = None) -> list[Floats]:
        """Residuals of ordinary least squares, (n_scans, n_voxels) of every part."""
        series = [part.Y[:, :n_voxels] for part in self.parts]
        parts = list(zip(self.ordinary, series, strict=True))
        # parts share their parameters: U'y is summed over the runs before any residual can be taken
        coefficients = sum(basis.T @ Y for basis, Y in parts)
        return [Y - basis @ coefficients for basis, Y in parts]


def regression(parts: Sequence[RunPart], weights: Floats) -> Regression:
    """Prepare a regression.

    Parameters
    ----------
    parts
        Runs, with the same columns.
    weights
        (n_rows, n_columns) of estimable contrasts

    >>> part = RunPart(np.ones((4, 1)), np.zeros((4, 0)), np.zeros((4, 1)), 0)
    >>> regression([part], np.ones((1, 1))).rank
    1
    """
    X = np.vstack([part.X for part in parts])
    X0 = scipy.linalg.block_diag(*(part.projected for part in parts))
    ends = np.cumsum([len(part.X) for part in parts])[:-1]
    # contrasts weigh the design's own space; residuals and rank need what is projected off too
    space = span(X, weights)
    both = span(np.hstack([X, X0]), np.zeros((0, X.shape[1] + X0.shape[1])))
    return Regression(
        tuple(parts),
        tuple(np.split(space.basis, ends)),
        tuple(np.split(X0, ends)),
        # what is projected off is fitted beside the design (Frisch and Waugh 1933), and has no weight
        np.pad(space.rows, ((0, 0), (0, X0.shape[1]))),
        tuple(np.split(both.basis, ends)),
        X.shape[1] + X0.shape[1],
    )


class NormalEquations(NamedTuple):
    """Normal equations of some voxels in one part."""

    matrices: Floats
    """(n_groups, q + m, q + m) A"""
    group: Whole
    """(n_voxels,) group of each voxel"""
    sides: Floats
    """(n_voxels, q + m) b"""
    power: Floats
    """(n_voxels,) y'y"""


class Counting(NamedTuple):
    """How a package counts what a design leaves."""

    divisor: float
    """By which the residual sum of squares becomes a variance"""
    dof: float


def solved(normals: Sequence[NormalEquations], rows: Floats, freedom: Counting) -> UnscaledFit:
    """Solve the normal equations of all parts together.

    Parameters
    ----------
    normals
        One for every part.
    rows
        (n_rows, q + m)
    freedom
        Divisor and degrees of freedom.

    >>> normal = NormalEquations(np.eye(1)[None], np.zeros(1, dtype=int), np.array([[3.0]]), np.array([10.0]))
    >>> fit = solved([normal], np.ones((1, 1)), Counting(1.0, 1.0))
    >>> fit.effects.tolist(), fit.residual.tolist()
    ([[3.0]], [1.0])
    """
    groups = np.stack([normal.group for normal in normals], axis=1)
    # voxels that are whitened alike in every part share one inverse
    distinct, group = np.unique(groups, axis=0, return_inverse=True)
    A = sum(normal.matrices[distinct[:, i]] for i, normal in enumerate(normals))
    b = sum(normal.sides for normal in normals)
    power = sum(normal.power for normal in normals)
    inverse = inverses(np.asarray(A))
    group = group.reshape(-1)
    betas = _by_group(inverse, group, np.asarray(b))
    residual = np.asarray(power) - np.einsum("vq,vq->v", betas, b)
    covariances = np.einsum("iq,gqr,jr->gij", rows, inverse, rows, optimize=True)
    return UnscaledFit(
        np.asarray(rows @ betas.T),
        covariances,
        group.astype(np.intp),
        # a difference of two nearly equal sums, where the design explains nearly all
        np.maximum(residual, 0),
        freedom.divisor,
        (freedom.dof, freedom.dof),
    )


def _by_group(matrices: Floats, group: Whole, vectors: Floats) -> Floats:
    """Product of each voxel's vector with the matrix of its group."""
    if len(matrices) == len(group):
        return np.asarray(np.einsum("vqr,vr->vq", matrices[group], vectors))
    result = np.empty_like(vectors)
    # voxels of one group stand together: a matrix product each, instead of one per voxel
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(matrices)))
    for matrix, members in zip(matrices, np.split(order, starts[1:]), strict=True):
        result[members] = vectors[members] @ matrix
    return result


def inverses(A: Floats) -> Floats:
    """Inverses of normal equations, or pseudo-inverses where a column of the design is itself projected off.

    Parameters
    ----------
    A
        (n_matrices, n, n) of whitened columns that are orthonormal before whitening
    """
    try:
        inverse = np.linalg.inv(A)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(A, hermitian=True))
    # whitening may scale all columns up or down, which says nothing of their rank
    scale = np.abs(np.einsum("gii->gi", A)).max(axis=1)
    lost = np.abs(inverse).max(axis=(1, 2)) * scale > SINGULAR
    if lost.any():
        # estimable contrasts have the same effects by any generalised inverse; this one blows up no rounding
        inverse[lost] = np.linalg.pinv(A[lost], hermitian=True)
    return np.asarray(inverse)


def normal_by_group(B: Sequence[Floats], group: Whole, Y: Sequence[Floats]) -> NormalEquations:
    """Normal equations where voxels of a group share the whitened design.

    Parameters
    ----------
    B
        (n_scans, q + m) whitened design of every group, projected columns among it
    group
        (n_voxels,)
    Y
        (n_scans, n_members) whitened data of every group, its voxels in their order
    """
    n_voxels, size = len(group), B[0].shape[1]
    sides, power = np.empty((n_voxels, size)), np.empty(n_voxels)
    for k, (design, series) in enumerate(zip(B, Y, strict=True)):
        members = np.flatnonzero(group == k)
        sides[members] = series.T @ design
        power[members] = np.einsum("ij,ij->j", series, series)
    return NormalEquations(np.stack([design.T @ design for design in B]), group, sides, power)
