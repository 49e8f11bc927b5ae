"""NIfTI runs <-> (n_scans, n_voxels) arrays under a mask.

Every backend gets the series as its package would see them: both share one array in the file's own data
type, or after smoothing each has its own. Every bold file is decompressed once, or twice where there is no
mask file and the packages' own masks have to be found first.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import MaskLoss, Run, TimeSeries, Volume
from bidsglm.dataset.brain import Brain, brain_of, in_memory, median_of, read_brain
from bidsglm.dataset.masks import common_grid, own_masks, read_mask
from bidsglm.dataset.nifti import Header, read_header, volumes
from bidsglm.dataset.nifti_writing import fortran_positions
from bidsglm.dataset.smoothers import NilearnSmoother, SpmSmoother, nilearn_precision
from bidsglm.dataset.voxels import VoxelCounter, VoxelFacts
from bidsglm.errors import DataError
from bidsglm.fsl.scaling import dilated
from bidsglm.model import Floats, Mask
from bidsglm.packages import PACKAGES
from bidsglm.spm.scaling import BRAIN_SHARE

SHORT = 2
"""Bytes of integers whose sum over a volume a float64 holds exactly"""
ROW = 2**12
"""Numbers that are added side by side; the largest volume has 2**14 such rows"""
SHORT_BLOCK = 2**17
"""Voxels whose short integers, 256 KiB, stay in a processor's cache"""
CACHED_BLOCK = 2**16
"""Voxels whose float64 values, 512 KiB, stay in a processor's cache."""


class Data(NamedTuple):
    """The runs of a unit in memory."""

    volume: Volume
    series: Mapping[str, tuple[TimeSeries, ...]]
    """Backend -> one for each run; backends share them unless the data are smoothed."""
    candidates: Mapping[str, Mask]
    """Backend -> (n_voxels,) columns that its mask may hold."""
    notes: tuple[str, ...]
    facts: tuple[VoxelFacts, ...] = ()
    """Facts of each run, before smoothing"""
    masks: tuple[MaskLoss, ...] = ()
    """What arrived of each mask file"""

    def restricted(self, backends: Iterable[str]) -> "Data":
        """Return what some of the backends have of it."""
        kept = tuple(backends)
        return self._replace(
            series={name: self.series[name] for name in kept},
            candidates={name: self.candidates[name] for name in kept},
        )


def read_data(
    runs: Sequence[Run], backends: Sequence[str], mask_threshold: float, smoothing_fwhm: float
) -> Data:
    """Read all runs of a unit under the mask files, or else under the packages' own masks.

    Parameters
    ----------
    runs : on one grid
    backends : names of packages
    mask_threshold : SPM's share of the global, for its own mask; -inf for none
    smoothing_fwhm : mm, 0 for none; each backend gets its own package's smoother

    Raises
    ------
    DataError
        If the grids of the runs differ or no package has a voxel left.
    NoInputError, ReadWriteError
        If a file is absent or damaged.
    """
    headers = [_bold_header(run) for run in runs]
    grid = common_grid(headers)
    splined = smoothing_fwhm and "spline" in kernels(backends)
    smoother = SpmSmoother(*grid, smoothing_fwhm) if splined else None
    explicit, losses = read_mask(runs)
    notes = (*_mask_notes(runs), *(loss.graded for loss in losses if loss.graded))
    robust = [name for name in backends if PACKAGES[name].own_mask == "robust"]
    others = [name for name in backends if name not in robust]
    brains: list[Brain] = []
    if robust and (explicit is None or smoothing_fwhm):
        brains = [read_brain(header, explicit, with_median=smoothing_fwhm > 0) for header in headers]
    if explicit is not None:
        masks = dict.fromkeys(others, explicit) | dict.fromkeys(robust, dilated(explicit))
    else:
        masks = own_masks(headers, others, mask_threshold, smoother) if others else {}
        masks |= {name: _own_brain(brains) for name in robust}
        if not any(mask.any() for mask in masks.values()):
            raise DataError(
                f"{headers[0].path}: {next(iter(masks))} finds no voxel for its mask; give a mask file"
            )
    volume = Volume(*grid, np.logical_or.reduce(list(masks.values())))
    by_run = [
        _read_smoothed(header, volume, backends, smoothing_fwhm)
        if smoothing_fwhm
        else _read_plain(header, volume, backends)
        for header in headers
    ]
    series = {name: tuple(run[name] for run, _ in by_run) for name in backends}
    notes = (*notes, *_copies(runs, next(iter(series.values()))))
    if robust and others:
        rim = ~np.logical_or.reduce([masks[name] for name in others])[volume.voxels]
        series |= {name: tuple(replace(run, rim=rim) for run in series[name]) for name in others}
    for name in robust:
        series[name] = _with_brains(series[name], brains, explicit, volume)
    candidates = {name: mask[volume.voxels] for name, mask in masks.items()}
    return Data(volume, series, candidates, notes, tuple(facts for _, facts in by_run), losses)


def _own_brain(brains: Sequence[Brain]) -> Mask:
    """Voxels that a package without mask file fits in any run: the brain and its neighbours."""
    return np.asarray(np.logical_or.reduce([dilated(brain.voxels) for brain in brains]))


def _with_brains(
    runs: Sequence[TimeSeries], brains: Sequence[Brain], explicit: Mask | None, volume: Volume
) -> tuple[TimeSeries, ...]:
    """Runs with what they are scaled by: as read from the files, else found in memory."""
    if brains:
        found = []
        for run, (voxels, median) in zip(runs, brains, strict=True):
            inside = voxels[volume.voxels]
            known = np.isfinite(median) or not inside.any()
            found.append((inside, median if known else median_of(in_memory(run), np.flatnonzero(inside))))
    else:
        assert explicit is not None, "without a mask file the files were read"
        inside, n_beyond = explicit[volume.voxels], explicit.size - int(np.count_nonzero(explicit))
        found = [brain_of(run, inside, n_beyond) for run in runs]
    return tuple(
        replace(run, brain=brain, median=median) for run, (brain, median) in zip(runs, found, strict=True)
    )


def _bold_header(run: Run) -> Header:
    header = read_header(run.bold)
    if header.n_volumes < 2:
        raise DataError(f"{run.bold}: is a single volume; a time series is needed")
    return header


def _mask_notes(runs: Sequence[Run]) -> tuple[str, ...]:
    without = [run.bold.name for run in runs if run.mask is None]
    if len(without) == len(runs):
        return ("There is no mask file: each package computed its own mask.",)
    return (f"No mask file for {', '.join(without)}: the other runs' masks were used.",) if without else ()


def _copies(runs: Sequence[Run], series: Sequence[TimeSeries]) -> Iterator[str]:
    """Say which runs hold the same values: they would count as twice the data."""
    for (run, first), (other, second) in combinations(zip(runs, series, strict=True), 2):
        a, b = first.stored, second.stored
        # unequal runs differ in their first scan already, where this ends; a constant series says nothing
        same = run.bold != other.bold and a.shape == b.shape and all(map(np.array_equal, a, b))
        if same and not np.array_equal(a[0], a[-1]):
            yield (
                f"{run.bold.name} and {other.bold.name}: the same values in every scan, so the data count "
                "twice; was one copied from the other?"
            )


_Read = tuple[Mapping[str, TimeSeries], VoxelFacts]
"""One run: its series by backend, and what was counted in them"""


def _read_plain(header: Header, volume: Volume, backends: Sequence[str]) -> _Read:
    positions = fortran_positions(volume.voxels)
    values = np.empty((header.n_volumes, positions.size), dtype=header.dtype.newbyteorder("="))
    levels = np.empty((header.n_volumes, 2))
    counter = VoxelCounter(positions.size)
    for i, stored in enumerate(volumes(header)):
        # Every position is valid; without "raise" numpy need not buffer its output.
        stored.take(positions, out=values[i], mode="clip")
        levels[i] = global_level(stored, header.slope, header.intercept)
        counter.add(values[i])
    facts = counter.facts(header.slope, header.intercept)
    own = header.slope, header.intercept
    n_global = float(levels[:, 1].mean())
    mean, ends = facts.mean_of_numbers, facts.ends_of_numbers
    series = TimeSeries(values, *own, levels[:, 0], facts.constant, n_global, mean=mean, ends=ends)
    return dict.fromkeys(backends, series), facts


def kernels(backends: Iterable[str]) -> tuple[str, ...]:
    """Smoothing kernels of some packages, each once.

    >>> kernels(["spm", "nilearn"])
    ('spline', 'sampled')
    """
    return tuple(dict.fromkeys(PACKAGES[name].smoother for name in backends))


def _read_smoothed(header: Header, volume: Volume, backends: Sequence[str], fwhm: float) -> _Read:
    wanted = kernels(backends)
    spline = SpmSmoother(volume.shape, volume.affine, fwhm) if "spline" in wanted else None
    sampled = NilearnSmoother(volume, fwhm) if "sampled" in wanted else None
    positions = fortran_positions(volume.voxels)
    size = (header.n_volumes, positions.size)
    precision = {"spline": np.dtype(np.float32), "sampled": nilearn_precision(header)}
    values = {kernel: np.empty(size, dtype=precision[kernel]) for kernel in wanted}
    levels = np.full((header.n_volumes, 2), np.nan)
    before = VoxelCounter(positions.size)
    after = {kernel: VoxelCounter(positions.size) for kernel in wanted}
    for i, stored in enumerate(volumes(header)):
        before.add(stored[positions])
        stored = stored.reshape(volume.shape, order="F")
        if spline is not None:
            smoothed = spline.smoothed(stored, header)
            values["spline"][i] = smoothed.ravel(order="F")[positions]
            levels[i] = global_level(smoothed)
        if sampled is not None:
            values["sampled"][i] = sampled.columns(stored, header)
        for kernel, counter in after.items():
            counter.add(values[kernel][i])
    facts = before.facts(header.slope, header.intercept)
    # What smoothing brings over from the neighbours is no measurement of a voxel without data.
    smooth = {kernel: counter.facts(1.0, 0.0) for kernel, counter in after.items()}
    still = facts.constant | np.logical_or.reduce([each.constant for each in smooth.values()])
    rest = levels[:, 0], still, float(levels[:, 1].mean())
    series = {
        kernel: TimeSeries(
            each,
            1.0,
            0.0,
            *rest,
            mean=smooth[kernel].mean_of_numbers,
            ends=smooth[kernel].ends_of_numbers,
        )
        for kernel, each in values.items()
    }
    return {name: series[PACKAGES[name].smoother] for name in backends}, facts


def global_level(
    stored: NDArray[np.generic], slope: float = 1.0, intercept: float = 0.0
) -> tuple[float, int]:
    """SPM's global of a volume, from the values in its file, and how many voxels it averages.

    Parameters
    ----------
    stored : all voxels of the volume
    slope, intercept : of the header

    Returns
    -------
    mean of the finite header-scaled values above an eighth of their mean; NaN if there are none

    Notes
    -----
    Equal to `bidsglm.spm.scaling.global_mean`, in a fifth of its time: the volume goes through the
    processor's cache block by block.

    Examples
    --------
    >>> global_level(np.array([0, 0, 8, 12], dtype=np.int16), 2.0, 0.0)
    (20.0, 2)
    """
    if stored.dtype.kind in "iu" and stored.dtype.itemsize <= SHORT and (slope, intercept) == (1.0, 0.0):
        return _short_level(stored)
    sums = [(values.sum(), values.size) for values in _finite_blocks(stored, slope, intercept)]
    total, n_voxels = np.sum(sums, axis=0)
    level = total / max(n_voxels, 1) * BRAIN_SHARE
    brains = (values[values > level] for values in _finite_blocks(stored, slope, intercept))
    total, n_brain = np.sum([(values.sum(), values.size) for values in brains], axis=0)
    return float(total / n_brain) if n_brain else float("nan"), int(n_brain)


def _short_level(stored: NDArray[np.generic]) -> tuple[float, int]:
    """`global_level` of short integers, whose sums are exact: the same number in a third of the time.

    >>> _short_level(np.array([0, 0, 8, 12], dtype=np.int16))
    (10.0, 2)
    """
    flat: NDArray[Any] = stored.ravel(order="K")
    level = _short_sum(flat) / max(flat.size, 1) * BRAIN_SHARE
    # compared as they are stored: what exceeds a number exceeds the whole number below it
    floor, total, n_brain = flat.dtype.type(math.floor(level)), 0.0, 0
    inside = np.empty(min(flat.size, SHORT_BLOCK), flat.dtype)
    for start in range(0, flat.size, SHORT_BLOCK):
        block = flat[start : start + SHORT_BLOCK]
        brain = block > floor
        n_brain += int(np.count_nonzero(brain))
        total += _short_sum(np.multiply(block, brain, out=inside[: block.size]))
    return total / n_brain if n_brain else float("nan"), n_brain


def _short_sum(values: NDArray[np.generic]) -> float:
    """Sum of short integers, by rows in 32 bits, which are added many at a time and hold 32,768 of them."""
    whole = values.size // ROW * ROW
    rows = values[:whole].reshape(-1, ROW).sum(axis=0, dtype=np.int32)
    return float(rows.sum(dtype=np.int64) + values[whole:].sum(dtype=np.int64))


def _finite_blocks(stored: NDArray[np.generic], slope: float, intercept: float) -> Iterator[Floats]:
    flat = stored.ravel(order="K")
    for start in range(0, flat.size, CACHED_BLOCK):
        values = flat[start : start + CACHED_BLOCK].astype(np.float64)
        if (slope, intercept) != (1.0, 0.0):
            values *= slope
            values += intercept
        if flat.dtype.kind == "f" and not np.isfinite(values.sum()):
            values = values[np.isfinite(values)]
        yield values
