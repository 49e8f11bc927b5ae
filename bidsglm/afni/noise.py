"""Pairs (a, b) of ARMA(1,1) noise with what all voxels share at each: the grid of 3dREMLfit.

With ``R = L L'`` and the QR decomposition ``L^-1 X = Q T``, and with ``P = R^-1 X T^-1``, a series y has

    beta = T^-1 P' y,   r'r = |L^-1 y|^2 - |P' y|^2,   det(X' R^-1 X) = det(T)^2,

and the criterion ``L(a, b) = (n - m) ln r'r + ln det R + ln det(X' R^-1 X)``, n rows, m columns: -2 times the
restricted log-likelihood up to a constant (``3dREMLfit -help``; G. Chen et al., NeuroImage 60:747, 2012).
"""

from typing import NamedTuple

import numpy as np
import scipy

from bidsglm.afni.correlation import (
    CUTOFF,
    BandedRoot,
    Whole,
    banded_root,
    correlation_band,
    first_correlation,
)
from bidsglm.design_space import independent_columns
from bidsglm.model import Floats

A_STEPS = 8
"""a = 0, 0.1 ... 0.8: the default grid of 3dREMLfit (-Grid 3, -MAXa 0.8)"""
B_STEPS = 16
"""b = -0.8, -0.7 ... 0.8 (-MAXb 0.8)"""
LARGEST = 0.8

WHITE = (0, B_STEPS // 2)
"""Place of a = b = 0 in the grid."""


class NoisePair(NamedTuple):
    """What all voxels of one pair (a, b) share."""

    a: float
    b: float
    place: tuple[int, int]
    """Indices of a and b in the grid"""
    root: BandedRoot
    """L"""
    projector: Floats
    """(n_rows, n_columns) P"""
    inverse: Floats
    """(n_columns, n_columns) T^-1"""
    log_determinants: float
    """ln det R + ln det(X' R^-1 X)"""

    @property
    def correlation(self) -> float:
        """Correlation lambda of neighbours."""
        return first_correlation(self.a, self.b)

    @property
    def covariance(self) -> Floats:
        """(W' W)^-1, covariance of the parameters for unit variance, (n_columns, n_columns)."""
        return np.asarray(self.inverse @ self.inverse.T)

    @property
    def dof(self) -> int:
        """Residual degrees of freedom n - m, whatever the correlation."""
        n_rows, n_columns = self.projector.shape
        return int(n_rows - n_columns)

    def residual_squares(self, Y: Floats) -> Floats:
        """Residual sums of squares r'r of series, (n_voxels,)."""
        coefficients = self.projector.T @ Y
        # by Pythagoras, as Q is orthonormal; what the design explains fully may come out below 0
        explained = np.einsum("ij,ij->j", coefficients, coefficients)
        return np.asarray(np.maximum(self.root.squares(Y) - explained, 0))

    def criterion(self, residual_squares: Floats) -> Floats:
        """L(a, b), (n_voxels,); minus infinity without a residual."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.dof * np.log(residual_squares) + self.log_determinants)

    def parameters(self, Y: Floats) -> Floats:
        """Generalised least squares beta, (n_columns, n_voxels)."""
        return np.asarray(self.inverse @ (self.projector.T @ Y))


def dependent_columns(X: Floats) -> list[int]:
    """Columns that are combinations of those before them, such as columns of zeros.

    >>> dependent_columns(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1.0], [1.0, 2.0, 3.0]]))
    [1]
    """
    return sorted(set(range(X.shape[1])) - set(independent_columns(X)))


def noise_pair(X: Floats, times: Whole, place: tuple[int, int] = WHITE) -> NoisePair:
    """Prepare one pair of the grid; by default a = b = 0, which gives ordinary least squares.

    Parameters
    ----------
    X
        (n_rows, n_columns) design
    times
        (n_rows,) time index of each row
    place
        Indices of a and b in the grid.

    Raises
    ------
    numpy.linalg.LinAlgError
        The cut correlation is not positive definite.

    >>> pair = noise_pair(np.ones((4, 1)), np.arange(4))
    >>> pair.parameters(np.array([[1.0], [2.0], [3.0], [6.0]])).round(9).tolist(), pair.dof
    ([[3.0]], 3)
    """
    return _paired(X, root_at(place, times), place)


def root_at(place: tuple[int, int], times: Whole) -> BandedRoot:
    """Cholesky root of the correlation at a place of the grid.

    Parameters
    ----------
    place
        Indices of a and b in the grid.
    times
        (n_rows,) time index of each row

    Raises
    ------
    numpy.linalg.LinAlgError
        The cut correlation is not positive definite.
    """
    return banded_root(correlation_band(*_values(place), times))


def _paired(X: Floats, root: BandedRoot, place: tuple[int, int]) -> NoisePair:
    a, b = _values(place)
    # T of L^-1 X = Q T; Q itself is never needed, as P = R^-1 X T^-1
    triangle = scipy.linalg.qr(root.whitened(X), mode="r")[0][: X.shape[1]]
    inverse = scipy.linalg.solve_triangular(triangle, np.eye(X.shape[1]))
    # det(X' R^-1 X) = det(T)^2; both determinants are all of the criterion that no voxel's data enter
    determinants = root.log_determinant + 2 * float(np.log(np.abs(np.diag(triangle))).sum())
    # P'y = Q' L^-1 y: parameters and what they explain need no whitened series
    return NoisePair(a, b, place, root, root.solved(X) @ inverse, inverse, determinants)


def white_noise(X: Floats, times: Whole) -> tuple[NoisePair, ...]:
    """Prepare ordinary least squares: a grid of white noise alone.

    Parameters
    ----------
    X
        (n_rows, n_columns) design of full rank
    times
        (n_rows,) time index of each row

    Raises
    ------
    ValueError
        Columns depend on each other, or leave no residual degrees of freedom.

    >>> white_noise(np.ones((4, 2)), np.arange(4))
    Traceback (most recent call last):
    ValueError: columns 1 (from 0) of the design depend on those before them
    """
    # T would have a zero on its diagonal: no inverse, and ln det(X' R^-1 X) without a bound
    if dependent := dependent_columns(X):
        raise ValueError(
            f"columns {', '.join(map(str, dependent))} (from 0) of the design depend on those before them"
        )
    if len(X) <= X.shape[1]:
        raise ValueError(f"{X.shape[1]} columns leave no residual degrees of freedom in {len(X)} rows")
    return (noise_pair(X, times),)


def noise_grid(X: Floats, times: Whole) -> tuple[NoisePair, ...]:
    """Prepare all pairs of the grid that count: white noise, then those with a positive correlation.

    They hold about ``110 n (m + 66)`` numbers for n rows and m columns, whatever the number of voxels.

    Parameters
    ----------
    X
        (n_rows, n_columns) design of full rank
    times
        (n_rows,) time index of each row

    Returns
    -------
    b outer, a inner, both ascending, behind white noise

    Raises
    ------
    ValueError
        As for white noise.

    >>> len(noise_grid(np.ones((40, 1)), np.arange(40)))
    109
    """
    return grid_of(X, times, roots(times))


Roots = tuple[tuple[tuple[int, int], BandedRoot], ...]
"""Place of each pair that counts but white noise, and its root"""


def roots(times: Whole) -> Roots:
    """Roots of the pairs that count, which designs of the same rows share.

    Parameters
    ----------
    times
        (n_rows,) time index of each row

    >>> len(roots(np.arange(40)))
    108
    """
    found = []
    # b outer, a inner: of equal criteria the first one met stays, so the order of the pairs decides
    for place in ((i, j) for j in range(B_STEPS + 1) for i in range(A_STEPS + 1)):
        # 3dREMLfit leaves out negative correlations unless it is told to keep them (-NEGcor)
        if first_correlation(*_values(place)) < CUTOFF:
            continue
        try:
            found.append((place, root_at(place, times)))
        except np.linalg.LinAlgError:
            # a band that was cut too steeply is no correlation; 3dREMLfit skips the pair as well
            continue
    return tuple(found)


def grid_of(X: Floats, times: Whole, shared: Roots) -> tuple[NoisePair, ...]:
    """Prepare the pairs of a design, as `noise_grid` does, with roots that are there already.

    Raises
    ------
    ValueError
        As for white noise.

    >>> times = np.arange(40)
    >>> len(grid_of(np.ones((40, 1)), times, roots(times)))
    109
    """
    return (*white_noise(X, times), *(_paired(X, root, place) for place, root in shared))


def _values(place: tuple[int, int]) -> tuple[float, float]:
    # exact zeros in the middle of the grid, as a = 0 and lambda = 0 are cases of their own
    return LARGEST * place[0] / A_STEPS, LARGEST * (2 * place[1] - B_STEPS) / B_STEPS
