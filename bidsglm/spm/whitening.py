"""Whitening matrix: SPM12's ``W = V^(-1/2)`` in ``spm_spm``, ``spm_inv`` and ``spm_sqrtm``.

W is the symmetric root of the inverse of V, with entries up to 1e-6 set to zero; of an
autocorrelation that dies out only a band is left, which makes the product with the data cheap.
V is block diagonal over runs, so everything is done run by run.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats
from bidsglm.spm.structure import inverse, inverse_root

TRUNCATION = 1e-6
"""SPM keeps the entries of W that are greater."""
RIDGE_FLOOR = np.exp(-32)
"""Least value that SPM adds to the diagonal before it inverts."""
BLOCK_ROWS, NARROW_ROWS = 64, 16
"""Rows multiplied at once: enough for BLAS, few enough that the band stays narrow; of a band of fewer than a
block's rows, fewer, as much of what is multiplied would be zeros."""


ROWS_AT_ONCE = 128
"""Rows whose absolute values are held at once"""


class Whitening(NamedTuple):
    """A matrix by blocks of its rows, each without the columns around it that are zero."""

    blocks: tuple[Floats, ...]
    columns: tuple[slice, ...]
    """Where the columns of each block stand"""

    @property
    def _rows(self) -> list[slice]:
        """Where the rows of each block stand."""
        ends = [0, *accumulate(map(len, self.blocks))]
        return [slice(start, stop) for start, stop in pairwise(ends)]

    @property
    def matrix(self) -> Floats:
        """(n_scans, n_scans)."""
        size = sum(map(len, self.blocks))
        whole = np.zeros((size, size))
        for rows, block, columns in zip(self._rows, *self, strict=True):
            whole[rows, columns] = block
        return whole

    def parts(self, at_least: int) -> Iterator[tuple[slice, "Whitening"]]:
        """Blocks that have so many rows together, and where these stand; the last may have fewer."""
        rows = self._rows
        start = 0
        for stop in range(1, len(rows) + 1):
            if rows[stop - 1].stop - rows[start].start >= at_least or stop == len(rows):
                yield (
                    slice(rows[start].start, rows[stop - 1].stop),
                    Whitening(self.blocks[start:stop], self.columns[start:stop]),
                )
                start = stop

    def product(self, Y: Floats) -> Floats:
        """W Y, (n_rows, n_columns), in the precision of Y."""
        result = np.empty_like(Y, shape=(sum(map(len, self.blocks)), Y.shape[1]))
        for rows, block, columns in zip(self._rows, *self, strict=True):
            # W of a fading autocorrelation is a band, and outside it there is nothing to multiply
            np.matmul(block.astype(Y.dtype, copy=False), Y[columns], out=result[rows])
        return result


def banded(matrix: Floats) -> Whitening:
    """Find the non-zero columns of every block of rows.

    >>> W = banded(np.eye(100))
    >>> [(s.start, s.stop) for s in W.columns][-2:], W.product(np.ones((100, 1))).sum()
    ([(80, 96), (96, 100)], np.float64(100.0))
    """
    blocks, columns = [], []
    size = NARROW_ROWS if _is_narrow(matrix) else BLOCK_ROWS
    for start in range(0, len(matrix), size):
        rows = matrix[start : start + size]
        used = np.flatnonzero(rows.any(axis=0))
        columns.append(slice(int(used[0]), int(used[-1]) + 1))
        blocks.append(rows[:, columns[-1]])
    if sum(block.size for block in blocks) < matrix.size / 2:
        # a band lets go of the zeros around it
        blocks = [block.copy() for block in blocks]
    return Whitening(tuple(blocks), tuple(columns))


def _is_narrow(matrix: Floats) -> bool:
    """Whether nothing stands so far above the diagonal as a narrow block has rows."""
    return not any(row[start:].any() for start, row in enumerate(matrix, NARROW_ROWS))


def ridge(norm: float, size: int) -> float:
    """Return what SPM adds to the diagonal of a matrix of that maximal row sum before inversion.

    >>> bool(ridge(1.0, 10) == np.exp(-32))
    True
    """
    # spm_inv: rounding of the inverse grows with the norm and the size
    return float(max(np.spacing(norm) * size, RIDGE_FLOOR))


def regularised_inverse(A: Floats) -> Floats:
    """Inverse with a trace of ridge: SPM's ``spm_inv``.

    >>> regularised_inverse(np.diag([2.0, 4.0])).round(9).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return inverse(A, ridge(_norm(A), len(A)))


def _norm(A: Floats) -> float:
    """Largest row sum of absolute values."""
    return float(np.max([np.abs(part).sum(axis=1).max() for part in _some_rows(A)], initial=0.0))


def _some_rows(A: Floats) -> Iterator[Floats]:
    """Views of some rows at a time, as a further array of a long run takes longer to get than to fill."""
    for start in range(0, len(A), ROWS_AT_ONCE):
        yield A[start : start + ROWS_AT_ONCE]


def normalised(covariances: Sequence[Floats]) -> tuple[Floats, ...]:
    """Scale the runs' covariances by one factor to a mean variance of 1.

    >>> [V.tolist() for V in normalised([np.eye(1), 3 * np.eye(1)])]
    [[[0.5]], [[1.5]]]
    """
    # spm_est_non_sphericity scales once for all runs, which thus keep different variances
    factor = sum(len(V) for V in covariances) / sum(float(np.trace(V)) for V in covariances)
    return tuple(V * factor for V in covariances)


def whitening(covariances: Sequence[Floats]) -> tuple[Whitening, ...]:
    """Root of the inverse of each run's covariance, truncated.

    Parameters
    ----------
    covariances
        (n_scans, n_scans) of every run, normalised

    Raises
    ------
    ValueError
        A covariance is not positive definite.

    >>> whitening([4 * np.eye(2)])[0].matrix.round(9).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    # the ridge of the block-diagonal V of all runs, whose largest row sum is that of one of them
    norm = float(np.max([_norm(V) for V in covariances], initial=0.0))
    tau = ridge(norm, sum(len(V) for V in covariances))
    return tuple(banded(_truncated_root(V, tau)) for V in covariances)


def _truncated_root(V: Floats, tau: float) -> Floats:
    root = inverse_root(V, tau)
    # rounding must not make W asymmetric: designs take (W B)' for B' W
    root = root + root.T
    root /= 2
    for part in _some_rows(root):
        part[~(np.abs(part) > TRUNCATION)] = 0.0
    return root
