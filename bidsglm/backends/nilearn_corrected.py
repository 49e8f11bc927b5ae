"""What nilearn calls significant after correction: voxels by Bonferroni and false discovery rate, clusters.

Voxels are those of ``threshold_stats_img``. nilearn has no p of a cluster's extent but by permutations; its
own inference on clusters is ``cluster_level_inference`` (Rosenblatt et al. 2018): the share of a cluster's
voxels that are active at least, with a familywise error over all clusters. A cluster is significant where
that share is above 0. A two-sided test is both tails with half of the error each, as in nilearn.
"""

import warnings

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.backends.records import (
    ALPHA,
    FORMING_P,
    VOXEL_RULES,
    ContrastInference,
    Corrected,
    TestedTail,
    corrections,
    spread,
)
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import Floats, Mask

RULES = {
    **VOXEL_RULES,
    "clusterExtent": "clusters of 6 neighbours with active voxels, by all-resolution inference",
}
"""What each correction is."""


def corrected(
    maps: ContrastMaps, found: ContrastInference, mask: Mask, volume: Volume, two_sided: bool
) -> tuple[Corrected, ...]:
    """Find what survives each correction of nilearn's in the map of a contrast."""
    # what a masker of nilearn reads
    z = np.nan_to_num(maps.z.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)

    def of_tail(tail: TestedTail) -> dict[str, tuple[Floats, Mask]]:
        return _of_tail(tail.sign * z, mask, volume, tail.share)

    return corrections(maps.specification.test, two_sided, RULES, of_tail)


def _of_tail(
    z: NDArray[np.float32], mask: Mask, volume: Volume, share: float
) -> dict[str, tuple[Floats, Mask]]:
    """Correction -> p of the tail (a share of voxels for clusters) and what is significant."""
    from nilearn.glm import fdr_threshold

    p = scipy.stats.norm.sf(z[mask].astype(np.float64))
    fwe = spread(np.minimum(p * p.size / share, 1), mask, 1.0)
    fdr = spread(np.minimum(scipy.stats.false_discovery_control(p) / share, 1), mask, 1.0)
    height = float(scipy.stats.norm.isf(ALPHA * share / p.size))
    active = _active_shares(z, mask, volume, share)
    return {
        "voxelFWE": (fwe, mask & (z > height)),
        "voxelFDR": (fdr, mask & (z >= float(fdr_threshold(z[mask], ALPHA * share)))),
        "clusterExtent": (active, active > 0),
    }


def _active_shares(z: NDArray[np.float32], mask: Mask, volume: Volume, share: float) -> Floats:
    """Share of the voxels of each voxel's cluster that are active at least; 0 in no cluster."""
    import nibabel as nib
    from nilearn.glm import cluster_level_inference

    place = volume.filled(mask)
    grid = volume.filled(np.where(mask, z, np.float32(0)))
    height = float(scipy.stats.norm.isf(FORMING_P * share))
    found = np.zeros(mask.size)
    if not (grid > height).any():
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = cluster_level_inference(
            nib.Nifti1Image(grid, volume.affine),
            nib.Nifti1Image(place.astype(np.uint8), volume.affine),
            threshold=height,
            alpha=ALPHA * share,
        )
    found[mask] = np.asarray(image.dataobj, dtype=np.float64)[place]
    return found
