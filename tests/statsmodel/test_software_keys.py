"""Keys of AFNI and FSL in the model language."""

from typing import Any

import pytest

from bidsglm.errors import DataError
from bidsglm.model import AfniSettings, FslSettings, ModelSpecification
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import parse_model


def parsed(settings: Settings, hertz: float | None = None, **software: Any) -> ModelSpecification:
    model: dict[str, Any] = {
        "Type": "glm",
        "X": ["trial_type.go", "trial_type.stop", 1],
        "Software": software,
    }
    if hertz is not None:
        model["Options"] = {"HighPassFilterCutoffHz": hertz}
    node = {"Level": "Run", "Name": "run", "GroupBy": ["run", "subject"], "Model": model}
    return parse_model({"Name": "m", "BIDSModelVersion": "1.0.0", "Nodes": [node]}, "m.json", settings)


@pytest.fixture
def matched(tmp_path: Any) -> Settings:
    return Settings(tmp_path, tmp_path / "out", "participant")


@pytest.fixture
def native(tmp_path: Any) -> Settings:
    return Settings(tmp_path, tmp_path / "out", "participant", matching="native")


def test_every_key_of_afni_is_read(matched: Settings) -> None:
    found = parsed(
        matched,
        AFNI={
            "ResponseModel": {"trial_type.go": "BLOCK(20,1)", "trial_type.stop": "GAM"},
            "Polort": 3,
            "Scale": False,
            "MotionPerRun": False,
            "Censor": ["motion_outlier*"],
            "NoiseModel": "arma(1,1)",
        },
    )
    models = {"go": "BLOCK(20,1)", "stop": "GAM"}
    assert found.afni == AfniSettings(models, False, 3, False, False, ("motion_outlier*",))


def test_every_key_of_fsl_is_read(matched: Settings) -> None:
    keys = {"HRF": "Gamma", "TemporalDerivative": True, "Prewhitening": False}
    assert parsed(matched, FSL=keys).fsl == FslSettings("gamma", True, False)


@pytest.mark.parametrize(
    ("software", "place"),
    [
        ({"AFNI": {"Polort": 1.5}}, "Polort"),
        ({"AFNI": {"Polort": 1000}}, "Polort"),
        ({"AFNI": {"ResponseModel": 3}}, "ResponseModel"),
        ({"AFNI": {"ResponseModel": {"trial_type.gone": "GAM"}}}, "trial_type.go'"),
        ({"AFNI": {"Polorts": 1}}, "Polort"),
        ({"FSL": {"HRF": "fir"}}, "HRF"),
        ({"FSL": {"Prewhitening": "yes"}}, "Prewhitening"),
    ],
)
def test_what_is_no_value_of_a_key_is_refused_by_its_place(
    matched: Settings, software: dict[str, Any], place: str
) -> None:
    with pytest.raises(DataError, match=place):
        parsed(matched, **software)


def test_matched_takes_what_is_said_of_the_other_packages(matched: Settings, native: Settings) -> None:
    independent = {"SPM": {"SerialCorrelation": "none"}}
    assert parsed(matched, **independent).afni.noise_model == "none"
    assert not parsed(matched, **independent).fsl.prewhitening
    assert parsed(native, **independent).afni.noise_model == "ARMA(1,1)"
    assert parsed(native, **independent).fsl.prewhitening
    assert parsed(matched, 0.0).afni.polort == 0
    assert parsed(matched, 0.0, AFNI={"Polort": "A"}).afni.polort is None
    assert parsed(matched, 0.01).afni.polort is None


def test_native_takes_each_programs_own_choice_for_what_the_model_leaves_out(native: Settings) -> None:
    found = parsed(native)
    assert found.afni.by_duration
    assert (found.fsl.temporal_derivative, found.fsl.high_pass) == (True, 100.0)
    assert parsed(native, FSL={"TemporalDerivative": False}).fsl.temporal_derivative is False
