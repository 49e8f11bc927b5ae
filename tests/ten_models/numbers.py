"""What a fit should give, computed from its design and the images with numpy and scipy alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import stats

from tests import tiny
from tests.ten_models.study import N_SCANS, REPETITION_TIME, TASK, Event

BACKENDS = ("spm", "nilearn")
BINS = 16
SAMPLED = 7
"""SPM's default bin, counted from 0."""
ROUNDING = 2e-5
"""Of the largest value: maps are float32, and effects are differences of larger numbers."""
Weights = Mapping[str, float]


def image(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj, dtype=np.float64)


def read_columns(path: Path) -> dict[str, np.ndarray]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    values = np.array([[float(cell) if cell != "n/a" else np.nan for cell in row] for row in rows])
    return dict(zip(header, values.T, strict=True))


def designs(out: Path, participant: str, backend: str) -> dict[str, dict[str, np.ndarray]]:
    """Run's prefix, without space -> its design."""
    paths = sorted((out / f"sub-{participant}").rglob(f"*_desc-{backend}_design.tsv"))
    return {path.name.partition("_space-")[0]: read_columns(path) for path in paths}


def canonical(dt: float) -> np.ndarray:
    """Double gamma response of unit sum."""
    t = np.arange(0, 32 + dt / 2, dt)
    response = stats.gamma.pdf(t, 6) - stats.gamma.pdf(t, 16) / 6
    return np.asarray(response / response.sum())


def convolved(found: Sequence[Event], heights: Sequence[float]) -> np.ndarray:
    """Response to events as SPM has it: 16 bins a scan, of which an event fills one more than it lasts."""
    dt = REPETITION_TIME / BINS
    grid = np.zeros(N_SCANS * BINS)
    for event, height in zip(found, heights, strict=True):
        start = round(event.onset / dt)
        grid[start : start + round(event.duration / dt) + 1] += height
    return np.convolve(grid, canonical(dt))[: grid.size][SAMPLED::BINS]


def assert_close(found: np.ndarray, expected: np.ndarray, share: float = ROUNDING) -> None:
    """Equal to a share of the largest value."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * np.nanmax(np.abs(expected)))


def series_convolved(series: np.ndarray) -> np.ndarray:
    """Response to a series with a value for each scan, a straight line between them."""
    fine = np.interp(np.arange(N_SCANS * BINS) / BINS, np.arange(N_SCANS), series)
    return np.convolve(fine, canonical(REPETITION_TIME / BINS))[: fine.size][SAMPLED::BINS]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def _spm_betas(design: Mapping[str, np.ndarray], scans: np.ndarray, cutoff: float | None) -> np.ndarray:
    """Ordinary least squares after the high-pass filter, the run's grand mean at 100."""
    means = [volume[volume > volume.mean() / 8].mean() for volume in scans]
    series = scans.reshape(N_SCANS, -1) * 100 / np.mean(means)
    matrix, filtered = np.column_stack(list(design.values())), np.eye(N_SCANS)
    if cutoff is not None:
        order = int(2 * N_SCANS * REPETITION_TIME / cutoff + 1)
        times = np.pi * (2 * np.arange(N_SCANS) + 1) / (2 * N_SCANS)
        cosines = np.cos(np.outer(times, np.arange(1, order))) * np.sqrt(2 / N_SCANS)
        filtered -= cosines @ cosines.T
    return np.asarray(np.linalg.pinv(filtered @ matrix) @ filtered @ series)


def _nilearn_betas(design: Mapping[str, np.ndarray], scans: np.ndarray, _: float | None) -> np.ndarray:
    """Ordinary least squares of per cent of each voxel's mean; drifts are columns."""
    series = scans.reshape(N_SCANS, -1)
    percent = 100 * (series / series.mean(axis=0) - 1)
    return np.asarray(np.linalg.pinv(np.column_stack(list(design.values()))) @ percent)


def expected_effect(
    study: Path, design_of: Mapping[str, Mapping[str, np.ndarray]], backend: str, weights: Weights
) -> np.ndarray:
    """Mean over runs of a weighted sum of estimates, each from the run's design and its images."""
    effects = []
    for run, design in design_of.items():
        scans = np.moveaxis(image(next(study.glob(f"derivatives/**/{run}_space-*_bold.nii.gz"))), -1, 0)
        fit = _spm_betas if backend == "spm" else _nilearn_betas
        names = list(design)
        if set(weights) <= set(names):
            betas = fit(design, scans, 128.0 if "cosine00" not in design else None)
            effects.append(sum(w * betas[names.index(name)] for name, w in weights.items()))
    return np.asarray(np.mean(effects, axis=0))


def maps(out: Path, label: str, stat: str, backend: str, session: str = "") -> dict[str, np.ndarray]:
    """Participant -> their map of a contrast."""
    folder, name = (f"{session}/" if session else ""), f"_contrast-{label}_stat-{stat}_desc-{backend}_statmap"
    paths = sorted(out.glob(f"sub-*/{folder}func/*{name}.nii.gz"))
    return {path.name.split("_")[0].removeprefix("sub-"): image(path).ravel() for path in paths}


def group_map(out: Path, label: str, stat: str, backend: str, entities: str = "") -> np.ndarray:
    """Map of a contrast over participants, of a session or of a level of a column where entities name it."""
    middle = f"_{entities}" if entities else ""
    stem = f"task-{TASK}_space-{tiny.SPACE}{middle}_contrast-{label}_stat-{stat}_desc-{backend}_statmap"
    return image(out / "group" / f"{stem}.nii.gz").ravel()


def summaries(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(out.glob("sub-*/**/*_summary.json"))]


def regression(effects: np.ndarray, design: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F of some rows of weights over the columns of a group's design, and its p."""
    dof = len(design) - np.linalg.matrix_rank(design)
    betas = np.linalg.lstsq(design, effects, rcond=None)[0]
    variance = ((effects - design @ betas) ** 2).sum(axis=0) / dof
    spread = rows @ np.linalg.inv(design.T @ design) @ rows.T
    values = rows @ betas
    f = np.einsum("iv,ij,jv->v", values, np.linalg.inv(spread), values) / len(rows) / variance
    return f, stats.f.sf(f, len(rows), dof)
