"""nilearn's own ``run_glm`` on the voxels of a run, in chunks that bound the memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.nilearn_records import Group, RunColumns
from bidsglm.backends.nilearn_signals import ScaledSignals, lag_one_autocorrelation
from bidsglm.model import Floats, Mask

CHUNK = 5_000
"""Voxels of one call of run_glm: with 300 scans it needs about 100 MB."""
SEED = 0
"""Seed of the clustering of AR coefficients that nilearn does for orders above 1."""


def put_library(
    run: RunColumns, X: Floats, signals: ScaledSignals, with_data: NDArray[np.intp], noise_model: str
) -> None:
    """Fit columns by nilearn itself.

    Parameters
    ----------
    run : that takes them in
    X : (n_scans, n_regressors)
    signals : of the run
    with_data : columns to fit
    noise_model : ols, ar1, ar2 ...
    """
    has_data = np.zeros(signals.mask.size, dtype=np.bool_)
    has_data[with_data] = True
    for columns in _chunks(signals, X, with_data, noise_model):
        values = signals(columns).astype(np.float64, copy=False)
        names, results = run_library(values, X, has_data[columns], noise_model)
        for name, result in results.items():
            called = "ols" if noise_model == "ols" else str(name)
            members = columns[names == name]
            group = Group(called, members.size, result.theta, result.dispersion, result.cov)
            run.put(members, [group])
            run.dof = float(result.df_residuals)
        run.settle(columns, np.einsum("ij,ij->j", values, values), len(X))


def run_library(
    values: Floats, X: Floats, with_data: Mask, noise_model: str
) -> tuple[NDArray[Any], Mapping[Any, Any]]:
    """Names of noise models and nilearn's results by name.

    Voxels without data are among them only where nilearn clusters coefficients: they then move the clusters,
    as long as they have coefficients at all.

    Parameters
    ----------
    values : (n_scans, n_columns)
    X : (n_scans, n_regressors)
    with_data : (n_columns,)
    noise_model : ols, ar1, ar2 ...
    """
    from nilearn.glm.first_level import run_glm

    try:
        labels, results = run_glm(values, X, noise_model, random_state=SEED)
        return np.asarray(labels), results
    except ValueError:
        if with_data.all():
            raise
    inner, results = run_glm(values[:, with_data], X, noise_model, random_state=SEED)
    labels = np.full(with_data.size, "", dtype=object)
    labels[with_data] = inner
    return labels, results


def _chunks(
    signals: ScaledSignals, X: Floats, columns: NDArray[np.intp], noise_model: str
) -> list[NDArray[np.intp]]:
    """Columns with data in chunks for run_glm, which makes a model for each coefficient in a chunk."""
    if noise_model not in ("ols", "ar1"):
        # Above order 1 nilearn clusters the coefficients of all voxels that it is given.
        return [np.flatnonzero(signals.mask)]
    if noise_model == "ar1" and columns.size > CHUNK:
        columns = columns[np.argsort(lag_one_autocorrelation(signals.series, X, columns), kind="stable")]
    # In ascending order the columns of a chunk are gathered in half the time.
    return [np.sort(columns[start : start + CHUNK]) for start in range(0, columns.size, CHUNK)]
