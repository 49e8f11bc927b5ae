"""Inference on FSL's maps, and its second level by ordinary least squares.

FEAT's own inference is random field theory with the smoothness that its ``smoothest`` estimates, which is not
reproduced here: voxels are thresholded by Bonferroni and by the false discovery rate, both on z. Clusters
touch by faces, edges and corners, as in FSL's ``cluster``.

The second level is the one-sample and two-sample tests that FEAT's "Mixed effects: Simple OLS" makes; FLAME,
which takes the participants' own variances into account, is not used.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import fdtrc, stdtr

from bidsglm.backends.records import ALPHA, FORMING_P, Inference, SecondLevel, contrast_weights
from bidsglm.backends.z_inference import ZRules, contrast_inference, z_clusters
from bidsglm.data import ContrastMaps, GroupDesign, Images, Volume
from bidsglm.errors import DataError
from bidsglm.fsl.zscores import z_of_f, z_of_t
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.spm.second_level import GroupEstimate, group_contrast, group_estimate
from bidsglm.spm.thresholds import Thresholds, false_discovery_rates

CLUSTERS = z_clusters("fsl", "z at the peak, what is thresholded", "face, edge or corner")


def z_thresholds(z: NDArray[np.floating], share: float = 1.0) -> Thresholds:
    """Return thresholds of a z map.

    Parameters
    ----------
    z
        (n_voxels,) inside the mask
    share
        Of the error that this tail may make.

    >>> z_thresholds(np.array([0.0, 5.0]))._asdict()["fdr05"]
    5.0
    """
    values = z.astype(np.float64)
    kept = values[false_discovery_rates(stats.norm.sf(values)) <= ALPHA * share]
    return Thresholds(
        p001=float(stats.norm.isf(FORMING_P * share)),
        fwe05=float(stats.norm.isf(ALPHA * share / max(values.size, 1))),
        fdr05=float(kept.min(initial=np.inf)),
    )


def infer(maps: Sequence[ContrastMaps], mask: Mask, volume: Volume, two_sided: bool = False) -> Inference:
    """Return thresholds and cluster tables of some contrasts.

    Parameters
    ----------
    maps
        Over the columns of the volume.
    mask
        (n_voxels,)
    volume
        The grid.
    two_sided
        Whether each tail of t has half of a threshold's error.
    """
    rules = ZRules(z_thresholds, connectivity=26)
    return Inference(None, tuple(contrast_inference(m, mask, volume, two_sided, rules) for m in maps))


def second_level(
    images: Images,
    design: GroupDesign,
    contrasts: Sequence[ContrastSpecification],
    volume: Volume,
    mask: Mask | None = None,
) -> SecondLevel:
    """Test contrasts over subjects by ordinary least squares, whose errors have one variance.

    A voxel that is equal in all subjects is left out.

    >>> mean = ContrastSpecification("mean", "mean", ("mean",), np.ones((1, 1)))
    >>> design = GroupDesign(("mean",), np.ones((3, 1)))
    >>> volume = Volume((2, 1, 1), np.eye(4), np.ones((2, 1, 1), bool))
    >>> images = np.array([[1.0, 0.0], [2.0, np.nan], [3.0, 1.0]])
    >>> (maps,) = second_level(images, design, [mean], volume).maps
    >>> maps.effect, maps.dof
    (array([ 2., nan]), (2.0,))
    """
    try:
        fit = group_estimate(images, design.matrix, mask)
        maps = tuple(_group_maps(fit, contrast, design) for contrast in contrasts)
    except ValueError as error:
        raise DataError(f"the group model cannot be fitted: {error}") from error
    return SecondLevel(fit.mask, maps, infer(maps, fit.mask, volume, design.two_sided))


def _group_maps(fit: GroupEstimate, contrast: ContrastSpecification, design: GroupDesign) -> ContrastMaps:
    """Maps of a contrast with FSL's z; least squares are the same in every package."""
    found = group_contrast(fit, contrast_weights(contrast, design))
    effect = None if found.effect is None else found.effect.astype(np.float64)
    stat = found.stat.astype(np.float64)
    z, p = np.zeros(stat.size), np.ones(stat.size)
    z[fit.mask], p[fit.mask] = _significance(stat[fit.mask], found.dof)
    return ContrastMaps(contrast, (), effect, found.variance, stat, z, p, found.dof)


def _significance(stat: Floats, dof: tuple[float, ...]) -> tuple[Floats, Floats]:
    """FSL's z and the upper tail of t or F."""
    if len(dof) == 1:
        return z_of_t(stat, dof[0]), np.asarray(stdtr(dof[0], -stat))
    return z_of_f(stat, dof[0], dof[1]), np.asarray(fdtrc(dof[0], dof[1], stat))
