"""What survives SPM's corrections, against the numbers of its table of clusters and of scipy."""

import numpy as np
import pytest
from scipy import ndimage, stats

from bidsglm.backends import spm12
from bidsglm.backends.records import Corrected, SecondLevel
from bidsglm.backends.spm12_corrected import LOWEST_JUDGED, corrected
from bidsglm.data import Volume
from bidsglm.spm.random_field import Field, SearchVolume, cluster_probability, peak_p
from tests.backends.second_levels import contrast_of, design_of

SHAPE, SIZES, N = (14, 12, 10), (3.0, 2.0, 4.0), 12
FORMING, ALPHA = 0.001, 0.05


@pytest.fixture(scope="module")
def group() -> tuple[SecondLevel, Volume]:
    """Smooth noise of twelve participants with an effect of each sign, on voxels that are no cubes."""
    rng = np.random.default_rng(8)
    images = np.array([ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.2) for _ in range(N)])
    images /= images.std()
    images[:, 3:7, 3:7, 3:7] += 2.0
    images[:, 9:12, 5:9, 4:7] -= 2.0
    volume = Volume(SHAPE, np.diag([*SIZES, 1.0]), np.ones(SHAPE, dtype=bool))
    design = design_of(N)
    found = spm12.second_level(images.reshape(N, -1), design, [contrast_of(np.ones(1), design)], volume, None)
    return found, volume


def survivors(found: SecondLevel, volume: Volume, two_sided: bool = False) -> dict[str, Corrected]:
    given = corrected(found.maps[0], found.inference.contrasts[0], found.mask, volume, two_sided)
    return {each.inference: each for each in given}


def clusters(t: np.ndarray, share: float, found: SecondLevel) -> np.ndarray:
    """Familywise p of each voxel's cluster in a tail that has a share of the error."""
    height = stats.t.isf(FORMING * share, N - 1)
    labels, number = ndimage.label(t > height, ndimage.generate_binary_structure(3, 2))
    assert number
    facts = found.inference.contrasts[0].facts
    resels = np.bincount(labels.ravel())[1:] * np.prod(SIZES) / np.prod(facts["FWHM"])
    counts = tuple(float(count) for count in facts["Resels"])
    p = cluster_probability(Field("t", (N - 1.0,)), counts, height, resels).corrected
    return np.minimum(np.concatenate([[1.0], p / share])[labels], 1).ravel()


@pytest.mark.parametrize("two_sided", [False, True])
def test_clusters_are_formed_and_judged_with_the_share_of_their_tail(
    group: tuple[SecondLevel, Volume], two_sided: bool
) -> None:
    found, volume = group
    given = survivors(found, volume, two_sided)
    t = found.maps[0].stat.reshape(SHAPE)
    for tail, sign in (("upper", 1), ("lower", -1)):
        expected = clusters(sign * t, 0.5 if two_sided else 1.0, found)
        np.testing.assert_allclose(given["clusterExtent"].values[tail], expected, rtol=1e-6)
        np.testing.assert_array_equal(given["clusterExtent"].significant[tail], expected <= ALPHA)
    assert given["clusterExtent"].significant["upper"].any()


def test_clusters_have_the_p_of_the_table(group: tuple[SecondLevel, Volume]) -> None:
    found, volume = group
    inference = found.inference.contrasts[0]
    p = survivors(found, volume)["clusterExtent"].values["upper"].reshape(SHAPE)
    rows = [row for row in inference.clusters if row["stat"] > 0]
    assert rows
    for row in rows:
        place = tuple(round(float(row[f"{a}_mm"]) / size) for a, size in zip("xyz", SIZES, strict=True))
        assert p[place] == pytest.approx(row["cluster_p_fwe"])


@pytest.mark.parametrize("two_sided", [False, True])
def test_voxels_have_the_share_of_their_tail(group: tuple[SecondLevel, Volume], two_sided: bool) -> None:
    found, volume = group
    share = 0.5 if two_sided else 1.0
    given = survivors(found, volume, two_sided)
    for tail, sign in (("upper", 1), ("lower", -1)):
        p = stats.t.sf(sign * found.maps[0].stat, N - 1)
        fdr = np.minimum(stats.false_discovery_control(p) / share, 1)
        np.testing.assert_allclose(given["voxelFDR"].values[tail], fdr, rtol=1e-6)
        np.testing.assert_array_equal(given["voxelFDR"].significant[tail], fdr <= ALPHA)
        fwe = given["voxelFWE"]
        assert fwe.significant[tail].any()
        np.testing.assert_array_equal(fwe.significant[tail], fwe.values[tail] < ALPHA)
        assert (fwe.values[tail] <= np.minimum(p * p.size / share, 1) * (1 + 1e-9)).all()


def test_high_voxels_have_the_p_of_a_peak_of_their_height_and_low_ones_bonferronis(
    group: tuple[SecondLevel, Volume],
) -> None:
    found, volume = group
    facts = found.inference.contrasts[0].facts
    x, y, z = (float(mm) / size for mm, size in zip(facts["FWHM"], SIZES, strict=True))
    counts = tuple(float(count) for count in facts["Resels"])
    search = SearchVolume(int(facts["SearchVolumeVoxels"]), counts, (x, y, z))
    t = found.maps[0].stat
    p = stats.t.sf(t, N - 1)
    high = p < LOWEST_JUDGED
    assert 0 < high.sum() < high.size
    values = survivors(found, volume)["voxelFWE"].values["upper"]
    peak = peak_p(Field("t", (N - 1.0,)), search, t[high])
    np.testing.assert_allclose(values[high], np.minimum(peak, 1), rtol=1e-6)
    np.testing.assert_allclose(values[~high], np.minimum(p[~high] * t.size, 1), rtol=1e-6)
    # random field theory is surer of smooth maps than Bonferroni
    assert (values[high] < p[high] * t.size * 0.9).any()
