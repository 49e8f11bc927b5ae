"""Maps of every combination of modelling steps, from cross-products.

What each step means in a mixed corner stands in `bidsglm.compare.steps`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.compare.combination import Plan, RunSum, StatMaps, combined, rows_of
from bidsglm.compare.crossing import Columns, Rules
from bidsglm.compare.crossproducts import (
    Autoregression,
    Products,
    RunFit,
    Values,
    autoregression,
    autoregressive_fit,
    coefficients,
    estimable,
    near_edge,
    products,
    truncated,
)
from bidsglm.compare.pooled import (
    PooledDesign,
    RunColumns,
    SerialCorrelation,
    error_covariances,
    image_maps,
    pooled_designs,
    pooled_fit,
    whitened_power,
)
from bidsglm.model import CONSTANT, Floats
from bidsglm.spm.whitening import Whitening, normalised, whitening

SAME_DRIFTS = 1e-9
"""Two sets of drifts with projections this close span the same space."""


class Corner(NamedTuple):
    """A setting for each step: False is nilearn's, True SPM's."""

    smoother: bool = False
    scaling: bool = False
    response: bool = False
    events: bool = False
    sampling: bool = False
    filter: bool = False
    noise: bool = False
    runs: bool = False

    @property
    def rules(self) -> Rules:
        """Of its regressors."""
        return Rules(self.response, self.events, self.sampling)


@dataclass(frozen=True)
class RunDesigns:
    """What the designs of one run are made of."""

    regressors: Mapping[Rules, Columns]
    """Of the conditions, for every mixture of rules that occurs."""
    confounds: Columns
    drifts: tuple[Floats, Floats]
    """nilearn's drift terms, SPM's cosines: (n_scans, m)"""
    repetition_time: float
    """s"""

    def columns(self, rules: Rules) -> Columns:
        """Regressors, confounds and the constant."""
        regressors = self.regressors[rules]
        ones = np.ones((len(regressors.matrix), 1))
        matrix = np.hstack([regressors.matrix, self.confounds.matrix, ones])
        return Columns((*regressors.names, *self.confounds.names, CONSTANT), matrix)


@dataclass(frozen=True)
class Models:
    """Both packages' models of a unit."""

    runs: tuple[RunDesigns, ...]
    plans: tuple[Plan, ...]
    """Contrasts."""
    autoregressive: bool
    """nilearn whitens with AR(1); else ordinary least squares"""
    serial_correlation: SerialCorrelation
    covariances: tuple[Floats, ...] = ()
    """V of every run as SPM estimated it, normalised; none for independent errors"""


def estimable_everywhere(runs: Sequence[RunDesigns], plan: Plan) -> bool:
    """Whether a contrast is estimable in every mixture of designs, so that each corner has a map of it."""
    for run in plan.runs:
        for rules in runs[run].regressors:
            columns = runs[run].columns(rules)
            if not set(plan.specification.conditions) <= set(columns.names):
                return False
            if not estimable(columns.matrix, plan.placed(columns.names, run)):
                return False
    return True


class Block(NamedTuple):
    """Some voxels' data."""

    columns: NDArray[np.intp]
    """(n_voxels,) their places in the maps"""
    series: tuple[tuple[Values, ...], tuple[Values, ...]]
    """nilearn's and SPM's smoothing: (n_scans, n_voxels) of every run, not scaled; the same object where the
    two do not differ"""
    factors: tuple[tuple[tuple[Floats, ...], tuple[Floats, ...]], ...]
    """[smoother][scaling][run]: factor (n_voxels,) or (1,) of the series. Where SPM scales every scan apart
    see `scans`."""
    scans: tuple[Floats, ...] = ()
    """(n_scans,) of every run: relative factors of SPM's scaling of every scan, empty for one per run"""

    def values(self, smoother: bool, scaling: bool, run: int) -> Values:
        """(n_scans, n_voxels) up to a factor for each voxel."""
        Y = self.series[smoother][run]
        return Y * self.scans[run].astype(Y.dtype)[:, None] if self.scans and scaling else Y


class Designs:
    """Designs and covariances of corners, each made when first needed.

    Parameters
    ----------
    models
        Of both packages.
    pool
        Voxels whose data, scaled as SPM scales, give the change of V from SPM's own corner to another.
    """

    def __init__(self, models: Models, pool: Block) -> None:
        self.models = models
        self.pool = pool
        self.notes: list[str] = []
        self.same_drifts = all(_same_span(*run.drifts) for run in models.runs)
        self._autoregressions: dict[tuple[Rules, bool, int], Autoregression] = {}
        self._pooled: dict[tuple[Rules, bool, bool], tuple[PooledDesign, ...]] = {}
        self._sampled: dict[tuple[Rules, bool, bool], tuple[Floats, ...]] = {}
        self._covariances: dict[tuple[Rules, bool, bool], tuple[Floats, ...]] = {}
        self._whitenings: dict[tuple[Rules, bool, bool], tuple[Whitening, ...]] = {}
        self._weights: dict[tuple[Rules, int], Floats] = {}

    def weights(self, rules: Rules, run: int) -> Floats:
        """Rows of all contrasts over the columns of a run, (n_rows, n_columns)."""
        key = rules, run
        if key not in self._weights:
            names = self.models.runs[run].columns(rules).names
            self._weights[key] = np.vstack([plan.placed(names, run) for plan in self.models.plans])
        return self._weights[key]

    def autoregression(self, rules: Rules, projected: bool, run: int) -> Autoregression:
        """Design for voxelwise AR(1)."""
        key = rules, projected, run
        if key not in self._autoregressions:
            designs = self.models.runs[run]
            X, drifts = designs.columns(rules).matrix, designs.drifts[projected]
            self._autoregressions[key] = autoregression(X, drifts, self.weights(rules, run), projected)
        return self._autoregressions[key]

    def residual_scans(self, rules: Rules, projected: bool, run: int) -> tuple[float, float]:
        """Scans minus columns and scans minus rank, as nilearn counts them."""
        designs = self.models.runs[run]
        whole = np.hstack([designs.columns(rules).matrix, designs.drifts[projected]])
        rank = np.linalg.matrix_rank(whole, np.abs(whole).sum() * np.finfo(float).eps)
        return float(len(whole) - whole.shape[1]), float(len(whole) - rank)

    def covariance_key(self, corner: Corner) -> tuple[Rules, bool, bool]:
        """What V depends on: regressors, drifts, smoother."""
        return corner.rules, corner.filter or self.same_drifts, corner.smoother

    def whitenings(self, corner: Corner) -> Sequence[Whitening | None]:
        """W of every run."""
        key = self.covariance_key(corner)
        if not self.models.covariances:
            return [None] * len(self.models.runs)
        if key not in self._whitenings:
            self._covariances[key], self._whitenings[key] = self._estimated(key)
        return self._whitenings[key]

    def pooled(self, corner: Corner) -> tuple[PooledDesign, ...]:
        """Designs of all runs for one V."""
        key = corner.rules, corner.filter, corner.smoother
        if key not in self._pooled:
            whitenings = self.whitenings(corner)
            covariances: Sequence[Floats | None] = [None] * len(self.models.runs)
            if self.models.covariances:
                covariances = self._covariances[self.covariance_key(corner)]
            runs = [self._filtered(run, corner.rules, corner.filter) for run in self.models.runs]
            weights = [
                np.pad(rows, ((0, 0), (0, run.X.shape[1] - rows.shape[1])))
                for run, rows in zip(runs, self._all_weights(corner.rules), strict=True)
            ]
            self._pooled[key] = pooled_designs(runs, weights, covariances, whitenings)
        return self._pooled[key]

    def _all_weights(self, rules: Rules) -> list[Floats]:
        return [self.weights(rules, run) for run in range(len(self.models.runs))]

    def _filtered(self, run: RunDesigns, rules: Rules, projected: bool) -> RunColumns:
        X, drifts = run.columns(rules).matrix, run.drifts[projected]
        if projected:
            return RunColumns(X, drifts, run.repetition_time)
        return RunColumns(np.hstack([X, drifts]), np.zeros((len(X), 0)), run.repetition_time)

    def _estimated(
        self, key: tuple[Rules, bool, bool]
    ) -> tuple[tuple[Floats, ...], tuple[Whitening, ...]]:
        """SPM's own V plus what the corner changes in the pool's.

        SPM's corner keeps SPM's V exactly, and a corner that changes nothing changes V in nothing.
        """
        own = self.models.covariances
        home = Rules(True, True, True), True, True
        if key == home:
            return own, whitening(own)
        try:
            here, there = self._in_pool(key), self._in_pool(home)
            moved = [V + a - b for V, a, b in zip(own, here, there, strict=True)]
            covariances = normalised(moved)
            return covariances, whitening(covariances)
        except ValueError as error:
            note = f"SPM's own covariance of the errors stood in for that of a mixed corner: {error}"
            if note not in self.notes:
                self.notes.append(note)
            return own, whitening(own)

    def _in_pool(self, key: tuple[Rules, bool, bool]) -> tuple[Floats, ...]:
        if key not in self._sampled:
            rules, projected, smoother = key
            kind = self.models.serial_correlation
            assert kind != "none"
            runs = [
                RunColumns(run.columns(rules).matrix, _orthonormal(run.drifts[projected]), run.repetition_time)
                for run in self.models.runs
            ]
            factors = self.pool.factors[smoother][True]
            data = [self.pool.values(smoother, True, i) * factors[i] for i in range(len(runs))]
            self._sampled[key] = error_covariances(runs, data, kind)
        return self._sampled[key]


def _orthonormal(columns: Floats) -> Floats:
    return np.asarray(np.linalg.qr(columns)[0])


def _same_span(first: Floats, second: Floats) -> bool:
    if first.shape != second.shape:
        return False
    a, b = _orthonormal(first), _orthonormal(second)
    return bool(np.abs(a - b @ (b.T @ a)).max(initial=0.0) < SAME_DRIFTS)


class CornerMaps:
    """Maps of corners for one block of voxels; what several corners share is computed once."""

    def __init__(self, designs: Designs, block: Block, every_rule: bool = True) -> None:
        self.designs, self.block = designs, block
        self.rules = _rules_of(designs.models, every_rule)
        self._centred: dict[tuple[bool, bool, int], Values] = {}
        self._products: dict[tuple[bool, bool, int], Products] = {}
        self._power: dict[tuple[object, ...], Values] = {}
        self._fits: dict[tuple[object, ...], tuple[RunFit, ...]] = {}

    def maps(self, corner: Corner, contrast: int) -> StatMaps:
        """Effect and statistic of a contrast."""
        factors = self.block.factors[corner.smoother][corner.scaling]
        fits = self.fits(corner)
        sums = [
            RunSum(factor * fit.effects, factor**2 * fit.residual, fit)
            for fit, factor in zip(fits, self._cast(factors), strict=True)
        ]
        return combined(sums, self.designs.models.plans, contrast, corner.runs)

    def spm_maps(self, contrast: int) -> StatMaps:
        """SPM's own corner with SPM's rounding to float32."""
        home = Corner(*(True,) * len(Corner._fields))
        factors, designs, fits = self.block.factors[True][True], self.designs.pooled(home), self.fits(home)
        data = [self.block.values(True, True, run) for run in range(len(fits))]
        betas = [f * (d.parameters @ Y) for f, d, Y in zip(factors, designs, data, strict=True)]
        squares = [factor**2 * fit.residual for fit, factor in zip(fits, factors, strict=True)]
        error = np.sum(squares, axis=0) / sum(fit.divisor for fit in fits)
        plans = self.designs.models.plans
        rows, shared = rows_of(plans, contrast), len(plans[contrast].runs)
        mean = [d._replace(weights=d.weights / shared) for d in designs]
        effect, stat = image_maps(mean, betas, error, rows, plans[contrast].specification.test)
        return StatMaps(effect, stat, ())

    def _cast(self, factors: Sequence[Floats]) -> list[Values]:
        return [factor.astype(self.block.series[0][0].dtype) for factor in factors]

    def fits(self, corner: Corner) -> tuple[RunFit, ...]:
        """Of every run, for data not scaled by voxel."""
        key = corner._replace(runs=False, scaling=self._scanwise(corner.scaling))
        if key not in self._fits:
            fit = self._pooled_fit if corner.noise else self._autoregressive_fit
            self._fits[key] = tuple(fit(corner, run) for run in range(len(self.designs.models.runs)))
        return self._fits[key]

    def uncertain_bins(self) -> NDArray[np.bool_]:
        """Voxels whose coefficient in nilearn's corner lies on the edge of its bin, (n_voxels,)."""
        models = self.designs.models
        uncertain = np.zeros(self.block.columns.size, dtype=bool)
        if models.autoregressive:
            for run in range(len(models.runs)):
                design = self.designs.autoregression(Rules(False, False, False), False, run)
                uncertain |= near_edge(coefficients(self._data(Corner(), run), design.ordinary))
        return uncertain

    def _scanwise(self, scaling: bool) -> bool:
        return scaling and bool(self.block.scans)

    def _values(self, corner: Corner, run: int) -> Values:
        # a smoother or scaling that changes nothing shares what was computed without it
        smoother = corner.smoother and self.block.series[0][run] is not self.block.series[1][run]
        key = smoother, self._scanwise(corner.scaling), run
        if key not in self._centred:
            Y = self.block.values(*key)
            self._centred[key] = Y - Y.mean(axis=0)
        return self._centred[key]

    def _data(self, corner: Corner, run: int) -> Products:
        key = corner.smoother, self._scanwise(corner.scaling), run
        if key not in self._products:
            designs = self.designs.models.runs[run]
            parts = [designs.regressors[rules].matrix for rules in self.rules]
            ones = np.ones((len(parts[0]), 1))
            columns = np.hstack([*parts, designs.confounds.matrix, *designs.drifts, ones])
            self._products[key] = products(self._values(corner, run), columns, designs.drifts[1])
        return self._products[key]

    def _autoregressive_fit(self, corner: Corner, run: int) -> RunFit:
        design = self.designs.autoregression(corner.rules, corner.filter, run)
        data = self._data(corner, run)
        if self.designs.models.autoregressive:
            rho = truncated(coefficients(data, design.ordinary))
        else:
            rho = np.zeros_like(data.power)
        divisor, dof = self.designs.residual_scans(corner.rules, corner.filter, run)
        return autoregressive_fit(data, design, rho, divisor, dof)

    def _pooled_fit(self, corner: Corner, run: int) -> RunFit:
        key = (*self.designs.covariance_key(corner), self._scanwise(corner.scaling), run)
        Y = self._values(corner, run)
        if key not in self._power:
            self._power[key] = whitened_power(Y, self.designs.whitenings(corner)[run])
        return pooled_fit(self.designs.pooled(corner)[run], Y, self._power[key])


def _rules_of(models: Models, every_rule: bool) -> list[Rules]:
    pure = [Rules(False, False, False), Rules(True, True, True)]
    return list(models.runs[0].regressors) if every_rule else pure
