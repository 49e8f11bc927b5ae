"""Contrasts of FILM's fits: maps of one run, and of several by fixed effects."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtr

from bidsglm.backends.records import Estimate, spread
from bidsglm.data import ContrastMaps, DesignMatrix
from bidsglm.design_space import decomposition, directions, estimable, independent_rows, lengths, rank
from bidsglm.fsl import contrasts as of_film
from bidsglm.fsl import fixed_effects
from bidsglm.fsl.film import Pairs
from bidsglm.fsl.zscores import z_of_f, z_of_t
from bidsglm.model import ContrastSpecification, Floats
from bidsglm.spm.contrasts import placed


class FilmRun(NamedTuple):
    """What contrasts need of one run, for the voxels of the estimate's mask."""

    rows: Floats
    """(n_rows, n_regressors) combinations of parameters that were asked for"""
    effects: Floats
    """(n_rows, n_masked)"""
    pairs: Pairs
    """Rows, the first not above the second, whose covariances were asked for"""
    covariance: Floats
    """(n_pairs, n_masked) for unit variance"""
    variance: Floats
    """(n_masked,) of the residuals"""
    dof: int


@dataclass(frozen=True)
class FslEstimate(Estimate):
    """Fits of all runs by themselves; no noise maps, as FILM has a whole function of lags in each voxel."""

    designs: tuple[DesignMatrix, ...]
    runs: tuple[FilmRun, ...]


def combinations(design: DesignMatrix, contrasts: Sequence[ContrastSpecification]) -> tuple[Floats, Pairs]:
    """Combinations of parameters that contrasts are made of, each once, and pairs of rows of one contrast.

    Without contrasts all parameters and all pairs, from which every contrast can be made.
    """
    n_columns = len(design.names)
    if not contrasts:
        return np.eye(n_columns), np.triu_indices(n_columns)
    rows: dict[bytes, Floats] = {}
    pairs: set[tuple[int, int]] = set()
    for contrast in contrasts:
        if not set(contrast.conditions) <= set(design.names):
            continue
        places = []
        for row in placed(contrast.weights, contrast.conditions, design.names):
            rows.setdefault(row.tobytes(), row)
            places.append(list(rows).index(row.tobytes()))
        pairs |= {(a, b) for a in places for b in places if a <= b}
    first, second = (
        (np.array(part, dtype=np.intp) for part in zip(*sorted(pairs), strict=True))
        if pairs
        else (np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp))
    )
    return np.array([*rows.values()]).reshape(len(rows), n_columns), (first, second)


def combined_dof(runs: Sequence[FilmRun]) -> float:
    """Degrees of freedom over some runs.

    >>> run = FilmRun(np.eye(1), np.ones((1, 1)), np.triu_indices(1), np.ones((1, 1)), np.ones(1), 60)
    >>> combined_dof([run]), combined_dof([run, run])
    (60.0, 119.0)
    """
    if len(runs) == 1:
        return float(runs[0].dof)
    return fixed_effects.combined_dof(np.array([run.dof for run in runs]))


def usable_runs(estimate: FslEstimate, contrast: ContrastSpecification) -> tuple[int, ...]:
    """Find the runs that have all columns of a contrast and can estimate it, by SPM's test."""
    return tuple(
        i
        for i, run in enumerate(estimate.designs)
        if set(contrast.conditions) <= set(run.names)
        and np.any(contrast.weights)
        and _is_estimable(placed(contrast.weights, contrast.conditions, run.names), run.matrix)
    )


def _is_estimable(weights: Floats, X: Floats) -> bool:
    """Whether a design can give a contrast; columns count by their direction, however small they are."""
    scaled = weights / lengths(X)
    rows = scaled[scaled.any(axis=1)]
    return estimable([(rows / np.abs(rows).max(axis=1, keepdims=True)).T], decomposition([directions(X)]))


def contrast(estimate: FslEstimate, contrast: ContrastSpecification, runs: tuple[int, ...]) -> ContrastMaps:
    """Compute the maps of a contrast, fixed effects over some runs.

    FSL has no F over runs for several rows; here the runs' vectors of effects weigh by the inverse of their
    covariances, as its fixed effects do with one row.
    """
    # which runs a contrast averages is another package's judgement where several are fitted
    able = tuple(i for i in runs if i in usable_runs(estimate, contrast))
    if not able:
        return _nothing(estimate, contrast, runs)
    used = [estimate.runs[i] for i in able]
    weights = [placed(contrast.weights, contrast.conditions, estimate.designs[i].names) for i in able]
    dof = combined_dof(used)
    if contrast.test == "F":
        rows = independent_rows(np.hstack(weights))
        F = _f(used, [own[rows] for own in weights])
        n_rows = float(len(rows))
        p, z = fdtrc(n_rows, dof, F), z_of_f(F, n_rows, dof)
        return _maps(estimate, contrast, able, (None, None, F, z, p), (n_rows, dof))
    one = np.ones(1)
    each = [
        of_film.t_maps(one, *_effects(run, own), run.variance) for run, own in zip(used, weights, strict=True)
    ]
    found = each[0]
    if len(each) > 1:
        found = _fixed([maps.effect for maps in each], [maps.variance for maps in each])
    values = (found.effect, found.variance, found.t, z_of_t(found.t, dof), stdtr(dof, -found.t))
    return _maps(estimate, contrast, able, values, (dof,))


def _nothing(estimate: FslEstimate, contrast: ContrastSpecification, runs: tuple[int, ...]) -> ContrastMaps:
    """Maps of a contrast that FSL's designs cannot give, which is said."""
    warnings.warn(
        f"contrast {contrast.name!r} cannot be estimated with FSL's design: its maps of FSL are empty",
        UserWarning,
        stacklevel=2,
    )
    n = int(np.count_nonzero(estimate.mask))
    nan, zero, one = np.full(n, np.nan), np.zeros(n), np.ones(n)
    dof = combined_dof([estimate.runs[i] for i in runs])
    if contrast.test == "F":
        n_rows = float(rank(contrast.weights))
        return _maps(estimate, contrast, runs, (None, None, zero, zero, one), (n_rows, dof))
    return _maps(estimate, contrast, runs, (nan, nan, zero, zero, one), (dof,))


def _effects(run: FilmRun, weights: Floats) -> tuple[Floats, Floats]:
    """Effects (n_contrast_rows, n_masked) of a contrast and their covariances for unit variance."""
    places = [np.flatnonzero((run.rows == row).all(axis=1))[:1] for row in weights]
    if all(place.size for place in places):
        found = np.concatenate(places)
        return run.effects[found], _covariances(run, found)
    assert np.array_equal(run.rows, np.eye(run.rows.shape[1])), "a contrast that the fit was not told of"
    used = np.flatnonzero(weights.any(axis=0))
    over = weights[:, used]
    return over @ run.effects[used], np.einsum("ai,ijv,bj->abv", over, _covariances(run, used), over)


def _covariances(run: FilmRun, places: NDArray[np.intp]) -> Floats:
    """(n, n, n_masked) of some rows."""
    known = {pair: i for i, pair in enumerate(zip(*(part.tolist() for part in run.pairs), strict=True))}
    return np.array([[run.covariance[known[min(a, b), max(a, b)]] for b in places] for a in places])


def _fixed(effects: Sequence[Floats], variances: Sequence[Floats]) -> of_film.TMaps:
    """Runs combined; no effect where a run has no variance."""
    stacked = np.stack(variances)
    known = (stacked > 0).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = fixed_effects.fixed_effects(np.stack(effects), stacked)
    effect, variance = (np.where(known, values, np.nan) for values in (found.effect, found.variance))
    return of_film.TMaps(effect, variance, np.where(known, found.t, 0.0))


def _f(runs: Sequence[FilmRun], weights: Sequence[Floats]) -> Floats:
    """F of some rows over runs."""
    rows = np.eye(len(weights[0]))
    if len(runs) == 1:
        return of_film.f_map(rows, *_effects(runs[0], weights[0]), runs[0].variance)
    effects, covariances = [], []
    for run, own in zip(runs, weights, strict=True):
        effect, covariance = _effects(run, own)
        effects.append(effect)
        covariances.append(covariance * run.variance)
    return fixed_effects.f_over_runs(np.stack(effects), np.stack(covariances))


def _maps(
    estimate: FslEstimate,
    contrast: ContrastSpecification,
    runs: tuple[int, ...],
    values: tuple[Floats | None, Floats | None, Floats, Floats, Floats],
    dof: tuple[float, ...],
) -> ContrastMaps:
    """Spread effect, variance, statistic, z and p over all columns."""
    effect, variance, stat, z, p = values
    mask = estimate.mask
    return ContrastMaps(
        contrast,
        runs,
        None if effect is None else spread(effect, mask, np.nan),
        None if variance is None else spread(variance, mask, np.nan),
        spread(stat, mask, 0.0),
        spread(z, mask, 0.0),
        spread(p, mask, 1.0),
        dof,
    )
