"""The first-level model as nilearn fits it: its design matrix, its fit and its contrasts, on arrays.

The numbers are those of ``FirstLevelModel`` on the same files: one model for each run, noise of every voxel
by itself, runs combined by fixed effects. Voxels are fitted in chunks, which bounds the memory.
nilearn takes two seconds to import, which happens where it is used: the other backend alone need not wait.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bidsglm.backends.fittable import check_freedom, freedom, mask_from
from bidsglm.backends.nilearn_contrasts import contrast, usable_runs
from bidsglm.backends.nilearn_corrected import corrected
from bidsglm.backends.nilearn_design import column_names, design, designs, hrf_name
from bidsglm.backends.nilearn_estimate import estimate
from bidsglm.backends.nilearn_inference import CLUSTERS, infer, second_level
from bidsglm.backends.nilearn_records import NilearnEstimate
from bidsglm.backends.nilearn_words import effect_unit, methods_text, settings_in_words, software
from bidsglm.backends.records import Inference
from bidsglm.data import ContrastMaps, DesignMatrix, TimeSeries, Volume
from bidsglm.errors import DataError
from bidsglm.model import Floats, ModelSpecification

# The functions of contract.Backend, spelt out in each module: a type checker reads no list that is computed.
__all__ = [
    "CLUSTERS",
    "NAME",
    "NilearnEstimate",
    "check",
    "check_designs",
    "column_names",
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

NOISE_MODELS = re.compile(r"ols|ar[1-9][0-9]*")
SIGNAL_SCALINGS = (False, 0, (0, 1))


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
    """Return the model with another noise model for nilearn, for many fits of the same designs.

    Examples
    --------
    >>> with_noise_model(ModelSpecification("m", ()), "ols").nilearn.noise_model
    'ols'
    """
    return replace(model, nilearn=replace(model.nilearn, noise_model=noise_model, kept={}))


def check_designs(designs: Sequence[DesignMatrix], model: ModelSpecification) -> None:
    """Refuse designs that leave no residual degrees of freedom, by rank or by number of columns.

    Raises
    ------
    DataError
        Naming the run.
    """
    check_freedom([freedom(design) for design in designs], divides_by_columns="nilearn")


def inference(
    estimate: NilearnEstimate,
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
