import pytest

from bidsglm.errors import DataError
from bidsglm.model import ParametricModulation, TimeModulation
from tests.statsmodel.model_documents import Change, Document, in_hrf, in_model, in_spm, parsed

RT: Document = {
    "Name": "rt",
    "Conditions": ["trial_type.go"],
    "Values": ["reaction_time"],
    "PolynomialExpansion": 2,
}
TIME: Document = {"Conditions": ["trial_type.go"], "Order": 2}


def parametric(*parts: Document) -> Change:
    return in_spm(ParametricModulations=list(parts))


def test_modulations_are_taken_over_in_file_order() -> None:
    value = {"Name": "value", "Conditions": ["trial_type.stop", "trial_type.go"], "Values": "value"}
    specification = parsed(parametric(RT, value), in_spm(TimeModulations=[TIME]))
    assert specification.modulations == (
        ParametricModulation("rt", ("go",), "reaction_time", 2),
        ParametricModulation("value", ("stop", "go"), "value"),
    )
    assert specification.time_modulations == (TimeModulation(("go",), 2),)
    assert specification.orthogonalize is True


def test_glob_of_conditions_stands_for_those_of_x() -> None:
    assert parsed(parametric({**RT, "Conditions": ["trial_type.*"]})).modulations[0].conditions == (
        "go",
        "stop",
    )


def test_conditions_that_x_leaves_open_are_kept_as_they_are() -> None:
    globs = (in_model(X=["trial_type.*", 1]), in_hrf(Variables=["trial_type.*"]))
    assert parsed(*globs, parametric(RT)).modulations[0].conditions == ("go",)
    assert parsed(*globs, parametric({**RT, "Conditions": ["trial_type.*"]})).modulations[0].conditions == (
        "*",
    )


def test_orthogonalize_may_differ_between_conditions() -> None:
    assert parsed(in_spm(Orthogonalize=False)).orthogonalize is False
    assert parsed(in_spm(Orthogonalize={"trial_type.go": False})).orthogonalize == {"go": False}


BAD = {
    "unknown condition": (
        parametric({**RT, "Conditions": ["trial_type.goo"]}),
        "[0].Conditions: 'trial_type.goo' is no condition of X; did you mean 'trial_type.go'?",
    ),
    "no prefix": (
        parametric({**RT, "Conditions": ["go"]}),
        "Conditions: 'go' is no condition of X; did you mean 'trial_type.go'?",
    ),
    "twice": (
        parametric(RT, RT),
        "ParametricModulations[1]: trial_type.go already has a modulator named 'rt'",
    ),
    "time twice": (
        in_spm(TimeModulations=[TIME, TIME]),
        "TimeModulations[1]: trial_type.go already has a modulator named 'time'",
    ),
    "named time": (
        in_spm(ParametricModulations=[{**RT, "Name": "time"}], TimeModulations=[TIME]),
        "TimeModulations[0]: trial_type.go already has a modulator named 'time'",
    ),
    "time condition": (
        in_spm(TimeModulations=[{"Conditions": ["rot_x"]}]),
        "Conditions: 'rot_x' is no condition of X that can have modulators: only trial_type.… can.",
    ),
    "orthogonalize condition": (
        in_spm(Orthogonalize={"trial_type.sotp": False}),
        "Orthogonalize: 'trial_type.sotp' is no condition of X; did you mean 'trial_type.stop'?",
    ),
    "orthogonalize glob": (
        lambda d: (
            in_model(X=["trial_type.*", 1])(d),
            in_hrf(Variables=["trial_type.*"])(d),
            in_spm(Orthogonalize={"trial_type.*": False})(d),
        ),
        "Orthogonalize: 'trial_type.*' could be any condition: name each one here",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_modulations_are_errors_that_name_their_place(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed(change)
    assert str(caught.value).startswith("m.json: Nodes[0].Model.Software.SPM.")
    assert message in str(caught.value)
