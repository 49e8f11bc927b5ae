"""Writes what the units of effects are, how the packages' effects spread, and what noise each assumes."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bidsglm.agreement.autocorrelation import of_autoregression, of_components, weighted_quantiles
from bidsglm.agreement.intensity import Level, NilearnUnit, level, spread
from bidsglm.backends.nilearn_signals import mean_signal
from bidsglm.diagnosis.intensity_checks import without_unit
from bidsglm.model import Floats
from bidsglm.outputs.scale_tables import AUTOCORRELATION, INTENSITY, SCALE
from bidsglm.outputs.schema import Schema
from bidsglm.spm import covariance, scaling
from bidsglm.unit.files import UnitWriter
from bidsglm.unit.fit import Fitted
from bidsglm.unit.percent import voxel_means
from bidsglm.unit.preparation import run_label

LONGEST_LAG = 10.0
"""s; a response is slower, and so are the differences that matter to it."""
FEWEST_LAGS, MOST_LAGS = 5, 40
OVER_VOXELS = ("nilearn_lower_quartile", "nilearn_median", "nilearn_upper_quartile", "share_below_spm")


def write_scales(writer: UnitWriter) -> None:
    """Write the units of the effects, their spread, the scaled mean image and the noise of both packages."""
    fitted = writer.fitted
    without = without_unit(fitted.review.runs, fitted.prepared.model, tuple(fitted.fits))
    if "spm" not in without:
        _write_units(writer)
    rows = noise_rows(fitted)
    if rows:
        _write(writer, AUTOCORRELATION, rows)


def _write(writer: UnitWriter, schema: Schema, rows: Iterable[Mapping[str, object]]) -> None:
    writer.table(schema, schema.file.replace("<p>", writer.unit.prefix), rows)


def _write_units(writer: UnitWriter) -> None:
    fitted = writer.fitted
    series, mask = fitted.data.series["spm"], fitted.data.candidates["nilearn"]
    means = [voxel_means(run) for run in series]
    factors = _factors(fitted)
    levels = [
        level(raw[mask], factor, float(run.global_means.mean()), run.n_global_voxels)
        for raw, factor, run in zip(means, factors, series, strict=True)
    ]
    labels = [run_label(prefix) for prefix in writer.unit.run_prefixes]
    rows = [{"run": label, **found._asdict()} for label, found in zip(labels, levels, strict=True)]
    _write(writer, INTENSITY, rows)
    _write(writer, SCALE, _scale_rows(fitted, means, factors, levels))
    scaled = np.mean([raw * factor for raw, factor in zip(means, factors, strict=True)], axis=0)
    if series[0].rim is not None:
        scaled[series[0].rim] = 0
    text = "mean over the scans of all runs after SPM's scaling; 100 times SPM's effect over it is percent of"
    facts = {"Description": f"{text} the voxel's own mean"}
    writer.image(f"{writer.unit.prefix}_desc-spmscaled_boldref", scaled, 0.0, facts)


def _factors(fitted: Fitted) -> list[float]:
    """By which SPM multiplies each run; the mean over the scans where it scales each apart."""
    kind = fitted.prepared.model.spm.global_normalization
    series = fitted.data.series["spm"]
    return [float(scaling.scale_factors(run.global_means, kind).mean()) for run in series]


def _scale_rows(
    fitted: Fitted, means: Sequence[Floats], factors: Sequence[float], levels: Sequence[Level]
) -> list[Mapping[str, object]]:
    """One row for each contrast."""
    both = fitted.fits["spm"].mask & fitted.fits["nilearn"].mask
    rows: list[Mapping[str, object]] = []
    for first, second in zip(fitted.fits["spm"].maps, fitted.fits["nilearn"].maps, strict=True):
        names = {"contrast": first.specification.label, "contrast_name": first.specification.name}
        if not both.any():
            continue
        if first.effect is None or second.effect is None:
            null = {"map": "F", "null_mean": _null_mean(second.dof[-1])}
            rows.append({**names, **null, **_centres(first.stat[both], second.stat[both])})
            continue
        units = [_nilearn_unit(fitted, means[i], factors[i], levels[i], i) for i in first.runs]
        unit = NilearnUnit(
            np.mean([each.voxels for each in units], axis=0)[both],
            float(np.mean([each.typical for each in units])),
        )
        spm, nilearn = (maps[both].astype(np.float64) for maps in (first.effect, second.effect))
        found = {**_centres(spm, nilearn), **spread(spm, nilearn, unit)._asdict()}
        rows.append({**names, "map": "effect", **found})
    return rows


def _centres(spm: Floats, nilearn: Floats) -> dict[str, float]:
    return {"mean_spm": float(spm.mean()), "mean_nilearn": float(nilearn.mean())}


def _null_mean(dof: float) -> float:
    """Mean of F without any effect.

    >>> _null_mean(202.0)
    1.01
    """
    return dof / (dof - 2) if dof > 2 else math.nan


def _nilearn_unit(fitted: Fitted, raw: Floats, factor: float, found: Level, run: int) -> NilearnUnit:
    """One unit of nilearn's effects in a run, in SPM's scaled data."""
    choice = fitted.prepared.model.nilearn.signal_scaling
    if choice is False:
        return NilearnUnit(np.full_like(raw, factor), factor)
    if choice == 0:
        # nilearn divides by no less than 1
        return NilearnUnit(np.maximum(raw, 1.0) * factor / 100, found.scaled_mask_mean / 100)
    mean = max(mean_signal(fitted.data.series["nilearn"][run], fitted.data.candidates["nilearn"]), 1.0)
    return NilearnUnit(np.full_like(raw, mean * factor / 100), mean * factor / 100)


def noise_rows(fitted: Fitted) -> list[Mapping[str, object]]:
    """Autocorrelation of both packages' noise models by run and lag; none where both take it as white."""
    model = fitted.prepared.model
    if model.spm.serial_correlation == "none" and model.nilearn.noise_model == "ols":
        return []
    spm, nilearn = fitted.fits["spm"].noise, fitted.fits["nilearn"].noise
    rows: list[Mapping[str, object]] = []
    for i, paradigm in enumerate(fitted.prepared.paradigms):
        time = paradigm.repetition_time
        n_lags = min(max(int(LONGEST_LAG / time), FEWEST_LAGS), MOST_LAGS, paradigm.n_scans - 1)
        own = np.zeros(n_lags + 1)
        kind = model.spm.serial_correlation
        if kind != "none":
            components = covariance.components(kind, paradigm.n_scans, time)
            own = of_components(np.asarray(spm["hyperparameters"][i], dtype=float), components, n_lags)
        label = run_label(fitted.prepared.unit.run_prefixes[i])
        found = (nilearn.get("autoregression") or [{}] * len(fitted.prepared.paradigms))[i]
        for lag, middle in enumerate(_over_voxels(found, own, n_lags), start=1):
            own_row = {"run": label, "lag": lag, "seconds": lag * time, "spm": float(own[lag])}
            rows.append(own_row | dict(zip(OVER_VOXELS, middle, strict=True)))
    return rows


def _over_voxels(found: Mapping[str, list[object]], spm: Floats, n_lags: int) -> list[list[float]]:
    """Quartiles over voxels of nilearn's autocorrelation, and the share below SPM's, from lag 1 on."""
    coefficients, counts = found.get("coefficients", [[]]), np.asarray(found.get("voxels", [1]), dtype=float)
    values = np.array([of_autoregression(np.asarray(each, dtype=float), n_lags) for each in coefficients])
    return [
        [
            *weighted_quantiles(values[:, lag], counts, (0.25, 0.5, 0.75)).tolist(),
            float(counts[values[:, lag] < spm[lag]].sum() / counts.sum()),
        ]
        for lag in range(1, n_lags + 1)
    ]
