"""A user's map as a combination of the parameters of one fit: the weights of its contrast.

Where effects are a combination of conditions to 1e-5, settings and scans of the fit are theirs; of t and z
the contrasts that are known are tried. Runs weigh alike, or each has weights of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.backends import backend
from bidsglm.check.data import ScanPlace
from bidsglm.check.nilearn_designs import NilearnDesign
from bidsglm.check.refit import largest_difference
from bidsglm.check.tails import z_of_t
from bidsglm.data import Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats

ACCURACY = 1e-5
"""Share of a map's range: files hold float32, sums in another order differ in the seventh digit."""
FLAT = 4 * float(np.finfo(np.float32).eps)
"""Share of the largest value: a map that is nearly flat has no range beside the rounding of its values"""
SPARE = 2
"""Voxels for each weight that is solved for, and more: of as few as there are weights any map comes out"""
NICE = 12
"""Denominators of weights that people write"""

Weights = Mapping[str, float]
"""Column of nilearn's -> weight"""


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
    weights: Weights
    """Contrast over the columns of nilearn's designs, the mean over runs"""
    difference: float
    """Largest one, as a share of the map's range"""
    is_found: bool
    """Whether it is within the accuracy"""
    r: float
    """Correlation of the best with the user's map"""
    factor: float = 1.0
    """What all effects are multiplied by, where nilearn scales all voxels by their grand mean"""
    factors: tuple[float, ...] = ()
    """The same of every run, where each has a mean of its own"""
    by_run: tuple[Weights, ...] = ()
    """Weights of every run, of which the map is the sum; empty where all weigh alike"""
    test: str = ""
    """t or F, where a statistic was computed"""
    rows: tuple[Weights, ...] = ()
    """Weights of the rows of an F contrast"""


class Target(NamedTuple):
    """A map of the user at the sampled voxels."""

    kind: str
    """effect, t, z, F or stat, which is t or F"""
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
    candidates: tuple[tuple[Weights, ...], ...] = ()
    """Contrasts to try where there are no effect maps: weights of every run, of which a map is the mean"""
    f_candidates: tuple[tuple[Weights, ...], ...] = ()
    """F contrasts to try: weights of every row, the same in all runs"""


def first_found(made: Iterable[Reproduction]) -> Reproduction | None:
    """Take the first that came out: what stands nowhere is the same for all maps of an analysis."""
    return next((each for each in made if each.is_found), None)


def solved(source: MapSource, fitted: Any, target: Target, attempt: Attempt) -> Reproduction:
    """Weights that give a map best: solved for an effect, tried for a statistic."""
    if target.kind == "effect":
        alike = _of_effect(_parameters(source, fitted), target, attempt)
        if alike.is_found or len(source.designs) == 1:
            return alike
        apart = _of_runs(source, fitted, target, attempt)
        return apart if apart is not None and apart.is_found else alike
    tried = []
    if target.kind != "F":
        tried += [_of_statistic(fitted, target, attempt, weights) for weights in source.candidates]
    if target.kind in ("F", "stat"):
        tried += [_of_f(source, fitted, target, attempt, rows) for rows in source.f_candidates]
    nothing = Reproduction(attempt, {}, float("inf"), False, 0.0)
    return min(tried, key=lambda each: each.difference, default=nothing)


class _Parameters(NamedTuple):
    """What an effect is a combination of."""

    names: tuple[str, ...]
    values: Floats
    """(n_parameters, n_voxels)"""


def _parameters(source: MapSource, fitted: Any) -> _Parameters:
    """Parameters averaged over runs."""
    names = tested_columns(source.designs)
    runs = [
        np.array([betas[design.names.index(name)] for name in names])
        for design, betas in zip(source.designs, fitted.betas, strict=True)
    ]
    return _Parameters(tuple(names), np.asarray(np.mean(runs, axis=0)))


def tested_columns(designs: Sequence[NilearnDesign]) -> list[str]:
    """Columns that a contrast may be over: those of all runs, without drifts and constant."""
    names = [designs[0].names[i] for i in designs[0].others]
    return [n for n in names if all(n in design.names for design in designs)]


def _of_effect(parameters: _Parameters, target: Target, attempt: Attempt) -> Reproduction:
    B, y = _inside(parameters.values, target.values)
    if not y.size or not np.any(y):
        return Reproduction(attempt, {}, float("inf"), False, 0.0)
    chosen = _combination(B, y)
    found = _judged(attempt, _named(parameters.names, chosen), chosen @ B, y)
    # fewer voxels than weights give any map
    return found._replace(is_found=found.is_found and y.size >= SPARE * len(B))


def _inside(B: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Parameters and values of the voxels that have both."""
    inside = np.isfinite(B).all(axis=0) & np.isfinite(values)
    return B[:, inside], values[inside]


def _combination(B: Floats, y: Floats) -> Floats:
    """Weights whose combination is nearest to a map; those that people write where they give it too."""
    weights = np.asarray(np.linalg.lstsq(B.T, y, rcond=None)[0], dtype=np.float64)
    tidy = rounded(weights)
    return tidy if float(np.abs(tidy @ B - y).max()) <= ACCURACY * _extent(y) else weights


def _named(names: Sequence[str], weights: Floats) -> dict[str, float]:
    largest = np.abs(weights).max(initial=0.0)
    return {name: float(w) for name, w in zip(names, weights, strict=True) if abs(w) > 1e-7 * largest}


def _of_runs(source: MapSource, fitted: Any, target: Target, attempt: Attempt) -> Reproduction | None:
    """Weights of every run apart, where there are voxels enough to tell them."""
    columns = [[design.names[i] for i in design.others] for design in source.designs]
    labels = [(run, name) for run, names in enumerate(columns) for name in names]
    rows = [fitted.betas[run][source.designs[run].names.index(name)] for run, name in labels]
    B, y = _inside(np.array(rows), target.values)
    if y.size < SPARE * len(rows) or not np.any(y):
        return None
    chosen = _combination(B, y)
    largest = np.abs(chosen).max()
    by_run = tuple(
        {
            name: float(w)
            for (at, name), w in zip(labels, chosen, strict=True)
            if at == run and abs(w) > 1e-7 * largest
        }
        for run in range(len(columns))
    )
    names = dict.fromkeys(name for each in by_run for name in each)
    summed = {name: sum(each.get(name, 0.0) for each in by_run) for name in names}
    kept = {name: weight for name, weight in summed.items() if abs(weight) > 1e-7 * largest}
    return _judged(attempt, kept, chosen @ B, y)._replace(by_run=by_run)


def _of_statistic(
    fitted: Any, target: Target, attempt: Attempt, weights: tuple[Weights, ...]
) -> Reproduction:
    """Compute t or z of some weights; a factor of all of them shows in neither, nor does that of a voxel."""
    named, by_run = alike(weights)
    nothing = Reproduction(attempt, named, float("inf"), False, 0.0, by_run=by_run)
    try:
        with np.errstate(all="ignore"):
            made = _statistic(fitted, weights, target.kind)
    except (DataError, ValueError, KeyError, np.linalg.LinAlgError):
        return nothing
    inside = np.isfinite(made) & np.isfinite(target.values)
    found = _judged(attempt._replace(scaling="unknown"), named, made[inside], target.values[inside])
    return found._replace(by_run=by_run, test="t")


def _of_f(
    source: MapSource, fitted: Any, target: Target, attempt: Attempt, rows: tuple[Weights, ...]
) -> Reproduction:
    """Compute F of some rows."""
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    weights = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    specification = ContrastSpecification("contrast", "contrast", names, weights, "F")
    try:
        with np.errstate(all="ignore"):
            made = backend("nilearn").contrast(fitted, specification, tuple(range(len(source.designs))))
    except (DataError, ValueError, KeyError, np.linalg.LinAlgError):
        return Reproduction(attempt, {}, float("inf"), False, 0.0, test="F", rows=rows)
    inside = np.isfinite(made.stat) & np.isfinite(target.values)
    found = _judged(attempt._replace(scaling="unknown"), {}, made.stat[inside], target.values[inside])
    return found._replace(test="F", rows=rows)


def alike(weights: tuple[Weights, ...]) -> tuple[Weights, tuple[Weights, ...]]:
    """One set of weights for all runs, and what each run adds to their mean where they differ.

    >>> alike(({"go": 1.0}, {"go": 1.0})), alike(({"go": 1.0}, {}))
    (({'go': 1.0}, ()), ({'go': 1.0}, ({'go': 1.0}, {})))
    """
    first = dict(weights[0])
    if all(dict(each) == first for each in weights[1:]):
        return first, ()
    # nilearn takes the mean of the runs that have weights
    used = max(sum(any(each.values()) for each in weights), 1)
    by_run = tuple({name: w / used for name, w in each.items()} for each in weights)
    names = dict.fromkeys(name for each in by_run for name in each)
    total = {name: sum(each.get(name, 0.0) for each in by_run) for name in names}
    return {name: w for name, w in total.items() if w}, by_run


def _statistic(fitted: Any, weights: tuple[Weights, ...], kind: str) -> Floats:
    """Make t or z as nilearn does of runs: effects and variances of those that have weights added up."""
    used = tuple(run for run, each in enumerate(weights) if any(each.values()))
    package = backend("nilearn")
    if all(dict(weights[run]) == dict(weights[used[0]]) for run in used):
        maps = package.contrast(fitted, _specification(weights[used[0]]), used)
        return np.asarray(maps.z if kind == "z" else maps.stat)
    parts = [package.contrast(fitted, _specification(weights[run]), (run,)) for run in used]
    effect = sum(np.asarray(part.effect) for part in parts)
    t = effect / np.sqrt(sum(np.asarray(part.variance) for part in parts))
    return np.asarray(z_of_t(t, sum(part.dof[-1] for part in parts)) if kind == "z" else t)


def _specification(weights: Weights) -> ContrastSpecification:
    return ContrastSpecification("contrast", "contrast", tuple(weights), np.array([list(weights.values())]))


def _judged(attempt: Attempt, weights: Weights, made: Floats, y: Floats) -> Reproduction:
    if not y.size:
        return Reproduction(attempt, weights, float("inf"), False, 0.0)
    difference = largest_difference(made, y)
    r = float(np.nan_to_num(pearson_r(made, y)))
    near = difference * float(np.ptp(y)) <= ACCURACY * _extent(y)
    return Reproduction(attempt, weights, difference, bool(near and np.isfinite(difference)), r)


def _extent(y: Floats) -> float:
    """Range of a map; of one that is nearly flat, what rounding of its values leaves of a range."""
    return max(float(np.ptp(y)), FLAT / ACCURACY * float(np.abs(y).max(initial=0.0)))


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


def with_grand_mean(found: Reproduction) -> Reproduction:
    """Tell a factor that all voxels share from the weights: nilearn's scaling by the mean of all."""
    weights = np.array(list(found.weights.values()))
    if not found.is_found or found.attempt.scaling is not False or not weights.size:
        return found
    if found.by_run:
        return _with_means_of_runs(found)
    if is_tidy(weights):
        return found
    largest = weights[np.abs(weights).argmax()]
    scaled = rounded(weights / largest)
    named = {name: float(w) for name, w in zip(found.weights, scaled * np.sign(largest), strict=True)}
    attempt = found.attempt._replace(scaling="grand mean")
    return found._replace(attempt=attempt, weights=named, factor=float(abs(largest)))


def _with_means_of_runs(found: Reproduction) -> Reproduction:
    """Tell factors of the runs from weights: all have the same ones, but for factors that nobody writes."""
    names = list(found.weights)
    rows = np.array([[each.get(name, 0.0) for name in names] for each in found.by_run])
    at = int(np.abs(rows[0]).argmax())
    if set(names) != {name for each in found.by_run for name in each} or not np.all(
        rows[:, at] * rows[0, at] > 0
    ):
        return found
    shares, one = rows[:, at] / rows[0, at], rounded(rows[0] / rows[0, at])
    if is_tidy(shares) or not np.allclose(
        rows, np.outer(rows[:, at], one), rtol=0, atol=1e-4 * np.abs(rows).max()
    ):
        return found
    weights = {name: float(w) for name, w in zip(names, one * np.sign(rows[0, at]), strict=True) if w}
    factors = tuple(float(f) for f in np.abs(rows[:, at]) * len(rows))
    attempt = found.attempt._replace(scaling="grand mean")
    return found._replace(attempt=attempt, weights=weights, factor=factors[0], factors=factors, by_run=())
