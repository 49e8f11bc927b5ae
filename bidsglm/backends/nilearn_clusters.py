"""Clusters and peaks of a thresholded map by the rules of nilearn's ``get_clusters_table``.

Clusters touch by faces. A peak is a voxel that none of its 26 neighbours in the same cluster exceeds; peaks
of one height that touch by faces are one, at the voxel nearest their centre. Of a cluster the highest peak
and up to three more are listed.

``get_clusters_table`` looks at the whole volume once for each cluster, which takes a minute for a noisy
brain; here only the voxels above the threshold are touched.

Notes
-----
nilearn compares a peak's distance only with that of the last peak that it kept, not with all of them.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.model import Floats
from bidsglm.spm.clusters import Peaks

FACES = np.abs(np.indices((3, 3, 3)) - 1).sum(axis=0) <= 1
NEIGHBOURS = np.array([step for step in product((-1, 0, 1), repeat=3) if any(step)])
PEAKS_PER_CLUSTER = 4
PEAK_DISTANCE = 8.0
"""mm; nilearn's defaults, as the four peaks."""

LEVEL_SHARE, LEVEL = 1e-5, 1e-8
"""Share and size by which heights that are one differ at most; nilearn has numpy's defaults."""

Voxels = NDArray[np.intp]


class Peak(NamedTuple):
    """A row of nilearn's table."""

    cluster: int
    """1 for the cluster with the highest peak, and so on"""
    voxel: tuple[int, int, int]
    height: float
    cluster_voxels: int


class VoxelsAbove(NamedTuple):
    """Voxels above a threshold."""

    labels: NDArray[np.int32]
    """(x, y, z) clusters from 1, 0 below the threshold"""
    sizes: NDArray[np.intp]
    """(n_clusters,) voxels"""
    voxels: Voxels
    """(n_above, 3) in C order"""
    heights: Floats
    """(n_above,)"""
    clusters: NDArray[np.intp]
    """(n_above,) label of each voxel's cluster"""


def cluster_peaks(
    volume: NDArray[np.floating],
    affine: Floats,
    height: float,
    peak_distance: float = PEAK_DISTANCE,
    structure: NDArray[np.bool_] = FACES,
) -> tuple[Peak, ...]:
    """List what nilearn's table lists: clusters by their highest peak, peaks by height inside each.

    Parameters
    ----------
    volume : (x, y, z) z or another statistic; NaN counts as 0
    affine : (4, 4) from voxels to mm
    height : positive threshold that voxels exceed
    peak_distance : mm between a peak and the one listed before it
    structure : (3, 3, 3) a voxel and those that it touches; others than faces for other packages

    Examples
    --------
    >>> volume = np.zeros((9, 3, 3))
    >>> volume[1:8, 1, 1] = 4, 5, 4, 3.5, 4, 4.5, 4
    >>> [(p.cluster, p.voxel[0], p.height) for p in cluster_peaks(volume, np.diag([3.0, 3, 3, 1]), 3.1)]
    [(1, 2, 5.0), (1, 6, 4.5)]
    """
    above = excursion(volume, height, structure)
    peaks = maxima(volume, above)
    # distances need no origin
    mm = peaks.voxels @ affine[:3, :3].T
    listed = []
    for number, group in enumerate(_groups(peaks), start=1):
        size = int(above.sizes[peaks.clusters[group[0]] - 1])
        for place in _apart(mm, group, peak_distance):
            x, y, z = (int(i) for i in peaks.voxels[place])
            listed.append(Peak(number, (x, y, z), float(peaks.heights[place]), size))
    return tuple(listed)


def excursion(
    volume: NDArray[np.floating], height: float, structure: NDArray[np.bool_] = FACES
) -> VoxelsAbove:
    """Find the clusters of voxels above a height.

    Examples
    --------
    >>> excursion(np.array([[[4.0, 3.0], [0.0, 4.0]], [[0.0, 0.0], [4.0, 0.0]]]), 2.0).sizes
    array([3, 1])
    """
    labels, number = scipy.ndimage.label(volume > height, structure=structure)
    # few voxels pass a threshold: all that follows is of them, not of the volume
    voxels = np.argwhere(labels)
    clusters = labels[tuple(voxels.T)].astype(np.intp)
    sizes = np.bincount(clusters, minlength=number + 1)[1:]
    return VoxelsAbove(
        labels.astype(np.int32), sizes, voxels, volume[tuple(voxels.T)].astype(np.float64), clusters
    )


def maxima(volume: NDArray[np.floating], above: VoxelsAbove) -> Peaks:
    """Find the peaks of every cluster; touching ones of one height count once.

    Parameters
    ----------
    volume : (x, y, z) the map
    above : its voxels above a threshold

    Examples
    --------
    >>> row = np.array([[[0.0, 4.0, 5.0, 5.0, 4.0, 6.0]]])
    >>> maxima(row, excursion(row, 2.0)).voxels
    array([[0, 0, 2],
           [0, 0, 5]])
    """
    if not len(above.heights):
        return Peaks(above.voxels, above.heights, above.clusters)
    is_peak = _is_peak(volume.shape, above)
    # the largest float32 is what nilearn takes for infinity
    voxels = above.voxels[is_peak]
    heights = np.minimum(above.heights[is_peak], np.finfo(np.float32).max)
    peaks = np.zeros(volume.shape, dtype=np.bool_)
    peaks[tuple(voxels.T)] = True
    # The default connectivity of label is by faces, as nilearn joins peaks.
    places, number = scipy.ndimage.label(peaks)
    index = np.arange(1, number + 1)
    # get_clusters_table puts a plateau's peak at its centre of mass, weighted by the map
    own = places[tuple(voxels.T)] - 1
    weights = np.bincount(own, heights, number)
    moments = np.stack([np.bincount(own, heights * along, number) for along in voxels.T], axis=1)
    centres = np.rint(moments / weights[:, None]).astype(np.intp)
    # the centre of a bent plateau lies outside it, and nilearn takes the nearest of its voxels
    for i in np.flatnonzero(places[tuple(centres.T)] != index):
        members = np.argwhere(places == index[i])
        centres[i] = members[np.argmin(np.linalg.norm(members - centres[i], axis=1))]
    at = tuple(centres.T)
    return Peaks(centres, volume[at].astype(np.float64), above.labels[at].astype(np.intp))


def _is_peak(shape: tuple[int, ...], above: VoxelsAbove) -> NDArray[np.bool_]:
    """(n_above,) whether no neighbour of its cluster exceeds a voxel, and any differs from it."""
    padded = tuple(n + 2 for n in shape)
    heights, labels = np.full(padded, np.nan), np.zeros(padded, dtype=np.int32)
    # a frame of NaN marks the outside of the volume, where no comparison holds
    heights[1:-1, 1:-1, 1:-1] = 0.0
    flat = np.ravel_multi_index(tuple((above.voxels + 1).T), padded)
    heights.ravel()[flat], labels.ravel()[flat] = above.heights, above.clusters
    highest, flat_around = np.ones(len(flat), dtype=np.bool_), np.ones(len(flat), dtype=np.bool_)
    for step in NEIGHBOURS @ np.array([padded[1] * padded[2], padded[2], 1]):
        other = heights.ravel()[flat + step]
        same_cluster = labels.ravel()[flat + step] == above.clusters
        # nilearn masks other clusters out before it filters, so that a higher neighbour there does not count
        highest &= ~(same_cluster & (other > above.heights))
        # Beyond the volume nothing is compared: nilearn's filters mirror it there.
        flat_around &= (same_cluster & (other == above.heights)) | np.isnan(other)
    # nilearn drops maxima that equal their minima, the insides of plateaus, but not a cluster of one height
    return highest & (~flat_around | _is_constant(above)[above.clusters - 1])


def _is_constant(above: VoxelsAbove) -> NDArray[np.bool_]:
    """(n_clusters,) whether a cluster has one height, by nilearn's tolerance."""
    index = np.arange(1, len(above.sizes) + 1)
    highest = scipy.ndimage.maximum(above.heights, above.clusters, index)
    lowest = scipy.ndimage.minimum(above.heights, above.clusters, index)
    return np.asarray(np.isclose(highest, lowest, rtol=LEVEL_SHARE, atol=LEVEL))


def _groups(peaks: Peaks) -> list[NDArray[np.intp]]:
    """Return the peaks of each cluster by height, clusters by their highest.

    Equal heights fall as numpy's default sort leaves them, which is nilearn's order too.
    """
    if not len(peaks.heights):
        return []
    # C order within a cluster, from which nilearn's sorts start too
    by_cluster = np.argsort(peaks.clusters, kind="stable")
    groups = np.split(by_cluster, np.flatnonzero(np.diff(peaks.clusters[by_cluster])) + 1)
    groups = [group[np.argsort(-peaks.heights[group])] for group in groups]
    highest = np.array([peaks.heights[group[0]] for group in groups])
    return [groups[i] for i in np.argsort(-highest)]


def _apart(mm: Floats, group: NDArray[np.intp], distance: float) -> list[int]:
    """Return the first peaks of a group, each farther than a distance from the one before."""
    chosen = [int(group[0])]
    for place in group[1:]:
        if len(chosen) == PEAKS_PER_CLUSTER:
            break
        # only against the last that was kept, see Notes
        if np.linalg.norm(mm[place] - mm[chosen[-1]]) > distance:
            chosen.append(int(place))
    return chosen
