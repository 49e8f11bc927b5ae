"""The nilearn backend gives the numbers of FirstLevelModel on the same files."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm import contrasts
from nilearn.glm.contrasts import Contrast
from nilearn.glm.first_level import FirstLevelModel, mean_scaling

from bidsglm.backends import nilearn_contrasts, nilearn_glm, nilearn_library, spm12
from bidsglm.backends.nilearn_design import slice_time_ref
from bidsglm.backends.nilearn_signals import ScaledSignals, masked_signals
from bidsglm.data import Condition, Modulator, Paradigm, Run, TimeSeries
from bidsglm.dataset.images import read_data
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Hrf, ModelSpecification, NilearnSettings, SpmSettings
from bidsglm.spm.regressors import event_weights

RELATIVE = 1e-6
"""What the project promises against FirstLevelModel, relative to a map's largest value."""
RELATIVE_SMOOTHED = 3e-5
"""Smoothed signals are kept in float32: to 1e-7 of their mean, which is some 1e-5 of their noise."""
SHAPE, N_SCANS, TR = (7, 8, 6), 60, 2.0
CONDITIONS = ("go left!", "a", "9b")
MODEL = ModelSpecification("m", ("trial_type.*",))
MINUS = ContrastSpecification(
    "left - a", "leftMinusA", ("trial_type.go left!", "trial_type.a"), np.array([[1.0, -1.0]])
)
ANY = ContrastSpecification(
    "any", "any", tuple(f"trial_type.{c}" for c in CONDITIONS), np.eye(3)[:2] - np.eye(3)[[2, 2]], "F"
)
ONE_ROW = replace(MINUS, test="F")


class Sample(NamedTuple):
    """One run on disk and in tables."""

    run: Run
    paradigm: Paradigm
    events: pd.DataFrame
    confounds: pd.DataFrame


def make_paradigm(rng: np.random.Generator, n_conditions: int = 3) -> Paradigm:
    onsets = np.sort(rng.uniform(0, N_SCANS * TR - 10, (n_conditions, 7)), axis=1)
    conditions = tuple(
        Condition(name, o, np.full(7, 4.0 * i))
        for i, (name, o) in enumerate(zip(CONDITIONS, onsets, strict=False))
    )
    return Paradigm(TR, N_SCANS, None, conditions, ("rot_x", "drift_1"), rng.standard_normal((N_SCANS, 2)))


def make_sample(folder: Path, seed: int, kind: str = "int16") -> Sample:
    rng = np.random.default_rng(seed)
    paradigm = make_paradigm(rng)
    noise = rng.standard_normal((*SHAPE, N_SCANS))
    for t in range(1, N_SCANS):
        noise[..., t] += rng.uniform(-0.1, 0.7, SHAPE) * noise[..., t - 1]
    data = 1000 * rng.uniform(0.5, 2, SHAPE)[..., None] + 30 * noise
    image = nib.Nifti1Image(data.astype("int16" if kind == "scaled" else kind), np.diag([2, 2, 2, 1]))
    if kind == "scaled":
        image.header.set_slope_inter(0.37, 412.5)
    bold, mask = folder / f"bold{seed}.nii.gz", folder / "mask.nii.gz"
    nib.save(image, bold)
    brain = (np.indices(SHAPE).sum(axis=0) > 4).astype(np.uint8)
    nib.save(nib.Nifti1Image(brain, np.diag([2, 2, 2, 1])), mask)
    tables = [pd.DataFrame({"onset": c.onsets, "duration": c.durations}) for c in paradigm.conditions]
    events = pd.concat(
        [t.assign(trial_type=f"condition{i}") for i, t in enumerate(tables)], ignore_index=True
    )
    confounds = pd.DataFrame(paradigm.confounds, columns=["c0", "c1"])
    return Sample(Run({}, bold, None, None, mask, N_SCANS, TR, None), paradigm, events, confounds)


def fitted(samples: list[Sample], model: ModelSpecification) -> tuple[nilearn_glm.NilearnEstimate, Any]:
    """Our estimate, and FirstLevelModel on the files."""
    data = read_data([s.run for s in samples], ["nilearn"], 0.8, model.smoothing_fwhm)
    designs = [nilearn_glm.design(s.paradigm, model) for s in samples]
    mask = nilearn_glm.mask_from(data.series["nilearn"], data.candidates["nilearn"], model)
    ours = nilearn_glm.estimate(designs, data.series["nilearn"], mask, model)
    theirs = FirstLevelModel(
        TR,
        slice_time_ref=7 / 16,
        hrf_model=nilearn_glm.hrf_name(model.hrf),
        high_pass=1 / model.high_pass,
        noise_model=model.nilearn.noise_model,
        signal_scaling=model.nilearn.signal_scaling,
        smoothing_fwhm=model.smoothing_fwhm or None,
        mask_img=samples[0].run.mask,
        random_state=nilearn_library.SEED,
    )
    runs = [s.run.bold for s in samples]
    theirs.fit(runs, [s.events for s in samples], [s.confounds for s in samples])
    return ours, theirs


def their_maps(theirs: Any, contrast: ContrastSpecification) -> dict[str, np.ndarray]:
    columns = [f"condition{CONDITIONS.index(c.removeprefix('trial_type.'))}" for c in contrast.conditions]
    vectors = []
    for frame in theirs.design_matrices_:
        vector = np.zeros((len(contrast.weights), frame.shape[1]))
        vector[:, [frame.columns.get_loc(c) for c in columns]] = contrast.weights
        vectors.append(vector[0] if contrast.test == "t" else vector)
    images = theirs.compute_contrast(vectors, stat_type=contrast.test, output_type="all")
    keep = theirs.masker_.mask_img_.get_fdata() > 0
    return {name: image.get_fdata()[keep] for name, image in images.items()}


def assert_equal_maps(
    ours: nilearn_glm.NilearnEstimate,
    theirs: Any,
    contrast: ContrastSpecification,
    tolerance: float = RELATIVE,
) -> None:
    runs = tuple(range(len(ours.fits)))
    maps, expected = nilearn_glm.contrast(ours, contrast, runs), their_maps(theirs, contrast)
    pairs = [(maps.stat, "stat"), (maps.z, "z_score"), (maps.p, "p_value")]
    if contrast.test == "t":
        pairs += [(maps.effect, "effect_size"), (maps.variance, "effect_variance")]
    for actual, name in pairs:
        scale = np.max(np.abs(expected[name]))
        np.testing.assert_allclose(actual, expected[name], rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["int16", "scaled", "float32", "float64", "uint16"])
@pytest.mark.parametrize("n_runs", [1, 2])
def test_maps_equal_first_level_model(tmp_path: Path, kind: str, n_runs: int) -> None:
    ours, theirs = fitted([make_sample(tmp_path, seed, kind) for seed in range(n_runs)], MODEL)
    for contrast in (MINUS, ANY, ONE_ROW):
        assert_equal_maps(ours, theirs, contrast)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "settings",
    [
        NilearnSettings(noise_model="ols"),
        NilearnSettings(noise_model="ar2"),
        NilearnSettings(signal_scaling=False),
        NilearnSettings(signal_scaling=(0, 1)),
    ],
)
def test_settings_mean_what_they_mean_to_first_level_model(tmp_path: Path, settings: NilearnSettings) -> None:
    samples = [make_sample(tmp_path, seed, "float64") for seed in (3, 4)]
    ours, theirs = fitted(samples, replace(MODEL, nilearn=settings))
    for contrast in (MINUS, ANY):
        assert_equal_maps(ours, theirs, contrast)


@pytest.mark.filterwarnings("ignore")
def test_chunks_do_not_change_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = make_sample(tmp_path, 5)
    monkeypatch.setattr(nilearn_library, "CHUNK", 17)
    ours, theirs = fitted([sample], MODEL)
    assert_equal_maps(ours, theirs, MINUS)


@pytest.mark.filterwarnings("ignore")
def test_smoothed_maps_equal_those_of_first_level_model(tmp_path: Path) -> None:
    # Rounding in the smoother moves coefficients over the edges of nilearn's bins, hence no AR here.
    model = replace(MODEL, smoothing_fwhm=5.0, nilearn=NilearnSettings(noise_model="ols"))
    ours, theirs = fitted([make_sample(tmp_path, 6, "scaled"), make_sample(tmp_path, 7, "scaled")], model)
    assert_equal_maps(ours, theirs, MINUS, RELATIVE_SMOOTHED)


@pytest.mark.filterwarnings("ignore")
def test_real_runs_equal_first_level_model(shared_dir: Path) -> None:
    folder = shared_dir / "real-data/studyforrest-small-2runs"
    derivatives = folder / "derivatives/fmriprep/sub-02/func"
    samples = []
    for i in (1, 2):
        stem = f"sub-02_task-oneback_run-{i}"
        events = pd.read_csv(folder / f"sub-02/func/{stem}_events.tsv", sep="\t")
        events = events[["onset", "duration", "trial_type"]]
        table = pd.read_csv(derivatives / f"{stem}_desc-confounds_timeseries.tsv", sep="\t")
        confounds = table[["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]].fillna(0)
        conditions = tuple(
            Condition(str(name), e.onset.to_numpy(float), e.duration.to_numpy(float))
            for name, e in events.groupby("trial_type", sort=False)
        )
        paradigm = Paradigm(
            2.0, len(table), None, conditions, tuple(confounds.columns), confounds.to_numpy(float)
        )
        bold = derivatives / f"{stem}_desc-preproc_bold.nii.gz"
        mask = derivatives / f"{stem}_desc-brain_mask.nii.gz"
        samples.append(
            Sample(Run({}, bold, None, None, mask, len(table), 2.0, None), paradigm, events, confounds)
        )
    ours, theirs = fitted(samples, MODEL)
    names = [c.name for c in samples[0].paradigm.conditions]
    maps = nilearn_glm.contrast(
        ours, ContrastSpecification("x", "x", (f"trial_type.{names[0]}",), np.eye(1)), (0, 1)
    )
    expected = theirs.compute_contrast(names[0], output_type="all")
    keep = theirs.masker_.mask_img_.get_fdata() > 0
    for actual, name in ((maps.effect, "effect_size"), (maps.stat, "stat"), (maps.z, "z_score")):
        values = expected[name].get_fdata()[keep]
        np.testing.assert_allclose(actual, values, rtol=0, atol=RELATIVE * np.abs(values).max())


def test_design_has_the_vocabularys_names_in_the_models_order() -> None:
    paradigm = make_paradigm(np.random.default_rng(0))
    model = replace(MODEL, hrf=Hrf("spm", derivative=True), high_pass=100.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design = nilearn_glm.design(paradigm, model)
    bases = [f"trial_type.{c}{s}" for c in CONDITIONS for s in ("", "_derivative")]
    assert design.names[:8] == (*bases, "rot_x", "drift_1")
    assert design.names[8:] == ("drift_1", "drift_2", "constant")
    assert design.matrix.shape == (N_SCANS, len(design.names))
    assert design.high_pass_basis.shape == (N_SCANS, 0)
    np.testing.assert_array_equal(design.matrix[:, 6:8], paradigm.confounds)


def test_modulators_are_conditions_with_orthogonalised_modulation() -> None:
    onsets = np.arange(4) * 20.0
    condition = Condition("go", onsets, np.ones(4), (Modulator("rt", np.array([1.0, 2, 4, 9]), 2),), 1)
    weights = event_weights(condition)
    np.testing.assert_allclose(weights.T @ weights, np.diag(np.diag(weights.T @ weights)), atol=1e-9)
    design = nilearn_glm.design(Paradigm(TR, N_SCANS, None, (condition,), (), np.empty((N_SCANS, 0))), MODEL)
    assert design.names[:4] == (
        "trial_type.go",
        "trial_type.go_x_time^1",
        "trial_type.go_x_rt^1",
        "trial_type.go_x_rt^2",
    )
    raw = event_weights(replace(condition, orthogonalize=False))
    np.testing.assert_array_equal(raw[:, 3], [1, 4, 16, 81])


@pytest.mark.filterwarnings("ignore:.*null duration")
def test_fir_bins_of_one_scan_are_delays() -> None:
    paradigm = make_paradigm(np.random.default_rng(1), 1)
    by_length = nilearn_glm.design(paradigm, replace(MODEL, hrf=Hrf("fir", length=3 * TR, order=3)))
    by_delays = nilearn_glm.design(paradigm, replace(MODEL, hrf=Hrf("fir", fir_delays=(0, 1, 2))))
    assert by_length.names[:3] == tuple(f"trial_type.go left!_delay_{i}" for i in range(3))
    np.testing.assert_array_equal(by_length.matrix, by_delays.matrix)


def test_other_fir_bins_are_refused() -> None:
    paradigm = make_paradigm(np.random.default_rng(1), 1)
    with pytest.raises(DataError, match=r"Length/Order = 1 s.*--backends spm"):
        nilearn_glm.design(paradigm, replace(MODEL, hrf=Hrf("fir", length=12, order=12)))


@pytest.mark.parametrize("model", ["fourier", "fourier hanning", "gamma"])
def test_response_functions_that_nilearn_lacks_are_refused(model: Any) -> None:
    with pytest.raises(DataError, match=f"nilearn has no {model}.*--backends spm"):
        nilearn_glm.check(replace(MODEL, hrf=Hrf(model, length=32, order=3)))


@pytest.mark.filterwarnings("ignore:.*null duration")
def test_no_filter_leaves_no_drift() -> None:
    paradigm = make_paradigm(np.random.default_rng(2), 1)
    design = nilearn_glm.design(paradigm, replace(MODEL, high_pass=float("inf")))
    assert design.names == ("trial_type.go left!", "rot_x", "drift_1", "constant")


def test_slice_time_reference_takes_the_first_that_is_given() -> None:
    paradigm = replace(make_paradigm(np.random.default_rng(2), 1), start_time=0.5)
    spm = SpmSettings(microtime_resolution=20, microtime_onset=11)
    references = [
        slice_time_ref(paradigm, replace(MODEL, spm=spm, nilearn=NilearnSettings(slice_time_ref=0.1))),
        slice_time_ref(paradigm, replace(MODEL, spm=spm)),
        slice_time_ref(paradigm, MODEL),
        slice_time_ref(replace(paradigm, start_time=None), MODEL),
    ]
    np.testing.assert_allclose(references, [0.1, 0.5, 0.25, 7 / 16])


@pytest.mark.parametrize("resolution", [4, 16, 32])
def test_both_packages_sample_at_the_same_time_when_nothing_is_given(resolution: int) -> None:
    condition = Condition("go", np.array([10.0, 50.0]), np.array([10.0, 10.0]))
    paradigm = Paradigm(TR, N_SCANS, None, (condition,), (), np.empty((N_SCANS, 0)))
    unsaid = replace(MODEL, spm=SpmSettings(microtime_resolution=resolution))
    said = slice_time_ref(paradigm, unsaid) * resolution + 1
    model = replace(MODEL, spm=SpmSettings(microtime_resolution=resolution, microtime_onset=round(said)))
    np.testing.assert_array_equal(spm12.design(paradigm, unsaid).matrix, spm12.design(paradigm, model).matrix)


def test_warnings_name_the_regressors() -> None:
    condition = Condition("go", np.array([4.0, 30.0]), np.zeros(2))
    paradigm = Paradigm(TR, N_SCANS, None, (condition,), (), np.empty((N_SCANS, 0)))
    with pytest.warns(UserWarning, match=r"null duration:\n- 'trial_type\.go'"):
        nilearn_glm.design(paradigm, MODEL)


def synthetic_estimate(paradigms: list[Paradigm]) -> nilearn_glm.NilearnEstimate:
    rng = np.random.default_rng(8)
    series = [TimeSeries(rng.normal(100, 3, (N_SCANS, 5)), 1.0, 0.0, np.zeros(N_SCANS)) for _ in paradigms]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        designs = [nilearn_glm.design(p, MODEL) for p in paradigms]
        mask = np.array([True, False, True, True, False])
        return nilearn_glm.estimate(designs, series, mask, MODEL)


def test_voxels_outside_the_mask_hold_what_the_outputs_promise() -> None:
    estimate = synthetic_estimate([make_paradigm(np.random.default_rng(9))])
    maps = nilearn_glm.contrast(estimate, MINUS, (0,))
    outside = ~estimate.mask
    assert np.isnan(estimate.betas[0][:, outside]).all()
    assert np.isnan(estimate.residual_mean_square[outside]).all()
    assert np.isnan(maps.effect[outside]).all()
    assert (maps.stat[outside] == 0).all()
    assert (maps.z[outside] == 0).all()
    assert (maps.p[outside] == 1).all()
    assert np.isfinite(maps.stat[estimate.mask]).all()


def test_a_run_without_the_condition_or_with_a_dead_one_is_not_usable() -> None:
    whole = make_paradigm(np.random.default_rng(10))
    late = replace(whole.conditions[0], onsets=whole.conditions[0].onsets + 1e4)
    dead = replace(whole, conditions=(late, *whole.conditions[1:]))
    lacking = replace(whole, conditions=whole.conditions[1:])
    assert nilearn_glm.usable_runs(synthetic_estimate([whole, dead, lacking, whole]), MINUS) == (0, 3)


def test_redundant_rows_of_an_f_contrast_do_not_matter() -> None:
    estimate = synthetic_estimate([make_paradigm(np.random.default_rng(11))])
    redundant = replace(ANY, weights=np.vstack([ANY.weights, ANY.weights[0] - ANY.weights[1]]))
    maps, expected = (nilearn_glm.contrast(estimate, c, (0,)) for c in (redundant, ANY))
    np.testing.assert_array_equal(maps.stat, expected.stat)
    assert maps.dof == expected.dof


def test_f_of_one_row_is_t_squared() -> None:
    estimate = synthetic_estimate([make_paradigm(np.random.default_rng(12))])
    t, f = (nilearn_glm.contrast(estimate, c, (0,)) for c in (MINUS, ONE_ROW))
    np.testing.assert_allclose(f.stat, t.stat**2, rtol=1e-9)
    assert f.effect is None
    assert f.variance is None
    assert f.dof == (1.0, t.dof[0])


@pytest.mark.parametrize("dof", [1.0, 40.5, 263.0, 1e12])
def test_p_and_z_of_t_are_nilearns_to_the_last_bit(dof: float, monkeypatch: pytest.MonkeyPatch) -> None:
    t = np.concatenate([np.random.default_rng(2).standard_normal(500) * scale for scale in (0.5, 4, 90)])
    effect = np.append(t, [0.0, -0.0, 1e4, -1e4])
    made = [Contrast(effect, np.full(effect.size, 1.0), dof=dof) for _ in range(2)]
    theirs, ours = made
    expected = theirs.z_score(), theirs.p_value_
    monkeypatch.setattr(contrasts, "compute_fixed_effect_contrast", lambda *given: ours)
    estimate = synthetic_estimate([make_paradigm(np.random.default_rng(0))])
    estimate = replace(estimate, mask=np.arange(effect.size) >= 0)
    monkeypatch.setattr(nilearn_contrasts, "_contrast_inputs", lambda *given: (None, None, None))
    maps = nilearn_glm.contrast(estimate, MINUS, (0,))
    for own, given in zip((maps.z, maps.p), expected, strict=True):
        np.testing.assert_array_equal(own, given)


def test_values_that_are_not_finite_count_as_zero() -> None:
    stored = np.array([[1.0, np.nan], [np.inf, 2.0]], dtype=np.float32)
    series = TimeSeries(stored, 2.0, 1.0, np.zeros(2))
    signals = masked_signals(series, np.array([0, 1]))
    np.testing.assert_array_equal(signals, [[3.0, 0.0], [0.0, 5.0]])


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_signals_in_percent_are_those_of_mean_scaling_bit_for_bit(dtype: type) -> None:
    stored = np.random.default_rng(4).uniform(-3, 900, (200, 70)).astype(dtype)
    columns = np.delete(np.arange(70), [3, 4, 30])  # in stretches
    stored[:, 50] = 0
    series = TimeSeries(stored, 1.0, 0.0, np.zeros(200))
    signals = ScaledSignals(series, np.ones(70, dtype=bool), 0)(columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, _ = mean_scaling(masked_signals(series, columns))
    assert signals.dtype == theirs.dtype
    np.testing.assert_array_equal(signals, theirs)


def test_residual_mean_square_of_runs_of_unequal_length_weights_them_by_their_degrees_of_freedom() -> None:
    long = make_paradigm(np.random.default_rng(12))
    short = replace(long, n_scans=30, confounds=long.confounds[:30])
    rng = np.random.default_rng(13)
    series = [TimeSeries(rng.normal(100, sd, (n, 4)), 1.0, 0.0, np.zeros(n)) for n, sd in ((60, 1), (30, 6))]
    mask, model = np.ones(4, dtype=bool), replace(MODEL, nilearn=NilearnSettings(noise_model="ols"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        designs = [nilearn_glm.design(p, model) for p in (long, short)]
        found = nilearn_glm.estimate(designs, series, mask, model)
        alone = [nilearn_glm.estimate([d], [s], mask, model) for d, s in zip(designs, series, strict=True)]
    assert found.dof == alone[0].dof + alone[1].dof
    squares = sum(each.residual_mean_square * each.dof for each in alone)
    np.testing.assert_allclose(found.residual_mean_square, squares / found.dof, rtol=1e-12)
