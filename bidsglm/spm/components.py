"""Covariance components of ReML: what their sum is, and the traces that its scoring needs.

``Cov(e) = sum_i h_i Q_i``. Serial correlations are Toeplitz and given by their first rows; variances of
groups are diagonal and given by their diagonals. Neither kind is ever multiplied out. Variances and
covariances of a group's repeated measures are of any form, over some dozens of images, and given in full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.linalg import toeplitz

from bidsglm.model import Floats


class Components(Protocol):
    """Some components over the same scans or images."""

    def __len__(self) -> int:
        """Return their number."""
        ...

    def chosen(self, which: NDArray[np.intp]) -> "Components":
        """Some of them."""
        ...

    def start(self) -> Floats:
        """SPM's first hyperparameters: 1 for a component with variance where none before it has any."""
        ...

    def combined(self, h: Floats) -> Floats:
        """Sum of h_i Q_i, (n, n)."""
        ...

    def traces(self, P: Floats, S: Floats) -> tuple[Floats, Floats]:
        """tr(Q_i S) of each, and tr(P Q_i P Q_j) of each pair; P and S are symmetric, (n, n)."""
        ...


@dataclass(frozen=True)
class Toeplitz:
    """Components that are constant along diagonals.

    Traces with them need only sums over diagonals and the two-dimensional autocorrelation of P:
    ``tr(P Q_i P Q_j) = sum_kl q_i(|k|) q_j(|l|) R(k, l)``, ``R(k, l) = sum_ab P[a, b] P[a + k, b + l]``.

    >>> Toeplitz(np.array([[1.0, 0.0], [0.0, 1.0]])).combined(np.array([2.0, 1.0])).tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """

    rows: Floats
    """(n_components, n) first rows"""

    def __len__(self) -> int:
        """Return their number."""
        return len(self.rows)

    def chosen(self, which: NDArray[np.intp]) -> "Toeplitz":
        """Some of them."""
        return Toeplitz(self.rows[which])

    def start(self) -> Floats:
        """1 for the first with variance, which covers every scan at once."""
        h = np.zeros(len(self.rows))
        h[np.argmax(self.rows[:, 0] != 0)] = 1.0
        return h

    def combined(self, h: Floats) -> Floats:
        """Sum of h_i Q_i."""
        return np.asarray(toeplitz(h @ self.rows))

    def traces(self, P: Floats, S: Floats) -> tuple[Floats, Floats]:
        """Sums along the diagonals of S, and the autocorrelation of P, weighed."""
        n = len(P)
        # n - 1 zeros behind keep the circular correlation from wrapping around
        size = next_fast_len(2 * n - 1, real=True)
        lags = np.zeros((len(self.rows), size))
        lags[:, :n] = self.rows
        lags[:, size - n + 1 :] = self.rows[:, :0:-1]
        distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        sums = np.bincount(distance.ravel(), weights=S.ravel(), minlength=n)
        correlation = irfft2(np.abs(rfft2(P, (size, size))) ** 2, (size, size))
        return self.rows @ sums, np.asarray(lags @ correlation @ lags.T)


@dataclass(frozen=True)
class Diagonal:
    """Components without covariances: each is the variance of some images.

    >>> groups = Diagonal.of_groups([0, 0, 1], 2)
    >>> groups.diagonals.tolist(), groups.start().tolist()
    ([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [1.0, 1.0])
    """

    diagonals: Floats
    """(n_components, n)"""

    @classmethod
    def of_groups(cls, groups: Sequence[int] | NDArray[np.intp], n_groups: int) -> "Diagonal":
        """One variance for each group, given the group of each image."""
        return cls((np.asarray(groups) == np.arange(n_groups)[:, None]).astype(np.float64))

    def __len__(self) -> int:
        """Return their number."""
        return len(self.diagonals)

    def chosen(self, which: NDArray[np.intp]) -> "Diagonal":
        """Some of them."""
        return Diagonal(self.diagonals[which])

    def start(self) -> Floats:
        """1 for each that has variance where those before it have none."""
        h = np.zeros(len(self.diagonals))
        covered = np.zeros(self.diagonals.shape[1], dtype=np.bool_)
        for i, own in enumerate(self.diagonals != 0):
            h[i] = float(np.any(own & ~covered))
            covered |= own
        return h

    def combined(self, h: Floats) -> Floats:
        """Sum of h_i Q_i."""
        return np.diag(h @ self.diagonals)

    def traces(self, P: Floats, S: Floats) -> tuple[Floats, Floats]:
        """Diagonals pick entries of S, and of the squares of P's entries."""
        # tr(P Q_i P Q_j) = sum_ab q_i(a) P[a, b]^2 q_j(b)
        return self.diagonals @ np.diag(S), np.asarray(self.diagonals @ P**2 @ self.diagonals.T)


@dataclass(frozen=True)
class Dense:
    """Components of any form.

    >>> both = Dense(np.array([np.eye(2), 1 - np.eye(2)]))
    >>> both.start().tolist(), both.combined(np.array([2.0, 1.0])).tolist()
    ([1.0, 0.0], [[2.0, 1.0], [1.0, 2.0]])
    """

    matrices: Floats
    """(n_components, n, n), symmetric"""

    def __len__(self) -> int:
        """Return their number."""
        return len(self.matrices)

    def chosen(self, which: NDArray[np.intp]) -> "Dense":
        """Some of them."""
        return Dense(self.matrices[which])

    def start(self) -> Floats:
        """1 for each that has variance where those before it have none; a covariance alone starts at 0."""
        return Diagonal(np.diagonal(self.matrices, axis1=1, axis2=2)).start()

    def combined(self, h: Floats) -> Floats:
        """Sum of h_i Q_i."""
        return np.asarray(np.tensordot(h, self.matrices, axes=1))

    def traces(self, P: Floats, S: Floats) -> tuple[Floats, Floats]:
        """Products as they stand."""
        products = P @ self.matrices
        flat = products.reshape(len(products), -1)
        # tr(A B) is the sum of the entries of A times those of B'
        turned = products.transpose(0, 2, 1).reshape(len(products), -1)
        return np.tensordot(self.matrices, S, axes=2), np.asarray(flat @ turned.T)
