"""nilearn's AR(1) fit from lagged cross-products, with each of nilearn's models made once.

``run_glm`` makes a regression with a pseudo-inverse for every coefficient at every call, and whitens every
series. Coefficients (Yule and Walker's from residuals of least squares, cut to hundredths toward zero),
parameters and dispersions need no residuals: with Q an orthonormal basis of the design and L the shift by one
scan, they follow from Q'y, Q'(L + L')y, y'y, y'Ly and the last scan (see
`bidsglm.attribution.autoregression`). Where columns differ so much in size that the rounding of nilearn's
pseudo-inverse shows, parameters are taken with that pseudo-inverse, which is one matrix with its whitening.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.autoregression import BINS, NEAR_EDGE, truncated
from bidsglm.attribution.crossproducts import Span, following, neighbours, span
from bidsglm.backends.nilearn_records import Group, RunColumns
from bidsglm.backends.nilearn_signals import ScaledSignals
from bidsglm.model import Floats, Mask

CHUNK = 2_000
"""Voxels at a time: their values, 5 MB with 300 scans, stay near the processor"""
SMALL = 1e-5
"""Share of a series' squares below which the rounding of sums shows in what is left of them"""
OFF_ZERO = 0.5
"""Share of a series' squares that its mean may make up in the sums"""
EVEN = 1e4
"""Condition number of a design up to which parameters are the library's to 1e-11 however they are computed"""
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


class Sums(NamedTuple):
    """Cross-products of some voxels, without their means where these are large."""

    plain: Floats
    """(rank, n_columns) Q'y"""
    lagged: Floats
    """(rank, n_columns) Q'(L + L')y"""
    squares: Floats
    """(n_columns,) y'y"""
    neighbours: Floats
    """(n_columns,) y'Ly"""
    last: Floats
    """(n_columns,) last scan"""
    means: Floats | None
    """(n_columns,) what was taken off"""


class SharedModel(NamedTuple):
    """nilearn's model of a coefficient."""

    parameters: Floats | None
    """(n_regressors, n_scans) from the series as they are; None where coefficients on Q give them"""
    covariance: Floats
    """(n_regressors, n_regressors) for unit dispersion"""
    inverse: Floats
    """(rank, rank) inverse of Q'W'WQ, W whitening"""


class SharedModels:
    """nilearn's models of one design, each made when a voxel first needs it."""

    check: Check | None = None
    """None as long as nobody looked"""

    def __init__(self, X: Floats) -> None:
        self.X = X
        self.made: dict[int, SharedModel] = {}
        """Coefficient in hundredths -> model"""

    @cached_property
    def ordinary(self) -> Any:
        """Least squares as nilearn does it."""
        from nilearn.glm import OLSModel

        return OLSModel(self.X)

    @cached_property
    def space(self) -> Span:
        """Q (n_scans, rank), and what makes parameters of coefficients on it."""
        return span(self.X, np.eye(self.X.shape[1]))

    @property
    def basis(self) -> Floats:
        """Q, (n_scans, rank)."""
        return self.space.basis

    @property
    def constant(self) -> Floats:
        """Parameters of a series of ones, (n_regressors,)."""
        return np.asarray(self.space.rows @ self.basis.sum(axis=0))

    @cached_property
    def is_even(self) -> bool:
        """Whether nilearn's pseudo-inverse has next to no rounding of its own, which Q would not share."""
        return bool(np.linalg.cond(self.X) <= EVEN)

    @cached_property
    def _rows(self) -> Floats:
        """What the series are multiplied by, (2 rank, n_scans)."""
        return np.hstack([self.basis, neighbours(self.basis)]).T.copy()

    @cached_property
    def _normal(self) -> tuple[Floats, Floats]:
        """Q'W'WQ = I - rho N + rho² S: N and S, (rank, rank)."""
        Q = self.basis
        # the last scan has no successor
        return Q.T @ neighbours(Q), np.eye(Q.shape[1]) - np.outer(Q[-1], Q[-1])

    @property
    def has_constant(self) -> bool:
        """Whether residuals have no mean; nilearn takes that of all voxels together off them.

        >>> SharedModels(np.ones((3, 2))).has_constant, SharedModels(np.arange(3.0)[:, None]).has_constant
        (True, False)
        """
        one = np.ones(len(self.X))
        rest = one - self.basis @ (self.basis.T @ one)
        return bool(np.linalg.norm(rest) <= SPANNED * np.linalg.norm(one))

    @cached_property
    def edge(self) -> float:
        """How near a whole hundredth a coefficient is to either side of it by rounding."""
        # how large values on the way to residuals get: columns that nearly repeat others make them so
        growth = float((np.abs(self.X) @ np.abs(self.ordinary.calc_beta)).sum(axis=1).max())
        return max(NEAR_EDGE, ROUNDINGS * growth)

    def model(self, hundredths: int) -> SharedModel:
        """Model of a coefficient; as nilearn makes it where the rounding of its pseudo-inverse shows."""
        if hundredths not in self.made:
            rho, (once, twice) = hundredths / BINS, self._normal
            normal = np.eye(len(once)) - rho * once + rho**2 * twice
            own = np.asarray(np.linalg.inv(normal), dtype=np.float64)
            if self.is_even:
                made = SharedModel(None, self.space.rows @ own @ self.space.rows.T, own)
            else:
                made = SharedModel(*self._by_their_inverse(rho), own)
            self.made[hundredths] = made
        return self.made[hundredths]

    def _by_their_inverse(self, rho: float) -> tuple[Floats, Floats]:
        """What makes parameters of the series, and their covariance, by nilearn's pseudo-inverse."""
        from nilearn.glm import ARModel

        theirs = ARModel(self.X, rho)
        inverse = np.asarray(theirs.calc_beta)
        # whitening takes rho times the scan before off each scan, so a scan enters in the next one too
        return inverse - rho * following(inverse.T).T, theirs.normalized_cov_beta

    def sums(self, values: Floats, squares: Floats) -> Sums:
        """Take the cross-products of some voxels.

        Parameters
        ----------
        values : (n_scans, n_columns)
        squares : (n_columns,) sums of their squares
        """
        means, taken = values.mean(axis=0), None
        if not (means**2 * len(values) <= OFF_ZERO * squares).all():
            # residuals do not know it, and it would take their digits
            values, taken = values - means, means
            squares = np.einsum("ij,ij->j", values, values)
        both, rank = self._rows @ values, self.basis.shape[1]
        lagged = np.einsum("ij,ij->j", values[1:], values[:-1])
        return Sums(both[:rank], both[rank:], squares, lagged, values[-1], taken)

    def coefficients(self, sums: Sums) -> Coefficients:
        """Find the coefficients of some voxels."""
        n_scans = len(self.X)
        left = sums.squares - np.einsum("ij,ij->j", sums.plain, sums.plain)
        # e'Le of e = y - QQ'y
        fitted = sums.lagged - self._normal[0] @ sums.plain / 2
        lagged = sums.neighbours - np.einsum("ij,ij->j", fitted, sums.plain)
        usable = left > SMALL * sums.squares
        # what has no residuals is doubtful
        rho = np.divide(lagged / (n_scans - 1), left / n_scans, out=np.zeros_like(left), where=usable)
        edge = np.maximum(
            self.edge, np.divide(ROUNDINGS * sums.squares, left, out=np.zeros_like(left), where=usable)
        )
        certain = usable & (np.abs(rho * BINS - np.rint(rho * BINS)) > edge * BINS)
        return Coefficients(truncated(np.where(certain, rho, 0.0)), ~certain)

    def whitened(self, sums: Sums, hundredths: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Q'W'Wy (rank, n_columns) and y'W'Wy (n_columns,), each voxel with its own coefficient."""
        rho = hundredths / BINS
        right = (1 + rho**2) * sums.plain
        right -= rho * sums.lagged
        right -= self.basis[-1][:, None] * (rho**2 * sums.last)
        power = (1 + rho**2) * sums.squares - 2 * rho * sums.neighbours - (rho * sums.last) ** 2
        return right, power


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
        sums = shared.sums(values, squares)
        found = shared.coefficients(sums)
        # equal coefficients stand together, so that every model has one block
        order = np.argsort(found.hundredths, kind="stable")
        run.put(members[order], _groups(shared, values, sums, found.hundredths, order))
        run.settle(members, squares, n_scans)
        doubtful.append(members[found.doubtful])
    run.dof = float(n_scans - shared.ordinary.df_model)
    return run, np.concatenate(doubtful)


def _groups(
    shared: SharedModels, values: Floats, sums: Sums, hundredths: NDArray[np.intp], order: NDArray[np.intp]
) -> Iterator[Group]:
    """Fit voxels in an order in which equal coefficients stand together."""
    n_scans, n_regressors = shared.X.shape
    right, power = shared.whitened(sums, hundredths)
    right, power = np.take(right, order, axis=1), power[order]
    used, starts = np.unique(hundredths[order], return_index=True)
    groups = [
        (shared.model(int(value)), slice(start, stop))
        for value, start, stop in zip(used, starts, [*starts[1:], order.size], strict=True)
    ]
    solved, betas = np.empty_like(right), np.empty((n_regressors, order.size))
    for model, part in groups:
        np.matmul(model.inverse, right[:, part], out=solved[:, part])
    dispersion = (power - np.einsum("ij,ij->j", right, solved)) / (n_scans - n_regressors)
    if shared.is_even:
        np.matmul(shared.space.rows, solved, out=betas)
        if sums.means is not None:
            betas += np.outer(shared.constant, sums.means[order])
    else:
        values = np.take(values, order, axis=1)
        for model, part in groups:
            assert model.parameters is not None, "made by nilearn's pseudo-inverse"
            np.matmul(model.parameters, values[:, part], out=betas[:, part])
    for value, (model, part) in zip(used, groups, strict=True):
        size = part.stop - part.start
        yield Group(name_of(value), size, betas[:, part], dispersion[part], model.covariance)


def name_of(hundredths: int) -> str:
    """Name a coefficient as nilearn does.

    >>> name_of(31), name_of(-7), name_of(0)
    ('0.31', '-0.07', '0.0')
    """
    return str(float(hundredths * 1.0 / BINS))
