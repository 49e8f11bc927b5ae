"""Runs combined by fixed effects: FSL's ``flameo --runmode=fe`` with one column of ones.

``effect = sum(e / v) / sum(1 / v)`` and ``variance = 1 / sum(1 / v)`` over the runs' effects e and
variances v (FEAT user guide, "Group statistics").
"""

import numpy as np

from bidsglm.fsl.contrasts import TMaps
from bidsglm.model import Floats


def fixed_effects(effects: Floats, variances: Floats) -> TMaps:
    """Combine runs, each weighted by the inverse of its variance.

    Parameters
    ----------
    effects, variances
        (n_runs, n_voxels) variances above 0

    >>> fixed_effects(np.array([[1.0], [4.0]]), np.array([[1.0], [2.0]])).effect.tolist()
    [2.0]
    """
    # flameo takes the runs' variances as known: nothing is estimated between runs
    precision = (1 / variances).sum(axis=0)
    effect = (effects / variances).sum(axis=0) / precision
    return TMaps(effect, 1 / precision, effect * np.sqrt(precision))


def combined_dof(dofs: Floats) -> float:
    """Degrees of freedom over runs: their sum but one, for the mean that is fitted.

    >>> combined_dof(np.array([119.0, 99.0]))
    217.0
    """
    return float(np.sum(dofs) - 1)


def f_over_runs(effects: Floats, covariances: Floats) -> Floats:
    """F of several effects over runs, which FSL has not: each run weighs by the inverse of its covariance.

    It is the square of the combined t where there is one effect.

    Parameters
    ----------
    effects
        (n_runs, n_effects, n_voxels)
    covariances
        (n_runs, n_effects, n_effects, n_voxels)

    >>> effects, variances = np.array([[[1.0]], [[4.0]]]), np.array([[[[1.0]]], [[[2.0]]]])
    >>> F = f_over_runs(effects, variances)
    >>> bool(abs(F[0] - fixed_effects(effects[:, 0], variances[:, 0, 0]).t[0] ** 2) < 1e-12)
    True
    """
    # F = u' (sum C_r^-1)^-1 u / q with u = sum C_r^-1 e_r, C_r the covariance of a run's q effects
    precisions = np.linalg.inv(np.moveaxis(covariances, -1, 1))
    weighed = np.einsum("rvab,rbv->va", precisions, effects)
    combined = np.linalg.solve(precisions.sum(axis=0), weighed[..., np.newaxis])[..., 0]
    return np.asarray(np.einsum("va,va->v", weighed, combined) / effects.shape[1])
