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
from bidsglm.attribution.pooled import RunColumns
from bidsglm.attribution.regression import RunPart, regression
from bidsglm.attribution.response_rules import Drawing, drawn
from bidsglm.attribution.run_designs import RunDesign, spread, stacked
from bidsglm.attribution.runs import Plan, RunSum, StatMaps, UnscaledFit, combined, weighted
from bidsglm.attribution.sides import (
    DERIVATIVE,
    DRAWING_STEPS,
    ERROR_STEPS,
    DriftColumns,
    LocalLine,
    Mixture,
    PairModels,
    ProjectedOff,
    RunFilter,
    settings_of_errors,
)
from bidsglm.attribution.voxelnoise import TruncatedAR1
from bidsglm.fsl.highpass import filtered, filtered_columns
from bidsglm.fsl.regressors import with_derivative
from bidsglm.model import Floats, Mask


@dataclass
class MixtureFits:
    """Fits mixtures one after the other; what neighbours in the order share is fitted once."""

    models: PairModels
    errors: PooledErrors | None = field(init=False)
    """V of mixtures with pooled errors, where a package has them"""
    _drawn: dict[tuple[tuple[int, ...], int], Floats] = field(default_factory=dict, repr=False)
    _last: tuple[tuple[object, ...], tuple[UnscaledFit, ...]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Find whose errors are pooled."""
        self.errors = None
        for i, side in enumerate(self.models.sides):
            if isinstance(side.noise, PooledNoise):
                home = settings_of_errors(self.normal(Mixture(*(i,) * len(Mixture._fields))))
                self.errors = PooledErrors(side.noise, home, self._rule_columns, self._pool(i))

    def normal(self, mixture: Mixture) -> Mixture:
        """A mixture in which what both packages were given alike does not count."""
        shared = self.shared_inputs
        return mixture._replace(
            # inputs that are alike follow another step's setting, so that one fit serves both names
            onsets=mixture.events if "onsets" in shared else mixture.onsets,
            durations=mixture.events if "durations" in shared else mixture.durations,
            confounds=0 if "confounds" in shared else mixture.confounds,
        )

    @cached_property
    def shared_inputs(self) -> frozenset[str]:
        """What both packages were given alike, of onsets, durations and confounds."""
        runs = range(len(self.models.runs))
        ends = [[self.models.conditions(side, side, run) for run in runs] for side in (0, 1)]
        pairs = [
            (a, b) for ones, others in zip(*ends, strict=True) for a, b in zip(ones, others, strict=True)
        ]
        found = {
            name
            for name in ("onsets", "durations")
            if all(a is b or np.array_equal(getattr(a, name), getattr(b, name)) for a, b in pairs)
        }
        given = [[self.models.confounds(side, run) for side in (0, 1)] for run in runs]
        if all(a.names == b.names and _alike(a.matrix, b.matrix) for a, b in given):
            found.add("confounds")
        return frozenset(found)

    def _settings_of_errors(self, mixture: Mixture) -> tuple[int, ...]:
        assert self.errors is not None
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
        return np.asarray(values - values.mean(axis=0))

    def design(self, mixture: Mixture, run: int) -> RunDesign:
        """Make the columns of a run."""
        rule = self.models.run(mixture.filter, run).filter
        through = _through(rule)
        names, regressors = self._regressors(mixture, run, through)
        n_scans = len(regressors)
        # a column for each censored scan gives the estimates of leaving it out, and keeps the scans aligned
        spikes = np.eye(n_scans)[:, list(self.models.run(mixture.censoring, run).censored)]
        drifts = rule.columns if isinstance(rule, DriftColumns) else np.zeros((n_scans, 0))
        cosines = rule.cosines if isinstance(rule, ProjectedOff) else np.zeros((n_scans, 0))
        own, n_drifts = [drifts, through(spikes)], drifts.shape[1]
        given = self.models.confounds(mixture.confounds, run)
        confounds = through(given.matrix)
        if self.models.sides[mixture.noise].noise.constant:
            own.append(np.ones((n_scans, 1)))
        else:
            # FEAT has no constant: data and columns lose their means in its place
            regressors, confounds = regressors - regressors.mean(axis=0), confounds - confounds.mean(axis=0)
            own = [columns - columns.mean(axis=0) for columns in own]
        every_name = (*names, *given.names)
        return RunDesign(every_name, regressors, confounds, np.hstack(own), cosines, n_drifts)

    def _regressors(
        self, mixture: Mixture, run: int, through: Callable[[Floats], Floats]
    ) -> tuple[tuple[str, ...], Floats]:
        found = self.unfiltered(mixture, run)
        X = through(found.matrix)
        if not self.models.sides[mixture.response].derivative:
            return found.names, X
        # FEAT differentiates the filtered column, and makes the derivative orthogonal to it
        both = [with_derivative(x - x.mean()) for x in X.T]
        names = tuple(name + suffix for name in found.names for suffix in ("", DERIVATIVE))
        return names, np.hstack([np.empty((len(X), 0)), *both])

    def _drawing(self, side: int) -> Drawing:
        found = self.models.sides[side].drawing
        assert found is not None
        return found

    def unfiltered(self, mixture: Mixture, run: int) -> Columns:
        """Columns of the conditions before any filter, named as by the response."""
        chosen = tuple(getattr(self.normal(mixture), name) for name in DRAWING_STEPS)
        own = self.models.run(mixture.response, run).regressors
        if len(set(chosen)) == 1:
            # a package's own columns, so that closure does not rest on any reproduction
            return own
        if (chosen, run) not in self._drawn:
            response, events, sampling = (self._drawing(side) for side in chosen[:3])
            rules = Drawing(response.response, events.events, sampling.sampling)
            conditions = self.models.conditions(mixture.onsets, mixture.durations, run)
            self._drawn[chosen, run] = drawn(conditions, rules, run)
        return Columns(own.names, self._drawn[chosen, run])


def _alike(one: Floats, other: Floats) -> bool:
    """Whether columns are the same but for the digits of a file."""
    size = np.ptp(one) if one.size else 0.0
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=1e-6 * size))


def _times(maps: StatMaps, factor: float) -> StatMaps:
    return maps if factor == 1 or maps.effect is None else maps._replace(effect=factor * maps.effect)


def _drifts(rule: DriftColumns | ProjectedOff) -> Floats:
    return rule.columns if isinstance(rule, DriftColumns) else rule.cosines


def _through(rule: RunFilter) -> Callable[[Floats], Floats]:
    """What a filter does to columns."""
    if isinstance(rule, LocalLine):
        return lambda X: filtered_columns(X, rule.line)
    return lambda X: X
