"""Second levels of arrays, in few words."""

from collections.abc import Mapping
from types import ModuleType

import numpy as np

from bidsglm.backends.records import SecondLevel
from bidsglm.data import GroupDesign, Volume
from bidsglm.model import ContrastSpecification, Mask


def group_design(n_subjects: int, covariates: np.ndarray | None = None) -> np.ndarray:
    """Column of ones, then the covariates (n_subjects, n_covariates) less their means, as SPM12 writes it."""
    ones = np.ones((n_subjects, 1))
    return ones if covariates is None else np.hstack([ones, covariates - covariates.mean(axis=0)])


def design_of(n_subjects: int, covariates: Mapping[str, np.ndarray] | None = None) -> GroupDesign:
    """Mean, and the covariates less their means."""
    given = dict(covariates or {})
    columns = np.column_stack([*given.values()]) if given else None
    return GroupDesign(("mean", *given), group_design(n_subjects, columns))


def contrast_of(weights: np.ndarray, design: GroupDesign) -> ContrastSpecification:
    """Weights over all columns of a design: one row for t, several for F."""
    test = "t" if np.ndim(weights) == 1 else "F"
    return ContrastSpecification("c", "c", design.names, np.atleast_2d(weights), test)


def second_level(
    backend: ModuleType,
    images: np.ndarray,
    design: GroupDesign | None = None,
    weights: np.ndarray | None = None,
    mask: Mask | None = None,
) -> SecondLevel:
    """One contrast, the mean without weights, over voxels in a row."""
    design = design or design_of(len(images))
    chosen = np.eye(len(design.names))[0] if weights is None else weights
    n_voxels = images.shape[1]
    volume = Volume((n_voxels, 1, 1), np.eye(4), np.ones((n_voxels, 1, 1), dtype=bool))
    found: SecondLevel = backend.second_level(images, design, [contrast_of(chosen, design)], volume, mask)
    return found
