"""Two packages' models of two short runs, and what a mixture of them gives, reckoned out step by step."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bidsglm.attribution.covariances import PooledNoise
from bidsglm.attribution.crossing import Columns
from bidsglm.attribution.runs import Plan
from bidsglm.attribution.sides import (
    CommonRun,
    DriftColumns,
    LocalLine,
    Mixture,
    PairModels,
    ProjectedOff,
    Side,
    SideRun,
)
from bidsglm.attribution.voxelnoise import IndependentErrors
from bidsglm.data import Condition
from bidsglm.fsl.highpass import line_filter
from bidsglm.model import ContrastSpecification, Floats

LENGTHS = (30, 26)
N_VOXELS, N_AROUND = 5, 7
TR = 2.0
GO_STOP = np.array([[1.0, -1.0]])
EYE = np.eye(2)
EVENTS = tuple(Condition(name, np.arange(3.0), np.ones(3)) for name in ("go", "stop"))


def contrast(name: str, weights: Floats, test: str = "t") -> Plan:
    specification = ContrastSpecification(name, name, ("go", "stop"), weights, test)  # type: ignore[arg-type]
    return Plan(specification, tuple(range(len(LENGTHS))), weights)


PLANS = (contrast("difference", GO_STOP), contrast("any", EYE, "F"))


def _run(run: int, seed: int) -> SideRun:
    """What a package has of a run but for its filter."""
    n, shared, rng = LENGTHS[run], np.random.default_rng(run), np.random.default_rng(10 * seed + run)
    regressors = np.cumsum(shared.standard_normal((n, 2)), axis=0) + 0.2 * rng.standard_normal((n, 2))
    series = 100 + 10 * run + shared.standard_normal((n, N_AROUND)).cumsum(axis=0)
    series = (
        series + 0.3 * rng.standard_normal(series.shape) + regressors @ shared.uniform(0, 2, (2, N_AROUND))
    )
    factors = rng.uniform(0.5, 2, N_AROUND)
    columns = Columns(("go", "stop"), regressors)
    none = DriftColumns(np.zeros((n, 0)))
    return SideRun(series, factors, None, series * factors, columns, none)


def polynomials(n: int) -> Floats:
    scans = np.linspace(-1, 1, n)
    return np.column_stack([scans, scans**2 - 0.3])


def cosines(n: int) -> Floats:
    return np.linalg.qr(np.cos(np.pi * np.outer(np.arange(n) + 0.5, (1, 2, 3)) / n))[0]


def nilearn() -> Side:
    runs = [replace(_run(r, 1), filter=DriftColumns(polynomials(n))) for r, n in enumerate(LENGTHS)]
    return Side("nilearn", tuple(runs), None, IndependentErrors("nilearn"), "averaged")


def spm() -> Side:
    """Cosines projected off, one residual variance."""
    runs = [replace(_run(r, 2), filter=ProjectedOff(cosines(n))) for r, n in enumerate(LENGTHS)]
    return Side("spm", tuple(runs), None, PooledNoise("none"), "pooled")


def spm_by_scans() -> Side:
    """Every scan scaled by itself."""

    def by_scans(Y: Floats) -> Floats:
        return Y * np.linspace(1, 1.5, len(Y))[:, np.newaxis]

    runs = [replace(run, scaled=by_scans, stored=by_scans(run.series) * run.factors) for run in spm().runs]
    return replace(spm(), runs=tuple(runs))


def afni() -> Side:
    """One regression, censored scans, factors by voxel, confounds and a contrast of its own."""

    def by_mean(Y: Floats) -> Floats:
        return np.asarray(100 / Y.mean(axis=0))

    runs = []
    for r, n in enumerate(LENGTHS):
        run, rng = _run(r, 3), np.random.default_rng(30 + r)
        factors = by_mean(run.series)
        runs.append(
            replace(
                run,
                factors=factors,
                factors_of=by_mean,
                stored=run.series * factors,
                censored=(3, 11 + r),
                filter=DriftColumns(polynomials(n)[:, :1]),
                confounds=Columns(("rot",), rng.standard_normal((n, 1))),
            )
        )
    plans = (contrast("difference", np.array([[1.0, -2.0]])), PLANS[1])
    return Side("afni", tuple(runs), None, IndependentErrors("afni"), "joint", plans=plans)


def afni_one_set() -> Side:
    """Confounds are one set of columns; effects are summed over runs."""
    return replace(afni(), one_set=True, run_factors=(2.0, 1.0))


def fsl() -> Side:
    """A local line, a temporal derivative, runs weighted by precision."""
    runs = []
    for r, n in enumerate(LENGTHS):
        run = replace(_run(r, 4), filter=LocalLine(line_filter(n, TR, 20.0)))
        runs.append(replace(run, factors=run.factors[:1], stored=run.series * run.factors[0]))
    return Side("fsl", tuple(runs), None, IndependentErrors("fsl"), "weighted", derivative=True)


SIDES = {f.__name__: f for f in (spm, spm_by_scans, afni, afni_one_set, fsl)}


def models(other: Side, one: Side | None = None) -> PairModels:
    common = []
    for r, n in enumerate(LENGTHS):
        confounds = np.random.default_rng(50 + r).standard_normal((n, 1))
        common.append(CommonRun(EVENTS, ("rot",), confounds - confounds.mean(axis=0), TR))
    return PairModels((one or nilearn(), other), tuple(common), PLANS, N_VOXELS)


class Reckoned(NamedTuple):
    """A contrast's maps in a mixture."""

    effect: Floats
    t: Floats
    dof: float


class _OneFit(NamedTuple):
    effects: Floats
    squares: Floats
    variance: float
    """of the effect for unit variance"""
    divisor: float
    dof: float


def by_hand(pair: PairModels, mixture: Mixture) -> Reckoned:
    """The t contrast of a mixture, by pseudo-inverses of whole designs."""
    sides, how = pair.sides, pair.sides[mixture.runs].combination
    runs = [_columns(pair, mixture, run) for run in range(len(LENGTHS))]
    weights = {
        name: w
        for plan in [pair.plans_of(mixture.contrast)[0]]
        for name, w in zip(plan.specification.conditions, plan.weights[0], strict=True)
    }
    owner = _owner(sides[mixture.noise])
    if how == "joint":
        names, X, Y, n_projected = _together(runs, sides[mixture.runs].one_set)
        fits = [_fit(names, X, Y, weights, (owner, 2, n_projected))]
    else:
        fits = [_fit(names, X, Y, weights, (owner, 1, n_projected)) for names, X, Y, n_projected in runs]
    factor = (sides[mixture.runs].run_factors or (1.0,))[0]
    if how == "pooled":
        mean_square = sum(f.squares for f in fits) / sum(f.divisor for f in fits)
        variances = [mean_square * f.variance for f in fits]
    else:
        variances = [f.squares / f.divisor * f.variance for f in fits]
    dof = sum(f.dof for f in fits) - (how == "weighted")
    if how == "weighted":
        precision = sum(1 / v for v in variances)
        effect = sum(f.effects / v for f, v in zip(fits, variances, strict=True)) / precision
        return Reckoned(factor * effect, effect * np.sqrt(precision), dof)
    effect = np.mean([f.effects for f in fits], axis=0)
    return Reckoned(factor * effect, effect / np.sqrt(sum(variances)) * len(fits), dof)


def _owner(side: Side) -> str:
    """Whose noise model it is: that says how degrees of freedom are counted."""
    return side.noise.owner if isinstance(side.noise, IndependentErrors) else side.package


def _columns(pair: PairModels, mixture: Mixture, run: int) -> tuple[list[str], Floats, Floats, int]:
    """Names, columns (those that are projected off last) and scaled data of a run."""
    part = [pair.sides[side].runs[run] for side in mixture]
    at = dict(zip(Mixture._fields, part, strict=True))
    n, rule = LENGTHS[run], at["filter"].filter
    scaling, series = at["scaling"], at["smoother"].series
    factors = scaling.factors if scaling.factors_of is None else scaling.factors_of(series)
    Y = (series if scaling.scaled is None else scaling.scaled(series)) * factors
    own = at["confounds"].confounds
    C = pair.runs[run].confounds if own is None else own.matrix
    X, spikes = at["response"].regressors.matrix, np.eye(n)[:, list(at["censoring"].censored)]
    drifts = rule.columns if isinstance(rule, DriftColumns) else np.zeros((n, 0))
    X0 = rule.cosines if isinstance(rule, ProjectedOff) else np.zeros((n, 0))
    if isinstance(rule, LocalLine):
        left = np.eye(n) - rule.line
        X, spikes, C, Y = (left @ each - (left @ each).mean(axis=0) for each in (X, spikes, C, Y))
    names = ["go", "stop"]
    if pair.sides[mixture.response].derivative:
        blocks = []
        for x in (X - X.mean(axis=0)).T:
            slope = np.gradient(x) - np.gradient(x).mean()
            slope = slope - x * (x @ slope) / (x @ x)
            blocks += [x, slope - slope.mean()]
        X, names = np.column_stack(blocks), ["go", "go'", "stop", "stop'"]
    names += ["rot", *[""] * (drifts.shape[1] + spikes.shape[1])]
    whole = np.hstack([X, C, drifts, spikes])
    if _owner(pair.sides[mixture.noise]) == "fsl":
        whole = whole - whole.mean(axis=0)
    else:
        whole, names = np.hstack([whole, np.ones((n, 1))]), [*names, ""]
    names += ["projected"] * X0.shape[1]
    Y = Y[:, :N_VOXELS]
    return names, np.hstack([whole, X0]), Y - Y.mean(axis=0), X0.shape[1]


def _together(runs: list, one_set: bool) -> tuple[list[str], Floats, Floats, int]:
    """All runs as one: conditions share columns, and confounds where they are one set."""
    shared = [name for name in runs[0][0] if name not in ("", "projected") and (one_set or name != "rot")]
    total = sum(len(Y) for _, _, Y, _ in runs)
    names, columns, start = list(shared), [np.zeros(total) for _ in shared], 0
    for own, X, Y, _ in runs:
        for name, x in zip(own, X.T, strict=True):
            if name in shared:
                columns[shared.index(name)][start : start + len(Y)] = x
            else:
                alone = np.zeros(total)
                alone[start : start + len(Y)] = x
                names, columns = [*names, name], [*columns, alone]
        start += len(Y)
    return names, np.column_stack(columns), np.vstack([run[2] for run in runs]), sum(run[3] for run in runs)


def _fit(
    names: list[str], X: Floats, Y: Floats, weights: dict[str, float], counting: tuple[str, int, int]
) -> _OneFit:
    owner, n_runs, _ = counting
    row = np.array([weights.get(name, 0.0) for name in names])
    inverse = np.linalg.pinv(X.T @ X, rcond=1e-11, hermitian=True)
    beta = inverse @ X.T @ Y
    n, rank = len(X), np.linalg.matrix_rank(X)
    divisor = n - X.shape[1] if owner == "nilearn" else n - rank
    dof = n - X.shape[1] - n_runs if owner == "fsl" else n - rank
    return _OneFit(row @ beta, ((Y - X @ beta) ** 2).sum(axis=0), row @ inverse @ row, divisor, dof)
