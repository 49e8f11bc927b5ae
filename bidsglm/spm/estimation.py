"""Least squares in the whitened and filtered space: SPM12's ``spm_spm``.

With the filter K and the whitening W, the design is ``A = K W X = U D V'`` and
``beta = V D^-1 U' K W Y``, ``RSS = |K W Y|^2 - |U' K W Y|^2``. Design, W and K are block diagonal
over runs, so every step is done run by run; only the rank tolerance and the residual degrees of
freedom are shared (K. Worsley and K. Friston, NeuroImage 2:173-181, 1995).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bidsglm.design_space import Decomposition, Factors, decomposition
from bidsglm.model import Floats
from bidsglm.spm.highpass import remove
from bidsglm.spm.whitening import Whitening

ROUNDING = 1e-12
"""Share of a series' squares that rounding leaves as a residual where the design explains all of it."""
COLUMNS_AT_ONCE = 512
"""Columns of a whitened covariance that are made together; a run of fewer scans is one part"""


class Projection(NamedTuple):
    """A run's voxels in the space of its design."""

    coefficients: Floats
    """(r, n_voxels) U' K W Y"""
    residual: Floats
    """(n_voxels,) RSS"""
    rounding: Floats
    """(n_voxels,) what RSS must exceed to be more than rounding"""


@dataclass(frozen=True)
class RunModel:
    """One run's design after whitening and filtering."""

    factors: Factors
    X0: Floats
    """(n_scans, n_cosines)"""
    whitening: Whitening | None
    """None for W = I"""

    def whitened(self, Y: Floats) -> Floats:
        """W Y, (n_scans, n_columns)."""
        return Y if self.whitening is None else self.whitening.product(Y)

    @cached_property
    def basis(self) -> Floats:
        """(n_scans, n_cosines + r) cosines and K U, on which whitened data are projected."""
        return np.hstack([self.X0, remove(self.factors.left, self.X0)])

    @cached_property
    def mean_coefficients(self) -> Floats:
        """(r, 1) coefficients of a series of ones."""
        ones = np.ones((len(self.X0), 1))
        return np.asarray(self.basis[:, self.X0.shape[1] :].T @ self.whitened(ones))

    def projection(self, centred: Floats, mean: Floats) -> Projection:
        """Coefficients and residual sum of squares of series.

        Parameters
        ----------
        centred
            (n_scans, n_voxels) without their mean, which keeps the squares small
        mean
            (n_voxels,)
        """
        whitened = self.whitened(centred)
        coefficients = self.basis.T @ whitened
        # Pythagoras in place of the residuals, which would be another array of the data's size
        residual = np.einsum("ij,ij->j", whitened, whitened)
        rounding = ROUNDING * residual + len(whitened) * (ROUNDING * mean) ** 2
        residual -= np.einsum("ij,ij->j", coefficients, coefficients)
        # the means were taken out of the data, so their share of the coefficients is added
        fitted = coefficients[self.X0.shape[1] :] + self.mean_coefficients * mean
        # series that the design explains fully may come out below 0 by rounding
        return Projection(fitted, np.maximum(residual, 0), rounding)

    def parameters(self, projection: Projection) -> Floats:
        """(n_regressors, n_voxels) betas, of minimum norm if the design lacks rank."""
        return np.asarray((self.factors.right / self.factors.singular) @ projection.coefficients)

    def residuals(self, Y: Floats) -> Floats:
        """(n_scans, n_voxels) of the whitened, filtered data."""
        # spm_spm whitens first and filters then; the two do not commute
        filtered = remove(self.whitened(Y), self.X0)
        return np.asarray(filtered - self.factors.left @ (self.factors.left.T @ filtered))


class JointModel(NamedTuple):
    """All runs' designs after whitening and filtering."""

    runs: tuple[RunModel, ...]
    decomposition: Decomposition


def filtered_design(X: Floats, X0: Floats, whitening: Whitening | None = None) -> Floats:
    """K W X, (n_scans, n_regressors).

    >>> filtered_design(np.ones((2, 1)), np.ones((2, 1)) / np.sqrt(2)).round(9).tolist()
    [[0.0], [0.0]]
    """
    return remove(X if whitening is None else whitening.product(X), X0)


def joint_model(
    designs: Sequence[Floats], cosines: Sequence[Floats], whitenings: Sequence[Whitening | None]
) -> JointModel:
    """Whiten, then filter the designs of all runs and decompose them.

    Parameters
    ----------
    designs
        (n_scans, n_regressors) of every run
    cosines
        (n_scans, n_cosines) of every run
    whitenings
        W of every run

    >>> joint_model([np.ones((4, 1))], [np.zeros((4, 0))], [None]).decomposition.rank
    1
    """
    parts = list(zip(designs, cosines, whitenings, strict=True))
    decomposed = decomposition([filtered_design(X, X0, W) for X, X0, W in parts])
    models = tuple(RunModel(f, X0, W) for f, (_, X0, W) in zip(decomposed.runs, parts, strict=True))
    return JointModel(models, decomposed)


class Dispersion(NamedTuple):
    """What the covariance of the whitened, filtered errors implies."""

    trace: float
    """tr(R V), by which the residual sum of squares is divided"""
    squared_trace: float
    """tr(R V R V)"""
    design_covariances: tuple[Floats, ...]
    """(r, r) U' K W V W' K' U of every run"""
    parameter_covariances: tuple[Floats, ...]
    """(n_regressors, n_regressors) of every run, for unit variance"""

    @property
    def dof(self) -> float:
        """Effective residual degrees of freedom."""
        return self.trace**2 / self.squared_trace


def dispersion(model: JointModel, covariances: Sequence[Floats | None]) -> Dispersion:
    """Traces, effective degrees of freedom and parameter covariances.

    Parameters
    ----------
    model
        Design of all runs.
    covariances
        (n_scans, n_scans) V of every run; None for independent errors

    >>> independent = joint_model([np.ones((4, 1))], [np.zeros((4, 0))], [None])
    >>> round(dispersion(independent, [None]).dof, 9)
    3.0
    """
    trace = squared = 0.0
    inner, parameters = [], []
    for run, V in zip(model.runs, covariances, strict=True):
        U, d, right = run.factors
        C = _whitened_covariance(run, V, remove(U, run.X0))
        inside = run.X0.T @ C.of_cosines
        VU = remove(C.of_columns, run.X0)
        # U' V U of the design's space is all that the traces and Bcov need of V = K C K'
        G = U.T @ VU
        # tr(R V) with R = I - U U' (K. Worsley and K. Friston 1995, spm_SpUtil 'trRV'); K = I - X0 X0' is
        # multiplied out, as a filter of all columns of C would be most of the work
        trace += float(C.trace - np.trace(inside) - np.trace(G))
        # tr(R V R V) multiplied out, with squares of entries for traces of symmetric products
        filtered = C.square - 2 * (C.of_cosines**2).sum() + (inside**2).sum()
        squared += float(filtered - 2 * (VU**2).sum() + (G**2).sum())
        inner.append(G)
        # Bcov = A+ V A+' with A+ = V D^-1 U'
        parameters.append((right / d) @ G @ (right / d).T)
    return Dispersion(trace, squared, tuple(inner), tuple(parameters))


class _WhitenedCovariance(NamedTuple):
    """What traces need of C = W V W', which is only nearly I, as W is truncated."""

    trace: float
    square: float
    """Sum of its squares"""
    of_cosines: Floats
    """(n_scans, n_cosines) C X0"""
    of_columns: Floats
    """(n_scans, r) C K U"""


def _whitened_covariance(run: RunModel, V: Floats | None, KU: Floats) -> _WhitenedCovariance:
    n = len(run.X0)
    trace, square = np.float64(), np.float64()
    of_cosines, of_columns = np.zeros_like(run.X0), np.zeros_like(KU)
    for some, C in _columns(run, np.eye(n) if V is None else V):
        trace += np.trace(C[some])
        square += (C**2).sum()
        # of a fading autocorrelation there is nothing far from the diagonal
        used = np.flatnonzero(C.any(axis=1))
        near = slice(used[0], used[-1] + 1)
        of_cosines[near] += C[near] @ run.X0[some]
        of_columns[near] += C[near] @ KU[some]
    return _WhitenedCovariance(float(trace), float(square), of_cosines, of_columns)


def _columns(run: RunModel, V: Floats) -> Iterator[tuple[slice, Floats]]:
    """Some columns of W V W' at a time, as all of a long run would not stay in the processor's cache."""
    W = run.whitening
    if W is None:
        yield slice(0, len(V)), V
        return
    for rows, some in W.parts(COLUMNS_AT_ONCE):
        yield rows, W.product(some.product(V).T)
