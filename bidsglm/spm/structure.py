"""Inverse, root and eigenvalues of covariances that are alike along diagonals, by their structure.

A symmetric Toeplitz matrix C of n rows has an inverse that follows from its first column x alone,

    C^-1[i, j] = C^-1[i - 1, j - 1] + (x_i x_j - x_(n-i) x_(n-j)) / x_0

(W. Trench, SIAM Journal 12:515-522, 1964), in n² steps in place of n³. A matrix that is the same read from
its last row and column falls into two of half its size, one of vectors that are the same read backwards and
one of those that change sign (A. Cantoni and P. Butler, Linear Algebra and its Applications 13:275-288,
1976). The root of the inverse of a Toeplitz matrix that fades is Toeplitz itself but near its ends, where it
is that of a shorter one.
"""

import numpy as np
from scipy.linalg import matmul_toeplitz, solve_toeplitz, toeplitz

from bidsglm.model import Floats

UNRELIABLE = 1e-11
"""Error of products that must give unit noise back, beyond which a matrix is treated as any other."""
N_PROBES = 3
LEAST_PART = 128
"""Rows from whose root that of more is put together"""
NOTHING = 1e-32
"""Share of the largest entry of a column that is zero beside what rounding leaves of it"""
ROOT_2 = np.sqrt(2)


def inverse(A: Floats, ridge: float = 0.0) -> Floats:
    """Inverse of a symmetric matrix with a ridge, in n² steps where it is Toeplitz and well conditioned.

    >>> inverse(np.array([[1.0, 1.0], [1.0, 1.0]]), 1.0).round(6).tolist()
    [[0.666667, -0.333333], [-0.333333, 0.666667]]
    """
    if _is_toeplitz(A):
        return inverse_of_row(A[0], ridge)
    ridged = A.copy()
    np.fill_diagonal(ridged, np.diag(A) + ridge)
    return np.asarray(np.linalg.inv(ridged))


def inverse_of_row(row: Floats, ridge: float) -> Floats:
    """Inverse of the symmetric Toeplitz matrix of a first row, with a ridge.

    >>> inverse_of_row(np.array([1.0, 1.0]), 1.0).round(6).tolist()
    [[0.666667, -0.333333], [-0.333333, 0.666667]]
    """
    ridged = row.copy()
    ridged[0] += ridge
    found = _toeplitz_inverse(ridged)
    return np.asarray(np.linalg.inv(toeplitz(ridged))) if found is None else found


def largest_row_sum(row: Floats) -> float:
    """Largest row sum of absolute values of the symmetric Toeplitz matrix of a first row.

    >>> largest_row_sum(np.array([2.0, -1.0, 0.5]))
    4.0
    """
    sums = np.cumsum(np.abs(row))
    # the i-th row has i values before its diagonal and the others behind
    return float(np.max(sums + sums[::-1] - sums[0]))


def _is_toeplitz(A: Floats) -> bool:
    return bool(np.array_equal(A[0], A[:, 0]) and np.array_equal(A[1:, 1:], A[:-1, :-1]))


def _toeplitz_inverse(row: Floats) -> Floats | None:
    """Inverse by its first column; None where rounding spoils it, as of a matrix that is nearly singular."""
    first = np.zeros_like(row)
    first[0] = 1.0
    try:
        x = solve_toeplitz(row, first)
    except np.linalg.LinAlgError:
        return None
    if not (np.isfinite(x).all() and x[0]):
        return None
    # what has died out leaves a band; its products would be denormal numbers, with which processors are slow
    x[np.abs(x) < NOTHING * np.abs(x).max()] = 0.0
    found = _from_first_column(x)
    probes = np.random.default_rng(0).standard_normal((len(row), N_PROBES))
    error = np.abs(matmul_toeplitz(row, found @ probes) - probes).max()
    return np.asarray(found) if error <= UNRELIABLE else None


def _from_first_column(x: Floats) -> Floats:
    """W. Trench's recursion, row by row: the row before is still at hand in the processor's cache."""
    behind = np.concatenate([[0.0], x[:0:-1]])
    found = np.empty((len(x), len(x)))
    before = np.zeros(len(x) - 1)
    for row, ahead, back in zip(found, x / x[0], behind / x[0], strict=True):
        np.multiply(x, ahead, out=row)
        row -= back * behind
        row[1:] += before
        before = row[:-1]
    return found


def halves(A: Floats) -> tuple[Floats, Floats] | None:
    """Parts of a symmetric matrix in even and in odd vectors; None if it is not the same read backwards.

    >>> even, odd = halves(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> even.tolist(), odd.tolist()
    ([[3.0]], [[1.0]])
    """
    n = len(A)
    m = n // 2
    if not m or not np.array_equal(A, A[::-1, ::-1]):
        return None
    corner, mirrored = A[:m, :m], A[:m, : n - m - 1 : -1]
    even, odd = corner + mirrored, corner - mirrored
    if n % 2:
        # the entry in the middle is its own mirror image
        middle = ROOT_2 * A[:m, m : m + 1]
        even = np.block([[even, middle], [middle.T, A[m : m + 1, m : m + 1]]])
    return even, odd


def _joined(even: Floats, odd: Floats) -> Floats:
    """Put a matrix together again from its parts in even and in odd vectors."""
    m = len(odd)
    n = m + len(even)
    whole = np.empty((n, n))
    whole[:m, :m] = (even[:m, :m] + odd) / 2
    whole[:m, n - m :] = ((even[:m, :m] - odd) / 2)[:, ::-1]
    if n % 2:
        whole[:m, m] = whole[m, :m] = even[:m, m] / ROOT_2
        whole[m, m] = even[m, m]
        whole[m, m + 1 :] = whole[m, :m][::-1]
    whole[n - m :] = whole[:m][::-1, ::-1]
    return whole


def inverse_root(A: Floats, ridge: float) -> Floats:
    """Symmetric root of the inverse of A with a ridge on its diagonal.

    Raises
    ------
    ValueError
        It is not positive definite.

    >>> inverse_root(np.array([[2.0, 1.0], [1.0, 2.0]]), 0.0).round(6).tolist()
    [[0.788675, -0.211325], [-0.211325, 0.788675]]
    """
    part = _fading_root(A[0], ridge) if len(A) > 2 * LEAST_PART and _is_toeplitz(A) else None
    return _root_by_halves(A, ridge) if part is None else _extended(part, len(A))


def _root_by_halves(A: Floats, ridge: float) -> Floats:
    parts = halves(A)
    return _root(A, ridge) if parts is None else _joined(*(_root(part, ridge) for part in parts))


def _root(A: Floats, ridge: float) -> Floats:
    # the root in the eigenvectors of A: those of the ridged inverse are the same
    values, vectors = np.linalg.eigh(A)
    if values[0] + ridge <= 0:
        raise ValueError("the estimated covariance of the errors is not positive definite")
    return np.asarray((vectors / np.sqrt(values + ridge)) @ vectors.T)


def _fading_root(row: Floats, ridge: float) -> Floats | None:
    """Root of the inverse for so many first rows that the whole is an extension of it; None if none is."""
    size = LEAST_PART
    while 2 * size < len(row):
        part = _root_by_halves(toeplitz(row[:size]), ridge)
        if _is_inverse_root(part, row, ridge):
            return part
        size *= 2
    return None


def _extended(part: Floats, n: int) -> Floats:
    """Put the middle row of a matrix between its ends as often as a matrix of n rows needs."""
    m, half = len(part), len(part) // 2
    whole = np.zeros((n, n))
    whole[:half, :m] = part[:half]
    for row in range(half, n - half):
        whole[row, row - half : row - half + m] = part[half]
    whole[n - half :] = whole[:half][::-1, ::-1]
    return whole


def _extended_product(part: Floats, Y: Floats) -> Floats:
    """Product of `_extended` and some columns, without making it."""
    m, half = len(part), len(part) // 2
    product = np.empty_like(Y)
    product[:half] = part[:half] @ Y[:m]
    # the middle row at each place in turn; the last place is the first of the rows at the end
    product[half : len(Y) - half] = np.stack([np.correlate(y, part[half])[:-1] for y in Y.T], axis=1)
    product[len(Y) - half :] = (part[:half] @ Y[::-1][:m])[::-1]
    return product


def _is_inverse_root(part: Floats, row: Floats, ridge: float) -> bool:
    # what is wrong anywhere, or in any frequency, shows in noise
    probes = np.random.default_rng(0).standard_normal((len(row), N_PROBES))
    once = _extended_product(part, probes)
    error = _extended_product(part, matmul_toeplitz(row, once) + ridge * once) - probes
    return bool(np.abs(error).max() <= UNRELIABLE)


def least_eigenvalue(A: Floats) -> float:
    """Smallest eigenvalue of a symmetric matrix.

    >>> round(least_eigenvalue(np.array([[2.0, 1.0], [1.0, 2.0]])), 9)
    1.0
    """
    return min(float(np.linalg.eigvalsh(part)[0]) for part in halves(A) or (A,))


def is_definite(A: Floats, singular: bool = False) -> bool:
    """Whether a symmetric matrix is positive definite, or singular at most.

    >>> is_definite(np.diag([1.0, 0.0])), is_definite(np.diag([1.0, 0.0]), singular=True)
    (False, True)
    """
    # a root that gives noise back is proof, and of a long run less work than eigenvalues
    if len(A) > 2 * LEAST_PART and _is_toeplitz(A) and _has_fading_root(A[0]):
        return True
    least = least_eigenvalue(A)
    return least >= 0 if singular else least > 0


def _has_fading_root(row: Floats) -> bool:
    try:
        return _fading_root(row, 0.0) is not None
    except ValueError:
        # a part is singular: the eigenvalues of the whole decide
        return False
