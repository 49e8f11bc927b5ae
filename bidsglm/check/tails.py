"""Statistics and the z of them, as nilearn's maps hold them."""

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from scipy.stats import f as f_law

from bidsglm.model import Floats

LEAST_P = 1e-300
"""nilearn makes z of no smaller p"""


def z_of_t(t: Floats, dof: float) -> Floats:
    """Make z of t.

    >>> z_of_t(np.array([-2.0, 0.0, 3.0]), 10.0).round(3).tolist()
    [-1.79, 0.0, 2.474]
    """
    tail = ndtri(np.maximum(stdtr(dof, -np.abs(t)), LEAST_P))
    return np.asarray(-np.sign(t) * tail + 0.0)


def t_of_z(z: Floats, dof: float) -> Floats:
    """Make t of z.

    >>> t_of_z(z_of_t(np.array([-2.0, 0.0, 30.0]), 100.0), 100.0).round(6).tolist()
    [-2.0, 0.0, 30.0]
    """
    # of the lower tail both are exact, however small it is
    size = -stdtrit(dof, ndtr(-np.abs(z)))
    return np.asarray(np.where(z == 0, 0.0, np.sign(z) * size))


def z_of_f(values: Floats, n_rows: float, dof: float) -> Floats:
    """Make z of F: negative where F is smaller than its median.

    >>> z_of_f(np.array([0.1, 5.0]), 2.0, 50.0).round(3).tolist()
    [-1.311, 2.309]
    """
    tail = np.maximum(f_law.sf(values, n_rows, dof), LEAST_P)
    return np.asarray(-ndtri(tail))
