"""Least squares with one covariance of the errors for all voxels, as SPM12 has it, for mixed designs.

The covariance V is estimated anew for a design, from the pooled covariance of the voxels that pass its F
test (`bidsglm.spm.covariance`, `bidsglm.spm.reml`). With W = V^(-1/2), a basis B of the whitened design
and of what is projected off, and d the design's singular values,

    effects = c' V_r d^-1 U' K W Y,    RSS = |W Y|² - |B' W Y|²,

so that a design costs one small product with the data and a covariance one banded one.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.crossproducts import Values
from bidsglm.attribution.runs import UnscaledFit
from bidsglm.design_space import Decomposition, Factors
from bidsglm.model import Floats
from bidsglm.spm import covariance
from bidsglm.spm.contrasts import cleaned, effect_covariance, f_maps, f_test, t_maps
from bidsglm.spm.estimation import JointModel, RunModel, dispersion, joint_model
from bidsglm.spm.reml import reml
from bidsglm.spm.whitening import Whitening, normalised

AT_ONCE = 1000
"""Voxels that are pooled at once"""
SerialCorrelation = Literal["AR(1)", "FAST", "none"]


class RunColumns(NamedTuple):
    """A design of one run."""

    X: Floats
    """(n_scans, n_columns); the constant is last"""
    cosines: Floats
    """(n_scans, m) orthonormal, projected off"""
    repetition_time: float
    """s"""


def error_covariances(
    runs: Sequence[RunColumns],
    data: Sequence[Values],
    kind: Literal["AR(1)", "FAST"],
    factors: Sequence[Floats] = (),
) -> tuple[Floats, ...]:
    """V of every run, normalised, from some voxels' data.

    Parameters
    ----------
    runs
        Designs.
    data
        (n_scans, n_voxels) of every run, scaled as SPM scales but for the factors, means included
    kind
        SPM's name of the model.
    factors
        (n_voxels,) or (1,) of every run, by which the data are still to be multiplied

    Raises
    ------
    ValueError
        No voxel passes the F test, or the fit does not converge.
    """
    # spm_est_non_sphericity chooses voxels by an unwhitened fit
    joint = joint_model([r.X for r in runs], [r.cosines for r in runs], [None] * len(runs))
    # pooled_covariance overwrites what it is given
    n_voxels = data[0].shape[1]
    ones = [np.ones(1)] * len(data)
    each_voxel = [np.broadcast_to(factor, n_voxels) for factor in factors or ones]
    parts = [slice(start, start + AT_ONCE) for start in range(0, n_voxels, AT_ONCE)]
    copies = (
        [np.asarray(Y[:, p] * f[p], np.float64) for Y, f in zip(data, each_voxel, strict=True)] for p in parts
    )
    pooled = covariance.pooled_covariance(covariance.criterion(joint), copies)
    fits = [
        # ReML gets cosines as columns, since Cy is of data that are not filtered
        reml(Cy, np.hstack([r.X, r.cosines]), covariance.components(kind, len(r.X), r.repetition_time))
        for Cy, r in zip(pooled.covariances, runs, strict=True)
    ]
    # one factor for all runs (trace N), as ResMS carries the size of the errors and runs may differ in it
    return normalised([fit.covariance for fit in fits])


class PooledDesign(NamedTuple):
    """One run's design after whitening and filtering, reduced to what maps need."""

    weights: Floats
    """(n_rows, n_columns) of the contrasts"""
    parameters: Floats
    """(n_columns, n_scans) operator from data to parameters"""
    coefficients: Floats
    """(q, n_scans) operator B'W"""
    factors: Factors
    """Singular value decomposition of the design K W X."""
    inner: Floats
    """(r, r) covariance of its coefficients for unit variance"""
    covariance: Floats
    """(n_columns, n_columns) of the parameters for unit variance"""
    traces: tuple[float, float]
    """tr(RV), tr(RVRV)"""
    tolerance: float
    """Below it, contrast entries are zero to SPM."""


def pooled_designs(
    runs: Sequence[RunColumns],
    weights: Sequence[Floats],
    covariances: Sequence[Floats | None],
    whitenings: Sequence[Whitening | None],
) -> tuple[PooledDesign, ...]:
    """Whiten, filter and decompose the designs of all runs.

    Parameters
    ----------
    runs
        Designs.
    weights
        (n_rows, n_columns) of estimable contrasts, for every run
    covariances, whitenings
        V and W of every run; None for independent errors

    >>> run = RunColumns(np.ones((4, 1)), np.zeros((4, 0)), 2.0)
    >>> design = pooled_designs([run], [np.ones((1, 1))], [None], [None])[0]
    >>> design.parameters.round(3).tolist(), round(design.traces[0], 6)
    ([[0.25, 0.25, 0.25, 0.25]], 3.0)
    """
    joint = joint_model([r.X for r in runs], [r.cosines for r in runs], whitenings)
    parts = zip(joint.runs, weights, covariances, strict=True)
    return tuple(_reduced(run, rows, V, joint.decomposition.tolerance) for run, rows, V in parts)


def _reduced(run: RunModel, weights: Floats, V: Floats | None, tolerance: float) -> PooledDesign:
    # run by run, as traces and covariances of block-diagonal designs are sums over runs
    spread = dispersion(JointModel((run,), Decomposition((run.factors,), tolerance)), [V])
    # B'W: whitening the few columns of B is cheaper than whitening the data
    operator = np.ascontiguousarray(run.whitened(run.basis).T)
    # A+ = V D^-1 U': of minimum norm where columns depend on each other, as in spm_spm
    to_parameters = run.factors.right / run.factors.singular
    return PooledDesign(
        weights,
        to_parameters @ operator[run.X0.shape[1] :],
        operator,
        run.factors,
        spread.design_covariances[0],
        spread.parameter_covariances[0],
        (spread.trace, spread.squared_trace),
        tolerance,
    )


def whitened_power(Y: Values, whitening: Whitening | None) -> Values:
    """Sum of squares of whitened series.

    Parameters
    ----------
    Y
        (n_scans, n_voxels)
    whitening
        None for independent errors.

    >>> whitened_power(np.array([[3.0], [4.0]]), None).tolist()
    [25.0]
    """
    if whitening is not None:
        series: Any = Y
        Y = whitening.product(series)
    return np.asarray(np.einsum("tv,tv->v", Y, Y))


def pooled_fit(design: PooledDesign, Y: Values, power: Values) -> UnscaledFit:
    """Fit a run's voxels.

    Parameters
    ----------
    design
        From `pooled_designs`.
    Y
        (n_scans, n_voxels) without their means
    power
        (n_voxels,) from `whitened_power`

    >>> run = RunColumns(np.ones((2, 1)), np.zeros((2, 0)), 2.0)
    >>> design = pooled_designs([run], [np.ones((1, 1))], [None], [None])[0]
    >>> pooled_fit(design, np.array([[1.0], [-1.0]]), np.array([2.0])).residual.round(9).tolist()
    [2.0]
    """
    coefficients = design.coefficients.astype(Y.dtype) @ Y
    # Pythagoras: |W y|² less what the design and the cosines explain
    residual = power - np.einsum("qv,qv->v", coefficients, coefficients)
    group: NDArray[np.intp] = np.zeros(Y.shape[1], dtype=np.intp)
    # ResMS = RSS / tr(RV), where nilearn divides by scans less columns; dof = tr(RV)^2 / tr(RVRV) (spm_spm)
    return UnscaledFit(
        (design.weights @ design.parameters).astype(Y.dtype) @ Y,
        (design.weights @ design.covariance @ design.weights.T)[None],
        group,
        np.maximum(residual, 0),
        design.traces[0],
        design.traces,
    )


def image_maps(
    designs: Sequence[PooledDesign],
    betas: Sequence[Floats],
    error: Floats,
    rows: slice,
    test: Literal["t", "F"],
) -> tuple[Floats | None, Floats]:
    """Effect and statistic as SPM makes them of its images, which are rounded to float32.

    Parameters
    ----------
    designs
        One for every run.
    betas
        (n_columns, n_voxels) parameters of every run
    error
        (n_voxels,) residual mean square
    rows
        The contrast's among those of all.
    test
        A t has one row.
    """
    # spm_contrasts sets weights below the tolerance of the design to zero
    weights = cleaned([d.weights[rows].T for d in designs], designs[0].tolerance)
    # SPM reads its parameters back from float32 images
    rounded = [beta.astype(np.float32) for beta in betas]
    if test == "F":
        whole = Decomposition(tuple(d.factors for d in designs), designs[0].tolerance)
        return None, f_maps(f_test(weights, whole, [d.inner for d in designs]), rounded, error).F
    variance = effect_covariance(weights, [d.covariance for d in designs])[0, 0]
    maps = t_maps(weights, rounded, error, variance)
    return maps.effect, maps.t
