"""Variance components by restricted maximum likelihood: SPM12's ``spm_reml``.

``Cov(e) = sum_i h_i Q_i`` is fitted to the pooled covariance of the data by a damped Fisher scoring
(K. Friston et al., NeuroImage 16:465-483, 2002). SPM stops long before convergence, so the path of
iterations is reproduced, not only the optimum. What the components are stands in `bidsglm.spm.components`.
"""

from typing import NamedTuple

import numpy as np
import scipy

from bidsglm.model import Floats
from bidsglm.spm.components import Components, Toeplitz
from bidsglm.spm.residual_forming import ResidualForming
from bidsglm.spm.structure import is_definite

PRIOR_PRECISION = np.exp(-8)
FIRST_STEP = 4.0
"""Logarithm of the first integration time."""
STEP_RANGE = (-8.0, 8.0)
MAX_ITERATIONS = 32
MAX_RESTARTS = 64
"""SPM has no limit; doubling the prior precision so often leaves nothing free."""
ENOUGH_GAIN = 0.1
"""Predicted gain in log-evidence below which SPM stops."""
FULL_STEP = np.exp(16)
"""Integration time beyond which SPM takes a whole Newton step."""
WILD_STEP = 1e6
LOG_RANGE = (1e-16, 1e16)
"""Singular values that count in SPM's log-determinant."""
REDUNDANT = 2.0
"""Gain in log-evidence for which SPM removes a component."""
ILL_CONDITIONED = 16.0
REDUCTION_RIDGE = 1e-8


class Reml(NamedTuple):
    """Fitted variance components of one run."""

    hyperparameters: Floats
    """(n_components,), 0 where SPM removed the component"""
    covariance: Floats
    """(n_scans, n_scans), not normalised"""
    gains: tuple[float, ...]
    """Predicted gain of every iteration, those before a restart included."""


class _Fit(NamedTuple):
    """Where a round of iterations ended."""

    h: Floats
    V: Floats
    precision: Floats
    """(n_components, n_components) of h, before the last step"""
    step: float
    diverged: bool


def column_space(design: Floats) -> Floats:
    """Orthonormal basis of the columns that are not negligible on the scale of the largest.

    Parameters
    ----------
    design
        (n_scans, n_columns)

    Notes
    -----
    SPM's criterion depends on the scale of the columns: those with tiny values drop out.

    >>> column_space(np.diag([1.0, 1e-9, 0.0])).shape
    (3, 1)
    """
    # spm_svd counts the columns in its criterion, so columns of zeros must not be among them
    columns = design[:, np.any(design != 0, axis=0)]
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    power = singular**2
    # spm_svd: squares of the singular values over their mean. A plain SVD of the design gives what
    # SPM's detour over X'X gives, without squaring the condition number
    keep = power * columns.shape[1] / power.sum() > 64 * np.finfo(float).eps
    return np.asarray(left[:, keep])


def reml(covariance: Floats, design: Floats, components: Floats | Components) -> Reml:
    """Fit variance components to a sample covariance.

    Parameters
    ----------
    covariance
        (n_scans, n_scans) of the data, design not removed
    design
        (n_scans, n_columns) regressors and cosines
    components
        Of the covariance; an array holds the first rows of Toeplitz ones, (n_components, n_scans)

    Raises
    ------
    ValueError
        The covariance is not finite, or the fit does not converge.

    >>> white = np.array([[1.0, 0, 0, 0]])
    >>> reml(2 * np.eye(4), np.ones((4, 1)), white).hyperparameters.round(2).tolist()
    [2.0]
    """
    if not np.all(np.isfinite(covariance)):
        raise ValueError("the pooled covariance of the data is not finite")
    Z = column_space(design)
    parts: Components = Toeplitz(components) if isinstance(components, np.ndarray) else components
    active = np.arange(len(parts))
    prior, step = float(PRIOR_PRECISION), FIRST_STEP
    gains: list[float] = []
    for _ in range(MAX_RESTARTS):
        fit = _iterate(covariance, Z, parts.chosen(active), (prior, step), gains)
        if not fit.diverged:
            # a component is dropped only after a whole round, as the evidence needs the curvature at its end
            if _settled(fit):
                h = np.zeros(len(parts))
                h[active] = fit.h
                return Reml(h, fit.V, tuple(gains))
            active = active[_needed(fit, prior)]
            if not active.size:
                break
        # spm_reml calls itself again with twice the prior's precision, and from the step it had come to
        prior, step = 2 * prior, fit.step
    raise ValueError("the variance components do not converge")


def _iterate(
    Cy: Floats, Z: Floats, components: Components, start: tuple[float, float], gains: list[float]
) -> _Fit:
    prior, t = start
    h = components.start()
    last = np.inf
    diverged = False
    for _ in range(MAX_ITERATIONS):
        gradient, curvature = _derivatives(components.inverse(h), Cy, Z, components)
        # Gaussian hyperprior of mean 0, which keeps components finite that the data do not tell apart
        gradient -= prior * h
        curvature -= prior * np.eye(len(h))
        change = _damped_step(gradient, curvature, t)
        h = h + change
        # the gain that the quadratic approximation promises; the log-likelihood itself is never computed
        gain = float(gradient @ change)
        gains.append(gain)
        # spm_reml's schedule: a promise that grows means overshooting, so the time shrinks at once and
        # grows back slowly
        t = max(t - 1, STEP_RANGE[0]) if gain > last else min(t + 0.25, STEP_RANGE[1])
        last = gain
        diverged = not np.isfinite(gain) or bool(np.abs(change).max() > WILD_STEP)
        if diverged or gain < ENOUGH_GAIN:
            break
    # the precision is that before the last step, as SPM has it when it leaves the loop
    return _Fit(h, components.combined(h), -curvature, t, diverged)


def _derivatives(iC: Floats, Cy: Floats, Z: Floats, components: Components) -> tuple[Floats, Floats]:
    """Gradient and expected curvature of the restricted log-likelihood, without prior."""
    # gradient -tr(P Q (I - P Cy)) / 2; expected curvature -tr(P Q_i P Q_j) / 2, Fisher's information in
    # place of the Hessian
    single, pairs = components.traces(ResidualForming.of(iC, Z), Cy)
    return -single / 2, -pairs / 2


def _damped_step(gradient: Floats, curvature: Floats, t: float) -> Floats:
    """Integrate dh/ds = gradient + curvature h over a time that fits the curvature."""
    # spm_dx: the unit of time is the geometric mean of the curvatures, so that a step is near Newton's
    time = np.exp(t - _log_determinant(curvature) / len(gradient))
    if time > FULL_STEP:
        return np.asarray(-np.linalg.pinv(curvature, rcond=len(gradient) * np.finfo(float).eps) @ gradient)
    # local linearisation: exp(time J) - I over J times the gradient, as one block of a larger exponential,
    # which needs no inverse of a curvature that may be singular
    flow = np.zeros((len(gradient) + 1,) * 2)
    flow[1:, 0] = time * gradient
    flow[1:, 1:] = time * curvature
    return np.asarray(scipy.linalg.expm(flow)[1:, 0])


def _log_determinant(A: Floats) -> float:
    # spm_logdet leaves out dimensions without variance, which a reduced prior has
    used = np.diag(A) != 0
    singular = np.linalg.svd(A[np.ix_(used, used)], compute_uv=False)
    return float(np.log(singular[(singular > LOG_RANGE[0]) & (singular < LOG_RANGE[1])]).sum())


def _settled(fit: _Fit) -> bool:
    """Whether SPM keeps all components: V is a covariance and h well determined."""
    # spm_reml stops dropping components once its step has shrunk so far, lest it restart for ever
    if fit.step <= -FIRST_STEP:
        return True
    if not is_definite(fit.V, singular=True):
        return False
    # components that the data do not tell apart make the information nearly singular
    return bool(np.log(np.linalg.cond(fit.precision, 1)) <= ILL_CONDITIONED)


def _needed(fit: _Fit, prior: float) -> Floats:
    """Components that Bayesian model reduction does not remove, one looked at after the other."""
    n = len(fit.h)
    mean = fit.h.copy()
    covariance: Floats = np.asarray(np.linalg.inv(fit.precision))
    kept = np.ones(n, dtype=bool)
    for i in range(n):
        at = np.flatnonzero(kept)
        # a prior variance of 0 is the model without the component
        reduced = np.diag(np.where(at == i, 0.0, 1 / prior))
        gain, new_mean, new_covariance = _reduction(mean[at], covariance[np.ix_(at, at)], reduced, prior)
        if gain > REDUNDANT:
            kept[i] = False
            # the next component is judged under the posterior that the reduced prior leaves
            mean[at] = new_mean
            covariance[np.ix_(at, at)] = new_covariance
    return kept


def _reduction(
    mean: Floats, covariance: Floats, reduced: Floats, prior: float
) -> tuple[float, Floats, Floats]:
    """Gain in log-evidence of a reduced prior, and the posterior under it."""
    identity = np.eye(len(mean))

    def inverse(A: Floats) -> Floats:
        return np.asarray(np.linalg.inv(A + REDUCTION_RIDGE * identity))

    qP, pP, rP = inverse(covariance), inverse(identity / prior), inverse(reduced)
    # Gaussian densities multiply: the likelihood's precision is the posterior's less the full prior's
    sC = inverse(qP + rP - pP)
    sE = qP @ mean
    # spm_log_evidence_reduce (K. Friston and W. Penny, NeuroImage 56:2089-2099, 2011); prior means are 0
    evidence = _log_determinant(rP @ qP @ sC @ inverse(pP)) - (mean @ qP @ mean - sE @ sC @ sE)
    return float(evidence / 2), sC @ sE, sC
