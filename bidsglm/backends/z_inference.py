"""Thresholds and cluster tables of packages whose inference looks at z maps, one tail after the other."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.backends.nilearn_clusters import PEAK_DISTANCE, PEAKS_PER_CLUSTER, Peak, cluster_peaks
from bidsglm.backends.records import ContrastInference, TestedTail, cluster_id, tails, voxel_volume
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import Mask
from bidsglm.outputs.columns import Cell, Column
from bidsglm.outputs.fit_tables import clusters
from bidsglm.outputs.schema import Schema
from bidsglm.spm.thresholds import Thresholds

LARGEST_DOF = 1e10
"""nilearn's own limit where it turns t and F into p."""
ORDERS = {6: 1, 18: 2, 26: 3}
"""Neighbours of a voxel -> how many coordinates may differ by one"""


class ZRules(NamedTuple):
    """What a package's own inference on a z map is."""

    thresholds: Callable[[NDArray[np.floating], float], Thresholds]
    """Takes z inside the mask, and the share of the error that the tail may make"""
    connectivity: Literal[6, 18, 26]
    """Neighbours of a voxel in its cluster"""

    @property
    def structure(self) -> NDArray[np.bool_]:
        """(3, 3, 3) a voxel and its neighbours.

        >>> int(ZRules(lambda z, share: Thresholds(3.1, 5.0, 4.0), 18).structure.sum())
        19
        """
        return np.asarray(scipy.ndimage.generate_binary_structure(3, ORDERS[self.connectivity]))


def z_clusters(
    package: str,
    z: str,
    touching: str,
    kept: str = "whether the peak is kept at a false discovery rate of 0.05",
) -> Schema:
    """Describe the clusters of a package.

    Parameters
    ----------
    package
        Its name.
    z
        What its z is.
    touching
        What neighbours in a cluster share.
    kept
        When a peak survives its false discovery rate.
    """
    return clusters(
        package,
        Column("stat", "number", "t (F of an F contrast) at the peak"),
        Column("z", "number", z),
        Column("peak_p", "number", "p of the peak's voxel, uncorrected"),
        Column("cluster_voxels", "integer", f"voxels of the cluster; clusters touch by {touching}"),
        Column("cluster_mm3", "number", "volume of the cluster (mm³)", "mm^3"),
        Column("survives_fdr05", "truth", kept),
        Column(
            "survives_fwe05", "truth", "whether the peak exceeds Bonferroni's familywise threshold of 0.05"
        ),
    )


def contrast_inference(
    maps: ContrastMaps, mask: Mask, volume: Volume, two_sided: bool, rules: ZRules
) -> ContrastInference:
    """Return thresholds and the cluster table of a contrast.

    Parameters
    ----------
    maps
        Over the columns of the volume.
    mask
        (n_voxels,)
    volume
        The grid.
    two_sided
        Whether each tail of t has half of a threshold's error.
    rules
        Of the package.
    """
    # What is written and what a masker of nilearn reads: float32, and 0 for what is not finite.
    z = np.nan_to_num(maps.z.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    both = tails(maps.specification.test, two_sided)
    by_tail = {tail: rules.thresholds(tail.sign * z[mask], tail.share) for tail in both}
    found = by_tail[both[0]]
    of_stat = stat_thresholds(found, maps.dof)
    grid = volume.filled(z)
    listed: list[dict[str, Cell]] = []
    n_before = 0
    for tail, heights in by_tail.items():
        peaks = cluster_peaks(tail.sign * grid, volume.affine, heights.p001, structure=rules.structure)
        listed += _clusters(peaks, maps, volume, (tail, heights, n_before))
        n_before += max((peak.cluster for peak in peaks), default=0)
    facts = {
        "HeightThreshold": found.p001,
        "HeightControl": f"p < 0.001, uncorrected, on z{', two-sided' if both[0].share < 1 else ''}",
        "ExtentThreshold": 0,
        "PeaksPerCluster": PEAKS_PER_CLUSTER,
        "PeakDistance": PEAK_DISTANCE,
        "Connectivity": rules.connectivity,
        "ThresholdsOfZ": found._asdict(),
        "Thresholds": of_stat._asdict(),
        "SearchVolumeVoxels": int(np.count_nonzero(mask)),
    }
    return ContrastInference(of_stat, tuple(listed), facts)


def stat_thresholds(thresholds: Thresholds, dof: tuple[float, ...]) -> Thresholds:
    """Return thresholds of t or F with the upper tails of thresholds of z.

    Parameters
    ----------
    thresholds : of z
    dof : (residual,) of t, (numerator, residual) of F

    Examples
    --------
    >>> round(stat_thresholds(Thresholds(3.09, 5.0, float("inf")), (20.0,)).p001, 3)
    3.551
    """
    p = scipy.stats.norm.sf(thresholds)
    residual = min(dof[-1], LARGEST_DOF)
    heights = scipy.stats.t.isf(p, residual) if len(dof) == 1 else scipy.stats.f.isf(p, dof[0], residual)
    return Thresholds(*(float(height) for height in heights))


def _clusters(
    peaks: Sequence[Peak], maps: ContrastMaps, volume: Volume, place: tuple[TestedTail, Thresholds, int]
) -> list[dict[str, Cell]]:
    """Rows of a tail; numbers of its clusters go on from the other's."""
    mm3 = voxel_volume(volume.affine)
    column = volume.filled(np.arange(np.count_nonzero(volume.voxels)))
    tail, thresholds, n_before = place
    places = column[tuple(np.array([peak.voxel for peak in peaks], dtype=np.intp).reshape(-1, 3).T)]
    # the lower tail's p from t: 1 - p would lose the digits of small ones
    lower = partial(scipy.stats.t.cdf, df=min(maps.dof[-1], LARGEST_DOF))
    p = maps.p[places] if tail.sign > 0 else lower(maps.stat[places])
    rows: list[dict[str, Cell]] = []
    rank = 0
    for i, peak in enumerate(peaks):
        rank = rank + 1 if i and peak.cluster == peaks[i - 1].cluster else 0
        x, y, z = (float(mm) for mm in volume.affine[:3] @ (*peak.voxel, 1))
        at = places[i]
        rows.append(
            {
                "cluster_id": cluster_id(n_before + peak.cluster, rank),
                "x_mm": x,
                "y_mm": y,
                "z_mm": z,
                "stat": float(maps.stat[at]),
                "z": tail.sign * peak.height,
                "peak_p": float(p[i]),
                "cluster_voxels": peak.cluster_voxels,
                "cluster_mm3": peak.cluster_voxels * mm3,
                "survives_fdr05": peak.height >= thresholds.fdr05,
                "survives_fwe05": peak.height > thresholds.fwe05,
                "tail": tail.name,
            }
        )
    return rows
