"""A mixture of two packages' settings, fitted: one setting in each step, each with its owner's rule.

What a mixture means, and in which order its operations act, stands in docs/attribution.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat

import numpy as np

from bidsglm.attribution.covariances import PooledErrors, PooledNoise
from bidsglm.attribution.crossing import Columns
from bidsglm.attribution.crossproducts import Values
from bidsglm.attribution.designs import same_span
from bidsglm.attribution.mixture_designs import MixtureDesigns
from bidsglm.attribution.pooled import RunColumns
from bidsglm.attribution.regression import RunPart, regression
from bidsglm.attribution.run_designs import spread, stacked
from bidsglm.attribution.runs import Plan, RunSum, StatMaps, UnscaledFit, combined, weighted
from bidsglm.attribution.sides import (
    DRAWING_STEPS,
    ERROR_STEPS,
    DriftColumns,
    LocalLine,
    Mixture,
    ProjectedOff,
    settings_of_errors,
)
from bidsglm.attribution.voxelnoise import TruncatedAR1
from bidsglm.fsl.highpass import filtered
from bidsglm.model import Floats, Mask


@dataclass
class MixtureFits(MixtureDesigns):
    """Fits mixtures one after the other; what neighbours in the order share is fitted once."""

    errors: PooledErrors | None = field(init=False)
    """V of mixtures with pooled errors, where a package has them"""
    _last: tuple[tuple[object, ...], tuple[UnscaledFit, ...]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Find whose errors are pooled."""
        self.errors = None
        for i, side in enumerate(self.models.sides):
            if isinstance(side.noise, PooledNoise):
                home = settings_of_errors(self.normal(Mixture(*(i,) * len(Mixture._fields))))
                self.errors = PooledErrors(side.noise, home, self._rule_columns, self._pool(i))

    def _settings_of_errors(self, mixture: Mixture) -> tuple[int, ...]:
        assert self.errors is not None
        # V is of data without drifts, so that two filters of one space share the V of the first
        mixture, home = self.normal(mixture), self.errors.home[ERROR_STEPS.index("filter")]
        return settings_of_errors(mixture._replace(filter=home) if self._same_drifts else mixture)

    @cached_property
    def _same_drifts(self) -> bool:
        """Whether both filters take the same out, as columns or by projection."""
        one_side, other_side = self.models.sides
        rules = [(a.filter, b.filter) for a, b in zip(one_side.runs, other_side.runs, strict=True)]
        return all(
            not isinstance(one, LocalLine)
            and not isinstance(other, LocalLine)
            and same_span(_drifts(one), _drifts(other))
            for one, other in rules
        )

    def _rule_columns(self, rules: tuple[int, ...]) -> list[Columns]:
        mixture = Mixture(**dict(zip(DRAWING_STEPS, rules, strict=True)))
        return [self.unfiltered(mixture, run) for run in range(len(self.models.runs))]

    def _pool(self, side: int) -> Callable[[tuple[int, ...]], list[tuple[RunColumns, Floats]]]:
        """What V is estimated from, in the scaling of the package whose errors are pooled."""

        def found(settings: tuple[int, ...]) -> list[tuple[RunColumns, Floats]]:
            names = dict(zip(ERROR_STEPS, settings, strict=True))
            mixture = Mixture(scaling=side, noise=side, **names)
            return [self._pool_run(mixture, run) for run in range(len(self.models.runs))]

        return found

    def _pool_run(self, mixture: Mixture, run: int) -> tuple[RunColumns, Floats]:
        design = self.design(mixture, run)
        n, own = self.models.n_voxels, self.models.run(mixture.scaling, run)
        Y = self._unscaled(mixture, run)[:, :n]
        # spm_est_non_sphericity pools y y' of series with their means; ReML takes the constant out again
        data = self._filtered(mixture, Y, run) + Y.mean(axis=0)
        # V is of the data without drifts, whichever way these are taken out
        columns = RunColumns(design.without_drifts, design.all_drifts, self.models.runs[run].repetition_time)
        return columns, data * (own.factors[:n] if own.factors.size > 1 else own.factors)

    def maps(self, mixture: Mixture) -> tuple[StatMaps, ...]:
        """Fit all contrasts with the settings of a mixture, without any package's rounding."""
        fits = self._fits(mixture)
        return self._combined(mixture, fits, self._is_joint(mixture))

    def own_maps(self, side: int) -> tuple[StatMaps, ...]:
        """Fit all contrasts with one package's settings, of the series that it stores."""
        mixture = Mixture(*(side,) * len(Mixture._fields))
        # closure must not be of rounding: each package fits what it has rounded in its own way
        stored = [run.stored for run in self.models.sides[side].runs]
        fits = self._fitted(mixture, stored)
        return self._combined(mixture, fits, True)

    def uncertain(self, side: int) -> Mask:
        """Voxels where rounding decides a package's own map: nilearn's at the edge of a bin, (n_voxels,)."""
        found = np.zeros(self.models.n_voxels, dtype=np.bool_)
        noise = self.models.sides[side].noise
        # only nilearn's coefficient is cut to hundredths, so only it can fall on either side
        if isinstance(noise, TruncatedAR1):
            mixture = Mixture(*(side,) * len(Mixture._fields))
            groups, weights = self._groups(mixture, [run.stored for run in self.models.sides[side].runs])
            for parts, rows in zip(groups, weights, strict=True):
                found |= noise.uncertain(regression(parts, rows), self.models.n_voxels)
        return found

    def key(self, mixture: Mixture) -> tuple[object, ...]:
        """What a mixture's fit depends on; to most, factors and the way runs come together do not matter."""
        # a factor can wait until after the fit, unless runs share one or scans are scaled apart
        joint = self._is_joint(mixture)
        scaling = mixture.scaling if joint or self.models.scanwise else 0
        own = self.normal(mixture)._replace(scaling=scaling, runs=0)
        return (*own, joint, joint and self._one_set(mixture))

    def _is_joint(self, mixture: Mixture) -> bool:
        return len(self.models.runs) > 1 and self.models.sides[mixture.runs].combination == "joint"

    def _one_set(self, mixture: Mixture) -> bool:
        return self.models.sides[mixture.runs].one_set

    def _fits(self, mixture: Mixture) -> tuple[UnscaledFit, ...]:
        key = self.key(mixture)
        if self._last is None or self._last[0] != key:
            self._last = key, self._fitted(mixture, self._series(mixture))
        return self._last[1]

    def _unscaled(self, mixture: Mixture, run: int) -> Values:
        scaling = self.models.run(mixture.scaling, run).scaled
        smoothed = self.models.run(mixture.smoother, run).series
        return smoothed if scaling is None else scaling(smoothed)

    def _series(self, mixture: Mixture) -> list[Values]:
        series = [self._unscaled(mixture, run) for run in range(len(self.models.runs))]
        if not self._is_joint(mixture):
            return series
        # several runs in one regression must be on one scale
        return [Y * self._factors(mixture, run) for run, Y in enumerate(series)]

    def _factors(self, mixture: Mixture, run: int) -> Floats:
        return self.models.run(mixture.scaling, run).factors_for(
            self.models.run(mixture.smoother, run).series
        )

    def _combined(
        self, mixture: Mixture, fits: Sequence[UnscaledFit], is_scaled: bool
    ) -> tuple[StatMaps, ...]:
        n = self.models.n_voxels
        factors = [np.ones(1) if is_scaled else self._factors(mixture, run)[:n] for run in range(len(fits))]
        sums = [
            # a factor of the data multiplies effects, and their squared residuals by its square
            RunSum(factor * fit.effects, factor**2 * fit.residual, fit)
            for fit, factor in zip(fits, factors, strict=True)
        ]
        plans = self.models.plans_of(mixture.contrast)
        how = self.models.sides[mixture.runs].combination
        if how == "joint" and len(self.models.runs) > 1:
            # the one regression is the only fit there is, and its effects are of all runs already
            plans = tuple(Plan(plan.specification, (0,), plan.weights) for plan in plans)
        if how == "weighted":
            return tuple(weighted(sums, plans, i) for i in range(len(plans)))
        found = (combined(sums, plans, i, how == "pooled") for i in range(len(plans)))
        return tuple(map(_times, found, self.models.sides[mixture.runs].run_factors or repeat(1.0)))

    def _fitted(self, mixture: Mixture, series: Sequence[Values]) -> tuple[UnscaledFit, ...]:
        noise, n = self.models.sides[mixture.noise].noise, self.models.n_voxels
        groups, weights = self._groups(mixture, series)
        if isinstance(noise, PooledNoise):
            assert self.errors is not None
            return self.errors.fits(self._settings_of_errors(mixture), groups, weights, n)
        return tuple(noise.fit(regression(p, w), n) for p, w in zip(groups, weights, strict=True))

    def _groups(
        self, mixture: Mixture, series: Sequence[Values]
    ) -> tuple[list[tuple[RunPart, ...]], list[Floats]]:
        """Runs of each regression, and its contrasts."""
        designs = [self.design(mixture, run) for run in range(len(series))]
        data = [self._filtered(mixture, Y, run) for run, Y in enumerate(series)]
        plans = self.models.plans_of(mixture.contrast)
        # one model of all runs, as SPM and AFNI have it; else one each, combined afterwards
        if self._is_joint(mixture):
            together, columns = stacked(designs, data, self._one_set(mixture))
            return [together], [np.vstack([spread(plan, columns) for plan in plans])]
        groups: list[tuple[RunPart, ...]] = [
            (RunPart(design.matrix, design.projected, Y, run),)
            for run, (design, Y) in enumerate(zip(designs, data, strict=True))
        ]
        weights = [
            np.vstack([plan.placed(design.all_names, run) for plan in plans])
            for run, design in enumerate(designs)
        ]
        return groups, weights

    def _filtered(self, mixture: Mixture, Y: Values, run: int) -> Floats:
        """Data as they are whitened: without their means, and without the line where that is the filter."""
        rule = self.models.run(mixture.filter, run).filter
        if isinstance(rule, LocalLine):
            # what is stored in single precision is filtered into it
            whole = filtered(Y, rule.line) if Y.dtype == np.float32 else Y
            values = whole.astype(np.float64)
            if whole is Y and rule.line is not None:
                values = values - rule.line @ values
        else:
            values = Y.astype(np.float64)
        # no fit is changed by it: a constant takes means up, and FEAT, which has none, takes them out
        return np.asarray(values - values.mean(axis=0))


def _times(maps: StatMaps, factor: float) -> StatMaps:
    return maps if factor == 1 or maps.effect is None else maps._replace(effect=factor * maps.effect)


def _drifts(rule: DriftColumns | ProjectedOff) -> Floats:
    return rule.columns if isinstance(rule, DriftColumns) else rule.cosines
