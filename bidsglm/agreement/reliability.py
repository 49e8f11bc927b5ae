"""How reliably two (or more) raters measure the same subjects: intraclass correlations with intervals.

The raters here are software packages, the subjects participants. From the two-way analysis of variance of an
(n subjects, k raters) table without replication, with mean squares MSR of the rows (subjects), MSC of the
columns (raters) and MSE of the residual (McGraw & Wong 1996, Psychological Methods 1: 30-46 and 390):

    ICC(A,1) = (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n)      absolute agreement
    ICC(C,1) = (MSR - MSE) / (MSR + (k - 1) MSE)                          consistency, raters' means removed

What is undefined (one subject, no variance) is NaN, never an exception or a warning.
"""

from typing import NamedTuple

import numpy as np
import scipy

from bidsglm.agreement.rates import UNKNOWN, IntervalEstimate
from bidsglm.model import Floats

CONFIDENCE = 0.95
ROUNDING = 64 * np.finfo(np.float64).eps
"""Deviations below this share of the largest value are rounding, not variance."""


class MeanSquares(NamedTuple):
    """Two-way analysis of variance without replication."""

    n_subjects: int
    n_raters: int
    rows: float
    """MSR, between subjects"""
    columns: float
    """MSC, between raters"""
    error: float
    """MSE"""


def mean_squares(ratings: Floats) -> MeanSquares:
    """Analysis of variance of subjects by raters.

    Parameters
    ----------
    ratings
        (n_subjects, n_raters), at least two of each, all finite

    Examples
    --------
    >>> squares = mean_squares(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> squares.rows, squares.columns, squares.error
    (4.0, 1.0, 0.0)
    """
    n, k = ratings.shape
    mean, subjects, raters = ratings.mean(), ratings.mean(axis=1), ratings.mean(axis=0)
    # interaction, which without replication is the error
    residual = ratings - subjects[:, None] - raters + mean
    # what is left of equal ratings by rounding would make an ICC of its own
    floor = ROUNDING * np.abs(ratings).max()
    squares = [
        float(np.sum(np.where(np.abs(part) > floor, part, 0.0) ** 2))
        for part in (subjects - mean, raters - mean, residual)
    ]
    # each subject's mean stands for k ratings and each rater's for n, over (n - 1), (k - 1), (n - 1)(k - 1)
    return MeanSquares(
        n, k, k * squares[0] / (n - 1), n * squares[1] / (k - 1), squares[2] / ((n - 1) * (k - 1))
    )


def icc_consistency(squares: MeanSquares, confidence: float = CONFIDENCE) -> IntervalEstimate:
    """ICC(C,1) and its interval: how alike the raters order and space the subjects.

    Parameters
    ----------
    squares
        Mean squares of the table, from `mean_squares`.
    confidence
        Coverage of the interval.

    Examples
    --------
    >>> icc_consistency(mean_squares(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])))
    IntervalEstimate(value=1.0, lower=1.0, upper=1.0)
    """
    _, k, rows, _, error = squares
    if rows + (k - 1) * error <= 0:
        return UNKNOWN
    # McGraw and Wong 1996, Table 4: ICC(C,1) = (MSR - MSE) / (MSR + (k - 1) MSE)
    value = (rows - error) / (rows + (k - 1) * error)
    first, second = squares.n_subjects - 1, (squares.n_subjects - 1) * (k - 1)
    tail = 1 - (1 - confidence) / 2
    narrow = float(scipy.special.fdtri(first, second, tail)) * error
    wide = error / float(scipy.special.fdtri(second, first, tail))
    # F_L and F_U of the paper are MSR/narrow and MSR/wide; this form holds for MSE = 0 too.
    return IntervalEstimate(
        value, (rows - narrow) / (rows + (k - 1) * narrow), (rows - wide) / (rows + (k - 1) * wide)
    )


def icc_agreement(squares: MeanSquares, confidence: float = CONFIDENCE) -> IntervalEstimate:
    """ICC(A,1) and its interval: how nearly the raters give the subjects the same values.

    Parameters
    ----------
    squares
        Mean squares of the table, from `mean_squares`.
    confidence
        Coverage of the interval.

    Examples
    --------
    >>> icc_agreement(mean_squares(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))).value
    0.8888888888888888
    """
    n, k, rows, columns, error = squares
    # McGraw and Wong 1996, Table 4: ICC(A,1) = (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n)
    total = rows + (k - 1) * error + k * (columns - error) / n
    if total <= 0 or rows + error <= 0:
        return UNKNOWN
    value = (rows - error) / total
    # Satterthwaite's v would be 0 / 0; raters who agree in all leave nothing to be unsure of
    if columns == error == 0:
        return IntervalEstimate(value, value, value)
    dof = _satterthwaite(squares, value)
    tail = 1 - (1 - confidence) / 2
    below = float(scipy.special.fdtri(n - 1, dof, tail))
    above = float(scipy.special.fdtri(dof, n - 1, tail))
    # their Table 7, limits of ICC(A,1) with F_* and F^* of (n - 1, v) and (v, n - 1)
    between = k * columns + (k * n - k - n) * error
    lower = n * (rows - below * error) / (below * between + n * rows)
    upper = n * (above * rows - error) / (between + n * above * rows)
    return IntervalEstimate(value, lower, upper)


def _satterthwaite(squares: MeanSquares, value: float) -> float:
    """Degrees of freedom v of a MSC + b MSE; both weights times 1 - ICC, so that ICC = 1 has them too."""
    n, k, _, columns, error = squares
    # a = k ICC / (n (1 - ICC)) and b = 1 + k ICC (n - 1) / (n (1 - ICC)) of their Table 7
    first = k * value / n * columns
    second = (1 - value + k * value * (n - 1) / n) * error
    return (first + second) ** 2 / (first**2 / (k - 1) + second**2 / ((n - 1) * (k - 1)))
