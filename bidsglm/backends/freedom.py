"""Whether designs leave residual degrees of freedom: known before any image is read."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.data import DesignMatrix
from bidsglm.errors import DataError
from bidsglm.model import Floats

ROUNDING = 1e-10
"""Share of a column that is left of a combination of others."""


class Freedom(NamedTuple):
    """What a run's design uses up."""

    n_scans: int
    n_columns: int
    """Regressors and cosines of the filter"""
    rank: int
    """Rank of both together"""


def freedom(design: DesignMatrix) -> Freedom:
    """Count what a design uses up.

    >>> freedom(DesignMatrix(("a", "b"), np.ones((4, 2)), np.empty((4, 0))))
    Freedom(n_scans=4, n_columns=2, rank=1)
    """
    X = np.hstack([design.matrix, design.high_pass_basis])
    norms = np.linalg.norm(X, axis=0)
    rank = np.linalg.matrix_rank(X / np.where(norms > 0, norms, 1.0))
    return Freedom(len(X), X.shape[1], int(rank))


def check_freedom(used: Sequence[Freedom], divides_by_columns: str = "") -> None:
    """Refuse runs that leave nothing for the noise.

    Parameters
    ----------
    used
        By each run, or by all together.
    divides_by_columns
        Name of a package that divides residuals by scans less columns, whatever their rank.

    Raises
    ------
    DataError
        Naming the run and its columns.
    """
    for number, (n_scans, n_columns, rank) in enumerate(used, start=1):
        if n_scans > (n_columns if divides_by_columns else rank):
            continue
        where = f" of run {number}" if len(used) > 1 else ""
        why = ""
        if rank < n_scans:
            why = f" ({divides_by_columns} divides by scans less columns, although their rank is {rank})"
        raise DataError(
            f"{n_columns} columns of regressors and high-pass filter for the {n_scans} scans{where} leave no"
            f" residual degrees of freedom{why}; use fewer confounds or a longer HighPassFilterCutoffHz"
            " period"
        )


def without_redundancy(matrix: Floats, weights: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
    """Take out columns that are combinations of those before them, and say contrasts over the rest.

    Parameters
    ----------
    matrix
        (n_rows, n_columns)
    weights
        Of estimable contrasts: (n_columns,) or (n_tests, n_columns) each.

    Returns
    -------
    The same model with independent columns, and weights over them with the same effects.

    >>> X = np.array([[1.0, 1, 0], [1, 1, 0], [1, 0, 1]])
    >>> kept, (difference,) = without_redundancy(X, [np.array([0.0, 1, -1])])
    >>> kept.tolist(), difference.round(9).tolist()
    ([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [0.0, 1.0])
    """
    if np.linalg.matrix_rank(matrix) == matrix.shape[1]:
        return matrix, list(weights)
    kept = matrix[:, _independent(matrix)]
    # c b = c X+ X b, and X b is what the kept columns fit
    over = np.linalg.pinv(matrix) @ kept
    return kept, [row @ over for row in weights]


def _independent(matrix: Floats) -> list[int]:
    """First columns that span all of them: what those before leave of a column is more than rounding."""
    basis = np.zeros((len(matrix), 0))
    found = []
    for i, column in enumerate(matrix.T):
        # twice, as one subtraction leaves rounding of the size of what it took
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > ROUNDING * np.linalg.norm(column):
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
            found.append(i)
    return found
