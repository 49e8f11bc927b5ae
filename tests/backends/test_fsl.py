"""The backend of FSL beside its numerics: designs, what it refuses, several runs, sampled voxels."""

from dataclasses import replace

import numpy as np
import pytest

from bidsglm.backends import fsl_contrasts, fsl_design, fsl_glm, spm12
from bidsglm.data import Condition, DesignMatrix, Modulator, Paradigm, TimeSeries, Volume
from bidsglm.diagnosis.collinearity import diagnosis
from bidsglm.errors import DataError, UnsupportedModelError
from bidsglm.fsl import regressors
from bidsglm.fsl.fixed_effects import fixed_effects
from bidsglm.fsl.response import response
from bidsglm.model import NO_FILTER, ContrastSpecification, FslSettings, Hrf, ModelSpecification

N_SCANS, TR = 60, 2.0
MODEL = ModelSpecification("m", ("trial_type.go",), high_pass=80.0)
GO = Condition("go", np.array([4.0, 30.0, 71.5]), np.array([6.0, 0.0, 8.0]))


def paradigm(*conditions: Condition, start_time: float | None = None, confounds: int = 0) -> Paradigm:
    values = np.random.default_rng(3).standard_normal((N_SCANS, confounds))
    names = tuple(f"c{i}" for i in range(confounds))
    return Paradigm(TR, N_SCANS, start_time, conditions, names, values)


def made(run: Paradigm, model: ModelSpecification = MODEL) -> DesignMatrix:
    return fsl_glm.designs([run], model)[0]


def t_contrast(name: str, *conditions: str) -> ContrastSpecification:
    return ContrastSpecification(name, name, conditions, np.ones((1, len(conditions))))


# designs


def test_columns_stand_in_the_order_of_the_model_and_there_is_no_constant() -> None:
    modulated = replace(GO, modulators=(Modulator("rt", np.array([1.0, 2.0, 4.0])),))
    model = replace(MODEL, hrf=Hrf("spm", derivative=True))
    design = made(paradigm(modulated, confounds=2), model)
    stem = "trial_type.go"
    expected = (stem, f"{stem}_derivative", f"{stem}_x_rt^1", f"{stem}_x_rt^1_derivative", "c0", "c1")
    assert design.names == expected
    np.testing.assert_allclose(design.matrix.mean(axis=0), 0, atol=1e-12)
    assert design.high_pass_basis.shape == (N_SCANS, 0)
    assert "80 s" in design.filtered


def test_modulator_is_a_column_of_events_with_its_orthogonalised_values() -> None:
    values = np.array([1.0, 2.0, 4.0])
    modulated = replace(GO, modulators=(Modulator("rt", values),))
    timing = regressors.Timing(TR, N_SCANS)
    L = fsl_design.line_filter(MODEL, N_SCANS, TR)
    for orthogonalize, heights in ((True, values - values.mean()), (False, values)):
        design = made(paradigm(replace(modulated, orthogonalize=orthogonalize)))
        grid = regressors.stimulus(GO.onsets, GO.durations, heights, timing)
        x = regressors.columns(regressors.regressor(grid, response("double-gamma"), timing), L)[:, 0]
        np.testing.assert_allclose(design.matrix[:, 1], x, atol=1e-12)


def test_scan_stands_for_the_start_time_or_else_for_the_middle_of_the_tr() -> None:
    middle, given = made(paradigm(GO)), made(paradigm(GO, start_time=1.0))
    np.testing.assert_array_equal(middle.matrix, given.matrix)
    early = made(paradigm(GO, start_time=0.0))
    late = made(paradigm(replace(GO, onsets=GO.onsets + 1.0)))
    inside = slice(5, -5)
    assert np.abs(early.matrix - late.matrix)[inside].max() < np.abs(early.matrix - middle.matrix).max()
    assert np.abs(early.matrix - middle.matrix).max() > 0.01


def test_microtime_onset_of_spm_does_not_move_fsl() -> None:
    model = replace(MODEL, spm=replace(MODEL.spm, microtime_onset=1))
    np.testing.assert_array_equal(made(paradigm(GO), model).matrix, made(paradigm(GO)).matrix)


def test_without_a_filter_columns_only_lose_their_means() -> None:
    run = paradigm(GO, confounds=1)
    design = made(run, replace(MODEL, high_pass=NO_FILTER))
    confound = run.confounds[:, 0]
    np.testing.assert_allclose(design.matrix[:, 1], confound - confound.mean(), atol=1e-6)
    assert design.filtered == ""


def test_own_settings_win_over_the_model() -> None:
    model = replace(
        MODEL, hrf=Hrf("glover"), fsl=FslSettings(hrf="gamma", temporal_derivative=True, high_pass=100.0)
    )
    fsl_glm.check(model)
    own = replace(MODEL, hrf=Hrf("spm", derivative=True), high_pass=100.0, fsl=FslSettings(hrf="gamma"))
    np.testing.assert_array_equal(made(paradigm(GO), model).matrix, made(paradigm(GO), own).matrix)
    words = fsl_glm.settings_in_words(model, [paradigm(GO)])
    assert words["Response function"] == "gamma + temporal derivative"
    assert "100 s" in words["High-pass filter"]


def test_overlapping_events_are_counted_with_their_run_and_later_rows_hold() -> None:
    twice = Condition("go", np.array([4.0, 8.0, 40.0]), np.array([10.0, 10.0, 5.0]))
    with pytest.warns(UserWarning, match=r"FSL: 1 event of go of run 2 begins before an earlier one ends"):
        designs = fsl_glm.designs([paradigm(GO), paradigm(twice)], MODEL)
    once = Condition("go", np.array([4.0, 40.0]), np.array([14.0, 5.0]))
    np.testing.assert_allclose(designs[1].matrix, made(paradigm(once)).matrix, atol=1e-9)


def test_continuous_variable_is_convolved_on_the_fine_grid() -> None:
    times = np.arange(0.0, N_SCANS * TR, 1.0)
    slow = Condition(
        "slow", times, np.ones_like(times), amplitudes=np.sin(times / 9), continuous=True, prefix=""
    )
    design = made(paradigm(slow))
    timing = regressors.Timing(TR, N_SCANS)
    grid = np.interp(timing.times, times, np.sin(times / 9), left=0.0)
    x = regressors.regressor(grid, response("double-gamma"), timing)
    L = fsl_design.line_filter(MODEL, N_SCANS, TR)
    np.testing.assert_allclose(design.matrix[:, 0], regressors.columns(x, L)[:, 0], atol=1e-9)


# what FEAT cannot express


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hrf": Hrf("glover")}, "glover"),
        ({"hrf": Hrf("fir", length=10, order=5)}, "fir"),
        ({"hrf": Hrf("fourier", length=10, order=2)}, "fourier"),
        ({"hrf": Hrf("spm", derivative=True, dispersion=True)}, "dispersion"),
        ({"intercept": False}, "add 1 to X"),
        ({"high_pass": -1.0}, "not positive"),
        ({"contrasts": (t_contrast("mean", "constant"),)}, "constant"),
        ({"contrasts": (t_contrast("slope", "trial_type.go_derivative"),)}, "TemporalDerivative"),
    ],
)
def test_what_feat_cannot_express_is_refused(change: dict, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fsl_glm.check(replace(MODEL, **change))


def test_cutoff_below_two_scans_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="shorter than two scans"):
        made(paradigm(GO), replace(MODEL, high_pass=3.9))


def test_designs_that_leave_nothing_are_refused() -> None:
    crowded = made(paradigm(GO, confounds=N_SCANS - 2))
    with pytest.raises(DataError, match="59 columns for the 60 scans of run 2"):
        fsl_glm.check_designs([made(paradigm(GO)), crowded], MODEL)
    silent = made(paradigm(replace(GO, onsets=GO.onsets + 1000)))
    with pytest.raises(DataError, match="no column that varies"):
        fsl_glm.check_designs([silent], MODEL)


# fits


SIZE = 12


@pytest.fixture(scope="module")
def volume() -> Volume:
    return Volume((SIZE,) * 3, np.diag([3.0, 3.0, 3.0, 1.0]), np.ones((SIZE,) * 3, dtype=bool))


def series(seed: int, design: DesignMatrix, *, with_brain: bool = True) -> TimeSeries:
    """A brain in the middle of noise; the regressor is in all of it."""
    rng = np.random.default_rng(seed)
    inside = np.zeros((SIZE,) * 3, dtype=bool)
    inside[3:-3, 3:-3, 3:-3] = True
    Y = rng.standard_normal((N_SCANS, inside.size)) + 5
    Y[:, inside.ravel()] += 800 + 4 * design.matrix[:, [0]] / np.abs(design.matrix[:, 0]).max()
    Y = Y.astype(np.float32)
    brain = inside.ravel()
    median = float(np.median(Y[:, brain]))
    known = {"brain": brain, "median": median} if with_brain else {}
    return TimeSeries(Y, 1.0, 0.0, np.full(N_SCANS, 400.0), **known)


GO_T = t_contrast("go", "trial_type.go")


def test_mask_goes_a_voxel_beyond_the_brain_and_fits_what_is_bright(volume: Volume) -> None:
    design = made(paradigm(GO))
    run = series(0, design)
    mask = fsl_glm.mask_from([run], np.ones(run.n_voxels, dtype=bool), MODEL, volume)
    assert (run.brain.sum(), mask.sum()) == (6**3, 8**3)
    estimate = fsl_glm.estimate([design], [run], mask, MODEL, volume, [GO_T])
    np.testing.assert_array_equal(estimate.mask, run.brain)
    maps = fsl_glm.contrast(estimate, GO_T, (0,))
    assert np.isnan(maps.effect[~estimate.mask]).all()
    assert (maps.stat[~estimate.mask] == 0).all()
    assert maps.dof == (N_SCANS - 2.0,)
    (one,) = fsl_glm.one_percent([run], [np.full(run.n_voxels, run.median)], MODEL)
    np.testing.assert_allclose(one, 100)


def test_no_bright_voxel_is_refused_in_one_line(volume: Volume) -> None:
    design = made(paradigm(GO))
    run = replace(series(0, design), brain=np.zeros(SIZE**3, dtype=bool), median=float("nan"))
    with pytest.raises(DataError, match="tenth of the robust range"):
        fsl_glm.mask_from([run], np.ones(run.n_voxels, dtype=bool), MODEL, volume)
    dark = replace(series(0, design), median=0.0)
    with pytest.raises(DataError, match="median of 0 is not a positive number"):
        fsl_glm.estimate([design], [dark], dark.brain, MODEL, volume, [GO_T])


def test_sampled_voxels_keep_their_own_autocorrelations(volume: Volume) -> None:
    design = made(paradigm(GO))
    run = series(1, design)
    columns = np.flatnonzero(run.brain)
    sample = replace(run, stored=run.stored[:, columns], brain=run.brain[columns])
    everywhere = np.ones(columns.size, dtype=bool)
    alone = fsl_glm.estimate([design], [sample], everywhere, MODEL, None, [GO_T])
    assert alone.mask.all()
    half = replace(sample, stored=sample.stored[:, ::2], brain=sample.brain[::2])
    fewer = fsl_glm.estimate([design], [half], everywhere[::2], MODEL, None, [GO_T])
    np.testing.assert_allclose(fewer.betas[0], alone.betas[0][:, ::2], rtol=1e-5)
    smoothed = fsl_glm.estimate([design], [run], run.brain, MODEL, volume, [GO_T])
    white = fsl_glm.estimate(
        [design], [sample], everywhere, fsl_glm.with_noise_model(MODEL, "none"), None, [GO_T]
    )
    t = [fsl_glm.contrast(each, GO_T, (0,)).stat[each.mask] for each in (alone, smoothed, white)]
    # one-voxel autocorrelations scatter more than smoothed ones about those of white noise
    assert np.std(t[0] - t[2]) > 1.2 * np.std(t[1] - t[2]) > 0
    assert (alone.noise["model"], white.noise["model"]) == ("FILM", "none")
    # about the root of 60 scans
    assert alone.noise["n_lags"] == [7]
    ((low, middle, high),) = alone.noise["autocorrelation_quartiles"]
    assert -0.3 < low < middle < high < 0.3
    (smooth,) = smoothed.noise["autocorrelation_quartiles"]
    assert smooth[2] - smooth[0] < high - low
    assert set(white.noise) == {"model", "n_voxels_without_residual"}
    assert white.noise["n_voxels_without_residual"] == 0


def test_data_without_a_known_brain_are_scaled_by_the_median_of_all(volume: Volume) -> None:
    design = made(paradigm(GO))
    run = series(2, design)
    columns = np.flatnonzero(run.brain)
    bare = TimeSeries(run.stored[:, columns], 1.0, 0.0, run.global_means)
    estimate = fsl_glm.estimate([design], [bare], np.ones(columns.size, dtype=bool), MODEL, None, [GO_T])
    assert estimate.mask.all()


def test_runs_are_combined_by_their_precisions_and_f_is_t_squared(volume: Volume) -> None:
    designs = fsl_glm.designs([paradigm(GO), paradigm(replace(GO, onsets=GO.onsets + 7))], MODEL)
    runs = [series(3 + i, design) for i, design in enumerate(designs)]
    F = ContrastSpecification("all", "all", ("trial_type.go",), np.ones((1, 1)), "F")
    estimate = fsl_glm.estimate(designs, runs, runs[0].brain, MODEL, volume, [GO_T, F])
    both = fsl_glm.contrast(estimate, GO_T, (0, 1))
    each = [fsl_glm.contrast(estimate, GO_T, (i,)) for i in (0, 1)]
    inside = estimate.mask
    expected = fixed_effects(
        np.stack([m.effect[inside] for m in each]), np.stack([m.variance[inside] for m in each])
    )
    np.testing.assert_allclose(both.stat[inside], expected.t, rtol=1e-12)
    assert both.dof == (2 * (N_SCANS - 2.0) - 1,)
    assert estimate.dof == both.dof[0]
    mean_square = (estimate.runs[0].variance + estimate.runs[1].variance) / 2
    np.testing.assert_allclose(estimate.residual_mean_square[inside], mean_square, rtol=1e-12)
    assert np.isnan(estimate.residual_mean_square[~inside]).all()
    f = fsl_glm.contrast(estimate, F, (0, 1))
    np.testing.assert_allclose(f.stat[inside], expected.t**2, rtol=1e-9)
    assert f.dof == (1.0, both.dof[0])


def test_contrasts_that_the_fit_was_told_of_equal_those_from_all_parameters(volume: Volume) -> None:
    stop = replace(GO, name="stop", onsets=GO.onsets + 9)
    design = made(paradigm(GO, stop, confounds=2))
    run = series(5, design)
    names = ("trial_type.go", "trial_type.stop")
    difference = ContrastSpecification("d", "d", names, np.array([[1.0, -1.0]]))
    F = ContrastSpecification("f", "f", names, np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]), "F")
    told = fsl_glm.estimate([design], [run], run.brain, MODEL, volume, [GO_T, difference, F])
    untold = fsl_glm.estimate([design], [run], run.brain, MODEL, volume)
    assert told.runs[0].covariance.shape[0] < untold.runs[0].covariance.shape[0]
    for specification in (GO_T, difference, F):
        one, other = (fsl_glm.contrast(each, specification, (0,)) for each in (told, untold))
        np.testing.assert_allclose(one.stat, other.stat, rtol=1e-9)
    assert fsl_glm.contrast(told, F, (0,)).dof == (2.0, N_SCANS - 5.0)


def test_small_columns_are_as_estimable_as_any() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_SCANS, 3)) * [1.0, 1e-6, 1e3]
    assert all(fsl_contrasts._is_estimable(row[np.newaxis], X) for row in np.eye(3))
    X[:, 2] = X[:, 1]
    assert [fsl_contrasts._is_estimable(row[np.newaxis], X) for row in np.eye(3)] == [True, False, False]
    assert fsl_contrasts._is_estimable(np.array([[0.0, 1.0, 1.0]]), X)


def test_contrast_that_another_package_can_give_alone_is_empty_and_said(volume: Volume) -> None:
    design = made(paradigm(GO))
    run = series(6, design)
    missing = t_contrast("slope", "trial_type.go_derivative")
    estimate = fsl_glm.estimate([design], [run], run.brain, MODEL, volume, [GO_T, missing])
    assert fsl_glm.usable_runs(estimate, missing) == ()
    with pytest.warns(UserWarning, match="'slope' cannot be estimated with FSL's design"):
        maps = fsl_glm.contrast(estimate, missing, (0,))
    assert np.isnan(maps.effect).all()
    assert not maps.stat.any()


@pytest.mark.parametrize("every", [3, 30])
def test_columns_of_another_package_move_no_bit_of_spm(every: int) -> None:
    rng = np.random.default_rng(7)
    run, model = paradigm(GO), replace(MODEL, spm=replace(MODEL.spm, mask_threshold=-np.inf))
    design = spm12.design(run, model)
    Y = rng.standard_normal((N_SCANS, 900)) * 9 + 800
    rim = np.zeros(900, dtype=bool)
    rim[::every] = True
    n_left = 900 - np.count_nonzero(rim)
    wide = TimeSeries(Y, 1.0, 0.0, np.full(N_SCANS, 800.0), rim=rim)
    narrow = TimeSeries(np.ascontiguousarray(Y[:, ~rim]), 1.0, 0.0, wide.global_means)
    found = []
    for part, candidates in ((narrow, np.ones(n_left, dtype=bool)), (wide, ~rim)):
        mask = spm12.mask_from([part], candidates, model)
        found.append(spm12.estimate([design], [part], mask, model))
    one, other = found
    np.testing.assert_array_equal(one.residual_mean_square, other.residual_mean_square[~rim])


def test_share_that_the_filter_takes_of_a_column_is_told_though_columns_are_filtered() -> None:
    slow = replace(GO, onsets=np.array([20.0]), durations=np.array([60.0]))
    run = paradigm(slow)
    found = diagnosis(made(run, replace(MODEL, high_pass=40.0)), run)
    unfiltered = diagnosis(made(run, replace(MODEL, high_pass=NO_FILTER)), run)
    assert found.regressors[0].removed_by_filter > 0.7
    assert unfiltered.regressors[0].removed_by_filter == 0
