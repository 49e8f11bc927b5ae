"""Contrasts of several runs: nilearn's fixed effects and SPM's one residual mean square.

An effect is the mean over R runs either way. With G_r the effects' covariance for unit variance, s²_r a
run's residual mean square and s² the pooled one,

    nilearn: t = e / sqrt(sum s²_r G_r / R²),  F = |sum G_r^(-1/2) e_r|² / k / sum s²_r,
    SPM:     t = e / sqrt(s² sum G_r / R²),    F = e' (sum G_r / R²)^-1 e / k / s².
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.crossproducts import Values
from bidsglm.design_space import independent_rows
from bidsglm.fsl.fixed_effects import fixed_effects
from bidsglm.model import ContrastSpecification, Floats
from bidsglm.spm.contrasts import placed

TINY = 1e-50
"""Least variance that nilearn divides by."""


@dataclass(frozen=True)
class Plan:
    """A contrast and the runs that it averages."""

    specification: ContrastSpecification
    runs: tuple[int, ...]
    weights: Floats
    """(n_rows, n_conditions) linearly independent rows"""
    factors: tuple[float, ...] = ()
    """What they are multiplied by in every run of the unit; none where all runs weigh alike"""

    def placed(self, names: Sequence[str], run: int) -> Floats:
        """Weights over the columns of a design (n_rows, n_columns), zero for runs that are left out."""
        if run not in self.runs:
            return np.zeros((len(self.weights), len(names)))
        factor = self.factors[run] if self.factors else 1.0
        return placed(factor * self.weights, self.specification.conditions, names)


def plan(specification: ContrastSpecification, runs: tuple[int, ...]) -> Plan:
    """Contrast without its redundant rows.

    >>> rows = np.array([[1.0, -1.0], [-1.0, 1.0]])
    >>> len(plan(ContrastSpecification("a", "a", ("x", "y"), rows, "F"), (0,)).weights)
    1
    """
    # nilearn's F counts rows and inverts their covariance, which is singular with a redundant one
    weights = np.atleast_2d(specification.weights)
    return Plan(specification, runs, weights[independent_rows(weights)])


def rows_of(plans: Sequence[Plan], contrast: int) -> slice:
    """Rows of a contrast among those of all.

    >>> rows = [np.eye(2), np.ones((1, 2))]
    >>> plans = [Plan(ContrastSpecification("a", "a", ("x", "y"), r), (0,), r) for r in rows]
    >>> rows_of(plans, 1)
    slice(2, 3, None)
    """
    start = sum(len(plan.weights) for plan in plans[:contrast])
    return slice(start, start + len(plans[contrast].weights))


class UnscaledFit(NamedTuple):
    """What contrasts need of one run, for data that are not scaled."""

    effects: Values
    """(n_rows, n_voxels)"""
    covariances: Floats
    """(n_groups, n_rows, n_rows) of the effects for unit variance"""
    group: NDArray[np.intp]
    """(n_voxels,) group of each voxel"""
    residual: Values
    """(n_voxels,) residual sum of squares of the whitened data"""
    divisor: float
    """By which the residual sum of squares becomes a variance."""
    traces: tuple[float, float]
    """tr(RV), tr(RVRV), of which the degrees of freedom are made; both scans minus rank for AR(1)"""


class RunSum(NamedTuple):
    """One run's part in all contrasts, for scaled data."""

    effects: Values
    """(n_rows, n_voxels)"""
    residual: Values
    """(n_voxels,) residual sum of squares"""
    fit: UnscaledFit
    """Where covariances and degrees of freedom stand."""


class StatMaps(NamedTuple):
    """A contrast with one combination of settings."""

    effect: Values | None
    """(n_voxels,) None for F"""
    stat: Values
    """(n_voxels,)"""
    dof: tuple[float, ...]
    """(residual,) for t, (numerator, residual) for F"""


def combined(sums: Sequence[RunSum], plans: Sequence[Plan], contrast: int, pooled: bool) -> StatMaps:
    """Combine the runs of a contrast.

    Parameters
    ----------
    sums
        Every run's part, of the whole unit.
    plans
        All contrasts.
    contrast
        Which of them.
    pooled
        One residual mean square over all runs, as in SPM.
    """
    chosen = plans[contrast]
    rows = rows_of(plans, contrast)
    used = [sums[run] for run in chosen.runs]
    dof = _dof([s.fit for s in (sums if pooled else used)])
    if pooled:
        # over all runs of the unit, those without the contrast too: SPM fits them in one model
        residual = np.sum([s.residual for s in sums], axis=0)
        variances = [residual / sum(s.fit.divisor for s in sums)] * len(used)
    else:
        variances = [s.residual / s.fit.divisor for s in used]
    if chosen.specification.test == "F":
        stat = _pooled_f(used, rows, variances[0]) if pooled else _fixed_effects_f(used, rows, variances)
        return StatMaps(None, stat, (float(len(chosen.weights)), dof))
    # a plain mean: nilearn and SPM weigh no run by its precision, FSL does (`weighted`)
    effect = np.mean([s.effects[rows.start] for s in used], axis=0)
    unit = [s.fit.covariances[:, rows.start, rows.start].astype(effect.dtype)[s.fit.group] for s in used]
    # a mean of R effects: the sum of their variances over R²
    variance = np.sum([v * u for v, u in zip(variances, unit, strict=True)], axis=0) / len(used) ** 2
    return StatMaps(effect, _over_root(effect, variance), (dof,))


def weighted(sums: Sequence[RunSum], plans: Sequence[Plan], contrast: int) -> StatMaps:
    """Combine the runs of a contrast, each weighted by its precision, as FSL's fixed effects do.

    The degrees of freedom are the runs' sum less one where there are several.
    """
    chosen, rows = plans[contrast], rows_of(plans, contrast)
    used = [sums[run] for run in chosen.runs]
    # flameo takes one off for the mean over runs; a single run keeps FILM's degrees of freedom
    dof = sum(s.fit.traces[0] for s in used) - (len(used) > 1)
    variances = [s.residual / s.fit.divisor for s in used]
    if chosen.specification.test == "F":
        # F over runs: effects weighed by their inverse covariance, sum C_i^-1 b_i, (sum C_i^-1)^-1
        inverses = [
            np.linalg.inv(s.fit.covariances[:, rows, rows])[s.fit.group]
            / np.maximum(variance, TINY)[:, None, None]
            for s, variance in zip(used, variances, strict=True)
        ]
        weighed = [
            np.einsum("vij,jv->vi", inverse, s.effects[rows])
            for inverse, s in zip(inverses, used, strict=True)
        ]
        precision, right = np.sum(inverses, axis=0), np.sum(weighed, axis=0)
        solved = np.linalg.solve(precision, right[:, :, None])[:, :, 0]
        stat = np.einsum("vi,vi->v", right, solved) / len(chosen.weights)
        return StatMaps(None, stat, (float(len(chosen.weights)), dof))
    unit = [s.fit.covariances[:, rows.start, rows.start][s.fit.group] for s in used]
    # t over runs: fixed effects with the inverse variances as weights
    of_effects = np.stack([np.maximum(v * u, TINY) for v, u in zip(variances, unit, strict=True)])
    found = fixed_effects(np.stack([s.effects[rows.start] for s in used]), of_effects)
    return StatMaps(found.effect, found.t, (dof,))


def _dof(fits: Sequence[UnscaledFit]) -> float:
    """tr(RV)² / tr(RVRV), for several runs of their sums; for AR(1) both are scans minus rank."""
    trace, squared = (sum(fit.traces[i] for fit in fits) for i in (0, 1))
    # Satterthwaite's approximation, as in spm_spm (K. Worsley and K. Friston 1995)
    return trace**2 / squared


def _over_root(effect: Values, variance: Values) -> Values:
    return np.asarray(effect / np.sqrt(np.maximum(variance, _least(effect))))


def _least(values: Values) -> float:
    """Least variance that is divided by."""
    # nilearn's 1e-50 is 0 in single precision
    return max(TINY, float(np.finfo(values.dtype).tiny))


def _pooled_f(sums: Sequence[RunSum], rows: slice, variance: Values) -> Values:
    # F = e' (sum G_r / R^2)^-1 e / k / s^2, with SPM's one s^2
    effect = np.mean([s.effects[rows] for s in sums], axis=0)
    covariance = np.sum([s.fit.covariances[s.fit.group, rows, rows] for s in sums], axis=0) / len(sums) ** 2
    solved = np.linalg.solve(covariance, effect.T[:, :, None])[:, :, 0]
    extra = np.einsum("vi,iv->v", solved, effect)
    return np.asarray(extra / np.maximum(len(effect) * variance, _least(effect)))


def _fixed_effects_f(sums: Sequence[RunSum], rows: slice, variances: Sequence[Values]) -> Values:
    # F = |sum G_r^(-1/2) e_r|^2 / k / sum s_r^2: nilearn adds whitened effects and residual variances apart
    total = np.zeros_like(sums[0].effects[rows])
    for s in sums:
        values, vectors = np.linalg.eigh(s.fit.covariances[:, rows, rows])
        # G^(-1/2) by eigenvectors: nilearn whitens a run's effects before it adds up runs
        roots = (vectors / np.sqrt(values)[:, None, :]) @ vectors.transpose(0, 2, 1)
        total += np.einsum("vij,jv->iv", roots[s.fit.group], s.effects[rows])
    variance = np.sum(variances, axis=0)
    return np.asarray((total**2).sum(axis=0) / np.maximum(len(total) * variance, _least(total)))
