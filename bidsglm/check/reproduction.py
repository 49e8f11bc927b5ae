"""What nilearn was asked beside the design, found by computing the user's maps again from the scans.

Scaling, noise model, smoothing and the scans themselves stand nowhere in what a script leaves. Each
combination gives other parameters at every voxel; the one from which the user's effect map is a combination
of conditions to 1e-5 is what they did. The weights of that combination are the contrast.
"""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.backends import backend
from bidsglm.check.data import ScanPlace, read_series, smoothed_series
from bidsglm.check.nilearn_designs import NilearnDesign
from bidsglm.check.refit import largest_difference
from bidsglm.data import DesignMatrix, TimeSeries, Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats, ModelSpecification, NilearnSettings

ACCURACY = 1e-5
"""Share of a map's range: files hold float32, sums in another order differ in the seventh digit."""
SAMPLE = 1_500
"""Voxels that are fitted: nilearn treats each by itself."""
SEED = 0
UNRELATED = 0.3
"""Correlation below which a map is not of these scans, smoothed or not."""
WIDTHS = (4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
"""mm that users give as smoothing_fwhm"""
WIDTH_STEP, WIDEST = 0.5, 20.0
"""mm: widths that are tried beside the one of those that brings a map nearest"""
NARROW = (3.0, 2.0)
"""mm that are tried where none of those brings a map nearer than none"""
MOST_ORDERS = 24
"""Orders of the scans of runs of one length that are tried: those of four runs"""
SCALINGS = (False, 0)
NOISE = ("ar1", "ols", "ar2")
NICE = 12
"""Denominators of weights that people write"""


class Attempt(NamedTuple):
    """A combination of what stands nowhere."""

    smoothed_by: float
    """mm, in nilearn; 0 for none"""
    unsmoothed: bool
    """Whether the scans are those before SPM's smoothing"""
    scaling: bool | int | str
    """nilearn's signal_scaling; grand mean where all voxels have one factor, unknown where no map tells"""
    noise: str


class Reproduction(NamedTuple):
    """How a map was computed."""

    attempt: Attempt
    weights: Mapping[str, float]
    """Contrast over the columns of nilearn's designs"""
    difference: float
    """Largest one, as a share of the map's range"""
    is_found: bool
    """Whether it is within the accuracy"""
    r: float
    """Correlation of the best with the user's map"""
    factor: float = 1.0
    """What all effects are multiplied by, where nilearn scales all voxels by their grand mean"""


class Target(NamedTuple):
    """A map of the user at the sampled voxels."""

    kind: str
    """effect, t or z"""
    values: Floats
    """(n_voxels,)"""


class MapSource(NamedTuple):
    """What maps can be computed from."""

    designs: tuple[NilearnDesign, ...]
    scans: tuple[tuple[ScanPlace, ...], ...]
    """Volumes of every run"""
    volume: Volume
    """With the sampled voxels"""
    hinted: tuple[float, ...] = ()
    """Widths in mm to try first: what a script says, and SPM's own"""
    candidates: tuple[Mapping[str, float], ...] = ()
    """Contrasts to try where there are no effect maps"""


def first_found(made: Iterable[Reproduction]) -> Reproduction | None:
    """Take the first that came out: what stands nowhere is the same for all maps of an analysis."""
    return next((each for each in made if each.is_found), None)


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
            break  # no smoothing makes of these scans a map they have nothing in common with
        best = _better(best, source, series, attempt, targets)
        if best and best[0].is_found:
            break
    if best and not best[0].is_found and abs(best[0].r) >= UNRELATED:
        best = _of_other_widths(best, source, targets)
    return [_with_grand_mean(each) for each in best]


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
    found = [_solved(source, fitted, target, attempt) for target in targets]
    return found if not best or found[0].difference < best[0].difference else best


def _of_other_widths(
    best: list[Reproduction], source: MapSource, targets: Sequence[Target]
) -> list[Reproduction]:
    """Smooth by widths that are none of the usual, the nearest to the best of these first."""
    given = best[0].attempt
    runs = [before_smoothing(run) for run in source.scans] if given.unsmoothed else source.scans
    for width in _widths_near(given.smoothed_by, source.hinted):
        series = [smoothed_series(scans, source.volume, width) for scans in runs]
        for noise, scaling in itertools.product(NOISE[:2], SCALINGS):
            attempt = Attempt(width, given.unsmoothed, scaling, noise)
            best = _better(best, source, series, attempt, targets)
            if best[0].is_found:
                return best
    return best


def _widths_near(width: float, hinted: Sequence[float]) -> list[float]:
    """Widths between the usual ones that are beside the best of these.

    >>> _widths_near(6.0, ())
    [5.5, 6.5, 7.0, 7.5]
    >>> _widths_near(0.0, ())
    [3.0, 2.0]
    """
    if not width:
        return list(NARROW)
    usual = sorted({0.0, *WIDTHS, WIDEST, *hinted})
    at = usual.index(width)
    low, high = usual[at - 1], usual[min(at + 1, len(usual) - 1)]
    between = np.arange(np.floor(low / WIDTH_STEP) + 1, np.ceil(high / WIDTH_STEP)) * WIDTH_STEP
    return sorted(set(between.tolist()) - set(usual), key=lambda each: abs(each - width))


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


def _betas(source: MapSource, fitted: Any) -> Floats:
    """Parameters averaged over runs, (n_columns, n_voxels)."""
    names = _tested(source)
    runs = [
        np.array([betas[design.names.index(name)] for name in names])
        for design, betas in zip(source.designs, fitted.betas, strict=True)
    ]
    return np.asarray(np.mean(runs, axis=0))


def _tested(source: MapSource) -> list[str]:
    """Columns that a contrast may be over: those of all runs, without drifts and constant."""
    first = source.designs[0]
    names = [first.names[i] for i in first.others]
    return [n for n in names if all(n in design.names for design in source.designs)]


def _solved(source: MapSource, fitted: Any, target: Target, attempt: Attempt) -> Reproduction:
    """Weights that give a map best: solved for an effect, tried for a statistic."""
    if target.kind == "effect":
        return _of_effect(source, _betas(source, fitted), target, attempt)
    tried = [_of_statistic(source, fitted, target, attempt, weights) for weights in source.candidates]
    nothing = Reproduction(attempt, {}, float("inf"), False, 0.0)
    return min(tried, key=lambda each: each.difference, default=nothing)


def _of_effect(source: MapSource, betas: Floats, target: Target, attempt: Attempt) -> Reproduction:
    inside = np.isfinite(betas).all(axis=0) & np.isfinite(target.values)
    B, y = betas[:, inside], target.values[inside]
    if not y.size or not np.any(y):
        return Reproduction(attempt, {}, float("inf"), False, 0.0)
    weights = np.asarray(np.linalg.lstsq(B.T, y, rcond=None)[0], dtype=np.float64)
    tidy, limit = rounded(weights), ACCURACY * float(np.ptp(y))
    chosen = tidy if float(np.abs(tidy @ B - y).max()) <= limit else weights
    largest = np.abs(chosen).max()
    shown = {
        name: float(w) for name, w in zip(_tested(source), chosen, strict=True) if abs(w) > 1e-7 * largest
    }
    return _judged(attempt, shown, chosen @ B, y)


def _of_statistic(
    source: MapSource, fitted: Any, target: Target, attempt: Attempt, weights: Mapping[str, float]
) -> Reproduction:
    """Compute t or z of some weights; a factor of all of them shows in neither, nor does that of a voxel."""
    row = np.array([list(weights.values())])
    specification = ContrastSpecification("contrast", "contrast", tuple(weights), row)
    runs = tuple(range(len(source.designs)))
    try:
        with np.errstate(all="ignore"):
            maps = backend("nilearn").contrast(fitted, specification, runs)
    except (DataError, ValueError, KeyError, np.linalg.LinAlgError):
        return Reproduction(attempt, dict(weights), float("inf"), False, 0.0)
    made = maps.z if target.kind == "z" else maps.stat
    inside = np.isfinite(made) & np.isfinite(target.values)
    return _judged(attempt._replace(scaling="unknown"), dict(weights), made[inside], target.values[inside])


def _judged(attempt: Attempt, weights: Mapping[str, float], made: Floats, y: Floats) -> Reproduction:
    if not y.size:
        return Reproduction(attempt, weights, float("inf"), False, 0.0)
    difference = largest_difference(made, y)
    r = float(np.nan_to_num(pearson_r(made, y)))
    return Reproduction(attempt, weights, difference, difference < ACCURACY, r)


def rounded(weights: Floats) -> Floats:
    """Weights as people write them: multiples of small fractions, where they are.

    >>> rounded(np.array([0.99999997, -0.20000001, 3e-8])).tolist()
    [1.0, -0.2, 0.0]
    """
    found = weights.copy()
    largest = float(np.abs(weights).max())
    for i, weight in enumerate(weights):
        for denominator in range(1, NICE + 1):
            near = round(float(weight) * denominator) / denominator
            if abs(near - weight) < 1e-4 * max(largest, abs(float(weight))):
                found[i] = near
                break
    return np.asarray(found)


def is_tidy(weights: Floats) -> bool:
    """Whether people write such weights: multiples of small fractions.

    >>> is_tidy(np.array([1.0, -1 / 3, 0.2])), is_tidy(np.array([0.1231]))
    (True, False)
    """
    return all(
        (any(abs(w * n - round(w * n)) < 1e-4 * n for n in range(1, NICE + 1)) and abs(w) >= 1 / (2 * NICE))
        or not w
        for w in weights.tolist()
    )


def _with_grand_mean(found: Reproduction) -> Reproduction:
    """Tell a factor that all voxels share from the weights: nilearn's scaling by the mean of all."""
    weights = np.array(list(found.weights.values()))
    if not found.is_found or found.attempt.scaling is not False or not weights.size:
        return found
    if is_tidy(weights):
        return found
    largest = weights[np.abs(weights).argmax()]
    scaled = rounded(weights / largest)
    named = {name: float(w) for name, w in zip(found.weights, scaled * np.sign(largest), strict=True)}
    attempt = found.attempt._replace(scaling="grand mean")
    return found._replace(attempt=attempt, weights=named, factor=float(abs(largest)))
