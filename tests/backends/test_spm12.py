import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.backends import spm12, spm12_scans
from bidsglm.data import Condition, Modulator, Paradigm, TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Hrf, ModelSpecification, SpmSettings
from tests.spm12_reference import case

TR = 2.0
N_SCANS = 90
N_VOXELS = 300
MODEL = ModelSpecification("tapping", x=("trial_type.*",))
SINGLE = 1e-6
"""Of betas and statistics rounded to float32."""
ROUNDING = 1e-9
"""Of float64 sums in another order."""
IMAGE = 5e-7
"""Of the range of SPM's float32 images."""


def condition(name, first, **options):
    onsets = np.arange(first, N_SCANS * TR - 20, 36.0)
    return Condition(name, onsets, np.full(onsets.shape, 10.0), **options)


def paradigm(**changes):
    rng = np.random.default_rng(1)
    plain = Paradigm(
        TR,
        N_SCANS,
        None,
        (condition("left", 4.0), condition("right", 22.0)),
        ("trans_x",),
        rng.standard_normal((N_SCANS, 1)) + 5,
    )
    return replace(plain, **changes)


def series(seed, design, dtype=np.float32, slope=1.0, intercept=0.0):
    """Voxels of which every other one responds to the first regressor."""
    rng = np.random.default_rng(seed)
    response = np.outer(design.matrix[:, 0], 30.0 * (np.arange(N_VOXELS) % 2))
    values = 1000 + response + 10 * rng.standard_normal((N_SCANS, N_VOXELS))
    stored = ((values - intercept) / slope).astype(dtype)
    return TimeSeries(stored, slope, intercept, np.full(N_SCANS, 1000.0))


def contrast(weights, *conditions, test="t"):
    return ContrastSpecification("c", "c", conditions, np.atleast_2d(np.array(weights, float)), test)


LEFT = contrast([1], "trial_type.left")


def fitted(n_runs=1, model=MODEL, **changes):
    designs = [spm12.design(paradigm(**changes), model) for _ in range(n_runs)]
    data = [series(run, d) for run, d in enumerate(designs)]
    return spm12.estimate(designs, data, np.ones(N_VOXELS, bool), model), designs, data


# Designs


def test_regressors_are_named_in_the_vocabulary_of_the_model():
    modulated = condition("go", 4.0, modulators=(Modulator("rt", np.arange(5.0)),), time_modulation=1)
    model = replace(MODEL, hrf=Hrf("spm", derivative=True))
    names = spm12.design(paradigm(conditions=(modulated,)), model).names
    assert names == (
        "trial_type.go",
        "trial_type.go_derivative",
        "trial_type.go_x_time^1",
        "trial_type.go_x_time^1_derivative",
        "trial_type.go_x_rt^1",
        "trial_type.go_x_rt^1_derivative",
        "trans_x",
        "constant",
    )


def test_confounds_are_centred_and_the_constant_is_last():
    matrix = spm12.design(paradigm(), MODEL).matrix
    assert_allclose(matrix[:, 2].mean(), 0, atol=ROUNDING)
    assert_array_equal(matrix[:, -1], 1)


def test_design_without_conditions_or_confounds_is_the_constant():
    bare = paradigm(conditions=(), confound_names=(), confounds=np.zeros((N_SCANS, 0)))
    assert spm12.design(bare, MODEL).matrix.shape == (N_SCANS, 1)


@pytest.mark.parametrize(
    ("start_time", "settings", "onset"),
    [
        (None, SpmSettings(), 8),
        (None, SpmSettings(microtime_resolution=4), 4),
        (0.0, SpmSettings(), 1),
        (1.0, SpmSettings(), 9),
        (0.9375, SpmSettings(), 9),
        (TR, SpmSettings(), 16),
        (1.0, SpmSettings(microtime_onset=3), 3),
    ],
)
def test_microtime_onset_is_the_models_or_the_slice_time_reference_or_spms(start_time, settings, onset):
    model = replace(MODEL, spm=settings)
    explicit = replace(MODEL, spm=replace(settings, microtime_onset=onset))
    ours = spm12.design(paradigm(start_time=start_time), model)
    assert_array_equal(ours.matrix, spm12.design(paradigm(), explicit).matrix)


def test_fir_by_delays_is_fir_by_length_and_order():
    by_delays = spm12.design(paradigm(), replace(MODEL, hrf=Hrf("fir", fir_delays=(0, 1, 2, 3))))
    by_length = spm12.design(paradigm(), replace(MODEL, hrf=Hrf("fir", length=4 * TR, order=4)))
    assert_array_equal(by_delays.matrix, by_length.matrix)
    assert by_delays.names == by_length.names


def test_event_outside_the_run_leaves_a_zero_column_in_its_place():
    late = Condition("late", np.array([1e4]), np.array([2.0]))
    design = spm12.design(paradigm(conditions=(late, condition("left", 4.0))), MODEL)
    assert not design.matrix[:, 0].any()
    assert design.names[:2] == ("trial_type.late", "trial_type.left")


# What SPM cannot express


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hrf": Hrf("glover")}, "glover is nilearn's"),
        ({"hrf": Hrf("spm", dispersion=True)}, "only with the time derivative"),
        ({"hrf": Hrf("fir", fir_delays=(0, 2))}, "without gaps"),
        ({"hrf": Hrf("fir", fir_delays=(1, 2))}, "without gaps"),
        ({"hrf": Hrf("fir", fir_delays=())}, "without gaps"),
        ({"hrf": Hrf("gamma", length=32)}, "positive Length"),
        ({"hrf": Hrf("fourier", length=0, order=2)}, "positive Length"),
        ({"intercept": False}, "always have a constant"),
        ({"high_pass": 0.0}, "not positive"),
        ({"spm": SpmSettings(microtime_resolution=0)}, "MicrotimeResolution"),
        ({"spm": SpmSettings(microtime_onset=17)}, "MicrotimeOnset 17"),
        ({"spm": SpmSettings(microtime_onset=0)}, "MicrotimeOnset 0"),
        ({"spm": SpmSettings(mask_threshold=float("nan"))}, "InclusiveMaskingThreshold"),
    ],
)
def test_model_that_spm_has_not_is_refused_in_one_line(changes, message):
    with pytest.raises(DataError, match=message) as caught:
        spm12.check(replace(MODEL, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "hrf",
    [
        Hrf(),
        Hrf("spm", derivative=True, dispersion=True),
        Hrf("fir", fir_delays=(0, 1, 2)),
        Hrf("fir", length=20, order=10),
        Hrf("fourier hanning", length=32, order=3),
        Hrf("gamma", length=32, order=3),
    ],
)
def test_model_that_spm_has_is_accepted(hrf):
    spm12.check(replace(MODEL, hrf=hrf, high_pass=np.inf))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"high_pass": 3.0}, "high-pass cut-off of 3 s"), ({"hrf": Hrf("fir", length=1, order=99)}, "FIR bin")],
)
def test_design_that_the_repetition_time_forbids_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        spm12.design(paradigm(), replace(MODEL, **changes))


# Masks and estimates


def test_mask_keeps_to_the_candidates_and_the_threshold():
    data = series(1, spm12.design(paradigm(), MODEL))
    data.stored[:, 7] = 790
    data.stored[3, 8] = 100
    candidates = np.arange(N_VOXELS) > 4
    expected = candidates & ~np.isin(np.arange(N_VOXELS), [7, 8])
    assert_array_equal(spm12.mask_from([data], candidates, MODEL), expected)


@pytest.mark.parametrize("normalization", ["None", "Scaling"])
@pytest.mark.parametrize("scale", [(1.0, 0.0), (0.37, -3.0), (-1.0, 1600.0)])
def test_mask_by_smallest_and_largest_values_is_that_of_every_value(normalization, scale, monkeypatch):
    rng = np.random.default_rng(11)
    Y = rng.normal(800, 40, (N_SCANS, 400)) * rng.uniform(0.6, 1.2, 400)
    Y[:, 3], Y[5, 4], Y[5, 5], Y[:, 6] = 800, np.nan, np.inf, 1e308
    Y[2, 6] = 9e307
    globals_ = rng.uniform(700, 900, N_SCANS)
    run = TimeSeries((Y - scale[1]) / scale[0], *scale, globals_)
    model = replace(MODEL, spm=SpmSettings(global_normalization=normalization))
    with np.errstate(over="ignore"):
        found = spm12.mask_from([run], np.ones(400, bool), model)
        looked = []
        monkeypatch.setattr(
            spm12_scans,
            "_at_a_glance",
            lambda *_: looked.append(1) or (np.zeros(400, bool), np.ones(400, bool)),
        )
        every = spm12.mask_from([run], np.ones(400, bool), model)
    assert looked
    assert 50 < np.count_nonzero(every) < 350
    assert_array_equal(found, every)


@pytest.mark.parametrize("normalization", ["None", "Scaling"])
def test_mask_is_the_same_with_the_smallest_and_largest_values_known_from_reading(normalization):
    rng = np.random.default_rng(13)
    stored = rng.normal(800, 40, (N_SCANS, 400)) * rng.uniform(0.6, 1.2, 400)
    run = TimeSeries(stored.astype(np.int16), 1.0, 0.0, rng.uniform(700, 900, N_SCANS))
    model = replace(MODEL, spm=SpmSettings(global_normalization=normalization))
    candidates = np.ones(400, bool)
    expected = spm12.mask_from([run], candidates, model)
    known = replace(run, ends=np.stack([run.stored.min(axis=0), run.stored.max(axis=0)]))
    assert 50 < np.count_nonzero(expected) < 350
    assert_array_equal(spm12.mask_from([known], candidates, model), expected)


def test_few_voxels_are_looked_at_value_by_value(monkeypatch):
    data = series(1, spm12.design(paradigm(), MODEL))
    data.stored[3, 8] = 100
    looked = []
    whole = spm12_scans.scaling.within_mask
    monkeypatch.setattr(
        spm12_scans.scaling, "within_mask", lambda runs, limits: looked.append(runs) or whole(runs, limits)
    )
    spm12.mask_from([data], np.ones(N_VOXELS, bool), MODEL)
    assert sum(runs[0].shape[1] for runs in looked) == 1


@pytest.mark.parametrize("step", [1, 2, 20])
def test_values_of_columns_are_the_same_however_they_are_copied(step):
    stored = np.arange(3 * 100, dtype=np.int16).reshape(3, 100)
    columns = np.delete(np.arange(100), np.s_[::step]) if step > 1 else np.arange(5, 50)
    run = TimeSeries(stored, 1.0, 0.0, np.zeros(3))
    values = run.stored_as(np.float64, columns)
    assert values.flags.c_contiguous
    assert_array_equal(values, stored[:, columns].astype(np.float64))


def test_mask_without_voxels_is_an_error():
    data = series(1, spm12.design(paradigm(), MODEL))
    strict = replace(MODEL, spm=SpmSettings(mask_threshold=5.0))
    with pytest.raises(DataError, match="no voxel exceeds 5 of the global"):
        spm12.mask_from([data], np.ones(N_VOXELS, bool), strict)


def test_empty_mask_is_an_error():
    design = spm12.design(paradigm(), MODEL)
    with pytest.raises(DataError, match="holds no voxel"):
        spm12.estimate([design], [series(1, design)], np.zeros(N_VOXELS, bool), MODEL)


def test_images_without_signal_are_an_error():
    dark = TimeSeries(np.zeros((N_SCANS, N_VOXELS)), 1.0, 0.0, np.full(N_SCANS, np.nan))
    with pytest.raises(DataError, match="cannot be scaled"):
        spm12.mask_from([dark], np.ones(N_VOXELS, bool), MODEL)


def test_data_without_effect_name_the_way_out():
    design = spm12.design(paradigm(), MODEL)
    rng = np.random.default_rng(3)
    noise = TimeSeries(rng.normal(1000, 10, (N_SCANS, 20)), 1.0, 0.0, np.full(N_SCANS, 1000.0))
    with pytest.raises(DataError, match=r"no significant voxels.*SerialCorrelation none"):
        spm12.estimate([design], [noise], np.ones(20, bool), MODEL)


def test_design_without_residual_degrees_of_freedom_is_an_error():
    full = paradigm(confound_names=tuple(map(str, range(N_SCANS))), confounds=np.eye(N_SCANS))
    model = replace(MODEL, spm=SpmSettings(serial_correlation="none"))
    design = spm12.design(full, model)
    with pytest.raises(DataError, match="no residual degrees of freedom"):
        spm12.estimate([design], [series(1, design)], np.ones(N_VOXELS, bool), model)


@pytest.mark.parametrize("serial_correlation", ["AR(1)", "FAST", "none"])
def test_size_of_the_chunks_does_not_matter(monkeypatch, serial_correlation):
    model = replace(MODEL, spm=SpmSettings(serial_correlation=serial_correlation))
    whole, designs, data = fitted(2, model)
    mask = np.arange(N_VOXELS) % 7 != 0
    whole = spm12.estimate(designs, data, mask, model)
    monkeypatch.setattr(spm12_scans, "CHUNK_VALUES", 2 * N_SCANS * 11)
    monkeypatch.setattr(spm12_scans, "LEAST", 1)
    parts = spm12.estimate(designs, data, mask, model)
    assert_allclose(parts.residual_mean_square, whole.residual_mean_square, rtol=ROUNDING)
    assert_allclose(parts.betas[1], whole.betas[1], rtol=SINGLE, atol=SINGLE)


def test_integers_with_slope_and_intercept_give_what_their_values_give():
    design = spm12.design(paradigm(), MODEL)
    packed = series(1, design, np.int16, 0.5, 700.0)
    plain = TimeSeries(packed.values(slice(None)), 1.0, 0.0, packed.global_means)
    mask = np.ones(N_VOXELS, bool)
    first, second = (spm12.estimate([design], [s], mask, MODEL) for s in (packed, plain))
    assert_allclose(first.residual_mean_square, second.residual_mean_square, rtol=ROUNDING)
    assert_allclose(first.betas[0], second.betas[0], rtol=SINGLE, atol=SINGLE)


def test_facts_about_the_noise_are_json():
    fit, _, _ = fitted(2)
    facts = json.loads(json.dumps(fit.noise))
    assert facts["serial_correlation"] == "AR(1)"
    assert [len(h) for h in facts["hyperparameters"]] == [2, 2]
    assert facts["n_voxels_pooled"] >= N_VOXELS // 2
    assert facts["n_cosines"] == [2, 2]


def test_residuals_have_a_unit_mean_square():
    fit, _, data = fitted(2)
    scans = np.arange(2 * N_SCANS)
    images = np.stack(list(spm12.standardised_residuals(fit, data, MODEL, scans)))
    n_free = 2 * N_SCANS - fit.model.decomposition.rank
    assert_allclose((images**2).sum(axis=0) / n_free, 1, rtol=ROUNDING)


# Contrasts


def test_contrast_is_the_mean_over_its_runs():
    fit, _, _ = fitted(2)
    both = spm12.contrast(fit, LEFT, (0, 1))
    each = [spm12.contrast(fit, LEFT, (run,)) for run in (0, 1)]
    assert_allclose(both.effect, (each[0].effect + each[1].effect) / 2, atol=SINGLE)
    assert_allclose(both.variance, (each[0].variance + each[1].variance) / 4, rtol=SINGLE)


def test_t_is_effect_over_its_standard_error():
    fit, _, _ = fitted()
    maps = spm12.contrast(fit, LEFT, (0,))
    assert_allclose(maps.stat, maps.effect / np.sqrt(maps.variance), rtol=SINGLE)
    assert maps.dof == (fit.dof,)


def test_values_outside_the_mask_are_those_of_the_contract():
    design = spm12.design(paradigm(), MODEL)
    mask = np.arange(N_VOXELS) > 10
    fit = spm12.estimate([design], [series(1, design)], mask, MODEL)
    maps = spm12.contrast(fit, LEFT, (0,))
    for values in (maps.effect, maps.variance, fit.betas[0][0], fit.residual_mean_square):
        assert_array_equal(np.isnan(values), ~mask)
    assert_array_equal(maps.stat[~mask], 0)
    assert_array_equal(maps.z[~mask], 0)
    assert_array_equal(maps.p[~mask], 1)


def test_f_contrast_has_no_effect_and_equals_t_squared():
    fit, _, _ = fitted()
    F = spm12.contrast(fit, contrast([1], "trial_type.left", test="F"), (0,))
    assert F.effect is F.variance is None
    assert_allclose(F.stat, spm12.contrast(fit, LEFT, (0,)).stat ** 2, rtol=SINGLE)
    assert_allclose(F.dof, (1, fit.dof), rtol=ROUNDING)


def test_voxel_without_noise_keeps_finite_numbers():
    design = spm12.design(paradigm(), MODEL)
    data = series(1, design)
    data.stored[:, 0] = 1000 + design.matrix[:, 0]
    model = replace(MODEL, spm=SpmSettings(serial_correlation="none"))
    fit = spm12.estimate([design], [data], np.ones(N_VOXELS, bool), model)
    maps = spm12.contrast(fit, LEFT, (0,))
    for values in (maps.stat, maps.z, maps.p):
        assert np.isfinite(values).all()


def test_run_without_a_regressor_or_with_a_dead_one_is_not_usable():
    late = Condition("left", np.array([1e4]), np.array([2.0]))
    paradigms = [
        paradigm(),
        paradigm(conditions=(condition("right", 22.0),)),
        paradigm(conditions=(late, condition("right", 22.0))),
    ]
    designs = [spm12.design(p, MODEL) for p in paradigms]
    data = [series(run, d) for run, d in enumerate(designs)]
    fit = spm12.estimate(designs, data, np.ones(N_VOXELS, bool), MODEL)
    assert spm12.usable_runs(fit, LEFT) == (0,)
    assert spm12.usable_runs(fit, contrast([1], "trial_type.right")) == (0, 1, 2)
    assert spm12.usable_runs(fit, contrast([1], "trial_type.absent")) == ()
    assert spm12.usable_runs(fit, contrast([0], "trial_type.right")) == ()


def test_over_parameterised_design_determines_only_the_difference():
    on = np.arange(0, 180, 40.0)
    blocks = (Condition("move", on, np.full(5, 20.0)), Condition("rest", on + 20, np.full(5, 20.0)))
    dependent = spm12.design(paradigm(conditions=blocks), MODEL)
    matrix = dependent.matrix.copy()
    matrix[:, 1] = matrix[:, -1] - matrix[:, 0]
    design = replace(dependent, matrix=matrix)
    fit = spm12.estimate([design], [series(1, design)], np.ones(N_VOXELS, bool), MODEL)
    assert spm12.usable_runs(fit, contrast([1], "trial_type.move")) == ()
    assert spm12.usable_runs(fit, contrast([1, -1], "trial_type.move", "trial_type.rest")) == (0,)


REFERENCE = [
    ("01_block_tapping", 1, LEFT.weights, ("trial_type.tapping",), "t"),
    ("01_block_tapping", 3, [[1]], ("trial_type.tapping",), "F"),
    ("16_zero_columns_shift", 3, [[1]], ("trial_type.C",), "t"),
    (
        "16_zero_columns_shift",
        4,
        np.eye(2),
        tuple(f"trial_type.A_x_const^1{s}" for s in ("", "_derivative")),
        "F",
    ),
    ("07_iid", 2, [[-1]], ("trial_type.tapping",), "t"),
]


@pytest.mark.parametrize(("name", "number", "weights", "conditions", "test"), REFERENCE)
def test_maps_are_spms_images(name, number, weights, conditions, test):
    reference = case(name)
    designs = [spm12.design(p, reference.model) for p in reference.paradigms]
    mask = spm12.mask_from(reference.series, reference.candidates, reference.model)
    fit = spm12.estimate(designs, reference.series, mask, reference.model)
    specification = contrast(weights, *conditions, test=test)
    assert spm12.usable_runs(fit, specification) == (0,)
    maps = spm12.contrast(fit, specification, (0,))
    theirs = reference.image(f"spm{test.upper()}_{number:04d}")
    assert_allclose(maps.stat, theirs, rtol=0, atol=IMAGE * np.ptp(theirs))
    assert np.isfinite(maps.z).all()
    assert ((maps.p >= 0) & (maps.p <= 1)).all()


@pytest.mark.parametrize(("n_scans", "known"), [(10, False), (40, True)])
def test_names_of_columns_are_not_known_where_the_filter_takes_the_scans(n_scans: int, known: bool) -> None:
    # a cut-off of 5 s has 8 cosines in 10 scans of 2 s, and 32 in 40; four regressors take the rest, or fit
    confounds = tuple(f"x{i}" for i in range(3))
    run = Paradigm(TR, n_scans, None, (), confounds, np.zeros((n_scans, 3)))
    names = ((*confounds, "constant"),)
    assert spm12.column_names([run], replace(MODEL, high_pass=5.0)) == (names if known else None)
    assert spm12.column_names([run], replace(MODEL, high_pass=1e9)) == names
