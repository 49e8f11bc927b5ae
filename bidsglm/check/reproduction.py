"""What nilearn was asked beside the design, found by computing the user's maps again from the scans.

Scaling, noise model, smoothing and the scans themselves stand nowhere in what a script leaves. Each
combination gives other parameters at every voxel; the one from which the user's effect map is a combination
of conditions to 1e-5 is what they did. The weights of that combination are the contrast.
"""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.backends import backend
from bidsglm.check.data import ScanPlace, read_series, smoothed, smoothed_series, volumes
from bidsglm.check.map_weights import (
    Attempt,
    MapSource,
    Reproduction,
    Target,
    solved,
    tested_columns,
    with_grand_mean,
)
from bidsglm.data import DesignMatrix, TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import ModelSpecification, NilearnSettings

SAMPLE = 1_500
"""Voxels that are fitted: nilearn treats each by itself."""
SEED = 0
UNRELATED = 0.3
"""Correlation below which a map is not of these scans, smoothed or not."""
NEARLY = 0.9
"""Correlation from which smoothed least squares may be a map: what else differs costs less"""
WIDTHS = (4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
"""mm that users give as smoothing_fwhm"""
WIDE = (16.0, 20.0, 24.0, 30.0, 40.0)
"""mm that are tried where the widest of those brings a map nearest, or none is like the unsmoothed scans"""
WIDTH_STEP = 0.5
"""mm: steps of the widths that are tried beside the one that brings a map nearest"""
NARROW = (3.0, 2.0)
"""mm that are tried where none of those brings a map nearer than none"""
MOST_ORDERS = 24
"""Orders of the scans of runs of one length that are tried: those of four runs"""
SCALINGS = (False, 0)
NOISE = ("ar1", "ols", "ar2")


def sampled(mask: np.ndarray, n: int = SAMPLE) -> np.ndarray:
    """Some voxels of a mask (x, y, z), the same each time.

    >>> int(sampled(np.ones((20, 20, 20), dtype=bool)).sum())
    1500
    """
    inside = np.flatnonzero(mask)
    if inside.size > n:
        inside = np.random.default_rng(SEED).choice(inside, n, replace=False)
    chosen = np.zeros(mask.size, dtype=np.bool_)
    chosen[inside] = True
    return chosen.reshape(mask.shape)


def before_smoothing(scans: Sequence[ScanPlace]) -> tuple[ScanPlace, ...]:
    """Scans of the same names without SPM's prefix s, where they lie beside; empty where they do not.

    >>> from pathlib import Path
    >>> before_smoothing([ScanPlace(Path("/nowhere/swa.nii"), 1)])
    ()
    """
    made = [
        ScanPlace(p.path.with_name(p.path.name[1:]), p.volume) for p in scans if p.path.name.startswith("s")
    ]
    there = len(made) == len(scans) and all(path.is_file() for path in {p.path for p in made})
    return tuple(made) if there else ()


def reproduced(source: MapSource, targets: Sequence[Target]) -> list[Reproduction]:
    """Find how maps were computed: one combination for all, and each one's weights.

    Returns
    -------
    One for each map, of the combination that gives the first map best
    """
    best: list[Reproduction] = []
    for attempt, series in _attempts(source):
        if attempt.smoothed_by and best and abs(best[0].r) < UNRELATED:
            # a wide kernel leaves little of what single voxels hold, so its widths are looked at first
            smooth = _smoothed_as(widths_like(source, targets[0]), best, source, targets)
            best = smooth if smooth[0].is_found else best
            break
        best = _better(best, source, series, attempt, targets)
        if best and best[0].is_found:
            break
    if best and not best[0].is_found and abs(best[0].r) >= UNRELATED:
        best = _of_other_widths(best, source, targets)
    if not best:  # no fit of these scans could be had, such as of scans that do not change
        nothing = Reproduction(Attempt(0.0, False, False, "ar1"), {}, float("inf"), False, 0.0)
        best = [nothing] * len(targets)
    return [with_grand_mean(each) for each in best]


def reproduced_as(attempt: Attempt, source: MapSource, targets: Sequence[Target]) -> list[Reproduction]:
    """Find how further maps were computed, where scans and settings are those of others."""
    scans = [before_smoothing(run) if attempt.unsmoothed else run for run in source.scans]
    series = [
        smoothed_series(run, source.volume, attempt.smoothed_by)
        if attempt.smoothed_by
        else read_series(run, source.volume)
        for run in scans
    ]
    # no scaling by one number shows in a statistic
    plain = attempt._replace(scaling=attempt.scaling if attempt.scaling == 0 else False)
    fitted = _fitted(source, series, plain)
    return [] if fitted is None else [solved(source, fitted, target, plain) for target in targets]


def _better(
    best: list[Reproduction],
    source: MapSource,
    series: Sequence[TimeSeries],
    attempt: Attempt,
    targets: Sequence[Target],
) -> list[Reproduction]:
    """What an attempt gives, where that is nearer to the first map than the best so far."""
    fitted = _fitted(source, series, attempt)
    if fitted is None:
        return best
    found = [solved(source, fitted, target, attempt) for target in targets]
    return found if not best or found[0].difference < best[0].difference else best


def _smoothed_as(
    widths: Sequence[float],
    best: list[Reproduction],
    source: MapSource,
    targets: Sequence[Target],
    unsmoothed: bool = False,
) -> list[Reproduction]:
    """Smooth by some widths, until one gives the maps."""
    runs = [before_smoothing(run) if unsmoothed else run for run in source.scans]
    for width in widths:
        series = [smoothed_series(scans, source.volume, width) for scans in runs]
        for noise, scaling in itertools.product(NOISE[:2], SCALINGS):
            best = _better(best, source, series, Attempt(width, unsmoothed, scaling, noise), targets)
            if best[0].is_found:
                return best
    return best


def _of_other_widths(
    best: list[Reproduction], source: MapSource, targets: Sequence[Target]
) -> list[Reproduction]:
    """Smooth by widths that are none of the usual, the nearest to the best of these first."""
    unsmoothed = best[0].attempt.unsmoothed
    if best[0].attempt.smoothed_by == max(WIDTHS):
        best = _smoothed_as(WIDE, best, source, targets, unsmoothed)
        if best[0].is_found:
            return best
    near = _widths_near(best[0].attempt.smoothed_by, source.hinted)
    return _smoothed_as(near, best, source, targets, unsmoothed)


def _widths_near(width: float, hinted: Sequence[float]) -> list[float]:
    """Widths between the usual ones that are beside the best of these.

    >>> _widths_near(6.0, ())
    [5.5, 6.5, 7.0, 7.5]
    >>> _widths_near(0.0, ())
    [3.0, 2.0]
    """
    if not width:
        return list(NARROW)
    usual = sorted({0.0, *WIDTHS, *WIDE, *hinted})
    at = usual.index(width)
    low, high = usual[at - 1], usual[min(at + 1, len(usual) - 1)]
    between = np.arange(np.floor(low / WIDTH_STEP) + 1, np.ceil(high / WIDTH_STEP)) * WIDTH_STEP
    return sorted(set(between.tolist()) - set(usual), key=lambda each: abs(each - width))


def widths_like(source: MapSource, target: Target) -> list[float]:
    """Widths (mm) that make of the scans what is nearly a map, the nearest first.

    Smoothing and least squares are linear: the parameters of smoothed scans are the smoothed parameters.
    """
    maps = [_parameter_maps(source, run) for run in range(len(source.designs))]
    whole = np.mean(maps, axis=0)
    inside = np.isfinite(target.values)
    found = {}
    for width in dict.fromkeys((*source.hinted, *WIDTHS, *WIDE)):
        B = np.array([smoothed(each, source.volume.affine, width)[source.volume.voxels] for each in whole])
        B = B[:, inside] - B[:, inside].mean(axis=1, keepdims=True)
        y = target.values[inside] - target.values[inside].mean()
        weights = np.linalg.lstsq(B.T, y, rcond=None)[0]
        found[width] = abs(float(np.nan_to_num(pearson_r(weights @ B, y))))
    return [w for w in sorted(found, key=lambda w: -found[w]) if found[w] >= NEARLY]


def _parameter_maps(source: MapSource, run: int) -> np.ndarray:
    """Least-squares parameters of the columns of conditions and confounds in a run, (n_columns, x, y, z)."""
    design = source.designs[run]
    names = tested_columns(source.designs)
    rows = np.linalg.pinv(design.matrix)[[design.names.index(name) for name in names]]
    made = np.zeros((len(rows), *source.volume.shape))
    for row, values in zip(rows.T, volumes(source.scans[run]), strict=True):
        # a scan at a time: no array of the data's size is held
        made += row[:, None, None, None] * np.nan_to_num(np.asarray(values, dtype=np.float64))
    return made


def order_of_scans(source: MapSource, targets: Sequence[Target]) -> tuple[int, ...] | None:
    """Find which session's scans each design was fitted to, where that is not its own; None where none fits.

    Files that were sorted otherwise than events and confounds leave runs of one length mixed up.
    """
    lengths = [len(run) for run in source.scans]
    if len(set(lengths)) == len(lengths):
        return None
    read = [read_series(run, source.volume) for run in source.scans]
    orders = itertools.islice(itertools.permutations(range(len(lengths))), 1, MOST_ORDERS)
    for order in orders:
        if [lengths[i] for i in order] != lengths:
            continue
        for noise, scaling in itertools.product(NOISE[:2], SCALINGS):
            attempt = Attempt(0.0, False, scaling, noise)
            found = _better([], source, [read[i] for i in order], attempt, targets[:1])
            if found and found[0].is_found:
                return order
    return None


def _attempts(source: MapSource) -> Iterator[tuple[Attempt, list[TimeSeries]]]:
    """Combinations, the usual ones first; scans are read once for each way of smoothing."""
    bare = [before_smoothing(run) for run in source.scans]
    widths = dict.fromkeys((*source.hinted, *WIDTHS))
    ways = [(0.0, False)]
    if all(bare):
        ways += [(0.0, True)]
    ways += [(w, False) for w in source.hinted if w]
    if all(bare):
        ways += [(w, True) for w in widths if w]
    ways += [(w, False) for w in widths if w]
    for width, unsmoothed in dict.fromkeys(ways):
        runs = bare if unsmoothed else source.scans
        series = [
            smoothed_series(scans, source.volume, width) if width else read_series(scans, source.volume)
            for scans in runs
        ]
        for noise, scaling in itertools.product(NOISE, SCALINGS):
            yield Attempt(width, unsmoothed, scaling, noise), series


def _fitted(source: MapSource, series: Sequence[TimeSeries], attempt: Attempt) -> Any:
    """Nilearn's fit of the sample; None where it cannot be had."""
    settings: Any = {"noise_model": attempt.noise, "signal_scaling": attempt.scaling}
    model = ModelSpecification("check", (), nilearn=NilearnSettings(**settings))
    designs = [DesignMatrix(d.names, d.matrix, np.empty((len(d.matrix), 0))) for d in source.designs]
    mask = np.ones(series[0].n_voxels, dtype=np.bool_)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return backend("nilearn").estimate(designs, series, mask, model)
    except (DataError, ValueError, np.linalg.LinAlgError):
        return None
