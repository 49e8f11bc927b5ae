"""Units of two packages' effects: what SPM's 100 stands for, and why one map is wider than the other.

SPM's data have a mean of 100 over the voxels above an eighth of the image's mean (`bidsglm.spm.scaling`),
among them skull, scalp and noise in air, so that the mean within the brain lies above 100. With m(v) the mean
over the scans of voxel v after that scaling and M the mean of m within the brain, an effect e(v) of SPM is
100 e(v) / M percent of the brain's mean, and 100 e(v) / m(v) percent of the voxel's own.
"""

from typing import NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r, principal_axis, ratio
from bidsglm.model import Floats

PERCENT = 100.0


class Level(NamedTuple):
    """What the scaling of a run makes of its brain."""

    spm_global: float
    """Mean over the scans of spm_global, in the values of the images"""
    n_global_voxels: float
    """Voxels that it averages, mean over the scans"""
    n_mask_voxels: int
    mask_mean: float
    """Mean of the images, within the brain mask"""
    scaled_mask_mean: float
    """The same after SPM's scaling"""
    to_brain_percent: float
    """Factor that turns SPM's effects into percent of the brain's mean"""
    to_voxel_percent_lower_quartile: float
    """Over voxels, the factor that turns SPM's effect into percent of the voxel's own mean"""
    to_voxel_percent_median: float
    to_voxel_percent_upper_quartile: float


class EffectSpread(NamedTuple):
    """How widely the effects of a contrast spread over the voxels of both masks, and why one is wider."""

    sd_spm: float
    sd_nilearn: float
    sd_ratio: float
    """SPM's over nilearn's: the product of the three parts below"""
    by_level: float
    """Part of the ratio that one number for all voxels makes"""
    by_brightness: float
    """Part of the ratio that voxels of other brightness make"""
    by_rest: float
    """What is left once both are in nilearn's unit"""
    sd_spm_converted: float
    """Standard deviation of SPM's effects in nilearn's unit"""
    slope_converted: float
    """Total least squares line of SPM's effects in nilearn's unit on nilearn's"""
    pearson_r_converted: float
    rmsd_converted: float


class NilearnUnit(NamedTuple):
    """One unit of nilearn's effects, in SPM's scaled data."""

    voxels: Floats
    """(n_voxels,) of each voxel"""
    typical: float
    """The number that stands for all voxels"""


def level(raw_means: Floats, factor: float, spm_global: float, n_global_voxels: float) -> Level:
    """Say what SPM's scaling makes of a run.

    Parameters
    ----------
    raw_means
        (n_voxels,) means over the scans within the brain mask, above 0
    factor
        By which SPM multiplies the run.
    spm_global, n_global_voxels
        Its global, and the voxels that it averages.

    >>> found = level(np.array([120.0, 180.0]), 1.0, 100.0, 4)
    >>> found.scaled_mask_mean, round(found.to_brain_percent, 3)
    (150.0, 0.667)
    """
    scaled = raw_means * factor
    brain = float(scaled.mean())
    # 100 / m(v): a voxel's own factor, which has no meaning where there is no signal
    quartiles = np.quantile(PERCENT / scaled[scaled > 0], [0.25, 0.5, 0.75])
    return Level(
        spm_global,
        n_global_voxels,
        raw_means.size,
        float(raw_means.mean()),
        brain,
        PERCENT / brain,
        *map(float, quartiles),
    )


def spread(spm: Floats, nilearn: Floats, unit: NilearnUnit) -> EffectSpread:
    """Divide the ratio of two packages' standard deviations into level, brightness and the rest.

    Parameters
    ----------
    spm, nilearn
        (n_voxels,) effects in the voxels of both masks
    unit
        Of nilearn's effects in those voxels.

    Notes
    -----
    With e SPM's effects, f nilearn's, u(v) nilearn's unit in SPM's scaled data and U the number that stands
    for all voxels, SD(e) / SD(f) = U · [SD(e / U) / SD(e / u)] · [SD(e / u) / SD(f)].

    >>> e, m = np.array([1.5, -3.0, 4.5]), np.array([150.0, 100.0, 200.0])
    >>> found = spread(e, 100 * e / m, NilearnUnit(m / 100, 1.5))
    >>> found.by_level, round(found.by_rest, 9), round(found.slope_converted, 9)
    (1.5, 1.0, 1.0)
    >>> bool(np.isclose(found.by_level * found.by_brightness * found.by_rest, found.sd_ratio))
    True
    """
    # e(v) / u(v), so that what is left of the ratio is neither level nor brightness
    converted = spm / unit.voxels
    sd_spm, sd_nilearn, sd_converted = (float(x.std()) for x in (spm, nilearn, converted))
    return EffectSpread(
        sd_spm,
        sd_nilearn,
        ratio(sd_spm, sd_nilearn),
        # SD(e) / SD(e / U) is U itself, the same for every voxel
        unit.typical,
        # how much of the ratio comes from brightness that differs over voxels
        ratio(sd_spm / unit.typical, sd_converted),
        ratio(sd_converted, sd_nilearn),
        sd_converted,
        principal_axis(nilearn, converted).slope,
        pearson_r(nilearn, converted),
        float(np.sqrt(np.mean((converted - nilearn) ** 2))),
    )
