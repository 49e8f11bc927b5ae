"""FILM on a run: FSL's ``film_gls``, in two passes over the voxels.

The first pass estimates the autocorrelations of the residuals; these are smoothed among voxels; the second
pass whitens with them and fits. Data come in chunks of voxels, so that no array of the data's size is held.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import Volume
from bidsglm.fsl.autocorrelation import autocorrelations, fitted_voxels, n_lags, tapered
from bidsglm.fsl.columns import Design, decomposed
from bidsglm.fsl.estimation import Fit, generalised, ordinary
from bidsglm.fsl.scaling import Chunks, Singles
from bidsglm.fsl.shared_gains import shared_gains
from bidsglm.fsl.smoothing import reference_scan, smoothed
from bidsglm.model import Floats, Mask

Number = TypeVar("Number", np.float32, np.float64)
Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
BLOCK = 200
"""Voxels of one pass: their series and spectra stay in the processor's cache.

No power of two, at which the rows of a column would share a few places of the cache."""


class Film(NamedTuple):
    """A fitted run, over the voxels of its mask."""

    mask: Mask
    """(n_voxels,) among all columns"""
    autocorrelation: Floats | None
    """(n_lags, n_masked) smoothed and tapered: ``threshac1``; None without whitening"""
    fit: Fit
    rank: int
    """Rank of the design."""
    dof: int
    """n - p - 1 with p the number of columns"""


def film(
    chunks: Chunks,
    X: Floats,
    rows: Floats,
    grid: Volume | None,
    *,
    prewhitening: bool = True,
    pairs: Pairs | None = None,
) -> Film:
    """Fit a run.

    Parameters
    ----------
    chunks
        Gives filtered data (n_scans, n_voxels of the chunk), the same each time it is called; all
        chunks together are the columns of the grid.
    X
        (n_scans, n_columns)
    rows
        (n_rows, n_columns) combinations of betas that contrasts are made of
    grid
        Where the columns stand, for smoothing; what stands elsewhere counts as 0. None where they are no
        neighbours: each voxel keeps the autocorrelations of its own residuals.
    prewhitening
        Else ordinary least squares, ``film_gls --noest``.
    pairs
        Rows whose covariances are wanted, (n_pairs, n_voxels) then; None: those of all rows with all.

    Raises
    ------
    ValueError
        No voxel is left to fit, or no degrees of freedom.

    >>> Y = (1e4 + 9 * np.random.default_rng(0).standard_normal((40, 27))).astype(np.float32)
    >>> grid = Volume((3, 3, 3), np.diag([3.0, 3.0, 3.0, 1.0]), np.ones((3, 3, 3), dtype=bool))
    >>> run = film(lambda: [Y[:, :9], Y[:, 9:]], np.cos(np.arange(40.0))[:, np.newaxis], np.eye(1), grid)
    >>> run.dof, run.fit.betas.shape, run.autocorrelation.shape
    (38, (1, 27), (6, 27))
    """
    design = decomposed(X)
    # columns count, not their rank, and one more for the mean that was taken out
    dof = len(X) - X.shape[1] - 1
    if dof < 1:
        raise ValueError(f"{X.shape[1]} columns leave no degrees of freedom in {len(X)} scans")
    if not prewhitening:
        mask = np.concatenate([fitted_voxels(*_centred(Y)) for Y in _blocks(chunks)])
        tapers = None
    else:
        mask, tapers = noise(chunks, design, grid)
    if not mask.any():
        raise ValueError("no voxel varies and has a mean of more than a tenth of the grand mean")
    fit = _fitted(chunks, design, (mask, tapers), rows, pairs)
    return Film(mask, tapers, fit, design.left.shape[1], dof)


def noise(chunks: Chunks, design: Design, grid: Volume | None) -> tuple[Mask, Floats]:
    """Find FILM's mask (n_voxels,) and the tapered autocorrelations (n_lags, n_masked).

    Without a grid they are not smoothed, which FSL never does: it is for voxels taken out of their places.

    >>> Y = (1e4 + 9 * np.random.default_rng(0).standard_normal((40, 27))).astype(np.float32)
    >>> grid = Volume((3, 3, 3), np.diag([3.0, 3.0, 3.0, 1.0]), np.ones((3, 3, 3), dtype=bool))
    >>> mask, tapers = noise(lambda: [Y], decomposed(np.cos(np.arange(40.0))[:, np.newaxis]), grid)
    >>> tapers.shape, round(float(tapers[0, 0]), 3)
    ((6, 27), 0.933)
    """
    n_scans = len(design.left)
    masks, estimates, middles = [], [np.empty((n_lags(n_scans), 0))], []
    for part in _blocks(chunks):
        # a view would hold the whole part
        middles.append(part[reference_scan(n_scans)].copy())
        mean, Y = _centred(part)
        masks.append(fitted_voxels(mean, Y))
        estimates.append(autocorrelations(design.residuals(_of(masks[-1], Y))))
    mask, raw = np.concatenate(masks), np.concatenate(estimates, axis=1)
    if not mask.any():
        return mask, raw
    if grid is None:
        return mask, tapered(raw)
    # what is not finite is fitted nowhere, and must not stretch the scale of intensities
    middle = np.concatenate(middles)
    intensity = grid.filled(np.where(np.isfinite(middle), middle, 0).astype(np.float64))
    # lag 0 is 1 everywhere: only the lags behind it are smoothed
    raw[1:] = smoothed(raw[1:], intensity, grid.filled(mask), grid.voxel_sizes)
    return mask, tapered(raw)


def _blocks(chunks: Chunks) -> Iterator[Singles]:
    for part in chunks():
        for start in range(0, part.shape[1], BLOCK):
            yield part[:, start : start + BLOCK]


def _of(voxels: Mask, Y: NDArray[Number]) -> NDArray[Number]:
    """Columns of some voxels, without a copy where these are all."""
    return Y if voxels.all() else Y[:, voxels]


def _centred(Y: Singles) -> tuple[Floats, Floats]:
    values = Y.astype(np.float64)
    mean = values.mean(axis=0)
    # infinite values leave a NaN, which is fitted nowhere
    with np.errstate(invalid="ignore"):
        values -= mean
    return mean, values


def _fitted(
    chunks: Chunks, design: Design, voxels: tuple[Mask, Floats | None], rows: Floats, pairs: Pairs | None
) -> Fit:
    mask, tapers = voxels
    # without tapers the errors are taken to be independent: one inverse serves all voxels
    shared = None if tapers is None else shared_gains(tapers, design)
    whole = _empty(len(design.coefficients), len(rows), int(mask.sum()), pairs)
    column, start = 0, 0
    for part in _blocks(chunks):
        inside = mask[column : column + part.shape[1]]
        column += part.shape[1]
        # FILM's designs have no constant: the mean is taken out instead
        _, Y = _centred(_of(inside, part))
        part_of = slice(start, start + Y.shape[1])
        start = part_of.stop
        if tapers is None or shared is None:
            found = ordinary(Y, design, rows)
        else:
            found = generalised(Y, tapers[:, part_of], design, shared, rows)
        if pairs is not None:
            found = found._replace(covariance=found.covariance[pairs])
        for target, values in zip(whole, found, strict=True):
            target[..., part_of] = values
    return whole


def _empty(n_columns: int, n_rows: int, n_voxels: int, pairs: Pairs | None) -> Fit:
    of_rows = (n_rows, n_rows) if pairs is None else (len(pairs[0]),)
    return Fit(
        betas=np.empty((n_columns, n_voxels)),
        effects=np.empty((n_rows, n_voxels)),
        variance=np.empty(n_voxels),
        covariance=np.empty((*of_rows, n_voxels)),
        settled=np.empty(n_voxels, dtype=np.bool_),
    )
