"""Clusters, local maxima and results table of a thresholded map (``spm_max``, ``spm_list``).

Clusters are voxels above the threshold that touch by face or edge (18 neighbours); a local maximum has no
larger one among these neighbours. A cluster's p values come from its size in resels, a peak's family-wise p
from its height, and its false discovery rate from Ec(t) / Ec(u), the expected number of maxima above t for
each expected above the threshold u (topological FDR).

Source: SPM12 r7771; Chumbley et al. (2010), NeuroImage 49:3057-3064.

Notes
-----
The uncorrected p of a peak is SPM's 1 - exp(-p), not p, and its z belongs to that value.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats
from bidsglm.spm.random_field import Field, SearchVolume, cluster_probability, expectation, peak_p, upper_tail
from bidsglm.spm.thresholds import false_discovery_rates, fwe_threshold

FACES_AND_EDGES = np.abs(np.indices((3, 3, 3)) - 1).sum(axis=0) <= 2
PEAKS_PER_CLUSTER = 3
PEAK_DISTANCE = 8.0
"""mm; SPM's defaults for the results table, as the three peaks."""
ALPHA = 0.05


class StatisticMap(NamedTuple):
    """A map of a statistic, with what its inference needs."""

    volume: NDArray[np.floating]
    """(x, y, z); NaN or 0 outside the mask"""
    affine: Floats
    """(4, 4) from voxels to mm"""
    field: Field
    search: SearchVolume


class Peaks(NamedTuple):
    """Local maxima above a threshold."""

    voxels: NDArray[np.intp]
    """(n_peaks, 3)"""
    heights: Floats
    """(n_peaks,)"""
    clusters: NDArray[np.intp]
    """(n_peaks,) label of each one's cluster, from 1"""


class PeakRow(NamedTuple):
    """One peak of the results table, with its cluster and the whole set."""

    cluster: int
    """1 for the cluster with the highest peak, and so on"""
    set_p: float
    set_clusters: int
    cluster_p_fwe: float
    cluster_q_fdr: float
    cluster_voxels: int
    cluster_p: float
    peak_p_fwe: float
    peak_q_fdr: float
    stat: float
    z: float
    peak_p: float
    x_mm: float
    y_mm: float
    z_mm: float


class Survivors(NamedTuple):
    """Smallest heights and sizes that survive correction in one table; infinite where none does."""

    peak_fwe: float
    """The family-wise height threshold"""
    peak_fdr: float
    """Height of the lowest peak with q ≤ 0.05"""
    cluster_fwe: float
    """Voxels of the smallest cluster with p ≤ 0.05"""
    cluster_fdr: float
    """Voxels of the smallest cluster with q ≤ 0.05"""


class Excursion(NamedTuple):
    """What lies above a height threshold, and its p values."""

    peaks: Peaks
    peak_fdr: Floats
    """(n_peaks,)"""
    sizes: NDArray[np.intp]
    """(n_clusters,) voxels, by label"""
    cluster_p_fwe: Floats
    cluster_p: Floats
    cluster_fdr: Floats


def cluster_labels(volume: NDArray[np.floating], height: float) -> tuple[NDArray[np.int32], int]:
    """Label the clusters of voxels strictly above a height.

    Returns
    -------
    (x, y, z) labels from 1, 0 below the height; their number

    Examples
    --------
    >>> cluster_labels(np.array([[[3.0, 1.0, 4.0]]]), 2.0)
    (array([[[1, 0, 2]]], dtype=int32), 2)
    """
    # strictly above, so that NaN and the height itself are below
    labels, number = scipy.ndimage.label(volume > height, structure=FACES_AND_EDGES)
    return np.asarray(labels, dtype=np.int32), int(number)


def local_maxima(volume: NDArray[np.floating], labels: NDArray[np.int32]) -> Peaks:
    """Find the voxels of labelled clusters that no neighbour exceeds; equal neighbours are all maxima.

    Examples
    --------
    >>> row = np.array([[[3.0, 5.0, 5.0, 1.0, 4.0]]])
    >>> local_maxima(row, cluster_labels(row, 2.0)[0]).voxels[:, 2]
    array([1, 2, 4])
    """
    above = labels > 0
    places = np.nonzero(above)
    # a frame below everything saves the test for the border at each of the 18 steps
    padded = np.full(tuple(n + 2 for n in volume.shape), -np.inf)
    padded[1:-1, 1:-1, 1:-1][above] = volume[above]
    flat = np.ravel_multi_index(tuple(p + 1 for p in places), padded.shape)
    heights = padded.ravel()[flat]
    highest = np.ones(len(flat), dtype=np.bool_)
    steps = np.argwhere(FACES_AND_EDGES) - 1
    for step in steps @ np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1]):
        # spm_max: equal neighbours are maxima both
        highest &= padded.ravel()[flat + step] <= heights
    voxels = np.stack(places, axis=1)[highest]
    return Peaks(voxels, heights[highest], labels[above][highest].astype(np.intp))


def excursion(statistic_map: StatisticMap, height: float) -> Excursion:
    """Return peaks and clusters above a height with their p values over all of them, of any size."""
    field, search = statistic_map.field, statistic_map.search
    labels, number = cluster_labels(statistic_map.volume, height)
    peaks = local_maxima(statistic_map.volume, labels)
    sizes = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    # all clusters above the height, of any size: the rates are over what was tested, not what is listed
    p = cluster_probability(field, search.resels, height, sizes * search.resels_per_voxel)
    # the height goes with the peaks, for the ratio Ec(t) / Ec(u) of one call
    expected, _ = expectation(field, search.resels, np.append(peaks.heights, height))
    return Excursion(
        peaks,
        false_discovery_rates(expected[:-1] / expected[-1]),
        sizes,
        p.corrected,
        p.uncorrected,
        false_discovery_rates(p.uncorrected),
    )


def results_table(
    statistic_map: StatisticMap,
    height: float,
    extent: int = 0,
    peaks_per_cluster: float = PEAKS_PER_CLUSTER,
    peak_distance: float = PEAK_DISTANCE,
) -> tuple[PeakRow, ...]:
    """Return SPM's results table: clusters by their highest peak, peaks by height inside each.

    Parameters
    ----------
    height : threshold that voxels exceed
    extent : voxels; smaller clusters are left out
    peaks_per_cluster : at most so many of a cluster; infinite for all
    peak_distance : mm; peaks no farther than this from a listed one of their cluster are left out

    Examples
    --------
    >>> volume = np.zeros((8, 8, 8))
    >>> volume[2, 2, 2:4] = 6.0, 5.0
    >>> search = SearchVolume(512, (1, 5.25, 9.19, 5.36), (4.0, 4.0, 4.0))
    >>> t_map = StatisticMap(volume, np.diag([3.0, 3, 3, 1]), Field("t", (20.0,)), search)
    >>> table = results_table(t_map, 3.5)
    >>> [(row.cluster, row.cluster_voxels, row.stat, row.x_mm) for row in table]
    [(1, 2, 6.0, 6.0)]
    """
    above = excursion(statistic_map, height)
    # the extent threshold hides clusters; it changes no p of a peak or cluster
    kept = above.sizes >= extent
    n_clusters = int(np.count_nonzero(kept))
    mm = above.peaks.voxels @ statistic_map.affine[:3, :3].T + statistic_map.affine[:3, 3]
    groups = [group for group in _groups(above.peaks) if kept[above.peaks.clusters[group[0]] - 1]]
    listed = [_apart(mm, group, peaks_per_cluster, peak_distance) for group in groups]
    numbers = [number for number, peaks in enumerate(listed, start=1) for _ in peaks]
    peaks = np.array([peak for peaks in listed for peak in peaks], dtype=np.intp)
    set_p = _set_p(statistic_map, height, extent, n_clusters)
    cells = _cells(statistic_map, above, peaks, mm)
    return tuple(
        PeakRow._make((number, set_p, n_clusters, *rest)) for number, rest in zip(numbers, cells, strict=True)
    )


def _groups(peaks: Peaks) -> list[NDArray[np.intp]]:
    """Return the peaks of each cluster; peaks and clusters by height, ties in SPM's order of voxels."""
    if not len(peaks.heights):
        return []
    x, y, z = peaks.voxels.T
    # spm_max lists voxels with x fastest, which decides between equal heights
    order = np.lexsort((x, y, z, -peaks.heights))
    _, first, cluster = np.unique(peaks.clusters[order], return_index=True, return_inverse=True)
    arranged = order[np.argsort(first[cluster], kind="stable")]
    return np.split(arranged, np.flatnonzero(np.diff(peaks.clusters[arranged])) + 1)


def _apart(mm: Floats, group: NDArray[np.intp], number: float, distance: float) -> list[int]:
    """Return the first peaks of a group that lie far enough from all those before them."""
    chosen: list[int] = []
    while len(group) and len(chosen) < number:
        chosen.append(int(group[0]))
        # greedy from the highest, as spm_list drops what lies near a peak that it has printed
        away = np.linalg.norm(mm[group[1:]] - mm[group[0]], axis=1) > distance
        group = group[1:][away]
    return chosen


def _set_p(statistic_map: StatisticMap, height: float, extent: int, n_clusters: int) -> float:
    """Probability of at least so many clusters; for one of any size it is a peak's."""
    field, search = statistic_map.field, statistic_map.search
    # spm_P takes Bonferroni's minimum for one cluster of any size, the set's p included
    if n_clusters == 1 and extent == 0:
        return float(peak_p(field, search, height))
    size = extent * search.resels_per_voxel
    return float(cluster_probability(field, search.resels, height, size, n_clusters).corrected)


def _cells(
    statistic_map: StatisticMap, above: Excursion, peaks: NDArray[np.intp], mm: Floats
) -> list[tuple[float, ...]]:
    """Cells of some peaks' rows from the cluster's p value on."""
    field, search = statistic_map.field, statistic_map.search
    cluster = above.peaks.clusters[peaks] - 1
    heights = above.peaks.heights[peaks]
    # spm_P with one resel of dimension 0: a Poisson probability in place of the tail itself
    p = -np.expm1(-upper_tail(field, heights))
    columns = (
        above.cluster_p_fwe[cluster],
        above.cluster_fdr[cluster],
        above.sizes[cluster],
        above.cluster_p[cluster],
        peak_p(field, search, heights),
        above.peak_fdr[peaks],
        heights,
        -scipy.special.ndtri(p),
        p,
        *mm[peaks].T,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def survivors(statistic_map: StatisticMap, height: float) -> Survivors:
    """Return the smallest heights and cluster sizes that survive correction among those above a height.

    Examples
    --------
    >>> volume = np.zeros((8, 8, 8))
    >>> volume[2, 2, 2:4] = 8.0, 5.0
    >>> search = SearchVolume(512, (1, 5.25, 9.19, 5.36), (4.0, 4.0, 4.0))
    >>> survivors(StatisticMap(volume, np.eye(4), Field("t", (20.0,)), search), 3.5).peak_fdr
    8.0
    """
    above = excursion(statistic_map, height)
    return Survivors(
        fwe_threshold(statistic_map.field, statistic_map.search, ALPHA),
        _smallest(above.peaks.heights, above.peak_fdr),
        _smallest(above.sizes, above.cluster_p_fwe),
        _smallest(above.sizes, above.cluster_fdr),
    )


def _smallest(values: NDArray[np.floating] | NDArray[np.intp], p: Floats) -> float:
    """Return the smallest value that is significant, infinity where none is."""
    return float(min(values[p <= ALPHA], default=np.inf))
