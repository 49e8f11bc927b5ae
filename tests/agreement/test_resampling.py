"""Leaving out and drawing participants give what a fit of those that stay gives."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from bidsglm.agreement import resampling
from bidsglm.agreement.stability import GRID, Rule, Tally, spread, z_scores

rng = np.random.default_rng(0)
N, M = 12, 5
GROUPS = np.column_stack([np.repeat([1.0, 0], 6), np.repeat([0.0, 1], 6), rng.standard_normal(N)])
Y = rng.standard_normal((N, M)) + 100 + np.arange(M)
CASES = {
    "mean": (np.ones((N, 1)), np.ones(1)),
    "difference": (GROUPS, np.array([1.0, -1.0, 0.0])),
    "covariate": (GROUPS, np.array([0.0, 0.0, -2.0])),
    "any": (GROUPS, np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])),
    "overdetermined": (np.column_stack([np.ones(N), GROUPS]), np.array([0.0, 1.0, -1.0, 0.0])),
}


def refitted(design: np.ndarray, weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """t or F of some rows, each as often as it is named, by another library."""
    found = []
    for y in Y.T:
        fit = sm.OLS(y[rows], design[rows]).fit()
        free = len(rows) - np.linalg.matrix_rank(design[rows])
        if weights.ndim == 1:
            inverse = np.linalg.pinv(design[rows].T @ design[rows])
            variance = fit.ssr / free * (weights @ inverse @ weights)
            found.append(weights @ fit.params / np.sqrt(variance))
        else:
            found.append(float(fit.f_test(weights).fvalue))
    return np.array(found)


@pytest.mark.parametrize("case", CASES)
def test_leaving_one_out_is_a_fit_of_the_others(case: str) -> None:
    design, weights = CASES[case]
    model = resampling.contrast_model(design, weights)
    fitted = resampling.fit(model, Y)
    found = resampling.leave_one_out(model, fitted)
    np.testing.assert_allclose(
        resampling.everybody(model, fitted), refitted(design, weights, np.arange(N)), rtol=1e-8
    )
    for left_out in range(N):
        rows = np.delete(np.arange(N), left_out)
        np.testing.assert_allclose(found[left_out], refitted(design, weights, rows), rtol=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_drawing_is_a_fit_of_those_drawn(case: str) -> None:
    design, weights = CASES[case]
    model = resampling.contrast_model(design, weights)
    drawn = resampling.bootstrap_weights(model, [f"sub-{i}" for i in range(N)], 4, 3)
    assert drawn.shape == (4, N)
    found = resampling.drawn(model, resampling.draws(model, drawn), resampling.fit(model, Y))
    for weight, values in zip(drawn, found, strict=True):
        rows = np.repeat(np.arange(N), weight.astype(int))
        np.testing.assert_allclose(values, refitted(design, weights, rows), rtol=1e-7)


def test_participant_alone_in_a_column_is_not_left_out() -> None:
    design = np.column_stack([np.ones(5), np.array([1.0, 0, 0, 0, 0])])
    model = resampling.contrast_model(design, np.array([1.0, 0.0]))
    found = resampling.leave_one_out(model, resampling.fit(model, Y[:5]))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1:]).all()
    owners = ["a", "b", "c", "d", "e"]
    assert (resampling.bootstrap_weights(model, owners, 20, 0)[:, 0] > 0).all()


def test_participants_are_drawn_with_all_of_their_rows() -> None:
    owners = ["a", "b", "c", "a", "b", "c"]
    model = resampling.contrast_model(np.kron(np.eye(2), np.ones((3, 1))), np.array([1.0, -1.0]))
    drawn = resampling.bootstrap_weights(model, owners, 30, 1)
    np.testing.assert_array_equal(drawn[:, :3], drawn[:, 3:])
    np.testing.assert_array_equal(drawn, resampling.bootstrap_weights(model, owners, 30, 1))


def test_comparison_of_two_maps_does_not_depend_on_how_voxels_come() -> None:
    a, b = rng.standard_normal((2, 3, 400)) * 3
    heights = {"p001": np.full(3, 2.0)}, {"p001": np.array([1.5, 2.0, 2.5])}
    whole, parts = Tally(3, ("p001",)), Tally(3, ("p001",))
    whole.add((a, b), heights, np.arange(400))
    for some in np.array_split(np.arange(400), 7):
        parts.add((a[:, some], b[:, some]), heights, some)
    found, other = whole.compared(), parts.compared()
    np.testing.assert_allclose(found.r, [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)])
    np.testing.assert_allclose(other.r, found.r)
    for i, height in enumerate((1.5, 2.0, 2.5)):
        first, second = np.sign(a[i]) * (abs(a[i]) > 2), np.sign(b[i]) * (abs(b[i]) > height)
        dice = 2 * np.sum((first == second) & (first != 0)) / (np.sum(first != 0) + np.sum(second != 0))
        assert found.dice["p001"][i] == other.dice["p001"][i] == pytest.approx(dice)
    np.testing.assert_array_equal(found.peaks, np.stack([a.argmax(axis=1), b.argmax(axis=1)], axis=1))
    np.testing.assert_array_equal(other.peaks, found.peaks)


def test_same_conclusion_takes_the_shape_and_every_extent_that_is_large_enough() -> None:
    rule = Rule(0.95, 0.8, 10)
    base = np.zeros((1, 1000))
    base[0, :100] = 5.0
    for n_more, expected in ((10, True), (60, False)):
        other = base.copy()
        other[0, 100 : 100 + n_more] = 3.3
        tally = Tally(1, ("p001",))
        tally.add((other, base), ({"p001": np.array([3.2])},) * 2, np.arange(1000))
        assert tally.compared().same(rule).tolist() == [expected]


def test_same_conclusion_is_asked_of_each_tail_and_of_corrected_thresholds_passed_by_few() -> None:
    rule = Rule(0.5, 0.8, 10, frozenset({"fwe05"}))
    base = np.zeros((1, 1000))
    base[0, :200], base[0, 500:510] = 5.0, -5.0
    moved = base.copy()
    moved[0, 500:510], moved[0, 510:520] = 0.0, -5.0
    single = base.copy()
    single[0, 600] = -9.0
    heights = {"p001": np.array([3.2]), "fwe05": np.array([8.0])}
    for other, expected in ((base, True), (moved, False), (single, False)):
        tally = Tally(1, tuple(heights))
        tally.add((other, base), (heights, heights), np.arange(1000))
        assert tally.compared().same(rule).tolist() == [expected]


def test_correlation_is_of_the_maps_that_are_given_for_it() -> None:
    a, b = rng.standard_normal((2, 1, 300))
    tally = Tally(1, ())
    tally.add((a, b), ({}, {}), np.arange(300), (a**3, b))
    np.testing.assert_allclose(tally.compared().r, np.corrcoef(a[0] ** 3, b[0])[0, 1])


@pytest.mark.parametrize("dof", [2.0, 3.0, 30.0, 500.0])
def test_z_has_the_tail_of_the_statistic(dof: float) -> None:
    t = np.concatenate([-np.geomspace(0.01, 30, 60)[::-1], np.geomspace(0.01, 30, 60)])[None]
    exact = np.sign(t) * stats.norm.isf(stats.t.sf(np.abs(t), dof))
    np.testing.assert_allclose(z_scores(t, np.array([dof]), "t", 1), exact, atol=1e-3)
    f = np.geomspace(0.05, 20, 60)[None]
    exact = stats.norm.isf(stats.f.sf(f, 3, dof))
    np.testing.assert_allclose(z_scores(f, np.array([dof]), "F", 3), exact, atol=1e-3)


def test_maps_that_correlate_as_the_rule_asks_are_the_same() -> None:
    a, b = rng.standard_normal((2, 1, 300))
    tally = Tally(1, ())
    tally.add((a, a + b), ({}, {}), np.arange(300))
    r = float(tally.compared().r[0])
    for shape, expected in ((r, True), (np.nextafter(r, 1), False)):
        assert tally.compared().same(Rule(shape, 0.8, 10)).tolist() == [expected]


def tally_of(a, b, height=0.5):
    tally = Tally(len(a), ("p001",))
    heights = {"p001": np.full(len(a), height)}
    tally.add((a, b), (heights, heights), np.arange(a.shape[1]))
    return tally.compared()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("broken", [0, 1])
def test_what_cannot_be_tested_passes_no_threshold_is_no_peak_and_correlates_as_nothing(
    value: float, broken: int
) -> None:
    maps = rng.standard_normal((2, 1, 40))
    maps[0, 0, 7] = maps[1, 0, 9] = 5.0
    bare = maps.copy()
    maps[broken, 0, 3], bare[broken, 0, 3] = value, 0.0
    found, wanted = tally_of(*maps), tally_of(*bare)
    np.testing.assert_array_equal(found.passing["p001"], wanted.passing["p001"])
    assert found.peaks.tolist() == [[7, 9]]
    assert found.r[0] == wanted.r[0]


def test_maps_without_a_value_correlate_as_nothing_there() -> None:
    shapes = rng.standard_normal((2, 1, 40))
    known = shapes.copy()
    shapes[0, 0, 2], known[0, 0, 2] = np.nan, 0.0
    tally = Tally(1, ())
    tally.add((shapes[0], shapes[1]), ({}, {}), np.arange(40), (shapes[0], shapes[1]))
    assert tally.compared().r[0] == pytest.approx(np.corrcoef(known[0, 0], known[1, 0])[0, 1])


def test_voxels_are_counted_in_each_tail_of_either_map_and_of_both() -> None:
    a = np.array([[0.6, 0.6, -0.6, 0.5, -0.5, 0.0], [0.4, 0.0, 0.0, 0.0, 0.0, 9.0]])
    b = np.array([[0.6, -0.6, -0.6, 0.6, 0.6, -0.7], [0.0, 0.0, 0.0, 0.0, 0.0, -9.0]])
    found = tally_of(a, b).passing["p001"]
    # (tail, map one, map two and both, resample); what equals a threshold does not pass it
    assert found.tolist() == [[[2, 1], [3, 0], [1, 0]], [[1, 0], [3, 1], [1, 0]]]


def test_no_resample_correlates_beyond_one() -> None:
    a = np.random.default_rng(3).standard_normal((300, 7)) + 50
    found = tally_of(a, 3 * a).r
    assert found.max() <= 1
    np.testing.assert_allclose(found, 1, atol=1e-9)
    assert tally_of(a, -3 * a).r.min() >= -1


def test_z_of_f_has_the_digits_of_either_tail() -> None:
    f = np.array([[1e-3, 0.01, 1.0, 100.0, 400.0]])
    found = z_scores(f, np.array([300.0]), "F", 20)[0]
    lower, upper = stats.norm.ppf(stats.f.cdf(f[0], 20, 300)), stats.norm.isf(stats.f.sf(f[0], 20, 300))
    np.testing.assert_allclose(found[:2], lower[:2], rtol=2e-3)
    np.testing.assert_allclose(found[2:], upper[2:], atol=2e-3)
    assert np.isinf(upper[0])
    assert np.isinf(lower[-1])


def test_heights_of_z_reach_from_a_ten_thousandth_to_a_million() -> None:
    assert (GRID[0], GRID[1], GRID[-1]) == (0, 1e-4, 1e6)
    # a third of a percent apart
    np.testing.assert_allclose(GRID[2:] / GRID[1:-1], 1.0029, atol=5e-5)


@pytest.mark.parametrize("n_draws", [1, 30])
def test_twenty_draws_are_tried_for_each_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, n_draws: int
) -> None:
    tried = []
    monkeypatch.setattr(resampling, "can_estimate", lambda *_: tried.append(0))
    model = resampling.contrast_model(np.ones((4, 1)), np.ones(1))
    assert resampling.bootstrap_weights(model, list("abcd"), n_draws, 0).shape == (0, 4)
    assert len(tried) == 20 * n_draws


def test_as_many_draws_come_as_are_wanted_and_no_more_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    monkeypatch.setattr(resampling, "can_estimate", lambda *_: tried.append(0) or True)
    model = resampling.contrast_model(np.ones((4, 1)), np.ones(1))
    drawn = resampling.bootstrap_weights(model, list("abcd"), 45, 0)
    assert drawn.shape == (45, 4)
    assert len(tried) == 45
    assert set(drawn.sum(axis=1)) == {4}


@pytest.mark.parametrize(("eigenvalue", "enough"), [(0.9e-6, False), (1.1e-6, True)])
def test_a_draw_needs_a_millionth_of_everybodys_design(eigenvalue: float, enough: bool) -> None:
    model = resampling.contrast_model(np.ones((4, 1)), np.ones(1))
    # the basis is a half in every row: two rows of weight w have an eigenvalue of w / 2
    assert resampling.can_estimate(model, np.array([2 * eigenvalue, 2 * eigenvalue, 0, 0])) == enough


@pytest.mark.parametrize(("weights", "enough"), [((4.0, 0, 0, 0), False), ((3.0, 1, 0, 0), True)])
def test_a_draw_needs_a_degree_of_freedom(weights: tuple[float, ...], enough: bool) -> None:
    model = resampling.contrast_model(np.ones((4, 1)), np.ones(1))
    assert resampling.can_estimate(model, np.array(weights)) == enough


def test_shares_of_what_is_defined_are_its_quantiles() -> None:
    values = np.array([np.nan, *np.linspace(2, 4, 9), np.inf])
    assert list(spread(values).values()) == [2, 2.5, 3, 3.5, 4]
    assert list(spread(values)) == ["lowest", "lower_quartile", "median", "upper_quartile", "highest"]
    assert np.isnan([*spread(np.array([np.nan])).values()]).all()
    assert len(spread(np.array([]))) == 5


def test_one_voxel_and_none_have_no_correlation() -> None:
    one = np.array([[2.0], [-1.0]])
    assert np.isnan(tally_of(one, one + 1).r).all()
    assert np.isnan(Tally(3, ("p001",)).compared().r).all()
    # two points lie on a line
    assert tally_of(np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])).r[0] == pytest.approx(-1)
