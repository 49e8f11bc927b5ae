"""nilearn's own table is the oracle."""

import warnings

import nibabel as nib
import numpy as np
import pytest
from nilearn.reporting import get_clusters_table
from scipy import ndimage

from bidsglm.backends.nilearn_clusters import cluster_peaks, excursion, maxima

AFFINE = np.array(
    [[-2.5, 0.0, 0.0, 20.0], [0.0, 3.0, 0.0, -10.0], [0.0, 0.0, 2.0, 5.0], [0.0, 0.0, 0.0, 1.0]]
)
MM = 1e-9
"""Of coordinates: both are the affine times whole numbers."""


def noise(seed: int, smooth: float, shape: tuple[int, ...] = (20, 22, 18)) -> np.ndarray:
    """Smooth noise of unit variance, with some voxels outside a mask."""
    values = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), smooth)
    values /= values.std()
    values[:2] = 0
    return values


def demo_map() -> np.ndarray:
    """Three blobs of z in noise, two of which touch."""
    place = np.indices((20, 22, 18)).transpose(1, 2, 3, 0)
    blobs = [
        8 * np.exp(-((place - centre) ** 2).sum(axis=-1) / 8)
        for centre in ((5, 6, 6), (9, 8, 7), (14, 15, 10))
    ]
    return noise(0, 1.0) + sum(blobs)


def plateaus() -> np.ndarray:
    """Clusters of one height: a bar of even length, a ring whose centre is outside it, single voxels."""
    volume = np.zeros((12, 12, 6))
    volume[1, 1:5, 1] = 4.0
    volume[6:9, 6:9, 3] = 5.0
    volume[7, 7, 3] = 0.0
    volume[0, 0, 5] = volume[11, 11, 0] = 3.5
    return volume


MAPS = {
    "demo": demo_map(),
    "rough": noise(1, 0.5),
    "smooth": noise(2, 1.5),
    "rounded": np.round(4 * noise(3, 1.0)) / 4,
    "capped": np.minimum(noise(4, 1.5), 2.0),
    "one slice": noise(5, 1.0, (30, 31, 1)),
    "plateaus": plateaus(),
}


def assert_equals_nilearn(volume: np.ndarray, affine: np.ndarray, height: float, distance: float) -> int:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Attention: At least one of the")
        theirs = get_clusters_table(nib.Nifti1Image(volume, affine), height, min_distance=distance)
    ours = cluster_peaks(volume, affine, height, distance)
    ids = [str(name).rstrip("abc") for name in theirs["Cluster ID"]]
    assert [str(peak.cluster) for peak in ours] == ids
    mm = np.array([peak.voxel for peak in ours]) @ affine[:3, :3].T + affine[:3, 3]
    np.testing.assert_allclose(mm, theirs[["X", "Y", "Z"]].to_numpy(float), atol=MM)
    np.testing.assert_array_equal([peak.height for peak in ours], theirs["Peak Stat"])
    voxel_volume = abs(np.linalg.det(affine[:3, :3]))
    sizes = [size for size in theirs["Cluster Size (mm3)"] if size != ""]
    first = [a for a, b in zip(ours, (None, *ours), strict=False) if b is None or a.cluster != b.cluster]
    assert [int(peak.cluster_voxels * voxel_volume) for peak in first] == sizes
    return len(ours) - len(first)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("height", [1.0, 1.7])
def test_table_equals_nilearns(name, height):
    assert_equals_nilearn(MAPS[name], AFFINE, height, 8.0)


@pytest.mark.parametrize("share", [0.9e-5, 1.1e-5])
def test_cluster_is_of_one_height_up_to_nilearns_tolerance(share):
    volume = np.zeros((7, 7, 8))
    volume[2:5, 2:5, 2:5] = 5.0
    # a cluster that counts as one height keeps the inside of its plateau, and so the peak in its middle
    volume[3, 3, 5] = 5 * (1 - share)
    assert_equals_nilearn(volume, AFFINE, 3.0, 8.0)
    (peak,) = cluster_peaks(volume, AFFINE, 3.0)
    assert (peak.voxel == (3, 3, 3)) is (share < 1e-5)


def test_further_peaks_equal_nilearns_at_any_distance():
    assert all(
        assert_equals_nilearn(MAPS["smooth"], AFFINE, 0.5, distance) > 0 for distance in (4.0, 8.0, 15.0)
    )


def test_oblique_affine_gives_the_same_distances():
    oblique = AFFINE.copy()
    angle = np.deg2rad(20)
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    oblique[:3, :3] = rotation @ AFFINE[:3, :3]
    assert assert_equals_nilearn(MAPS["demo"], oblique, 1.0, 8.0) > 0


def test_corners_touch_no_cluster_but_hide_no_peak():
    volume = np.zeros((4, 4, 4))
    volume[0, 0, 0], volume[1, 1, 1] = 5.0, 4.0
    above = excursion(volume, 3.0)
    assert len(above.sizes) == 2
    assert len(maxima(volume, above).heights) == 2


def test_nothing_above_the_threshold_is_no_row():
    assert cluster_peaks(np.zeros((4, 5, 6)), AFFINE, 3.1) == ()
    assert cluster_peaks(np.full((4, 5, 6), np.nan), AFFINE, 3.1) == ()
