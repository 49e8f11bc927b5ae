"""nilearn's inference on fitted contrasts, and its second level, on arrays.

Thresholds are those of ``threshold_stats_img`` on the z map, one-sided as SPM's; the table is that of
``get_clusters_table`` on the voxels with p < 0.001.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.records import ALPHA, FORMING_P, Inference, SecondLevel, contrast_weights
from bidsglm.backends.z_inference import ZRules, contrast_inference, z_clusters
from bidsglm.data import ContrastMaps, GroupDesign, Images, Volume, column_parts
from bidsglm.design_space import rank, without_redundancy
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.process.cores import each
from bidsglm.spm.thresholds import Thresholds

CLUSTERS = z_clusters("nilearn", "z at the peak, what nilearn thresholds", "face")
CHUNK_VALUES = 2_000_000
"""Values of one call of run_glm, which keeps several copies of them, 16 MB each."""


class Tested(NamedTuple):
    """A contrast over a group in some voxels; effect and variance of F mean nothing."""

    effect: Floats
    variance: Floats
    stat: Floats
    z: Floats
    p: Floats
    dof: float


def z_thresholds(z: NDArray[np.floating], share: float = 1.0) -> Thresholds:
    """Return nilearn's thresholds of a z map.

    Parameters
    ----------
    z : (n_voxels,) inside the mask
    share : of the error that this tail may make

    Examples
    --------
    >>> round(z_thresholds(np.array([0.0, 5.0])).fwe05, 4)
    1.96
    """
    from nilearn.glm import fdr_threshold

    return Thresholds(
        p001=_exceeded_with(FORMING_P * share),
        fwe05=_exceeded_with(ALPHA * share / z.size),
        fdr05=float(fdr_threshold(z, ALPHA * share)),
    )


def _exceeded_with(alpha: float) -> float:
    """Height that a voxel exceeds with a probability; Bonferroni's is the same of a smaller one."""
    from nilearn.glm import threshold_stats_img

    return float(threshold_stats_img(alpha=alpha, height_control="fpr", two_sided=False)[1])


def infer(maps: Sequence[ContrastMaps], mask: Mask, volume: Volume, two_sided: bool = False) -> Inference:
    """Return thresholds and cluster tables of some contrasts.

    Parameters
    ----------
    maps : over the columns of the volume
    mask : (n_voxels,)
    volume : the grid
    two_sided : whether each tail of t has half of a threshold's error
    """
    rules = ZRules(z_thresholds, connectivity=6)
    return Inference(None, tuple(each(lambda m: contrast_inference(m, mask, volume, two_sided, rules), maps)))


def second_level(
    images: Images,
    design: GroupDesign,
    contrasts: Sequence[ContrastSpecification],
    volume: Volume,
    mask: Mask | None = None,
) -> SecondLevel:
    """Test contrasts over subjects; every subject weighs the same, errors have one variance.

    The numbers are those of ``SecondLevelModel`` with this design matrix, or, where its columns depend on
    each other, with those of them that do not.

    Examples
    --------
    >>> mean = ContrastSpecification("mean", "mean", ("mean",), np.ones((1, 1)))
    >>> design = GroupDesign(("mean",), np.ones((3, 1)))
    >>> volume = Volume((2, 1, 1), np.eye(4), np.ones((2, 1, 1), bool))
    >>> images = np.array([[1.0, 0.0], [2.0, np.nan], [3.0, 1.0]])
    >>> (maps,) = second_level(images, design, [mean], volume).maps
    >>> maps.effect, maps.dof
    (array([ 2., nan]), (2.0,))
    """
    n_subjects, n_voxels = images.shape
    n_independent = rank(design.matrix)
    if n_subjects <= n_independent:
        raise DataError(
            "the group model cannot be fitted: "
            f"{n_subjects} subjects are too few for a model of {n_independent} independent columns"
        )
    weights = [contrast_weights(contrast, design) for contrast in contrasts]
    # nilearn divides residuals by rows less columns: those that add nothing would make t too small
    matrix, weights = without_redundancy(design.matrix, weights)
    inside = np.zeros(n_voxels, dtype=np.bool_)
    parts = column_parts(images.shape, CHUNK_VALUES)
    tested: list[list[Tested]] = []
    for part in parts:
        block = images[:, part]
        usable = np.isfinite(block).all(axis=0)
        inside[part] = usable if mask is None else usable & mask[part]
        if inside[part].any():
            tested.append(_tested(block[:, inside[part]].astype(np.float64), matrix, weights))
    if not tested:
        raise DataError("the group model cannot be fitted: no voxel has data in all subjects")
    by_contrast = zip(contrasts, zip(*tested, strict=True), strict=True)
    maps = tuple(_group_maps(contrast, results, inside) for contrast, results in by_contrast)
    return SecondLevel(inside, maps, infer(maps, inside, volume, design.two_sided))


def _group_maps(contrast: ContrastSpecification, parts: Sequence[Tested], inside: Mask) -> ContrastMaps:
    """Maps over all columns of what was tested in some voxels after the other."""
    # outside the mask as in the maps of the first level: no effect, z of 0, p of 1
    effect, variance, stat, z, p = (
        np.full(inside.size, outside) for outside in (np.nan, np.nan, 0.0, 0.0, 1.0)
    )
    for values, name in ((effect, "effect"), (variance, "variance"), (stat, "stat"), (z, "z"), (p, "p")):
        values[inside] = np.concatenate([getattr(part, name) for part in parts])
    if contrast.test == "t":
        return ContrastMaps(contrast, (), effect, variance, stat, z, p, (parts[0].dof,))
    return ContrastMaps(contrast, (), None, None, stat, z, p, (float(len(contrast.weights)), parts[0].dof))


def _tested(values: Floats, X: Floats, weights: Sequence[Floats]) -> list[Tested]:
    """Contrasts of one fit in some voxels."""
    from nilearn.glm.contrasts import compute_contrast
    from nilearn.glm.first_level import run_glm

    # SecondLevelModel calls the same function: least squares of independent errors
    labels, results = run_glm(values, X, noise_model="ols")
    found = []
    for row in weights:
        contrast: Any = compute_contrast(labels, results, row, "t" if row.ndim == 1 else "F")
        effect = contrast.effect.ravel() if row.ndim == 1 else np.full(values.shape[1], np.nan)
        stat, z, p = contrast.stat(), contrast.z_score(), contrast.p_value()
        found.append(Tested(effect, contrast.variance, stat, z, p, float(contrast.dof)))
    return found
