"""The space that a design spans: its singular values, rank and row space (SPM12's ``spm_sp``).

``A = U D V'`` without the directions whose singular value is zero but for rounding. From it follow the rank,
the pseudo-inverse ``V D^-1 U'`` and which contrasts are estimable: those in the row space, ``V V' c = c``.
A design of several runs is block diagonal, so each run is decomposed by itself and the tolerance is shared.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats


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
    # rounding moves a singular value by eps times the largest, and by more the larger the matrix is:
    # this is spm_sp's max(size(X)) * max(d) * eps, which numpy's matrix_rank has too
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


def independent_rows(weights: Floats) -> list[int]:
    """First rows of a contrast that span all of them, in order.

    >>> independent_rows(np.array([[1.0, 0, -1], [0, 1, -1], [1, -1, 0]]))
    [0, 1]
    """
    rows: list[int] = []
    for i in range(len(weights)):
        if np.linalg.matrix_rank(weights[[*rows, i]]) > len(rows):
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
