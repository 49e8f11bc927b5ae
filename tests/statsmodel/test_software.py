import math
from dataclasses import replace

import pytest

from bidsglm.errors import DataError
from bidsglm.model import NilearnSettings, SpmSettings
from bidsglm.packages import DEFAULT_PACKAGES, titles
from bidsglm.settings import Settings
from tests.package_words import SETS, others
from tests.statsmodel.model_documents import NATIVE, SETTINGS, in_model, in_nilearn, in_spm, parsed, software


def test_everything_said_is_taken_over() -> None:
    specification = parsed(
        in_spm(
            SerialCorrelation="FAST",
            InclusiveMaskingThreshold="-Inf",
            MicrotimeResolution=32,
            MicrotimeOnset=5,
            GlobalNormalization="Scaling",
        ),
        in_nilearn(NoiseModel="ar2", SignalScaling=[0, 1], SliceTimeRef=0.25, DriftModel="polynomial"),
    )
    assert specification.spm == SpmSettings("FAST", -math.inf, 32, 5, "Scaling")
    assert specification.nilearn == NilearnSettings("ar2", (0, 1), 0.25, "polynomial")


@pytest.mark.parametrize(
    ("settings", "spm", "nilearn", "expected"),
    [
        (SETTINGS, {}, {}, ("AR(1)", "ar1")),
        (SETTINGS, {"SerialCorrelation": "none"}, {}, ("none", "ols")),
        (SETTINGS, {"SerialCorrelation": "FAST"}, {}, ("FAST", "ar1")),
        (SETTINGS, {}, {"NoiseModel": "ols"}, ("none", "ols")),
        (SETTINGS, {}, {"NoiseModel": "ar3"}, ("AR(1)", "ar3")),
        (SETTINGS, {"SerialCorrelation": "none"}, {"NoiseModel": "ar1"}, ("none", "ar1")),
        (NATIVE, {}, {}, ("AR(1)", "ar1")),
        (NATIVE, {"SerialCorrelation": "none"}, {}, ("none", "ar1")),
        (NATIVE, {}, {"NoiseModel": "ols"}, ("AR(1)", "ols")),
    ],
)
def test_noise_model_of_one_package_holds_for_the_other_when_matched(
    settings: Settings, spm: dict[str, str], nilearn: dict[str, str], expected: tuple[str, str]
) -> None:
    specification = parsed(software(SPM=spm, Nilearn=nilearn), settings=settings)
    assert (specification.spm.serial_correlation, specification.nilearn.noise_model) == expected


@pytest.mark.parametrize(
    ("settings", "spm", "nilearn", "expected"),
    [
        (SETTINGS, {}, {}, (None, None)),
        (SETTINGS, {"MicrotimeOnset": 8}, {}, (8, 7 / 16)),
        (SETTINGS, {"MicrotimeOnset": 1, "MicrotimeResolution": 32}, {}, (1, 0.0)),
        (SETTINGS, {}, {"SliceTimeRef": 0.5}, (9, 0.5)),
        (SETTINGS, {}, {"SliceTimeRef": 0.46}, (8, 0.46)),
        (SETTINGS, {}, {"SliceTimeRef": 0.49}, (9, 0.49)),
        (SETTINGS, {}, {"SliceTimeRef": 1}, (16, 1.0)),
        (SETTINGS, {"MicrotimeOnset": 8}, {"SliceTimeRef": 0.5}, (8, 0.5)),
        (NATIVE, {}, {}, (8, 0.0)),
        (NATIVE, {"MicrotimeOnset": 9}, {}, (9, 0.0)),
        (NATIVE, {}, {"SliceTimeRef": 0.5}, (8, 0.5)),
        (NATIVE, {"MicrotimeResolution": 4}, {}, (4, 0.0)),
    ],
)
def test_sampling_time_of_one_package_holds_for_the_other_when_matched(
    settings: Settings, spm: dict[str, int], nilearn: dict[str, float], expected: tuple[int, float]
) -> None:
    specification = parsed(software(SPM=spm, Nilearn=nilearn), settings=settings)
    assert (specification.spm.microtime_onset, specification.nilearn.slice_time_ref) == expected


@pytest.mark.parametrize(
    ("spm", "nilearn", "note"),
    [
        ({}, {}, "The model names no noise model: AR(1) in SPM, ar1 in nilearn."),
        ({}, {}, "InclusiveMaskingThreshold is not given: SPM's default 0.8."),
        ({"SerialCorrelation": "FAST"}, {}, "The noise models differ: FAST in SPM, ar1 in nilearn."),
        ({"SerialCorrelation": "none"}, {}, "NoiseModel is not given: ols, after SPM's none."),
        ({}, {"NoiseModel": "ar2"}, "The noise models differ: AR(1) in SPM, ar2 in nilearn."),
        (
            {"MicrotimeOnset": 8},
            {"SliceTimeRef": 0.5},
            "The sampling times differ: 0.4375 TR in SPM (bin 8 of 16)",
        ),
        ({}, {"SliceTimeRef": 0.5}, "MicrotimeOnset is not given: bin 9 of 16"),
        ({}, {"DriftModel": None}, "nilearn's DriftModel is null: its high-pass cut-off has no effect"),
        (
            {},
            {"DriftModel": "polynomial"},
            "nilearn's DriftModel is polynomial: the high-pass cut-off has no effect",
        ),
    ],
)
def test_defaults_and_options_without_effect_are_noted(
    spm: dict[str, object], nilearn: dict[str, object], note: str
) -> None:
    notes = parsed(software(SPM=spm, Nilearn=nilearn)).notes
    assert [text for text in notes if text.startswith(note)]


def test_model_that_says_everything_has_no_notes() -> None:
    assert parsed().notes == ()


def test_same_sampling_time_written_twice_is_no_difference() -> None:
    specification = parsed(in_spm(MicrotimeOnset=8), in_nilearn(SliceTimeRef=0.4375))
    assert specification.notes == ()


def test_zero_and_false_scaling_stay_apart() -> None:
    assert parsed(in_nilearn(SignalScaling=False)).nilearn.signal_scaling is False
    assert parsed(in_nilearn(SignalScaling=0)).nilearn.signal_scaling is not False


def test_onset_beyond_the_resolution_is_an_error() -> None:
    with pytest.raises(
        DataError, match=r"SPM\.MicrotimeOnset: must not exceed MicrotimeResolution \(16\), not 17"
    ):
        parsed(in_spm(MicrotimeOnset=17))


BLANK = "InclusiveMaskingThreshold is not given: SPM's default 0.8."


@pytest.mark.parametrize(
    ("settings", "spm", "nilearn", "notes"),
    [
        (SETTINGS, {}, {}, ["The model names no noise model: AR(1) in SPM, ar1 in nilearn."]),
        (SETTINGS, {}, {"NoiseModel": "ols"}, ["SerialCorrelation is not given: none, after nilearn's ols."]),
        (
            SETTINGS,
            {},
            {"NoiseModel": "ar3"},
            [
                "SerialCorrelation is not given: AR(1), after nilearn's ar3.",
                "The noise models differ: AR(1) in SPM, ar3 in nilearn.",
            ],
        ),
        (
            SETTINGS,
            {"SerialCorrelation": "AR(1)"},
            {},
            ["NoiseModel is not given: ar1, after SPM's AR(1)."],
        ),
        (SETTINGS, {"SerialCorrelation": "AR(1)"}, {"NoiseModel": "ar1"}, []),
        (
            SETTINGS,
            {"SerialCorrelation": "none", "MicrotimeOnset": 1},
            {"NoiseModel": "ols", "SliceTimeRef": 0.5},
            ["The sampling times differ: 0 TR in SPM (bin 1 of 16), 0.5 TR in nilearn."],
        ),
        (
            SETTINGS,
            {"SerialCorrelation": "none"},
            {"NoiseModel": "ols", "SliceTimeRef": 0.5},
            ["MicrotimeOnset is not given: bin 9 of 16, after nilearn's SliceTimeRef 0.5."],
        ),
        (
            NATIVE,
            {},
            {},
            [
                "SerialCorrelation is not given: SPM's default AR(1).",
                "NoiseModel is not given: nilearn's default ar1.",
                "MicrotimeOnset is not given: SPM's default, bin 8 of 16.",
                "SliceTimeRef is not given: nilearn's default 0.",
            ],
        ),
        (
            NATIVE,
            {"SerialCorrelation": "none", "MicrotimeOnset": 1},
            {"NoiseModel": "ols", "SliceTimeRef": 0.5},
            [],
        ),
    ],
)
def test_what_a_model_leaves_to_the_packages_is_said(
    settings: Settings, spm: dict[str, object], nilearn: dict[str, object], notes: list[str]
) -> None:
    said = parsed(software(SPM=spm, Nilearn=nilearn), settings=settings).notes
    words = ("SerialCorrelation", "oise model", "NoiseModel", "MicrotimeOnset", "SliceTimeRef", "sampling")
    assert [note for note in said if any(word in note for word in words)] == notes
    assert BLANK in said


def test_a_threshold_of_the_mask_that_is_given_is_no_default() -> None:
    assert not any("InclusiveMaskingThreshold" in note for note in parsed().notes)


PARTLY: tuple[tuple[dict[str, object], dict[str, object]], ...] = (
    ({}, {}),
    ({"SerialCorrelation": "FAST"}, {}),
    ({}, {"NoiseModel": "ar3", "SliceTimeRef": 0.5}),
    ({"MicrotimeOnset": 8}, {"SliceTimeRef": 0.5, "DriftModel": None}),
    ({"SerialCorrelation": "none"}, {"NoiseModel": "ar1", "DriftModel": "polynomial"}),
)
"""Settings of SPM and of nilearn that leave something unsaid, or contradict each other"""


@pytest.mark.parametrize("fitted", SETS, ids=titles)
@pytest.mark.parametrize("settings", [SETTINGS, NATIVE], ids=["matched", "native"])
def test_notes_speak_of_the_packages_that_are_fitted(settings: Settings, fitted: tuple[str, ...]) -> None:
    for spm, nilearn in PARTLY:
        change = software(SPM=spm, Nilearn=nilearn)
        bare = in_model(HRF=None, Options=None, X=["trial_type.*"])
        notes = parsed(change, bare, settings=replace(settings, backends=fitted)).notes
        assert not [note for note in notes if others(fitted).search(note)]
        if set(DEFAULT_PACKAGES) <= set(fitted):
            everything = parsed(change, bare, settings=settings).notes
            assert [note for note in notes if "own default" not in note] == [
                note for note in everything if "own default" not in note
            ]


def test_a_setting_follows_the_key_of_a_package_that_is_not_fitted() -> None:
    change = software(Nilearn={"NoiseModel": "ar3", "SliceTimeRef": 0.5})
    notes = parsed(change, settings=replace(SETTINGS, backends=("spm",))).notes
    assert "SerialCorrelation is not given: AR(1), after NoiseModel ar3." in notes
    assert "MicrotimeOnset is not given: bin 9 of 16, after SliceTimeRef 0.5." in notes
    change = software(SPM={"SerialCorrelation": "none"})
    notes = parsed(change, settings=replace(SETTINGS, backends=("nilearn", "fsl"))).notes
    assert "NoiseModel is not given: ols, after SerialCorrelation none." in notes


def test_own_defaults_are_those_of_each_package_that_is_fitted() -> None:
    bare = in_model(HRF=None, Options=None, X=["trial_type.*"])
    notes = parsed(bare, settings=replace(NATIVE, backends=("nilearn", "fsl"))).notes
    start = "HighPassFilterCutoffHz is not given: each package's own default"
    assert f"{start}, 100 s in nilearn and 100 s in FSL." in notes
    assert "The model names no HRF: each package's own default, glover in nilearn." in notes
    notes = parsed(bare, settings=replace(NATIVE, backends=("afni",))).notes
    assert f"{start}." in notes
