"""What is significant after correction in FSL's maps: voxels by Bonferroni and by the false discovery rate.

FSL's inference on clusters rests on the smoothness of the residuals, which is not estimated here: there are
no p values of clusters. A two-sided test is both tails with half of the error each.
"""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from bidsglm.backends.records import (
    ALPHA,
    VOXEL_RULES,
    ContrastInference,
    Corrected,
    TestedTail,
    corrections,
    spread,
)
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import Floats, Mask
from bidsglm.spm.thresholds import false_discovery_rates


def corrected(
    maps: ContrastMaps, found: ContrastInference, mask: Mask, volume: Volume, two_sided: bool
) -> tuple[Corrected, ...]:
    """Find what survives each correction in the map of a contrast."""

    def of_tail(tail: TestedTail) -> Mapping[str, tuple[Floats, Mask]]:
        p = stats.norm.sf(tail.sign * maps.z[mask])
        by_rule = {"voxelFWE": p * p.size, "voxelFDR": false_discovery_rates(p)}
        whole = {rule: spread(np.minimum(q / tail.share, 1), mask, 1.0) for rule, q in by_rule.items()}
        return {rule: (q, q <= ALPHA) for rule, q in whole.items()}

    return corrections(maps.specification.test, two_sided, VOXEL_RULES, of_tail)
