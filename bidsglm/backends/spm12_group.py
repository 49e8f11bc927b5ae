"""The group level as SPM12 fits it: one model of the participants' effect maps for each contrast."""

from collections.abc import Sequence

import numpy as np

from bidsglm.backends.records import SecondLevel, contrast_weights
from bidsglm.backends.spm12_inference import infer, search_volume, significance
from bidsglm.data import ContrastMaps, GroupDesign, Images, Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Mask
from bidsglm.outputs.group_form import VarianceForm
from bidsglm.spm.group_variance import NoSignificantVoxelError
from bidsglm.spm.second_level import (
    GroupEstimate,
    SecondLevelMaps,
    group_contrast,
    group_estimate,
    standardised_residuals,
)


def second_level(
    images: Images,
    design: GroupDesign,
    contrasts: Sequence[ContrastSpecification],
    volume: Volume,
    mask: Mask | None = None,
) -> SecondLevel:
    """Test contrasts over subjects; errors have one variance, or one for each group of the design.

    A voxel that is equal in all subjects is left out.

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
    try:
        fit, facts = _group_fit(images, design, mask)
        found = [group_contrast(fit, contrast_weights(contrast, design)) for contrast in contrasts]
    except ValueError as error:
        raise DataError(f"the group model cannot be fitted: {error}") from error
    maps = tuple(_group_maps(*pair, fit.mask) for pair in zip(contrasts, found, strict=True))
    n_subjects = len(design.matrix)
    search = search_volume(
        standardised_residuals(images, fit), volume.filled(fit.mask), n_subjects, n_subjects - round(fit.dof)
    )
    return SecondLevel(fit.mask, maps, infer(maps, search, volume, design.two_sided), facts)


def _group_fit(images: Images, design: GroupDesign, mask: Mask | None) -> tuple[GroupEstimate, VarianceForm]:
    """Fit with the variances that the design asks for, and the facts on them for the sidecar.

    Without a voxel to estimate them from SPM stops; then variances are equal, unless the model asks for
    unequal ones in words.
    """
    model = design.variance
    if model is None or model.equal_because:
        facts: VarianceForm = {"VarianceModel": "equal"}
        if model is not None:
            facts["VarianceReason"] = model.equal_because
        return group_estimate(images, design.matrix, mask), facts
    try:
        fit = group_estimate(images, design.matrix, mask, np.array(model.members))
    except NoSignificantVoxelError as error:
        if model.is_asked:
            remedy = 'say "Variance": "equal" under Software.SPM of the model'
            raise ValueError(f"{error}; SPM stops here too: {remedy}") from error
        return group_estimate(images, design.matrix, mask), {
            "VarianceModel": "equal",
            "VarianceReason": f"{error}; SPM itself stops here",
        }
    assert fit.variances is not None, "groups that can differ"
    return fit, {
        "VarianceModel": "unequal",
        "GroupVariances": dict(zip(model.groups, fit.variances.variances.tolist(), strict=True)),
        "Hyperparameters": fit.variances.hyperparameters.tolist(),
        "PooledVoxels": fit.variances.n_pooled,
    }


def _group_maps(contrast: ContrastSpecification, found: SecondLevelMaps, mask: Mask) -> ContrastMaps:
    effect = None if found.effect is None else found.effect.astype(np.float64)
    tested = significance(found.stat.astype(np.float64), mask, found.dof)
    return ContrastMaps(contrast, (), effect, found.variance, *tested, found.dof)
