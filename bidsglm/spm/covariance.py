"""Serial correlations: SPM12's components (``spm_Ce``) and pooled covariance (``spm_est_non_sphericity``).

Voxels whose filtered series pass an F test of the effects of interest at p < 0.001 give
``Cy = sum_v Y_v Y_v' / s2_v / q``, with s2 their residual variance and q their number; the temporal
covariance of the errors is fitted to it (D. Glaser and K. Friston, in *Human Brain Function*, 2003,
chapter 39).
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from bidsglm.design_space import Decomposition, decomposition
from bidsglm.model import Floats, Mask
from bidsglm.spm.estimation import JointModel
from bidsglm.spm.probability import f_quantile

EXPANSION_POINT = 0.2
"""Autoregression coefficient that SPM's AR(1) components are linear about."""
DIFFERENCE_STEP = np.exp(-8)
NEGLIGIBLE_CORRELATION = 1e-4
FAST_TIME_CONSTANTS = 6
FAST_LONGEST = 6
"""Exponent of 2: 64 s."""
FAST_POWERS = 3
SELECTION_P = 0.001
"""Voxels with a smaller p value enter the pooled covariance (SPM's UFp)."""


def components(serial_correlation: Literal["AR(1)", "FAST"], n_scans: int, repetition_time: float) -> Floats:
    """First rows of the Toeplitz covariance components of a run.

    Parameters
    ----------
    serial_correlation
        SPM's name of the model.
    n_scans
        Number of scans of the run.
    repetition_time
        s

    Returns
    -------
    (n_components, n_scans)

    Raises
    ------
    ValueError
        FAST without a repetition time.

    >>> components("AR(1)", 3, 2.0).round(2).tolist()
    [[1.0, -0.0, -0.04], [1.0, 0.4, 0.12]]
    >>> components("FAST", 3, 2.0).shape
    (18, 3)
    """
    if serial_correlation == "AR(1)":
        return _autoregressive(n_scans)
    if not repetition_time > 0:
        raise ValueError("FAST needs the repetition time of every design")
    return _exponentials(n_scans, repetition_time)


def _autoregressive(n_scans: int) -> Floats:
    def correlation(a: float) -> Floats:
        rho = a ** np.arange(n_scans, dtype=float)
        # spm_Q cuts the tail, which makes the components banded
        return np.where(rho > NEGLIGIBLE_CORRELATION, rho, 0.0)

    rho = correlation(EXPANSION_POINT)
    # a forward difference as in spm_diff: the exact derivative would give other components
    slope = (correlation(EXPANSION_POINT + DIFFERENCE_STEP) - rho) / DIFFERENCE_STEP
    # spm_Ce: rho is linear about the expansion point, and these two span its value and slope
    return np.stack([rho - EXPANSION_POINT * slope, rho + EXPANSION_POINT * slope])


def _exponentials(n_scans: int, repetition_time: float) -> Floats:
    lag = np.arange(n_scans) * repetition_time
    # a quarter TR: a faster decay cannot be told from white noise
    shortest = int(np.floor(np.log2(repetition_time / 4)))
    exponents = range(shortest, FAST_LONGEST + 1)[:FAST_TIME_CONSTANTS]
    # a decay times powers of the lag: its derivatives to the rate, which let the fit move it
    return np.stack([lag**j * np.exp(-lag / 2.0**k) for k in exponents for j in range(FAST_POWERS)])


class Criterion(NamedTuple):
    """The F test that selects voxels."""

    model: JointModel
    subspaces: tuple[Floats, ...]
    """(r, nu1) of every run: the effects of interest among the coefficients"""
    dof: tuple[int, int]
    threshold: float


def criterion(
    model: JointModel, nuisance: Sequence[Sequence[int]] | None = None, p: float = SELECTION_P
) -> Criterion:
    """F test of all regressors but nuisances.

    Parameters
    ----------
    model
        Filtered, unwhitened designs of all runs.
    nuisance
        Columns of each run that are not tested; each run's last, its constant, where nothing is given
    p
        Below which a voxel is selected.

    Raises
    ------
    ValueError
        There is no effect of interest, or no residual degree of freedom.

    Notes
    -----
    As in SPM, cosines are not subtracted from the residual degrees of freedom.

    >>> from bidsglm.spm.estimation import joint_model
    >>> X = np.column_stack([np.arange(9.0), np.ones(9)])
    >>> test = criterion(joint_model([X], [np.zeros((9, 0))], [None]))
    >>> test.dof, round(test.threshold, 2)
    ((1, 7), 29.25)
    """
    # spm_est_non_sphericity tests whatever is no constant, so confounds choose voxels too
    aside = [[-1]] * len(model.runs) if nuisance is None else nuisance
    subspaces = _interest(model.decomposition, aside)
    n_scans = sum(len(run.X0) for run in model.runs)
    dof = (sum(B.shape[1] for B in subspaces), n_scans - model.decomposition.rank)
    if min(dof) < 1:
        raise ValueError("the design has no effect of interest or leaves no residual degree of freedom")
    return Criterion(model, subspaces, dof, f_quantile(p, *dof))


def _interest(decomposed: Decomposition, nuisance: Sequence[Sequence[int]]) -> tuple[Floats, ...]:
    """Bases, in the coordinates of U, of what the nuisances leave of the other columns."""
    units = [np.eye(len(f.right)) for f in decomposed.runs]
    others = [np.delete(E, aside, axis=1) for E, aside in zip(units, nuisance, strict=True)]
    constants = [E[:, aside] for E, aside in zip(units, nuisance, strict=True)]
    # spm_FcUtil: unit vectors outside the row space are no contrasts of a design without full rank
    others, constants = _in_row_space(others, decomposed), _in_row_space(constants, decomposed)
    coordinates = []
    for factors, E0, E1 in zip(decomposed.runs, constants, others, strict=True):
        # what the nuisances leave of the other columns, spm_FcUtil's effects of interest
        contrast = E1 - E0 @ (np.linalg.pinv(E0) @ E1)
        # D^-1 V' c: the contrast among the left singular vectors of the design
        z = factors.right.T @ contrast / factors.singular[:, None]
        coordinates.append(np.where(np.abs(z) < decomposed.tolerance, 0.0, z))
    return tuple(f.left for f in decomposition(coordinates).runs)


def _in_row_space(columns: list[Floats], decomposed: Decomposition) -> list[Floats]:
    """Replace the columns by their projections if one of them lies outside the row space."""
    projected = [f.right @ (f.right.T @ E) for f, E in zip(decomposed.runs, columns, strict=True)]
    worst = max(np.abs(P - E).max(initial=0.0) for P, E in zip(projected, columns, strict=True))
    if worst <= decomposed.tolerance:
        return columns
    return [np.where(np.abs(P) < decomposed.tolerance, 0.0, P) for P in projected]


class Pooled(NamedTuple):
    """Covariance of the data over the selected voxels."""

    covariances: tuple[Floats, ...]
    """(n_scans, n_scans) of every run"""
    selected: Mask
    """(n_voxels,)"""
    n_exact: int = 0
    """Voxels that pass, but that the design explains up to rounding: they are not pooled"""


def pooled_covariance(test: Criterion, chunks: Iterable[Sequence[Floats]]) -> Pooled:
    """Average of the scaled data's outer products over the voxels that pass the test.

    Parameters
    ----------
    test
        The F test.
    chunks
        For some voxels at a time, the scaled data (n_scans, n_voxels) of every run; overwritten

    Raises
    ------
    ValueError
        No voxel passes the test; SPM stops with "no significant voxels".

    >>> from bidsglm.spm.estimation import joint_model
    >>> X = np.column_stack([np.arange(9.0), np.ones(9)])
    >>> test = criterion(joint_model([X], [np.zeros((9, 0))], [None]))
    >>> noise = np.random.default_rng(0).standard_normal((9, 2))
    >>> pooled_covariance(test, [[X[:, :1] * [0.0, 5.0] + noise]]).selected.tolist()
    [False, True]
    """
    totals = [_WeightedProducts(len(run.X0)) for run in test.model.runs]
    selected = []
    n_exact = 0
    for runs in chunks:
        # a mean of 100 beside noise of a few per cent would cost digits in every sum of squares
        means = [Y.mean(axis=0) for Y in runs]
        for Y, mean in zip(runs, means, strict=True):
            Y -= mean
        weights, exact = _weights(test, runs, means)
        n_exact += int(np.count_nonzero(exact))
        chosen = weights > 0
        selected.append(chosen)
        for total, Y, mean in zip(totals, runs, means, strict=True):
            # SPM pools the data themselves, not their residuals: ReML takes the design out later
            total.add(Y[:, chosen], mean[chosen], weights[chosen])
    found = np.concatenate(selected)
    n_found = np.count_nonzero(found)
    if not n_found:
        raise ValueError("no significant voxels: none passes the F test for the pooled covariance")
    return Pooled(tuple(total.average(int(n_found)) for total in totals), found, n_exact)


def _weights(test: Criterion, centred: Sequence[Floats], means: Sequence[Floats]) -> tuple[Floats, Mask]:
    """1 / residual variance of the voxels that pass, 0 for the others; which of those pass by rounding.

    One voxel without residual variance would outweigh all others: in SPM the covariance is then its own.
    """
    interest = np.zeros_like(means[0])
    residual = np.zeros_like(means[0])
    rounding = np.zeros_like(means[0])
    for run, B, Y, mean in zip(test.model.runs, test.subspaces, centred, means, strict=True):
        projection = run.projection(Y, mean)
        interest += ((B.T @ projection.coefficients) ** 2).sum(axis=0)
        residual += projection.residual
        rounding += projection.rounding
    # F of the filtered, unwhitened fit of all runs: the Cy of each run is of the same voxels
    passed = interest / test.dof[0] > test.threshold * residual / test.dof[1]
    exact = passed & (residual <= rounding)
    weights = np.zeros_like(residual)
    np.divide(test.dof[1], residual, out=weights, where=passed & ~exact)
    return weights, exact


class _WeightedProducts:
    """Sum of w y y' over voxels, from series without their mean, which is put back."""

    def __init__(self, n_scans: int) -> None:
        self._centred = np.zeros((n_scans, n_scans))
        # taking a new array for each product would take longer than the product
        self._products = np.empty_like(self._centred)
        self._cross = np.zeros(n_scans)
        self._constant = 0.0

    def add(self, centred: Floats, mean: Floats, weights: Floats) -> None:
        """Take some voxels, (n_scans, n_voxels) and twice (n_voxels,)."""
        root = np.sqrt(weights)
        scaled, level = centred * root, mean * root
        self._centred += np.matmul(scaled, scaled.T, out=self._products)
        self._cross += scaled @ level
        self._constant += float(level @ level)

    def average(self, n_voxels: int) -> Floats:
        """(n_scans, n_scans) of so many voxels; nothing can be added after it."""
        # one symmetric product; the mean comes back as m 1' + 1 m' and 1 1' terms of (y + m)(y + m)'
        for row, cross in zip(self._centred, self._cross, strict=True):
            row += cross + self._cross
            row += self._constant
        self._centred /= n_voxels
        return self._centred
