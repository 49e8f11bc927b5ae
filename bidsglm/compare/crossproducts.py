"""Voxelwise AR(1) least squares from lagged cross-products, for any coefficient and any design.

nilearn 0.14 whitens ``y_t - rho y_(t-1)`` and leaves the first scan as it is, so that with L the shift by
one scan ``W'W = I - rho (L + L') + rho² (I - e_T e_T')``. With A0 = X'Y, A1 = X'(L + L')Y and the last rows
x_T, y_T,

    X'W'WY = A0 - rho A1 + rho² (A0 - x_T' y_T),

and in the same form X'W'WX and y'W'Wy: one pass over the data serves every design whose columns lie in a
known space. The coefficient comes from the residuals e of the unwhitened fit,
``rho = (sum e_t e_(t+1) / (n - 1)) / (sum e_t² / n)``, truncated to hundredths; voxels with equal ones
share an inverse. Cosines that are projected off after whitening are further columns that are not whitened
themselves, ``C'WY = C'Y - rho C'LY`` (R. Frisch and F. Waugh, Econometrica 1:387-401, 1933).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.model import Floats

BINS = 100
"""nilearn's coefficients are whole hundredths."""
NEAR_EDGE = 1e-9
"""Coefficients so near a whole hundredth fall to either side by rounding."""

DEAD = 1e-13
"""Columns that are smaller than the largest by this factor are numerically zero."""
ESTIMABLE = 1e-6
"""Share of a contrast that may lie outside the row space."""
SINGULAR = 1e8
"""Entries of an inverse of normal equations with orthonormal columns that show a lack of rank."""

Values = NDArray[np.floating]


class Span(NamedTuple):
    """Orthonormal basis of a design and what contrasts become on it."""

    basis: Floats
    """(n_scans, rank)"""
    rows: Floats
    """(n_rows, rank): contrast weights times parameters = rows times coefficients"""


class _Decomposed(NamedTuple):
    left: Floats
    """(n_scans, rank)"""
    singular: Floats
    """(rank,)"""
    right: Floats
    """(n_columns, rank)"""
    scale: Floats
    """(n_columns,) by which the columns were divided"""


def _decomposed(X: Floats) -> _Decomposed:
    """Singular values of the columns at unit length, so that their scales do not matter."""
    norms = np.linalg.norm(X, axis=0)
    # what nilearn makes of a dead column when it lifts singular values stays dead
    alive = norms > DEAD * norms.max(initial=0.0)
    scale = np.where(alive, norms, 1.0)
    left, singular, right = np.linalg.svd(X * alive / scale, full_matrices=False)
    keep = singular > max(X.shape) * np.finfo(float).eps * singular.max(initial=0.0)
    return _Decomposed(left[:, keep], singular[keep], right[keep].T, scale)


def span(X: Floats, weights: Floats) -> Span:
    """Orthonormal basis of a design's columns.

    Parameters
    ----------
    X
        (n_scans, n_columns)
    weights
        (n_rows, n_columns) of estimable contrasts

    >>> q = span(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0]]))
    >>> np.abs(q.basis).tolist(), np.abs(q.rows).tolist()
    ([[1.0], [0.0]], [[0.5]])
    """
    parts = _decomposed(X)
    return Span(parts.left, (weights / parts.scale) @ (parts.right / parts.singular))


def estimable(X: Floats, weights: Floats) -> bool:
    """Whether contrasts lie in the row space of a design, within rounding.

    Parameters
    ----------
    X
        (n_scans, n_columns)
    weights
        (n_rows, n_columns)

    >>> estimable(np.ones((3, 2)), np.array([[1.0, 1.0]])), estimable(np.ones((3, 2)), np.array([[1.0, 0.0]]))
    (True, False)
    """
    parts = _decomposed(X)
    rows = weights / parts.scale
    missing = rows - (rows @ parts.right) @ parts.right.T
    return bool(np.abs(missing).max(initial=0.0) <= ESTIMABLE * np.abs(rows).max(initial=0.0))


class Products(NamedTuple):
    """Cross-products of some voxels of one run with a basis, and with themselves."""

    basis: Floats
    """(n_scans, d) orthonormal"""
    plain: Values
    """(n_voxels, d) Y'B"""
    lagged: Values
    """(n_voxels, d) Y'(L + L')B"""
    forward: Values
    """(n_voxels, m) Y'L'C"""
    last: Values
    """(n_voxels,) last scan"""
    power: Values
    """(n_voxels,) sum of y_t²"""
    lag_power: Values
    """(n_voxels,) sum of y_t y_(t+1)"""


def neighbours(B: Floats) -> Floats:
    """(L + L') B: each row is the sum of the rows before and after.

    >>> neighbours(np.array([[1.0], [2.0], [4.0]])).ravel().tolist()
    [2.0, 5.0, 2.0]
    """
    total = np.zeros_like(B)
    total[1:] += B[:-1]
    total[:-1] += B[1:]
    return total


def following(B: Floats) -> Floats:
    """L' B: each row is the row after, the last is zero.

    >>> following(np.array([[1.0], [2.0]])).ravel().tolist()
    [2.0, 0.0]
    """
    return np.vstack([B[1:], np.zeros_like(B[:1])])


def products(Y: Values, columns: Floats, cosines: Floats) -> Products:
    """One pass over the data.

    Parameters
    ----------
    Y
        (n_scans, n_voxels) without their means
    columns
        (n_scans, n_columns) of all designs that will be fitted
    cosines
        (n_scans, m) that will be projected off after whitening

    >>> products(np.array([[1.0], [-1.0], [0.0]]), np.eye(3), np.zeros((3, 0))).lag_power.tolist()
    [-1.0]
    """
    basis = span(columns, np.zeros((0, columns.shape[1]))).basis
    power = np.einsum("tv,tv->v", Y, Y)
    lag_power = np.einsum("tv,tv->v", Y[1:], Y[:-1])
    transposed, kind = Y.T, Y.dtype
    return Products(
        basis,
        transposed @ basis.astype(kind),
        transposed @ neighbours(basis).astype(kind),
        transposed @ following(cosines).astype(kind),
        Y[-1],
        power,
        lag_power,
    )


@dataclass(frozen=True)
class Autoregression:
    """A design to be fitted with each voxel's own AR(1) coefficient."""

    ordinary: Floats
    """(n_scans, r) orthonormal basis of regressors and drifts: its residuals give the coefficients"""
    fitted: Span
    """Of the columns that are whitened."""
    cosines: Floats
    """(n_scans, m) orthonormal, projected off after whitening"""
    _inverses: dict[int, Floats] = field(default_factory=dict, repr=False, compare=False)

    def inverse(self, hundredths: int) -> Floats:
        """Inverse of the normal matrix for a coefficient in hundredths, (q + m, q + m)."""
        if hundredths not in self._inverses:
            Q = self.fitted.basis
            whitened = Q.copy()
            whitened[1:] -= hundredths / BINS * Q[:-1]
            both = np.hstack([whitened, self.cosines])
            self._inverses[hundredths] = _inverse(both.T @ both)
        return self._inverses[hundredths]


def _inverse(A: Floats) -> Floats:
    """Inverse, or pseudo-inverse where a regressor is itself a cosine."""
    try:
        inverse = np.linalg.inv(A)
    except np.linalg.LinAlgError:
        inverse = np.full_like(A, np.inf)
    if np.abs(inverse).max() < SINGULAR:
        return np.asarray(inverse)
    return np.asarray(np.linalg.pinv(A, hermitian=True))


def autoregression(X: Floats, drifts: Floats, weights: Floats, projected: bool) -> Autoregression:
    """Prepare a design.

    Parameters
    ----------
    X
        (n_scans, n_columns) regressors and constant
    drifts
        (n_scans, m) orthonormal if they are to be projected off
    weights
        (n_rows, n_columns)
    projected
        Project the drifts off after whitening, in place of whitening them like other columns.

    >>> autoregression(np.ones((4, 1)), np.eye(4)[:, :1], np.ones((1, 1)), True).ordinary.shape
    (4, 2)
    """
    padded = np.hstack([weights, np.zeros((len(weights), drifts.shape[1]))])
    joint = span(np.hstack([X, drifts]), padded)
    if projected:
        return Autoregression(joint.basis, span(X, weights), drifts)
    return Autoregression(joint.basis, joint, np.zeros((len(X), 0)))


def coefficients(data: Products, ordinary: Floats) -> Values:
    """AR(1) coefficient of every voxel from its residuals, not truncated; 0 where there are none.

    Parameters
    ----------
    data
        Of the voxels.
    ordinary
        (n_scans, r) orthonormal basis of the design

    >>> y = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    >>> data = products(y, np.ones((4, 1)), np.zeros((4, 0)))
    >>> coefficients(data, np.full((4, 1), 0.5)).tolist()
    [-1.0]
    """
    n, kind = len(ordinary), data.plain.dtype
    place = (data.basis.T @ ordinary).astype(kind)
    b = data.plain @ place
    inner = (ordinary.T @ neighbours(ordinary) / 2).astype(kind)
    r0 = data.power - np.einsum("vq,vq->v", b, b)
    r1 = data.lag_power - np.einsum("vq,vq->v", data.lagged @ place - b @ inner, b)
    floor = np.finfo(kind).eps * n * data.power
    rho = np.zeros_like(r0)
    np.divide(r1 * n, r0 * (n - 1), out=rho, where=r0 > floor)
    return rho


def truncated(rho: Values) -> NDArray[np.intp]:
    """Coefficients in whole hundredths, cut toward zero.

    >>> truncated(np.array([0.239, -0.239])).tolist()
    [23, -23]
    """
    return (rho * BINS).astype(np.intp)


def near_edge(rho: Values) -> NDArray[np.bool_]:
    """Voxels whose coefficient rounding could cut either way.

    >>> near_edge(np.array([0.23, 0.235])).tolist()
    [True, False]
    """
    return np.abs(rho * BINS - np.rint(rho * BINS)) < NEAR_EDGE * BINS


class RunFit(NamedTuple):
    """What contrasts need of one run, for data that are not scaled."""

    effects: Values
    """(n_rows, n_voxels)"""
    covariances: Floats
    """(n_groups, n_rows, n_rows) of the effects for unit variance"""
    group: NDArray[np.intp]
    """(n_voxels,) group of each voxel"""
    residual: Values
    """(n_voxels,) residual sum of squares of the whitened data"""
    divisor: float
    """By which the residual sum of squares becomes a variance."""
    traces: tuple[float, float]
    """tr(RV), tr(RVRV), of which the degrees of freedom are made; both scans minus rank for AR(1)"""


def autoregressive_fit(
    data: Products, design: Autoregression, hundredths: NDArray[np.intp], divisor: float, dof: float
) -> RunFit:
    """Fit every voxel with its own coefficient.

    Parameters
    ----------
    data
        Of the voxels; their basis spans the design.
    design
        From `autoregression`.
    hundredths
        (n_voxels,) coefficients, from `truncated`
    divisor
        Scans minus columns.
    dof
        Scans minus rank.
    """
    kind = data.plain.dtype
    rho = (hundredths / BINS).astype(kind)
    # equal coefficients stand together, so that every group is one block
    order = np.argsort(hundredths, kind="stable")
    values, starts = np.unique(hundredths[order], return_index=True)
    stops = np.append(starts[1:], len(rho))
    right = _right_sides(data, design, rho)[order]
    rows = np.pad(design.fitted.rows, ((0, 0), (0, design.cosines.shape[1])))
    effects, explained = np.empty((len(rows), len(rho)), kind), np.empty(len(rho), kind)
    covariances = np.empty((len(values), len(rows), len(rows)))
    group = np.empty(len(rho), np.intp)
    for k, (value, start, stop) in enumerate(zip(values, starts, stops, strict=True)):
        inverse, members = design.inverse(int(value)), order[start:stop]
        solved = right[start:stop] @ inverse.astype(kind)
        effects[:, members] = (solved @ rows.T.astype(kind)).T
        explained[members] = np.einsum("vq,vq->v", solved, right[start:stop])
        covariances[k] = rows @ inverse @ rows.T
        group[members] = k
    power = (1 + rho**2) * data.power - 2 * rho * data.lag_power - (rho * data.last) ** 2
    return RunFit(effects, covariances, group, np.maximum(power - explained, 0), divisor, (dof, dof))


def _right_sides(data: Products, design: Autoregression, rho: Values) -> Values:
    """Whitened design times whitened data, (n_voxels, q + m)."""
    kind = data.plain.dtype
    place = (data.basis.T @ design.fitted.basis).astype(kind)
    r = rho[:, None]
    right = data.plain @ place
    right *= 1 + r**2
    right -= r * (data.lagged @ place)
    right -= (rho**2 * data.last)[:, None] * design.fitted.basis[-1].astype(kind)
    if not design.cosines.shape[1]:
        return np.asarray(right)
    cosines = data.plain @ (data.basis.T @ design.cosines).astype(kind) - r * data.forward
    return np.hstack([right, cosines])
