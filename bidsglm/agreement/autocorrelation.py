"""Autocorrelation that each package's noise model implies, lag by lag.

SPM's is one V for all voxels of a run, a sum of components: V = sum_i h_i Q_i, whose first row over its
first entry is the autocorrelation. An autoregressive model of order N has the autocorrelation that solves
the equations of Yule and Walker, r_k = sum_i a_i r_|k-i|.
"""

from collections.abc import Sequence

import numpy as np

from bidsglm.model import Floats


def of_components(hyperparameters: Floats, first_rows: Floats, n_lags: int) -> Floats:
    """Autocorrelation at lags 0 to n_lags of a weighted sum of Toeplitz components.

    Parameters
    ----------
    hyperparameters
        (n_components,)
    first_rows
        (n_components, n_scans) of the components
    n_lags
        Scans.

    Returns
    -------
    (n_lags + 1,); NaN beyond the run

    >>> of_components(np.array([0.5, 0.5]), np.array([[1.0, 0.0], [1.0, 0.4]]), 2).tolist()
    [1.0, 0.2, nan]
    """
    row = hyperparameters @ first_rows
    found = np.full(n_lags + 1, np.nan)
    known = min(row.size, found.size)
    # over r_0: the hyperparameters need not add up to a variance of 1
    found[:known] = row[:known] / row[0]
    return found


def of_autoregression(coefficients: Floats, n_lags: int) -> Floats:
    """Autocorrelation at lags 0 to n_lags of an autoregressive process.

    Parameters
    ----------
    coefficients
        (order,)
    n_lags
        Scans.

    Returns
    -------
    (n_lags + 1,)

    >>> of_autoregression(np.array([0.5]), 3).tolist()
    [1.0, 0.5, 0.25, 0.125]
    >>> of_autoregression(np.array([0.5, 0.2]), 2).round(4).tolist()
    [1.0, 0.625, 0.5125]
    """
    order = len(coefficients)
    # Yule and Walker's r_k = sum_i a_i r_|k - i| for k = 1 ... N: r_0 = 1 goes to the right, the unknown
    # r_1 ... r_N, which stand on both sides, to the left
    equations, known = np.eye(order), np.zeros(order)
    for k in range(1, order + 1):
        for i, a in enumerate(coefficients, start=1):
            lag = abs(k - i)
            if lag:
                equations[k - 1, lag - 1] -= a
            else:
                known[k - 1] += a
    found = [1.0, *(np.linalg.solve(equations, known).tolist() if order else [])]
    while len(found) <= n_lags:
        # beyond the order the equations are a recursion in the lags before
        found.append(float(np.dot(coefficients, found[: -order - 1 : -1])) if order else 0.0)
    return np.array(found[: n_lags + 1])


def weighted_quantiles(values: Floats, counts: Sequence[int] | Floats, shares: Sequence[float]) -> Floats:
    """Quantiles of values that occur so many times: the smallest that reaches each share.

    Parameters
    ----------
    values
        (n,)
    counts
        (n,) how often each occurs
    shares
        Between 0 and 1.

    >>> weighted_quantiles(np.array([0.3, 0.1]), [1, 3], [0.25, 0.5, 0.9]).tolist()
    [0.1, 0.1, 0.3]
    """
    order = np.argsort(values)
    reached = np.cumsum(np.asarray(counts, dtype=float)[order])
    # no interpolation: a value between two of those given is in no voxel
    places = np.searchsorted(reached, np.asarray(shares) * reached[-1])
    return np.asarray(values[order][places])
