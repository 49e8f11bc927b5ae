"""The space that a design spans: its rank, its row space, and columns that add nothing to it.

``A = U D V'`` without the directions whose singular value is zero but for rounding. From it follow the rank,
the pseudo-inverse ``V D^-1 U'`` and which contrasts are estimable: those in the row space, ``V V' c = c``.
A design of several runs is block diagonal, so each run is decomposed by itself and the tolerance is shared.

A singular value is zero below ``max(n, m) max(d) eps``, the tolerance of SPM12 (``spm_sp``) and of numpy:
rounding moves it by eps times the largest, and by more the larger the matrix is. Whatever asks for a rank has
it, with two exceptions: `rank_in_nilearn`, and columns that are looked at one after the other
(`independent_columns`), where what is left of a column is compared with the column itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats

ROUNDING = 1e-10
"""Share of a column's length that is left by the columns before it if they explain it but for rounding."""


class Factors(NamedTuple):
    """Thin singular value decomposition of a run's design, cut to its rank r."""

    left: Floats
    """(n_scans, r)"""
    singular: Floats
    """(r,)"""
    right: Floats
    """(n_regressors, r)"""


class Decomposition(NamedTuple):
    """The block-diagonal design of all runs, decomposed."""

    runs: tuple[Factors, ...]
    tolerance: float
    """Below it, singular values and contrast entries are zero to SPM."""

    @property
    def rank(self) -> int:
        """Rank of the whole design."""
        return sum(f.singular.size for f in self.runs)


def decomposition(designs: Sequence[Floats]) -> Decomposition:
    """Singular value decomposition of a block-diagonal design with SPM's rank tolerance.

    Parameters
    ----------
    designs
        (n_scans, n_regressors) of every run

    >>> decomposition([np.ones((4, 2)), np.eye(4)[:, :2]]).rank
    3
    """
    svds = [np.linalg.svd(A, full_matrices=False) for A in designs]
    # spm_sp's max(size(X)) * max(d) * eps
    size = max(sum(len(A) for A in designs), sum(A.shape[1] for A in designs))
    tolerance = float(size * max(d.max(initial=0.0) for _, d, _ in svds) * np.finfo(float).eps)
    runs = []
    for left, singular, right in svds:
        keep = singular > tolerance
        runs.append(Factors(left[:, keep], singular[keep], right[keep].T))
    return Decomposition(tuple(runs), tolerance)


def factors(design: Floats) -> Factors:
    """Decompose the design of a single run, (n_scans, n_regressors).

    >>> factors(np.ones((4, 2))).left.shape
    (4, 1)
    """
    return decomposition([design]).runs[0]


def rank(A: Floats) -> int:
    """Rank of a design, or of the weights of a contrast.

    >>> rank(np.ones((4, 2)))
    1
    """
    return int(np.linalg.matrix_rank(A))


def rank_in_nilearn(X: Floats) -> int:
    """Rank of a design as nilearn counts it for the degrees of freedom: its tolerance grows with all entries.

    >>> rank_in_nilearn(np.column_stack([np.ones(4), [1.0, 1.0, 1.0, 1.0 + 1e-15]]))
    1
    """
    return int(np.linalg.matrix_rank(X, np.abs(X).sum() * np.finfo(float).eps))


def squares(X: Floats) -> Floats:
    """Sum of squares of each column, (n_columns,)."""
    return np.asarray(np.einsum("ij,ij->j", X, X))


def lengths(X: Floats) -> Floats:
    """Length of each column, 1 for a column of zeros, (n_columns,)."""
    found = np.sqrt(squares(X))
    return np.asarray(np.where(found > 0, found, 1.0))


def directions(X: Floats) -> Floats:
    """Columns of length 1, or of zeros: in their rank a small column counts as much as a large one."""
    return np.asarray(X / lengths(X))


def basis(X: Floats) -> Floats:
    """Orthonormal basis of the space of columns, whatever their lengths, (n_rows, rank).

    >>> basis(np.ones((4, 2))).shape
    (4, 1)
    """
    return factors(directions(X)).left


def unexplained(Y: Floats, X: Floats) -> Floats:
    """Residuals of least squares on a design of any rank, of the shape of Y.

    >>> unexplained(np.array([1.0, 3.0]), np.ones((2, 2))).round(9).tolist()
    [-1.0, 1.0]
    """
    return np.asarray(Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0])


def independent_columns(X: Floats, least: float = ROUNDING) -> list[int]:
    """First columns that span all of them; a column of zeros is none.

    Parameters
    ----------
    X
        (n_rows, n_columns)
    least
        Share of a column's length that those before it must leave.

    >>> independent_columns(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1.0], [1.0, 2.0, 3.0]]))
    [0, 2]
    """
    before = np.empty((len(X), 0))
    found = []
    for i, column in enumerate(X.T):
        rest = column
        # twice is enough: the second projection takes out what rounding left of the first
        for _ in range(2):
            rest = rest - before @ (before.T @ rest)
        length = np.linalg.norm(rest)
        if length > least * np.linalg.norm(column):
            before = np.column_stack([before, rest / length])
            found.append(i)
    return found


def without_redundancy(matrix: Floats, weights: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
    """Take out columns that are combinations of those before them, and give contrasts over the rest.

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
    if rank(matrix) == matrix.shape[1]:
        return matrix, list(weights)
    kept = matrix[:, independent_columns(matrix)]
    # c b = c X+ X b, and X b is what the kept columns fit
    over = np.linalg.pinv(matrix) @ kept
    return kept, [row @ over for row in weights]


def independent_rows(weights: Floats) -> list[int]:
    """First rows of a contrast that span all of them, in order.

    >>> independent_rows(np.array([[1.0, 0, -1], [0, 1, -1], [1, -1, 0]]))
    [0, 1]
    """
    rows: list[int] = []
    for i in range(len(weights)):
        if rank(weights[[*rows, i]]) > len(rows):
            rows.append(i)
    return rows


def estimable(weights: Sequence[Floats], design: Decomposition) -> bool:
    """Whether every row of a contrast lies in the row space of the design, as strictly as in SPM.

    Parameters
    ----------
    weights
        (n_regressors, n_rows) of every run
    design
        Whitened, filtered design.

    >>> twice = decomposition([np.ones((5, 2))])
    >>> estimable([np.array([[1.0], [1.0]])], twice), estimable([np.array([[1.0], [0.0]])], twice)
    (True, False)
    """
    return all(
        # spm_SpUtil's isCon: V V' c = c, entry by entry
        bool(np.all(np.abs(f.right @ (f.right.T @ c) - c) <= design.tolerance))
        for f, c in zip(design.runs, weights, strict=True)
    )
