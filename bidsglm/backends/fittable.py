"""What can be fitted: designs that leave degrees of freedom, voxels that vary, and voxels with noise."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.data import DesignMatrix, TimeSeries, Volume, measured
from bidsglm.design_space import directions, rank
from bidsglm.errors import DataError
from bidsglm.model import Mask, ModelSpecification


class Freedom(NamedTuple):
    """What a run's design uses up."""

    n_scans: int
    n_columns: int
    """Regressors and cosines of the filter"""
    rank: int
    """Rank of both together"""


def freedom(design: DesignMatrix) -> Freedom:
    """Count what a design uses up.

    >>> freedom(DesignMatrix(("a", "b"), np.ones((4, 2)), np.empty((4, 0))))
    Freedom(n_scans=4, n_columns=2, rank=1)
    """
    X = np.hstack([design.matrix, design.high_pass_basis])
    return Freedom(len(X), X.shape[1], rank(directions(X)))


def check_freedom(used: Sequence[Freedom], divides_by_columns: str = "") -> None:
    """Refuse runs that leave nothing for the noise.

    Parameters
    ----------
    used
        By each run, or by all together.
    divides_by_columns
        Name of a package that divides residuals by scans less columns, whatever their rank.

    Raises
    ------
    DataError
        Naming the run and its columns.
    """
    for number, (n_scans, n_columns, independent) in enumerate(used, start=1):
        if n_scans > (n_columns if divides_by_columns else independent):
            continue
        where = f" of run {number}" if len(used) > 1 else ""
        why = ""
        if independent < n_scans:
            why = (
                f" ({divides_by_columns} divides by scans less columns, although their rank is {independent})"
            )
        raise DataError(
            f"{n_columns} columns of regressors and high-pass filter for the {n_scans} scans{where} leave no"
            f" residual degrees of freedom{why}; use fewer confounds or a longer HighPassFilterCutoffHz"
            " period"
        )


def mask_from(
    series: Sequence[TimeSeries],
    candidates: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
) -> Mask:
    """Return all candidates, for packages that fit the voxels of their mask whatever they hold.

    >>> mask_from([], np.array([True, False]), ModelSpecification("m", ()))
    array([ True, False])
    """
    return candidates


def varying(mask: Mask, series: Sequence[TimeSeries]) -> Mask:
    """Voxels of a mask that vary in every run, (n_voxels,).

    Raises
    ------
    DataError
        There is none.
    """
    found = mask & measured(series)
    if not found.any():
        raise DataError("no voxel of the mask varies over the scans of every run; look at the images")
    return found


def check_noise(settled: Mask) -> None:
    """Refuse fits whose residuals are rounding in every voxel.

    Raises
    ------
    DataError
        No voxel is settled.
    """
    if not settled.any():
        raise DataError(
            "the design explains every voxel up to rounding: no noise is left; look at the images"
        )
