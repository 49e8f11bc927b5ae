import json
from dataclasses import replace
from pathlib import Path

import pytest

from bidsglm.errors import DataError, NoInputError, UsageError
from bidsglm.model import NO_FILTER, Hrf, NilearnSettings, SpmSettings
from bidsglm.statsmodel.specification import read_model
from tests.statsmodel.model_documents import (
    COMPLETE,
    NATIVE,
    SETTINGS,
    Change,
    in_hrf,
    in_model,
    in_nilearn,
    in_options,
    in_top,
    model,
    parsed,
    without,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model-go_smdl.json"


def test_file_is_read_as_what_it_says(path: Path) -> None:
    path.write_text("\ufeff" + json.dumps(COMPLETE), encoding="utf-8")
    specification = read_model(path, replace(SETTINGS, smoothing_fwhm=5.0))
    assert specification.name == "go"
    assert specification.x == ("trial_type.go", "trial_type.stop", "rot_x")
    assert specification.inputs == {"task": ("go",)}
    assert specification.hrf == Hrf("spm")
    assert specification.high_pass == 128.0
    assert specification.smoothing_fwhm == 5.0
    assert (specification.spm, specification.nilearn) == (SpmSettings(), NilearnSettings())
    assert (specification.by_session, specification.automatic) == (False, False)
    assert specification.origin == str(path)
    assert specification.notes == ()


BROKEN = {
    "syntax": ('{\n "Name": "a",,\n}', "line 2, column 14: broken JSON"),
    "empty": ("", "line 1, column 1: broken JSON"),
    "list": ("[]", "must hold one JSON object"),
    "repeated key": ('{"Name": "a", "Name": "b"}', "the key 'Name' occurs twice in one object"),
    "infinity": ('{"Name": -Infinity}', "-Infinity is not JSON"),
    "nesting": ("[" * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_file_is_an_error_that_names_the_place(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_model(path, SETTINGS)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_file_that_is_no_text_is_an_error(path: Path) -> None:
    path.write_bytes(b'{"Name": "\xff"}')
    with pytest.raises(DataError, match="byte 11 is not UTF-8"):
        read_model(path, SETTINGS)


def test_missing_file_is_no_input(path: Path) -> None:
    with pytest.raises(NoInputError, match=r"model-go_smdl\.json: no such model file"):
        read_model(path, SETTINGS)
    with pytest.raises(NoInputError, match="is a folder"):
        read_model(path.parent, SETTINGS)


@pytest.mark.parametrize(
    ("override", "option"),
    [
        ({"hrf": "spm"}, "--hrf"),
        ({"high_pass": 0.0}, "--high-pass"),
        ({"noise_model": "ar1"}, "--noise-model"),
        ({"confounds": ()}, "--confounds"),
        ({"mask_threshold": 0.8}, "--mask-threshold"),
    ],
)
def test_override_beside_a_model_file_is_a_usage_error(
    path: Path, override: dict[str, object], option: str
) -> None:
    path.write_text(json.dumps(COMPLETE))
    with pytest.raises(UsageError, match=rf"^{option} changes the automatic model only: edit .*smdl\.json"):
        read_model(path, replace(SETTINGS, **override))  # type: ignore[arg-type]


UNSUPPORTED = {
    "low pass": (in_options(LowPassFilterCutoffHz=0.1), "Options.LowPassFilterCutoffHz: not supported"),
    "replace": (in_options(ReplaceVariables={"a": "b"}), "Options.ReplaceVariables: not supported"),
    "aggregate": (in_options(Aggregate="mean"), "Options.Aggregate: not supported: only voxelwise models"),
    "two masks": (in_options(Mask={"desc": ["brain", "gm"]}), "Options.Mask.desc: must be one label"),
    "seconds": (
        in_options(HighPassFilterCutoffHz=128),
        "HighPassFilterCutoffHz: 128 Hz is no high-pass filter: a cut-off of 128 s is 0.0078125",
    ),
    "formula": (
        in_model(Formula="1 + a"),
        "Nodes[0].Model.Formula: not supported: leave it out and list the regressors in X",
    ),
    "meta": (in_model(Type="meta"), 'Model.Type: must be "glm" at the Run level'),
    "x twice": (in_model(X=["rot_x", "rot_x"]), "Model.X[1]: 'rot_x' is listed twice"),
}


@pytest.mark.parametrize(("change", "message"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_no_backend_can_do_is_an_error(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed(change)
    assert message in str(caught.value)


def test_harmless_options_are_accepted() -> None:
    assert parsed(in_options(Aggregate="none", ReplaceVariables={}, LowPassFilterCutoffHz=None)).notes == ()


@pytest.mark.parametrize(
    ("hertz", "seconds"), [(0, NO_FILTER), (0.01, 100.0), (1 / 49, 49.0), (0.008, 125.0)]
)
def test_cutoff_in_hertz_becomes_seconds(hertz: float, seconds: float) -> None:
    assert parsed(in_options(HighPassFilterCutoffHz=hertz)).high_pass == seconds


def test_absent_cutoff_is_128_seconds_and_noted() -> None:
    for change in (without(model, "Options"), in_options(HighPassFilterCutoffHz=None)):
        specification = parsed(change)
        assert specification.high_pass == 128.0
        assert "HighPassFilterCutoffHz is not given: 1/128 Hz." in specification.notes


def test_absent_hrf_is_the_canonical_one_and_noted() -> None:
    specification = parsed(without(model, "HRF"))
    assert (specification.hrf, specification.nilearn.hrf) == (Hrf("spm"), None)
    assert any("names no HRF" in note for note in specification.notes)


def test_native_settings_leave_each_package_its_defaults() -> None:
    specification = parsed(
        without(model, "HRF"), without(model, "Options"), without(model, "Software"), settings=NATIVE
    )
    assert (specification.hrf, specification.high_pass) == (Hrf("spm"), 128.0)
    assert specification.nilearn == NilearnSettings(slice_time_ref=0.0, hrf=Hrf("glover"), high_pass=100.0)
    assert specification.spm == SpmSettings(microtime_onset=8)


def test_native_settings_do_not_change_what_the_model_says() -> None:
    specification = parsed(in_hrf(Model="spm + derivative"), settings=NATIVE)
    assert (specification.nilearn.hrf, specification.nilearn.high_pass) == (None, None)
    assert specification.hrf == Hrf("spm", derivative=True)


def test_no_drift_note_where_nothing_is_filtered() -> None:
    assert parsed(in_nilearn(DriftModel=None), in_options(HighPassFilterCutoffHz=0)).notes == ()


@pytest.mark.parametrize("one", [1, "1"])
def test_intercept_is_no_regressor_of_x(one: object) -> None:
    specification = parsed(in_model(X=[one, "trial_type.go", "trial_type.stop"]))
    assert specification.x == ("trial_type.go", "trial_type.stop")
    assert specification.intercept


def test_missing_intercept_is_noted_because_both_packages_have_one() -> None:
    specification = parsed(in_model(X=["trial_type.go", "trial_type.stop"]))
    assert specification.intercept
    assert any("X has no intercept" in note for note in specification.notes)


def test_labels_lose_prefixes_and_entities_get_long_names() -> None:
    specification = parsed(
        in_top(Input={"sub": ["sub-01"], "run": [1, "02"], "task": "task-go", "session": ["ses-a"]})
    )
    assert specification.inputs == {
        "subject": ("01",),
        "run": ("1", "02"),
        "task": ("go",),
        "session": ("a",),
    }


def test_mask_is_named_by_entities() -> None:
    specification = parsed(in_options(Mask={"desc": ["brain"], "suffix": "mask", "res": ["2"]}))
    assert specification.mask_entities == {"desc": "brain", "suffix": "mask", "resolution": "2"}
