"""Per cent of a run's mean: the block `scale` of afni_proc.py (3dTstat, then 3dcalc).

Voxel by voxel and run by run, ``y = min(200, 100 x / m)`` where x > 0 and m > 0, else 0, with the mean m over
all scans of the run, the censored ones too (``afni_proc.py -help``).
"""

import numpy as np
from numpy.typing import NDArray

LIMIT = 200.0
"""Per cent; afni_proc.py's -scale_max_val."""


def percent_of_mean(x: NDArray[np.generic]) -> NDArray[np.float32]:
    """Scale one run.

    Parameters
    ----------
    x
        (n_scans, n_voxels) all scans of the run, in the image's units

    Returns
    -------
    (n_scans, n_voxels) float32, as the program stores it

    >>> percent_of_mean(np.array([[1.0, -1.0, 0.0], [3.0, 0.5, 8.0], [2.0, 0.0, 0.0]])).tolist()
    [[50.0, 0.0, 0.0], [150.0, 0.0, 200.0], [100.0, 0.0, 0.0]]
    """
    values = x.astype(np.float32)
    total = np.zeros(values.shape[1:], dtype=np.float32)
    # 3dTstat adds up single precision, scan by scan
    for scan in values:
        total += scan
    mean = total / np.float32(len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        # 3dcalc reckons in double precision and stores single
        percent = values / mean.astype(np.float64) * 100
    # the share of a mean of 0 or below says nothing, and would be of any size or of the wrong sign
    positive = (values > 0) & (mean > 0)
    # more than twice the mean is a spike: 3dcalc cuts it, so that it does not decide the fit
    return np.where(positive, np.minimum(percent, LIMIT), 0).astype(np.float32)
