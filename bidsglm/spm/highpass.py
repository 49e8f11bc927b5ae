"""High-pass filter: SPM12's ``spm_filter``, a projection off slow cosines.

``K y = y - X0 X0' y`` with ``X0[t, j] = sqrt(2 / n) cos(pi (2 t + 1) j / (2 n))``, j = 1 ... m,
and ``m = fix(2 n TR / cut-off + 1) - 1`` (A. Holmes et al., NeuroImage 5:S480, 1997).
"""

import numpy as np

from bidsglm.model import Floats


def n_cosines(n_scans: int, repetition_time: float, cutoff: float) -> int:
    """Count the cosines slower than the cut-off.

    Raises
    ------
    ValueError
        The cut-off is so short that the filter leaves nothing of the data.

    >>> n_cosines(120, 2.0, 128.0)
    3
    """
    if not cutoff > 2 * repetition_time:
        raise ValueError(
            f"a high-pass cut-off of {cutoff:g} s is not longer than two TRs of {repetition_time:g} s "
            "and would remove everything"
        )
    # a run of n TR, not (n - 1) TR: cosine j has the period 2 n TR / j
    return int(np.trunc(2 * n_scans * repetition_time / cutoff + 1)) - 1


def dct_basis(n_scans: int, repetition_time: float, cutoff: float) -> Floats:
    """Cosines slower than the cut-off, orthonormal and without the constant.

    Parameters
    ----------
    n_scans
        Number of scans of the run.
    repetition_time
        s
    cutoff
        Period in s; infinite for no cosines.

    Returns
    -------
    (n_scans, n_cosines)

    Raises
    ------
    ValueError
        The cut-off is so short that the filter leaves nothing of the data.

    >>> dct_basis(120, 2.0, 128.0).shape
    (120, 3)
    """
    order = n_cosines(n_scans, repetition_time, cutoff)
    phase = np.pi * (2 * np.arange(n_scans) + 1) / (2 * n_scans)
    return np.asarray(np.sqrt(2 / n_scans) * np.cos(np.outer(phase, np.arange(1, order + 1))))


def remove(Y: Floats, X0: Floats) -> Floats:
    """Residual of columns after projection on an orthonormal basis.

    Parameters
    ----------
    Y
        (n_scans, n_columns)
    X0
        (n_scans, n_cosines)

    >>> X0 = dct_basis(120, 2.0, 128.0)
    >>> bool(np.abs(remove(X0, X0)).max() < 1e-14)
    True
    """
    return np.asarray(Y - X0 @ (X0.T @ Y))
