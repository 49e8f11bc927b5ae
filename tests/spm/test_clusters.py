import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from bidsglm.spm.clusters import (
    FACES_AND_EDGES,
    PeakRow,
    StatisticMap,
    Survivors,
    cluster_labels,
    excursion,
    local_maxima,
    results_table,
    survivors,
)
from bidsglm.spm.random_field import Field, SearchVolume, cluster_probability, peak_p
from bidsglm.spm.smoothness import resel_counts
from bidsglm.spm.thresholds import random_field_threshold, thresholds
from tests.conftest import find_shared
from tests.spm.extras import find_extra, find_extras, read_volume

P_RTOL = 1e-6
"""SPM's upper tails are 1 - cdf, which leaves few digits of the smallest q."""
P_ATOL = 1e-12
"""The same error times the number of voxels or resels."""
THRESHOLD_RTOL = 2e-7
"""SPM inverts distributions by bisection."""
LARGEST_PRECISE_Z = 6.0
"""SPM's z comes from 1 - p, which has lost its digits above; it is infinite above about 8."""

CASES = {
    "level2_ttest_smooth": "second_level/ttest_smooth",
    "real_haxby_1slice_2D": "inference/real_haxby_1slice_2D_maps",
    "01_block_tapping": None,
    "03_event_derivs_motion_2sess": None,
    "06b_gamma": None,
    "11_T32_T01_TR0.8_scans": None,
}
"""Where the maps lie among the extras; None: in the first-level reference."""
N_CONTRASTS = {
    "level2_ttest_smooth": 4,
    "real_haxby_1slice_2D": 10,
    "01_block_tapping": 3,
    "03_event_derivs_motion_2sess": 7,
    "06b_gamma": 3,
    "11_T32_T01_TR0.8_scans": 3,
}
Z = PeakRow._fields.index("z")


def test_every_inference_case_is_tested():
    names = {Path(name).stem for name in find_extras("inference/*.json")} - {"functions_grid"}
    assert names <= set(CASES)
    assert len(CASES) == 6


def find_map(case: str, name: str) -> Path:
    folder = CASES[case]
    if folder is not None:
        return find_extra(f"{folder}/{name}.nii.gz")
    shared = find_shared()
    if shared is None:
        pytest.skip("the map is in the full reference, which is not beside this checkout")
    return shared / "spm12-reference" / case / "reference" / f"{name}.nii.gz"


def read_contrasts(case: str) -> list[tuple[dict, StatisticMap]]:
    reference = json.loads(find_extra(f"inference/{case}.json").read_text())
    mask = read_volume(find_map(case, "mask")) > 0
    fwhm = tuple(reference["FWHM"])
    search = SearchVolume(int(mask.sum()), resel_counts(mask, fwhm), fwhm)
    contrasts = []
    for contrast in reference["contrasts"]:
        path = find_map(case, f"spm{contrast['STAT']}_{contrast['number']:04d}")
        numerator, residual = contrast["df"]
        field = Field("t", (residual,)) if contrast["STAT"] == "T" else Field("F", (numerator, residual))
        contrasts.append((contrast, StatisticMap(read_volume(path), nib.load(path).affine, field, search)))
    return contrasts


def number(value: float | None) -> float:
    return np.inf if value is None else value


def assert_same_rows(ours: tuple[PeakRow, ...], theirs: list[list[float | None]]) -> None:
    theirs = [theirs] if theirs and not isinstance(theirs[0], list) else theirs
    assert len(ours) == len(theirs)
    for row, reference in zip(ours, theirs, strict=True):
        expected = np.array([row.cluster, *reference], dtype=float)
        given = np.array(row, dtype=float)
        empty = np.isnan(expected)
        empty[Z] |= given[Z] > LARGEST_PRECISE_Z
        np.testing.assert_allclose(given[~empty], expected[~empty], rtol=P_RTOL, atol=P_ATOL)


@pytest.mark.parametrize("case", CASES)
def test_results_tables_equal_spm(case):
    contrasts = read_contrasts(case)
    assert len(contrasts) == N_CONTRASTS[case]
    for reference, statistic_map in contrasts:
        for level in ("unc001", "FWE05"):
            expected = reference[level]
            everything = results_table(statistic_map, expected["u"], 0, np.inf, -1)
            assert_same_rows(everything, expected.get("rows", []))
            assert_same_rows(results_table(statistic_map, expected["u"]), expected.get("rows_3peaks_8mm", []))
            assert np.count_nonzero(statistic_map.volume > expected["u"]) == expected["n_voxels"]
            sizes = excursion(statistic_map, expected["u"]).sizes
            assert sorted(sizes) == sorted(np.atleast_1d(expected.get("cluster_sizes", [])))


@pytest.mark.parametrize("case", CASES)
def test_survivors_and_thresholds_equal_spm(case):
    for reference, statistic_map in read_contrasts(case):
        for level in ("unc001", "FWE05"):
            expected = [number(value) for value in reference[level]["uc_FWEp_FDRp_FWEc_FDRc"]]
            given = survivors(statistic_map, reference[level]["u"])
            np.testing.assert_allclose(given, expected, rtol=THRESHOLD_RTOL)
        field, search, values = statistic_map.field, statistic_map.search, statistic_map.volume
        names = ("u_unc_001", "u_FWE05", "u_voxelFDR05")
        np.testing.assert_allclose(
            thresholds(field, search, values),
            [number(reference[name]) for name in names],
            rtol=THRESHOLD_RTOL,
        )
        random_field = random_field_threshold(field, search.resels)
        np.testing.assert_allclose(random_field, reference["u_FWE05_RF"], rtol=1e-11)


def random_map(seed: int, smooth: float = 1.0) -> StatisticMap:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((14, 15, 16)), smooth)
    volume = noise / noise.std()
    volume[:2] = np.nan
    search = SearchVolume(12 * 15 * 16, (1.0, 15.0, 70.0, 110.0), (3.0, 3.0, 3.0))
    affine = np.array([[-2.0, 0, 0, 20], [0, 3, 0, -30], [0, 0, 4, 10], [0, 0, 0, 1]])
    return StatisticMap(volume, affine, Field("t", (1e7,)), search)


@pytest.mark.parametrize("seed", range(3))
def test_local_maxima_match_a_maximum_filter(seed):
    volume = random_map(seed).volume
    filled = np.where(np.isnan(volume), -np.inf, volume)
    largest = ndimage.maximum_filter(filled, footprint=FACES_AND_EDGES, mode="constant", cval=-np.inf)
    expected = np.argwhere((filled == largest) & (filled > 1))
    np.testing.assert_array_equal(local_maxima(volume, cluster_labels(volume, 1.0)[0]).voxels, expected)


def test_clusters_touch_by_face_or_edge_but_not_by_corner():
    volume = np.zeros((3, 3, 3))
    volume[0, 0, 0] = volume[1, 1, 0] = 2
    assert cluster_labels(volume, 1.0)[1] == 1
    volume[1, 1, 0], volume[1, 1, 1] = 0, 2
    assert cluster_labels(volume, 1.0)[1] == 2


def test_a_voxel_at_the_threshold_is_not_above_it():
    assert cluster_labels(np.full((2, 2, 2), 3.0), 3.0)[1] == 0


def test_equal_neighbours_are_all_maxima():
    volume = np.zeros((3, 3, 3))
    volume[1, 1, :2] = 5
    assert len(local_maxima(volume, cluster_labels(volume, 1.0)[0]).heights) == 2


def test_rows_are_ordered_and_peaks_lie_apart():
    statistic_map = random_map(4)
    table = results_table(statistic_map, 0.5)
    first = {row.cluster: row.stat for row in reversed(table)}
    assert [row.cluster for row in table] == sorted(row.cluster for row in table)
    assert np.all(np.diff([first[cluster] for cluster in sorted(first)]) <= 0)
    for cluster in first:
        rows = [row for row in table if row.cluster == cluster]
        assert len(rows) <= 3
        assert np.all(np.diff([row.stat for row in rows]) <= 0)
        mm = np.array([(row.x_mm, row.y_mm, row.z_mm) for row in rows])
        distances = np.linalg.norm(mm[:, None] - mm, axis=2)[~np.eye(len(rows), dtype=bool)]
        assert np.all(distances > 8)


def test_coordinates_are_where_the_map_has_that_value():
    statistic_map = random_map(5)
    for row in results_table(statistic_map, 1.0):
        voxel = np.linalg.inv(statistic_map.affine) @ (row.x_mm, row.y_mm, row.z_mm, 1)
        assert statistic_map.volume[tuple(np.rint(voxel[:3]).astype(int))] == row.stat


def test_extent_removes_small_clusters_from_the_table_but_not_from_the_corrections():
    statistic_map = random_map(6)
    everything = results_table(statistic_map, 1.5)
    large = results_table(statistic_map, 1.5, extent=10)
    assert 0 < len(large) < len(everything)
    assert all(row.cluster_voxels >= 10 for row in large)
    rates = {(row.x_mm, row.y_mm, row.z_mm): (row.peak_q_fdr, row.cluster_q_fdr) for row in everything}
    assert all(rates[row.x_mm, row.y_mm, row.z_mm] == (row.peak_q_fdr, row.cluster_q_fdr) for row in large)
    size = 10 * statistic_map.search.resels_per_voxel
    number_of_clusters = len({row.cluster for row in large})
    set_p = cluster_probability(
        statistic_map.field, statistic_map.search.resels, 1.5, size, number_of_clusters
    )
    assert large[0].set_clusters == number_of_clusters
    np.testing.assert_allclose(large[0].set_p, set_p.corrected, rtol=1e-12)


def test_one_cluster_of_any_size_has_the_p_of_a_peak():
    statistic_map = random_map(7)
    volume = np.zeros(statistic_map.volume.shape)
    volume[5, 5, 5] = 5
    single = statistic_map._replace(volume=volume)
    (row,) = results_table(single, 4.0)
    np.testing.assert_allclose(row.set_p, peak_p(single.field, single.search, 4.0), rtol=1e-12)


def test_nothing_above_the_threshold_is_an_empty_table():
    statistic_map = random_map(8)
    assert results_table(statistic_map, 100.0) == ()
    assert survivors(statistic_map, 100.0)[1:] == Survivors(0, np.inf, np.inf, np.inf)[1:]
