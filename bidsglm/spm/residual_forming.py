"""The matrix that forms whitened residuals, which ReML's traces are of: P in SPM12's ``spm_reml``."""

from typing import NamedTuple

import numpy as np

from bidsglm.model import Floats
from bidsglm.spm.whitening import Whitening, banded, regularised_inverse


class ResidualForming(NamedTuple):
    """P = C^-1 - A (Z' A)^-1 A' with A = C^-1 Z: P e are the whitened residuals of e after the design Z.

    It is symmetric. Of a long run it is never made as a whole.
    """

    inverse: Floats
    """(n, n) C^-1"""
    band: Whitening
    """The same; of a fading autocorrelation it is a band"""
    fit: Floats
    """(n, r) A (Z' A)^-1"""
    A: Floats
    """(n, r)"""

    @classmethod
    def of(cls, inverse: Floats, Z: Floats) -> "ResidualForming":
        """From C^-1 and a design of independent columns, (n, r).

        >>> ResidualForming.of(np.eye(2), np.ones((2, 1))).rows().round(9).tolist()
        [[0.5, -0.5], [-0.5, 0.5]]
        """
        band = banded(inverse)
        A = band.product(Z)
        return cls(inverse, band, A @ regularised_inverse(Z.T @ A), A)

    def rows(self, some: slice = slice(None)) -> Floats:
        """Some rows, (n_rows, n)."""
        return np.asarray(self.inverse[some] - self.fit[some] @ self.A.T)

    def product(self, Y: Floats) -> Floats:
        """P Y, (n, n_columns)."""
        product = self.band.product(Y)
        product -= self.fit @ (self.A.T @ Y)
        return product
