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
    Corner,
    DriftColumns,
    LocalLine,
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
class CornerFits:
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
                home = settings_of_errors(self.normal(Corner(*(i,) * len(Corner._fields))))
                self.errors = PooledErrors(side.noise, home, self._rule_columns, self._pool(i))

    def normal(self, corner: Corner) -> Corner:
        """A corner in which what both packages were given alike does not count."""
        shared = self.shared_inputs
        return corner._replace(
            # inputs that are alike follow another step's setting, so that one fit serves both names
            onsets=corner.events if "onsets" in shared else corner.onsets,
            durations=corner.events if "durations" in shared else corner.durations,
            confounds=0 if "confounds" in shared else corner.confounds,
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

    def _settings_of_errors(self, corner: Corner) -> tuple[int, ...]:
        assert self.errors is not None
        corner, home = self.normal(corner), self.errors.home[ERROR_STEPS.index("filter")]
        return settings_of_errors(corner._replace(filter=home) if self._same_drifts else corner)

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
        corner = Corner(**dict(zip(DRAWING_STEPS, rules, strict=True)))
        return [self.unfiltered(corner, run) for run in range(len(self.models.runs))]

    def _pool(self, side: int) -> Callable[[tuple[int, ...]], list[tuple[RunColumns, Floats]]]:
        """What V is estimated from, in the scaling of the package whose errors are pooled."""

        def found(settings: tuple[int, ...]) -> list[tuple[RunColumns, Floats]]:
            names = dict(zip(ERROR_STEPS, settings, strict=True))
            corner = Corner(scaling=side, noise=side, **names)
            return [self._pool_run(corner, run) for run in range(len(self.models.runs))]

        return found

    def _pool_run(self, corner: Corner, run: int) -> tuple[RunColumns, Floats]:
        design = self.design(corner, run)
        n, own = self.models.n_voxels, self.models.run(corner.scaling, run)
        Y = self._unscaled(corner, run)[:, :n]
        data = self._filtered(corner, Y, run) + Y.mean(axis=0)
        # V is of the data without drifts, whichever way these are taken out
        columns = RunColumns(design.without_drifts, design.all_drifts, self.models.runs[run].repetition_time)
        return columns, data * (own.factors[:n] if own.factors.size > 1 else own.factors)

    def maps(self, corner: Corner) -> tuple[StatMaps, ...]:
        """Fit all contrasts with the settings of a corner, without any package's rounding."""
        fits = self._fits(corner)
        return self._combined(corner, fits, self._is_joint(corner))

    def own_maps(self, side: int) -> tuple[StatMaps, ...]:
        """Fit all contrasts with one package's settings, of the series that it stores."""
        corner = Corner(*(side,) * len(Corner._fields))
        stored = [run.stored for run in self.models.sides[side].runs]
        fits = self._fitted(corner, stored)
        return self._combined(corner, fits, True)

    def uncertain(self, side: int) -> Mask:
        """Voxels where rounding decides a package's own map: nilearn's at the edge of a bin, (n_voxels,)."""
        found = np.zeros(self.models.n_voxels, dtype=np.bool_)
        noise = self.models.sides[side].noise
        if isinstance(noise, TruncatedAR1):
            corner = Corner(*(side,) * len(Corner._fields))
            groups, weights = self._groups(corner, [run.stored for run in self.models.sides[side].runs])
            for parts, rows in zip(groups, weights, strict=True):
                found |= noise.uncertain(regression(parts, rows), self.models.n_voxels)
        return found

    def key(self, corner: Corner) -> tuple[object, ...]:
        """What the fit of a corner hangs on; the way runs come together and factors do not matter to most."""
        # a factor can wait until after the fit, unless runs share one or scans are scaled apart
        joint = self._is_joint(corner)
        scaling = corner.scaling if joint or self.models.scanwise else 0
        own = self.normal(corner)._replace(scaling=scaling, runs=0)
        return (*own, joint, joint and self._one_set(corner))

    def _is_joint(self, corner: Corner) -> bool:
        return len(self.models.runs) > 1 and self.models.sides[corner.runs].combination == "joint"

    def _one_set(self, corner: Corner) -> bool:
        return self.models.sides[corner.runs].one_set

    def _fits(self, corner: Corner) -> tuple[UnscaledFit, ...]:
        key = self.key(corner)
        if self._last is None or self._last[0] != key:
            self._last = key, self._fitted(corner, self._series(corner))
        return self._last[1]

    def _unscaled(self, corner: Corner, run: int) -> Values:
        scaling = self.models.run(corner.scaling, run).scaled
        smoothed = self.models.run(corner.smoother, run).series
        return smoothed if scaling is None else scaling(smoothed)

    def _series(self, corner: Corner) -> list[Values]:
        series = [self._unscaled(corner, run) for run in range(len(self.models.runs))]
        if not self._is_joint(corner):
            return series
        # several runs in one regression must be on one scale
        return [Y * self._factors(corner, run) for run, Y in enumerate(series)]

    def _factors(self, corner: Corner, run: int) -> Floats:
        return self.models.run(corner.scaling, run).factors_for(self.models.run(corner.smoother, run).series)

    def _combined(self, corner: Corner, fits: Sequence[UnscaledFit], is_scaled: bool) -> tuple[StatMaps, ...]:
        n = self.models.n_voxels
        factors = [np.ones(1) if is_scaled else self._factors(corner, run)[:n] for run in range(len(fits))]
        sums = [
            # a factor of the data multiplies effects, and their squared residuals by its square
            RunSum(factor * fit.effects, factor**2 * fit.residual, fit)
            for fit, factor in zip(fits, factors, strict=True)
        ]
        plans = self.models.plans_of(corner.contrast)
        how = self.models.sides[corner.runs].combination
        if how == "joint" and len(self.models.runs) > 1:
            plans = tuple(Plan(plan.specification, (0,), plan.weights) for plan in plans)
        if how == "weighted":
            return tuple(weighted(sums, plans, i) for i in range(len(plans)))
        found = (combined(sums, plans, i, how == "pooled") for i in range(len(plans)))
        return tuple(map(_times, found, self.models.sides[corner.runs].run_factors or repeat(1.0)))

    def _fitted(self, corner: Corner, series: Sequence[Values]) -> tuple[UnscaledFit, ...]:
        noise, n = self.models.sides[corner.noise].noise, self.models.n_voxels
        groups, weights = self._groups(corner, series)
        if isinstance(noise, PooledNoise):
            assert self.errors is not None
            return self.errors.fits(self._settings_of_errors(corner), groups, weights, n)
        return tuple(noise.fit(regression(p, w), n) for p, w in zip(groups, weights, strict=True))

    def _groups(
        self, corner: Corner, series: Sequence[Values]
    ) -> tuple[list[tuple[RunPart, ...]], list[Floats]]:
        """Runs of each regression, and its contrasts."""
        designs = [self.design(corner, run) for run in range(len(series))]
        data = [self._filtered(corner, Y, run) for run, Y in enumerate(series)]
        plans = self.models.plans_of(corner.contrast)
        if self._is_joint(corner):
            together, columns = stacked(designs, data, self._one_set(corner))
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

    def _filtered(self, corner: Corner, Y: Values, run: int) -> Floats:
        """Data as they are whitened: without their means, and without the line where that is the filter."""
        rule = self.models.run(corner.filter, run).filter
        if isinstance(rule, LocalLine):
            # what is stored in single precision is filtered into it
            whole = filtered(Y, rule.line) if Y.dtype == np.float32 else Y
            values = whole.astype(np.float64)
            if whole is Y and rule.line is not None:
                values = values - rule.line @ values
        else:
            values = Y.astype(np.float64)
        return np.asarray(values - values.mean(axis=0))

    def design(self, corner: Corner, run: int) -> RunDesign:
        """Make the columns of a run."""
        rule = self.models.run(corner.filter, run).filter
        through = _through(rule)
        names, regressors = self._regressors(corner, run, through)
        n_scans = len(regressors)
        # a column for each censored scan gives the estimates of leaving it out, and keeps the scans aligned
        spikes = np.eye(n_scans)[:, list(self.models.run(corner.censoring, run).censored)]
        drifts = rule.columns if isinstance(rule, DriftColumns) else np.zeros((n_scans, 0))
        cosines = rule.cosines if isinstance(rule, ProjectedOff) else np.zeros((n_scans, 0))
        own, n_drifts = [drifts, through(spikes)], drifts.shape[1]
        given = self.models.confounds(corner.confounds, run)
        confounds = through(given.matrix)
        if self.models.sides[corner.noise].noise.constant:
            own.append(np.ones((n_scans, 1)))
        else:
            # FEAT has no constant: data and columns lose their means in its place
            regressors, confounds = regressors - regressors.mean(axis=0), confounds - confounds.mean(axis=0)
            own = [columns - columns.mean(axis=0) for columns in own]
        every_name = (*names, *given.names)
        return RunDesign(every_name, regressors, confounds, np.hstack(own), cosines, n_drifts)

    def _regressors(
        self, corner: Corner, run: int, through: Callable[[Floats], Floats]
    ) -> tuple[tuple[str, ...], Floats]:
        found = self.unfiltered(corner, run)
        X = through(found.matrix)
        if not self.models.sides[corner.response].derivative:
            return found.names, X
        # FEAT differentiates the filtered column, and makes the derivative orthogonal to it
        both = [with_derivative(x - x.mean()) for x in X.T]
        names = tuple(name + suffix for name in found.names for suffix in ("", DERIVATIVE))
        return names, np.hstack([np.empty((len(X), 0)), *both])

    def _drawing(self, side: int) -> Drawing:
        found = self.models.sides[side].drawing
        assert found is not None
        return found

    def unfiltered(self, corner: Corner, run: int) -> Columns:
        """Columns of the conditions before any filter, named as by the response."""
        chosen = tuple(getattr(self.normal(corner), name) for name in DRAWING_STEPS)
        own = self.models.run(corner.response, run).regressors
        if len(set(chosen)) == 1:
            # a package's own columns, so that closure does not rest on any reproduction
            return own
        if (chosen, run) not in self._drawn:
            response, events, sampling = (self._drawing(side) for side in chosen[:3])
            rules = Drawing(response.response, events.events, sampling.sampling)
            conditions = self.models.conditions(corner.onsets, corner.durations, run)
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
