"""A run's columns without their means, as FILM fits them: ``X = U W``, U orthonormal."""

from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats

COLLINEAR = 1e-6
"""Share of the largest singular value of columns of length 1 that their rounding to float32 leaves."""
ROUNDING = 1e-12
"""Share of a column's length that rounding leaves of a constant one."""


class Design(NamedTuple):
    """Columns without their means, as ``X = U W``."""

    left: Floats
    """(n_scans, rank) U, orthonormal"""
    coefficients: Floats
    """(n_columns, rank) W^+"""

    def residuals(self, Y: Floats) -> Floats:
        """(n_scans, n_voxels) of ordinary least squares."""
        return np.asarray(Y - self.left @ (self.left.T @ Y))


def decomposed(X: Floats) -> Design:
    """Decompose a design; its means go as those of the data do.

    Parameters
    ----------
    X
        (n_scans, n_columns)

    Raises
    ------
    ValueError
        No column varies.

    >>> decomposed(np.array([[1.0, 2.0], [0.0, 0.0], [2.0, 4.0]])).left.shape
    (3, 1)
    """
    # FEAT fits no constant: data and columns lose their means instead
    centred = X - X.mean(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    norms[norms <= ROUNDING * np.linalg.norm(X, axis=0)] = 0
    if not norms.any():
        raise ValueError("no column of the design varies")
    # rank is a matter of directions: squares of small movements are columns as good as any
    lengths = np.where(norms > 0, norms, np.inf)
    U, S, V = np.linalg.svd(centred / lengths, full_matrices=False)
    rank = int(np.count_nonzero(COLLINEAR * S[0] < S))
    U, S, V = U[:, :rank], S[:rank, np.newaxis], V[:rank]
    if rank == np.count_nonzero(norms):
        return Design(U, (V / S / lengths).T)
    # W^+ of minimum norm in the units of the columns as given, as a pseudo-inverse of X has it
    return Design(U, np.linalg.pinv(S * V * norms))
