"""The first-level model of AFNI (3dDeconvolve, 3dREMLfit), composed of the functions in ``bidsglm.afni``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bidsglm.afni.contrasts import joint_test, noise_maps, row_test
from bidsglm.afni.estimation import VoxelFits, fits, joined
from bidsglm.afni.noise import NoisePair, noise_grid, white_noise
from bidsglm.afni.scaling import percent_of_mean
from bidsglm.backends.afni_design import check, column_names, designs, with_noise_model
from bidsglm.backends.afni_inference import CLUSTERS, corrected, infer, second_level
from bidsglm.backends.afni_joint import JointRuns
from bidsglm.backends.afni_words import effect_unit, methods_text, settings_in_words, software
from bidsglm.backends.fittable import check_noise, mask_from, varying
from bidsglm.backends.records import Estimate, Inference, spread
from bidsglm.backends.spm12_inference import significance
from bidsglm.data import ContrastMaps, DesignMatrix, TimeSeries, Volume
from bidsglm.design_space import independent_rows
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats, Mask, ModelSpecification
from bidsglm.process.cores import each

# The functions of contract.Backend, spelt out in each module: a type checker reads no list that is computed.
__all__ = [
    "CLUSTERS",
    "NAME",
    "AfniEstimate",
    "check",
    "check_designs",
    "column_names",
    "contrast",
    "corrected",
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

NAME = "afni"
CHUNK_VALUES = 2_000_000
"""Values scaled at once, 16 MB in float64."""
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class AfniEstimate(Estimate):
    """All runs of a unit as one regression: betas of columns that runs share are the same in each.

    Degrees of freedom are scans that are kept less columns; noise maps are a and b as ar and ma, none for
    ordinary least squares.
    """

    runs: JointRuns
    fitted: VoxelFits
    """Voxels of the mask"""
    grid: tuple[NoisePair, ...]


def check_designs(designs: Sequence[DesignMatrix], model: ModelSpecification) -> None:
    """Refuse designs that leave no residual degrees of freedom in the scans that are kept.

    Raises
    ------
    DataError
        Naming how many there are.
    """
    runs = JointRuns(designs)
    n_scans, n_columns = len(runs.matrix), runs.independent.size
    n_censored = sum(len(design.censored) for design in designs)
    if n_scans > n_columns:
        return
    kept = f" that {n_censored} censored ones leave" * bool(n_censored)
    raise DataError(
        f"AFNI's {n_columns} independent columns for the {n_scans} scans{kept} leave no residual degrees of"
        " freedom; use fewer confounds, a lower Software.AFNI.Polort, or censor less (Software.AFNI.Censor)"
    )


def estimate(
    designs: Sequence[DesignMatrix],
    series: Sequence[TimeSeries],
    mask: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
    contrasts: Sequence[ContrastSpecification] = (),
) -> AfniEstimate:
    """Fit all runs as one regression, voxel by voxel and without regard to the contrasts.

    Raises
    ------
    DataError
        The design leaves no residual degrees of freedom, or no voxel can be fitted.
    """
    check_designs(designs, model)
    inside = np.flatnonzero(varying(mask, series))
    runs = JointRuns(designs)
    X, times = runs.matrix[:, runs.independent], runs.timeline.times
    if model.afni.noise_model == "none":
        grid = white_noise(X, times)
    else:
        grid = _grid(X.tobytes(), X.shape, times.tobytes())
    kept_rows = runs.timeline.kept_rows

    def fit_part(columns: NDArray[np.intp]) -> VoxelFits:
        return fits(_scans(series, columns, model.afni.scale)[kept_rows], grid)

    fitted = joined(each(fit_part, _parts(series, inside)))
    check_noise(fitted.settled)
    return _estimate(runs, fitted, grid, inside, mask.size)


@lru_cache(maxsize=1)
def _grid(design: bytes, shape: tuple[int, int], times: bytes) -> tuple[NoisePair, ...]:
    """Grid of the last design, which a calibration fits again and again."""
    return noise_grid(np.frombuffer(design).reshape(shape), np.frombuffer(times, dtype=np.intp))


def _parts(series: Sequence[TimeSeries], inside: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Some voxels at a time."""
    step = max(1, CHUNK_VALUES // sum(len(run.stored) for run in series))
    for start in range(0, inside.size, step):
        yield inside[start : start + step]


def _scans(series: Sequence[TimeSeries], columns: NDArray[np.intp], scaled: bool) -> NDArray[np.float32]:
    """All runs' scans of some voxels, scaled and one behind the other."""
    values = [run.values(columns) for run in series]
    return np.vstack([percent_of_mean(Y) if scaled else Y.astype(np.float32) for Y in values])


def _estimate(
    runs: JointRuns, found: VoxelFits, grid: tuple[NoisePair, ...], inside: NDArray[np.intp], n_voxels: int
) -> AfniEstimate:
    """Lay what was fitted out over all voxels; those without a residual are not of the mask."""
    kept = inside[found.settled]
    fitted = found.within(found.settled)
    mask = np.zeros(n_voxels, dtype=np.bool_)
    mask[kept] = True
    parameters = np.zeros((len(runs.columns), kept.size), dtype=np.float32)
    parameters[runs.independent] = fitted.betas
    betas = []
    for run, design in enumerate(runs.designs):
        betas.append(np.full((len(design.names), n_voxels), np.nan, dtype=np.float32))
        betas[-1][:, kept] = parameters[runs.of_run(run)]
    maps = dict(zip(("ar", "ma", "lambda"), noise_maps(grid, fitted.pairs), strict=True))
    facts = {
        "model": "ARMA(1,1)" if len(grid) > 1 else "independent",
        "n_columns": len(runs.independent),
        "n_censored": [len(design.censored) for design in runs.designs],
        "n_voxels_without_residual": int(np.count_nonzero(~found.settled)),
    }
    if len(grid) > 1:
        facts |= {
            f"{name}_quartiles": np.quantile(values, QUARTILES).tolist() for name, values in maps.items()
        }
    return AfniEstimate(
        mask,
        tuple(betas),
        spread(fitted.mean_square, mask, np.nan),
        float(grid[0].dof),
        facts,
        runs,
        fitted,
        grid,
        noise_maps={name: spread(maps[name], mask, np.nan) for name in ("ar", "ma") if len(grid) > 1},
    )


def usable_runs(estimate: AfniEstimate, contrast: ContrastSpecification) -> tuple[int, ...]:
    """Find the runs that a contrast averages; all of them where it is over columns through all runs."""
    return estimate.runs.usable(contrast)


def contrast(estimate: AfniEstimate, contrast: ContrastSpecification, runs: tuple[int, ...]) -> ContrastMaps:
    """Compute the maps of a contrast: one effect over all runs, and the mean over some where runs differ.

    Redundant rows of an F contrast are left out.
    """
    weights = estimate.runs.weights(contrast, runs)[:, estimate.runs.independent]
    if contrast.test == "F":
        weights = weights[independent_rows(weights)]
        dof: tuple[float, ...] = (float(len(weights)), estimate.dof)
        F = spread(joint_test(weights, estimate.fitted, estimate.grid), estimate.mask, np.nan)
        return ContrastMaps(contrast, runs, None, None, *significance(F, estimate.mask, dof), dof)
    found = row_test(weights[0], estimate.fitted, estimate.grid)
    effect, variance, t = (spread(values, estimate.mask, np.nan) for values in found)
    dof = (estimate.dof,)
    return ContrastMaps(contrast, runs, effect, variance, *significance(t, estimate.mask, dof), dof)


def inference(
    estimate: AfniEstimate,
    series: Sequence[TimeSeries],
    maps: Sequence[ContrastMaps],
    volume: Volume,
    model: ModelSpecification,
) -> Inference:
    """Return thresholds and cluster tables of the contrasts."""
    return infer(maps, estimate.mask, volume, model.two_sided)


def one_percent(
    series: Sequence[TimeSeries], means: Sequence[Floats], model: ModelSpecification
) -> list[Floats]:
    """Give 1 % of a voxel's mean in the unit of effects, (n_voxels,) of every run.

    >>> one_percent([], [np.array([200.0])], ModelSpecification("m", ()))
    [array([1.])]
    """
    if model.afni.scale:
        return [(mean > 0).astype(np.float64) for mean in means]
    return [mean / 100 for mean in means]
