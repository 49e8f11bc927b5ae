"""Small experiments whose design and noise are known."""

from typing import Any

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.calibration.experiment import Experiment, Source, experiment
from bidsglm.data import Condition, Paradigm, TimeSeries
from bidsglm.model import (
    DEFAULT_HIGH_PASS,
    ContrastSpecification,
    ModelSpecification,
    NilearnSettings,
    SpmSettings,
)

SPM, NILEARN = SpmSettings(), NilearnSettings()
CONFOUNDS = tuple(f"motion_{i}" for i in range(3))
MAIN = ContrastSpecification("a", "a", ("trial_type.a",), np.array([[1.0]]))
DIFFERENCE = ContrastSpecification(
    "a - b", "aMinusB", ("trial_type.a", "trial_type.b"), np.array([[1.0, -1.0]])
)
BOTH_F = ContrastSpecification("any", "any", ("trial_type.a", "trial_type.b"), np.eye(2), "F")


def paradigm(n_scans: int, repetition_time: float, block: float, seed: int = 0) -> Paradigm:
    """Blocks of a and of b, each followed by rest of half its length, and motion."""
    onsets = np.arange(4.0, n_scans * repetition_time - 2 * block, 3 * block)
    length = np.full(onsets.size, block)
    conditions = (Condition("a", onsets, length), Condition("b", onsets + 1.5 * block, length))
    motion = np.random.default_rng(seed).standard_normal((n_scans, len(CONFOUNDS))).cumsum(axis=0)
    return Paradigm(repetition_time, n_scans, None, conditions, CONFOUNDS, motion / motion.std(axis=0))


def autoregressive(n_scans: int, rho: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Stationary noise of variance 1, (n_scans, n_voxels)."""
    noise = rng.standard_normal((n_scans, rho.size))
    noise[1:] *= np.sqrt(1 - rho**2)
    for scan in range(1, n_scans):
        noise[scan] += rho * noise[scan - 1]
    return noise


def source(
    n_scans: tuple[int, ...] = (150,),
    repetition_time: float = 2.0,
    block: float = 20.0,
    n_voxels: int = 400,
    rho: float = 0.0,
    backends: tuple[str, ...] = ("spm", "nilearn"),
    contrasts: tuple[ContrastSpecification, ...] = (DIFFERENCE,),
    spm: SpmSettings = SPM,
    nilearn: NilearnSettings = NILEARN,
    high_pass: float = DEFAULT_HIGH_PASS,
) -> Source:
    """Runs of noise with an autocorrelation that varies around rho, on a bright brain that moves."""
    rng = np.random.default_rng(1)
    paradigms = [paradigm(n, repetition_time, block, seed) for seed, n in enumerate(n_scans)]
    names = ("trial_type.a", "trial_type.b", *CONFOUNDS)
    model = ModelSpecification(
        "small", names, contrasts=contrasts, spm=spm, nilearn=nilearn, high_pass=high_pass
    )
    coefficients = np.clip(rho + 0.1 * rng.standard_normal(n_voxels) * (rho > 0), 0, 0.9)
    level = rng.uniform(700, 1300, n_voxels)
    series = []
    for p in paradigms:
        moved = p.confounds @ rng.normal(0, 5, (len(CONFOUNDS), n_voxels))
        values = level + moved + 10 * autoregressive(p.n_scans, coefficients, rng)
        globals_ = np.full(p.n_scans, 1000.0) + np.arange(p.n_scans) / 10
        series.append(TimeSeries(values.astype(np.float32), 1.0, 0.0, globals_))
    designs: dict[str, Any] = {name: BACKENDS[name].designs(paradigms, model) for name in backends}
    return Source(
        model, designs, contrasts, frozenset(CONFOUNDS), tuple(series), (repetition_time,) * len(series)
    )


def small(**options: Any) -> Experiment:
    """Experiment on all voxels of `source`."""
    made = source(**options)
    return experiment(made, np.arange(made.series[0].n_voxels), seed=3)
