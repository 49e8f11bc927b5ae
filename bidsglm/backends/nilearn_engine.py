"""Who computes a run's fit: ``run_glm`` itself, or nilearn's models, each once, where that is the same.

``run_glm`` fits a sample of every run too, and all of its voxels where the two differ by more than rounding.
Voxels where rounding may count are always its own.
"""

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.nilearn_library import SEED, put_library, run_library
from bidsglm.backends.nilearn_records import LIBRARY, SHARED, Computation, RunColumns
from bidsglm.backends.nilearn_shared import Check, SharedModels, fit_columns
from bidsglm.backends.nilearn_signals import ScaledSignals
from bidsglm.backends.nilearn_start import without_checks
from bidsglm.model import Floats, NilearnSettings

SERVED = "ar1"
"""Noise model whose fit can be shared"""
SAMPLE = 2_000
"""Voxels of every run that ``run_glm`` fits too"""
LARGEST = 1e-9
"""Difference above which ``run_glm`` fits all voxels"""


def fit_run(
    X: Floats, signals: ScaledSignals, columns: NDArray[np.intp], settings: NilearnSettings
) -> tuple[RunColumns, Computation]:
    """Fit columns of a run.

    Parameters
    ----------
    X : (n_scans, n_regressors)
    signals : of the run
    columns : with data
    settings : of nilearn
    """
    with without_checks():
        import nilearn.glm.first_level  # noqa: F401
    is_served = settings.noise_model == SERVED and settings.engine != LIBRARY
    pays = columns.size > SAMPLE or settings.kept is not None
    shared = _models(X, settings)
    if not (is_served and pays and shared.has_constant):
        return _by_library(X, signals, columns, settings), Computation(LIBRARY)
    run, doubtful = fit_columns(shared, signals, columns)
    if shared.check is None:
        certain = np.setdiff1d(columns, doubtful, assume_unique=True)
        n_checked = min(SAMPLE, certain.size)
        sample = np.sort(np.random.default_rng(SEED).choice(certain, n_checked, replace=False))
        shared.check = Check(n_checked, difference(run, shared, signals, sample))
    if not shared.check.difference <= LARGEST:
        return _by_library(X, signals, columns, settings), Computation(LIBRARY, *shared.check)
    if doubtful.size:
        put_library(run, X, signals, doubtful, SERVED)
    return run, Computation(SHARED, *shared.check, doubtful.size)


def _models(X: Floats, settings: NilearnSettings) -> SharedModels:
    """Models of a design, those of an earlier fit where there is one."""
    if settings.kept is None:
        return SharedModels(X)
    return cast(SharedModels, settings.kept.setdefault(X.tobytes(), SharedModels(X)))


def _by_library(
    X: Floats, signals: ScaledSignals, columns: NDArray[np.intp], settings: NilearnSettings
) -> RunColumns:
    run = RunColumns(X.shape[1], signals.mask.size)
    put_library(run, X, signals, columns, settings.noise_model)
    return run


def difference(
    run: RunColumns, shared: SharedModels, signals: ScaledSignals, sample: NDArray[np.intp]
) -> float:
    """Find the largest difference from run_glm on some voxels.

    Parameters
    ----------
    run : fitted by shared models
    shared : models of its design
    signals : of the run
    sample : columns

    Returns
    -------
    Largest of: fitted values in residual standard deviations; parameters as a share of the largest, each
    times its regressor's length; dispersions, as a share; covariances, as a share of the largest. Infinite
    where a coefficient differs, not a number where there is nothing to compare.
    """
    if not sample.size:
        return math.nan
    values = signals(sample).astype(np.float64, copy=False)
    names, results = run_library(values, shared.X, np.ones(sample.size, dtype=np.bool_), SERVED)
    own = np.array(list(run.covariances))[run.labels[sample]]
    if not np.array_equal(own, names):
        return math.inf
    lengths = np.linalg.norm(shared.X, axis=0)[:, None]
    areas = lengths * lengths.T
    found = []
    for name, result in results.items():
        members = sample[names == name]
        moved = run.betas[:, members] - result.theta
        fitted = np.linalg.norm(shared.X @ moved, axis=0) / np.sqrt(result.dispersion)
        found += [
            float(fitted.max()),
            _share(moved * lengths, result.theta * lengths),
            _share((run.covariances[name] - result.cov) * areas, result.cov * areas),
            float(np.abs(run.dispersion[members] / result.dispersion - 1).max()),
        ]
    return max(found) if np.isfinite(found).all() else math.inf


def _share(moved: Floats, values: Floats) -> float:
    """Largest entry of a difference as a share of the largest value.

    >>> _share(np.array([0.1, -0.2]), np.array([2.0, 1.0]))
    0.1
    """
    return float(np.abs(moved).max() / np.abs(values).max())
