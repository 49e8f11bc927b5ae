"""Voxelwise AR(1) least squares as nilearn does it, from lagged cross-products.

nilearn 0.14 whitens ``y_t - rho y_(t-1)`` and leaves the first scan as it is, so that with L the shift by
one scan ``W'W = I - rho (L + L') + rho² (I - e_T e_T')``. With A0 = X'Y, A1 = X'(L + L')Y and the last rows
x_T, y_T,

    X'W'WY = A0 - rho A1 + rho² (A0 - x_T' y_T),

and in the same form y'W'Wy. The coefficient comes from the residuals e of the unwhitened fit,
``rho = (sum e_t e_(t+1) / (n - 1)) / (sum e_t² / n)``, truncated to hundredths; voxels with equal ones
share an inverse. Cosines that are projected off after whitening are further columns that are not whitened
themselves, ``C'WY = C'Y - rho C'LY`` (R. Frisch and F. Waugh, Econometrica 1:387-401, 1933).
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.crossproducts import Products, Span, Values, neighbours, span
from bidsglm.attribution.regression import inverses
from bidsglm.attribution.runs import UnscaledFit
from bidsglm.model import Floats

BINS = 100
"""nilearn's coefficients are whole hundredths."""
NEAR_EDGE = 1e-9
"""Coefficients so near a whole hundredth fall to either side by rounding."""


@dataclass(frozen=True)
class Autoregression:
    """A design to be fitted with each voxel's own AR(1) coefficient."""

    ordinary: Floats
    """(n_scans, r) orthonormal basis of regressors and drifts: its residuals give the coefficients"""
    fitted: Span
    """Space of the columns that are whitened."""
    cosines: Floats
    """(n_scans, m) orthonormal, projected off after whitening"""
    _inverses: dict[int, Floats] = field(default_factory=dict, repr=False, compare=False)

    def inverse(self, hundredths: int) -> Floats:
        """Inverse of the normal matrix for a coefficient in hundredths, (q + m, q + m)."""
        if hundredths not in self._inverses:
            rho = hundredths / BINS
            plain, lagged, further = self._products
            # X'W'WX by powers of rho: three products serve every hundredth
            self._inverses[hundredths] = inverses((plain - rho * lagged + rho**2 * further)[None])[0]
        return self._inverses[hundredths]

    @cached_property
    def _products(self) -> tuple[Floats, Floats, Floats]:
        """Normal matrix by powers of the coefficient."""
        Q, before = self.fitted.basis, np.zeros_like(self.fitted.basis)
        # nilearn's whitening leaves the first scan as it is
        before[1:] = Q[:-1]
        both = np.hstack([Q, self.cosines])
        # cosines are projected off after whitening, so that they have no part that rho scales
        shifted = np.hstack([before, np.zeros_like(self.cosines)])
        once = both.T @ shifted
        return both.T @ both, once + once.T, shifted.T @ shifted


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
    # drifts are fitted and never tested: contrasts weigh them by 0
    joint = span(np.hstack([X, drifts]), padded)
    if projected:
        # coefficients still come from residuals on regressors and drifts, else drift would look like AR(1)
        return Autoregression(joint.basis, span(X, weights), drifts)
    return Autoregression(joint.basis, joint, np.zeros((len(X), 0)))


def coefficients(data: Products, ordinary: Floats) -> Values:
    """AR(1) coefficient of every voxel from its residuals, not truncated; 0 where there are none.

    Parameters
    ----------
    data
        Cross-products of the voxels.
    ordinary
        (n_scans, r) orthonormal basis of the design

    >>> y = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    >>> from bidsglm.attribution.crossproducts import products
    >>> data = products(y, np.ones((4, 1)), np.zeros((4, 0)))
    >>> coefficients(data, np.full((4, 1), 0.5)).tolist()
    [-1.0]
    """
    n, kind = len(ordinary), data.plain.dtype
    place = (data.basis.T @ ordinary).astype(kind)
    # residual sums without residuals: e'e = y'y - b'b, and e'Le from lagged products in the same way
    b = data.plain @ place
    # b'Lb and b'L'b are one number, so that half of L + L' does for L
    inner = (ordinary.T @ neighbours(ordinary) / 2).astype(kind)
    r0 = data.power - np.einsum("vq,vq->v", b, b)
    r1 = data.lag_power - np.einsum("vq,vq->v", data.lagged @ place - b @ inner, b)
    # what rounding leaves of a series that the design explains has no autocorrelation
    floor = np.finfo(kind).eps * n * data.power
    rho: Values = np.zeros_like(r0)
    # Yule-Walker as in nilearn: products over n - 1 pairs, squares over n scans
    np.divide(r1 * n, r0 * (n - 1), out=rho, where=r0 > floor)
    return rho


def truncated(rho: Values) -> NDArray[np.intp]:
    """Coefficients in whole hundredths, cut toward zero.

    >>> truncated(np.array([0.239, -0.239])).tolist()
    [23, -23]
    """
    # nilearn's astype(int) cuts toward 0: coefficients are half a hundredth too small in size on average
    return (rho * BINS).astype(np.intp)


def near_edge(rho: Values) -> NDArray[np.bool_]:
    """Voxels whose coefficient rounding could cut either way.

    >>> near_edge(np.array([0.23, 0.235])).tolist()
    [True, False]
    """
    # cross-products and residuals give coefficients that differ by 1e-12 at most: 1e-9 leaves room for that
    return np.asarray(np.abs(rho * BINS - np.rint(rho * BINS)) < NEAR_EDGE * BINS)


def autoregressive_fit(
    data: Products, design: Autoregression, hundredths: NDArray[np.intp], divisor: float, dof: float
) -> UnscaledFit:
    """Fit every voxel with its own coefficient.

    Parameters
    ----------
    data
        Cross-products of the voxels; their basis spans the design.
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
    # y'W'Wy, the last scan having no successor
    power = (1 + rho**2) * data.power - 2 * rho * data.lag_power - (rho * data.last) ** 2
    # the difference of two nearly equal sums may fall below 0 where the design explains nearly all
    return UnscaledFit(effects, covariances, group, np.maximum(power - explained, 0), divisor, (dof, dof))


def _right_sides(data: Products, design: Autoregression, rho: Values) -> Values:
    """Whitened design times whitened data, (n_voxels, q + m)."""
    kind = data.plain.dtype
    place = (data.basis.T @ design.fitted.basis).astype(kind)
    r = rho[:, None]
    right = data.plain @ place
    # X'W'Wy for every voxel's own rho at once, see the head of this module
    right *= 1 + r**2
    right -= r * (data.lagged @ place)
    right -= (rho**2 * data.last)[:, None] * design.fitted.basis[-1].astype(kind)
    if not design.cosines.shape[1]:
        return np.asarray(right)
    # C'Wy is linear in rho, as the cosines themselves are not whitened
    cosines = data.plain @ (data.basis.T @ design.cosines).astype(kind) - r * data.forward
    return np.hstack([right, cosines])
