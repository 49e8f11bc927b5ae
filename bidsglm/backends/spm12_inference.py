"""SPM12's inference on fitted contrasts, and its second level, composed of the functions in ``bidsglm.spm``.

The results table is the one that SPM shows first: clusters of voxels with p < 0.001, uncorrected, of any
size, and of each its three highest peaks more than 8 mm apart.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.backends.records import ContrastInference, Inference, TestedTail, cluster_id, tails, voxel_volume
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import Floats, Mask
from bidsglm.outputs.columns import Cell, Column
from bidsglm.outputs.fit_tables import clusters
from bidsglm.process.cores import each
from bidsglm.spm import probability
from bidsglm.spm.clusters import (
    PEAK_DISTANCE,
    PEAKS_PER_CLUSTER,
    PeakRow,
    StatisticMap,
    Survivors,
    results_table,
    survivors,
)
from bidsglm.spm.random_field import Field, SearchVolume
from bidsglm.spm.smoothness import smoothness
from bidsglm.spm.thresholds import thresholds

_FIELD = "where the smoothness of the residuals cannot be estimated"
CLUSTERS = clusters(
    "spm",
    Column("stat", "number", "t (F of an F contrast) at the peak"),
    Column(
        "z",
        "number",
        "standard normal quantile that belongs to peak_p",
        infinite="where peak_p is too small for a number",
    ),
    Column("peak_p", "number", "p of the peak's voxel, uncorrected, as SPM prints it: 1 - exp(-p)"),
    Column(
        "peak_p_fwe",
        "number",
        "familywise p of the peak: the smaller of random field theory's and Bonferroni's",
    ),
    Column(
        "peak_q_fdr",
        "number",
        "false discovery rate at which the peak is kept, among all peaks above the threshold",
        missing=_FIELD,
    ),
    Column("cluster_voxels", "integer", "voxels of the cluster; clusters touch by face or edge"),
    Column("cluster_mm3", "number", "volume of the cluster (mm³)", "mm^3"),
    Column("cluster_p", "number", "p of the cluster's size, uncorrected", missing=_FIELD),
    Column(
        "cluster_p_fwe",
        "number",
        "familywise p of the cluster's size, by random field theory",
        missing=_FIELD,
    ),
    Column("cluster_q_fdr", "number", "false discovery rate at which the cluster is kept", missing=_FIELD),
    Column("survives_fwe05", "truth", "whether the peak exceeds the familywise threshold of 0.05"),
)
UNKNOWN = float("nan")


class Significance(NamedTuple):
    """A statistic with its probabilities, over all columns."""

    stat: Floats
    """(n_voxels,) 0 outside the mask, finite"""
    z: Floats
    """(n_voxels,) 0 outside the mask"""
    p: Floats
    """(n_voxels,) upper tail, 1 outside the mask"""


def significance(statistic: Floats, mask: Mask, dof: tuple[float, ...]) -> Significance:
    """Return a statistic's z and p, and the largest float32 for it where there is no residual variance.

    Parameters
    ----------
    statistic : (n_voxels,)
    mask : (n_voxels,)
    dof : (residual,) of t, (numerator, residual) of F

    Examples
    --------
    >>> significance(np.array([2.0, np.nan]), np.array([True, False]), (20.0,)).p.round(4)
    array([0.0296, 1.    ])
    """
    largest = float(np.finfo(np.float32).max)
    stat, z, p = np.zeros(mask.size), np.zeros(mask.size), np.ones(mask.size)
    inside = np.nan_to_num(statistic[mask], nan=0.0, posinf=largest, neginf=-largest)
    tail = probability.t_tail(inside, *dof) if len(dof) == 1 else probability.f_tail(inside, *dof)
    stat[mask], z[mask], p[mask] = inside, tail.z, tail.p
    return Significance(stat, z, p)


def search_volume(residuals: Iterable[Floats], mask: Mask, n_scans: int, rank: int) -> SearchVolume:
    """Find the resels of a mask; NaN where the smoothness cannot be estimated, which leaves Bonferroni.

    Parameters
    ----------
    residuals, mask, n_scans, rank : see `bidsglm.spm.smoothness.smoothness`

    Examples
    --------
    >>> search_volume(np.zeros((5, 1)), np.ones((1, 1, 1), bool), 5, 1).n_voxels
    1
    """
    try:
        return smoothness(residuals, mask, n_scans, rank).search
    except ValueError:
        return SearchVolume(int(np.count_nonzero(mask)), (UNKNOWN,) * 4, (UNKNOWN,) * 3)


def infer(
    maps: Sequence[ContrastMaps], search: SearchVolume, volume: Volume, two_sided: bool = False
) -> Inference:
    """Return thresholds and results tables of some contrasts.

    Parameters
    ----------
    maps : over the columns of the volume
    search : of the analysis mask
    volume : the grid
    two_sided : whether each tail of t has half of a threshold's error
    """
    fwhm = _fwhm_mm(search, volume)
    return Inference(fwhm, tuple(each(lambda m: _contrast_inference(m, search, volume, two_sided), maps)))


def _fwhm_mm(search: SearchVolume, volume: Volume) -> tuple[float, float, float] | None:
    x, y, z = (
        float(width * size) for width, size in zip(search.fwhm_voxels, volume.voxel_sizes, strict=True)
    )
    return None if np.isnan(x) else (x, y, z)


def _contrast_inference(
    maps: ContrastMaps, search: SearchVolume, volume: Volume, two_sided: bool
) -> ContrastInference:
    field = Field(maps.specification.test, maps.dof)
    both = tails(maps.specification.test, two_sided)
    found = thresholds(field, search, maps.stat, both[0].share)
    grid = volume.filled(maps.stat)
    statistic_map = StatisticMap(grid, volume.affine, field, search)
    by_tail = {
        tail: results_table(statistic_map._replace(volume=tail.sign * grid), found.p001) for tail in both
    }
    rows = by_tail[both[0]]
    facts = {
        "HeightThreshold": found.p001,
        "HeightControl": f"p < 0.001, uncorrected{', two-sided' if both[0].share < 1 else ''}",
        "ExtentThreshold": 0,
        "PeaksPerCluster": PEAKS_PER_CLUSTER,
        "PeakDistance": PEAK_DISTANCE,
        "Connectivity": 18,
        "Thresholds": found._asdict(),
        "SearchVolumeVoxels": search.n_voxels,
        "Resels": search.resels,
        "FWHM": _fwhm_mm(search, volume),
        "SetLevel": {"Clusters": rows[0].set_clusters, "p": rows[0].set_p} if rows else {"Clusters": 0},
        "SmallestSurviving": _surviving(survivors(statistic_map, found.p001)),
    }
    listed: list[dict[str, Cell]] = []
    n_before = 0
    for tail, own in by_tail.items():
        listed += _clusters(own, volume.affine, found.fwe05, (tail, n_before))
        n_before += max((row.cluster for row in own), default=0)
    return ContrastInference(found, tuple(listed), facts)


def _surviving(smallest: Survivors) -> dict[str, float]:
    """SPM's footer under the names of sidecars."""
    names = ("PeakFWE", "PeakFDR", "ClusterVoxelsFWE", "ClusterVoxelsFDR")
    return dict(zip(names, smallest, strict=True))


def _clusters(
    rows: Sequence[PeakRow], affine: Floats, fwe: float, place: tuple[TestedTail, int]
) -> list[dict[str, Cell]]:
    """Rows of a tail; numbers of its clusters go on from the other's."""
    ranks = [0] * len(rows)
    for i in range(1, len(rows)):
        ranks[i] = ranks[i - 1] + 1 if rows[i].cluster == rows[i - 1].cluster else 0
    mm3 = voxel_volume(affine)
    tail, n_before = place
    found = []
    for row, rank in zip(rows, ranks, strict=True):
        cells: dict[str, Cell] = row._asdict() | {
            "cluster_id": cluster_id(n_before + row.cluster, rank),
            "cluster_mm3": row.cluster_voxels * mm3,
            "survives_fwe05": row.stat > fwe,
            "stat": tail.sign * row.stat,
            "z": tail.sign * row.z,
            "tail": tail.name,
        }
        found.append({name: cells[name] for name in CLUSTERS.names})
    return found
