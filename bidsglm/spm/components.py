"""Covariance components of ReML: what their sum is, and the traces that its scoring needs.

``Cov(e) = sum_i h_i Q_i``. Serial correlations are Toeplitz and given by their first rows; variances of
groups are diagonal and given by their diagonals. Neither kind is ever multiplied out. Variances and
covariances of a group's repeated measures are of any form, over some dozens of images, and given in full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats
from bidsglm.spm.residual_forming import ResidualForming
from bidsglm.spm.structure import NOTHING, inverse_of_row, largest_row_sum
from bidsglm.spm.whitening import regularised_inverse, ridge

AT_ONCE = 128
"""Columns that are transformed at once, which bounds memory"""
IN_CACHE = 32
"""Rows whose transform stays in the processor's cache"""

DIED_OUT = 1e-64
"""Share of a variance that takes no part in any sum, but whose products are denormal numbers"""


V = TypeVar("V", np.float64, np.complex128)


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

    def inverse(self, h: Floats) -> Floats:
        """SPM's regularised inverse of that sum."""
        ...

    def traces(self, P: ResidualForming, Cy: Floats) -> tuple[Floats, Floats]:
        """tr(Q_i (P - P Cy P)) of each, and tr(P Q_i P Q_j) of each pair; Cy is (n, n)."""
        ...


class _Circle(NamedTuple):
    """Components in frequencies, on a circle of scans that none of them reaches around."""

    size: int
    spectra: Floats
    """(n_components, size)"""
    halves: Floats
    """(n_components, size // 2 + 1), each frequency above 0 standing for its negative too"""
    columns: NDArray[np.complex128]
    """(n, size // 2 + 1) for the transform of a matrix's columns, which every iteration needs anew"""


@dataclass(frozen=True)
class Toeplitz:
    """Components that are constant along diagonals.

    On a circle of N scans, so long that no component reaches around it, they are products in frequencies.
    With q_i(f) the transform of a component's row, P(f, k) that of P's columns, P(f, g) that of these in turn
    and H(f, k) that of the columns of P Cy,

        tr(Q_i P Cy P) = sum_fk q_i(f) H(f, k)* P(f, k) / N,
        tr(P Q_i P Q_j) = sum_fg q_i(f) q_j(g) |P(f, g)|² / N²,

    so that neither Q_i nor P Cy P is ever made.

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
        return np.asarray(scipy.linalg.toeplitz(self._row(h)))

    def inverse(self, h: Floats) -> Floats:
        """From the first row alone where that will do."""
        row = self._row(h)
        return inverse_of_row(row, ridge(largest_row_sum(row), len(row)))

    def _row(self, h: Floats) -> Floats:
        """First row of the sum, without the denormal numbers of exponentials that have died out."""
        row = h @ self.rows
        # processors are slow with them, in every product that follows
        row[np.abs(row) < DIED_OUT * np.abs(row).max()] = 0.0
        return np.asarray(row)

    @cached_property
    def _circle(self) -> _Circle:
        n, reach = self.rows.shape[1], self._reach
        # zeros behind, as many as lags count, keep the circle from closing on the run
        size = scipy.fft.next_fast_len(n + reach, real=True)
        circle = np.zeros((len(self.rows), size))
        circle[:, : reach + 1] = self.rows[:, : reach + 1]
        circle[:, size - reach :] = self.rows[:, reach:0:-1]
        spectra = scipy.fft.fft(circle).real
        n_positive = size // 2 + 1
        halves = spectra[:, :n_positive] * np.where(2 * np.arange(n_positive) % size, 2, 1)
        return _Circle(size, spectra, halves, np.empty((n, n_positive), dtype=np.complex128))

    @property
    def _reach(self) -> int:
        """Largest lag at which a component is more than nothing."""
        extent = np.abs(self.rows).max(axis=1, keepdims=True)
        return int(np.flatnonzero((np.abs(self.rows) > NOTHING * extent).any(axis=0)).max(initial=0))

    def traces(self, P: ResidualForming, Cy: Floats) -> tuple[Floats, Floats]:
        """Spectra of the components, weighed by those of P and of P Cy P."""
        size, spectra, halves, columns = self._circle
        sums = np.zeros(len(Cy))
        for first in range(0, len(Cy), AT_ONCE):
            rows = P.rows(slice(first, first + AT_ONCE))
            _add_diagonals(sums, rows, first)
            for start in range(0, len(rows), IN_CACHE):
                few = rows[start : start + IN_CACHE]
                columns[first + start : first + start + len(few)] = scipy.fft.rfft(few, size)
        # each entry off the diagonal stands for the one across it too
        sums[1:] *= 2
        single = self.rows @ sums - halves @ _cross_spectrum(columns, P, Cy, size) / size
        pairs = np.zeros((len(self.rows),) * 2)
        padded = np.zeros((AT_ONCE, size), dtype=np.complex128)
        for start in range(0, columns.shape[1], AT_ONCE):
            some = slice(start, start + AT_ONCE)
            both = scipy.fft.fft(_turned(columns[:, some], padded))
            pairs += halves[:, some] @ ((both.real**2 + both.imag**2) @ spectra.T)
        return single, pairs / size**2


def _add_diagonals(sums: Floats, rows: Floats, first: int) -> None:
    """Add the entries on and above the diagonal to the sums at each distance from it, (n,)."""
    for i, row in enumerate(rows, first):
        sums[: len(sums) - i] += row[i:]


def _turned(columns: NDArray[V], padded: NDArray[V]) -> NDArray[V]:
    """Columns (n, k) as rows with zeros behind, in an array for that which is long enough."""
    n, k = columns.shape
    # by blocks: column by column, each would be fetched from as many places as it has scans
    for start in range(0, n, IN_CACHE):
        some = slice(start, min(start + IN_CACHE, n))
        padded[:k, some] = columns[some].T
    return padded[:k]


def _cross_spectrum(
    columns: NDArray[np.complexfloating], P: ResidualForming, Cy: Floats, size: int
) -> Floats:
    """Real part of the cross-spectrum of P's columns and those of P Cy, summed over columns."""
    n = len(Cy)
    total = np.zeros(2 * columns.shape[1])
    padded = np.zeros((AT_ONCE, size))
    for start in range(0, n, AT_ONCE):
        some = slice(start, min(start + AT_ONCE, n))
        other = scipy.fft.rfft(_turned(P.product(Cy[:, some]), padded))
        # real and imaginary parts in turn: their products are all that the real part of a product needs
        total += np.einsum("kf,kf->f", other.view(np.float64), columns[some].view(np.float64))
    return np.asarray(total.reshape(-1, 2).sum(axis=1))


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

    def inverse(self, h: Floats) -> Floats:
        """As of any matrix, since there are few images."""
        return regularised_inverse(self.combined(h))

    def traces(self, P: ResidualForming, Cy: Floats) -> tuple[Floats, Floats]:
        """Diagonals pick entries of P and of P Cy P, and of the squares of P's entries."""
        whole = P.rows()
        single = self.diagonals @ (np.diag(whole) - np.einsum("ik,ik->i", P.product(Cy), whole))
        # tr(P Q_i P Q_j) = sum_ab q_i(a) P[a, b]^2 q_j(b)
        return single, np.asarray(self.diagonals @ whole**2 @ self.diagonals.T)


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

    def inverse(self, h: Floats) -> Floats:
        """As it stands."""
        return regularised_inverse(self.combined(h))

    def traces(self, P: ResidualForming, Cy: Floats) -> tuple[Floats, Floats]:
        """Products as they stand."""
        whole = P.rows()
        products = whole @ self.matrices
        flat = products.reshape(len(products), -1)
        # tr(A B) is the sum of the entries of A times those of B'
        turned = products.transpose(0, 2, 1).reshape(len(products), -1)
        return np.tensordot(self.matrices, whole - P.product(Cy) @ whole, axes=2), np.asarray(flat @ turned.T)
