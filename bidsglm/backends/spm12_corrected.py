"""What SPM calls significant after correction: voxels by familywise error and false discovery rate, clusters.

SPM tests one tail. Both are looked at here, each as SPM would with the weights turned round; a two-sided
test is both of them with half of the error each.
"""

from typing import NamedTuple

import numpy as np

from bidsglm.backends.records import (
    ALPHA,
    FORMING_P,
    ContrastInference,
    Corrected,
    TestedTail,
    corrections,
    spread,
)
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import Floats, Mask
from bidsglm.spm.clusters import cluster_labels
from bidsglm.spm.random_field import Field, SearchVolume, cluster_probability, peak_p, upper_tail
from bidsglm.spm.thresholds import (
    FEWEST_DOF,
    false_discovery_rates,
    fwe_threshold,
    uncorrected_threshold,
)

LOWEST_JUDGED = 0.05
"""Uncorrected p from which a height counts as far above the mean, where random field theory holds."""
RULES = {
    "voxelFWE": "random field theory or Bonferroni, whichever is lower",
    "voxelFDR": "Benjamini-Hochberg over the voxels",
    "clusterExtent": "familywise p of the extent by random field theory, clusters of 18 neighbours",
}


class _Tested(NamedTuple):
    """A contrast's map as SPM's functions take it."""

    field: Field
    search: SearchVolume
    mask: Mask
    """(n_voxels,)"""
    volume: Volume


def corrected(
    maps: ContrastMaps, found: ContrastInference, mask: Mask, volume: Volume, two_sided: bool
) -> tuple[Corrected, ...]:
    """Find what survives each correction of SPM's in the map of a contrast."""
    tested = _Tested(Field(maps.specification.test, maps.dof), _search(found, volume), mask, volume)

    def of_tail(tail: TestedTail) -> dict[str, tuple[Floats, Mask]]:
        return _of_tail(tested, tail.sign * maps.stat, tail.share)

    return corrections(maps.specification.test, two_sided, RULES, of_tail)


def _search(found: ContrastInference, volume: Volume) -> SearchVolume:
    facts: dict[str, object] = dict(found.facts)
    fwhm = (
        np.full(3, np.nan)
        if facts["FWHM"] is None
        else np.asarray(facts["FWHM"], dtype=np.float64) / volume.voxel_sizes
    )
    resels = tuple(float(count) for count in np.asarray(facts["Resels"], dtype=np.float64))
    x, y, z = (float(width) for width in fwhm)
    return SearchVolume(int(str(facts["SearchVolumeVoxels"])), resels, (x, y, z))


def _of_tail(tested: _Tested, stat: Floats, share: float) -> dict[str, tuple[Floats, Mask]]:
    """Correction -> p of the tail (1 outside) and what is significant."""
    field, search, mask = tested.field, tested.search, tested.mask
    p = upper_tail(field, stat[mask])
    fwe = spread(np.minimum(_fwe(tested, stat[mask], p) / share, 1), mask, 1.0)
    fdr = spread(np.minimum(false_discovery_rates(p) / share, 1), mask, 1.0)
    height = fwe_threshold(field, search, ALPHA * share)
    clusters = np.minimum(_clusters(tested, stat, share) / share, 1)
    return {
        "voxelFWE": (fwe, mask & (stat > height)),
        "voxelFDR": (fdr, mask & (fdr <= ALPHA)),
        "clusterExtent": (clusters, clusters <= ALPHA),
    }


def _has_resels(tested: _Tested) -> bool:
    return bool(np.isfinite(tested.search.resels).all()) and tested.field.dof[-1] > FEWEST_DOF


def _fwe(tested: _Tested, heights: Floats, p: Floats) -> Floats:
    """Familywise p of each voxel's height."""
    bonferroni = np.minimum(p * tested.search.n_voxels, 1)
    high = p < LOWEST_JUDGED
    if not _has_resels(tested) or not high.any():
        return bonferroni
    bonferroni[high] = peak_p(tested.field, tested.search, heights[high])
    return bonferroni


def _clusters(tested: _Tested, stat: Floats, share: float) -> Floats:
    """Familywise p of each voxel's cluster, 1 in none."""
    p = np.ones(stat.size)
    if not np.isfinite(tested.search.resels).all():
        return p
    grid = tested.volume.filled(np.where(tested.mask, stat, 0.0))
    height = uncorrected_threshold(tested.field, FORMING_P * share)
    labels, number = cluster_labels(grid, height)
    sizes = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    resels = sizes * tested.search.resels_per_voxel
    of_cluster = cluster_probability(tested.field, tested.search.resels, height, resels).corrected
    own = labels[tested.volume.voxels]
    p[own > 0] = of_cluster[own[own > 0] - 1]
    return p
