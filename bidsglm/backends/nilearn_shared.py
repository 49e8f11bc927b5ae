"""nilearn's AR(1) fit with each of its models made once, for all voxels that have its coefficient.

``run_glm`` makes a regression with a pseudo-inverse for every coefficient at every call, and calls must be
small to bound the memory. The models here are nilearn's own; only which voxel has which is found by this
module, by the same equations (Yule and Walker's from residuals of least squares, cut to hundredths toward
zero).
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.autoregression import BINS, NEAR_EDGE, truncated
from bidsglm.backends.nilearn_records import Group, RunColumns
from bidsglm.backends.nilearn_signals import ScaledSignals
from bidsglm.model import Floats, Mask
from bidsglm.spm.space import factors

CHUNK = 2_000
"""Voxels at a time: their values, 5 MB with 300 scans, stay near the processor"""
SMALL = 1e-10
"""Share of a series' squares below which the residuals' own rounding moves their coefficient"""
SPANNED = 1e-8
"""Share of a constant that may lie outside a design that has one"""
ROUNDINGS = 100 * np.finfo(float).eps
"""Errors of some operations in a row"""


class Coefficients(NamedTuple):
    """Whose model some voxels have."""

    hundredths: NDArray[np.intp]
    """(n_columns,)"""
    doubtful: Mask
    """(n_columns,) where rounding may count"""


class Check(NamedTuple):
    """What ``run_glm`` gave beside."""

    n_checked: int
    """Voxels that both fitted"""
    difference: float
    """See `bidsglm.backends.nilearn_engine.difference`"""


class SharedModels:
    """nilearn's models of one design, each made when a voxel first needs it."""

    check: Check | None = None
    """None as long as nobody looked"""

    def __init__(self, X: Floats) -> None:
        self.X = X
        self.made: dict[int, Any] = {}
        """Coefficient in hundredths -> nilearn's model"""

    @cached_property
    def ordinary(self) -> Floats:
        """(n_regressors, n_scans) parameters of least squares, from the series."""
        from nilearn.glm import OLSModel

        return np.asarray(OLSModel(self.X).calc_beta)

    @property
    def has_constant(self) -> bool:
        """Whether residuals have no mean; nilearn takes that of all voxels together off them.

        >>> SharedModels(np.ones((3, 2))).has_constant, SharedModels(np.arange(3.0)[:, None]).has_constant
        (True, False)
        """
        one, lengths = np.ones(len(self.X)), np.linalg.norm(self.X, axis=0)
        # of columns of unit length, whose sizes do not matter then
        basis = factors(self.X / np.where(lengths > 0, lengths, 1.0)).left
        return bool(np.linalg.norm(one - basis @ (basis.T @ one)) <= SPANNED * np.linalg.norm(one))

    @cached_property
    def edge(self) -> float:
        """How near a whole hundredth a coefficient is to either side of it by rounding."""
        # how large values on the way to residuals get: columns that nearly repeat others make them so
        growth = float((np.abs(self.X) @ np.abs(self.ordinary)).sum(axis=1).max())
        return max(NEAR_EDGE, ROUNDINGS * growth)

    def model(self, hundredths: int) -> Any:
        """Model of a coefficient, as nilearn makes it."""
        from nilearn.glm import ARModel

        if hundredths not in self.made:
            self.made[hundredths] = ARModel(self.X, hundredths / BINS)
        return self.made[hundredths]

    def coefficients(self, values: Floats, squares: Floats) -> Coefficients:
        """Find the coefficients of some voxels.

        Parameters
        ----------
        values : (n_scans, n_columns)
        squares : (n_columns,) sums of their squares
        """
        n_scans = len(values)
        residuals = self.X @ (self.ordinary @ values)
        np.subtract(values, residuals, out=residuals)
        left = np.einsum("ij,ij->j", residuals, residuals)
        lagged = np.einsum("ij,ij->j", residuals[1:], residuals[:-1])
        # what has no residuals is doubtful
        rho = np.divide(lagged / (n_scans - 1), left / n_scans, out=np.zeros_like(left), where=left > 0)
        certain = (np.abs(rho * BINS - np.rint(rho * BINS)) > self.edge * BINS) & (left > SMALL * squares)
        return Coefficients(truncated(np.where(certain, rho, 0.0)), ~certain)


def fit_columns(
    shared: SharedModels, signals: ScaledSignals, columns: NDArray[np.intp]
) -> tuple[RunColumns, NDArray[np.intp]]:
    """Fit columns of a run; returns those where rounding may count too, whose numbers are not to be used.

    Parameters
    ----------
    shared : models of its design
    signals : of the run
    columns : with data
    """
    n_scans, n_regressors = shared.X.shape
    run, doubtful = RunColumns(n_regressors, signals.mask.size), [columns[:0]]
    for start in range(0, columns.size, CHUNK):
        members = columns[start : start + CHUNK]
        values = signals(members).astype(np.float64, copy=False)
        squares = np.einsum("ij,ij->j", values, values)
        found = shared.coefficients(values, squares)
        # equal coefficients stand together, so that every model has one block
        order = np.argsort(found.hundredths, kind="stable")
        run.put(members[order], _groups(shared, np.take(values, order, axis=1), found.hundredths[order]))
        run.settle(members, squares, n_scans)
        doubtful.append(members[found.doubtful])
    run.dof = float(n_scans - shared.model(0).df_model)
    return run, np.concatenate(doubtful)


def _groups(shared: SharedModels, values: Floats, hundredths: NDArray[np.intp]) -> Iterator[Group]:
    """Fit voxels that are in order of their coefficients."""
    used, starts = np.unique(hundredths, return_index=True)
    for value, start, stop in zip(used, starts, [*starts[1:], hundredths.size], strict=True):
        result = shared.model(int(value)).fit(values[:, start:stop])
        yield Group(name_of(value), stop - start, result.theta, result.dispersion, result.cov)


def name_of(hundredths: int) -> str:
    """Name a coefficient as nilearn does.

    >>> name_of(31), name_of(-7), name_of(0)
    ('0.31', '-0.07', '0.0')
    """
    return str(float(hundredths * 1.0 / BINS))
