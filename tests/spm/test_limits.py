"""SPM's numbers at the limits of what is taken, on both sides, and formulas against their definitions."""

import numpy as np
import pytest
from scipy import linalg, stats

from bidsglm.data import Condition, Modulator, Paradigm
from bidsglm.model import ModelSpecification, SpmSettings
from bidsglm.spm import clusters, reml, scaling, smoothness, thresholds, whitening
from bidsglm.spm.components import Toeplitz
from bidsglm.spm.covariance import Pooled, components, criterion
from bidsglm.spm.estimation import joint_model
from bidsglm.spm.group_variance import can_differ
from bidsglm.spm.highpass import dct_basis, n_cosines
from bidsglm.spm.nonsphericity import LevelModel
from bidsglm.spm.random_field import Field, SearchVolume, cluster_probability
from bidsglm.spm.regressors import Microtime, event_weights, microtime_onset
from bidsglm.spm.residual_forming import ResidualForming

EPS = np.finfo(float).eps
SEARCH = SearchVolume(512, (1, 5.25, 9.19, 5.36), (4.0, 4.0, 4.0))
T20 = Field("t", (20.0,))


@pytest.mark.parametrize(
    ("slope", "intercept"), [(1.0, 0.0), (2.0, 0.0), (1.0, 3.0), (0.5, -1.0), (1.5, 1.0)]
)
def test_global_is_of_the_values_that_the_header_makes(slope: float, intercept: float) -> None:
    stored = np.array([[1, 9, 300], [800, 900, 2]], dtype=np.int16)
    values = slope * stored + intercept
    expected = values[values > values.mean() / 8].mean()
    assert scaling.global_mean(stored, slope, intercept) == pytest.approx(expected)
    if (slope, intercept) == (1.0, 0.0):
        assert scaling.global_mean(stored) == scaling.global_mean(stored, slope, intercept)


def test_thresholds_of_half_the_error_are_those_of_half_of_each() -> None:
    values = stats.t.isf(np.concatenate([np.geomspace(1e-7, 0.02, 30), np.linspace(0.03, 1, 300)]), 20)
    for share in (1.0, 0.5):
        found = thresholds.thresholds(T20, SEARCH, values, share)
        assert found.p001 == pytest.approx(stats.t.isf(0.001 * share, 20))
        assert found.fwe05 == thresholds.fwe_threshold(T20, SEARCH, 0.05 * share)
        assert found.fdr05 == thresholds.fdr_threshold(T20, values, 0.05 * share)
    whole, half = (thresholds.thresholds(T20, SEARCH, values, share) for share in (1.0, 0.5))
    assert whole == thresholds.thresholds(T20, SEARCH, values)
    assert all(a < b for a, b in zip(whole, half, strict=True))


def test_default_error_of_every_threshold_is_five_per_cent() -> None:
    values = stats.t.isf(np.concatenate([np.geomspace(1e-7, 0.02, 30), np.linspace(0.03, 1, 300)]), 20)
    assert thresholds.random_field_threshold(T20, SEARCH.resels) == thresholds.random_field_threshold(
        T20, SEARCH.resels, 0.05
    )
    assert thresholds.bonferroni_threshold(T20, 90) == pytest.approx(stats.t.isf(0.05 / 90, 20))
    assert thresholds.fwe_threshold(T20, SEARCH) == thresholds.fwe_threshold(T20, SEARCH, 0.05)
    assert thresholds.fdr_threshold(T20, values) == thresholds.fdr_threshold(T20, values, 0.05)


def test_rates_are_of_probabilities_between_none_and_one_and_of_none_where_one_is_missing() -> None:
    found = thresholds.false_discovery_rates([-0.1, 0.02, 1.7])
    np.testing.assert_allclose(found, [0, 0.03, 1])
    assert np.isnan(thresholds.false_discovery_rates([0.1, np.nan])).all()


@pytest.mark.parametrize("n_scans", [1, 63, 64, 65, 127, 200])
def test_residual_images_are_64_at_most_and_spread_evenly(n_scans: int) -> None:
    found = smoothness.residual_scans(n_scans)
    assert found.size == min(n_scans, 64)
    assert found[0] == 0
    assert found[-1] == n_scans - 1
    assert np.all(np.diff(found) > 0)
    # SPM counts from 1 and rounds halves up
    wanted = [
        int(np.floor(1 + k * (n_scans - 1) / max(found.size - 1, 1) + 0.5)) - 1 for k in range(found.size)
    ]
    assert found.tolist() == wanted


@pytest.mark.parametrize(("rank", "fine"), [(5, True), (6, False)])
def test_smoothness_needs_as_many_degrees_of_freedom_as_dimensions(rank: int, fine: bool) -> None:
    images = np.random.default_rng(0).standard_normal((8, 64))
    mask = np.ones((4, 4, 4), bool)
    if fine:
        assert np.isfinite(smoothness.smoothness(images, mask, 8, rank).search.fwhm_voxels).all()
    else:
        with pytest.raises(ValueError, match="2 residual degrees of freedom are too few for 3 dimensions"):
            smoothness.smoothness(images, mask, 8, rank)


def map_of(peaks: list[tuple[int, float]], size: float = 1.0) -> clusters.StatisticMap:
    """One cluster along x with heights at some places."""
    volume = np.zeros((40, 3, 3))
    volume[1:39, 1, 1] = 4.0
    for place, height in peaks:
        volume[place, 1, 1] = height
    return clusters.StatisticMap(volume, np.diag([size, 1, 1, 1]), T20, SEARCH)


def test_three_peaks_of_a_cluster_are_listed_more_than_eight_millimetres_apart() -> None:
    t_map = map_of([(2, 9.0), (10, 8.9), (12, 8.8), (21, 8.7), (30, 8.6)])
    table = clusters.results_table(t_map, 3.5)
    # 10 is eight from 2, and is left out
    assert [row.x_mm for row in table] == [2, 12, 21]
    assert [row.x_mm for row in clusters.results_table(t_map, 3.5, 0, np.inf, 7.9)] == [2, 10, 21, 30, 38]
    assert [row.x_mm for row in clusters.results_table(t_map, 3.5, 0, 1)] == [2]
    # distances are in mm
    assert [row.x_mm for row in clusters.results_table(map_of([(2, 9.0), (7, 8.0)], 2.0), 3.5)][:2] == [4, 14]


@pytest.mark.parametrize(("extent", "listed"), [(37, True), (38, True), (39, False)])
def test_a_cluster_of_the_extent_is_listed(extent: int, listed: bool) -> None:
    assert bool(clusters.results_table(map_of([(5, 9.0)]), 3.5, extent)) == listed


def test_what_is_significant_is_at_most_five_per_cent() -> None:
    p = np.array([0.04, 0.05, np.nextafter(0.05, 1)])
    assert clusters._smallest(np.array([9.0, 7.0, 5.0]), p) == 7
    assert clusters._smallest(np.array([9.0]), p[2:]) == np.inf


@pytest.mark.parametrize(
    ("singular", "kept"), [(np.sqrt(63 * EPS), 1), (np.sqrt(65.5 * EPS), 2), (0.5, 2), (1.0, 2)]
)
def test_directions_of_a_design_count_by_their_share_of_the_mean_square(singular: float, kept: int) -> None:
    # the mean of the squares of 1 and s is 1/2 for small s: s² over it
    design = np.diag([1.0, singular / np.sqrt(2) if singular < 1e-3 else singular, 0.0])
    assert reml.column_space(design).shape == (3, kept)


@pytest.mark.parametrize("t", [-2.0, 0.0, 1.5, 3.0])
def test_a_damped_step_is_the_flow_over_a_time_in_units_of_the_curvature(t: float) -> None:
    rng = np.random.default_rng(1)
    half = rng.standard_normal((3, 3))
    curvature, gradient = -(half @ half.T + np.eye(3)), rng.standard_normal(3)
    time = np.exp(t - np.log(np.linalg.det(-curvature)) / 3)
    inverse = np.linalg.inv(curvature)
    expected = (linalg.expm(time * curvature) - np.eye(3)) @ inverse @ gradient
    np.testing.assert_allclose(reml._damped_step(gradient, curvature, t), expected, rtol=1e-9)


def test_a_step_beyond_e_to_the_16_is_newtons() -> None:
    curvature, gradient = -np.diag([0.5, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])
    newton = np.array([2.0, 1.0, 3.0])
    np.testing.assert_allclose(reml._damped_step(gradient, curvature, 17.0), newton)
    flat = np.diag([0.0, -2.0])
    # a direction without curvature takes no whole step
    np.testing.assert_allclose(reml._damped_step(np.array([1.0, 2.0]), flat, 40.0), [0, 1])


@pytest.mark.parametrize(
    ("size", "counts"), [(0.9e-16, False), (1.1e-16, True), (0.9e16, True), (1.1e16, False)]
)
def test_log_determinants_are_of_what_is_neither_nothing_nor_endless(size: float, counts: bool) -> None:
    found = reml._log_determinant(np.diag([2.0, size, 0.0]))
    assert found == pytest.approx(np.log(2) + (np.log(size) if counts else 0))


@pytest.mark.parametrize("n", [4, 5, 9])
@pytest.mark.parametrize("kind", ["AR(1)", "FAST"])
def test_traces_of_a_short_run_are_those_of_the_products(n: int, kind: str) -> None:
    rows = components(kind, n, 2.0)
    rng = np.random.default_rng(n)
    half, Z = rng.standard_normal((n, n)), np.ones((n, 1))
    iC, Cy = half @ half.T, np.cov(rng.standard_normal((n, 3 * n)))
    P = iC - iC @ Z @ Z.T @ iC / iC.sum()
    single, pairs = Toeplitz(rows).traces(ResidualForming.of(iC, Z), Cy)
    Q = [linalg.toeplitz(row) for row in rows]
    scale = [np.abs(P @ q @ P).sum() for q in Q]
    wanted = [np.trace(q @ (P - P @ Cy @ P)) for q in Q]
    np.testing.assert_allclose(single, wanted, rtol=1e-8, atol=1e-10 * max(scale))
    both = [[np.trace(P @ a @ P @ b) for b in Q] for a in Q]
    np.testing.assert_allclose(pairs, both, rtol=1e-8, atol=1e-10 * np.abs(both).max())


def test_components_of_ar1_end_where_a_fifth_has_faded_to_a_ten_thousandth() -> None:
    rows = components("AR(1)", 12, 2.0)
    # 0.2 to the fifth is 3e-4, and to the sixth 6e-5
    assert np.count_nonzero(rows[1]) == 6
    step = np.exp(-8)
    k = np.arange(6)
    slope = ((0.2 + step) ** k - 0.2**k) / step
    np.testing.assert_allclose(rows[:, :6], [0.2**k - 0.2 * slope, 0.2**k + 0.2 * slope], atol=1e-12)


@pytest.mark.parametrize(("tr", "first"), [(0.5, -3), (1.0, -2), (1.9, -2), (2.0, -1), (4.0, 0), (200.0, 5)])
def test_decays_of_fast_are_six_octaves_from_a_quarter_tr_to_64_seconds(tr: float, first: int) -> None:
    exponents = range(first, 7)[:6]
    lag = np.arange(4) * tr
    expected = [lag**j * np.exp(-lag / 2.0**k) for k in exponents for j in range(3)]
    np.testing.assert_allclose(components("FAST", 4, tr), expected)


def test_the_test_that_chooses_voxels_needs_a_degree_of_freedom_and_an_effect() -> None:
    X = np.column_stack([np.arange(3.0), np.ones(3)])
    nothing = np.zeros((3, 0))
    assert criterion(joint_model([X], [nothing], [None])).dof == (1, 1)
    found = criterion(joint_model([X], [nothing], [None]), p=0.01)
    assert found.threshold == pytest.approx(stats.f.isf(0.01, 1, 1))
    assert criterion(joint_model([X], [nothing], [None])).threshold == pytest.approx(stats.f.isf(0.001, 1, 1))
    for design, cosines in ((X[:2], nothing[:2]), (np.ones((3, 1)), nothing)):
        with pytest.raises(ValueError, match="no effect of interest or leaves no residual degree of freedom"):
            criterion(joint_model([design], [cosines], [None]))


@pytest.mark.parametrize(
    ("groups", "can"),
    [
        ([0, 0, 1, 1], True),
        ([0, 0, 0, 1, 1, 2, 2], True),
        ([0, 0, 1], False),
        ([0] * 5, False),
        ([0, 1], False),
    ],
)
def test_variances_differ_of_two_groups_of_two(groups: list[int], can: bool) -> None:
    assert can_differ(groups) == can


def test_cosines_are_slower_than_the_cutoff_and_a_cutoff_of_two_scans_leaves_none() -> None:
    for n, tr, cutoff in (
        (120, 2.0, 128.0),
        (64, 1.0, 128.0),
        (63, 1.0, 128.0),
        (10, 3.0, 6.1),
        (9, 2.0, np.inf),
    ):
        slower = [j for j in range(1, 200) if 2 * n * tr / j >= cutoff * (1 - 1e-12)]
        assert n_cosines(n, tr, cutoff) == len(slower)
    with pytest.raises(
        ValueError, match=r"cut-off of 6 s is not longer than two TRs of 3 s and would remove"
    ):
        n_cosines(10, 3.0, 6.0)
    X0 = dct_basis(20, 2.0, 15.0)
    t = np.arange(20)
    for j in range(X0.shape[1]):
        np.testing.assert_allclose(
            X0[:, j], np.sqrt(0.1) * np.cos(np.pi * (j + 1) * (t + 0.5) / 20), atol=1e-12
        )


@pytest.mark.parametrize(("start", "tr", "bins", "onset"), [
    (0.0, 2.0, 16, 1), (1.0, 2.0, 16, 9), (1.9, 2.0, 16, 16), (2.0, 2.0, 16, 16), (0.06, 2.0, 16, 1),
    (0.07, 2.0, 16, 2), (-1.0, 2.0, 16, 1), (None, 2.0, 16, 8), (None, 2.0, 5, 5), (0.0625, 2.0, 16, 2),
])  # fmt: skip
def test_scans_stand_for_the_bin_of_their_start(
    start: float | None, tr: float, bins: int, onset: int
) -> None:
    paradigm = Paradigm(tr, 9, start, (), (), np.empty((9, 0)))
    model = ModelSpecification("m", (), spm=SpmSettings(microtime_resolution=bins))
    assert microtime_onset(paradigm, model) == onset
    asked = ModelSpecification("m", (), spm=SpmSettings(microtime_resolution=bins, microtime_onset=3))
    assert microtime_onset(paradigm, asked) == 3


def test_weights_are_heights_minutes_and_powers_of_the_modulators() -> None:
    rt = Modulator("rt", np.array([1.0, 3.0, 4.0]), order=2)
    go = Condition(
        "go", np.array([30.0, 60.0, 150.0]), np.ones(3), (rt,), time_modulation=2, orthogonalize=False
    )
    minutes = np.array([0.5, 1.0, 2.5])
    expected = np.column_stack([np.ones(3), minutes, minutes**2, rt.values, rt.values**2])
    np.testing.assert_allclose(event_weights(go, 0.125), expected)


@pytest.mark.parametrize(
    ("timing", "dt", "n_bins"),
    [
        (Microtime(2.0, 10), 0.125, 192),
        (Microtime(3.0, 7, 30, 1), 0.1, 242),
        (Microtime(1.0, 1, 1, 1), 1.0, 33),
    ],
)
def test_a_grid_has_32_bins_before_the_scans(timing: Microtime, dt: float, n_bins: int) -> None:
    assert timing.dt == pytest.approx(dt)
    assert timing.n_bins == n_bins
    assert (Microtime(2.0, 10).resolution, Microtime(2.0, 10).onset) == (16, 8)


@pytest.mark.parametrize(("norm", "size"), [(1.0, 10), (1e3, 10), (1e3, 200), (0.5, 1000)])
def test_ridge_is_the_spacing_of_the_norm_times_the_rows_but_no_less_than_e_to_minus_32(
    norm: float, size: int
) -> None:
    assert whitening.ridge(norm, size) == max(size * np.spacing(norm), np.exp(-32))


@pytest.mark.parametrize(
    ("entry", "kept"), [(0.99e-6, False), (1.01e-6, True), (-1.01e-6, True), (0.1, True)]
)
def test_entries_up_to_a_millionth_are_cut_from_a_root(entry: float, kept: bool) -> None:
    root = np.array([[1.0, entry], [entry, 1.0]])
    V = np.linalg.inv(root @ root)
    found = whitening._truncated_root(V, 0.0)
    np.testing.assert_allclose(found, root if kept else np.eye(2), atol=1e-11)
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize(("dof", "finite"), [(3.0, False), (3.5, True), (4.0, True)])
def test_a_field_of_more_than_three_degrees_of_freedom_has_a_threshold(dof: float, finite: bool) -> None:
    for statistic in (Field("t", (dof,)), Field("F", (2.0, dof))):
        assert np.isfinite(thresholds.random_field_threshold(statistic, (1.0, 2.0, 0.0, 0.0))) == finite


def test_clusters_of_any_size_are_listed_and_asked_for_unless_it_is_said() -> None:
    t_map = map_of([(5, 9.0)])
    assert clusters.results_table(t_map, 3.5) == clusters.results_table(t_map, 3.5, 0, 3, 8.0)
    assert clusters.results_table(t_map, 3.5) != clusters.results_table(t_map, 3.5, 1)
    found = cluster_probability(T20, SEARCH.resels, 3.5)
    assert found.corrected == cluster_probability(T20, SEARCH.resels, 3.5, 0.0, 1).corrected
    assert found.corrected > cluster_probability(T20, SEARCH.resels, 3.5, 0.1).corrected
    assert found.corrected > cluster_probability(T20, SEARCH.resels, 3.5, 0.0, 2).corrected


def test_records_of_a_level_and_of_a_pool_are_the_plain_ones_unless_it_is_said() -> None:
    model = LevelModel(np.ones((3, 1)))
    assert (model.nuisance, model.components, model.covariance) == ((), None, None)
    assert not model.adds_to_variance
    assert model.selection_p == 0.001
    assert Pooled((), np.zeros(0, bool)).n_exact == 0
