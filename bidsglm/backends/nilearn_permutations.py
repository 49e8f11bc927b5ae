"""Familywise p of a group's effects by permutations: nilearn's ``non_parametric_inference``, one-sided.

It tests the column X c with the columns of weight 0 as confounds, by sign flips where X c is the mean and
by permutations elsewhere. That is the test of the contrast only where these columns span the design, and
where the effect does not change with a constant added to all data, so that participants are exchangeable.
"""

import warnings

import numpy as np

from bidsglm.model import Floats, GroupDesign, Images, Mask, Volume


def reason_against(design: GroupDesign, weights: Floats) -> str:
    """Why permutations cannot test a contrast; empty where they can.

    Parameters
    ----------
    design
        Of the participants.
    weights
        (n_regressors,) of a t contrast.

    Examples
    --------
    >>> groups = GroupDesign(("a", "b"), np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]]))
    >>> reason_against(groups, np.array([1.0, -1.0]))
    ''
    >>> reason_against(groups, np.array([1.0, 0.0]))
    'participants of different groups are not exchangeable for it'
    """
    X = design.matrix
    tested, confounds = X @ weights, X[:, weights == 0]
    constant = np.ones(len(X))
    is_mean = np.ptp(tested) == 0
    shifts = abs(float(weights @ np.linalg.pinv(X) @ constant)) > 1e-9
    if shifts and not is_mean:
        return "participants of different groups are not exchangeable for it"
    columns = np.column_stack([tested, confounds, *([] if is_mean else [constant])])
    if np.linalg.matrix_rank(columns) != np.linalg.matrix_rank(X):
        return "nilearn's permutations would test it in another model"
    return ""


def permuted_p(
    images: Images, design: GroupDesign, weights: Floats, mask: Mask, volume: Volume, seeded: tuple[int, int]
) -> Floats:
    """Familywise p of each voxel, from the largest t of every permutation.

    Parameters
    ----------
    images
        (n_participants, n_voxels); they all stand in memory here.
    design, weights
        Of a t contrast.
    mask
        (n_voxels,) the voxels searched.
    volume
        The grid.
    seeded
        Number of permutations, and the seed.

    Returns
    -------
    (n_voxels,) 1 outside the mask
    """
    import nibabel as nib
    import pandas as pd
    from nilearn.glm.second_level import non_parametric_inference

    place = volume.voxels.copy()
    place[volume.voxels] = mask
    mask_img = nib.Nifti1Image(place.astype(np.uint8), volume.affine)
    maps = []
    for i in range(images.shape[0]):
        grid = np.zeros(volume.shape, dtype=np.float32)
        grid[place] = images[i][mask]
        maps.append(nib.Nifti1Image(grid, volume.affine))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the memory that the masker takes
        found = non_parametric_inference(
            maps,
            design_matrix=pd.DataFrame(design.matrix, columns=list(design.names)),
            second_level_contrast=weights,
            mask=mask_img,
            n_perm=seeded[0],
            two_sided_test=False,
            random_state=seeded[1],
        )
    p = np.ones(mask.size)
    p[mask] = 10.0 ** -np.asarray(found.dataobj, dtype=np.float64)[place]
    return p
