"""The first-level model as nilearn fits it: its design matrix, ``run_glm`` and contrasts, on arrays.

The numbers are those of ``FirstLevelModel`` on the same files: one model for each run, noise of every voxel
by itself, runs combined by fixed effects. Voxels go through ``run_glm`` in chunks, which bounds the memory.
nilearn takes two seconds to import, which happens where it is used: the other backend alone need not wait.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.freedom import check_freedom, freedom
from bidsglm.backends.nilearn_corrected import corrected
from bidsglm.backends.nilearn_design import (
    design_arguments,
    hrf_name,
    internal_name,
    regressor_names,
    weight_names,
)
from bidsglm.backends.nilearn_inference import CLUSTERS, infer, second_level
from bidsglm.backends.nilearn_signals import lag_one_autocorrelation, masked_signals, mean_signal
from bidsglm.backends.nilearn_words import effect_unit, methods_text, settings_in_words, software
from bidsglm.backends.records import Inference
from bidsglm.errors import DataError
from bidsglm.model import (
    ContrastMaps,
    ContrastSpecification,
    DesignMatrix,
    Floats,
    Mask,
    ModelSpecification,
    Paradigm,
    TimeSeries,
    Volume,
    measured,
)
from bidsglm.spm.contrasts import placed
from bidsglm.spm.space import decomposition, estimable, independent_rows

__all__ = [
    "CLUSTERS",
    "NAME",
    "NilearnEstimate",
    "check",
    "check_designs",
    "contrast",
    "corrected",
    "design",
    "designs",
    "effect_unit",
    "estimate",
    "inference",
    "mask_from",
    "methods_text",
    "one_percent",
    "second_level",
    "settings_in_words",
    "software",
    "usable_runs",
    "with_noise_model",
]

NAME = "nilearn"

ROUNDING = 1e-18
"""Share of a series' squares that rounding leaves as a residual where the design explains all of it."""
CHUNK = 5_000
"""Voxels of one call of run_glm: with 300 scans it needs about 100 MB."""
SEED = 0
"""Seed of the clustering of AR coefficients that nilearn does for orders above 1."""
NOISE_MODELS = re.compile(r"ols|ar[1-9][0-9]*")
SIGNAL_SCALINGS = (False, 0, (0, 1))


class RunFit(NamedTuple):
    """What contrasts need of one run, for the voxels of the mask; its betas stand in the estimate."""

    labels: NDArray[np.intp]
    """(n_masked,) which of the noise models below"""
    coefficients: tuple[Floats, ...]
    """Autoregressive, for each noise model (order,), empty for ols."""
    covariances: Floats
    """(n_noise_models, n_regressors, n_regressors) of the parameters for unit dispersion"""
    dispersion: Floats
    """(n_masked,)"""
    dof: float


@dataclass(frozen=True)
class NilearnEstimate:
    """Fits of all runs."""

    mask: Mask
    """(n_voxels,)"""
    betas: tuple[Floats, ...]
    """For each run (n_regressors, n_voxels), NaN outside the mask."""
    residual_mean_square: Floats
    """(n_voxels,) nilearn's dispersions averaged over runs by degrees of freedom, NaN outside the mask"""
    dof: float
    """Residual degrees of freedom of all runs."""
    noise: Mapping[str, object]
    """Facts for the report."""
    designs: tuple[DesignMatrix, ...]
    fits: tuple[RunFit, ...]
    noise_maps: Mapping[str, Floats] = field(default_factory=dict)
    """None: the coefficients stand among the facts"""


def check(model: ModelSpecification) -> None:
    """Refuse a model that nilearn cannot express.

    Raises
    ------
    DataError
        If it has no such response functions, noise model or signal scaling.

    Examples
    --------
    >>> check(ModelSpecification("well", ("trial_type.go",)))
    """
    hrf_name(model.nilearn.hrf or model.hrf)
    settings = model.nilearn
    if not NOISE_MODELS.fullmatch(settings.noise_model):
        raise DataError(f"nilearn has no noise model {settings.noise_model!r}; use ols, ar1 or arN")
    if settings.signal_scaling not in SIGNAL_SCALINGS:
        raise DataError(
            f"nilearn cannot fit with signal scaling {settings.signal_scaling!r}; use 0, [0, 1] or false"
        )


def with_noise_model(model: ModelSpecification, noise_model: str) -> ModelSpecification:
    """Return the model with another noise model for nilearn.

    Parameters
    ----------
    model : whose settings for the other packages stay
    noise_model : ols, ar1, ar2 ...

    Examples
    --------
    >>> with_noise_model(ModelSpecification("m", ()), "ols").nilearn.noise_model
    'ols'
    """
    return replace(model, nilearn=replace(model.nilearn, noise_model=noise_model))


def design(paradigm: Paradigm, model: ModelSpecification) -> DesignMatrix:
    """Design matrix of one run, as FirstLevelModel makes it, with the cosines among its columns.

    Raises
    ------
    DataError
        If nilearn has no such response functions, or FIR bins are not as long as the TR.
    """
    from nilearn.glm.first_level import make_first_level_design_matrix

    arguments = design_arguments(paradigm, model)
    # It announces on the standard output that it uses a modulation, which is always so here.
    with _own_names_in_warnings(paradigm), contextlib.redirect_stdout(io.StringIO()):
        matrix = make_first_level_design_matrix(**arguments).to_numpy(dtype=np.float64)
    n_columns = matrix.shape[1] - (not model.intercept)
    names = regressor_names(paradigm, model, matrix.shape[1])
    return DesignMatrix(names[:n_columns], matrix[:, :n_columns], np.empty((paradigm.n_scans, 0)))


def designs(paradigms: Sequence[Paradigm], model: ModelSpecification) -> tuple[DesignMatrix, ...]:
    """Make the design matrix of every run; errors as `design`."""
    return tuple(design(paradigm, model) for paradigm in paradigms)


@contextlib.contextmanager
def _own_names_in_warnings(paradigm: Paradigm) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        text = str(warning.message)
        for i, name in enumerate(weight_names(paradigm.conditions)):
            text = text.replace(internal_name(i), name)
        warnings.warn(text, warning.category, stacklevel=4)


def check_designs(designs: Sequence[DesignMatrix], model: ModelSpecification) -> None:
    """Refuse designs that leave no residual degrees of freedom, by rank or by number of columns.

    Raises
    ------
    DataError
        Naming the run.
    """
    check_freedom([freedom(design) for design in designs], divides_by_columns="nilearn")


def mask_from(
    series: Sequence[TimeSeries],
    candidates: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
) -> Mask:
    """Voxels that nilearn fits: all of its mask, whatever they hold.

    Parameters
    ----------
    series, model, volume : do not matter to nilearn
    candidates : (n_voxels,) columns within its mask

    Examples
    --------
    >>> mask_from([], np.array([True, False]), ModelSpecification("m", ()))
    array([ True, False])
    """
    return candidates


def estimate(
    designs: Sequence[DesignMatrix],
    series: Sequence[TimeSeries],
    mask: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
    contrasts: Sequence[ContrastSpecification] = (),
) -> NilearnEstimate:
    """Fit every run.

    Parameters
    ----------
    designs, series : of each run
    mask : (n_voxels,)
    model : with nilearn's noise model and signal scaling
    volume, contrasts : do not matter to nilearn

    Raises
    ------
    DataError
        A design leaves no residual degrees of freedom.
    """
    check_designs(designs, model)
    with_data = mask & measured(series)
    if not with_data.any():
        raise DataError("no voxel of the mask varies over the scans of every run; look at the images")
    voxels = _Voxels(mask, with_data)
    runs = [_fit_run(d.matrix, s, voxels, model) for d, s in zip(designs, series, strict=True)]
    kept = np.logical_and.reduce([run.settled for run in runs])
    if not kept.any():
        raise DataError(
            "the design explains every voxel up to rounding: no noise is left; look at the images"
        )
    for run in runs:
        run.betas[:, ~kept] = np.nan
    fits = tuple(run.within(kept) for run in runs)
    dof = float(sum(fit.dof for fit in fits))
    mean_square = np.full(mask.size, np.nan)
    mean_square[kept] = sum(fit.dispersion * (fit.dof / dof) for fit in fits)
    facts = _noise_facts(designs, fits, model)
    facts["n_voxels_without_residual"] = int(np.count_nonzero(with_data & ~kept))
    return NilearnEstimate(
        kept, tuple(run.betas for run in runs), mean_square, dof, facts, tuple(designs), fits
    )


class _Voxels(NamedTuple):
    """Which columns nilearn would take, and which of them have data."""

    mask: Mask
    with_data: Mask


class _Fitted(NamedTuple):
    """A run over all columns."""

    betas: Floats
    labels: NDArray[np.intp]
    dispersion: Floats
    settled: Mask
    """Columns whose residual is more than rounding"""
    covariances: Floats
    coefficients: tuple[Floats, ...]
    dof: float

    def within(self, mask: Mask) -> RunFit:
        """What contrasts need, for some columns."""
        return RunFit(self.labels[mask], self.coefficients, self.covariances, self.dispersion[mask], self.dof)


def _fit_run(X: Floats, series: TimeSeries, voxels: _Voxels, model: ModelSpecification) -> _Fitted:
    n_voxels = voxels.mask.size
    betas = np.full((X.shape[1], n_voxels), np.nan)
    labels, dispersion = np.zeros(n_voxels, dtype=np.intp), np.zeros(n_voxels)
    settled = np.zeros(n_voxels, dtype=np.bool_)
    known: dict[str, int] = {}
    covariances: list[Floats] = []
    dof = 0.0
    for columns in _chunks(series, X, voxels, model):
        values = _scaled(series, columns, model, voxels.mask).astype(np.float64, copy=False)
        names, results = _run_glm(values, X, voxels.with_data[columns], model)
        for name, result in results.items():
            members = columns[names == name]
            if str(name) not in known:
                known[str(name)] = len(known)
                covariances.append(result.cov)
            labels[members] = known[str(name)]
            betas[:, members] = result.theta
            dispersion[members] = result.dispersion
            dof = float(result.df_residuals)
        squares = np.einsum("ij,ij->j", values, values)
        settled[columns] = np.isfinite(squares) & (dispersion[columns] * len(X) > ROUNDING * squares)
    coefficients = tuple(_autocorrelation(name, model.nilearn.noise_model) for name in known)
    settled &= voxels.with_data
    return _Fitted(betas, labels, dispersion, settled, np.stack(covariances), coefficients, dof)


def _run_glm(
    values: Floats, X: Floats, with_data: Mask, model: ModelSpecification
) -> tuple[NDArray[Any], Mapping[Any, Any]]:
    """Fit some columns by nilearn.

    Voxels without data are among them only where nilearn clusters coefficients: they then move the clusters,
    as long as they have coefficients at all.
    """
    from nilearn.glm.first_level import run_glm

    noise = model.nilearn.noise_model
    try:
        labels, results = run_glm(values, X, noise, random_state=SEED)
        return np.asarray(labels), results
    except ValueError:
        if with_data.all():
            raise
    inner, results = run_glm(values[:, with_data], X, noise, random_state=SEED)
    labels = np.full(with_data.size, "", dtype=object)
    labels[with_data] = inner
    return labels, results


def _chunks(
    series: TimeSeries, X: Floats, voxels: _Voxels, model: ModelSpecification
) -> list[NDArray[np.intp]]:
    """Columns with data in chunks for run_glm, which makes a model for each coefficient in a chunk."""
    if model.nilearn.noise_model not in ("ols", "ar1"):
        # Above order 1 nilearn clusters the coefficients of all voxels that it is given.
        return [np.flatnonzero(voxels.mask)]
    columns = np.flatnonzero(voxels.with_data)
    if model.nilearn.noise_model == "ar1":
        columns = columns[np.argsort(lag_one_autocorrelation(series, X, columns), kind="stable")]
    # In ascending order the columns of a chunk are gathered in half the time.
    return [np.sort(columns[start : start + CHUNK]) for start in range(0, columns.size, CHUNK)]


def _autocorrelation(name: str, noise_model: str) -> Floats:
    """Coefficients of a noise model from nilearn's name of it.

    >>> _autocorrelation("0.31", "ar1"), _autocorrelation("0.3_-0.1", "ar2"), _autocorrelation("0.0", "ols")
    (array([0.31]), array([ 0.3, -0.1]), array([], dtype=float64))
    """
    return np.array([] if noise_model == "ols" else [float(part) for part in name.split("_")])


def _scaled(
    series: TimeSeries, columns: NDArray[np.intp], model: ModelSpecification, mask: Mask
) -> NDArray[np.floating]:
    """Signals of some columns as FirstLevelModel hands them to run_glm."""
    from nilearn.glm.first_level import mean_scaling

    values = masked_signals(series, columns)
    scaling = model.nilearn.signal_scaling
    if scaling is False:
        return values
    if scaling == 0:
        with warnings.catch_warnings():
            # The diagnosis says it, with numbers.
            warnings.filterwarnings("ignore", "Mean values of 0 observed")
            return np.asarray(mean_scaling(values)[0])
    grand_mean = max(mean_signal(series, mask), 1)
    return np.asarray(100 * (values / grand_mean - 1))


def _noise_facts(
    designs: Sequence[DesignMatrix], fits: Sequence[RunFit], model: ModelSpecification
) -> dict[str, object]:
    drifts = [sum(name.startswith("drift_") for name in d.names) for d in designs]
    facts: dict[str, object] = {"model": model.nilearn.noise_model, "n_drift_columns": drifts}
    if model.nilearn.noise_model != "ols":
        quartiles = [
            np.quantile(np.stack(fit.coefficients)[fit.labels], [0.25, 0.5, 0.75], axis=0) for fit in fits
        ]
        facts["autocorrelation_quartiles"] = [np.squeeze(q).tolist() for q in quartiles]
        facts["autoregression"] = [_coefficient_counts(fit) for fit in fits]
    return facts


def _coefficient_counts(fit: RunFit) -> dict[str, object]:
    """How many voxels have which coefficients."""
    counts = np.bincount(fit.labels, minlength=len(fit.coefficients))
    used = np.flatnonzero(counts)
    return {
        "coefficients": [fit.coefficients[label].tolist() for label in used],
        "voxels": counts[used].tolist(),
    }


def usable_runs(estimate: NilearnEstimate, contrast: ContrastSpecification) -> tuple[int, ...]:
    """Find the runs that have all columns of a contrast and can estimate it, by SPM's test.

    Parameters
    ----------
    estimate : of all runs
    contrast : over regressor names
    """
    whole = decomposition([run.matrix for run in estimate.designs])
    usable = []
    for i, run in enumerate(estimate.designs):
        if set(contrast.conditions) <= set(run.names):
            rows = [np.zeros((len(d.names), len(contrast.weights))) for d in estimate.designs]
            rows[i] = placed(contrast.weights, contrast.conditions, run.names).T
            if estimable(rows, whole):
                usable.append(i)
    return tuple(usable)


def contrast(
    estimate: NilearnEstimate, contrast: ContrastSpecification, runs: tuple[int, ...]
) -> ContrastMaps:
    """Compute the maps of a contrast, fixed effects over some runs: effects averaged, as nilearn does.

    Parameters
    ----------
    estimate : of all runs
    contrast : over regressor names; redundant rows of an F contrast are left out, nilearn inverts their
        covariance
    runs : those to average, at least one
    """
    from nilearn.glm.contrasts import compute_fixed_effect_contrast

    weights = [placed(contrast.weights, contrast.conditions, estimate.designs[i].names) for i in runs]
    if contrast.test == "F":
        rows = independent_rows(np.hstack(weights))
        weights = [w[rows] for w in weights]
    inputs = [_contrast_inputs(estimate, i, w) for i, w in zip(runs, weights, strict=True)]
    labels, results, values = zip(*inputs, strict=True)
    with warnings.catch_warnings():
        # It says so of every F contrast over runs; the report's methods do, once.
        warnings.filterwarnings("ignore", "Running approximate fixed effects on F statistics")
        result: Any = compute_fixed_effect_contrast(labels, results, values, contrast.test)
    is_t = contrast.test == "t"
    n_rows = () if is_t else (float(len(weights[0])),)
    return ContrastMaps(
        contrast,
        runs,
        effect=_spread(result.effect.ravel(), estimate.mask, np.nan) if is_t else None,
        variance=_spread(result.variance, estimate.mask, np.nan) if is_t else None,
        stat=_spread(result.stat(), estimate.mask, 0.0),
        z=_spread(result.z_score(), estimate.mask, 0.0),
        p=_spread(result.p_value(), estimate.mask, 1.0),
        dof=(*n_rows, float(result.dof)),
    )


def _contrast_inputs(
    estimate: NilearnEstimate, run: int, weights: Floats
) -> tuple[NDArray[np.intp], dict[int, Any], Floats]:
    """Labels, results and weights as nilearn's contrasts want them, cut to the columns that count."""
    from nilearn.glm.model import LikelihoodModelResults

    fit, columns = estimate.fits[run], np.flatnonzero(weights.any(axis=0))
    betas = estimate.betas[run][np.ix_(columns, np.flatnonzero(estimate.mask))]
    n_scans = len(estimate.designs[run].matrix)
    results = {}
    for label, covariance in enumerate(fit.covariances):
        members = np.flatnonzero(fit.labels == label)
        results[label] = LikelihoodModelResults(
            betas[:, members],
            np.empty((n_scans, 0)),
            SimpleNamespace(df_model=n_scans - fit.dof),
            cov=covariance[np.ix_(columns, columns)],
            dispersion=fit.dispersion[members],
        )
    return fit.labels, results, weights[:, columns]


def _spread(values: Floats, mask: Mask, outside: float) -> Floats:
    spread = np.full(mask.size, outside)
    spread[mask] = values
    return spread


def inference(
    estimate: NilearnEstimate,
    series: Sequence[TimeSeries],
    maps: Sequence[ContrastMaps],
    volume: Volume,
    model: ModelSpecification,
) -> Inference:
    """Return thresholds and cluster tables of the contrasts.

    Parameters
    ----------
    estimate : whose mask is searched
    series : does not matter to nilearn, which estimates no smoothness
    model : whether thresholds are two-sided
    maps : of its contrasts
    volume : the grid of the columns
    """
    return infer(maps, estimate.mask, volume, model.two_sided)


def one_percent(
    series: Sequence[TimeSeries], means: Sequence[Floats], model: ModelSpecification
) -> list[Floats]:
    """Give 1 % of a voxel's mean in the unit of effects, (n_voxels,) of every run.

    Parameters
    ----------
    series : does not matter to nilearn
    means : (n_voxels,) of all runs
    model : with nilearn's scaling

    Examples
    --------
    >>> one_percent([], [np.array([200.0])], ModelSpecification("m", ()))
    [array([1.])]
    """
    scaling = model.nilearn.signal_scaling
    if scaling is False:
        return [mean / 100 for mean in means]
    if scaling == 0:
        return [mean / np.maximum(mean, 1) for mean in means]
    return [mean / max(float(mean.mean()), 1.0) for mean in means]
