"""Baseline of 3dDeconvolve: Legendre polynomials and motion, run by run.

Column d of a run is ``P_d(x_k)``, ``x_k = 2 k / (n - 1) - 1``, k = 0 ... n - 1, less its mean from d = 1 on,
and zero in the other runs. ``-polort A`` takes ``d = 1 + floor(TR n / 150)`` of the longest run for all
(``3dDeconvolve -help``). Censored scans are cut out afterwards.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.polynomial.legendre import legvander

from bidsglm.afni.timeline import Timeline
from bidsglm.model import Floats

SECONDS_PER_DEGREE = 150.0
DIGITS = 9
"""To which a length is rounded before it is cut to multiples of 150 s: 0.1 s has no exact binary."""


def automatic_degree(timeline: Timeline) -> int:
    """Degree that ``-polort A`` takes.

    >>> automatic_degree(Timeline(2.0, (150,))), automatic_degree(Timeline(1.0, (299, 90)))
    (3, 2)
    """
    # one degree for all runs, by the longest: 3dDeconvolve has a single -polort
    seconds = timeline.repetition_time * max(timeline.n_scans)
    return 1 + int(np.floor(round(seconds / SECONDS_PER_DEGREE, DIGITS)))


def legendre_columns(n_scans: int, degree: int) -> Floats:
    """Polynomials of one run, (n_scans, degree + 1).

    Parameters
    ----------
    n_scans
        Scans of the run, the censored ones too.
    degree
        -1 for none

    Raises
    ------
    ValueError
        The run has too few scans for the degree.

    >>> legendre_columns(3, 2).round(9).tolist()
    [[1.0, -1.0, 0.5], [1.0, 0.0, -1.0], [1.0, 1.0, 0.5]]
    """
    if degree >= n_scans:
        raise ValueError(f"polynomials up to degree {degree} need more than {n_scans} scans")
    if degree < 0:
        return np.empty((n_scans, 0))
    # x_k runs from -1 to 1 over all scans of the run: those that are censored later keep their place in it
    X = legvander(2 * np.arange(n_scans) / (n_scans - 1) - 1, degree)
    # on a grid of points P_2 and so on have a small mean, which -dmbase takes out; P_0 stays 1, as the
    # constant of the run
    X[:, 1:] -= X[:, 1:].mean(axis=0)
    return np.asarray(X)


def run_blocks(blocks: Sequence[Floats]) -> Floats:
    """Columns of every run beside each other, zero in the other runs.

    >>> run_blocks([np.ones((1, 1)), np.full((2, 1), 3.0)]).tolist()
    [[1.0, 0.0], [0.0, 3.0], [0.0, 3.0]]
    """
    # AFNI fits one regression of all runs, so that what belongs to a run must be 0 in the others
    rows = np.cumsum([0, *(len(block) for block in blocks)])
    columns = np.cumsum([0, *(block.shape[1] for block in blocks)])
    X = np.zeros((rows[-1], columns[-1]))
    for block, (top, bottom), (left, right) in zip(blocks, pairwise(rows), pairwise(columns), strict=True):
        X[top:bottom, left:right] = block
    return X


def demeaned(confounds: Sequence[Floats], per_run: bool = True) -> Floats:
    """Motion of all runs, each less its mean over the run.

    Parameters
    ----------
    confounds
        (n_scans, n_confounds) of every run
    per_run
        Columns of their own for every run (``-regress_motion_per_run``), or one set through all runs,
        which must then be the same

    Returns
    -------
    (n_rows, n_columns) over all scans

    >>> demeaned([np.array([[1.0], [3.0]]), np.array([[4.0], [8.0]])]).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [0.0, -2.0], [0.0, 2.0]]
    """
    # 1d_tool.py -demean, before censoring: afni_proc.py takes the mean over all scans of the run
    centred = [run - run.mean(axis=0) for run in confounds]
    return run_blocks(centred) if per_run else np.vstack(centred)
