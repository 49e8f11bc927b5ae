"""A user's map as a combination of the parameters of one fit: the weights of its contrast.

Where effects are a combination of conditions to 1e-5, settings and scans of the fit are theirs; of t and z
the contrasts that are known are tried.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.backends import backend
from bidsglm.check.data import ScanPlace
from bidsglm.check.nilearn_designs import NilearnDesign
from bidsglm.check.refit import largest_difference
from bidsglm.data import Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats

ACCURACY = 1e-5
"""Share of a map's range: files hold float32, sums in another order differ in the seventh digit."""
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


def solved(source: MapSource, fitted: Any, target: Target, attempt: Attempt) -> Reproduction:
    """Weights that give a map best: solved for an effect, tried for a statistic."""
    if target.kind == "effect":
        return _of_effect(source, _betas(source, fitted), target, attempt)
    tried = [_of_statistic(source, fitted, target, attempt, weights) for weights in source.candidates]
    nothing = Reproduction(attempt, {}, float("inf"), False, 0.0)
    return min(tried, key=lambda each: each.difference, default=nothing)


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


def with_grand_mean(found: Reproduction) -> Reproduction:
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
