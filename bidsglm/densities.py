"""The gamma density, of which all packages but AFNI make their responses."""

import numpy as np
from scipy.special import gammaln

from bidsglm.model import Floats


def gamma_density(t: Floats, shape: float, rate: float) -> Floats:
    """``g(t; k, r) = r^k t^(k - 1) exp(-r t) / Gamma(k)``, 0 for t <= 0.

    >>> gamma_density(np.array([-1.0, 1.0]), 1.0, 1.0).round(4).tolist()
    [0.0, 0.3679]
    """
    density = np.zeros_like(t)
    after = t > 0
    s = t[after]
    # logarithms, as t^15 and Gamma(16) are large before they divide
    density[after] = np.exp((shape - 1) * np.log(s) + shape * np.log(rate) - rate * s - gammaln(shape))
    return density
