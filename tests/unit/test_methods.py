"""The model in words follows the settings."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from bidsglm.model import Hrf, ModelSpecification, NilearnSettings, SpmSettings
from bidsglm.packages import PACKAGES
from bidsglm.report.group_methods import group_paragraphs
from bidsglm.report.references import REFERENCES, cited
from bidsglm.spm.smoothing import FWHM_PER_SIGMA, smoothing_matrix
from bidsglm.unit.kernels import effective_widths
from bidsglm.unit.methods import effect_units, paragraphs, setting_rows
from tests.report.records import paradigm
from tests.report.test_group_methods import ALL

CITATION = re.compile(r"[A-Z][a-z]+ et al., \d{4}")
MODEL = ModelSpecification("auto", ("trial_type.go",))


def row(model: ModelSpecification, name: str, *paradigms: object) -> tuple[str, str]:
    rows = {
        r.name: (r.cell("spm"), r.cell("nilearn")) for r in setting_rows(model, paradigms or (paradigm(),))
    }
    return rows[name]


def test_response_is_sampled_at_the_start_time():
    assert row(MODEL, "Response sampled at") == (
        "microtime bin 9 of 16 (StartTime 0.95 s)",
        "0.475 of the TR (StartTime 0.95 s)",
    )


def test_response_is_sampled_at_spms_default_without_start_time():
    spm, nilearn = row(MODEL, "Response sampled at", paradigm(None))
    assert spm.startswith("microtime bin 8 of 16")
    assert nilearn.startswith("0.4375 of the TR")


def test_microtime_onset_of_the_model_decides_for_both():
    model = replace(MODEL, spm=SpmSettings(microtime_onset=1))
    spm, nilearn = row(model, "Response sampled at")
    assert spm.startswith("microtime bin 1 of 16")
    assert nilearn.startswith("0 of the TR")


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        ({"high_pass": float("inf")}, "High-pass filter", ("none", "none")),
        ({"nilearn": NilearnSettings(drift_model=None)}, "High-pass filter", (None, "none")),
        (
            {"nilearn": NilearnSettings(high_pass=100.0)},
            "High-pass filter",
            (None, "cosine regressors, cut-off 100 s"),
        ),
        (
            {"spm": SpmSettings(mask_threshold=float("-inf"))},
            "Analysis mask",
            ("mask files if any, no threshold", None),
        ),
        ({"nilearn": NilearnSettings(noise_model="ar2")}, "Noise model", (None, "AR(2) of each voxel")),
        ({"nilearn": NilearnSettings(hrf=Hrf("glover"))}, "Response function", ("canonical (spm)", "glover")),
        (
            {"hrf": Hrf("spm", True, True)},
            "Response function",
            ("canonical (spm) + derivative + dispersion",) * 2,
        ),
        ({"hrf": Hrf("fir", length=16.0, order=8)}, "Response function", ("FIR, 16 s, order 8",) * 2),
        ({"smoothing_fwhm": 6.0}, "Smoothing", ("6 mm FWHM", "6 mm FWHM")),
        ({}, "Confounds", ("2, mean-centred", "2, as they are")),
    ],
)
def test_each_setting_is_named(change, name, expected):
    for text, wanted in zip(row(replace(MODEL, **change), name), expected, strict=True):
        if wanted is not None:
            assert text == wanted


def test_runs_are_mentioned_only_when_there_are_several():
    assert "Runs" not in [r.name for r in setting_rows(MODEL, (paradigm(),))]
    assert "fixed effects" in row(MODEL, "Runs", paradigm(), paradigm())[1]


@pytest.mark.parametrize(
    ("scaling", "unit"),
    [
        (0, "% of voxel mean"),
        (1, "% of scan mean"),
        ((0, 1), "% of grand mean"),
        (False, "image units"),
    ],
)
def test_effect_unit_follows_nilearns_scaling(scaling, unit):
    model = replace(MODEL, nilearn=NilearnSettings(signal_scaling=scaling))
    assert effect_units(model) == {"spm": "% of spm_global", "nilearn": unit}


def test_methods_name_data_conditions_and_confounds():
    text = paragraphs(MODEL, (paradigm(), paradigm()))[0]
    for words in (
        "two runs (30 scans, TR 2 s)",
        "the condition go, convolved with SPM's canonical response function,",
        "2 confound regressors (trans_x, trans_y)",
        "taken mean-centred in SPM and as they are in nilearn",
    ):
        assert words in text


def test_methods_describe_only_the_backends_that_ran():
    assert len(paragraphs(MODEL, (paradigm(),))) == 5
    only = " ".join(paragraphs(MODEL, (paradigm(),), ("spm",)))
    assert "nilearn" not in only
    assert "Bowring" not in only


def test_methods_say_how_errors_are_controlled_and_on_which_side():
    text = paragraphs(MODEL, (paradigm(),))[3]
    assert "in SPM by the lower of the thresholds of random field theory and Bonferroni" in text
    assert "in nilearn by Bonferroni" in text
    assert "one-sided" in text
    assert "two-sided" in paragraphs(replace(MODEL, two_sided=True), (paradigm(),))[3]


def test_response_of_one_package_alone_is_told_in_its_methods():
    own = paragraphs(replace(MODEL, nilearn=NilearnSettings(hrf=Hrf("glover"))), (paradigm(),))
    assert [text.count("Glover's response function") for text in own[:3]] == [0, 0, 1]


def test_everything_cited_is_referenced_and_the_reverse():
    texts = (*paragraphs(MODEL, (paradigm(),), tuple(PACKAGES)), *group_paragraphs(ALL))
    named = {name for text in texts for name in CITATION.findall(text)}
    assert named <= set(REFERENCES)
    assert set(cited(texts)) == set(REFERENCES.values())
    for key, text in REFERENCES.items():
        assert text.startswith(key.split()[0].rstrip(","))


def test_cosines_of_the_model_are_named_as_the_filter() -> None:
    own = ModelSpecification("m", ("trial_type.go", "cosine*"), high_pass=float("inf"), own_cosines=True)
    texts = paragraphs(own, ())
    said = [text for text in texts if "High-pass filter: fMRIPrep's cosine regressors" in text]
    assert len(said) == 2


def test_smoothing_is_told_with_the_width_it_has_on_these_voxels() -> None:
    model = replace(MODEL, smoothing_fwhm=6.0)
    row = next(
        r for r in setting_rows(model, (paradigm(),), voxel_sizes=(6.0, 6.0, 6.0)) if r.name == "Smoothing"
    )
    assert row.cell("spm") == "6 mm FWHM; 8.3 mm in effect on voxels of 6 mm"
    assert row.cell("nilearn") == "6 mm FWHM; 4.7 mm in effect on voxels of 6 mm"
    text = paragraphs(model, (paradigm(),), voxel_sizes=(3.0, 3.0, 3.0))[0]
    assert "in effect, on voxels of 3 mm, 6.7 mm by SPM's kernel and 6.0 mm by nilearn's kernel" in text
    assert "in effect" not in paragraphs(model, (paradigm(),))[0]


@pytest.mark.parametrize(("fwhm", "size"), [(6.0, 6.0), (6.0, 3.0), (8.0, 2.0)])
def test_effective_width_is_that_of_a_smoothed_point(fwhm: float, size: float) -> None:
    point = np.zeros(81)
    point[40] = 1.0
    by_nilearn = gaussian_filter1d(point, fwhm / size / FWHM_PER_SIGMA, truncate=4.0)
    by_spm = smoothing_matrix(81, fwhm / size) @ point
    x = np.arange(81) - 40.0
    widths = effective_widths(fwhm, (size,) * 3, ("spm", "nilearn"))
    for name, smooth in (("spm", by_spm), ("nilearn", by_nilearn)):
        spread = np.sqrt((smooth * x**2).sum() / smooth.sum())
        assert widths[name] == pytest.approx(FWHM_PER_SIGMA * spread * size, rel=1e-6)


def test_each_package_is_said_to_convolve_with_its_own_response() -> None:
    text = paragraphs(MODEL, (paradigm(),), tuple(PACKAGES))[0]
    assert "convolved with SPM's canonical response function (SPMG1" in text
    assert "in AFNI and double-gamma in FSL)" in text
    assert "convolved with double-gamma in FSL," in paragraphs(MODEL, (paradigm(),), ("fsl",))[0]
    assert "canonical response function, and" in paragraphs(MODEL, (paradigm(),))[0]


def test_what_was_reimplemented_is_named_with_its_bounds_and_was_not_run() -> None:
    text = " ".join(paragraphs(MODEL, (paradigm(),), tuple(PACKAGES)))
    assert "The AFNI 26.2.03-equivalent model (3dDeconvolve, 3dREMLfit;" in text
    assert "The FSL 6.0.0-equivalent model (FEAT's GLM and FILM, without spatial smoothing of data;" in text
    assert all(f"{name} itself was not run" in text for name in ("AFNI", "FSL"))


def test_packages_of_one_rule_are_named_together() -> None:
    text = " ".join(paragraphs(MODEL, (paradigm(),), tuple(PACKAGES)))
    assert "random field theory and Bonferroni, in nilearn, AFNI and FSL by Bonferroni)" in text
    assert "both analysis masks of a pair by" in text
