"""How far every stage is from SPM12, each on SPM's own upstream values.

``QUANTITIES`` is what the tests assert and what ``benchmarks/validation.py`` prints.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag, toeplitz

from bidsglm.backends import spm12
from bidsglm.design_space import estimable
from bidsglm.model import Floats
from bidsglm.spm import (
    contrasts,
    covariance,
    estimation,
    highpass,
    hrf,
    regressors,
    reml,
    scaling,
    smoothness,
)
from bidsglm.spm.whitening import banded, normalised, whitening
from tests.spm12_reference import Case

EXACT = 0.0
"""Masks and counts are the same or they are wrong."""
DESIGN = 1e-12
"""Gamma densities and pseudo-inverses of two libraries differ by some 1e-13."""
FLOAT64 = 1e-9
"""Rounding of float64 through a decomposition of the design, with two digits to spare."""
HYPERPARAMETER = 1e-6
"""Iterations that stop early pass rounding differences on."""
QUANTILE = 1e-7
"""SPM stops its search for the F quantile that far off; scipy's has the asked p value to 1e-14."""
IMAGE = 5e-7
"""Of the image's range: SPM writes float32, whose rounding is 6e-8 of the largest value."""


class Quantity(NamedTuple):
    """One thing that is compared."""

    difference: Callable[[Case], float]
    tolerance: float
    measure: str


class Contrast(NamedTuple):
    """One contrast that SPM computed."""

    number: int
    weights: tuple[Floats, ...]
    is_t: bool


def relative(ours: Floats, theirs: Floats) -> float:
    """Largest difference over the largest value of SPM's."""
    if np.shape(ours) != np.shape(theirs):
        return float("inf")
    scale = float(np.max(np.abs(theirs), initial=0.0))
    return float(np.max(np.abs(ours - theirs), initial=0.0)) / (scale or 1.0)


def of_range(ours: Floats, theirs: Floats) -> float:
    """Largest difference over the range of SPM's image; infinite if other voxels are NaN."""
    if np.any(np.isnan(ours) != np.isnan(theirs)):
        return float("inf")
    inside = np.isfinite(theirs)
    span = float(np.ptp(theirs[inside]))
    return float(np.max(np.abs(ours[inside] - theirs[inside]))) / (span or 1.0)


def blockwise(ours: Iterable[Floats], theirs: Iterable[Floats]) -> float:
    """Relative difference of the runs' diagonal blocks, on one scale."""
    return relative(block_diag(*ours), block_diag(*theirs))


# The design


def basis(case: Case) -> float:
    ours = hrf.basis_functions(case.model.hrf, float(case.spm["bf_dt"]))
    return relative(ours, case.spm["bf"].reshape(len(ours), -1))


def stimulus(case: Case) -> float:
    settings = case.model.spm
    differences = []
    for run, paradigm in enumerate(case.paradigms):
        timing = regressors.Microtime(
            paradigm.repetition_time,
            paradigm.n_scans,
            settings.microtime_resolution,
            settings.microtime_onset,
        )
        for k, condition in enumerate(paradigm.conditions):
            ours = regressors.stimulus_functions(condition, timing)
            differences.append(relative(ours, case.spm[f"stim_{run + 1}_{k + 1}"].reshape(len(ours), -1)))
    return max(differences)


def design(case: Case) -> float:
    ours = [spm12.design(paradigm, case.model).matrix for paradigm in case.paradigms]
    return max(map(relative, ours, case.designs))


def names(case: Case) -> float:
    """Number of columns that are called otherwise than by SPM, in our vocabulary."""
    wrong = 0
    for run, paradigm in enumerate(case.paradigms):
        ours = spm12.design(paradigm, case.model).names
        theirs = case.names(run)
        wrong += abs(len(ours) - len(theirs)) + sum(a != b for a, b in zip(ours, theirs, strict=False))
    return float(wrong)


def cosines(case: Case) -> float:
    ours = [highpass.dct_basis(p.n_scans, p.repetition_time, case.model.high_pass) for p in case.paradigms]
    return max(map(relative, ours, case.cosines))


# The data


def global_means(case: Case) -> float:
    return relative(np.concatenate([s.global_means for s in case.series]), case.spm["g"])


def scale_factors(case: Case) -> float:
    normalization = case.model.spm.global_normalization
    ours = [scaling.scale_factors(case.spm["g"][rows], normalization) for rows in case.rows]
    return relative(np.concatenate(ours), case.spm["gSF"])


def thresholds(case: Case) -> float:
    ours = scaling.thresholds(case.spm["g"], case.spm["gSF"], case.model.spm.mask_threshold)
    theirs = case.spm["TH"]
    return 0.0 if np.array_equal(ours, theirs) else relative(ours, theirs)


def mask(case: Case) -> float:
    ours = spm12.mask_from(case.series_on_spm_globals, case.candidates, case.model)
    return float(np.count_nonzero(ours != case.mask))


# Serial correlation


@lru_cache(maxsize=2)
def _pooled(case: Case) -> tuple[covariance.Criterion, covariance.Pooled]:
    unwhitened = estimation.joint_model(case.designs, case.cosines, [None] * case.n_runs)
    test = covariance.criterion(unwhitened)
    return test, covariance.pooled_covariance(test, [case.scaled_data()])


def f_threshold(case: Case) -> float:
    return relative(_pooled(case)[0].threshold, case.spm["reml_UF"])


def n_pooled(case: Case) -> float:
    return float(abs(np.count_nonzero(_pooled(case)[1].selected) - case.spm["reml_nvox"]))


def pooled_voxels(case: Case) -> float:
    theirs = case.image("reml_voxels")[case.mask] > 0
    return float(np.count_nonzero(_pooled(case)[1].selected != theirs))


def pooled_covariance(case: Case) -> float:
    return blockwise(_pooled(case)[1].covariances, case.blocks("Cy"))


def components(case: Case) -> float:
    ours = [row for rows in _components(case) for row in rows]
    return (
        max(map(relative, ours, case.component_rows))
        if len(ours) == len(case.component_rows)
        else float("inf")
    )


def _components(case: Case) -> list[Floats]:
    kind = case.model.spm.serial_correlation
    return [covariance.components(kind, p.n_scans, p.repetition_time) for p in case.paradigms]


def hyperparameters(case: Case) -> float:
    parts = zip(case.blocks("Cy"), case.designs, case.cosines, _components(case), strict=True)
    ours = [reml.reml(Cy, np.hstack([X, X0]), rows).hyperparameters for Cy, X, X0, rows in parts]
    return relative(np.concatenate(ours), case.spm["h"])


def error_covariance(case: Case) -> float:
    h = np.split(case.spm["h"], case.n_runs)
    ours = normalised([toeplitz(a @ rows) for a, rows in zip(h, _components(case), strict=True)])
    return blockwise(ours, case.blocks("V"))


def whitening_matrix(case: Case) -> float:
    return blockwise([W.matrix for W in whitening(case.blocks("V"))], case.blocks("W"))


# Estimation


@lru_cache(maxsize=2)
def _fitted(case: Case) -> tuple[estimation.JointModel, estimation.Dispersion]:
    roots = [banded(W) for W in case.blocks("W")]
    model = estimation.joint_model(case.designs, case.cosines, roots)
    return model, estimation.dispersion(model, case.blocks("V"))


def whitened_design(case: Case) -> float:
    parts = zip(case.designs, case.cosines, case.blocks("W"), strict=True)
    ours = [estimation.filtered_design(X, X0, banded(W)) for X, X0, W in parts]
    theirs = [case.spm["KWX"][np.ix_(r, c)] for r, c in zip(case.rows, case.columns, strict=True)]
    return blockwise(ours, theirs)


def rank(case: Case) -> float:
    return float(abs(_fitted(case)[0].decomposition.rank - case.spm["rank"]))


def trace(case: Case) -> float:
    return relative(_fitted(case)[1].trace, case.spm["trRV"])


def squared_trace(case: Case) -> float:
    return relative(_fitted(case)[1].squared_trace, case.spm["trRVRV"])


def dof(case: Case) -> float:
    return relative(_fitted(case)[1].dof, case.spm["erdf"])


def parameter_covariance(case: Case) -> float:
    theirs = [case.spm["Bcov"][np.ix_(columns, columns)] for columns in case.columns]
    return blockwise(_fitted(case)[1].parameter_covariances, theirs)


@lru_cache(maxsize=2)
def _images(case: Case) -> tuple[list[Floats], Floats]:
    """Parameters and residual mean square from SPM's design, V and W."""
    model, spread = _fitted(case)
    betas, residual = [], 0.0
    for run, Y in zip(model.runs, case.scaled_data(), strict=True):
        mean = Y.mean(axis=0)
        projection = run.projection(Y - mean, mean)
        betas.append(run.parameters(projection).astype(np.float32))
        residual = residual + projection.residual
    return betas, residual / spread.trace


def betas(case: Case) -> float:
    return _worst_beta(case, _images(case)[0], [theirs[:, case.mask] for theirs in case.betas])


def _worst_beta(case: Case, ours: Iterable[Floats], theirs: Iterable[Floats]) -> float:
    """Largest difference; absolute for zero columns, whose betas are rounding errors around 0."""
    return max(
        float(np.nanmax(np.abs(a - b))) if not column.any() else of_range(a, b)
        for X, run_a, run_b in zip(case.designs, ours, theirs, strict=True)
        for column, a, b in zip(X.T, run_a, run_b, strict=True)
    )


def residual_mean_square(case: Case) -> float:
    return of_range(_images(case)[1], case.image("ResMS")[case.mask])


# Contrasts


def _contrasts(case: Case, *, is_t: bool) -> list[Contrast]:
    found = []
    for number in case.contrast_numbers:
        weights = tuple(case.spm[f"con_{number}_c"][columns] for columns in case.columns)
        contrast = Contrast(number, weights, f"con_{number}_Vc" in case.spm)
        if contrast.is_t == is_t:
            found.append(contrast)
    return found


def contrast_variance(case: Case) -> float:
    theirs = [case.spm["Bcov"][np.ix_(columns, columns)] for columns in case.columns]
    return max(
        relative(contrasts.effect_covariance(c.weights, theirs)[0, 0], case.spm[f"con_{c.number}_Vc"])
        for c in _contrasts(case, is_t=True)
    )


@lru_cache(maxsize=2)
def _t(case: Case) -> list[tuple[int, contrasts.TContrastMaps]]:
    return [
        (
            c.number,
            contrasts.t_maps(c.weights, case.betas, case.image("ResMS"), case.spm[f"con_{c.number}_Vc"]),
        )
        for c in _contrasts(case, is_t=True)
    ]


def effect_images(case: Case) -> float:
    return max(of_range(maps.effect, case.image(f"con_{n:04d}")) for n, maps in _t(case))


def t_images(case: Case) -> float:
    return max(of_range(_inside(maps.t, case), case.image(f"spmT_{n:04d}")) for n, maps in _t(case))


def _inside(values: Floats, case: Case) -> Floats:
    return np.where(case.mask, values, 0.0)


@lru_cache(maxsize=2)
def _f(case: Case) -> list[tuple[int, contrasts.FTest, contrasts.FContrastMaps]]:
    model, spread = _fitted(case)
    results = []
    for c in _contrasts(case, is_t=False):
        test = contrasts.f_test(c.weights, model.decomposition, spread.design_covariances)
        results.append((c.number, test, contrasts.f_maps(test, case.betas, case.image("ResMS"))))
    return results


def f_traces(case: Case) -> float:
    return max(
        max(
            relative(test.trace, case.spm[f"con_{n}_trMV"]),
            relative(test.squared_trace, case.spm[f"con_{n}_trMVMV"]),
        )
        for n, test, _ in _f(case)
    )


def f_dof(case: Case) -> float:
    return max(relative(test.dof, case.spm[f"con_{n}_eidf"]) for n, test, _ in _f(case))


def extra_images(case: Case) -> float:
    return max(of_range(maps.extra, case.image(f"ess_{n:04d}")) for n, _, maps in _f(case))


def f_images(case: Case) -> float:
    return max(of_range(_inside(maps.F, case), case.image(f"spmF_{n:04d}")) for n, _, maps in _f(case))


def estimability(case: Case) -> float:
    """Number of contrasts that SPM accepts and we do not, or the reverse."""
    model = _fitted(case)[0].decomposition
    accepted = [c.weights for is_t in (True, False) for c in _contrasts(case, is_t=is_t)]
    wrong = sum(not estimable(weights, model) for weights in accepted)
    return float(wrong + sum(estimable(weights, model) for weights in case.refused_weights))


# From events and data to the images, nothing of SPM's in between


@lru_cache(maxsize=2)
def _chain(case: Case) -> spm12.SpmEstimate:
    designs = [spm12.design(paradigm, case.model) for paradigm in case.paradigms]
    inside = spm12.mask_from(case.series, case.candidates, case.model)
    return spm12.estimate(designs, case.series, inside, case.model)


def chain_hyperparameters(case: Case) -> float:
    return relative(np.concatenate(_chain(case).noise["hyperparameters"]), case.spm["h"])


def chain_dof(case: Case) -> float:
    return relative(_chain(case).dof, case.spm["erdf"])


def chain_betas(case: Case) -> float:
    return _worst_beta(case, _chain(case).betas, case.betas)


def chain_residual_mean_square(case: Case) -> float:
    return of_range(_chain(case).residual_mean_square, case.image("ResMS"))


def chain_t(case: Case) -> float:
    fit = _chain(case)
    differences = []
    for c in _contrasts(case, is_t=True):
        variance = contrasts.effect_covariance(c.weights, fit.dispersion.parameter_covariances)[0, 0]
        maps = contrasts.t_maps(c.weights, fit.betas, fit.residual_mean_square, variance)
        differences.append(of_range(_inside(maps.t, case), case.image(f"spmT_{c.number:04d}")))
    return max(differences)


def chain_f(case: Case) -> float:
    fit = _chain(case)
    differences = []
    for c in _contrasts(case, is_t=False):
        test = contrasts.f_test(c.weights, fit.model.decomposition, fit.dispersion.design_covariances)
        maps = contrasts.f_maps(test, fit.betas, fit.residual_mean_square)
        differences.append(of_range(_inside(maps.F, case), case.image(f"spmF_{c.number:04d}")))
    return max(differences)


@lru_cache(maxsize=2)
def _smoothness(case: Case) -> smoothness.Smoothness:
    fit = _chain(case)
    n_scans = len(case.spm["g"])
    scans = smoothness.residual_scans(n_scans)
    residuals = spm12.standardised_residuals(fit, case.series, case.model, scans)
    return smoothness.smoothness(
        residuals, case.mask.reshape(case.spec["shape"]), n_scans, fit.model.decomposition.rank
    )


def resels_per_voxel(case: Case) -> float:
    ours, theirs = _smoothness(case).resels_per_voxel, case.image("RPV")[case.mask]
    if np.any(np.isnan(ours) != np.isnan(theirs)):
        return float("inf")
    inside = np.isfinite(theirs)
    return relative(ours[inside], theirs[inside])


def field_width(case: Case) -> float:
    return relative(np.array(_smoothness(case).search.fwhm_voxels), case.spm["FWHM"])


RELATIVE = "of the largest value"
RANGE = "of the range"
COUNT = "number that differ"

QUANTITIES = {
    "basis set": Quantity(basis, DESIGN, RELATIVE),
    "stimulus functions": Quantity(stimulus, DESIGN, RELATIVE),
    "design matrix": Quantity(design, DESIGN, RELATIVE),
    "regressor names": Quantity(names, EXACT, COUNT),
    "high-pass basis": Quantity(cosines, DESIGN, RELATIVE),
    "globals": Quantity(global_means, FLOAT64, RELATIVE),
    "scale factors": Quantity(scale_factors, FLOAT64, RELATIVE),
    "thresholds": Quantity(thresholds, FLOAT64, RELATIVE),
    "mask": Quantity(mask, EXACT, COUNT),
    "pooled F threshold": Quantity(f_threshold, QUANTILE, RELATIVE),
    "pooled voxel count": Quantity(n_pooled, EXACT, COUNT),
    "pooled voxel set": Quantity(pooled_voxels, EXACT, COUNT),
    "pooled covariance Cy": Quantity(pooled_covariance, FLOAT64, RELATIVE),
    "covariance components": Quantity(components, FLOAT64, RELATIVE),
    "hyperparameters": Quantity(hyperparameters, HYPERPARAMETER, RELATIVE),
    "error covariance V": Quantity(error_covariance, FLOAT64, RELATIVE),
    "whitening W": Quantity(whitening_matrix, FLOAT64, RELATIVE),
    "whitened design KWX": Quantity(whitened_design, FLOAT64, RELATIVE),
    "rank": Quantity(rank, EXACT, COUNT),
    "trRV": Quantity(trace, FLOAT64, RELATIVE),
    "trRVRV": Quantity(squared_trace, FLOAT64, RELATIVE),
    "residual dof": Quantity(dof, FLOAT64, RELATIVE),
    "parameter covariance": Quantity(parameter_covariance, FLOAT64, RELATIVE),
    "beta": Quantity(betas, IMAGE, RANGE),
    "ResMS": Quantity(residual_mean_square, IMAGE, RANGE),
    "contrast variance": Quantity(contrast_variance, FLOAT64, RELATIVE),
    "con": Quantity(effect_images, IMAGE, RANGE),
    "spmT": Quantity(t_images, IMAGE, RANGE),
    "trMV, trMVMV": Quantity(f_traces, FLOAT64, RELATIVE),
    "numerator dof": Quantity(f_dof, FLOAT64, RELATIVE),
    "ess": Quantity(extra_images, IMAGE, RANGE),
    "spmF": Quantity(f_images, IMAGE, RANGE),
    "estimability": Quantity(estimability, EXACT, COUNT),
    "end to end: hyperparameters": Quantity(chain_hyperparameters, HYPERPARAMETER, RELATIVE),
    "end to end: residual dof": Quantity(chain_dof, FLOAT64, RELATIVE),
    "end to end: beta": Quantity(chain_betas, IMAGE, RANGE),
    "end to end: ResMS": Quantity(chain_residual_mean_square, IMAGE, RANGE),
    "end to end: spmT": Quantity(chain_t, IMAGE, RANGE),
    "end to end: spmF": Quantity(chain_f, IMAGE, RANGE),
    "end to end: RPV": Quantity(resels_per_voxel, FLOAT64, RELATIVE),
    "end to end: FWHM": Quantity(field_width, FLOAT64, RELATIVE),
}

INDEPENDENT = frozenset({"07_iid"})
"""Cases without serial correlation."""
ONLY_T = frozenset(
    {
        "10_explicit_mask_mthresh_-Inf",
        "10b_no_mask_mthresh_-Inf",
        "12_edge_events",
        "18_strong_autocorr_TR0.7",
        "19_no_autocorr_negative",
    }
)
"""Cases without an F contrast."""
OF_SERIAL_CORRELATION = frozenset(
    {
        "pooled F threshold",
        "pooled voxel count",
        "pooled voxel set",
        "pooled covariance Cy",
        "covariance components",
        "hyperparameters",
        "error covariance V",
        "whitening W",
        "end to end: hyperparameters",
    }
)
NEEDS_WHOLE_VOLUMES = frozenset({"globals", "mask"})
OF_F = frozenset({"trMV, trMVMV", "numerator dof", "ess", "spmF", "end to end: spmF"})


def exists(case_name: str, quantity_name: str) -> bool:
    """Whether SPM has such a quantity in this case."""
    if case_name in INDEPENDENT and quantity_name in OF_SERIAL_CORRELATION:
        return False
    return not (case_name in ONLY_T and quantity_name in OF_F)
