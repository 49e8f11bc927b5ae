"""Each parameter says what it takes, at its limits, and what it becomes in the model of the package."""

import inspect
import re
import warnings
from typing import Any

import numpy as np
import pytest
from nilearn.glm.first_level import FirstLevelModel

from bidsglm import AFNIFirstLevelModel, FSLFirstLevelModel, SPMFirstLevelModel
from bidsglm.data import DesignMatrix
from bidsglm.errors import TryLaterError
from bidsglm.estimators import fsl
from bidsglm.estimators.parameters import check_common, cutoff, is_number, one_of
from bidsglm.model import ContrastSpecification, Hrf, ModelSpecification

MODELS = (SPMFirstLevelModel, AFNIFirstLevelModel, FSLFirstLevelModel)
COMMON = {
    "t_r": 2.0,
    "slice_time_ref": 0.5,
    "smoothing_fwhm": None,
    "target_affine": None,
    "target_shape": None,
    "standardize": False,
    "min_onset": -24,
}
SPM_HRF = "hrf_model: 'spm', 'spm + derivative', 'spm + derivative + dispersion' or 'fir', not "
AFNI_HRF = (
    "'spm', 'spm + derivative', 'spm + derivative + dispersion', 'fir', or 3dDeconvolve's notation such as"
    " 'GAM' and 'BLOCK(20,1)', one or a dictionary by condition"
)
FSL_HRF = "hrf_model: one of 'spm', 'double-gamma', 'gamma', 'gaussian', each with ' + derivative', not "


def specified(model: Any, **given: Any) -> ModelSpecification:
    found: ModelSpecification = model(**{"t_r": 2.0, **given})._specification()
    return found


def refused(model: Any, **given: Any) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the text is what is tested
        specified(model, **given)
    return str(caught.value)


@pytest.mark.parametrize("model", MODELS)
def test_defaults_are_nilearns_but_for_what_the_package_has_of_its_own(model: Any) -> None:
    own = {
        SPMFirstLevelModel: {
            "slice_time_ref": 7 / 16,
            "hrf_model": "spm",
            "high_pass": 1 / 128,
            "mask_threshold": 0.8,
        },
        AFNIFirstLevelModel: {
            "hrf_model": "spm",
            "drift_model": "polynomial",
            "high_pass": None,
            "drift_order": None,
            "noise_model": "arma11",
        },
        FSLFirstLevelModel: {
            "hrf_model": "spm",
            "drift_model": "line",
            "high_pass": 1 / 100,
            "noise_model": "film",
            "slice_time_ref": 0.5,
            "contrasts": None,
        },
    }
    theirs = {
        name: parameter.default
        for name, parameter in inspect.signature(FirstLevelModel).parameters.items()
        if name not in ("mask_img", "fir_delays", "signal_scaling", "memory")
    }
    ours = model().get_params()
    differing = {name: ours[name] for name in ours if name in theirs and ours[name] != theirs[name]}
    differing |= {name: ours[name] for name in ("mask_threshold", "contrasts") if name in ours}
    expected = {name: value for name, value in own[model].items() if theirs.get(name, "none") != value}
    assert differing == expected
    assert [ours[name] for name in ("mask_img", "fir_delays", "signal_scaling", "memory")] == [
        None,
        None,
        0,
        None,
    ]


def test_spms_settings_are_what_is_given() -> None:
    found = specified(
        SPMFirstLevelModel,
        hrf_model="spm + derivative + dispersion",
        high_pass=0.01,
        smoothing_fwhm=5,
        noise_model="FAST",
        mask_threshold=0.5,
        signal_scaling="Scaling",
        slice_time_ref=0.5,
    )
    assert found.hrf == Hrf("spm", True, True)
    assert (found.high_pass, found.smoothing_fwhm) == (100.0, 5.0)
    own = found.spm
    assert (own.serial_correlation, own.mask_threshold) == ("FAST", 0.5)
    assert (own.microtime_onset, own.global_normalization) == (9, "Scaling")
    plain = specified(SPMFirstLevelModel, noise_model="ols", high_pass=None)
    assert (plain.spm.serial_correlation, plain.spm.global_normalization) == ("none", "None")
    assert (plain.high_pass, plain.smoothing_fwhm) == (np.inf, 0.0)
    assert specified(SPMFirstLevelModel).spm.serial_correlation == "AR(1)"
    assert specified(SPMFirstLevelModel, signal_scaling="None").spm.global_normalization == "None"
    for model in MODELS:
        assert (specified(model).name, specified(model).x) == (model.__name__, ())


@pytest.mark.parametrize(
    ("share", "onset"),
    [
        (0.0, 1),
        (0.03, 1),
        (1 / 32, 2),
        (7 / 16, 8),
        (0.49, 9),
        (0.5, 9),
        (15 / 16, 16),
        (0.97, 16),
        (1.0, 16),
    ],
)
def test_slice_time_ref_is_the_nearest_of_spms_bins_and_never_beyond_the_last(
    share: float, onset: int
) -> None:
    assert specified(SPMFirstLevelModel, slice_time_ref=share).spm.microtime_onset == onset


def test_afnis_settings_are_what_is_given() -> None:
    found = specified(
        AFNIFirstLevelModel,
        hrf_model="GAM",
        drift_order=3,
        smoothing_fwhm=4,
        noise_model="OLS",
        signal_scaling=False,
    )
    assert (found.hrf, found.smoothing_fwhm) == (Hrf(), 4.0)
    own = found.afni
    assert (own.response_model, own.polort, own.scale, own.noise_model) == ("GAM", 3, False, "none")
    plain = specified(AFNIFirstLevelModel).afni
    assert (plain.response_model, plain.polort, plain.scale, plain.noise_model) == (
        None,
        None,
        True,
        "ARMA(1,1)",
    )
    by_name = {"go": "GAM", "stop": "BLOCK(4,1)"}
    assert specified(AFNIFirstLevelModel, hrf_model=by_name).afni.response_model == by_name
    assert specified(AFNIFirstLevelModel, hrf_model="spm + derivative").hrf == Hrf("spm", True)
    assert specified(AFNIFirstLevelModel, hrf_model="spm + derivative").afni.response_model is None


def test_without_a_drift_model_afni_has_a_constant_unless_there_is_a_high_pass() -> None:
    assert specified(AFNIFirstLevelModel, drift_model=None).afni.polort == 0
    assert specified(AFNIFirstLevelModel, drift_model=None, drift_order=2).afni.polort == 2
    assert specified(AFNIFirstLevelModel, drift_order=0).afni.polort == 0
    with pytest.warns(UserWarning, match="AFNI removes polynomials by the length of the runs all the same"):
        assert specified(AFNIFirstLevelModel, drift_model=None, high_pass=0.01).afni.polort is None


@pytest.mark.parametrize("model", [SPMFirstLevelModel, AFNIFirstLevelModel])
def test_fir_delays_are_scans_and_the_first_alone_without_any(model: Any) -> None:
    assert specified(model, hrf_model="fir", fir_delays=[0, 1, 2]).hrf == Hrf("fir", fir_delays=(0, 1, 2))
    assert specified(model, hrf_model="fir").hrf == Hrf("fir", fir_delays=(0,))
    assert specified(model, fir_delays=[0, 1]).hrf.fir_delays is None


@pytest.mark.parametrize(
    ("name", "hrf", "own"),
    [
        ("spm", Hrf("spm"), None),
        ("spm + derivative", Hrf("spm", True), None),
        ("double-gamma", Hrf("spm"), "double-gamma"),
        ("Gaussian + Derivative", Hrf("spm", True), "gaussian"),
        ("gamma", Hrf("spm"), "gamma"),
    ],
)
def test_fsls_responses(name: str, hrf: Hrf, own: str | None) -> None:
    found = specified(FSLFirstLevelModel, hrf_model=name)
    assert (found.hrf, found.fsl.hrf) == (hrf, own)


def test_fsls_settings_are_what_is_given() -> None:
    found = specified(FSLFirstLevelModel, high_pass=0.02, smoothing_fwhm=6, noise_model="OLS")
    assert (found.high_pass, found.smoothing_fwhm, found.fsl.prewhitening) == (50.0, 6.0, False)
    plain = specified(FSLFirstLevelModel, high_pass=0)
    assert (plain.high_pass, plain.smoothing_fwhm, plain.fsl.prewhitening) == (np.inf, 0.0, True)
    assert specified(FSLFirstLevelModel).high_pass == 100.0


@pytest.mark.parametrize("model", [AFNIFirstLevelModel, FSLFirstLevelModel])
def test_a_scan_stands_for_its_share_of_the_repetition_time(model: Any) -> None:
    assert model(t_r=3.0, slice_time_ref=0.25)._start_time() == 0.75
    assert model(slice_time_ref=0.25)._start_time() == 0.0


def test_spm_leaves_the_moment_to_its_bins() -> None:
    assert SPMFirstLevelModel(t_r=3.0)._start_time() is None


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        (SPMFirstLevelModel, {}, ("SPM AR(1)", "and SPM's high-pass filter (128 s)")),
        (SPMFirstLevelModel, {"noise_model": "Fast"}, ("SPM FAST", "and SPM's high-pass filter (128 s)")),
        (
            SPMFirstLevelModel,
            {"noise_model": "ols", "high_pass": 0},
            ("ols", "and SPM's high-pass filter (none)"),
        ),
        (AFNIFirstLevelModel, {}, ("AFNI ARMA(1,1)", "of AFNI's polynomials")),
        (AFNIFirstLevelModel, {"noise_model": "OLS"}, ("ols", "of AFNI's polynomials")),
        (FSLFirstLevelModel, {}, ("FSL FILM", "and FSL's high-pass filter (100 s)")),
        (
            FSLFirstLevelModel,
            {"noise_model": "ols", "high_pass": None},
            ("ols", "and FSL's high-pass filter (none)"),
        ),
    ],
)
def test_reports_say_the_noise_and_the_filter(
    model: Any, given: dict[str, Any], words: tuple[str, str]
) -> None:
    assert model(t_r=2.0, **given)._words() == words


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        (
            SPMFirstLevelModel,
            {"drift_model": "polynomial"},
            "drift_model: SPM filters with cosines, not 'polynomial'",
        ),
        (SPMFirstLevelModel, {"noise_model": "ar2"}, "noise_model: one of ar1, fast, ols, none, not 'ar2'"),
        (SPMFirstLevelModel, {"noise_model": 1}, "noise_model: one of ar1, fast, ols, none, not 1"),
        (
            SPMFirstLevelModel,
            {"signal_scaling": 1},
            "signal_scaling: SPM scales every run to a grand mean of 100 (0 or 'None'), or every scan "
            "('Scaling'); it has no 1",
        ),
        (SPMFirstLevelModel, {"hrf_model": "glover"}, SPM_HRF + "'glover'"),
        (SPMFirstLevelModel, {"hrf_model": 3}, SPM_HRF + "3"),
        (
            SPMFirstLevelModel,
            {"drift_order": 2},
            "drift_order: SPM filters with cosines; there are no polynomials; leave it at 1",
        ),
        (
            AFNIFirstLevelModel,
            {"drift_model": "cosine"},
            "drift_model: AFNI's drifts are polynomials, not 'cosine'",
        ),
        (
            AFNIFirstLevelModel,
            {"high_pass": 0.01},
            "high_pass: AFNI has no cut-off; its polynomials follow drift_order, or the length of the runs;"
            " leave it at None",
        ),
        *(
            (
                AFNIFirstLevelModel,
                {"drift_order": order},
                f"drift_order: a degree from 0, or None for AFNI's rule, not {order!r}",
            )
            for order in (-1, 1.5, True, "2")
        ),
        (AFNIFirstLevelModel, {"noise_model": "ar1"}, "noise_model: one of arma11, ols, none, not 'ar1'"),
        *(
            (
                AFNIFirstLevelModel,
                {"signal_scaling": scaling},
                "signal_scaling: AFNI has percent of each voxel's mean over the run (0), or no scaling"
                f" (False); it has no {scaling!r}",
            )
            for scaling in (1, (0, 1), [0])
        ),
        (AFNIFirstLevelModel, {"hrf_model": 3}, f"hrf_model: {AFNI_HRF}, not 3"),
        (AFNIFirstLevelModel, {"hrf_model": {"go": 3}}, f"hrf_model: {AFNI_HRF}, not {{'go': 3}}"),
        (
            FSLFirstLevelModel,
            {"drift_model": "cosine"},
            "drift_model: FSL filters with a running line, not 'cosine'",
        ),
        (FSLFirstLevelModel, {"noise_model": "ar1"}, "noise_model: one of film, ols, none, not 'ar1'"),
        (FSLFirstLevelModel, {"fir_delays": [0]}, "fir_delays: FSL has no FIR model here; leave it at None"),
        *(
            (
                FSLFirstLevelModel,
                {"signal_scaling": scaling},
                f"signal_scaling: FSL scales every run to a median of 10,000 (0); it has no {scaling!r}",
            )
            for scaling in (False, 1)
        ),
        *((FSLFirstLevelModel, {"hrf_model": name}, FSL_HRF + repr(name)) for name in ("glover", 3, "fir")),
        (
            FSLFirstLevelModel,
            {"drift_order": 2},
            "drift_order: FSL filters with a running line; there are no polynomials; leave it at 1",
        ),
    ],
)
def test_what_is_refused_is_said_with_what_is_taken(model: Any, given: dict[str, Any], said: str) -> None:
    assert refused(model, **given) == said


@pytest.mark.parametrize("name", ["NONE(1)", {"go": "GAM", "stop": "NONE(1)"}])
def test_a_notation_that_3ddeconvolve_does_not_know_is_refused_with_those_that_there_are(name: Any) -> None:
    text = refused(AFNIFirstLevelModel, hrf_model=name)
    assert text.startswith("hrf_model: ")
    assert text.endswith(f"; known are {AFNI_HRF}")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("drift", [None, "own"])
def test_only_a_high_pass_without_drift_model_is_warned_of(model: Any, drift: str | None) -> None:
    own = {SPMFirstLevelModel: "cosine", AFNIFirstLevelModel: "polynomial", FSLFirstLevelModel: "line"}[model]
    quiet = [{"drift_model": None, "high_pass": None}, {"drift_model": own}]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in quiet:
            specified(model, **given)
    what = {
        SPMFirstLevelModel: "SPM filters with 50 s",
        AFNIFirstLevelModel: "AFNI removes polynomials by the length of the runs",
        FSLFirstLevelModel: "FSL filters with 50 s",
    }[model]
    said = (
        f"drift_model is None, with which nilearn ignores high_pass; {what} all the same. Give"
        " high_pass=None for no filter."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(said)}$"):
        specified(model, drift_model=None, high_pass=0.02)


def test_a_warning_points_to_the_line_that_fits() -> None:
    with pytest.warns(UserWarning, match="drift_model is None") as caught, pytest.raises(TypeError):
        SPMFirstLevelModel(t_r=2.0, drift_model=None).fit(3, [])
    assert [each.filename for each in caught] == [__file__]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        *(
            ({"t_r": value}, f"t_r: must be the repetition time in s, not {value!r}")
            for value in (0, -1.0, None, True, "2", np.nan)
        ),
        *(
            ({"slice_time_ref": value}, f"slice_time_ref: a share of the TR from 0 to 1, not {value!r}")
            for value in (-0.01, 1.01, None, True)
        ),
        *(
            ({"smoothing_fwhm": value}, f"smoothing_fwhm: one width in mm, or None for none, not {value!r}")
            for value in (-0.1, np.inf, "fast", [4, 4, 4], True)
        ),
        (
            {"target_shape": (3, 3, 3)},
            "target_shape: the images are analysed on their own grid; leave it at None",
        ),
        (
            {"standardize": 0},
            "standardize: the package scales the images in its own way; leave it at False",
        ),
        (
            {"min_onset": -25},
            "min_onset: the package has its own padding before the first scan; leave it at -24",
        ),
        ({"own": True}, "own: here is none; leave it at 1"),
        ({"own": [1]}, "own: here is none; leave it at 1"),
    ],
)
def test_common_parameters_are_refused_beyond_their_limits(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        check_common({**COMMON, "own": 1, **given}, {"own": (1, "here is none")})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"t_r": 1},
        {"t_r": np.float32(0.1)},
        {"slice_time_ref": 0},
        {"slice_time_ref": 1},
        {"smoothing_fwhm": 0},
        {"smoothing_fwhm": 0.5},
        {"smoothing_fwhm": np.int64(4)},
        {"min_onset": -24.0},
    ],
)
def test_common_parameters_are_taken_up_to_their_limits(given: dict[str, Any]) -> None:
    check_common({**COMMON, **given}, {})
    assert all(is_number(given[name]) for name in given)


@pytest.mark.parametrize("value", [-1e-9, np.inf, True, "0.01"])
def test_a_cutoff_is_a_frequency(value: Any) -> None:
    said = f"high_pass: a frequency in Hz, or None for no filter, not {value!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        cutoff(value)


def test_a_frequency_of_nothing_is_no_filter() -> None:
    assert [cutoff(value) for value in (None, 0, 0.25, 2)] == [np.inf, np.inf, 4.0, 0.5]


def test_words_are_taken_in_any_case_and_no_others() -> None:
    assert one_of("noise", "OLS", {"ols": 1}) == "ols"
    with pytest.raises(ValueError, match=r"^noise: one of a, b, not 'c'$"):
        one_of("noise", "c", ("a", "b"))


def designs(*sizes: int) -> list[DesignMatrix]:
    return [DesignMatrix(tuple(f"c{i}" for i in range(n)), np.zeros((9, n)), np.zeros((9, 0))) for n in sizes]


def test_room_for_every_contrast_is_a_triangle_of_covariances_and_the_effects_of_each_run() -> None:
    # 3 columns: 6 covariances and 3 effects; 10 columns: 55 and 10; 8 bytes each
    voxels = fsl.LARGEST_FIT // (8 * 74)
    fsl._check_room(designs(3, 10), voxels)
    with pytest.raises(TryLaterError) as caught:
        fsl._check_room(designs(3, 10), voxels + 1)
    assert str(caught.value) == (
        "contrasts: a fit of 10 columns that is ready for any contrast keeps 2.0 GB; name the contrasts that"
        " will be asked for, as contrasts=['a - b']"
    )
    assert fsl.LARGEST_FIT == 2 * 1024**3


def test_room_is_counted_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsl, "LARGEST_FIT", 8 * 74 * 5)
    fsl._check_room(designs(3, 10), 5)
    monkeypatch.setattr(fsl, "LARGEST_FIT", 8 * 74 * 5 - 1)
    with pytest.raises(TryLaterError):
        fsl._check_room(designs(3, 10), 5)


def contrast(names: tuple[str, ...], *rows: list[float]) -> ContrastSpecification:
    return ContrastSpecification("x", "x", names, np.array(rows, dtype=float), "F" if len(rows) > 1 else "t")


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (contrast(("a",), [1]), True),
        (contrast(("b", "a"), [-1, 1]), True),
        (contrast(("a", "b"), [1, -1], [1, 0]), True),
        (contrast(("a", "b"), [1, -1], [1, 1]), False),
        (contrast(("a", "c"), [1, 0]), True),
        (contrast(("a", "c"), [1, 1]), False),
        (contrast(("b",), [1]), False),
    ],
)
def test_an_announced_contrast_holds_its_rows_in_any_order(asked: ContrastSpecification, held: bool) -> None:
    assert fsl._holds(contrast(("a", "b"), [1, 0], [1, -1]), asked) is held
