"""What nilearn's fits leave for contrasts and reports."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.records import Estimate
from bidsglm.data import DesignMatrix
from bidsglm.model import Floats, Mask

SHARED, LIBRARY = "shared", "library"
"""What computes an AR(1) fit"""
ROUNDING = 1e-18
"""Share of a series' squares that rounding leaves as a residual where the design explains all of it."""


class RunFit(NamedTuple):
    """What contrasts need of one run, for the voxels of the mask; its betas stand in the estimate."""

    labels: NDArray[np.intp]
    """(n_masked,) which of the noise models below"""
    coefficients: tuple[Floats, ...]
    """Autoregressive, for each noise model (order,), empty for ols."""
    covariances: Floats
    """(n_noise_models, n_regressors, n_regressors) of the parameters for unit dispersion"""
    dispersion: Floats
    """(n_masked,)"""
    dof: float


@dataclass(frozen=True)
class NilearnEstimate(Estimate):
    """Fits of all runs by themselves; no noise maps, as the coefficients stand among the facts."""

    designs: tuple[DesignMatrix, ...]
    fits: tuple[RunFit, ...]


class Computation(NamedTuple):
    """How the fit of a run was computed."""

    engine: str
    """shared for one model of each coefficient, or library for run_glm"""
    n_checked: int = 0
    """Voxels that both fitted"""
    difference: float = 0.0
    """Largest between the two, see `bidsglm.backends.nilearn_engine.difference`"""
    n_by_library: int = 0
    """Voxels that run_glm fitted because rounding could count"""

    @property
    def facts(self) -> dict[str, object]:
        """What sidecars say, by names in the manner of BIDS.

        >>> Computation("library", 2000, math.inf).facts["LargestDifference"] is None
        True
        """
        checked = {
            "CheckedVoxels": self.n_checked,
            "LargestDifference": self.difference if math.isfinite(self.difference) else None,
            "LibraryVoxels": self.n_by_library,
        }
        return {"Engine": self.engine, **(checked if self.n_checked else {})}


class Group(NamedTuple):
    """Voxels of one noise model, fitted together."""

    name: str
    """nilearn's, which is its coefficients"""
    n_columns: int
    betas: Floats
    """(n_regressors, n_columns)"""
    dispersion: Floats
    """(n_columns,)"""
    covariance: Floats
    """(n_regressors, n_regressors)"""


class RunColumns:
    """A run's fit over all columns of the data, filled in part by part; a later part counts."""

    def __init__(self, n_regressors: int, n_voxels: int) -> None:
        self.betas = np.full((n_regressors, n_voxels), np.nan)
        self.dispersion = np.zeros(n_voxels)
        self.labels = np.zeros(n_voxels, dtype=np.intp)
        self.settled = np.zeros(n_voxels, dtype=np.bool_)
        """Columns whose residual is more than rounding"""
        self.dof = 0.0
        self.covariances: dict[str, Floats] = {}
        """Those of the noise models by nilearn's names, in the order of the labels"""
        self._places: dict[str, int] = {}

    def label(self, name: str, covariance: Floats) -> int:
        """Number of a noise model, whose covariance counts from now on."""
        self.covariances[name] = covariance
        return self._places.setdefault(name, len(self._places))

    def put(self, columns: NDArray[np.intp], groups: Iterable[Group]) -> None:
        """Take in some voxels.

        Parameters
        ----------
        columns : those of the groups, one after the other
        groups : of at least one voxel together
        """
        made = list(groups)
        labels = [self.label(group.name, group.covariance) for group in made]
        self.labels[columns] = np.repeat(labels, [group.n_columns for group in made])
        self.betas[:, columns] = np.concatenate([group.betas for group in made], axis=1)
        self.dispersion[columns] = np.concatenate([group.dispersion for group in made])

    def settle(self, columns: NDArray[np.intp], squares: Floats, n_scans: int) -> None:
        """Tell which of some columns have a residual.

        Parameters
        ----------
        columns : that have been put
        squares : (n_columns,) sums of squares of the series
        n_scans : of the run
        """
        rest = self.dispersion[columns] * n_scans
        self.settled[columns] = np.isfinite(squares) & (rest > ROUNDING * squares)

    def within(self, mask: Mask) -> RunFit:
        """What contrasts need, for some columns.

        Examples
        --------
        >>> run = RunColumns(1, 2)
        >>> run.put(np.array([1]), [Group("0.31", 1, np.ones((1, 1)), np.ones(1), np.eye(1))])
        >>> run.within(np.array([False, True])).coefficients
        (array([0.31]),)
        """
        stacked = np.stack(list(self.covariances.values()))
        names = tuple(map(_autocorrelation, self.covariances))
        return RunFit(self.labels[mask], names, stacked, self.dispersion[mask], self.dof)


def _autocorrelation(name: str) -> Floats:
    """Coefficients of a noise model from nilearn's name of it, none for ols.

    >>> _autocorrelation("0.31"), _autocorrelation("0.3_-0.1"), _autocorrelation("ols")
    (array([0.31]), array([ 0.3, -0.1]), array([], dtype=float64))
    """
    return np.array([] if name == "ols" else [float(part) for part in name.split("_")])
