"""Noise models that are estimated voxel by voxel, each for any design: none, AR(1), ARMA(1,1), FILM.

A model carries its owner's rules: what the autocorrelation is estimated from, how series are whitened by it,
and how degrees of freedom are counted. All start from the residuals of ordinary least squares on the design
with whatever will be projected off, so that drift does not look like autocorrelation.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import scipy

from bidsglm.afni.estimation import by_pair
from bidsglm.afni.noise import NoisePair, Roots, grid_of, roots
from bidsglm.afni.reml import best_pairs
from bidsglm.afni.timeline import RUN_GAP
from bidsglm.attribution.autoregression import BINS, near_edge, truncated
from bidsglm.attribution.regression import (
    Counting,
    NormalEquations,
    Regression,
    Whole,
    normal_by_group,
    solved,
)
from bidsglm.attribution.runs import UnscaledFit
from bidsglm.fsl.autocorrelation import autocorrelations, tapered
from bidsglm.fsl.columns import decomposed
from bidsglm.fsl.estimation import generalised
from bidsglm.fsl.shared_gains import shared_gains
from bidsglm.fsl.whitening import gains, whitened
from bidsglm.model import Floats, Mask

MOST_ROWS = 2_000
"""Scans of a regression whose roots are kept for the next design: some 200 MB"""
BLOCK = 128
"""Voxels whitened at once, each with the whole design."""


class VoxelNoise(Protocol):
    """A noise model."""

    @property
    def constant(self) -> bool:
        """Whether the design has a constant; else data and columns lose their means."""
        ...

    def fit(self, model: Regression, n_voxels: int) -> UnscaledFit:
        """Fit the first voxels of a regression."""
        ...


@dataclass(frozen=True)
class IndependentErrors:
    """Ordinary least squares."""

    owner: Literal["nilearn", "afni", "fsl"]
    """Whose way to count degrees of freedom"""

    @property
    def constant(self) -> bool:
        """All but FEAT have one."""
        return self.owner != "fsl"

    def fit(self, model: Regression, n_voxels: int) -> UnscaledFit:
        """Fit without whitening."""
        whole = np.zeros(n_voxels, dtype=np.intp)
        normals = [
            normal_by_group([np.hstack([B, X0])], whole, [part.Y[:, :n_voxels]])
            for B, X0, part in zip(model.bases, model.projected, model.parts, strict=True)
        ]
        return solved(normals, model.rows, COUNTED[self.owner](model))


def _by_columns(model: Regression) -> Counting:
    """Nilearn divides by scans minus columns, and takes scans minus rank for t."""
    return Counting(model.n_scans - model.n_columns, model.n_scans - model.rank)


def _by_rank(model: Regression) -> Counting:
    """AFNI's columns are independent."""
    return Counting(model.n_scans - model.rank, model.n_scans - model.rank)


def _without_means(model: Regression) -> Counting:
    """FSL's designs have no constant: their means are counted for t, and not in the variance."""
    dof = model.n_scans - model.n_columns - len(model.parts)
    return Counting(model.n_scans - model.rank, dof)


COUNTED = {"nilearn": _by_columns, "afni": _by_rank, "fsl": _without_means}


@dataclass(frozen=True)
class TruncatedAR1:
    """nilearn's: a coefficient of each voxel and run from least-squares residuals, cut to hundredths."""

    constant: bool = True

    def fit(self, model: Regression, n_voxels: int) -> UnscaledFit:
        """Fit with each voxel's own coefficient in every run."""
        # a coefficient of each run, even in one regression of all: no scan has a neighbour in another run
        normals = [
            self._normal(np.hstack([B, X0]), B.shape[1], part.Y[:, :n_voxels], E)
            for B, X0, part, E in zip(
                model.bases, model.projected, model.parts, model.residuals(n_voxels), strict=True
            )
        ]
        return solved(normals, model.rows, _by_columns(model))

    def uncertain(self, model: Regression, n_voxels: int) -> Mask:
        """Voxels whose coefficient rounding could cut either way in any part, (n_voxels,)."""
        return np.asarray(np.logical_or.reduce([near_edge(lag_one(E)) for E in model.residuals(n_voxels)]))

    def _normal(self, B: Floats, n_whitened: int, Y: Floats, E: Floats) -> NormalEquations:
        bins, group = np.unique(truncated(lag_one(E)), return_inverse=True)
        designs, series = [], []
        for k, value in enumerate(bins):
            design = B.copy()
            # what is projected off after whitening is not whitened itself
            design[:, :n_whitened] = _differenced(B[:, :n_whitened], value / BINS)
            designs.append(design)
            series.append(_differenced(Y[:, group == k], value / BINS))
        return normal_by_group(designs, group.astype(np.intp), series)


def _differenced(Y: Floats, coefficient: float) -> Floats:
    """Nilearn's whitening, which leaves the first scan as it is."""
    result = Y.copy()
    result[1:] -= coefficient * Y[:-1]
    return result


def lag_one(E: Floats) -> Floats:
    """Yule-Walker coefficient of residuals as in nilearn: products over n - 1 pairs, squares over n scans.

    >>> lag_one(np.array([[1.0], [-1.0], [1.0], [-1.0]])).tolist()
    [-1.0]
    """
    n = len(E)
    r0, r1 = np.einsum("ij,ij->j", E, E), np.einsum("ij,ij->j", E[1:], E[:-1])
    rho: Floats = np.zeros_like(r0)
    # (r1 / (n - 1)) / (r0 / n); a series without residual has no autocorrelation
    np.divide(r1 * n, r0 * (n - 1), out=rho, where=r0 > 0)
    return rho


@dataclass(frozen=True)
class ArmaGrid:
    """AFNI's: ARMA(1,1) by REML on a grid; runs that are one regression have one pair (a, b)."""

    constant: bool = True
    _roots: dict[tuple[int, ...], Roots] = field(default_factory=dict, repr=False, compare=False)

    def _shared(self, lengths: tuple[int, ...], times: Whole) -> Roots:
        """Roots of the same scans, made once where they are not too large to keep."""
        if sum(lengths) > MOST_ROWS:
            return roots(times)
        if lengths not in self._roots:
            self._roots[lengths] = roots(times)
        return self._roots[lengths]

    def fit(self, model: Regression, n_voxels: int) -> UnscaledFit:
        """Fit with each voxel's own pair."""
        times = np.concatenate([k * RUN_GAP + np.arange(len(part.X)) for k, part in enumerate(model.parts)])
        # the criterion moves by a constant where columns are combined, so an orthonormal basis will do
        lengths = tuple(len(part.X) for part in model.parts)
        grid = grid_of(np.vstack(model.ordinary), times, self._shared(lengths, times))
        pairs = best_pairs(np.vstack(model.residuals(n_voxels)), grid)
        Y = np.vstack([part.Y[:, :n_voxels] for part in model.parts])
        normal = self._normal(np.vstack(model.bases), np.vstack(model.projected), Y, pairs, grid)
        return solved([normal], model.rows, _by_rank(model))

    def _normal(
        self, basis: Floats, X0: Floats, Y: Floats, pairs: Whole, grid: tuple[NoisePair, ...]
    ) -> NormalEquations:
        designs, series = [], []
        group = np.empty(len(pairs), dtype=np.intp)
        for k, (pair, members) in enumerate(by_pair(pairs, grid)):
            group[members] = k
            # X0 is projected off after whitening, and so is not whitened itself
            designs.append(np.hstack([pair.root.whitened(basis), X0]))
            series.append(pair.root.whitened(np.take(Y, members, axis=1)))
        return normal_by_group(designs, group, series)


@dataclass(frozen=True)
class SmoothedAutocorrelation:
    """FSL's: FILM, whose autocorrelations are smoothed among voxels of one tissue."""

    tissues: tuple[scipy.sparse.csr_array, ...]
    """(n_wanted, n_around) weights of every run: each row sums to 1 less what lies outside FILM's mask"""
    constant: bool = False

    def fit(self, model: Regression, n_voxels: int) -> UnscaledFit:
        """Fit with each voxel's own spectrum in every run."""
        tapers = [self._tapers(E, part.run) for E, part in zip(model.residuals(), model.parts, strict=True)]
        # the means that were taken out count for the degrees of freedom, not in the variance
        counting = _without_means(model)
        if len(model.parts) == 1 and not model.projected[0].shape[1]:
            return _shared(model, tapers[0], counting)
        normals = [
            _each(B, X0, part.Y[:, :n_voxels], taper)
            for B, X0, part, taper in zip(model.bases, model.projected, model.parts, tapers, strict=True)
        ]
        return solved(normals, model.rows, counting)

    def _tapers(self, E: Floats, run: int) -> Floats:
        weights = self.tissues[run]
        raw = autocorrelations(E)
        # FILM smooths the lags from 1 on among the voxels of a tissue; lag 0 is each voxel's own
        smooth = raw[:, : weights.shape[0]].copy()
        smooth[1:] = (weights @ raw[1:].T).T
        return tapered(smooth)


def _shared(model: Regression, tapers: Floats, counting: Counting) -> UnscaledFit:
    """FILM's own way through one run, in which voxels share most of the work."""
    basis, n_voxels = model.bases[0], tapers.shape[1]
    design = decomposed(basis)
    shared = shared_gains(tapers, design)
    parts = [slice(start, start + BLOCK) for start in range(0, n_voxels, BLOCK)]
    found = [
        generalised(model.parts[0].Y[:, :n_voxels][:, p], tapers[:, p], design, shared, model.rows)
        for p in parts
    ]
    variance = np.concatenate([fit.variance for fit in found])
    return UnscaledFit(
        np.concatenate([fit.effects for fit in found], axis=1),
        np.concatenate([np.moveaxis(fit.covariance, -1, 0) for fit in found]),
        np.arange(n_voxels),
        # FILM divides by scans minus rank
        variance * (model.n_scans - design.left.shape[1]),
        counting.divisor,
        (counting.dof, counting.dof),
    )


def _each(B: Floats, X0: Floats, Y: Floats, tapers: Floats) -> NormalEquations:
    """Normal equations of each voxel in one part, whose design is whitened for each separately."""
    n_scans, n_voxels = Y.shape
    size = B.shape[1] + X0.shape[1]
    matrices, sides, power = np.empty((n_voxels, size, size)), np.empty((n_voxels, size)), np.empty(n_voxels)
    for start in range(0, n_voxels, BLOCK):
        p = slice(start, start + BLOCK)
        factors = gains(tapers[:, p], n_scans)
        n = factors.shape[1]
        # the designs of all voxels side by side: one transform whitens them, in place of one each
        every = np.repeat(factors, B.shape[1], axis=1)
        design = whitened(np.tile(B, n), every).reshape(n_scans, n, -1).transpose(1, 0, 2)
        design = np.concatenate([design, np.broadcast_to(X0, (n, *X0.shape))], axis=2)
        series = whitened(Y[:, p], factors)
        matrices[p] = design.transpose(0, 2, 1) @ design
        sides[p] = np.einsum("vtq,tv->vq", design, series, optimize=True)
        power[p] = np.einsum("tv,tv->v", series, series)
    return NormalEquations(matrices, np.arange(n_voxels), sides, power)
