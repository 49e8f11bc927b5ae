"""What packages do with a model, in words: every setting that moves numbers shows, with its number."""

from dataclasses import replace

import numpy as np
import pytest

from bidsglm.backends import afni_words, fsl_words, nilearn_words, phrases, spm12_words
from bidsglm.data import Condition, Paradigm
from bidsglm.model import (
    NO_FILTER,
    AfniSettings,
    FslSettings,
    Hrf,
    ModelSpecification,
    NilearnSettings,
    ParametricModulation,
    SpmSettings,
)

WORDS = {"afni": afni_words, "fsl": fsl_words, "nilearn": nilearn_words, "spm": spm12_words}
MODEL = ModelSpecification("m", ())


def paradigm(start_time: float | None = 1.0, n_confounds: int = 2, n_censored: int = 0) -> Paradigm:
    go = Condition("go", np.array([4.0, 30.0]), np.zeros(2))
    names = tuple(f"c{i}" for i in range(n_confounds))
    confounds = np.zeros((100, n_confounds))
    return Paradigm(2.0, 100, start_time, (go,), names, confounds, tuple(range(n_censored)))


def said(name: str, model: ModelSpecification = MODEL, *paradigms: Paradigm) -> dict[str, str]:
    return dict(WORDS[name].settings_in_words(model, paradigms or (paradigm(),)))


@pytest.mark.parametrize("name", WORDS)
def test_several_runs_and_modulators_are_said_where_there_are_any(name: str) -> None:
    one, two = said(name), said(name, MODEL, paradigm(), paradigm())
    assert phrases.RUNS not in one
    assert two[phrases.RUNS]
    assert phrases.MODULATORS not in one
    modulated = replace(MODEL, modulations=(ParametricModulation("rt", ("go",), "rt"),))
    first, second = (
        said(name, replace(modulated, orthogonalize=orthogonal))[phrases.MODULATORS]
        for orthogonal in (True, False)
    )
    assert first != second
    one_run, two_runs = (WORDS[name].methods_text(MODEL, n) for n in (1, 2))
    assert len(two_runs) > len(one_run)
    assert "uns" in two_runs.replace(one_run, "")


@pytest.mark.parametrize("name", WORDS)
def test_confounds_are_counted(name: str) -> None:
    assert said(name)[phrases.CONFOUNDS].startswith("2, ")
    assert said(name, MODEL, paradigm(n_confounds=0))[phrases.CONFOUNDS] == "none"
    both = said(name, MODEL, paradigm(n_confounds=6), paradigm(n_confounds=4), paradigm(n_confounds=6))
    assert both[phrases.CONFOUNDS].startswith("4 or 6, ")


@pytest.mark.parametrize("name", WORDS)
def test_smoothing_has_its_width(name: str) -> None:
    assert said(name)[phrases.SMOOTHING] == "none"
    assert said(name, replace(MODEL, smoothing_fwhm=5.5))[phrases.SMOOTHING].startswith("5.5 mm FWHM")


@pytest.mark.parametrize(
    ("name", "starts", "wanted"),
    [
        # TR 2 s: 1 s is the middle, in SPM's 16 bins the ninth
        ("spm", (1.0,), "microtime bin 9 of 16 (StartTime 1 s)"),
        ("spm", (None,), "microtime bin 8 of 16 (no StartTime)"),
        ("nilearn", (1.0,), "0.5 of the TR (StartTime 1 s)"),
        ("nilearn", (1.0, 0.5, 1.0), "0.5 of the TR (StartTime 1 s); 0.25 of the TR (StartTime 0.5 s)"),
        ("afni", (None,), "the start of each scan (no StartTime)"),
        ("afni", (0.75,), "StartTime 0.75 s, subtracted from onsets"),
        ("fsl", (0.5,), "bin of 0.05 s, 0.25 of the TR (StartTime 0.5 s)"),
        ("fsl", (None,), "bin of 0.05 s, 0.5 of the TR (no StartTime)"),
    ],
)
def test_moment_of_a_scan_is_said_with_its_source(name: str, starts: tuple, wanted: str) -> None:
    assert said(name, MODEL, *map(paradigm, starts))[phrases.SAMPLING] == wanted


def test_moment_that_a_model_gives_is_said_to_be_the_models() -> None:
    spm = replace(MODEL, spm=SpmSettings(microtime_resolution=20, microtime_onset=4))
    assert said("spm", spm)[phrases.SAMPLING] == "microtime bin 4 of 20 (model)"
    assert said("nilearn", spm)[phrases.SAMPLING] == "0.15 of the TR (model)"
    own = replace(MODEL, nilearn=NilearnSettings(slice_time_ref=0.3))
    assert said("nilearn", own)[phrases.SAMPLING] == "0.3 of the TR (model)"


@pytest.mark.parametrize(
    ("name", "model", "wanted"),
    [
        ("spm", replace(MODEL, high_pass=90.0), "cut-off 90 s"),
        ("nilearn", replace(MODEL, high_pass=90.0), "cut-off 90 s"),
        ("fsl", replace(MODEL, high_pass=90.0), "cut-off 90 s"),
        ("nilearn", replace(MODEL, nilearn=NilearnSettings(high_pass=60.0)), "cut-off 60 s"),
        ("nilearn", replace(MODEL, nilearn=NilearnSettings(drift_model="polynomial")), "polynomial"),
        # run of 200 s: 1 + floor(200 / 150)
        ("afni", MODEL, "degree 2 by -polort A"),
        ("afni", replace(MODEL, afni=AfniSettings(polort=4)), "degree 4; "),
    ],
)
def test_filter_has_its_number(name: str, model: ModelSpecification, wanted: str) -> None:
    assert wanted in said(name, model)[phrases.FILTER]
    assert said(name, model)[phrases.FILTER] in WORDS[name].methods_text(model, 1) or name == "afni"


@pytest.mark.parametrize("name", ["spm", "nilearn", "fsl"])
def test_no_filter_and_the_models_own_are_said(name: str) -> None:
    assert said(name, replace(MODEL, high_pass=NO_FILTER))[phrases.FILTER] == "none"
    own = said(name, replace(MODEL, high_pass=NO_FILTER, own_cosines=True))[phrases.FILTER]
    assert own == phrases.OWN_COSINES


def test_drifts_of_nilearn_that_are_none_are_none_whatever_the_cut_off() -> None:
    none = replace(MODEL, nilearn=NilearnSettings(drift_model=None))
    assert said("nilearn", none)[phrases.FILTER] == "none"
    polynomial = replace(none, high_pass=NO_FILTER, nilearn=NilearnSettings(drift_model="polynomial"))
    assert said("nilearn", polynomial)[phrases.FILTER] == "polynomial regressors"
    afni = replace(MODEL, own_cosines=True, afni=AfniSettings(polort=1))
    assert "beside fMRIPrep's cosine regressors" in said("afni", afni)[phrases.FILTER]


@pytest.mark.parametrize(
    ("name", "model", "short", "long"),
    [
        ("spm", MODEL, "AR(1) + white", "AR(1) plus white noise"),
        ("spm", replace(MODEL, spm=SpmSettings("FAST")), "FAST", "FAST set of covariance"),
        ("spm", replace(MODEL, spm=SpmSettings("none")), "independent", "taken as independent"),
        ("nilearn", MODEL, "AR(1) of each voxel", "AR(1) of each voxel (ar1)"),
        ("nilearn", replace(MODEL, nilearn=NilearnSettings("ar3")), "AR(3) of each voxel", "(ar3)"),
        ("nilearn", replace(MODEL, nilearn=NilearnSettings("ols")), "independent (ols)", "independent (ols)"),
        ("afni", MODEL, "ARMA(1,1)", "ARMA(1,1) in each voxel"),
        ("afni", replace(MODEL, afni=AfniSettings(noise_model="none")), "independent", "ordinary least"),
        ("fsl", MODEL, "FILM", "removed by FILM"),
        ("fsl", replace(MODEL, fsl=FslSettings(prewhitening=False)), "independent", "taken as independent"),
    ],
)
def test_noise_model_is_said_in_short_and_in_the_methods(
    name: str, model: ModelSpecification, short: str, long: str
) -> None:
    assert said(name, model)[phrases.NOISE].startswith(short)
    assert long in WORDS[name].methods_text(model, 1)


@pytest.mark.parametrize(
    ("name", "model", "scaling", "unit"),
    [
        ("spm", MODEL, "the mean of spm_global over each run set to 100", "% of spm_global"),
        (
            "spm",
            replace(MODEL, spm=SpmSettings(global_normalization="Scaling")),
            "each scan's spm_global set to 100",
            "% of scan mean",
        ),
        ("nilearn", MODEL, "percent of each voxel's own mean", "% of voxel mean"),
        ("nilearn", replace(MODEL, nilearn=NilearnSettings(signal_scaling=False)), "none", "image units"),
        (
            "nilearn",
            replace(MODEL, nilearn=NilearnSettings(signal_scaling=1)),
            "percent of each scan's mean",
            "% of scan mean",
        ),
        (
            "nilearn",
            replace(MODEL, nilearn=NilearnSettings(signal_scaling=(0, 1))),
            "percent of the grand mean",
            "% of grand mean",
        ),
        ("afni", MODEL, "percent of each voxel's mean over the run, at most 200", "% of voxel mean"),
        ("afni", replace(MODEL, afni=AfniSettings(scale=False)), "none", "image units"),
        ("fsl", MODEL, "median of the brain set to 10,000 in each run", "0.01 % of the run's median"),
    ],
)
def test_scaling_and_the_unit_of_effects_belong_together(
    name: str, model: ModelSpecification, scaling: str, unit: str
) -> None:
    assert said(name, model)[phrases.SCALING] == scaling
    assert WORDS[name].effect_unit(model) == unit


def test_spms_mask_has_its_threshold() -> None:
    low = replace(MODEL, spm=SpmSettings(mask_threshold=0.2))
    none = replace(MODEL, spm=SpmSettings(mask_threshold=float("-inf")))
    assert "above 0.2 of the global" in said("spm", low)[phrases.MASK]
    assert "above 0.2 of the image's global" in spm12_words.methods_text(low, 1)
    assert said("spm", none)[phrases.MASK] == "mask files if any, no threshold"
    assert "global" not in spm12_words.methods_text(none, 1).partition("Analysed")[2].partition(".")[0]


def test_responses_of_their_own_are_said() -> None:
    own = replace(MODEL, nilearn=NilearnSettings(hrf=Hrf("glover")))
    assert said("nilearn", own)[phrases.RESPONSE] == "glover"
    assert "convolved with Glover's response function" in nilearn_words.methods_text(own, 1)
    for same in (MODEL, replace(MODEL, nilearn=NilearnSettings(hrf=Hrf()))):
        assert "convolved" not in nilearn_words.methods_text(same, 1)
    gamma = replace(MODEL, fsl=FslSettings(hrf="gamma", temporal_derivative=True))
    assert said("fsl", gamma)[phrases.RESPONSE] == "gamma + temporal derivative"
    assert "FEAT's gamma function and its temporal derivative" in fsl_words.methods_text(gamma, 1)
    only = replace(MODEL, fsl=FslSettings(temporal_derivative=False))
    assert "FEAT's double-gamma function." in fsl_words.methods_text(only, 1)
    assert "convolved" not in fsl_words.methods_text(MODEL, 1)


def test_engine_of_nilearn_is_said_for_ar1_alone() -> None:
    assert "made once for all voxels" in nilearn_words.methods_text(MODEL, 1)
    for settings in (NilearnSettings("ols"), NilearnSettings("ar2"), NilearnSettings(engine="library")):
        assert "made once" not in nilearn_words.methods_text(replace(MODEL, nilearn=settings), 1)


def test_afnis_responses_are_told_with_their_conditions() -> None:
    assert said("afni")[phrases.RESPONSE] == "SPMG1"
    seven = [Condition(f"c{i}", np.array([4.0, 30.0]), np.full(2, 3.0)) for i in range(7)]
    other = Condition("go", np.array([4.0, 30.0]), np.array([1.0, 2.0]))
    words = said("afni", MODEL, replace(paradigm(), conditions=(*seven, other)))[phrases.RESPONSE]
    names = ", ".join(f"trial_type.c{i}" for i in range(6))
    assert words == f"SPMG1(3) ({names} ...); dmUBLOCK (a deviation) (trial_type.go)"
    six = said("afni", MODEL, replace(paradigm(), conditions=(*seven[:6], other)))[phrases.RESPONSE]
    assert f"({names});" in six
    asked = replace(MODEL, afni=AfniSettings(response_model={"go": "GAM", "stop": "SPMG1"}))
    assert dict(afni_words.settings_in_words(asked, ()))[phrases.RESPONSE] == "GAM for go; SPMG1 for stop"
    by_duration = replace(MODEL, afni=AfniSettings(by_duration=True))
    assert dict(afni_words.settings_in_words(by_duration, ()))[phrases.RESPONSE].startswith("BLOCK, dmUBLOCK")


def test_censored_scans_of_the_runs_are_counted() -> None:
    assert phrases.CENSORING not in said("afni", MODEL, paradigm(), paradigm())
    found = said("afni", MODEL, paradigm(n_censored=3), paradigm())
    assert found[phrases.CENSORING] == "3 + 0 scans left out"
    one_set = replace(MODEL, afni=AfniSettings(motion_per_run=False))
    assert "one set" in said("afni", one_set, paradigm(), paradigm())[phrases.CONFOUNDS]
    assert "one set" not in said("afni", one_set)[phrases.CONFOUNDS]
    assert "one set" not in said("afni", MODEL, paradigm(), paradigm())[phrases.CONFOUNDS]


def test_each_names_what_made_the_maps() -> None:
    made = {name: module.software() for name, module in WORDS.items()}
    assert made["nilearn"]["Package"] == "nilearn"
    assert {name for name, each in made.items() if each["Package"].startswith("bidsglm")} == {
        "afni",
        "fsl",
        "spm",
    }


@pytest.mark.parametrize(
    ("hrf", "words"),
    [
        (Hrf("spm", True, True), "SPM's canonical response function and its time and dispersion derivatives"),
        (Hrf("glover"), "Glover's response function"),
        (Hrf("glover", False, True), "Glover's response function and its dispersion derivative"),
        (Hrf("fir", fir_delays=(1, 2)), "a set of response functions (FIR, delays 1, 2 scans)"),
        (Hrf("gamma", length=20, order=3), "a set of response functions (gamma, 20 s, order 3)"),
    ],
)
def test_response_functions_are_named_with_their_derivatives(hrf: Hrf, words: str) -> None:
    assert phrases.response_function(hrf) == words
