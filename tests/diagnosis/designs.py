"""Designs of one run that the tests of collinearity and findings share, made by both backends."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.data import Condition, Paradigm
from bidsglm.diagnosis.advice import RunReview
from bidsglm.model import ContrastSpecification, ModelSpecification

TIME = 2.0
N_SCANS = 120
MODEL = ModelSpecification("m", ("trial_type.*",))


def blocks(name: str, first: float, period: float = 40.0, duration: float = 20.0) -> Condition:
    """Blocks from a first onset on until the run's end."""
    onsets = np.arange(first, N_SCANS * TIME, period)
    return Condition(name, onsets, np.full(onsets.size, duration))


def events(name: str, onsets: Sequence[float], duration: float = 0.0) -> Condition:
    return Condition(name, np.array(onsets, dtype=float), np.full(len(onsets), duration))


def jittered(name: str, seed: int, duration: float = 0.0, gap: float = 12.0) -> Condition:
    """Events with random gaps, a normal event-related design."""
    gaps = np.random.default_rng(seed).uniform(gap - 4, gap + 4, 200)
    onsets = np.cumsum(gaps)
    return events(name, onsets[onsets < N_SCANS * TIME - 10], duration)


def paradigm(
    *conditions: Condition, confounds: dict[str, np.ndarray] | None = None, n_scans: int = N_SCANS
) -> Paradigm:
    table = confounds or {}
    values = np.column_stack([*table.values()]) if table else np.zeros((n_scans, 0))
    return Paradigm(TIME, n_scans, None, conditions, tuple(table), values)


def contrast(name: str, *weights: float, on: Sequence[str] = ("movement", "rest")) -> ContrastSpecification:
    columns = tuple(f"trial_type.{condition}" for condition in on[: len(weights)])
    return ContrastSpecification(name, name.replace(" ", ""), columns, np.array([weights]))


def review(
    run: Paradigm,
    *contrasts: ContrastSpecification,
    model: ModelSpecification = MODEL,
    label: str = "run-1",
    backends: Sequence[str] = ("spm", "nilearn"),
) -> RunReview:
    with warnings.catch_warnings():
        # nilearn warns of what the tests are about
        warnings.simplefilter("ignore")
        designs = {name: BACKENDS[name].designs([run], model)[0] for name in backends}
    return RunReview(label, run, designs, contrasts)


def without_drifts(model: ModelSpecification = MODEL) -> ModelSpecification:
    return replace(model, nilearn=replace(model.nilearn, drift_model=None))
