"""What is significant after correction in FSL's maps: voxels by Bonferroni and by the false discovery rate.

FSL's inference on clusters rests on the smoothness of the residuals, which is not estimated here: there are
no p values of clusters. A two-sided test is both tails with half of the error each.
"""

import numpy as np
from scipy import stats

from bidsglm.backends.records import ALPHA, ContrastInference, Corrected, tails
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import Floats, Mask
from bidsglm.spm.thresholds import false_discovery_rates

RULES = {
    "voxelFWE": "Bonferroni over the voxels",
    "voxelFDR": "Benjamini-Hochberg over the voxels",
}
"""What each correction is."""


def corrected(
    maps: ContrastMaps, found: ContrastInference, mask: Mask, volume: Volume, two_sided: bool
) -> tuple[Corrected, ...]:
    """Find what survives each correction in the map of a contrast.

    Parameters
    ----------
    maps
        Over the columns of the volume.
    found, volume
        Do not matter here.
    mask
        (n_voxels,)
    two_sided
        Whether each tail has half of the error.
    """
    signed = tails(maps.specification.test, two_sided)
    each = {tail: _of_tail(tail.sign * maps.z, mask, tail.share) for tail in signed}
    return tuple(
        Corrected.of(name, rule, {tail: kinds[name] for tail, kinds in each.items()})
        for name, rule in RULES.items()
    )


def _of_tail(z: Floats, mask: Mask, share: float) -> dict[str, tuple[Floats, Mask]]:
    """Correction -> p of the tail, 1 outside the mask, and what is significant."""
    p = stats.norm.sf(z[mask])
    found = {"voxelFWE": np.minimum(p * p.size / share, 1)}
    found["voxelFDR"] = np.minimum(false_discovery_rates(p) / share, 1)
    result = {}
    for name, values in found.items():
        whole = np.ones(mask.size)
        whole[mask] = values
        result[name] = (whole, whole <= ALPHA)
    return result
