"""Statistics of a group without one of its participants, and of participants drawn with replacement.

Leaving out row i of an ordinary least squares fit needs no second fit. In an orthonormal basis U of the
design, with u its row i, e the residuals and h = |u|²,

    b' = b - u e_i / (1 - h)      RSS' = RSS - e_i² / (1 - h)      var(d b') = σ² (1 + (d u)² / (1 - h))

and F is the share of the residual sum of squares that a design without the tested directions leaves beside.
Draws are fits with whole weights. Both go through some voxels at a time.

Source: Cook & Weisberg (1982), Residuals and Influence in Regression; Efron & Tibshirani (1993), An
Introduction to the Bootstrap.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.design_space import factors
from bidsglm.model import Floats

ALONE = 1e-9
"""1 - h of a participant without whom the design loses a column."""
LEAST_EIGENVALUE = 1e-6
"""Eigenvalue of the drawn design in the basis, below which it has lost a column; all are 1 with everybody."""
ATTEMPTS = 20
"""Draws for each one that is wanted, where most lose a column."""


class ContrastModel(NamedTuple):
    """A contrast of a group's design in an orthonormal basis."""

    basis: Floats
    """(n, r)"""
    directions: Floats
    """(r, q) what is tested; of t one, which points where the effect is positive"""
    test: str
    """t or F"""
    scale: Floats
    """(n,) of the rows, 1 where all errors have one variance"""

    @property
    def dof(self) -> int:
        """Residual degrees of freedom."""
        n, rank = self.basis.shape
        return int(n - rank)

    @property
    def reduced(self) -> Floats:
        """Basis of the design without what is tested (n, r - q)."""
        rank = self.basis.shape[1]
        whole = np.linalg.svd(self.directions, full_matrices=True)[0]
        return np.asarray(self.basis @ whole[:, self.directions.shape[1] : rank])


def contrast_model(design: Floats, weights: Floats, scale: Floats | None = None) -> ContrastModel:
    """Put a contrast into the basis of its design.

    Parameters
    ----------
    design
        (n, p)
    weights
        (p,) of t, (q, p) of F
    scale
        (n,) by which rows of design and data are divided by their standard deviation

    Examples
    --------
    >>> contrast_model(np.ones((4, 1)), np.ones(1)).dof
    3
    """
    ones = np.ones(len(design)) if scale is None else np.asarray(scale, dtype=np.float64)
    space = factors(design * ones[:, None])
    # X = U S Vᵀ: c b = c V S⁻¹ (Uᵀ y), so that in the basis U each contrast is a direction
    rows = np.atleast_2d(weights) @ space.right / space.singular
    if np.ndim(weights) == 1:
        # of length 1, so that d b has the variance sigma^2 and t needs no other factor
        return ContrastModel(space.left, (rows[0] / np.linalg.norm(rows[0]))[:, None], "t", ones)
    return ContrastModel(space.left, factors(rows.T).left, "F", ones)


class Refit(NamedTuple):
    """Everybody's fit in some voxels."""

    values: Floats
    """(n, n_voxels) scaled"""
    beta: Floats
    """(r, n_voxels)"""
    residuals: Floats
    """(n, n_voxels)"""
    rss: Floats
    """(n_voxels,)"""


def fit(model: ContrastModel, values: NDArray[np.floating]) -> Refit:
    """Fit everybody.

    Parameters
    ----------
    values
        (n, n_voxels) effects
    """
    scaled = values.astype(np.float64) * model.scale[:, None]
    beta = model.basis.T @ scaled
    residuals = scaled - model.basis @ beta
    return Refit(scaled, beta, residuals, np.einsum("ij,ij->j", residuals, residuals))


def everybody(model: ContrastModel, fitted: Refit) -> Floats:
    """Statistic of all participants (n_voxels,).

    >>> model = contrast_model(np.ones((3, 1)), np.ones(1))
    >>> everybody(model, fit(model, np.array([[1.0], [2.0], [3.0]]))).round(4)
    array([3.4641])
    """
    tested = model.directions.T @ fitted.beta
    # residual mean square; the directions have length 1, so it is the variance of what is tested
    square = fitted.rss / model.dof
    if model.test == "t":
        return _ratio(tested[0], np.sqrt(square))
    return _ratio((tested**2).sum(axis=0) / len(tested), square)


def leave_one_out(model: ContrastModel, fitted: Refit) -> Floats:
    """Statistic without each of the participants (n, n_voxels); NaN for one without whom it is not told.

    >>> model = contrast_model(np.ones((4, 1)), np.ones(1))
    >>> leave_one_out(model, fit(model, np.array([[1.0], [2.0], [3.0], [9.0]])))[3].round(4)
    array([3.4641])
    """
    # 1 - h_i of the hat matrix UUᵀ
    free = 1 - (model.basis**2).sum(axis=1)
    free[free < ALONE] = np.nan
    # without row i, RSS falls by e_i² / (1 - h_i) (Cook and Weisberg 1982)
    rss = np.maximum(fitted.rss - fitted.residuals**2 / free[:, None], 0.0)
    square = rss / (model.dof - 1)
    if model.test == "t":
        direction = model.directions[:, 0]
        lever = model.basis @ direction
        # and b by (X'X)⁻¹ x_i e_i / (1 - h_i)
        effect = direction @ fitted.beta - (lever / free)[:, None] * fitted.residuals
        return _ratio(effect, np.sqrt(square * (1 + lever**2 / free)[:, None]))
    # F by the residuals of the design without what is tested: extra sum of squares
    basis = model.reduced
    residuals = fitted.values - basis @ (basis.T @ fitted.values)
    # leverages of the smaller design are none above those of the whole one, which are guarded already
    kept = 1 - (basis**2).sum(axis=1)
    more = (residuals**2).sum(axis=0) - residuals**2 / kept[:, None]
    return _ratio(np.maximum(more - rss, 0.0) / model.directions.shape[1], square)


class Draws(NamedTuple):
    """Fits in which rows count so many times."""

    weights: Floats
    """(n_draws, n)"""
    inverse: Floats
    """(n_draws, r, r) of the drawn design's square"""
    projection: Floats
    """(n_draws * r, n) basis times weights"""
    dof: Floats
    """(n_draws,)"""


def draws(model: ContrastModel, weights: Floats) -> Draws:
    """Prepare draws.

    Parameters
    ----------
    weights
        (n_draws, n) how often each row counts; every one can estimate the design.
    """
    basis = model.basis
    square = np.einsum("kn,ni,nj->kij", weights, basis, basis, optimize=True)
    projection = (weights[:, None, :] * basis.T[None]).reshape(-1, len(basis))
    # rows as often as they were drawn, less rank: as a resample is fitted by itself
    return Draws(weights, np.linalg.inv(square), projection, weights.sum(axis=1) - basis.shape[1])


def drawn(model: ContrastModel, prepared: Draws, fitted: Refit) -> Floats:
    """Statistic of every draw (n_draws, n_voxels).

    >>> model = contrast_model(np.ones((4, 1)), np.ones(1))
    >>> some = draws(model, np.array([[1.0, 1, 1, 0]]))
    >>> drawn(model, some, fit(model, np.array([[1.0], [2.0], [3.0], [9.0]]))).round(4)
    array([[3.4641]])
    """
    n_draws, rank, _ = prepared.inverse.shape
    # everybody's residuals stand for the data, whose mean would cost digits
    scores = (prepared.projection @ fitted.residuals).reshape(n_draws, rank, -1)
    # weighted least squares of the residuals: what the draw adds to everybody's estimates
    change = prepared.inverse @ scores
    explained = np.einsum("krv,krv->kv", change, scores)
    rss = np.maximum(prepared.weights @ fitted.residuals**2 - explained, 0.0)
    mean_square = rss / prepared.dof[:, None]
    tested = np.einsum("rq,krv->kqv", model.directions, fitted.beta + change, optimize=True)
    # d' (U'WU)^-1 d, which is no longer 1 as it is with everybody
    covariance = model.directions.T @ prepared.inverse @ model.directions
    if model.test == "t":
        return _ratio(tested[:, 0], np.sqrt(mean_square * covariance[:, 0]))
    # (D'b)' [D' (U'WU)^-1 D]^-1 D'b is the extra sum of squares, without a fit of the smaller design
    extra = np.einsum("kqv,kqp,kpv->kv", tested, np.linalg.inv(covariance), tested, optimize=True)
    return _ratio(extra / model.directions.shape[1], mean_square)


def bootstrap_weights(model: ContrastModel, owners: Sequence[str], n_draws: int, seed: int) -> Floats:
    """Draw participants with replacement, each with all of their rows (n_drawn, n).

    Fewer than wanted come back where the design loses a column in most draws.

    Parameters
    ----------
    owners
        (n,) whose each row is
    n_draws
        How many are wanted.
    seed
        The same gives the same draws.

    Examples
    --------
    >>> model = contrast_model(np.ones((4, 1)), np.ones(1))
    >>> set(bootstrap_weights(model, ["a", "a", "b", "b"], 5, 0).sum(axis=1))
    {np.float64(4.0)}
    """
    names, whose = np.unique(np.asarray(owners), return_inverse=True)
    rng = np.random.default_rng([seed, len(names)])
    found: list[Floats] = []
    # a draw that lacks a level of a factor cannot estimate the contrast: another is drawn
    for _ in range(ATTEMPTS * n_draws):
        if len(found) == n_draws:
            break
        # participants are drawn, not maps: the maps of one are not independent
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weights = times[whose].astype(np.float64)
        if can_estimate(model, weights):
            found.append(weights)
    return np.array(found).reshape(-1, len(whose))


def can_estimate(model: ContrastModel, weights: Floats) -> bool:
    """Whether rows that count so often leave the design its columns, and a degree of freedom.

    >>> can_estimate(contrast_model(np.eye(3)[:, :2], np.array([1.0, -1])), np.array([3.0, 0, 0]))
    False
    """
    square = (model.basis * weights[:, None]).T @ model.basis
    distinct = int(np.count_nonzero(weights))
    rank = model.basis.shape[1]
    # as many distinct rows as columns are fitted exactly, however often each was drawn: t would be infinite
    return distinct > rank and bool(np.linalg.eigvalsh(square)[0] > LEAST_EIGENVALUE)


def without_each(owners: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Weights that leave out every participant in turn with all of their rows; whom each leaves out.

    >>> without_each(["a", "b", "a"])
    (('a', 'b'), array([[0., 1., 0.],
           [1., 0., 1.]]))
    """
    names = tuple(dict.fromkeys(owners))
    return names, np.array([[float(owner != name) for owner in owners] for name in names])


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(numerator / denominator)
