"""The first-level model of FSL's FEAT, composed of the functions in ``bidsglm.fsl``.

Each run is scaled, filtered and fitted by itself; runs are combined by fixed effects.
"""

from collections.abc import Sequence

from bidsglm.backends.fsl_contrasts import FslEstimate, contrast, usable_runs
from bidsglm.backends.fsl_corrected import corrected
from bidsglm.backends.fsl_data import median_of, run_mask
from bidsglm.backends.fsl_design import check, column_names, designs, with_noise_model
from bidsglm.backends.fsl_estimate import check_designs, estimate
from bidsglm.backends.fsl_inference import CLUSTERS, infer, second_level
from bidsglm.backends.fsl_words import effect_unit, methods_text, settings_in_words, software
from bidsglm.backends.records import Inference
from bidsglm.data import ContrastMaps, TimeSeries, Volume
from bidsglm.errors import DataError
from bidsglm.fsl import scaling
from bidsglm.model import Floats, Mask, ModelSpecification

# The functions of contract.Backend, spelt out in each module: a type checker reads no list that is computed.
__all__ = [
    "CLUSTERS",
    "NAME",
    "FslEstimate",
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

NAME = "fsl"


def mask_from(
    series: Sequence[TimeSeries],
    candidates: Mask,
    model: ModelSpecification,
    volume: Volume | None = None,
) -> Mask:
    """Voxels of FEAT's mask in every run: those above a tenth of the robust range, and their neighbours.

    Raises
    ------
    DataError
        No voxel is left.
    """
    mask = candidates.copy()
    for run in series:
        mask &= run_mask(run, volume)
    if not mask.any():
        raise DataError(
            "FSL's mask is empty: no voxel exceeds a tenth of the robust range in every scan of every run;"
            " check the brain mask and the images"
        )
    return mask


def inference(
    estimate: FslEstimate,
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

    >>> import numpy as np
    >>> run = TimeSeries(np.full((3, 1), 800.0), 1.0, 0.0, np.ones(3))
    >>> one_percent([run], [np.array([800.0])], ModelSpecification("m", ()))
    [array([100.])]
    """
    factors = [scaling.GRAND_MEAN / median_of(run) for run in series]
    return [mean / 100 * factor for mean, factor in zip(means, factors, strict=True)]
