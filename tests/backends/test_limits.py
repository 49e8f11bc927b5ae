"""What a package cannot express is refused with the setting and what to use instead, at its very limit."""

import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats

from bidsglm.backends import afni_design, fsl_design, fsl_estimate, nilearn_design, spm12_design
from bidsglm.backends.fittable import Freedom, check_freedom, freedom
from bidsglm.backends.nilearn_clusters import PEAK_DISTANCE, PEAKS_PER_CLUSTER
from bidsglm.backends.nilearn_estimate import _noise_facts
from bidsglm.backends.nilearn_inference import infer, z_thresholds
from bidsglm.backends.spm12_noise import joint_model
from bidsglm.data import Condition, ContrastMaps, DesignMatrix, Paradigm, Volume
from bidsglm.design_space import without_redundancy
from bidsglm.errors import BidsglmError, DataError
from bidsglm.model import (
    AfniSettings,
    ContrastSpecification,
    FslSettings,
    Hrf,
    ModelSpecification,
    NilearnSettings,
    SpmSettings,
)

MODEL = ModelSpecification("m", ())
GO = Condition("go", np.array([4.0, 40.0]), np.array([8.0, 8.0]))


def run(
    *conditions: Condition, n_scans: int = 60, confounds: int = 0, time: float = 2.0, **more: Any
) -> Paradigm:
    values = np.random.default_rng(confounds).standard_normal((n_scans, confounds))
    names = tuple(f"c{i}" for i in range(confounds))
    return Paradigm(time, n_scans, more.pop("start", None), conditions or (GO,), names, values, **more)


def contrast(*names: str) -> ContrastSpecification:
    return ContrastSpecification("ours", "ours", names, np.ones((1, len(names))))


def refusal(module: Any, model: ModelSpecification) -> str:
    """What a package says of a model; empty if it has it."""
    try:
        module.check(model)
    except BidsglmError as error:
        return str(error).removeprefix("model m: ")
    return ""


CONSTANT_ASKED = (
    "contrast 'ours' asks for the constant, which FSL's designs have not: data and regressors lose"
    " their means;"
    " leave it out, or leave FSL out of --backends"
)
RESPONSES = (
    "FEAT cannot express HRF fir here; use spm or Software.FSL.HRF (double-gamma, gamma, gaussian),"
    " or leave FSL"
    " out of --backends"
)
DISPERSION = (
    "FEAT's regressors have no dispersion derivative; use HRF spm or spm + derivative, or"
    " Software.FSL.HRF, or"
    " leave FSL out of --backends"
)
LATER = (
    "contrast 'ours' asks for trial_type.go_derivative, and Software.FSL.TemporalDerivative is false: set it"
    " true, or leave FSL out of --backends"
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"hrf": Hrf("fir", fir_delays=(0, 1))}, RESPONSES),
        ({"hrf": Hrf("fir"), "fsl": FslSettings(hrf="gamma")}, ""),
        ({"hrf": Hrf("spm", True, True)}, DISPERSION),
        ({"hrf": Hrf("spm", True)}, ""),
        ({"high_pass": 0.0}, "a high-pass period of 0 s is not positive; set HighPassFilterCutoffHz 0"),
        ({"high_pass": 0.0, "fsl": FslSettings(high_pass=50.0)}, ""),
        # whether a period is long enough for a run's TR is looked at with the run
        ({"high_pass": 0.5}, ""),
        (
            {"intercept": False},
            "FEAT always takes the mean out of the data; add 1 to X, or leave FSL out of --backends",
        ),
        ({"contrasts": (contrast("trial_type.go"), contrast("trial_type.go", "constant"))}, CONSTANT_ASKED),
        ({"contrasts": (contrast("trial_type.go_derivative"),)}, LATER),
        ({"contrasts": (contrast("trial_type.go_derivative"),), "hrf": Hrf("spm", True)}, ""),
        ({"contrasts": (contrast("x_derivative", "trial_type.go"),)}, ""),
        (
            {"dummy_contrasts": ("constant",)},
            "DummyContrasts ask for the constant, which FSL's designs have not; leave it out",
        ),
    ],
)
def test_what_feat_cannot_express(changes: dict[str, Any], said: str) -> None:
    assert refusal(fsl_design, replace(MODEL, **changes)) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"hrf": Hrf("glover")}, "HRF glover is nilearn's and SPM has none; use spm, or --backends nilearn"),
        (
            {"hrf": Hrf("spm", False, True)},
            "SPM has the dispersion derivative only with the time derivative; ask for both",
        ),
        ({"hrf": Hrf("spm", True, True)}, ""),
        ({"hrf": Hrf("fir", fir_delays=(0, 1, 2))}, ""),
        (
            {"hrf": Hrf("fir", fir_delays=(0, 2))},
            "SPM's FIR delays are 0, 1, 2 ... without gaps; change fir_delays",
        ),
        (
            {"hrf": Hrf("fir", fir_delays=())},
            "SPM's FIR delays are 0, 1, 2 ... without gaps; change fir_delays",
        ),
        ({"hrf": Hrf("fir", length=0.5, order=1)}, ""),
        *(
            (
                {"hrf": Hrf("gamma", length=length, order=order)},
                "HRF gamma needs a positive Length (s) and Order in HRF.Parameters",
            )
            for length, order in ((None, 2), (10, None), (0, 2), (-1, 2), (10, 0), (10, -1))
        ),
        ({"intercept": False}, "SPM's designs always have a constant; add 1 to X, or use --backends nilearn"),
        (
            {"spm": SpmSettings(microtime_resolution=0)},
            "MicrotimeResolution 0 is not positive; SPM's default is 16",
        ),
        ({"spm": SpmSettings(microtime_resolution=1, microtime_onset=1)}, ""),
        ({"spm": SpmSettings(microtime_onset=0)}, "MicrotimeOnset 0 is not a bin of MicrotimeResolution 16"),
        ({"spm": SpmSettings(microtime_onset=16)}, ""),
        (
            {"spm": SpmSettings(microtime_onset=17)},
            "MicrotimeOnset 17 is not a bin of MicrotimeResolution 16",
        ),
        ({"high_pass": 0.5}, ""),
        ({"high_pass": -1.0}, "a high-pass period of -1 s is not positive; set HighPassFilterCutoffHz 0"),
        ({"high_pass": 0.0}, "a high-pass period of 0 s is not positive; set HighPassFilterCutoffHz 0"),
        ({"spm": SpmSettings(mask_threshold=float("-inf"))}, ""),
        *(
            (
                {"spm": SpmSettings(mask_threshold=value)},
                'InclusiveMaskingThreshold must be a number such as 0.8, or "-Inf"',
            )
            for value in (float("inf"), float("nan"))
        ),
    ],
)
def test_what_spm_cannot_express(changes: dict[str, Any], said: str) -> None:
    assert refusal(spm12_design, replace(MODEL, **changes)) == said


def test_afni_needs_a_constant() -> None:
    assert refusal(afni_design, MODEL) == ""
    said = "AFNI's baseline always has a constant in each run; add 1 to X"
    assert refusal(afni_design, replace(MODEL, intercept=False)) == said


@pytest.mark.parametrize(("polort", "fits"), [(59, True), (60, False)])
def test_afnis_polynomials_need_more_scans_than_their_degree(polort: int, fits: bool) -> None:
    model = replace(MODEL, afni=AfniSettings(polort=polort))
    runs = [run(), run(n_scans=80)]
    if fits:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert len(afni_design.designs(runs, model)) == 2
        return
    with pytest.raises(DataError) as caught:
        afni_design.designs(runs, model)
    assert str(caught.value) == (
        "AFNI's Polort 60 needs runs of more than 60 scans, and one has 60; lower Software.AFNI.Polort"
    )


def test_afni_has_one_repetition_time_and_one_set_of_confounds_through_all_runs() -> None:
    with pytest.raises(BidsglmError, match="which has one repetition time; these runs differ in theirs"):
        afni_design.designs([run(), run(time=2.5)], MODEL)
    shared = replace(MODEL, afni=AfniSettings(motion_per_run=False))
    with pytest.raises(BidsglmError, match="MotionPerRun false puts confounds in columns through all runs"):
        afni_design.designs([run(confounds=1), run(confounds=2)], shared)
    assert len(afni_design.designs([run(confounds=1), run(confounds=2)], MODEL)) == 2


@pytest.mark.parametrize(("n_confounds", "refused"), [(57, False), (58, True), (59, True)])
def test_fsl_takes_one_degree_of_freedom_for_the_mean(n_confounds: int, refused: bool) -> None:
    # 60 scans, one condition and the confounds
    design = DesignMatrix(("x",) * (n_confounds + 1), np.eye(60)[:, : n_confounds + 1], np.zeros((60, 0)))
    said = (
        f"{n_confounds + 1} columns for the 60 scans leave FSL no residual degrees of freedom, which are"
        " scans less columns less one for the mean; use fewer confounds"
    )
    if not refused:
        fsl_estimate.check_designs([design], MODEL)
        return
    with pytest.raises(DataError, match=f"^{re.escape(said)}$"):
        fsl_estimate.check_designs([design], MODEL)
    with pytest.raises(DataError, match="60 scans of run 2 leave"):
        fsl_estimate.check_designs([replace(design, matrix=np.eye(60)[:, :1]), design], MODEL)


def test_fsl_needs_a_column_that_varies() -> None:
    flat = DesignMatrix(("x",), np.ones((60, 1)), np.zeros((60, 0)))
    with pytest.raises(DataError, match=r"^FSL's design has no column that varies; give X a condition"):
        fsl_estimate.check_designs([flat], MODEL)
    varied = replace(flat, names=("x", "y"), matrix=np.column_stack([np.ones(60), np.arange(60.0)]))
    fsl_estimate.check_designs([varied], MODEL)
    with pytest.raises(DataError, match=r"^FSL's design of run 2 has no column that varies"):
        fsl_estimate.check_designs([varied, flat], MODEL)


def test_fsls_cutoff_is_two_scans_at_least() -> None:
    said = (
        "a high-pass cut-off of 3.99 s is shorter than two scans of 2 s, and FSL's filter leaves nothing;"
        " lower HighPassFilterCutoffHz"
    )
    with pytest.raises(BidsglmError, match=f"^{said}$"):
        fsl_design.line_filter(replace(MODEL, high_pass=3.99), 60, 2.0)
    assert fsl_design.line_filter(replace(MODEL, high_pass=4.0), 60, 2.0) is not None
    assert fsl_design.line_filter(replace(MODEL, high_pass=float("inf")), 60, 2.0) is None


@pytest.mark.parametrize(
    ("onsets", "durations", "n"),
    [
        ([0, 10, 20], [10, 10, 10], 0),
        ([0, 10, 20], [10.5, 10, 10], 1),
        ([20, 0, 10], [1, 25, 2], 2),
        ([0, 0, 0], [0, 0, 0], 0),
        ([0, 0, 5], [3, 3, 3], 1),
        ([], [], 0),
        ([0], [9], 0),
    ],
)
def test_events_that_begin_before_an_earlier_one_ends_are_counted(
    onsets: list[float], durations: list[float], n: int
) -> None:
    condition = Condition("go", np.array(onsets, dtype=float), np.array(durations, dtype=float))
    assert fsl_design.n_overlapping(condition) == n
    many = replace(condition, name="many")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fsl_design.designs([run(GO, many)], MODEL)
        fsl_design.designs([run(GO), run(GO, many)], MODEL)
    said = [
        str(each.message)
        for each in caught
        if "overlap" in str(each.message) or "earlier" in str(each.message)
    ]
    events, verb = f"{n} event{'s' * (n > 1)} of many", f"begin{'s' * (n == 1)} before an earlier one ends"
    rest = "FEAT lets the later row hold there, where other packages add both"
    expected = [f"FSL: {events} {verb}; {rest}", f"FSL: {events} of run 2 {verb}; {rest}"]
    assert said == (expected if n else [])


# degrees of freedom


def test_freedom_counts_columns_of_any_size_and_none_of_zeros() -> None:
    X = np.column_stack([np.ones(9), 1e-9 * np.arange(9.0), np.zeros(9)])
    design = DesignMatrix(("a", "b", "c"), X, np.eye(9)[:, :2])
    assert freedom(design) == (9, 5, 4)


@pytest.mark.parametrize(
    ("used", "divides", "said"),
    [
        ([(9, 8, 8)], "", ""),
        ([(9, 12, 8)], "", ""),
        (
            [(9, 9, 9)],
            "",
            "9 columns of regressors and high-pass filter for the 9 scans leave no residual degrees"
            " of freedom; use",
        ),
        (
            [(9, 8, 8), (7, 9, 7)],
            "",
            "9 columns of regressors and high-pass filter for the 7 scans of run 2 leave no residual"
            " degrees of freedom; use",
        ),
        ([(9, 8, 3)], "nilearn", ""),
        (
            [(9, 9, 8)],
            "nilearn",
            "9 columns of regressors and high-pass filter for the 9 scans leave no residual degrees"
            " of freedom (nilearn"
            " divides by scans less columns, although their rank is 8); use",
        ),
        (
            [(9, 9, 9)],
            "nilearn",
            "9 columns of regressors and high-pass filter for the 9 scans leave no residual degrees"
            " of freedom; use",
        ),
    ],
)
def test_runs_without_freedom_are_refused_with_their_numbers(
    used: list[tuple[int, int, int]], divides: str, said: str
) -> None:
    runs = [Freedom(*each) for each in used]
    if not said:
        check_freedom(runs, divides)
        return
    with pytest.raises(DataError, match=f"^{re.escape(said)} fewer confounds or a longer HighPass"):
        check_freedom(runs, divides)


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e7])
def test_redundant_columns_leave_and_effects_stay_whatever_their_size(scale: float) -> None:
    rng = np.random.default_rng(0)
    free = rng.standard_normal((20, 3)) * [1, scale, 1]
    X = np.column_stack([free[:, 0], free[:, 1], free @ [2, 3, 0], free[:, 2]])
    t, F = np.array([2.0, 3 / scale, 0, 1]), np.array([[1.0, 0, 2, 0], [0, 0, 0, 1]])
    # estimable: rows of the row space of X
    P = np.linalg.pinv(X / np.linalg.norm(X, axis=0)) @ (X / np.linalg.norm(X, axis=0))
    sizes = np.linalg.norm(X, axis=0)
    t, F = ((c / sizes) @ P * sizes for c in (t, F))
    kept, weights = without_redundancy(X, [t, F])
    np.testing.assert_array_equal(kept, X[:, [0, 1, 3]])
    y = rng.standard_normal(20)
    whole, fewer = (
        np.linalg.lstsq(M / np.linalg.norm(M, axis=0), y, rcond=1e-10)[0] / np.linalg.norm(M, axis=0)
        for M in (X, kept)
    )
    if scale == 1.0:
        for before, after in zip((t, F), weights, strict=True):
            np.testing.assert_allclose(after @ fewer, before @ whole, rtol=1e-6)


def test_independent_columns_stay_as_they_are() -> None:
    X, c = np.eye(5)[:, :3], np.array([1.0, 0, -1])
    kept, (weights,) = without_redundancy(X, [c])
    assert kept is X
    assert weights is c


@pytest.mark.parametrize(("n_columns", "fits"), [(4, True), (5, False)])
def test_spm_needs_more_scans_than_columns_and_cosines(n_columns: int, fits: bool) -> None:
    # two runs of 6 scans, in each one cosine of the filter
    rng = np.random.default_rng(1)
    K = np.linalg.qr(rng.standard_normal((6, 1)))[0]
    designs = [
        DesignMatrix(("x",) * n_columns, rng.standard_normal((6, n_columns)), K),
        DesignMatrix(("x",) * 5, rng.standard_normal((6, 5)), K),
    ]
    if fits:
        joint_model(designs, [None, None])
        return
    said = (
        "regressors and high-pass filter leave no residual degrees of freedom; use fewer confounds"
        " or a longer"
        " HighPassFilterCutoffHz period"
    )
    with pytest.raises(DataError, match=f"^{said}$"):
        joint_model(designs, [None, None])


# nilearn


@pytest.mark.parametrize(
    ("hrf", "name"),
    [
        (Hrf("spm"), "spm"),
        (Hrf("glover", False, True), "glover + dispersion"),
        (Hrf("spm", True, True), "spm + derivative + dispersion"),
        (Hrf("fir", fir_delays=(0,)), "fir"),
    ],
)
def test_responses_have_nilearns_names(hrf: Hrf, name: str) -> None:
    assert nilearn_design.hrf_name(hrf) == name
    with pytest.raises(
        DataError, match=r"^nilearn has no gamma set of response functions; use --backends spm$"
    ):
        nilearn_design.hrf_name(Hrf("gamma", length=9, order=2))


@pytest.mark.parametrize(
    ("settings", "high_pass", "expected"),
    [
        ({}, 128.0, {"drift_model": "cosine", "high_pass": 1 / 128}),
        ({}, float("inf"), {"drift_model": None, "high_pass": 0.0}),
        ({"high_pass": 50.0}, float("inf"), {"drift_model": "cosine", "high_pass": 1 / 50}),
        ({"drift_model": "polynomial"}, 100.0, {"drift_model": "polynomial", "high_pass": 1 / 100}),
        ({"drift_model": None}, 100.0, {"drift_model": None, "high_pass": 1 / 100}),
    ],
)
def test_drifts_are_asked_for_as_first_level_model_does(
    settings: dict[str, Any], high_pass: float, expected: dict[str, Any]
) -> None:
    model = replace(MODEL, high_pass=high_pass, nilearn=NilearnSettings(**settings))
    assert nilearn_design._drift_arguments(model) == expected


@pytest.mark.parametrize("start", [None, 0.0, 0.5, 1.9])
def test_frame_times_are_the_moments_of_the_scans(start: float | None) -> None:
    paradigm = run(start=start, n_scans=50)
    share = nilearn_design.slice_time_ref(paradigm, MODEL)
    if start is not None:
        assert share == start / 2
    np.testing.assert_allclose(nilearn_design._frame_times(paradigm, MODEL), 2 * (np.arange(50) + share))


def test_coefficients_are_counted_and_their_quartiles_are_over_voxels() -> None:
    from types import SimpleNamespace

    labels = np.array([2, 0, 2, 2, 0, 2])
    coefficients = [np.array([0.1]), np.array([0.2]), np.array([0.4])]
    fit: Any = SimpleNamespace(labels=labels, coefficients=coefficients)
    design = DesignMatrix(
        ("trial_type.drift_x", "drift_1", "drift_2", "constant"), np.ones((9, 4)), np.zeros((9, 0))
    )
    found = _noise_facts([design, replace(design, names=("a", "drift_1", "b", "c"))], [fit, fit], MODEL)
    assert found["n_drift_columns"] == [2, 1]
    values = [0.4, 0.1, 0.4, 0.4, 0.1, 0.4]
    assert found["autocorrelation_quartiles"] == [np.quantile(values, [0.25, 0.5, 0.75]).tolist()] * 2
    assert found["autoregression"] == [{"coefficients": [[0.1], [0.4]], "voxels": [2, 4]}] * 2
    ols = replace(MODEL, nilearn=NilearnSettings("ols"))
    assert _noise_facts([design], [fit], ols) == {"model": "ols", "n_drift_columns": [2]}


# inference on z


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("n", [7, 5000])
def test_thresholds_of_z_are_quantiles_of_the_normal(share: float, n: int) -> None:
    z = np.random.default_rng(0).standard_normal(n)
    found = z_thresholds(z, share)
    assert found.p001 == pytest.approx(stats.norm.isf(0.001 * share))
    assert found.fwe05 == pytest.approx(stats.norm.isf(0.05 * share / n))


def peaked(*peaks: tuple[tuple[int, int, int], float]) -> tuple[ContrastMaps, Volume]:
    """Maps of noise below any threshold, but for some voxels; t of 30 degrees of freedom."""
    shape = (9, 8, 7)
    t = np.full(shape, 0.5)
    for voxel, height in peaks:
        t[voxel] = height
    t = t.ravel()
    p = stats.t.sf(t, 30)
    spec = ContrastSpecification("a", "a", ("x",), np.ones((1, 1)))
    affine = np.array([[0, 3.0, 0, -5], [2.0, 0, 0, 7], [0, 0, 4.0, 1], [0, 0, 0, 1]])
    z = np.where(t > 0, stats.norm.isf(p), -stats.norm.isf(stats.t.cdf(t, 30)))
    volume = Volume(shape, affine, np.ones(shape, dtype=bool))
    return ContrastMaps(spec, (0,), t, np.ones_like(t), t, z, p, (30.0,)), volume


PEAKS = (
    ((1, 1, 1), 9.0),
    ((1, 1, 2), 7.0),
    ((5, 5, 5), 6.0),
    ((7, 2, 3), -8.0),
    ((3, 6, 1), -5.0),
    ((3, 7, 1), -5.5),
)


@pytest.mark.parametrize("two_sided", [False, True])
def test_clusters_of_both_tails_are_those_of_a_labelled_image(two_sided: bool) -> None:
    maps, volume = peaked(*PEAKS)
    mask = np.ones(maps.stat.size, dtype=bool)
    (found,) = infer([maps], mask, volume, two_sided).contrasts
    share = 0.5 if two_sided else 1.0
    height = stats.norm.isf(0.001 * share)
    assert found.facts["HeightThreshold"] == pytest.approx(height)
    assert found.facts["HeightControl"] == "p < 0.001, uncorrected, on z" + ", two-sided" * two_sided
    assert found.facts["ExtentThreshold"] == 0
    assert (found.facts["PeaksPerCluster"], found.facts["PeakDistance"]) == (PEAKS_PER_CLUSTER, PEAK_DISTANCE)
    assert found.facts["SearchVolumeVoxels"] == mask.size
    assert found.thresholds.p001 == pytest.approx(stats.t.isf(0.001 * share, 30), rel=1e-6)
    z = maps.z.reshape(volume.shape)
    rows, number = [], 0
    for sign, tail in ((1, "upper"), (-1, "lower")):
        labels, n = ndimage.label(sign * z > height)
        order = sorted(range(1, n + 1), key=lambda i: -(sign * z)[labels == i].max())
        for i in order:
            number += 1
            at = np.unravel_index(np.where(labels == i, sign * z, -np.inf).argmax(), z.shape)
            rows.append((str(number), tail, at, int((labels == i).sum())))
    peaks = [row for row in found.clusters if str(row["cluster_id"]).isdigit()]
    assert [row["cluster_id"] for row in peaks] == [row[0] for row in rows]
    for row, (_, tail, at, size) in zip(peaks, rows, strict=True):
        place = np.ravel_multi_index(at, z.shape)
        t = maps.stat[place]
        assert (row["cluster_voxels"], row["cluster_mm3"]) == (size, size * 24.0)
        assert [row[f"{axis}_mm"] for axis in "xyz"] == (volume.affine[:3] @ [*at, 1]).tolist()
        assert row["stat"] == pytest.approx(t)
        assert row["z"] == pytest.approx(maps.z[place], rel=1e-6)
        assert row["peak_p"] == pytest.approx(stats.t.sf(abs(t), 30), rel=1e-6)
        assert str(row["tail"]) in (tail, "positive" if tail == "upper" else "negative", "+", "-")
        fwe = stats.norm.isf(0.05 * share / mask.size)
        assert row["survives_fwe05"] == (abs(maps.z[place]) > fwe)


def test_clusters_of_the_lower_tail_alone_are_counted_from_one() -> None:
    maps, volume = peaked(*PEAKS[3:])
    (found,) = infer([maps], np.ones(maps.stat.size, dtype=bool), volume, True).contrasts
    assert [row["cluster_id"] for row in found.clusters if str(row["cluster_id"]).isdigit()] == ["1", "2"]
