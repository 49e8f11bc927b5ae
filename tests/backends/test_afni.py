"""AFNI's backend on arrays: which designs it makes of a model, and what it fits with them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from bidsglm.afni.conditions import condition_responses
from bidsglm.afni.estimation import fits
from bidsglm.afni.noise import noise_grid
from bidsglm.afni.scaling import percent_of_mean
from bidsglm.backends import afni_glm
from bidsglm.data import Condition, Modulator, Paradigm, TimeSeries
from bidsglm.errors import DataError, FaultyModelError, UnsupportedModelError
from bidsglm.model import AfniSettings, ContrastSpecification, Hrf, ModelSpecification

from ..afni.reference import COMMITTED, DESIGNS, Xmat

SINGLE, GRIDDED = 1e-6, 2.5e-5
TR, N_SCANS = 2.0, 60
MODEL = ModelSpecification("m", ("trial_type.go",))


def paradigm(*conditions: Condition, **more) -> Paradigm:
    n_scans = more.pop("n_scans", N_SCANS)
    return Paradigm(
        more.pop("TR", TR),
        n_scans,
        more.pop("start_time", None),
        conditions,
        more.pop("names", ()),
        more.pop("confounds", np.zeros((n_scans, 0))),
        **more,
    )


def go(onsets=(10.0, 40.0, 80.0), duration=0.0, **more) -> Condition:
    onsets = np.array(onsets)
    return Condition("go", onsets, np.broadcast_to(duration, onsets.shape).astype(float), **more)


def with_afni(model: ModelSpecification = MODEL, **settings) -> ModelSpecification:
    return replace(model, afni=AfniSettings(**settings))


def notation(model: ModelSpecification, *conditions: Condition) -> str:
    return condition_responses([paradigm(*conditions)], model)["trial_type.go"].notation


def series(n_voxels: int = 8, n_scans: int = N_SCANS, seed: int = 0) -> TimeSeries:
    noise = np.random.default_rng(seed).standard_normal((n_scans, n_voxels))
    for t in range(1, n_scans):
        noise[t] += 0.5 * noise[t - 1]
    return TimeSeries(1000 + 10 * noise, 1.0, 0.0, np.ones(n_scans))


def contrast(*conditions: str, weights=None) -> ContrastSpecification:
    rows = np.atleast_2d(np.ones(len(conditions)) if weights is None else weights)
    return ContrastSpecification("c", "c", conditions, rows, "t" if len(rows) == 1 else "F")


def from_xmat(xmat: Xmat) -> tuple[list[Paradigm], ModelSpecification]:
    """The design's input as paradigms of its runs."""
    (stimulus,) = xmat.stimuli()
    kept = xmat.timeline.kept or [np.ones(n, dtype=bool) for n in xmat.timeline.n_scans]
    runs = []
    for train, n_scans, mask in zip(stimulus.trains, xmat.timeline.n_scans, kept, strict=True):
        durations = np.zeros(len(train.onsets)) if train.durations is None else train.durations
        modulators = () if train.modulators is None else (Modulator("m", train.modulators[:, 0]),)
        condition = Condition(stimulus.name, train.onsets, durations, modulators)
        censored = tuple(np.flatnonzero(~mask).tolist())
        timing = {"TR": xmat.timeline.repetition_time, "n_scans": n_scans, "censored": censored}
        runs.append(paradigm(condition, **timing))
    settings = {"response_model": stimulus.response.model.notation, "polort": xmat.degree}
    return runs, with_afni(**settings)


@pytest.mark.parametrize(
    "name", [name for name in DESIGNS if Xmat(COMMITTED / "designs" / f"{name}.xmat.1D").stimuli()]
)
def test_designs_of_the_runs_are_rows_of_3ddeconvolves(name: str) -> None:
    xmat = Xmat(COMMITTED / "designs" / f"{name}.xmat.1D")
    runs, model = from_xmat(xmat)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = afni_glm.designs(runs, model)
    together = afni_glm.JointRuns(made)
    theirs = xmat.matrix
    assert [d.names[-1] for d in made] == ["constant"] * len(runs)
    assert together.matrix.shape == theirs.shape
    scale = np.abs(theirs).max(axis=0)
    assert np.abs(together.matrix - theirs).max(axis=0) / scale == pytest.approx(0, abs=GRIDDED)


@pytest.mark.parametrize(
    ("settings", "hrf", "duration", "expected"),
    [
        ({"by_duration": True}, "spm", 0.0, "GAM"),
        ({"by_duration": True}, "spm", 12.0, "BLOCK(12,1)"),
        ({"by_duration": True}, "spm", (1.0, 2.0, 4.0), "dmUBLOCK(-2)"),
        ({}, "spm", 0.0, "SPMG1"),
        ({}, "spm", 12.0, "SPMG1(12)"),
        ({}, "spm", (1.0, 2.0, 4.0), "dmUBLOCK"),
        ({"response_model": "BLOCK(5,1)"}, "glover", 3.0, "BLOCK(5,1)"),
        ({"response_model": {"go": "GAM"}}, "glover", 3.0, "GAM"),
        ({"response_model": {"stop": "GAM"}}, "spm", 0.0, "SPMG1"),
    ],
)
def test_response_model_is_named_or_follows_hrf_and_durations(settings, hrf, duration, expected) -> None:
    model = replace(with_afni(**settings), hrf=Hrf(hrf))
    assert notation(model, go(duration=duration)) == expected


def test_measured_durations_that_differ_by_less_than_a_millisecond_are_one() -> None:
    assert notation(with_afni(by_duration=True), go(duration=(12.0, 12.0004, 11.9998))) == "BLOCK(12,1)"


def test_another_response_than_asked_for_is_told_of_the_conditions_it_stands_for() -> None:
    found = condition_responses([paradigm(go(duration=(1.0, 2.0, 4.0)))], MODEL)
    assert "dmUBLOCK is used in its place" in found["trial_type.go"].deviates
    assert "(a deviation)" in _words(paradigm(go(duration=(1.0, 2.0, 4.0))))["Response function"]


def _words(*runs: Paradigm, model: ModelSpecification = MODEL):
    return afni_glm.settings_in_words(model, runs)


@pytest.mark.parametrize(
    ("model", "condition", "said"),
    [
        (with_afni(by_duration=True), go(duration=(0.0, 2.0, 3.0)), "have a duration and others have none"),
        (MODEL, go(duration=(0.0, 2.0, 3.0)), "have a duration and others have none"),
        (
            replace(MODEL, hrf=Hrf("spm", derivative=True)),
            go(duration=(1.0, 2.0, 3.0)),
            "SPMG2 has one duration",
        ),
        (with_afni(response_model="dmBLOCK(1)"), go(), "needs events that last longer than 0 s"),
        (replace(MODEL, hrf=Hrf("fir", length=8.0, order=2)), go(), "must last one TR"),
        (replace(MODEL, hrf=Hrf("fir", length=8.0, order=4)), go(duration=2.0), "without duration"),
        (replace(MODEL, hrf=Hrf("fir", fir_delays=(0, 2))), go(), "in a row"),
        (replace(MODEL, hrf=Hrf("glover")), go(), "AFNI has no glover response functions"),
        (MODEL, go(continuous=True), "convolves events only"),
        (with_afni(by_duration=True), go(duration=4000.0), "3600"),
    ],
)
def test_events_that_afni_has_no_form_for_are_refused_by_name(model, condition, said) -> None:
    with pytest.raises(UnsupportedModelError, match=said) as refused:
        afni_glm.designs([paradigm(condition)], model)
    assert "trial_type.go" in str(refused.value)


@pytest.mark.parametrize(
    "hrf", [Hrf("glover"), Hrf("gamma", length=30, order=3), Hrf("spm", dispersion=True)]
)
def test_hrf_that_afni_lacks_is_refused_before_any_table_is_read(hrf: Hrf) -> None:
    with pytest.raises(DataError):
        afni_glm.check(replace(MODEL, hrf=hrf))
    afni_glm.check(replace(with_afni(response_model="GAM"), hrf=hrf))


@pytest.mark.parametrize("wrong", ["BLOK(20)", "BLOCK(0,1)", {"go": "GAM(1)"}])
def test_wrong_notation_is_a_fault_of_the_model(wrong) -> None:
    with pytest.raises(FaultyModelError, match=r"Software\.AFNI\.ResponseModel"):
        afni_glm.check(with_afni(response_model=wrong))


def test_tents_are_the_bins_of_events_that_begin_with_a_scan() -> None:
    model = replace(MODEL, hrf=Hrf("fir", length=6.0, order=3))
    (made,) = afni_glm.designs([paradigm(go(onsets=(10.0, 40.0)))], model)
    assert made.names[:3] == ("trial_type.go_delay_0", "trial_type.go_delay_1", "trial_type.go_delay_2")
    expected = np.zeros((N_SCANS, 3))
    for delay in range(3):
        expected[[5 + delay, 20 + delay], delay] = 1
    np.testing.assert_allclose(made.matrix[:, :3], expected, atol=1e-5)


def test_start_time_moves_onsets_and_events_that_it_moves_out_are_told_by_file_and_number() -> None:
    events = go(onsets=(0.5, 20.0, 119.5))
    run = paradigm(events, start_time=1.0, source="sub-01_task-x_events.tsv")
    with pytest.warns(UserWarning, match=r"sub-01_task-x_events.tsv: .*: 2 of trial_type.go"):
        (made,) = afni_glm.designs([run], with_afni(response_model="GAM"))
    (shifted,) = afni_glm.designs([paradigm(go(onsets=(19.0,)))], with_afni(response_model="GAM"))
    np.testing.assert_allclose(made.matrix, shifted.matrix, atol=1e-12)
    assert _words(run)["Response sampled at"] == "StartTime 1 s, subtracted from onsets"


def test_onset_without_start_time_counts_from_the_scans_start() -> None:
    microtime = replace(MODEL, spm=replace(MODEL.spm, microtime_onset=16))
    for model in (MODEL, microtime):
        (made,) = afni_glm.designs([paradigm(go(onsets=(10.0,)))], model)
        # 4 s behind the event, SPMG1 is exp(-4) 4^5 / 5! less the undershoot
        assert made.matrix[7, 0] == pytest.approx(np.exp(-4) * (4**5 / 120 - 4**15 * 1.274527e-13), rel=1e-6)


def test_modulators_are_centred_over_all_runs_or_as_they_are() -> None:
    values = np.array([1.0, 2.0, 6.0])
    runs = [paradigm(go(modulators=(Modulator("rt", values + k),))) for k in (0.0, 3.0)]
    gam = with_afni(response_model="GAM")
    centred = afni_glm.designs(runs, gam)
    raw = afni_glm.designs(
        [replace(r, conditions=tuple(replace(c, orthogonalize=False) for c in r.conditions)) for r in runs],
        gam,
    )
    assert centred[0].names[:2] == raw[0].names[:2] == ("trial_type.go", "trial_type.go_x_rt^1")
    mean = (values.mean() + (values + 3).mean()) / 2
    for one, other in zip(centred, raw, strict=True):
        np.testing.assert_allclose(
            one.matrix[:, 1], other.matrix[:, 1] - mean * other.matrix[:, 0], atol=1e-9
        )


def test_amplitudes_of_a_transformation_are_heights() -> None:
    (plain,) = afni_glm.designs([paradigm(go(onsets=(40.0,)))], MODEL)
    (high,) = afni_glm.designs([paradigm(go(amplitudes=np.array([1.0, 2.0, 0.0])))], MODEL)
    (single,) = afni_glm.designs([paradigm(go(onsets=(10.0,)))], MODEL)
    np.testing.assert_allclose(high.matrix[:, 0], single.matrix[:, 0] + 2 * plain.matrix[:, 0], atol=1e-9)


def runs_with_motion(n_runs: int = 2, **more) -> list[Paradigm]:
    rng = np.random.default_rng(3)
    return [
        paradigm(
            go(onsets=(10.0 + 3 * k, 50.0)), names=("x",), confounds=rng.standard_normal((N_SCANS, 1)), **more
        )
        for k in range(n_runs)
    ]


def test_confounds_have_columns_of_each_run_or_one_set_through_all() -> None:
    apart = afni_glm.JointRuns(afni_glm.designs(runs_with_motion(), MODEL))
    together = afni_glm.JointRuns(afni_glm.designs(runs_with_motion(), with_afni(motion_per_run=False)))
    assert len(apart.columns) == len(together.columns) + 1
    assert ("x", None) in together.columns
    assert {("x", 0), ("x", 1)} <= set(apart.columns)
    assert afni_glm.designs(runs_with_motion(), MODEL)[0].joint == ("trial_type.go",)


def test_fit_is_3dremlfits_over_the_scans_that_are_kept() -> None:
    runs = [replace(run, censored=(3, 4, 20)) for run in runs_with_motion()]
    data = [series(seed=k) for k in range(2)]
    designs = afni_glm.designs(runs, MODEL)
    found = afni_glm.estimate(designs, data, np.ones(8, dtype=bool), MODEL)
    joint = afni_glm.JointRuns(designs)
    kept = np.delete(np.arange(2 * N_SCANS), [3, 4, 20, 63, 64, 80])
    times = np.concatenate([np.arange(N_SCANS), 10_000 + np.arange(N_SCANS)])[kept]
    Y = np.vstack([percent_of_mean(run.stored) for run in data])[kept]
    expected = fits(Y, noise_grid(joint.whole[kept], times))
    column = joint.columns.index(("trial_type.go", None))
    for betas in found.betas:
        np.testing.assert_allclose(betas[0], expected.betas[column], rtol=1e-5)
    np.testing.assert_allclose(found.residual_mean_square, expected.mean_square, rtol=1e-9)
    assert found.dof == len(kept) - joint.whole.shape[1]
    facts = found.noise
    assert (facts["model"], facts["n_censored"], facts["n_voxels_without_residual"]) == (
        "ARMA(1,1)",
        [3, 3],
        0,
    )
    assert facts["n_columns"] == joint.whole.shape[1]
    for name in ("ar", "ma"):
        quartiles = np.percentile(found.noise_maps[name], [25, 50, 75])
        np.testing.assert_allclose(facts[f"{name}_quartiles"], quartiles)
    a, b = found.noise_maps["ar"], found.noise_maps["ma"]
    neighbours = (a + b) * (1 + a * b) / (1 + 2 * a * b + b**2)
    np.testing.assert_allclose(facts["lambda_quartiles"], np.percentile(neighbours, [25, 50, 75]), atol=1e-12)


def test_columns_that_censoring_empties_are_left_out_and_told() -> None:
    outlier = (np.arange(N_SCANS) == 7).astype(float)[:, None]
    run = paradigm(go(), names=("motion_outlier00",), confounds=outlier, censored=(7,))
    with pytest.warns(UserWarning, match="left out, their betas are 0: motion_outlier00 of run 1"):
        designs = afni_glm.designs([run], MODEL)
    found = afni_glm.estimate(designs, [series()], np.ones(8, dtype=bool), MODEL)
    assert not found.betas[0][1].any()
    plain = afni_glm.designs([replace(run, confound_names=(), confounds=np.zeros((N_SCANS, 0)))], MODEL)
    other = afni_glm.estimate(plain, [series()], np.ones(8, dtype=bool), MODEL)
    np.testing.assert_allclose(found.betas[0][0], other.betas[0][0], rtol=1e-6)
    assert found.dof == other.dof


def test_without_noise_model_and_scaling_it_is_ordinary_least_squares_of_the_image() -> None:
    model = with_afni(noise_model="none", scale=False, polort=1)
    designs = afni_glm.designs([paradigm(go())], model)
    assert designs[0].names == ("trial_type.go", "drift_1", "constant")
    data = series()
    found = afni_glm.estimate(designs, [data], np.ones(8, dtype=bool), model)
    expected = np.linalg.lstsq(designs[0].matrix, data.stored.astype(np.float32).astype(float), rcond=None)[0]
    np.testing.assert_allclose(found.betas[0], expected, rtol=2e-6, atol=1e-5)
    assert not found.noise_maps
    assert set(found.noise) == {"model", "n_columns", "n_censored", "n_voxels_without_residual"}
    assert found.noise["model"] == "independent"
    assert afni_glm.effect_unit(model) == "image units"
    assert afni_glm.one_percent([data], [np.array([200.0])], model)[0] == 2.0


def test_contrast_is_one_effect_over_shared_columns_and_the_mean_over_columns_of_runs() -> None:
    designs = afni_glm.designs(runs_with_motion(), MODEL)
    data = [series(seed=k) for k in range(2)]
    found = afni_glm.estimate(designs, data, np.ones(8, dtype=bool), MODEL)
    shared = afni_glm.contrast(found, contrast("trial_type.go"), (0, 1))
    np.testing.assert_allclose(shared.effect, found.betas[0][0], rtol=1e-6)
    np.testing.assert_allclose(shared.stat, shared.effect / np.sqrt(shared.variance), rtol=1e-12)
    motion = afni_glm.contrast(found, contrast("x"), (0, 1))
    np.testing.assert_allclose(motion.effect, (found.betas[0][1] + found.betas[1][1]) / 2, rtol=1e-5)
    twice = afni_glm.contrast(found, contrast("trial_type.go", weights=[[1.0], [2.0]]), (0, 1))
    assert twice.dof == (1.0, found.dof)
    np.testing.assert_allclose(twice.stat, shared.stat**2, rtol=1e-9)


def test_condition_of_one_run_and_a_condition_of_another_can_be_compared() -> None:
    runs = [paradigm(go()), paradigm(replace(go(), name="stop"))]
    found = afni_glm.estimate(
        afni_glm.designs(runs, MODEL), [series(seed=k) for k in range(2)], np.ones(8, dtype=bool), MODEL
    )
    both = contrast("trial_type.go", "trial_type.stop", weights=[[1.0, -1.0]])
    assert afni_glm.usable_runs(found, both) == (0, 1)
    assert afni_glm.usable_runs(found, contrast("trial_type.gone")) == ()


def test_condition_whose_events_are_all_left_out_cannot_be_estimated() -> None:
    with pytest.warns(UserWarning, match="zero in all scans are left out"):
        designs = afni_glm.designs([paradigm(go(onsets=(-5.0, 500.0)))], MODEL)
    found = afni_glm.estimate(designs, [series()], np.ones(8, dtype=bool), MODEL)
    assert afni_glm.usable_runs(found, contrast("trial_type.go")) == ()


@pytest.mark.parametrize(
    ("model", "run", "said"),
    [
        (with_afni(polort=30), paradigm(go(onsets=(4.0,)), n_scans=20), "Polort 30"),
        (MODEL, paradigm(go(), censored=tuple(range(N_SCANS))), "60 censored ones leave"),
        (with_afni(polort=18), paradigm(go(onsets=(4.0,)), n_scans=20), "residual degrees"),
    ],
)
def test_designs_that_leave_nothing_for_the_noise_are_refused(model, run, said) -> None:
    with pytest.raises(DataError, match=said):
        afni_glm.check_designs(afni_glm.designs([run], model), model)
