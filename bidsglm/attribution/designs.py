"""Designs and error covariances of every combination of settings."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np
from scipy.linalg import toeplitz

from bidsglm.attribution.autoregression import Autoregression, autoregression
from bidsglm.attribution.crossing import Columns, Rules
from bidsglm.attribution.models import Block, Models, RunDesigns, StepSettings
from bidsglm.attribution.pooled import PooledDesign, RunColumns, error_covariances, pooled_designs
from bidsglm.attribution.turns import Each, in_turn
from bidsglm.design_space import rank_in_nilearn
from bidsglm.model import Floats
from bidsglm.spm.whitening import Whitening, normalised, whitening

SAME_DRIFTS = 1e-9
"""Two sets of drifts with projections this close span the same space: rounding leaves 1e-15 between the two
packages' cosines, and polynomials are tenths away from them."""

TINY = float(np.finfo(float).tiny)
NEARLY_SAME = 0.01
"""Relative distance of regressors that share V: all that regressors do to V is a small part of it."""
HOME = Rules(True, True, True)
FALLBACK = "SPM's own covariance of the errors stood in for that of mixed settings"

CovarianceKey = tuple[Rules, bool, bool]
"""What V depends on: regressors, SPM's drifts or nilearn's, SPM's smoother or nilearn's"""


class Designs:
    """Designs and covariances of combinations, each made when first needed.

    Parameters
    ----------
    models
        Both packages' models.
    pool
        Voxels whose data, scaled as SPM scales, give the change of V from SPM's own settings to others.
    """

    def __init__(self, models: Models, pool: Block) -> None:
        self.models = models
        self.pool = pool
        self._stood_in: dict[CovarianceKey, str] = {}
        self._shared = shared_rules([run.regressors for run in models.runs])
        self.same_drifts = all(same_span(*run.drifts) for run in models.runs)
        self._autoregressions: dict[tuple[Rules, bool, int], Autoregression] = {}
        self._pooled: dict[CovarianceKey, tuple[PooledDesign, ...]] = {}
        # first rows, which are all that there is to a covariance that is alike along diagonals
        self._sampled: dict[CovarianceKey, tuple[Floats, ...]] = {}
        self._covariances: dict[CovarianceKey, tuple[Floats, ...]] = {}
        self._whitenings: dict[CovarianceKey, tuple[Whitening, ...]] = {}
        self._weights: dict[tuple[Rules, int], Floats] = {}
        self._residual_scans: dict[tuple[Rules, bool, int], tuple[float, float]] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader should know of the covariances."""
        return tuple(dict.fromkeys(self._stood_in[key] for key in sorted(self._stood_in)))

    def prepare(self, combinations: Iterable[StepSettings], each: Each = in_turn) -> None:
        """Make all that some combinations need, so that threads may share it."""
        wanted, runs = list(combinations), range(len(self.models.runs))
        for combination, run in product(wanted, runs):
            self.autoregression(combination.rules, combination.filter, run)
            # coefficients come from nilearn's drifts where SPM's cosines span the same space
            self.autoregression(combination.rules, False, run)
            self.residual_scans(combination.rules, combination.filter, run)
        pooled = [combination for combination in wanted if combination.noise]
        covariances = {self.covariance_key(combination): combination for combination in pooled}
        # each but SPM's own is compared with the pool at SPM's settings, which the first one fits
        first = sorted(covariances)[:1]
        each(self.whitenings, [covariances[key] for key in first])
        each(self.whitenings, [covariances[key] for key in covariances if key not in first])
        each(self.pooled, {(c.rules, c.filter, c.smoother): c for c in pooled}.values())

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
        key = rules, projected, run
        if key not in self._residual_scans:
            designs = self.models.runs[run]
            # cosines count as columns, projected off or not: they cost the residual as many directions
            whole = np.hstack([designs.columns(rules).matrix, designs.drifts[projected]])
            n_columns, rank = whole.shape[1], rank_in_nilearn(whole)
            self._residual_scans[key] = float(len(whole) - n_columns), float(len(whole) - rank)
        return self._residual_scans[key]

    def covariance_key(self, combination: StepSettings) -> CovarianceKey:
        """Name what V depends on; regressors that are nearly the same share one."""
        # drifts of one space leave the same residuals, whichever way they are taken out
        return self._shared[combination.rules], combination.filter or self.same_drifts, combination.smoother

    def whitenings(self, combination: StepSettings) -> Sequence[Whitening | None]:
        """W of every run."""
        key = self.covariance_key(combination)
        if not self.models.covariances:
            return [None] * len(self.models.runs)
        if key not in self._whitenings:
            found, self._whitenings[key] = self._estimated(key)
            self._covariances[key] = _first_rows(found)
        return self._whitenings[key]

    def pooled(self, combination: StepSettings) -> tuple[PooledDesign, ...]:
        """Designs of all runs for one V."""
        key = combination.rules, combination.filter, combination.smoother
        if key not in self._pooled:
            whitenings = self.whitenings(combination)
            covariances: Sequence[Floats | None] = [None] * len(self.models.runs)
            if self.models.covariances:
                rows = self._covariances[self.covariance_key(combination)]
                covariances = [toeplitz(row) for row in rows]
            # V may be shared by nearly equal regressors, the designs themselves are not
            runs = [self._filtered(run, combination.rules, combination.filter) for run in self.models.runs]
            weights = [
                np.pad(rows, ((0, 0), (0, run.X.shape[1] - rows.shape[1])))
                for run, rows in zip(runs, self._all_weights(combination.rules), strict=True)
            ]
            self._pooled[key] = pooled_designs(runs, weights, covariances, whitenings)
        return self._pooled[key]

    def _all_weights(self, rules: Rules) -> list[Floats]:
        return [self.weights(rules, run) for run in range(len(self.models.runs))]

    def _filtered(self, run: RunDesigns, rules: Rules, projected: bool) -> RunColumns:
        X, drifts = run.columns(rules).matrix, run.drifts[projected]
        if projected:
            # SPM projects cosines off after whitening; nilearn whitens them like other columns
            return RunColumns(X, drifts, run.repetition_time)
        return RunColumns(np.hstack([X, drifts]), np.zeros((len(X), 0)), run.repetition_time)

    def _estimated(self, key: CovarianceKey) -> tuple[tuple[Floats, ...], tuple[Whitening, ...]]:
        """SPM's own V plus what the settings change in the pool's.

        SPM's settings keep SPM's V exactly, and settings that change nothing change V in nothing.
        """
        own = self.models.covariances
        home = HOME, True, True
        if key == home:
            return own, whitening(own)
        try:
            here, there = self._in_pool(key), self._in_pool(home)
            # the pool is biased by its few voxels alike on both sides, so only its change is taken
            moved = [toeplitz(V[0] + a - b) for V, a, b in zip(own, here, there, strict=True)]
            # the change may alter the trace, and SPM's V has a mean variance of 1
            covariances = normalised(moved)
            return covariances, whitening(covariances)
        except ValueError as error:
            # a pool without voxels that pass F, or a fit that does not converge, must not end the analysis
            self._stood_in[key] = f"{FALLBACK}: {error}"
            return own, whitening(own)

    def _in_pool(self, key: CovarianceKey) -> tuple[Floats, ...]:
        if key not in self._sampled:
            rules, projected, smoother = key
            kind = self.models.serial_correlation
            assert kind != "none"
            # nilearn's cosines have other lengths; a projection needs orthonormal ones
            cosines = [_orthonormal(run.drifts[projected]) for run in self.models.runs]
            runs = [
                RunColumns(run.columns(rules).matrix, X0, run.repetition_time)
                for run, X0 in zip(self.models.runs, cosines, strict=True)
            ]
            factors = self.pool.factors[smoother][True]
            # SPM's scaling whatever is asked for: Cy weights every voxel by its variance anyway
            data = [self.pool.values(smoother, True, i) for i in range(len(runs))]
            self._sampled[key] = _first_rows(error_covariances(runs, data, kind, factors))
        return self._sampled[key]


def shared_rules(runs: Sequence[Mapping[Rules, Columns]]) -> dict[Rules, Rules]:
    """Rules in place of others whose regressors, whatever their scale, are nearly the same.

    >>> one, other = (Columns(("x",), np.array([[h], [0.0]])) for h in (1.0, 2.0))
    >>> sorted({r.events for r in shared_rules([{HOME: one, Rules(True, False, True): other}]).values()})
    [True]
    """
    distinct = [HOME]
    found = {HOME: HOME}
    for rules in runs[0]:
        # rules that make the same design in every run need one fit
        near = [s for s in distinct if all(nearly_same(run[rules], run[s]) for run in runs)]
        if not near:
            distinct.append(rules)
        found[rules] = near[0] if near else rules
    return found


def nearly_same(first: Columns, second: Columns) -> bool:
    """Whether regressors are so near that V hardly tells them apart.

    >>> one, other = (Columns(("x",), np.array([[h], [0.0]])) for h in (1.0, 2.0))
    >>> nearly_same(one, other)
    True
    """
    if first.names != second.names:
        return False
    # heights do not matter to V, as residuals do not depend on them
    a, b = (c.matrix / np.maximum(np.linalg.norm(c.matrix, axis=0), TINY) for c in (first, second))
    return bool(np.linalg.norm(a - b, axis=0).max(initial=0.0) < NEARLY_SAME)


def _first_rows(covariances: Sequence[Floats]) -> tuple[Floats, ...]:
    return tuple(V[0].copy() for V in covariances)


def _orthonormal(columns: Floats) -> Floats:
    return np.asarray(np.linalg.qr(columns)[0])


def same_span(first: Floats, second: Floats) -> bool:
    """Whether two sets of columns span the same space.

    >>> same_span(np.array([[1.0], [1.0]]), np.array([[-3.0], [-3.0]]))
    True
    """
    if first.shape != second.shape:
        return False
    a, b = _orthonormal(first), _orthonormal(second)
    # of two bases with as many columns, one lies in the other's space only if both are one space
    return bool(np.abs(a - b @ (b.T @ a)).max(initial=0.0) < SAME_DRIFTS)
